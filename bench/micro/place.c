/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * place -- how long the search for a placement takes
 *
 * Requests as they are: a live source, a classifier, branches by class of three filters
 * each, joined again. All could be in the kernel, so that there is much to choose from.
 * Prints {"nodes": N, "ms": median, "worst_ms": most, "proven": share} for 10 and 50.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plan/solve.h"

#define NODES	50
#define ROUNDS	201

static uint64_t seed = 7;

static double real(double max)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return max * (double)(seed >> 40) / (double)(1 << 24);
}

static void make(struct sl_solve_node *node, struct sl_solve_arrow *arrow, struct sl_solve *s, unsigned int n)
{
	unsigned int branches = (n - 3) / 3, tail = 2 + 3 * branches, e = 0;

	memset(node, 0, n * sizeof(*node));
	for (unsigned int i = 0; i < n; i++) {
		double bytes = real(3) < 1 ? 0 : 500;

		node[i] = (struct sl_solve_node){
			.user = real(20), .kernel = real(20), .write = 14 + 0.085 * bytes,
			.read = 11 + 0.033 * bytes, .can = true, .entry = !i, .frames = !i, .must = !i,
		};
	}
	arrow[e++] = (struct sl_solve_arrow){ 0, 1, 1, 4 };
	for (unsigned int b = 0; b < branches; b++) {
		double share = 0.9 / branches;

		for (unsigned int k = 0; k < 3; k++) {
			unsigned int i = 2 + 3 * b + k;

			arrow[e++] = (struct sl_solve_arrow){ k ? i - 1 : 1, i, k ? 1 : share, 4 * share };
		}
		if (tail < n)
			arrow[e++] = (struct sl_solve_arrow){ 2 + 3 * b + 2, tail, real(1), 4 * share };
	}
	for (unsigned int i = tail + 1; i < n; i++)
		arrow[e++] = (struct sl_solve_arrow){ i - 1, i, 1, 1 };
	*s = (struct sl_solve){ node, n, arrow, e, 24 };
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int measure(unsigned int n)
{
	struct sl_solve_node node[NODES];
	struct sl_solve_arrow arrow[2 * NODES];
	struct sl_solve_cost cost;
	bool in[NODES], proven;
	double ms[ROUNDS];
	unsigned int sure = 0;
	struct sl_solve s;

	for (unsigned int k = 0; k < ROUNDS; k++) {
		make(node, arrow, &s, n);
		ms[k] = now_ms();
		if (sl_solve(&s, in, &cost, &proven))
			return 1;
		ms[k] = now_ms() - ms[k];
		sure += proven;
	}
	qsort(ms, ROUNDS, sizeof(*ms), by_size);
	printf("{\"nodes\": %u, \"ms\": %.3f, \"worst_ms\": %.3f, \"proven\": %.2f}\n", n, ms[ROUNDS / 2],
	       ms[ROUNDS - 1], (double)sure / ROUNDS);
	return 0;
}

int main(void)
{
	return measure(10) || measure(NODES);
}
