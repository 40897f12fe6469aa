/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ac's kernel form leaves to the C form what it can't decide: together they say of each
 * packet what the C form alone says. Captures of ../shared/data (skipped when absent), at
 * both hooks; patterns that are common there, and all 256 bytes in some.
 */
#include "test.h"

#include <unistd.h>

#include "graph/graph.h"
#include "kern/ask.h"
#include "plan/plan.h"
#include "streamline/streamline.h"

#define DATA "../shared/data/"

static char rules[32];

static void write_rules(void)
{
	FILE *f;

	strcpy(rules, "/tmp/sl-test-kac-XXXXXX");
	f = fdopen(mkstemp(rules), "w");
	CHECK(f);
	fprintf(f, "web: GET /\nweb: HTTP/1.1\nweb: nocase:host:\nname: |03|com|00|\ntls: |16 03|\nends: e\\|\n"
		   "long: User-Agent: Mozilla/5.0\nshort: |ff ff ff|\nbytes: |0d 0a 0d 0a|\n");
	for (unsigned int i = 0; i < 256; i += 8)
		fprintf(f, "all: |%02x %02x %02x %02x %02x %02x %02x %02x|\n", i, i + 1, i + 2, i + 3, i + 4, i + 5,
			i + 6, i + 7);
	fclose(f);
}

struct said {
	uint64_t matched, clean, lost, n, bytes;
	uint32_t sum;		/* of which packets leave by which port, and with which class */
	bool in_kernel, missed;
};

static void add(struct said *s, const struct sl_block *b, const uint8_t *data, unsigned int port)
{
	uint32_t h = b->class + port * 7 + b->len;

	for (uint32_t i = 0; i < b->len; i++)
		h = h * 31 + data[i];
	s->sum = s->sum * 5 + h;
	s->n++;
}

static bool run(const char *source, const char *path, struct said *out)
{
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q = NULL;
	struct sl_plan *p = NULL;
	struct sl_run *r = NULL;
	struct sl_ledger_row row;
	const struct sl_block *b;
	const uint8_t *data;
	char text[3000];
	int n, at, more = 1;

	n = snprintf(text, sizeof(text), source, path);
	snprintf(text + n, sizeof(text) - (size_t)n, " > (ac \"%s\")%s { > (t0: take); -match-> (t1: take) }", rules,
		 strstr(source, "(rx") ? "@kernel" : "");
	*out = (struct said){ 0 };
	if (sl_parse(text, NULL, &q, ds) == 0 && sl_plan_new(q, NULL, &p, ds) == 0 && sl_run_new(p, &r, ds) == 0) {
		for (unsigned int i = 0; i < p->graph->n_nodes; i++)
			out->in_kernel |= p->graph->nodes[i]->in_kernel && !strcmp(p->graph->nodes[i]->name, "ac");
		while (more > 0) {
			more = sl_run_step(r, 0);
			for (at = 0; at < 2; at++) {
				while (sl_take(r, at ? "t1" : "t0", &b, &data) > 0) {
					/* each port in its own order */
					struct said one = { .sum = at ? out->sum >> 16 : out->sum & 0xffff };

					add(&one, b, data, (unsigned int)at);
					out->sum = at ? (out->sum & 0xffff) | one.sum << 16 :
						   (out->sum & 0xffff0000) | (one.sum & 0xffff);
					out->n++;
					out->bytes += b->len;
					sl_take_done(r, at ? "t1" : "t0");
				}
			}
		}
		for (unsigned int i = 0; sl_run_filter(r, i, &row) == 0; i++) {
			out->lost += row.lost.blocks;
			for (unsigned int v = 0; v < row.n_values; v++) {
				if (!strcmp(row.values[v].name, "matched"))
					out->matched = row.values[v].n;
				if (!strcmp(row.values[v].name, "clean"))
					out->clean = row.values[v].n;
				out->missed |= !strcmp(row.values[v].name, "missed") && row.values[v].n;
			}
		}
	}
	more = r ? 1 : 0;
	if (!r) {
		char *why = sl_diags_format(ds, false, "");

		printf("# %s\n", why);
		free(why);
	}
	sl_run_free(r);
	sl_plan_free(p);
	sl_request_free(q);
	sl_diags_free(ds);
	return more;
}

static void compare(const char *source)
{
	FILE *list = fopen(DATA "FILES.tsv", "r");
	char line[2048], path[2200];
	unsigned int n = 0;
	uint64_t matched = 0, clean = 0;
	struct said c, k;

	if (!list)
		SKIP("no ../shared/data here");
	if (!sl_kernel_probe()->works[SL_CAP_BPF])
		SKIP("no programs in the kernel here");
	write_rules();
	CHECK(fgets(line, sizeof(line), list));
	for (unsigned int i = 0; fgets(line, sizeof(line), list); i++) {
		line[strcspn(line, "\t\n")] = 0;
		if (i % 25 || strstr(line, ".gz"))
			continue;
		snprintf(path, sizeof(path), DATA "%s", line);
		if (!run("(pcapin \"%s\")", path, &c) || !run(source, path, &k) || k.missed)
			continue;
		CHECK(k.in_kernel);
		/* a test run at XDP cuts what is longer than a page */
		if (k.n == c.n && k.bytes < c.bytes && strstr(source, "xdp"))
			continue;
		if (c.matched != k.matched || c.clean != k.clean || c.sum != k.sum || c.n != k.n)
			test_fail(__FILE__, __LINE__,
				  "%s: %llu match, %llu do not, %llu lost; with the kernel %llu, %llu, %llu; sums %x %x", line,
				  (unsigned long long)c.matched, (unsigned long long)c.clean, (unsigned long long)c.lost,
				  (unsigned long long)k.matched, (unsigned long long)k.clean, (unsigned long long)k.lost,
				  c.sum, k.sum);
		matched += c.matched;
		clean += c.clean;
		n++;
	}
	fclose(list);
	unlink(rules);
	printf("# %u captures: %llu packets with a pattern, %llu without\n", n, (unsigned long long)matched,
	       (unsigned long long)clean);
	CHECK(n > 10 && matched > 100 && clean > 100);
}

TEST(as_the_c_form_tc) { compare("(rx \"%s\" via=replay)"); }
TEST(as_the_c_form_xdp) { compare("(rx \"%s\" via=replay hook=xdp)"); }

TEST_MAIN()
