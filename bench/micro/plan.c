/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan -- how long parse + check + plan of a request of 50 nodes take
 *
 * Through the public calls, in this process; prints {"nodes": 50, "ms": median}.
 * The request has what real ones have: a fan of branches with tags and arguments,
 * joined again, and a tail. Files are not looked at, so that a disk is not measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "streamline/streamline.h"

#define NODES	50
#define ROUNDS	201

/* pcapin, tcp, 15 branches of 3, and 3 to end with. */
static char *request(void)
{
	size_t size = 16384, n;
	char *s = malloc(size);
	int i;

	if (!s)
		return NULL;
	n = (size_t)snprintf(s, size, "(pcapin in.pcap) > (tcp) {\n");
	for (i = 0; i < 15; i++)
		n += (size_t)snprintf(s + n, size - n,
				      "\t-%d,%d..%d-> (c%d: count) > (head %d) > (sample %d);\n",
				      80 + i, 8000 + 10 * i, 8009 + 10 * i, i, 1000 + i, i + 2);
	snprintf(s + n, size - n, "} > (all: count) > (last: head 5k) > (null)\n");
	return s;
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

int main(void)
{
	struct sl_options o = { .size = sizeof(o), .no_env = true };
	static double took[ROUNDS];
	char *text = request();
	int i;

	if (!text)
		return 1;
	for (i = 0; i < ROUNDS; i++) {
		struct sl_diags *ds = sl_diags_new();
		struct sl_request *q = NULL;
		struct sl_plan *p = NULL;
		double start = now_ms();
		int r;

		r = sl_parse(text, NULL, &q, ds);
		if (r == 0)
			r = sl_check(q, &o, ds);
		if (r == 0)
			r = sl_plan_new(q, &o, &p, ds);
		took[i] = now_ms() - start;
		if (r < 0) {
			fprintf(stderr, "plan: refused: %s\n", strerror(-r));
			return 1;
		}
		sl_plan_free(p);
		sl_request_free(q);
		sl_diags_free(ds);
	}
	qsort(took, ROUNDS, sizeof(took[0]), by_size);
	printf("{\"nodes\": %d, \"ms\": %.4f}\n", NODES, took[ROUNDS / 2]);
	free(text);
	return 0;
}
