/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/solve-search.c -- the cheapest legal placement, by branch and bound
 *
 * Nodes are decided in their order, so when one's turn comes all before it are decided:
 * one outside sends all behind it outside. A branch is left when what is decided plus a
 * bound from below for the rest costs more than the best placement known. Three bounds,
 * of which the greatest counts; none ever exceeds the true cost, so the result is exact:
 *
 *	sums	Each node's cost is split evenly over its arrows in, and the crossings
 *		are taken as sums, with shares scaled down where they exceed 1. What hangs
 *		on an arrow can then be decided by itself: below[], made once from the
 *		end to the start. On a tree with arrows that exclude each other this is
 *		the true cost, but for the limit of stages.
 *	priced	The same with a price on each stage, the price chosen at the root
 *		so that the bound is greatest: it feels the limit of stages.
 *	apart	Each undecided node at its cheaper side, the limit of stages heeded as in a
 *		knapsack that can be cut; and the crossings with all that is undecided
 *		in the kernel. It feels that a frame crosses once.
 *
 * Nodes that cannot be in the kernel by themselves or by what is before them are no
 * choices and are left out from the start; of them only their sum and what it costs to
 * carry a frame to them counts.
 *
 * What makes the search long is a wide fan of plain arrows with more filters than stages:
 * each frame crosses once wherever it does, so no bound tells the filters apart. The search
 * then ends when it has cost as much as any is allowed to, and says so.
 */
#include "plan/solve-int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TIES_STEPS	2100u		/* so long placements of equal cost are told apart: all of 10 nodes */
#define WORK_MAX	4000000u	/* nodes and arrows looked at: some 10 ms */

/* ---- bounds ---------------------------------------------------------- */

/* below[] and top[]: what hangs on an arrow, or begins at an entry, at its least. */
static void find_below(struct sl_search *z, unsigned int which, double price)
{
	const struct sl_solve *s = z->s;
	double *below = z->below[which], *top = z->top[which];

	for (unsigned int j = z->n_order; j-- > 0; ) {
		unsigned int i = z->order[j];
		double kernel = s->node[i].kernel + price * z->paths[i], user = s->node[i].user;

		for (unsigned int k = z->first[i]; k < z->first[i + 1]; k++) {
			unsigned int e = z->arrows[k], to = s->arrow[e].to;
			double border = s->arrow[e].cross + z->scaled[e];

			below[e] = border;
			if (z->choice[to]) {
				double share = 1.0 / z->degree[to], in = top[to] * share;

				z->outside[e] = z->x[to] * share;
				border += z->outside[e];
				below[e] = z->must[to] || in < border ? in : border;
			}
			kernel += below[e];
			user += z->outside[e];
		}
		/* for the arrows in: the whole of it inside, and outside */
		top[i] = kernel;
		z->x[i] = user;
		if (s->node[i].entry && !z->must[i] && user < kernel)
			top[i] = user;
	}
}

/* The crossings as sums. */
static int find_scaled(struct sl_search *z)
{
	const struct sl_solve *s = z->s;
	double *weight = calloc(z->n + 1, sizeof(*weight));

	if (!weight)
		return -ENOMEM;
	for (unsigned int j = 0; j < z->n_order; j++) {
		unsigned int i = z->order[j], k;
		double sum = 0;

		if (s->node[i].entry)
			weight[i] = s->node[i].frames;
		for (k = z->first[i]; k < z->first[i + 1]; k++)
			sum += s->arrow[z->arrows[k]].share;
		for (k = z->first[i]; k < z->first[i + 1]; k++) {
			unsigned int e = z->arrows[k];
			double w = weight[i] * s->arrow[e].share / (sum > 1 ? sum : 1);

			z->scaled[e] = w * sl_carry(&s->node[s->arrow[e].to]);
			weight[s->arrow[e].to] += w;
		}
	}
	free(weight);
	return 0;
}

/* The first `end` nodes are decided. Of one that is not, each arrow into it has its
 * part of the cost, also where it is known already that it is outside. */
static double sums(const struct sl_search *z, unsigned int which, double price, unsigned int end)
{
	const struct sl_solve *s = z->s;
	double sum = z->fixed - price * s->stages;

	for (unsigned int j = 0; j < z->n_order; j++) {
		unsigned int i = z->order[j], k;

		if (j >= end) {
			if (s->node[i].entry)
				sum += z->top[which][i];
			continue;
		}
		sum += z->state[i] == INSIDE ? s->node[i].kernel + price * z->paths[i] : s->node[i].user;
		for (k = z->first[i]; k < z->first[i + 1]; k++) {
			unsigned int e = z->arrows[k], to = s->arrow[e].to;
			bool inside = z->state[i] == INSIDE;

			if (inside && (!z->choice[to] || z->state[to] == OUTSIDE))
				sum += s->arrow[e].cross + z->scaled[e];
			if (z->choice[to] && z->rank[to] >= end)
				sum += inside && z->state[to] == OPEN ? z->below[which][e] : z->outside[e];
		}
	}
	return sum;
}

/* What the kernel saves at node i, and what the arrows into it save if it is not outside
 * behind nodes that are known to be inside. */
static double gain_of(const struct sl_search *z, unsigned int i)
{
	return z->s->node[i].user + z->into[i] - z->s->node[i].kernel;
}

static double apart(struct sl_search *z)
{
	const struct sl_solve *s = z->s;
	double sum = z->fixed, room = (double)s->stages - z->used;
	unsigned int n = 0;

	for (unsigned int j = 0; j < z->n_order; j++)
		z->into[z->order[j]] = 0;
	for (unsigned int j = 0; j < z->n_order; j++) {
		unsigned int i = z->order[j], k;
		bool inside = z->state[i] == INSIDE || (z->state[i] == OPEN && z->must[i]);

		sum += inside ? s->node[i].kernel : s->node[i].user + z->into[i];
		if (z->state[i] == OPEN && z->must[i])
			room -= z->paths[i];
		for (k = z->first[i]; inside && k < z->first[i + 1]; k++) {
			unsigned int to = s->arrow[z->arrows[k]].to;

			if (z->choice[to])
				z->into[to] += s->arrow[z->arrows[k]].cross;
			else
				sum += s->arrow[z->arrows[k]].cross;
		}
	}
	if (room < 0)
		return INFINITY;
	/* gains[] is nearly sorted already */
	for (unsigned int j = 0; j < z->n_order; j++) {
		unsigned int i = z->gains[j], k;
		struct sl_gain g = { .all = gain_of(z, i), .paths = z->paths[i] };

		if (z->state[i] != OPEN || z->must[i] || g.all <= 0)
			continue;
		g.per_stage = g.paths ? g.all / g.paths : INFINITY;
		for (k = n++; k && z->sorted[k - 1].per_stage < g.per_stage; k--)
			z->sorted[k] = z->sorted[k - 1];
		z->sorted[k] = g;
	}
	for (unsigned int j = 0; j < n; j++) {
		const struct sl_gain *g = &z->sorted[j];

		if (g->paths > room) {
			sum -= g->all * room / g->paths;
			break;
		}
		sum -= g->all;
		room -= g->paths;
	}
	sl_search_cross(z, z->state, false);
	return sum + sl_search_crossed(z);
}

/* Is no placement behind this bound worth looking at? */
static bool hopeless(const struct sl_search *z, double b)
{
	double slack = 1e-9 * (1 + fabs(z->best_cost.total));

	if (!z->found)
		return b == INFINITY;
	return z->steps > TIES_STEPS ? b + slack > z->best_cost.total - 0.0005
				     : b - slack > z->best_cost.total + 0.0005;
}

/* The first bound that is hopeless, or the greatest. */
static double bound(struct sl_search *z, unsigned int end)
{
	unsigned int size = z->n_order + z->s->n_arrows;
	double b, c = -INFINITY;

	if (z->price > 0) {
		z->work += size;
		c = sums(z, 1, z->price, end);
		if (hopeless(z, c))
			return c;
	}
	z->work += size;
	b = sums(z, 0, 0, end);
	b = c > b ? c : b;
	if (hopeless(z, b))
		return b;
	z->work += 2 * size;
	c = apart(z);
	return c > b ? c : b;
}

/* The price of a stage at which the bound at the root is greatest; it is concave in it. */
static void find_price(struct sl_search *z)
{
	double lo = 0, hi = 1;

	for (unsigned int j = 0; j < z->n_order; j++) {
		const struct sl_solve_node *n = &z->s->node[z->order[j]];

		hi += n->user + (n->entry ? 0 : sl_carry(n));
	}
	for (int k = 0; k < 40; k++) {
		double a = lo + (hi - lo) / 3, b = hi - (hi - lo) / 3, at_a, at_b;

		find_below(z, 1, a);
		at_a = sums(z, 1, a, 0);
		find_below(z, 1, b);
		at_b = sums(z, 1, b, 0);
		if (at_a < at_b)
			lo = a;
		else
			hi = b;
	}
	z->price = (lo + hi) / 2;
	find_below(z, 1, z->price);
	if (sums(z, 1, z->price, 0) <= sums(z, 0, 0, 0))
		z->price = 0;
}

/*
 * A new order of the choices, in which arrows still lead upwards, but a node comes as early
 * as it can the more it may add to the crossings: what they cost is then known early.
 */
static int reorder(struct sl_search *z)
{
	const struct sl_solve *s = z->s;
	unsigned int *waits = calloc(z->n + 1, sizeof(*waits)), n = z->n_order;
	double *weight = calloc(z->n + 1, sizeof(*weight));

	if (!waits || !weight) {
		free(waits);
		free(weight);
		return -ENOMEM;
	}
	for (unsigned int j = 0; j < n; j++) {
		unsigned int i = z->order[j];

		waits[i] = z->degree[i];
		for (unsigned int k = z->first[i]; k < z->first[i + 1]; k++) {
			const struct sl_solve_arrow *a = &s->arrow[z->arrows[k]];
			double w = a->share * sl_carry(&s->node[a->to]);

			if (w > weight[a->to])
				weight[a->to] = w;
		}
	}
	for (unsigned int j = 0; j < n; j++) {
		unsigned int best = n, i;

		for (unsigned int k = j; k < n; k++)
			if (!waits[z->order[k]] &&
			    (best == n || weight[z->order[k]] > weight[z->order[best]]))
				best = k;
		i = z->order[best];
		memmove(z->order + j + 1, z->order + j, (best - j) * sizeof(*z->order));
		z->order[j] = i;
		z->rank[i] = j;
		for (unsigned int k = z->first[i]; k < z->first[i + 1]; k++)
			waits[s->arrow[z->arrows[k]].to]--;
	}
	free(waits);
	free(weight);
	return 0;
}

struct first_gain {
	double per_stage;
	unsigned int i;
};

static int by_gain(const void *a, const void *b)
{
	const struct first_gain *x = a, *y = b;

	if (x->per_stage != y->per_stage)
		return x->per_stage < y->per_stage ? 1 : -1;
	return x->i < y->i ? -1 : x->i > y->i;
}

static int find_gains(struct sl_search *z)
{
	struct first_gain *g = calloc(z->n_order + 1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	for (unsigned int j = 0; j < z->n_order; j++) {
		unsigned int i = z->order[j], paths = z->paths[i];
		double gain = z->s->node[i].user - z->s->node[i].kernel;

		g[j].i = i;
		g[j].per_stage = gain <= 0 ? gain : paths ? gain / paths : INFINITY;
	}
	qsort(g, z->n_order, sizeof(*g), by_gain);
	for (unsigned int j = 0; j < z->n_order; j++)
		z->gains[j] = g[j].i;
	free(g);
	return 0;
}

/* ---- the search ------------------------------------------------------ */

static void leaf(struct sl_search *z)
{
	struct sl_solve_cost c;
	int r;

	sl_search_cost(z, z->state, &c);
	for (unsigned int i = 0; i < z->n; i++)
		z->leaf[i] = z->state[i] == INSIDE;
	r = z->found ? sl_solve_compare(&c, &z->best_cost) : -1;
	if (!r)
		r = memcmp(z->leaf, z->best, z->n * sizeof(*z->leaf));
	if (r >= 0)
		return;
	z->found = true;
	z->best_cost = c;
	memcpy(z->best, z->leaf, z->n * sizeof(*z->leaf));
}

static bool entries_left(const struct sl_search *z, unsigned int j)
{
	for (; j < z->n_order; j++)
		if (z->state[z->order[j]] == OPEN && z->s->node[z->order[j]].entry)
			return true;
	return false;
}

/* No stage is left: all that is open is outside. */
static void last_leaf(struct sl_search *z, unsigned int j, unsigned int *undo)
{
	unsigned int all = 0, n;
	bool legal = true;

	for (; j < z->n_order && legal; j++) {
		if (z->state[z->order[j]] != OPEN)
			continue;
		legal = sl_search_shut(z, z->order[j], undo + all, &n);
		all += n;
	}
	if (legal)
		leaf(z);
	z->work += z->n_order;
	sl_search_reopen(z, undo, all);
}

static void descend(struct sl_search *z, unsigned int j, unsigned int *undo)
{
	double in = INFINITY, out = INFINITY;
	unsigned int i, n;
	bool first;

	while (j < z->n_order && z->state[z->order[j]] != OPEN)
		j++;
	if (z->gave_up)
		return;
	z->steps++;
	if (j == z->n_order) {
		z->work += z->n_order;
		leaf(z);
		return;
	}
	if (z->work > WORK_MAX && z->found) {
		z->gave_up = true;
		return;
	}
	if (z->used == z->s->stages && !entries_left(z, j)) {
		last_leaf(z, j, undo);
		return;
	}
	i = z->order[j];
	if (sl_search_enter(z, i)) {
		in = bound(z, j + 1);
		sl_search_leave(z, i);
	}
	if (sl_search_shut(z, i, undo, &n))
		out = bound(z, j + 1);
	sl_search_reopen(z, undo, n);
	first = in <= out;
	for (int k = 0; k < 2; k++) {
		bool inside = first == !k;

		if (hopeless(z, inside ? in : out))
			continue;
		if (inside) {
			if (sl_search_enter(z, i)) {
				descend(z, j + 1, undo);
				sl_search_leave(z, i);
			}
		} else {
			if (out < INFINITY && sl_search_shut(z, i, undo, &n))
				descend(z, j + 1, undo + n);
			else
				n = 0;
			sl_search_reopen(z, undo, n);
		}
	}
}

int sl_solve(const struct sl_solve *s, bool *in, struct sl_solve_cost *cost, bool *proven)
{
	unsigned int *undo = NULL;
	struct sl_search z;
	int r;

	r = sl_search_init(&z, s);
	if (!r)
		r = sl_search_choices(&z);
	if (!r)
		r = reorder(&z);
	if (!r)
		r = find_scaled(&z);
	if (!r)
		r = find_gains(&z);
	if (r)
		goto out;
	undo = calloc(z.n + 1, 2 * sizeof(*undo));
	if (!undo) {
		r = -ENOMEM;
		goto out;
	}
	find_below(&z, 0, 0);
	find_price(&z);
	descend(&z, 0, undo);
	if (!z.found) {
		r = -ENOENT;
		goto out;
	}
	memcpy(in, z.best, z.n * sizeof(*in));
	*cost = z.best_cost;
	*proven = !z.gave_up && !z.cut;
out:
	free(undo);
	sl_search_done(&z);
	return r;
}
