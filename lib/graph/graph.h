/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/graph.h -- the passive graph: what a request means
 *
 * Built from a tree by sl_graph_build(): names became filter types, macros were
 * expanded, parameters bound, tags resolved, types checked, what the request left
 * out supplied. Nothing runs. Passes (lib/plan) take a graph and annotate or
 * replace it; at every stage sl_graph_print() gives valid SRL for it.
 *
 * Everything hangs on the graph's arena; shared objects made by prepare() are
 * released by sl_graph_free().
 */
#ifndef SL_GRAPH_GRAPH_H
#define SL_GRAPH_GRAPH_H

#include "core/arena.h"
#include "core/diag.h"
#include "lang/tree.h"
#include "streamline/filter.h"

enum sl_origin {
	SL_BY_DEFAULT,		/* the descriptor's default */
	SL_BY_REQUEST,		/* written in the text */
	SL_BY_SUPPLY,		/* left out, supplied and said so (rules, file) */
};

struct sl_bound {		/* one parameter of one node */
	const struct sl_param *param;
	enum sl_origin origin;
	struct sl_span span, value_span;
	const char *text;	/* as SRL prints it ("10MB", "web.ac"); NULL: no value */
};

struct sl_node {
	unsigned int id;		/* index in graph->nodes */
	unsigned int order;		/* place in a topological order, sources first */
	const char *name;		/* unique: "tcp", "tcp-2", "web", "w/untcp" */
	bool named;			/* by the request, not after its type */
	const struct sl_filter_type *type;
	struct sl_span span;		/* of the filter's name in the text; none if supplied */
	bool supplied;			/* the request did not write it (source from -r) */
	void *state;			/* type->state bytes, parameters bound: template of instances */
	struct sl_bound *bound;		/* one for each of type->params, same order */
	unsigned int n_bound;
	void *shared;
	bool prepared;
	const char *how;		/* it reaches the outside, and why so; NULL: it does not say */
	/* placement as ordered or wished by the request */
	const char *want_space;		/* "user", "proc", ...; NULL: choose */
	bool wish;
	struct sl_span space_span;	/* with the @ */
	const char *place_opts;		/* "[cpu=2]" printed as SRL, or NULL */
	const char *place_idle;		/* those of them that nothing heeds yet: "cpu=2", or NULL */
	unsigned int place_workers;	/* @user[workers=N], 0: not said */
	/* types */
	unsigned int in_type, out_type;	/* one bit each; 0 for none. out: of port 0 */
	const struct sl_node *classer;	/* whose class blocks on port 0 carry; NULL: none */
	/* edges, in text order */
	struct sl_stream **out, **in;
	unsigned int n_out, n_in;
	/* set by the plan */
	const char *space;		/* "user", "tc:eth0" */
	const char *why;		/* plain words */
	bool in_kernel;			/* the kernel's part runs it */
	const char *kernel_why;		/* why it cannot be there; NULL: it could */
	bool in_socket;			/* in user space, but the source's socket screens out for it */
	const char **stands_for;	/* names of nodes that a pass put into this one */
	unsigned int n_stands_for;
	bool merged;			/* these are not equal ones but what was in a row */
	const char *rejected;		/* in the words of who rejected it there: the verifier's */
	bool behind_process;		/* a process stands before it, somewhere */
	unsigned int shard;		/* 0: source side, 1: split over workers, 2: behind them */
};

enum sl_term_kind {
	SL_TERM_CLASS,		/* port `port`, class lo..hi */
	SL_TERM_PORT,		/* port `port`, any class: -match-> */
};

struct sl_term {
	enum sl_term_kind kind;
	bool negate;
	uint8_t port;
	uint32_t lo, hi;
};

/*
 * Which blocks an arrow takes.
 *	plain	all of port 0
 *	any	all of port 0, and of every port of the same type
 *	else	what no sibling takes, of port 0 and of every port of the same type
 *	terms	(no positive term, or one that holds) and no negated one that holds;
 *		with negated terms alone: blocks of the ports that they name
 */
struct sl_tags {
	bool plain, any, other;		/* other: else */
	struct sl_term *terms;
	unsigned int n_terms;
	const char *text;		/* "80,443", "else", "*", "match"; "" for plain */
};

struct sl_stream {
	unsigned int id;		/* index in graph->streams */
	const char *name;		/* "tcp.80", "tcp", or by option name= */
	struct sl_node *from, *to;
	unsigned int input;		/* index of the named input, 0 */
	struct sl_tags tags;
	unsigned int type;		/* enum sl_stream_type that flows here */
	struct sl_span span;
	/* options; 0 / NULL: not said */
	uint64_t buffer_bytes, batch;
	const char *drop;		/* "oldest", "newest" */
	const char *copy;		/* "never" */
	const char *opts;		/* printed as SRL "[buffer=4MiB]", or NULL */
	/* set by the plan */
	const char *carrier;		/* "call", "ring", "arena ring", "tail call" */
	unsigned int copies;
	uint32_t need_bytes;		/* of each frame, behind a border of the kernel; 0: all */
	bool need_headers;		/* and all bytes up to the payload, or all there are if it has none */
};

struct sl_graph {
	struct sl_arena *arena;
	struct sl_node **nodes;		/* in text order, supplied ones first */
	unsigned int n_nodes;
	struct sl_stream **streams;
	unsigned int n_streams;
	struct sl_node **sorted;	/* by order */
	/* settings: from `set`, then from the options (which win) */
	unsigned int workers;		/* 0: not said */
	uint64_t buffer_bytes, batch;
	const char *overflow;		/* "block" */
	bool kernel_off;		/* set kernel=off */
	/* "source web.pcap (from -r)", "rules demo.ac (24 patterns)", "file pcapout-....pcap" */
	const char **using;
	unsigned int n_using;
	struct sl_source **sources;	/* held: request, included files */
	unsigned int n_sources;
};

struct sl_build_opts {
	const char *const *read_files;	/* -r, in order; NULL-terminated or NULL */
	const char *iface;		/* -i */
	bool replay;			/* -r feeds a live source, not one that reads */
	const char *const *defines;	/* "key=value", NULL-terminated or NULL */
	const char *const *use_path;	/* folders for `use word`, NULL-terminated or NULL */
	unsigned int workers;		/* 0: as the request says */
	bool no_env;			/* look at no file, device or right */
	bool need_source;		/* a pipeline without a source is an error (run, plan) */
};

/*
 * Build the graph of a tree. Reports as many errors as it can find, each once.
 * Returns 0, -EINVAL (ds says why), or -ENOMEM.
 */
int sl_graph_build(const struct sl_tree *t, const struct sl_build_opts *o,
		   struct sl_graph **out, struct sl_diags *ds);
void sl_graph_free(struct sl_graph *g);

/*
 * In the pipe dialect a stage may be a program of the system. Write each such stage of
 * the tree as (exec '...'), so that the tree prints as a request that means the same.
 */
void sl_tree_programs(struct sl_tree *t);

/* As SRL; `all`: defaults and supplied parameters too. Heap string, caller frees. */
char *sl_graph_print(const struct sl_graph *g, bool all);

/* Does an arrow take a block of this port and class? `else` needs its siblings. */
bool sl_stream_takes(const struct sl_stream *s, unsigned int port, uint32_t class_no);

#endif
