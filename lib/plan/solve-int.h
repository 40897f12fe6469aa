/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan/solve-int.h -- what the parts of the solver share: solve.c (costs, all placements),
 * solve-search.c (the best one) */
#ifndef SL_PLAN_SOLVE_INT_H
#define SL_PLAN_SOLVE_INT_H

#include "plan/solve.h"

enum sl_state { OUTSIDE, INSIDE, OPEN };

struct sl_gain {
	double per_stage, all;
	unsigned int paths;
};

struct sl_search {
	const struct sl_solve *s;
	unsigned int n;
	unsigned int *first;		/* arrows of node i: arrows[first[i]] to arrows[first[i + 1] - 1] */
	unsigned int *arrows;		/* their numbers in s->arrow, by from */
	unsigned int *degree;		/* arrows in */
	unsigned int *paths;
	bool *choice;			/* could be in the kernel */
	bool *must;
	unsigned int *order;		/* the choices, ascending; sl_solve(): those dear to carry first */
	unsigned int *rank;		/* by node: its place there */
	unsigned int n_order;
	unsigned int *gains;		/* choices by what the kernel saves per stage */
	double fixed;			/* user cost of all that is no choice */
	double *scaled;			/* per arrow: crossing in sums, ns */
	double price;			/* of a stage */
	double *below[2];		/* per arrow: least cost of what hangs on it; [1] priced */
	double *top[2];			/* per node without arrows in: the same */
	double *outside;		/* per arrow: cost of what hangs on it if all is outside */
	enum sl_state *state;
	double *x, *m;			/* scratch of crossings */
	double *into;			/* scratch of apart: by node */
	struct sl_gain *sorted;
	unsigned int used;		/* stages decided */
	uint64_t work, steps;
	bool gave_up, found, cut;	/* cut: there were too many choices */
	bool *best, *leaf;
	struct sl_solve_cost best_cost;
	unsigned int count, want, max;	/* enumeration */
};

static inline double sl_carry(const struct sl_solve_node *n)
{
	return n->write + n->read;
}

int sl_search_init(struct sl_search *z, const struct sl_solve *s);	/* -ENOMEM; then done() as well */
void sl_search_done(struct sl_search *z);
/* What is a choice, what must be in the kernel. -ENOENT: they disagree. */
int sl_search_choices(struct sl_search *z);
/* X of all choices into z->x, by states; OPEN: the least that is possible. `writer`: the
 * kernel's part of it alone. */
void sl_search_cross(struct sl_search *z, const enum sl_state *state, bool writer);
double sl_search_crossed(const struct sl_search *z);	/* of the entries */
void sl_search_cost(struct sl_search *z, const enum sl_state *state, struct sl_solve_cost *out);

/* Node i outside, and all choices behind it; undo[] of *n is what changed. False if one of
 * them must be in. */
bool sl_search_shut(struct sl_search *z, unsigned int i, unsigned int *undo, unsigned int *n);
void sl_search_reopen(struct sl_search *z, const unsigned int *undo, unsigned int n);
/* Node i inside. False: there is no room for its stages. */
bool sl_search_enter(struct sl_search *z, unsigned int i);
void sl_search_leave(struct sl_search *z, unsigned int i);

#endif
