/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_srl -- any bytes as a request
 *
 * What parses must come back equal from its canonical text and from its formatted
 * text, and both must stay as they are when made again. What does not must have
 * errors with codes that have a page and places that lie within the text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lang/tree.h"

#define MUST(cond) do { if (!(cond)) { fprintf(stderr, "fuzz_srl: %s\n", #cond); abort(); } } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sl_tree *parse(const char *text, size_t len, struct sl_diags *ds)
{
	struct sl_source *src = sl_source_new("<arg>", text, len);
	struct sl_tree *t = NULL;
	int r;

	MUST(src);
	r = sl_tree_parse(src, &t, ds);
	sl_source_put(src);
	MUST((r == 0) == (t != NULL));
	MUST(!ds || (r == 0) == (sl_diags_errors(ds) == 0));
	return t;
}

static void round_trip(const struct sl_tree *t, char *(*print)(const struct sl_tree *))
{
	char *text = print(t), *again;
	struct sl_tree *back;

	MUST(text);
	back = parse(text, strlen(text), NULL);
	if (!back || !sl_tree_equal(t, back))
		fprintf(stderr, "printed as:\n%s\n", text);
	MUST(back);
	MUST(sl_tree_equal(t, back));
	again = print(back);
	MUST(again);
	if (strcmp(text, again))
		fprintf(stderr, "first:\n%s\nthen:\n%s\n", text, again);
	MUST(!strcmp(text, again));
	free(again);
	free(text);
	sl_tree_free(back);
}

static void check_diags(const struct sl_diags *ds)
{
	const struct sl_diag *d;
	unsigned int i, j;
	char *text;

	for (i = 0; (d = sl_diags_get(ds, i)); i++) {
		MUST(sl_explain(d->code));
		MUST(d->message && d->message[0]);
		for (j = 0; j < d->n_labels; j++) {
			const struct sl_place *p = &d->labels[j].place;

			MUST(p->line >= 1 && p->col >= 1);
			MUST(p->text && p->col <= strlen(p->text) + 2);
		}
	}
	text = sl_diags_format(ds, true, "nothing was started");
	MUST(text);
	free(text);
	text = sl_diags_json(ds);
	MUST(text);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sl_diags *ds = sl_diags_new();
	struct sl_tree *t;

	MUST(ds);
	t = parse((const char *)data, size, ds);
	if (t) {
		round_trip(t, sl_tree_print);
		round_trip(t, sl_tree_format);
	}
	check_diags(ds);
	sl_tree_free(t);
	sl_diags_free(ds);
	return 0;
}
