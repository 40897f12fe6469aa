/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/plan.h -- a graph with every filter placed and every stream carried
 *
 * Each pass is a function from graph to graph, one per file; sl_plan_new() calls
 * them in order. After it node->space, why, in_kernel, shard and stream->carrier, copies,
 * need_bytes are set, and sl_graph_print() still prints valid SRL.
 */
#ifndef SL_PLAN_PLAN_H
#define SL_PLAN_PLAN_H

#include <string.h>

#include "graph/graph.h"
#include "plan/costs.h"
#include "plan/solve.h"
#include "streamline/streamline.h"

/* What was chosen between, in ns per frame; for printing. */
struct sl_plan_choice {
	unsigned int placements;	/* legal ones; 1: nothing was to choose */
	bool chosen_by_cost;		/* not by the option placement */
	bool proven;			/* it is the cheapest, not only the cheapest found */
	struct sl_solve_cost cost, least, most;	/* taken; with as little, as much in the kernel */
	bool has_most;
};

struct sl_plan {
	unsigned int refs;		/* runs hold their plan */
	struct sl_graph *graph;		/* owned */
	unsigned int workers;		/* threads that share the work, >= 1 */
	unsigned int threads;		/* all threads: 1, or source + workers + collector */
	const char **notes;		/* options that have no effect in this plan, and why */
	unsigned int n_notes;
	const char *workers_why;	/* "from the request", "one is the default"; plain words */

	const char **passes;		/* with the option: "name\nSRL\n" each */
	unsigned int n_passes;

	/* the kernel's part */
	const char *placement;		/* as asked for: "user", "3"; NULL: the cheapest */
	bool no_env;			/* the machine was not asked */
	bool replay;			/* packets of a file, of any link, come by live sources */
	const char *refused, *refused_words;	/* the filter that made the last run's set-up fail in the kernel; NULL */
	unsigned int n_kernel;		/* filters in it, sources included */
	const char *ring;		/* "arena ring"; NULL: nothing is in the kernel */
	const char *no_ring;		/* why not the carrier that is preferred; NULL: it is */
	const char *no_kernel;		/* why nothing is in the kernel though a source is live */
	struct sl_plan_choice choice;
	struct sl_costs *costs;		/* owned */
	const char *costs_why;		/* what is wrong with the file of costs; NULL: nothing */
};

struct sl_request {
	struct sl_tree *tree;
};

struct sl_plan *sl_plan_get(struct sl_plan *p);

/*
 * The kernel would not have this filter (the verifier refused it): place again without it
 * and keep the words. -ENOENT: no filter of that name is in the kernel; -ENOSPC: it was
 * ordered there, or is a source, and the plan is as it was; -ENOMEM.
 */
int sl_plan_reject(struct sl_plan *p, const char *node, const char *words);

/*
 * Passes. Those that rewrite return how many changes they made; a graph they leave prints
 * as SRL, and gives the same output as before.
 */
int sl_share(struct sl_plan *p);			/* prefixes written twice */
int sl_early(struct sl_plan *p);			/* selections towards the source */
int sl_merge(struct sl_plan *p);			/* two in a row that one can do */
#define SL_HEADERS_BYTES	64	/* what headers are reckoned at */
int sl_project(struct sl_plan *p);			/* what of frames is read */
int sl_place_kernel(struct sl_plan *p, struct sl_diags *ds);	/* what is in the kernel */
void sl_place_sockets(struct sl_plan *p);		/* what sockets select by */
int sl_place(struct sl_plan *p, struct sl_diags *ds);	/* spaces, shards, carriers */
int sl_effects(struct sl_plan *p, struct sl_diags *ds);	/* options: refused, or of no effect */
int sl_echo(const struct sl_graph *g, struct sl_diags *ds);	/* what is sent and captured again */

/* Does the stream leave its space, or its thread? */
static inline bool sl_is_border(const struct sl_stream *s)
{
	return s->carrier && s->carrier[0] && strcmp(s->carrier, "call") && strcmp(s->carrier, "tail call");
}

/* What a node needs of the machine ("read web.ac"): calls say(arg, text) for each. */
void sl_node_needs(const struct sl_node *n, void (*say)(void *arg, const char *text), void *arg);
/* What was possible and was left, and why. */
void sl_plan_not_chosen(const struct sl_plan *p, void (*say)(void *arg, const char *text), void *arg);
/* How much of a frame crosses a border of the kernel: "all", "headers", "none", "first 64". */
const char *sl_carried_words(const struct sl_stream *s, char *buf, size_t size);
/* Was a wish (@space?) not met? */
bool sl_wish_missed(const struct sl_node *n);
/* "packet", "bytes", "record", "" */
const char *sl_stream_type_name(unsigned int type);
/* "by default", "from the request", "supplied" */
const char *sl_origin_name(enum sl_origin o);
/* Frames a second before the busier side has no time left; 0: not known. */
double sl_plan_rate(const struct sl_plan *p);
/* Bytes of ring that a live source asks for; 0: as many as it takes by itself. */
uint64_t sl_live_buffer(const struct sl_node *n);

/* The interfaces of a live source, as its first parameter has them; "" if it has none. */
const char *sl_live_device(const struct sl_node *n);
bool sl_live_inline(const struct sl_node *n);
/* Does it see what is sent on its interfaces? */
bool sl_live_sees_out(const struct sl_node *n);
bool sl_live_by_socket(const struct sl_node *n);	/* when it is not in the kernel */

#endif
