/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_costs -- any text as a table of costs
 *
 * What is refused leaves the table as it was and says a line; what is accepted comes out
 * the same when it is printed and read again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/costs.h"

#define MUST(cond) do { if (!(cond)) { fprintf(stderr, "fuzz_costs: %s\n", #cond); abort(); } } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sl_costs *c = calloc(1, sizeof(*c)), *before = calloc(1, sizeof(*c)), *again = calloc(1, sizeof(*c));
	char why[160] = "", *one, *two;

	MUST(c && before && again);
	MUST(!sl_costs_parse(c, "frame 1B", 8, why, sizeof(why)));
	*before = *c;
	if (sl_costs_parse(c, (const char *)data, size, why, sizeof(why))) {
		MUST(!memcmp(c, before, sizeof(*c)));
		MUST(!strncmp(why, "line ", 5));
	} else {
		one = sl_costs_print(c);
		MUST(one);
		MUST(!sl_costs_parse(again, one, strlen(one), why, sizeof(why)));
		two = sl_costs_print(again);
		MUST(two && !strcmp(one, two));
		for (unsigned int i = 0; i < c->n_filters; i++) {
			struct sl_cost_filter f = sl_costs_filter(c, c->filter[i].name);

			MUST(f.pass >= 0 && f.pass <= 1 && f.user.block_ns >= 0 && f.kernel.byte_ns <= 1e9);
		}
		free(one);
		free(two);
	}
	free(c);
	free(before);
	free(again);
	return 0;
}
