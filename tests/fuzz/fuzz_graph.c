/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_graph -- any text as a request, through parser and graph builder
 *
 * Nothing outside is looked at. What builds must print as a request that builds
 * to a graph of the same size and prints the same; what does not must have errors
 * with codes that have a page. The first byte chooses the options.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

#define MUST(cond) do { if (!(cond)) { fprintf(stderr, "fuzz_graph: %s\n", #cond); abort(); } } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sl_graph *build(const char *text, size_t len, const struct sl_build_opts *o,
			      struct sl_diags *ds)
{
	struct sl_source *src = sl_source_new("<arg>", text, len);
	struct sl_graph *g = NULL;
	struct sl_tree *t = NULL;

	MUST(src);
	if (sl_tree_parse(src, &t, ds) == 0) {
		sl_graph_build(t, o, &g, ds);
		sl_tree_free(t);
	}
	sl_source_put(src);
	MUST((g != NULL) == (sl_diags_errors(ds) == 0));
	return g;
}

static bool too_deep(const struct sl_diags *ds)
{
	const struct sl_diag *d = sl_diags_get(ds, 0);

	return d && !strcmp(d->code, "E020");
}

static void print_and_build(const struct sl_graph *g, const struct sl_build_opts *o, bool all)
{
	struct sl_build_opts plain = { .no_env = true };
	struct sl_diags *ds = sl_diags_new();
	char *text = sl_graph_print(g, all), *again;
	struct sl_graph *back;

	MUST(text);
	back = build(text, strlen(text), all ? &plain : o, ds);
	if (!back && !too_deep(ds)) {
		char *why = sl_diags_format(ds, false, NULL);

		fprintf(stderr, "printed as:\n%s\nwhich is refused:\n%s\n", text, why);
		abort();
	}
	if (back) {
		if (back->n_nodes != g->n_nodes || back->n_streams != g->n_streams)
			fprintf(stderr, "printed as:\n%s\n", text);
		MUST(back->n_nodes == g->n_nodes);
		MUST(back->n_streams == g->n_streams);
		again = sl_graph_print(back, all);
		if (!again || strcmp(text, again))
			fprintf(stderr, "first:\n%s\nthen:\n%s\n", text, again ? again : "");
		MUST(again && !strcmp(text, again));
		free(again);
		sl_graph_free(back);
	}
	free(text);
	sl_diags_free(ds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const files[] = { "a.pcap", "b c.pcap", NULL };
	struct sl_build_opts o = { .no_env = true };
	const char *text = (const char *)data;
	struct sl_diags *ds;
	struct sl_graph *g;
	unsigned int i;
	char *told;

	if (!size || size > 4096)
		return 0;
	o.need_source = data[0] & 1;
	o.read_files = data[0] & 2 ? files : NULL;
	/* a used file would be one more input, and not ours */
	for (i = 1; i + 3 <= size; i++)
		if (!memcmp(text + i, "use", 3))
			return 0;
	ds = sl_diags_new();
	MUST(ds);
	g = build(text + 1, size - 1, &o, ds);
	for (i = 0; i < sl_diags_count(ds); i++)
		MUST(sl_explain(sl_diags_get(ds, i)->code));
	told = sl_diags_format(ds, false, "nothing was started");
	MUST(told);
	free(told);
	if (g && g->n_nodes) {
		print_and_build(g, &o, false);
		print_and_build(g, &o, true);
	}
	sl_graph_free(g);
	sl_diags_free(ds);
	return 0;
}
