/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * count.c -- run a request and read its ledger
 *
 *	count CAPTURE [REQUEST]
 *
 *	cc count.c $(pkg-config --cflags --libs streamline) -o count
 *
 * run: "$PCAP"
 * shows: the ledger adds up
 */
#include <stdio.h>
#include <stdlib.h>
#include <streamline/streamline.h>

/* What the library has to say to people it puts here; printing is up to us. */
static int say(const struct sl_diags *ds)
{
	char *text = sl_diags_format(ds, false, "nothing was started");

	fputs(text ? text : "out of memory", stderr);
	free(text);
	return 2;
}

int main(int argc, char **argv)
{
	const char *text = argc > 2 ? argv[2] : "(tcp) { -80-> (web: count); -else-> (rest: count) }";
	struct sl_options opts = { .size = sizeof(opts), .read_file = argv[1] };
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *req = NULL;
	struct sl_plan *plan = NULL;
	struct sl_run *run = NULL;
	struct sl_ledger_row row;
	char *why = NULL;
	int r = 1;

	if (argc < 2 || !ds) {
		fprintf(stderr, "count CAPTURE [REQUEST]\n");
		goto out;
	}
	if (sl_parse(text, NULL, &req, ds) < 0 || sl_plan_new(req, &opts, &plan, ds) < 0 ||
	    sl_run_new(plan, &run, ds) < 0) {
		r = say(ds);
		goto out;
	}
	if (sl_run_wait(run) < 0)
		say(sl_run_diags(run));

	for (unsigned int i = 0; !sl_run_filter(run, i, &row); i++)
		printf("%-8s %8llu in %8llu out %8llu filtered %4llu lost\n", row.name,
		       (unsigned long long)row.in.blocks, (unsigned long long)row.out.blocks,
		       (unsigned long long)row.filtered.blocks, (unsigned long long)row.lost.blocks);
	r = sl_run_verify(run, &why) < 0;
	printf("the ledger %s%s\n", r ? "is wrong: " : "adds up", why ? why : "");
out:
	free(why);
	sl_run_free(run);
	sl_plan_free(plan);
	sl_request_free(req);
	sl_diags_free(ds);
	return r;
}
