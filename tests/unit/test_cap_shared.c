/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Captures of other projects (../shared/data, skipped when absent), judged by
 * libpcap and Wireshark: every record's time, lengths and bytes.
 *
 * libpcap is asked first, through its public calls. It refuses pcapng files
 * with several link types, snap lengths or byte orders; those go to tshark.
 * Where they see less than we do, it is one of
 *
 *	cut to the snap length	libpcap gives no more of a record than the file
 *				header's snap length; we give what is stored
 *	odd times		more microseconds than a second has (files under fuzz/
 *				and timestamp_invalid_*) overflow in libpcap and carry over in ours
 */
#include "cap/cap.h"
#include "test.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <unistd.h>
#include <zlib.h>

#define DATA "../shared/data/"

static uint8_t *load(const char *name, size_t *len)
{
	size_t room = 1 << 16;
	uint8_t *p = malloc(room);
	gzFile g = gzopen(name, "rb");
	int n;

	*len = 0;
	while (g && (n = gzread(g, p + *len, (unsigned int)(room - *len))) > 0) {
		*len += (size_t)n;
		if (*len == room)
			p = realloc(p, room *= 2);
	}
	if (g)
		gzclose(g);
	return p;
}

/* All our records of a file; *r is how it ended. */
static struct sl_cap_rec *ours(const uint8_t *p, size_t len, size_t *n, int *r)
{
	struct sl_cap *c = sl_cap_new();
	struct sl_cap_rec *rec = malloc(16 * sizeof(*rec));
	size_t room = 16, off = 0, used;

	*n = 0;
	while ((*r = sl_cap_next(c, p + off, len - off, true, &rec[*n], &used)) == 1) {
		rec[*n].off += off;
		off += used;
		if (++*n == room)
			rec = realloc(rec, (room *= 2) * sizeof(*rec));
	}
	sl_cap_free(c);
	return rec;
}

/* false: libpcap gave up for a reason of its own; `why` has it. */
static bool libpcap_agrees(const char *name, const uint8_t *p, size_t len,
			   const struct sl_cap_rec *rec, size_t n, int r, char *why)
{
	FILE *f = fmemopen((void *)(uintptr_t)p, len, "rb");
	char err[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pc = f ? pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, err) : NULL;
	struct pcap_pkthdr *h;
	const u_char *data;
	size_t i = 0;
	int e;

	if (!pc) {
		snprintf(why, 256, "%s", err);
		if (f)
			fclose(f);
		return false;
	}
	while ((e = pcap_next_ex(pc, &h, &data)) == 1) {
		uint64_t t = (uint64_t)(uint32_t)h->ts.tv_sec * 1000000000 + (uint64_t)(uint32_t)h->ts.tv_usec;
		bool cut;

		if (i == n)
			test_fail(__FILE__, __LINE__, "%s: libpcap has more than our %zu records", name, n);
		cut = h->caplen == (uint32_t)pcap_snapshot(pc) && rec[i].cap_len > h->caplen;
		if ((!cut && h->caplen != rec[i].cap_len) || h->len != rec[i].wire_len ||
		    memcmp(data, p + rec[i].off, h->caplen) ||
		    (t != rec[i].time_ns && !strstr(name, "/fuzz/") && !strstr(name, "timestamp_invalid")))
			test_fail(__FILE__, __LINE__, "%s: record %zu differs from libpcap's: %u/%u bytes at %llu, "
				  "ours %u/%u at %llu", name, i, h->caplen, h->len, (unsigned long long)t,
				  rec[i].cap_len, rec[i].wire_len, (unsigned long long)rec[i].time_ns);
		i++;
	}
	snprintf(why, 256, "%s", pcap_geterr(pc));
	pcap_close(pc);
	if (e == -2) {
		if (i != n || r != 0)
			test_fail(__FILE__, __LINE__, "%s: libpcap ends well after %zu records, we after %zu with %d",
				  name, i, n, r);
		return true;
	}
	return r < 0 && i == n;		/* both stopped there */
}

/* One line a record: time, stored and wire length. */
static void tshark_agrees(const char *name, const struct sl_cap_rec *rec, size_t n, const char *why)
{
	char cmd[4096], line[256];
	size_t i = 0;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "tshark -nr '%s' -T fields -e frame.time_epoch -e frame.cap_len "
		 "-e frame.len 2>/dev/null", name);
	f = popen(cmd, "r");
	while (f && fgets(line, sizeof(line), f)) {
		char mine[256];

		if (i == n && line[0] == '\t')
			continue;
		if (i == n)
			test_fail(__FILE__, __LINE__, "%s: tshark has more than our %zu records (libpcap: %s)",
				  name, n, why);
		if (rec[i].flags & SL_CAP_NO_TIME)
			snprintf(mine, sizeof(mine), "\t%u\t%u\n", rec[i].cap_len, rec[i].wire_len);
		else
			snprintf(mine, sizeof(mine), "%llu.%09llu\t%u\t%u\n",
				 (unsigned long long)rec[i].time_ns / 1000000000,
				 (unsigned long long)rec[i].time_ns % 1000000000,
				 rec[i].cap_len, rec[i].wire_len);
		/* Custom blocks are records without a time to Wireshark, not packets to us. */
		if (strcmp(line, mine) && line[0] == '\t')
			continue;
		if (strcmp(line, mine))
			test_fail(__FILE__, __LINE__, "%s: record %zu: tshark has %s ours is %s", name, i, line, mine);
		i++;
	}
	if (f)
		pclose(f);
	if (i != n)
		test_fail(__FILE__, __LINE__, "%s: tshark has %zu records, we have %zu (libpcap: %s)", name, i, n, why);
}

TEST(shared_captures_agree_with_libpcap_and_wireshark)
{
	FILE *list = fopen(DATA "FILES.tsv", "r");
	bool tshark = !system("command -v tshark >/dev/null 2>&1");
	unsigned int by_libpcap = 0, by_tshark = 0;
	char line[2048];

	if (!list)
		SKIP("no ../shared/data here");
	if (!fgets(line, sizeof(line), list))
		SKIP("an empty FILES.tsv");
	while (fgets(line, sizeof(line), list)) {
		char name[sizeof(line) + sizeof(DATA)], why[256], *end = NULL, *field[5] = { line };
		struct sl_cap_rec *rec;
		unsigned long told;
		size_t len, n;
		uint8_t *p;
		int r;

		for (int i = 1; i < 5; i++) {
			field[i] = strchr(field[i - 1], '\t');
			CHECK(field[i]);
			*field[i]++ = '\0';
		}
		snprintf(name, sizeof(name), DATA "%s", field[0]);
		p = load(name, &len);
		rec = ours(p, len, &n, &r);
		told = strtoul(field[4], &end, 10);
		if (r == -EPROTO) {
			CHECK(strstr(name, ".snoop"));
		} else {
			/* "?": the origin has no count for it */
			if (end != field[4] && n != told)
				test_fail(__FILE__, __LINE__, "%s: %zu records, and the origin has %lu", name, n, told);
			if (*end != '?' && r != 0)
				test_fail(__FILE__, __LINE__, "%s: ends with %d", name, r);
			if (libpcap_agrees(name, p, len, rec, n, r, why)) {
				by_libpcap++;
			} else if (tshark) {
				tshark_agrees(name, rec, n, why);
				by_tshark++;
			}
		}
		free(rec);
		free(p);
	}
	fclose(list);
	printf("# %u files by libpcap, %u by tshark\n", by_libpcap, by_tshark);
	CHECK(by_libpcap > 800);
}

TEST_MAIN()
