/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter.c -- a program with a filter of its own
 *
 *	filter CAPTURE
 *
 *	cc filter.c $(pkg-config --cflags --libs streamline) -o filter
 *
 * Read it from the bottom: the descriptor is the table of contents. A filter
 * that is registered is a filter like any other: requests name it, check knows its
 * parameters, and the ledger counts what it does.
 *
 * run: "$PCAP"
 * shows: filtered
 */
#include <stdio.h>
#include <stdlib.h>
#include <streamline/streamline.h>

/*
 * every -- pass one block in n, the first one always
 */
struct every {
	uint32_t n;
	uint32_t skip;			/* blocks still to drop before one passes */
	struct sl_count passed;
};

static const struct sl_param every_params[] = {
	SL_U32(struct every, n, .def = 10, .min = 1, .max = UINT32_MAX, .pos = 1,
	       .help = "pass one block in n"),
	{ }
};

static const struct sl_value every_values[] = {
	SL_COUNT(struct every, passed, .help = "blocks passed"),
	{ }
};

static int every_work(struct sl_filter *f, struct sl_batch *in)
{
	struct every *e = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		if (e->skip) {
			e->skip--;
			sl_drop(f, b);
			continue;
		}
		e->skip = e->n - 1;
		sl_count(&e->passed);
		sl_emit(f, 0, b);
	}
	return 0;
}

static const struct sl_filter_type every = {
	.name	= "every",
	.brief	= "pass one block in n",
	.group	= "select",
	.state	= sizeof(struct every),
	.params	= every_params,
	.values	= every_values,
	.in	= SL_ANY,
	.out	= SL_SAME,
	.work	= every_work,
};

int main(int argc, char **argv)
{
	struct sl_options opts = { .size = sizeof(opts), .read_file = argv[1] };
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *req = NULL;
	struct sl_plan *plan = NULL;
	struct sl_run *run = NULL;
	char *text;
	int r = 1;

	if (argc != 2 || !ds) {
		fprintf(stderr, "filter CAPTURE\n");
		return 2;
	}
	if (sl_register(&every, SL_FILTER_ABI) < 0)
		goto out;
	if (sl_parse("(every 3) > (count)", NULL, &req, ds) < 0 ||
	    sl_plan_new(req, &opts, &plan, ds) < 0 || sl_run_new(plan, &run, ds) < 0) {
		text = sl_diags_format(ds, false, NULL);
	} else {
		r = sl_run_wait(run) < 0;
		text = sl_run_ledger_text(run);
	}
	fputs(text ? text : "out of memory\n", stdout);
	free(text);
out:
	sl_run_free(run);
	sl_plan_free(plan);
	sl_request_free(req);
	sl_diags_free(ds);
	return r;
}
