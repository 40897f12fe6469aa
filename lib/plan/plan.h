/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/plan.h -- a graph with every filter placed and every stream carried
 *
 * Each pass is a function from graph to graph, one per file; sl_plan_new() calls
 * them in order. After it node->space, why, shard and stream->carrier, copies are
 * set, and sl_graph_print() still prints valid SRL.
 */
#ifndef SL_PLAN_PLAN_H
#define SL_PLAN_PLAN_H

#include "graph/graph.h"
#include "streamline/streamline.h"

struct sl_plan {
	unsigned int refs;		/* runs hold their plan */
	struct sl_graph *graph;		/* owned */
	unsigned int workers;		/* threads that share the work, >= 1 */
	unsigned int threads;		/* all threads: 1, or source + workers + collector */
	const char **notes;		/* options that have no effect in this plan, and why */
	unsigned int n_notes;
	const char *workers_why;	/* "from the request", "one is the default"; plain words */
};

struct sl_request {
	struct sl_tree *tree;
};

struct sl_plan *sl_plan_get(struct sl_plan *p);

/* Passes. */
int sl_place(struct sl_plan *p, struct sl_diags *ds);	/* spaces, shards, carriers */
int sl_effects(struct sl_plan *p, struct sl_diags *ds);	/* options: refused, or of no effect */

#endif
