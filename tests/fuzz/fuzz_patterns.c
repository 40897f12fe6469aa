/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_patterns -- any text as a pattern file
 *
 * The first byte chooses the notation. What is accepted must keep the promises
 * of patfile.h, and come out the same when it is written back as hex.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "match/patfile.h"

#define MUST(cond) do { if (!(cond)) { fprintf(stderr, "fuzz_patterns: %s\n", #cond); abort(); } } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "g nocase: |41 42|" for every pattern. */
static char *write_back(const struct sl_patterns *ps, size_t *len)
{
	size_t room = 1, n = 0;
	unsigned int i;
	uint32_t k;
	char *text;

	for (i = 0; i < ps->n; i++)
		room += strlen(ps->groups[ps->items[i].group]) + 16 + 3 * (size_t)ps->items[i].len;
	text = malloc(room);
	MUST(text);
	for (i = 0; i < ps->n; i++) {
		const struct sl_pattern *it = &ps->items[i];

		n += (size_t)sprintf(text + n, "%s%s: |", ps->groups[it->group], it->nocase ? " nocase" : "");
		for (k = 0; k < it->len; k++)
			n += (size_t)sprintf(text + n, "%s%02x", k ? " " : "", it->bytes[k]);
		n += (size_t)sprintf(text + n, "|\n");
	}
	*len = n;
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sl_diags *ds = sl_diags_new();
	struct sl_patterns *ps = NULL, *again = NULL;
	unsigned int i;
	size_t len;
	char *text;
	int r;

	if (!ds)
		return 0;
	if (size) {
		r = sl_patterns_parse("fuzz", data + 1, size - 1, data[0] % 3, ds, &ps);
		MUST((r == 0) == (ps != NULL));
		MUST((r == 0) == (sl_diags_errors(ds) == 0));
	}
	if (ps) {
		for (i = 0; i < ps->n; i++) {
			MUST(ps->items[i].len >= 1 && ps->items[i].len <= SL_PATTERN_MAX_BYTES);
			MUST(ps->items[i].len >= ps->shortest && ps->items[i].len <= ps->longest);
			MUST(ps->items[i].group < ps->n_groups);
			MUST(ps->items[i].line >= 1);
		}
		text = write_back(ps, &len);
		/* A group called nocase cannot be written that way. */
		for (i = 0; i < ps->n_groups && strcmp(ps->groups[i], "nocase"); i++)
			;
		if (i == ps->n_groups) {
			MUST(sl_patterns_parse("again", text, len, SL_PATTERNS_NATIVE, ds, &again) == 0);
			MUST(again->n == ps->n);
			for (i = 0; i < ps->n; i++) {
				MUST(again->items[i].len == ps->items[i].len);
				MUST(again->items[i].nocase == ps->items[i].nocase);
				MUST(!memcmp(again->items[i].bytes, ps->items[i].bytes, ps->items[i].len));
				MUST(!strcmp(again->groups[again->items[i].group], ps->groups[ps->items[i].group]));
			}
		}
		free(text);
	} else {
		free(sl_diags_format(ds, false, NULL));
	}
	sl_patterns_free(again);
	sl_patterns_free(ps);
	sl_diags_free(ds);
	return 0;
}
