/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpf against libpcap's own tables (../shared/data, skipped when absent):
 *
 *	filter-apply.tsv	what passes of a capture: the number of packets that this
 *				machine's libpcap lets pass, by a loop of its own; the
 *				table's count too where its last column says so
 *	filter-valid.tsv	what must be taken
 *	filter-invalid.tsv	what must be refused. For Ethernet it is refused before
 *				the run; for other links it may have a meaning elsewhere
 *
 * "As libpcap does" is the rule: an expression that is too new for this machine's
 * libpcap must be refused likewise.
 */
#include <errno.h>
#include <pcap/pcap.h>

#include "streamline/streamline.h"
#include "test.h"

#define DIR "../shared/data/captures/libpcap/"

enum { COLS = 6 };

/* The next line of a table, cut at tabs; false at the end. */
static bool next_line(FILE *f, char *line, size_t size, char **col)
{
	char *p = line;

	if (!fgets(line, (int)size, f))
		return false;
	line[strcspn(line, "\n")] = 0;
	for (int i = 0; i < COLS; i++) {
		col[i] = p ? p : line + strlen(line);
		p = p ? strchr(p, '\t') : NULL;
		if (p)
			*p++ = 0;
	}
	return true;
}

static FILE *table(const char *name)
{
	char path[256], line[4096], *col[COLS];
	FILE *f;

	snprintf(path, sizeof(path), DIR "%s", name);
	f = fopen(path, "r");
	if (!f)
		SKIP("needs ../shared/data");
	CHECK(next_line(f, line, sizeof(line), col));	/* headings */
	return f;
}

/* An expression as an SRL string. */
static const char *quoted(const char *s)
{
	static char text[4096];
	size_t at = 0;

	text[at++] = '"';
	for (; *s && at < sizeof(text) - 4; s++) {
		if (strchr("\"\\$", *s))
			text[at++] = '\\';
		text[at++] = *s;
	}
	text[at++] = '"';
	text[at] = 0;
	return text;
}

/* Packets that (bpf) lets pass; -1: refused, -2: the run fails. */
static long ours(const char *capture, const char *expression, const char *netmask)
{
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q = NULL;
	struct sl_plan *p = NULL;
	struct sl_run *r = NULL;
	struct sl_ledger_row row;
	char text[8192];
	long n = -1;

	snprintf(text, sizeof(text), "%s%s%s (bpf %s%s%s) > (null)", capture ? "(pcapin \"" : "(feed) >",
		 capture ? capture : "", capture ? "\") >" : "", quoted(expression),
		 *netmask ? ", netmask=" : "", netmask);
	if (sl_parse(text, NULL, &q, ds) == 0 && sl_plan_new(q, NULL, &p, ds) == 0) {
		n = 0;
		if (capture) {
			CHECK_EQ(sl_run_new(p, &r, ds), 0);
			if (sl_run_wait(r) < 0)
				n = -2;
			else if (sl_run_filter(r, 1, &row) == 0)
				n = (long)row.out.blocks;
		}
	}
	sl_run_free(r);
	sl_plan_free(p);
	sl_request_free(q);
	sl_diags_free(ds);
	return n;
}

static uint32_t mask_of(const char *netmask)
{
	unsigned int a, b, c, d;

	return sscanf(netmask, "%u.%u.%u.%u", &a, &b, &c, &d) == 4 ? d << 24 | c << 16 | b << 8 | a : 0;
}

/* The same by libpcap alone; -1: it does not take it. */
static long theirs(const char *capture, const char *expression, const char *netmask)
{
	char why[PCAP_ERRBUF_SIZE];
	struct bpf_program code;
	struct pcap_pkthdr *h;
	const u_char *data;
	long n = 0;
	pcap_t *pcap = pcap_open_offline(capture, why);

	CHECK(pcap);
	if (pcap_compile(pcap, &code, expression, 1, mask_of(netmask)) < 0) {
		pcap_close(pcap);
		return -1;
	}
	while (pcap_next_ex(pcap, &h, &data) == 1)
		n += pcap_offline_filter(&code, h, data) != 0;
	pcap_freecode(&code);
	pcap_close(pcap);
	return n;
}

TEST(applied)
{
	char line[4096], *col[COLS], path[512];
	FILE *f = table("filter-apply.tsv");
	int compared = 0;

	while (next_line(f, line, sizeof(line), col)) {
		long want, got, passed = 0;

		snprintf(path, sizeof(path), DIR "%s", col[0]);
		want = theirs(path, col[1], col[2]);
		got = ours(path, col[1], col[2]);
		if (want < 0 ? got >= 0 : got != want)
			test_fail(__FILE__, __LINE__, "%s, '%s': %ld, libpcap %ld", col[0], col[1], got, want);
		for (char *p = col[4]; *p; p += strcspn(p, ","), p += *p == ',')
			passed += *p != '0';
		if (!strcmp(col[5], "same count") && got != passed)
			test_fail(__FILE__, __LINE__, "%s, '%s': %ld, not %ld", col[0], col[1], got, passed);
		compared++;
	}
	fclose(f);
	CHECK(compared > 80);
}

/* What this libpcap makes of an expression for a link. */
static bool valid(const char *dlt_name, const char *expression, const char *netmask)
{
	struct bpf_program code;
	int dlt = pcap_datalink_name_to_val(dlt_name);
	pcap_t *pcap = dlt < 0 ? NULL : pcap_open_dead(dlt, 65535);
	bool good;

	if (!pcap)
		return false;
	good = pcap_compile(pcap, &code, expression, 1, mask_of(netmask)) == 0;
	if (good)
		pcap_freecode(&code);
	pcap_close(pcap);
	return good;
}

TEST(taken)
{
	char line[4096], *col[COLS];
	FILE *f = table("filter-valid.tsv");
	int compared = 0, too_new = 0;

	while (next_line(f, line, sizeof(line), col)) {
		/* Names of hosts and networks need the tables that the suite brings. */
		if (*col[3] || strstr(col[4], "example") || !valid(col[1], col[4], col[2])) {
			too_new++;
			continue;
		}
		if (ours(NULL, col[4], col[2]) < 0)
			test_fail(__FILE__, __LINE__, "'%s' (%s) was refused", col[4], col[1]);
		compared++;
	}
	fclose(f);
	CHECK(compared > 800);
	CHECK(too_new < compared / 2);
}

TEST(refused)
{
	char line[4096], *col[COLS];
	FILE *f = table("filter-invalid.tsv");
	int compared = 0;

	while (next_line(f, line, sizeof(line), col)) {
		bool somewhere = false;

		for (int dlt = 0; dlt < 300 && !somewhere; dlt++)
			somewhere = pcap_datalink_val_to_name(dlt) && valid(pcap_datalink_val_to_name(dlt), col[2], "");
		if (somewhere)
			continue;
		if (ours(NULL, col[2], "") >= 0)
			test_fail(__FILE__, __LINE__, "'%s' was taken", col[2]);
		compared++;
	}
	fclose(f);
	CHECK(compared > 10);
}

TEST_MAIN()
