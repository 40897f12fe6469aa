/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/build.h -- what the parts of the graph builder share
 *
 * The way from tree to graph, each step in a file:
 *
 *	expand.c	file level: let, use, def, set; then stages to nodes, macros
 *			expanded; arrows are only noted, because names may be used
 *			before they are declared
 *	bind.c		arguments to parameters, parameters to state
 *	wire.c		noted arrows to streams; junctions of macros dissolved
 *	names.c		what was not found, judged together: which of two names that
 *			differ by a slip is the wrong one shows in how both are used
 *	supply.c	sources, rules and file names that the request leaves out
 *	paths.c		files that are not there, or that we may not touch
 *	clash.c		outputs that are somebody else's input or output
 *	prepare.c	filters read their rules and compile
 *	tags.c		words and numbers on arrows to ports and classes
 *	types.c		types of streams, order, shape
 *
 * A step goes on after an error where it can. What an error touched is marked
 * broken, and later steps keep away from it: one mistake, one message.
 *
 * Memory is the graph's arena; when it is out, sl_build_alloc() jumps back to
 * sl_graph_build(), so nothing here checks for it.
 */
#ifndef SL_GRAPH_BUILD_H
#define SL_GRAPH_BUILD_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/registry.h"
#include "graph/graph.h"

/*
 * Bounds, so that no text takes more than a moment: what a request can name is at
 * most as long as its text, but what it means can be exponential in it.
 */
#define SL_EXPAND_MAX	16		/* macros in macros */
#define SL_RESOLVE_MAX	32		/* variables in variables */
#define SL_RESOLVES_MAX	(1u << 18)	/* values looked at */
#define SL_VALUE_MAX	65536		/* bytes of one value */
#define SL_NODES_MAX	4096		/* filters, macros expanded */
#define SL_STREAMS_MAX	16384
#define SL_NAMES_MAX	2048		/* lets, defs, parameters of a def */
#define SL_MISSES_MAX	500		/* names not found */
#define SL_ERRORS_MAX	100		/* enough for anybody */

struct sl_def;
struct sl_scope;

/* A file of the request: the text itself, or what `use` brought in. */
struct sl_file {
	struct sl_source *src;		/* borrowed from graph->sources */
	const struct sl_tree *tree;
	struct sl_tree *owned;		/* NULL: the caller's */
	const char *dir;		/* its folder, "" for here, ends in / otherwise */
	struct sl_scope *scope;		/* in which its lets are read */
	struct sl_var *lets;
	unsigned int n_lets;
	struct sl_file *next;
	uint64_t dev, ino;
};

/* A name that stands for a value: let, or a parameter of a def. */
struct sl_var {
	const char *name;
	struct sl_span at;		/* where it was declared */
	struct sl_tvalue value;
	struct sl_scope *scope;		/* in which the value is read */
	struct sl_file *file;
	bool has_value, busy;
	unsigned int *uses;		/* counted on the declaration, over all expansions */
};

struct sl_def {
	const struct sl_tstmt *st;
	struct sl_file *file;
	unsigned int uses;
	struct sl_scope *turn_of;	/* last use without a name: where, and its number */
	unsigned int turn;
	unsigned int *param_uses;	/* one for each of st->params */
	bool active;			/* being expanded */
};

/* Where names are looked up: the file level, or one expansion of a macro. */
struct sl_scope {
	struct sl_scope *up;		/* of the call; NULL: file level */
	struct sl_file *file;
	struct sl_def *def;		/* NULL: file level */
	const struct sl_tstage *call;
	const char *prefix;		/* "w/"; "" at the file level */
	struct sl_var *params;
	unsigned int n_params, depth;
	struct sl_decl *decls;		/* declared names */
	unsigned int n_decls;
	struct sl_junction *junctions;
	unsigned int n_junctions;
	bool dry;			/* a def that nobody uses, walked for its errors */
};

struct sl_bnode {			/* a node while it is built; the node comes first */
	struct sl_node n;
	struct sl_scope *scope;
	const struct sl_tstage *st;	/* NULL: supplied */
	bool broken;			/* something was wrong with it and said */
	bool bad_args;
	bool junction, junction_out;	/* stands for in or out of a macro; for out */
	bool gone;			/* dissolved */
	bool no_classes;		/* its names could not be read */
	bool tainted;			/* an arrow into it was wrong: what it gets is not known */
	bool type_unknown, class_unknown;
	const char *brief_name;		/* of what the text calls it: macro "w", filter "tcp" */
};

/* in and out of an expanded macro */
struct sl_junction {
	bool out;
	const char *name;		/* NULL: plain in, out */
	struct sl_span at;
	struct sl_bnode *node;
	unsigned int uses;
};

/* A declared name leads to a node or to an expanded macro. */
struct sl_decl {
	const char *name;
	struct sl_span at;
	struct sl_bnode *node;		/* NULL for a macro, and for what is broken */
	struct sl_scope *macro;
	unsigned int uses;		/* references to it */
};

enum sl_end_kind {
	SL_END_NODE,
	SL_END_MACRO,
	SL_END_REF,
	SL_END_BAD,			/* an error was reported */
};

struct sl_end {				/* one end of an arrow */
	enum sl_end_kind kind;
	struct sl_bnode *node;
	struct sl_scope *macro;
	const struct sl_tstage *ref;
	struct sl_scope *scope;		/* in which the reference stands */
	struct sl_span at;
};

struct sl_ends {
	struct sl_end *e;
	unsigned int n;
	bool many;			/* of a group or a fan: sinks among them are left out */
};

struct sl_arrow {			/* noted by expand.c, wired by wire.c */
	struct sl_ends from, to;
	const struct sl_tlink *link;
	struct sl_scope *scope;
};

/* A tag with variables replaced */
struct sl_rtag {
	enum sl_tag_kind kind;		/* not SL_T_VAR */
	bool negate, quoted;
	uint64_t lo, hi;
	const char *name;
	struct sl_span at, shown;	/* where its text stands; where it is used */
	bool unknown;			/* its variable was not found */
};

struct sl_bstream {			/* a stream while it is built */
	struct sl_stream s;
	struct sl_rtag *tags;
	unsigned int n_tags;
	struct sl_scope *scope;
	struct sl_scope *from_macro;	/* the arrow leaves this one, in the text */
	bool plain, broken, gone;
	bool type_unknown, class_unknown;
	const struct sl_node *classer;	/* whose class its blocks carry */
	bool named;			/* by the option name= */
	struct sl_span name_at;
};

/* A value with variables replaced */
enum sl_rvalue_kind {
	SL_R_TEXT,
	SL_R_LIST,
	SL_R_UNKNOWN,			/* an error was reported; fits everywhere */
};

struct sl_rvalue {
	enum sl_rvalue_kind kind;
	const char *text;
	size_t len;
	bool quoted;
	struct sl_span at;		/* of the text that the value came from */
	struct sl_rvalue *items;
	unsigned int n_items;
};

/* What was not found: kept until all names are known. */
enum sl_miss_kind {
	SL_MISS_FILTER,
	SL_MISS_NODE,
	SL_MISS_VAR,
	SL_MISS_KEY,			/* parameter of a macro */
	SL_MISS_OUT,			/* tag on an arrow out of a macro */
};

struct sl_miss {
	enum sl_miss_kind kind;
	const char *name;
	struct sl_span at;
	struct sl_scope *scope;
	const struct sl_tstage *st;	/* filter, node, key: its stage */
	struct sl_def *def;		/* key, out: of which macro */
	struct sl_scope *macro;		/* out */
	bool in_string;			/* variable: as ${name} */
	bool told;
};

struct sl_build {
	struct sl_graph *g;
	struct sl_arena *arena;
	const struct sl_build_opts *o;
	struct sl_diags *ds;
	struct sl_file *files, **files_end;
	struct sl_scope top;
	struct sl_def **defs;
	unsigned int n_defs;
	struct sl_arrow *arrows;
	unsigned int n_arrows;
	struct sl_bnode **nodes;
	unsigned int n_nodes;
	struct sl_bstream **streams;
	unsigned int n_streams;
	struct sl_miss *misses;
	unsigned int n_misses;
	struct sl_scope **macros;	/* all expansions */
	unsigned int n_macros;
	struct sl_miss one_more;	/* those beyond the bound */
	unsigned int resolves, resolve_depth;
	bool too_big;			/* stop: it was said, or there are errors enough */
	jmp_buf no_memory;
};

/* A placement that holds inside a group or a macro. */
struct sl_place_of {
	const struct sl_tplace *place;
	struct sl_scope *scope;
	const struct sl_place_of *around;
};

/* ---- memory (build.c) ---- */
void *sl_build_alloc(struct sl_build *b, size_t size);
char *sl_build_strn(struct sl_build *b, const char *s, size_t len);
char *sl_build_printf(struct sl_build *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *sl_build_push(struct sl_build *b, void **items, unsigned int *n, size_t item_size);
/* As SRL: quoted when it must be. */
char *sl_build_word(struct sl_build *b, const char *text, size_t len);
void sl_build_using(struct sl_build *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- errors (build.c) ---- */
/* Say in which uses of macros an error came up. Returns d. */
struct sl_diag_new *sl_build_in(struct sl_scope *s, struct sl_diag_new *d);
bool sl_build_enough(struct sl_build *b);	/* errors */
void sl_build_bar_note(struct sl_build *b, const struct sl_tstage *st, unsigned int before);
/* As sl_build_in(), for errors that a callee added since there were `before`. */
void sl_build_in_since(struct sl_build *b, struct sl_scope *s, unsigned int before);

/* ---- expand.c ---- */
void sl_expand(struct sl_build *b, const struct sl_tree *t);
/* Forget what was made of defs that nobody uses. */
void sl_expand_forget(struct sl_build *b);
struct sl_rvalue sl_resolve(struct sl_build *b, struct sl_scope *s, const struct sl_tvalue *v);
struct sl_def *sl_def_find(const struct sl_build *b, const char *name);
struct sl_bnode *sl_build_node(struct sl_build *b, const struct sl_filter_type *type);
struct sl_junction *sl_junction_of(struct sl_scope *macro, bool out, const char *name);
/* Never NULL, so that the caller may fill in more. */
struct sl_miss *sl_miss(struct sl_build *b, enum sl_miss_kind kind, const char *name, struct sl_span at,
			struct sl_scope *scope, const struct sl_tstage *st);

/* ---- files.c ---- */
void sl_files_load(struct sl_build *b, const struct sl_tree *t);

/* ---- bind.c ---- */
void sl_bind(struct sl_build *b, struct sl_bnode *n, const struct sl_targ *args, unsigned int n_args);
void sl_bind_supply(struct sl_build *b);
/* Store text as the value of the i-th parameter. 0 or -EINVAL (reported). */
int sl_bind_text(struct sl_build *b, struct sl_bnode *n, unsigned int i, const struct sl_rvalue *v);
void sl_bind_check_files(struct sl_build *b);

/* ---- clash.c ---- */
void sl_bind_check_clashes(struct sl_build *b);
/* The name for an output that the request leaves out: itself, or with -2, -3 ... where a
 * file of that name is there, or another filter writes it. */
const char *sl_spare_name(struct sl_build *b, const struct sl_bound *of, const char *name);

/* ---- options.c ---- */
void sl_options_set(struct sl_build *b, struct sl_scope *s, const struct sl_targ *args, unsigned int n);
void sl_options_arrow(struct sl_build *b, struct sl_scope *s, const struct sl_tlink *l, struct sl_bstream *out);
void sl_options_place(struct sl_build *b, struct sl_bnode *n, const struct sl_place_of *p);

/* ---- wire.c ---- */
void sl_wire(struct sl_build *b);
void sl_wire_dissolve(struct sl_build *b);
/* Fill in node->in and node->out from the streams that are left. */
void sl_wire_edges(struct sl_build *b);
struct sl_bstream *sl_build_stream(struct sl_build *b, struct sl_bnode *from, struct sl_bnode *to);

/* ---- names.c ---- */
void sl_names_report(struct sl_build *b);
void sl_names_give(struct sl_build *b);		/* to nodes without one */
void sl_names_streams(struct sl_build *b);
/* Is `declared` rather than `used` the one with the slip? */
bool sl_blame_declared(const char *used, const char *declared);

/* ---- near.c: the likeliest words for one with a slip, best first ---- */
#define SL_NEAR_MAX	4
struct sl_near {
	const char *got;
	struct { const char *word; int cost; } best[SL_NEAR_MAX];
	unsigned int n;
};
void sl_near_init(struct sl_near *n, const char *got);
/* bias: 0 for equals, more for what fits its surroundings less */
void sl_near_add(struct sl_near *n, const char *word, int bias);
/* "did you mean 'x'?" beside the place, and the fixes; fmt shapes them ("(%s)"), NULL: "%s" */
void sl_near_tell(const struct sl_near *n, struct sl_diag_new *d, const char *before, const char *after);

/* ---- supply.c, prepare.c, tags.c, types.c ---- */
void sl_supply_sources(struct sl_build *b);
void sl_prepare_all(struct sl_build *b);
void sl_order_nodes(struct sl_build *b);	/* sorted; reports circles */
void sl_tags_and_types(struct sl_build *b);
/* Resolve the tags of an arrow, once its filter's types and classes are known. */
void sl_tags_of(struct sl_build *b, struct sl_bstream *s);
enum sl_class_type sl_node_class(const struct sl_node *classer);
const char *sl_type_words(unsigned int types);		/* "packets", "byte streams" */
void sl_shape(struct sl_build *b);

static inline struct sl_bnode *sl_bnode_of(struct sl_node *n)
{
	return (struct sl_bnode *)n;
}

static inline struct sl_bstream *sl_bstream_of(struct sl_stream *s)
{
	return (struct sl_bstream *)s;
}

static inline bool sl_gives_nothing(const struct sl_filter_type *t)
{
	return !t->out && !t->ports;
}

/* ---- services.c ---- */
int sl_service_find(const char *name, uint32_t *port);
int sl_proto_find(const char *name, uint32_t *proto);
int sl_icmp_find(const char *name, uint32_t *type);
/* The i-th well-known name, NULL beyond: for suggestions. */
const char *sl_service_at(unsigned int i);
const char *sl_proto_at(unsigned int i);
const char *sl_icmp_at(unsigned int i);

/* programs.c: does an unknown first word of the pipe dialect mean a program? Without
 * the environment, any that is not near a filter's name. */
bool sl_is_program(const char *word, bool no_env);
/* The first word of a stage with bars that cannot be a filter's name (./prog), which the
 * parser made into exec's first argument; NULL for other stages. */
const char *sl_pipe_program(const struct sl_tstage *st);

#endif
