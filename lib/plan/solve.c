/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan/solve.c -- what placements cost, which are legal, one after the other */
#include "plan/solve-int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PATHS_MAX	1000000u
#define CHOICES_MAX	256u

void sl_search_done(struct sl_search *z)
{
	free(z->first);
	free(z->arrows);
	free(z->degree);
	free(z->paths);
	free(z->choice);
	free(z->must);
	free(z->order);
	free(z->rank);
	free(z->gains);
	free(z->scaled);
	free(z->below[0]);
	free(z->below[1]);
	free(z->top[0]);
	free(z->top[1]);
	free(z->outside);
	free(z->state);
	free(z->x);
	free(z->m);
	free(z->into);
	free(z->sorted);
	free(z->best);
	free(z->leaf);
}

/* Arrows by where they come from. */
static void sort_arrows(struct sl_search *z)
{
	const struct sl_solve *s = z->s;

	for (unsigned int i = 0; i < s->n_arrows; i++) {
		z->first[s->arrow[i].from + 2]++;
		z->degree[s->arrow[i].to]++;
	}
	for (unsigned int i = 2; i < z->n + 2; i++)
		z->first[i] += z->first[i - 1];
	for (unsigned int i = 0; i < s->n_arrows; i++)
		z->arrows[z->first[s->arrow[i].from + 1]++] = i;
}

int sl_search_init(struct sl_search *z, const struct sl_solve *s)
{
	unsigned int n = s->n_nodes, e = s->n_arrows;

	memset(z, 0, sizeof(*z));
	z->s = s;
	z->n = n;
	z->first = calloc(n + 3, sizeof(*z->first));
	z->arrows = malloc((e + 1) * sizeof(*z->arrows));
	z->degree = calloc(n + 1, sizeof(*z->degree));
	z->paths = calloc(n + 1, sizeof(*z->paths));
	z->choice = calloc(n + 1, sizeof(*z->choice));
	z->must = calloc(n + 1, sizeof(*z->must));
	z->order = calloc(n + 1, sizeof(*z->order));
	z->rank = calloc(n + 1, sizeof(*z->rank));
	z->gains = calloc(n + 1, sizeof(*z->gains));
	z->scaled = calloc(e + 1, sizeof(*z->scaled));
	z->outside = calloc(e + 1, sizeof(*z->outside));
	z->state = calloc(n + 1, sizeof(*z->state));
	z->x = calloc(n + 1, sizeof(*z->x));
	z->m = calloc(n + 1, sizeof(*z->m));
	z->into = calloc(n + 1, sizeof(*z->into));
	z->sorted = calloc(n + 1, sizeof(*z->sorted));
	z->best = calloc(n + 1, sizeof(*z->best));
	z->leaf = calloc(n + 1, sizeof(*z->leaf));
	for (int k = 0; k < 2; k++) {
		z->below[k] = calloc(e + 1, sizeof(*z->below[k]));
		z->top[k] = calloc(n + 1, sizeof(*z->top[k]));
	}
	if (!z->first || !z->arrows || !z->degree || !z->paths || !z->choice || !z->must || !z->order || !z->rank ||
	    !z->gains || !z->scaled || !z->outside || !z->state || !z->x || !z->m || !z->into || !z->sorted || !z->best || !z->leaf ||
	    !z->below[0] || !z->below[1] || !z->top[0] || !z->top[1])
		return -ENOMEM;
	sort_arrows(z);
	return 0;
}

/* What is a choice, what must be in the kernel. -ENOENT: they disagree. */
int sl_search_choices(struct sl_search *z)
{
	const struct sl_solve *s = z->s;
	unsigned int i, k, n = 0;

	for (i = 0; i < z->n; i++) {
		z->choice[i] = s->node[i].can && !s->node[i].must_not;
		z->must[i] = s->node[i].must;
		z->paths[i] = s->node[i].entry ? 1 : 0;
	}
	for (i = 0; i < z->n; i++) {
		if (!s->node[i].entry && !z->degree[i])
			z->choice[i] = false;	/* nothing before it brings it there */
		if (!s->node[i].entry && z->paths[i] > s->stages)
			z->choice[i] = false;
		if (z->choice[i] && n++ >= CHOICES_MAX) {
			z->choice[i] = false;
			z->cut = true;
		}
		for (k = z->first[i]; k < z->first[i + 1]; k++) {
			unsigned int to = s->arrow[z->arrows[k]].to;

			z->paths[to] += z->paths[i];
			if (z->paths[to] > PATHS_MAX)
				z->paths[to] = PATHS_MAX;
			if (!z->choice[i])
				z->choice[to] = false;
		}
	}
	for (i = z->n; i-- > 0; ) {
		for (k = z->first[i]; k < z->first[i + 1]; k++)
			z->must[i] |= z->must[s->arrow[z->arrows[k]].to];
		if (z->must[i] && !z->choice[i])
			return -ENOENT;
	}
	for (i = 0; i < z->n; i++) {
		if (s->node[i].entry)
			z->paths[i] = 0;	/* from here on: stages that it takes */
		z->state[i] = z->choice[i] ? OPEN : OUTSIDE;
		if (z->choice[i])
			z->order[z->n_order++] = i;
		else
			z->fixed += s->node[i].user;
	}
	return 0;
}

/* ---- costs ----------------------------------------------------------- */

/* X of all nodes into z->x, by states; OPEN: the least that is possible. z->m is the most
 * that is carried at once below. `writer`: the kernel's part of it alone. */
void sl_search_cross(struct sl_search *z, const enum sl_state *state, bool writer)
{
	const struct sl_solve *s = z->s;

	for (unsigned int j = z->n_order; j-- > 0; ) {
		unsigned int i = z->order[j];
		double sum = 0, most = 0, own = writer ? s->node[i].write : sl_carry(&s->node[i]);

		if (s->node[i].entry)
			own = 0;	/* what it costs outside is its own */
		if (state[i] == OUTSIDE) {
			z->x[i] = z->m[i] = own;
			continue;
		}
		for (unsigned int k = z->first[i]; k < z->first[i + 1]; k++) {
			const struct sl_solve_arrow *a = &s->arrow[z->arrows[k]];
			bool choice = z->choice[a->to];
			double c = writer ? s->node[a->to].write : sl_carry(&s->node[a->to]);
			double m = choice ? z->m[a->to] : c, x = choice ? z->x[a->to] : c;

			sum += a->share * x;
			if (m > most)
				most = m;
		}
		z->x[i] = sum < most ? sum : most;
		z->m[i] = most;
		if (state[i] == OPEN && own < z->x[i])
			z->x[i] = own;
		if (state[i] == OPEN && own < z->m[i])
			z->m[i] = own;
	}
}

double sl_search_crossed(const struct sl_search *z)
{
	double x = 0;

	for (unsigned int j = 0; j < z->n_order; j++) {
		const struct sl_solve_node *n = &z->s->node[z->order[j]];

		if (n->entry)
			x += n->frames * z->x[z->order[j]];
	}
	return x;
}

/* How many frames cross: X with everything that is carried at a cost of 1. */
static double carried(struct sl_search *z, const enum sl_state *state)
{
	const struct sl_solve *s = z->s;
	double all = 0;

	for (unsigned int j = z->n_order; j-- > 0; ) {
		unsigned int i = z->order[j];
		double sum = 0;

		if (state[i] == OUTSIDE) {
			z->x[i] = !s->node[i].entry;
			continue;
		}
		for (unsigned int k = z->first[i]; k < z->first[i + 1]; k++) {
			const struct sl_solve_arrow *a = &s->arrow[z->arrows[k]];

			sum += a->share * (z->choice[a->to] ? z->x[a->to] : 1);
		}
		z->x[i] = sum < 1 ? sum : 1;
		if (s->node[i].entry)
			all += s->node[i].frames * z->x[i];
	}
	return all;
}

/* Of a complete placement. */
void sl_search_cost(struct sl_search *z, const enum sl_state *state, struct sl_solve_cost *out)
{
	const struct sl_solve *s = z->s;
	double kernel = 0, user = z->fixed, writer;

	for (unsigned int j = 0; j < z->n_order; j++) {
		unsigned int i = z->order[j];

		if (state[i] == OUTSIDE) {
			user += s->node[i].user;
			continue;
		}
		kernel += s->node[i].kernel;
		for (unsigned int k = z->first[i]; k < z->first[i + 1]; k++) {
			const struct sl_solve_arrow *a = &s->arrow[z->arrows[k]];

			if (!z->choice[a->to] || state[a->to] == OUTSIDE)
				kernel += a->cross;
		}
	}
	sl_search_cross(z, state, true);
	writer = sl_search_crossed(z);
	sl_search_cross(z, state, false);
	out->total = kernel + user + sl_search_crossed(z);
	out->kernel = kernel + writer;
	out->user = out->total - out->kernel;
	out->carried = carried(z, state);
}

static int64_t picoseconds(double ns)
{
	return ns < 9e15 / 1000 ? llround(ns * 1000) : INT64_MAX;
}

static int compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int sl_solve_compare(const struct sl_solve_cost *a, const struct sl_solve_cost *b)
{
	int r = compare(picoseconds(a->total), picoseconds(b->total));

	return r ? r : compare(picoseconds(fmax(a->kernel, a->user)), picoseconds(fmax(b->kernel, b->user)));
}

/* ---- moves ------------------------------------------------------------ */

/* Send all choices behind node i outside; the list of those changed, in order[] numbers, goes
 * to undo. Returns false if one of them must be in. */
bool sl_search_shut(struct sl_search *z, unsigned int i, unsigned int *undo, unsigned int *n)
{
	const struct sl_solve *s = z->s;
	unsigned int head = 0;

	*n = 0;
	z->state[i] = OUTSIDE;
	undo[(*n)++] = i;
	while (head < *n) {
		unsigned int at = undo[head++];

		if (z->must[at])
			return false;
		for (unsigned int k = z->first[at]; k < z->first[at + 1]; k++) {
			unsigned int to = s->arrow[z->arrows[k]].to;

			if (!z->choice[to] || z->state[to] == OUTSIDE)
				continue;
			z->state[to] = OUTSIDE;
			undo[(*n)++] = to;
		}
	}
	return true;
}

void sl_search_reopen(struct sl_search *z, const unsigned int *undo, unsigned int n)
{
	while (n--)
		z->state[undo[n]] = OPEN;
}

bool sl_search_enter(struct sl_search *z, unsigned int i)
{
	if (z->used + z->paths[i] > z->s->stages)
		return false;
	z->state[i] = INSIDE;
	z->used += z->paths[i];
	return true;
}

void sl_search_leave(struct sl_search *z, unsigned int i)
{
	z->state[i] = OPEN;
	z->used -= z->paths[i];
}

/* ---- one placement; all of them -------------------------------------- */

bool sl_solve_legal(const struct sl_solve *s, const bool *in)
{
	unsigned int *paths = calloc(s->n_nodes + 1, sizeof(*paths)), used = 0;
	bool *fed = calloc(s->n_nodes + 1, sizeof(*fed)), ok = paths && fed;
	unsigned int i;

	for (i = 0; ok && i < s->n_nodes; i++) {
		const struct sl_solve_node *n = &s->node[i];

		ok = in[i] ? n->can && !n->must_not : !n->must;
		paths[i] = n->entry;
	}
	/* arrows lead upwards, but are in no order: as many rounds as it takes */
	for (i = 0; ok && i < s->n_nodes; i++) {
		for (unsigned int e = 0; ok && e < s->n_arrows; e++) {
			const struct sl_solve_arrow *a = &s->arrow[e];

			if (a->from != i)
				continue;
			ok = in[i] || !in[a->to];
			fed[a->to] = true;
			paths[a->to] += paths[i];
			if (paths[a->to] > PATHS_MAX)
				paths[a->to] = PATHS_MAX;
		}
		if (in[i] && !s->node[i].entry) {
			ok = ok && fed[i];
			used += paths[i];
		}
	}
	free(paths);
	free(fed);
	return ok && used <= s->stages;
}

int sl_solve_cost(const struct sl_solve *s, const bool *in, struct sl_solve_cost *out)
{
	struct sl_search z;
	int r = sl_search_init(&z, s);

	if (!r) {
		for (unsigned int i = 0; i < z.n; i++) {
			z.choice[i] = true;
			z.order[z.n_order++] = i;
			z.state[i] = in[i] ? INSIDE : OUTSIDE;
		}
		sl_search_cost(&z, z.state, out);
	}
	sl_search_done(&z);
	return r;
}

int sl_solve_most(const struct sl_solve *s, bool *in)
{
	struct sl_solve_node *node = calloc(s->n_nodes + 1, sizeof(*node));
	struct sl_solve_arrow *arrow = calloc(s->n_arrows + 1, sizeof(*arrow));
	struct sl_solve most = *s;
	struct sl_solve_cost cost;
	bool proven;
	int r = -ENOMEM;

	if (node && arrow) {
		for (unsigned int i = 0; i < s->n_nodes; i++) {
			node[i] = s->node[i];
			node[i].user = 1;
			node[i].kernel = node[i].write = node[i].read = 0;
		}
		for (unsigned int i = 0; i < s->n_arrows; i++) {
			arrow[i] = s->arrow[i];
			arrow[i].cross = 0;
		}
		most.node = node;
		most.arrow = arrow;
		r = sl_solve(&most, in, &cost, &proven);
	}
	free(node);
	free(arrow);
	return r;
}

static void enumerate(struct sl_search *z, unsigned int j, unsigned int *undo)
{
	unsigned int i, n;

	while (j < z->n_order && z->state[z->order[j]] != OPEN)
		j++;
	if (z->found || z->count >= z->max)
		return;
	if (j == z->n_order) {
		if (z->count++ != z->want)
			return;
		z->found = true;
		for (i = 0; i < z->n; i++)
			z->best[i] = z->state[i] == INSIDE;
		return;
	}
	i = z->order[j];
	if (sl_search_shut(z, i, undo, &n))
		enumerate(z, j + 1, undo + n);
	sl_search_reopen(z, undo, n);
	if (sl_search_enter(z, i)) {
		enumerate(z, j + 1, undo);
		sl_search_leave(z, i);
	}
}

static int walk(const struct sl_solve *s, unsigned int want, unsigned int max, unsigned int *count, bool *in)
{
	unsigned int *undo = NULL;
	struct sl_search z;
	int r = sl_search_init(&z, s);

	if (!r)
		r = sl_search_choices(&z);
	if (!r) {
		undo = calloc(z.n + 1, 2 * sizeof(*undo));
		r = undo ? 0 : -ENOMEM;
	}
	if (!r) {
		z.want = want;
		z.max = max;
		enumerate(&z, 0, undo);
		*count = z.count;
		if (in && z.found)
			memcpy(in, z.best, z.n * sizeof(*in));
		if (in && !z.found)
			r = -ENOENT;
	}
	free(undo);
	sl_search_done(&z);
	return r;
}

int sl_solve_count(const struct sl_solve *s, unsigned int max, unsigned int *out)
{
	int r = walk(s, UINT32_MAX, max, out, NULL);

	if (r == -ENOENT) {
		*out = 0;
		r = 0;
	}
	return r;
}

int sl_solve_nth(const struct sl_solve *s, unsigned int k, bool *in)
{
	unsigned int count;

	return k == UINT32_MAX ? -ENOENT : walk(s, k, UINT32_MAX, &count, in);
}
