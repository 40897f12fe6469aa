/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/solve.h -- which filters run in the kernel: the problem without its names
 *
 * A graph without circles whose nodes are numbered in an order in which arrows lead
 * from lower to higher numbers. A placement is a set of nodes, those in the kernel.
 * It is legal when
 *
 *	each node in it may be there (can),
 *	each of its arrows in comes from a node that is in it,
 *	what must be in it is, what must not be is not,
 *	its ways from the entries, counted for each node, are at most `stages` in all
 *	(a node that two ways lead to is run by two tail calls).
 *
 * Its cost is in ns of processor time per frame that comes in:
 *
 *	  kernel of each node in it + user of each other one
 *	+ arrow of each arrow that leaves it
 *	+ for each entry in it, its frames times X(entry), where
 *
 *	X(n), n outside		= what a frame costs that is carried to n (carry)
 *	X(n), n in it		= min(sum over its arrows of share * X(to), max of X's carry below)
 *
 * X is why this is no cut of least cost: arrows of which a frame takes several lead to one
 * copy of it, not to several. It is exact where the arrows of a node exclude each other or
 * one of them takes all there is, and too high by a little between.
 */
#ifndef SL_PLAN_SOLVE_H
#define SL_PLAN_SOLVE_H

#include <stdbool.h>
#include <stdint.h>

struct sl_solve_node {
	double user, kernel;	/* ns per frame that comes in, shares included */
	double write, read;	/* ns for one frame that is carried here: kernel's part, reader's */
	double frames;		/* entries: how many of all frames come in here (0 to 1) */
	bool can;
	bool must, must_not;	/* ordered */
	bool entry;		/* has no arrows in; costs no stage */
};

struct sl_solve_arrow {
	unsigned int from, to;
	double share;		/* of the blocks that `from` takes in, those that go this way */
	double cross;		/* ns per frame that comes in, if it crosses the border here */
};

struct sl_solve {
	const struct sl_solve_node *node;
	unsigned int n_nodes;
	const struct sl_solve_arrow *arrow;
	unsigned int n_arrows;
	unsigned int stages;		/* most ways in the kernel */
};

/* Costs of one placement. Compared by total, then by max(kernel, user), in picoseconds; then
 * the one that comes first in the enumeration wins. */
struct sl_solve_cost {
	double total;			/* ns per frame */
	double kernel, user;		/* the total's two sides: which one limits the rate */
	double carried;			/* frames that cross, of those that come in, about */
};

/* The only errors: -ENOMEM; -ENOENT, no placement is legal (what must be cannot). */

/* What must is checked too. */
bool sl_solve_legal(const struct sl_solve *s, const bool *in);
/* -ENOMEM or 0. `in` is legal but for must and stages. */
int sl_solve_cost(const struct sl_solve *s, const bool *in, struct sl_solve_cost *out);
/* Negative: a is better. */
int sl_solve_compare(const struct sl_solve_cost *a, const struct sl_solve_cost *b);

/*
 * The best one. *proven: false if the search was given up (after about 10 ms of work) and
 * `in` is the best that was seen, no more.
 */
int sl_solve(const struct sl_solve *s, bool *in, struct sl_solve_cost *cost, bool *proven);

/* The legal placement with the most nodes in it. */
int sl_solve_most(const struct sl_solve *s, bool *in);

/* How many are legal, at most `max`; the k-th of them (-ENOENT: there are not so many). The first
 * has only what must be. */
int sl_solve_count(const struct sl_solve *s, unsigned int max, unsigned int *out);
int sl_solve_nth(const struct sl_solve *s, unsigned int k, bool *in);

#endif
