/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flows: when a flow is over and what is told of it; and that its kernel form tells the same of
 * all captures in ../shared/data (skipped when absent, or when bpf() is not permitted).
 */
#include "test.h"

#include <errno.h>

#include "graph/graph.h"
#include "kern/ask.h"
#include "plan/plan.h"
#include "streamline/streamline.h"

#define DATA "../shared/data/"
#define SECOND 1000000000ull

struct rig {
	struct sl_diags *ds;
	struct sl_plan *plan;
	struct sl_run *run;
};

static bool rig_open(struct rig *g, const char *text)
{
	struct sl_request *q = NULL;

	*g = (struct rig){ .ds = sl_diags_new() };
	if (sl_parse(text, NULL, &q, g->ds) < 0 || sl_plan_new(q, NULL, &g->plan, g->ds) < 0 ||
	    sl_run_new(g->plan, &g->run, g->ds) < 0) {
		sl_request_free(q);
		return false;
	}
	sl_request_free(q);
	return true;
}

static void rig_close(struct rig *g)
{
	sl_run_free(g->run);
	sl_plan_free(g->plan);
	sl_diags_free(g->ds);
}

/* TCP from port `sp` of 10.0.0.1 to port 80 of 10.0.0.2, or back. */
static void packet(struct rig *g, uint64_t time_ns, unsigned int sp, bool back, uint8_t flags)
{
	uint8_t p[54] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0,
			  10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0, 1, 0 };
	struct sl_block meta = { .link = 1, .wire_len = sizeof(p), .time_ns = time_ns };

	p[34] = (uint8_t)(sp >> 8);
	p[35] = (uint8_t)sp;
	p[47] = flags;
	if (back) {
		p[29] = 2, p[33] = 1;
		p[36] = p[34], p[37] = p[35];
		p[34] = 0, p[35] = 80;
	}
	CHECK_EQ(sl_feed(g->run, NULL, p, sizeof(p), &meta, NULL, NULL), 0);
}

/* All records, one after the other, each with a newline; to be freed. */
static char *records(struct rig *g, bool feed)
{
	char *all = calloc(1, 1), *more;
	size_t len = 0, size = 1;
	const struct sl_block *b;
	const uint8_t *data;
	int r = 1;

	if (feed)
		sl_feed_end(g->run, NULL);
	while (r > 0) {
		r = sl_run_step(g->run, 0);
		while (sl_take(g->run, NULL, &b, &data) > 0) {
			if (size < len + b->len + 2) {
				size = 2 * (len + b->len + 2);
				more = realloc(all, size);
				CHECK(more);
				all = more;
			}
			memcpy(all + len, data, b->len);
			len += b->len;
			all[len++] = '\n';
			all[len] = 0;
			sl_take_done(g->run, NULL);
		}
	}
	return all;
}

static unsigned int count(const char *in, const char *what)
{
	unsigned int n = 0;

	for (; (in = strstr(in, what)); in += strlen(what))
		n++;
	return n;
}

TEST(times_out)
{
	struct rig g;
	char *r;

	CHECK(rig_open(&g, "(feed) > (flows idle=5s active=1min) -flow-> (take)"));
	packet(&g, 100 * SECOND, 1000, false, 2);
	packet(&g, 101 * SECOND, 1000, true, 18);
	packet(&g, 107 * SECOND, 1000, false, 16);	/* another one: 6 s later */
	for (unsigned int i = 0; i < 20; i++)
		packet(&g, (110 + 4 * i) * SECOND, 1001, i & 1, 16);	/* on for 76 s */
	r = records(&g, true);
	CHECK_EQ(count(r, "\n"), 4);
	CHECK_EQ(count(r, "\"reason\":\"timeout\""), 2);
	CHECK_EQ(count(r, "\"reason\":\"active\""), 1);
	CHECK_EQ(count(r, "\"reason\":\"forced\""), 1);
	CHECK(strstr(r, "\"src_ip\":\"10.0.0.1\",\"src_port\":1000,\"dest_ip\":\"10.0.0.2\",\"dest_port\":80,\"proto\":\"TCP\""));
	CHECK(strstr(r, "\"pkts_toserver\":1,\"pkts_toclient\":1,\"bytes_toserver\":40,\"bytes_toclient\":40,"
			"\"start\":\"1970-01-01T00:01:40.000000+0000\",\"end\":\"1970-01-01T00:01:41.000000+0000\",\"age\":1,"
			"\"state\":\"established\",\"reason\":\"timeout\"}"));
	CHECK(strstr(r, "\"tcp_flags\":\"12\",\"tcp_flags_ts\":\"02\",\"tcp_flags_tc\":\"12\""));
	free(r);
	rig_close(&g);
}

TEST(closes)
{
	struct rig g;
	char *r;

	CHECK(rig_open(&g, "(feed) > (flows) -flow-> (take)"));
	for (unsigned int i = 0; i < 3; i++) {	/* the same ports again at once */
		packet(&g, 10 * SECOND + i * 1000, 1000, false, 2);
		packet(&g, 10 * SECOND + i * 1000 + 1, 1000, false, 17);
		packet(&g, 10 * SECOND + i * 1000 + 2, 1000, true, 17);
		packet(&g, 10 * SECOND + i * 1000 + 3, 1000, false, 16);
	}
	packet(&g, 13 * SECOND, 1001, false, 4);
	r = records(&g, true);
	CHECK_EQ(count(r, "\n"), 4);
	CHECK_EQ(count(r, "\"pkts_toserver\":3,\"pkts_toclient\":1"), 3);
	CHECK_EQ(count(r, "\"reason\":\"shutdown\""), 3);
	free(r);
	rig_close(&g);
}

TEST(evicts)
{
	struct rig g;
	char *r;

	CHECK(rig_open(&g, "(feed) > (flows flows=16) -flow-> (take)"));
	for (unsigned int i = 0; i < 40; i++)
		packet(&g, 10 * SECOND + i, 1000 + i, false, 16);
	r = records(&g, true);
	CHECK_EQ(count(r, "\n"), 40);
	CHECK_EQ(count(r, "\"reason\":\"evicted\""), 24);
	CHECK(strstr(r, "\"src_port\":1000") < strstr(r, "\"src_port\":1001"));
	free(r);
	rig_close(&g);
}

/* Sum of a number over all records. */
static uint64_t sum(const char *in, const char *key)
{
	uint64_t n = 0;

	for (; (in = strstr(in, key)); in += strlen(key))
		n += strtoull(in + strlen(key), NULL, 10);
	return n;
}

/* Some thousand flows begin, go on, pause, close and come again, on places that others had. */
TEST(tells_each_packet_once)
{
	const unsigned int n = 8000;
	unsigned int seed = 1, last = 0;
	char before[40] = "", now[40], *r;
	struct rig g;

	CHECK(rig_open(&g, "(feed) > (flows idle=3s active=20s flows=256) -flow-> (take)"));
	for (unsigned int i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		packet(&g, 10 * SECOND + i * 10000000ull, 1000 + (seed >> 16) % (i < n / 2 ? 60 : 300),
		       seed >> 8 & 1, seed >> 9 & 7 ? 16 : 17);
	}
	r = records(&g, true);
	CHECK_EQ(sum(r, "\"pkts_toserver\":") + sum(r, "\"pkts_toclient\":"), n);
	CHECK_EQ(sum(r, "\"bytes_toserver\":") + sum(r, "\"bytes_toclient\":"), 40ull * n);
	CHECK(count(r, "\"reason\":\"timeout\"") > 100 && count(r, "\"reason\":\"active\"") > 10 &&
	      count(r, "\"reason\":\"evicted\"") > 10 && count(r, "\"reason\":\"shutdown\"") > 10);
	for (const char *p = r; (p = strstr(p, "{\"timestamp\":\"")); p++) {
		snprintf(now, sizeof(now), "%.26s", p + 14);
		if (!strncmp(strstr(p, "\"reason\"") + 10, "forced", 6))
			continue;	/* told when they last were seen, not in the row of those that ended */
		CHECK(strcmp(before, now) <= 0);
		snprintf(before, sizeof(before), "%s", now);
		last++;
	}
	CHECK(last > 100);
	free(r);
	rig_close(&g);
}

/* What a source gives, or NULL and why not. */
static char *told(const char *source, const char *file, bool *in_kernel)
{
	char text[2400], *r;
	struct rig g;

	snprintf(text, sizeof(text), source, file);
	if (!rig_open(&g, text)) {
		rig_close(&g);
		return NULL;
	}
	*in_kernel = false;
	for (unsigned int i = 0; i < g.plan->graph->n_nodes; i++)
		*in_kernel |= g.plan->graph->nodes[i]->in_kernel && !strcmp(g.plan->graph->nodes[i]->name, "flows");
	r = records(&g, false);
	for (unsigned int i = 0; ; i++) {
		struct sl_ledger_row row;

		if (sl_run_filter(g.run, i, &row) < 0)
			break;
		/* the kernel does not take all frames that way: no comparison */
		for (unsigned int v = 0; v < row.n_values; v++)
			if (!strcmp(row.values[v].name, "missed") && row.values[v].n) {
				free(r);
				r = NULL;
				break;
			}
		if (!r)
			break;
	}
	rig_close(&g);
	return r;
}

TEST(kernel_tells_the_same)
{
	FILE *list = fopen(DATA "FILES.tsv", "r");
	char line[2048], path[2200], *c, *k;
	unsigned int n = 0, lines = 0, slow = test_slow();
	bool in_kernel;

	if (!list)
		SKIP("no ../shared/data here");
	if (!sl_kernel_probe()->works[SL_CAP_BPF])
		SKIP("no programs in the kernel here");
	CHECK(fgets(line, sizeof(line), list));
	for (unsigned int i = 0; fgets(line, sizeof(line), list); i++) {
		line[strcspn(line, "\t\n")] = 0;
		if (i % (20 * slow) || strstr(line, ".gz"))
			continue;
		snprintf(path, sizeof(path), DATA "%s", line);
		c = told("(pcapin \"%s\") > (flows flows=256 idle=2s) -flow-> (take)", path, &in_kernel);
		k = told("(rx \"%s\" via=replay) > (flows flows=256 idle=2s) -flow-> (take)", path, &in_kernel);
		/* packets without a time have the kernel's */
		if (c && k && !strstr(c, "\"1970-01-01")) {
			CHECK(in_kernel);
			if (strcmp(c, k))
				test_fail(__FILE__, __LINE__, "%s: the records differ:\n%s---\n%s", line, c, k);
			n++;
			lines += count(c, "\n");
		}
		free(c);
		free(k);
	}
	fclose(list);
	printf("# %u captures, %u flows\n", n, lines);
	CHECK(n > 20 / slow);
}

TEST_MAIN()
