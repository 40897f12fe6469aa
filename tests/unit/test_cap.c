/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The capture file reader and writer, on files made here. */
#include "cap/cap.h"
#include "cap_make.h"
#include "test.h"

#include <errno.h>
#include <unistd.h>

#define MAX_REC 64

struct seen {
	unsigned int n;
	int r;				/* what ended it */
	uint64_t err_off, good;
	char why[256];
	struct sl_cap_rec rec[MAX_REC];	/* offsets made absolute */
	struct sl_cap_iface iface[MAX_REC];
};

/*
 * Read `len` bytes as they would come from a pipe in pieces of `piece`. Each
 * show is a heap copy of just the bytes shown, so that a sanitizer sees any
 * read beyond.
 */
static void read_all(const uint8_t *p, size_t len, size_t piece, struct seen *s)
{
	struct sl_cap *c = sl_cap_new();
	size_t start = 0, have = piece < len ? piece : len, used = 0;
	unsigned int calls = 0;
	const char *why;

	memset(s, 0, sizeof(*s));
	for (;;) {
		struct sl_cap_rec rec;
		uint8_t *copy = malloc(have - start + 1);

		if (have > start)
			memcpy(copy, p + start, have - start);
		s->r = sl_cap_next(c, copy, have - start, have == len, &rec, &used);
		free(copy);
		if (used > have - start || ++calls > 3 * len + 100) {
			s->r = 99;	/* ran away */
			break;
		}
		if (s->r == 1) {
			if (rec.off + rec.cap_len > used || rec.whole_off + rec.whole_len != used ||
			    rec.off < rec.whole_off || s->n == MAX_REC) {
				s->r = 98;
				break;
			}
			if (sl_cap_iface(c, rec.iface))
				s->iface[s->n] = *sl_cap_iface(c, rec.iface);
			rec.off += start;
			rec.whole_off += start;
			s->rec[s->n++] = rec;
		}
		start += used;
		if (s->r < 0 || (s->r == 0 && have == len))
			break;
		if (s->r == 0) {
			if (have - start >= sl_cap_want(c)) {
				s->r = 97;	/* has what it wanted */
				break;
			}
			have += piece < len - have ? piece : len - have;
		}
	}
	why = sl_cap_error(c, &s->err_off, &s->good);
	snprintf(s->why, sizeof(s->why), "%s", why ? why : "");
	sl_cap_free(c);
}

static bool frame_is(const struct made *m, const struct sl_cap_rec *r, unsigned int n)
{
	for (size_t i = 0; i < r->cap_len; i++)
		if (m->p[r->off + i] != (uint8_t)(n * 31 + i))
			return false;
	return true;
}

/* Four small frames in a pcap file of the kind. */
enum { USUAL, LONG_HEADER, OLD_ORDER, IXIA };

static void four(struct made *m, bool big, int kind, uint32_t magic, int major, int minor)
{
	m->big = big;
	made_pcap(m, magic, major, minor, 1);
	if (kind == IXIA)
		made_int(m, 4 * 16 + 60 + 1 + 0 + 17, 4);
	for (unsigned int i = 0; i < 4; i++) {
		static const uint32_t cap[4] = { 60, 1, 0, 17 }, wire[4] = { 60, 100, 9, 17 };

		if (kind == OLD_ORDER)
			made_rec(m, 1000 + i, 7 + i, wire[i], cap[i]);
		else
			made_rec(m, 1000 + i, 7 + i, cap[i], wire[i]);
		if (kind == LONG_HEADER)
			made_int(m, 0x0102030405060708, 8);
		made_frame(m, i, cap[i]);
	}
}

static void check_four(const struct made *m, uint32_t frac_ns, size_t piece)
{
	static const uint32_t cap[4] = { 60, 1, 0, 17 }, wire[4] = { 60, 100, 9, 17 };
	struct seen s;

	read_all(m->p, m->len, piece, &s);
	CHECK_STR(s.why, "");
	CHECK_EQ(s.r, 0);
	CHECK_EQ(s.n, 4);
	for (unsigned int i = 0; i < 4; i++) {
		CHECK_EQ(s.rec[i].cap_len, cap[i]);
		CHECK_EQ(s.rec[i].wire_len, wire[i]);
		CHECK_EQ(s.rec[i].time_ns, (1000 + i) * 1000000000ull + (7 + i) * frac_ns);
		CHECK_EQ(s.rec[i].linktype, 1);
		CHECK_EQ(s.rec[i].flags, frac_ns == 1 ? SL_CAP_NANO : 0);
		CHECK_EQ(s.iface[i].snaplen, 65535);
		CHECK(frame_is(m, &s.rec[i], i));
	}
}

static const struct {
	uint32_t magic;
	int kind, major, minor;
	uint32_t frac_ns;
} kinds[] = {
	{ 0xa1b2c3d4, USUAL, 2, 4, 1000 },
	{ 0xa1b23c4d, USUAL, 2, 4, 1 },
	{ 0xa1b2cd34, LONG_HEADER, 2, 4, 1000 },
	{ 0xa1b2c3d4, OLD_ORDER, 2, 2, 1000 },
	{ 0xa1b2c3d4, OLD_ORDER, 2, 0, 1000 },
	{ 0xa1b2c3d4, OLD_ORDER, 543, 0, 1000 },
	{ 0xa1b2c3d4, USUAL, 2, 3, 1000 },	/* 2.3 as it should be */
	{ 0xa1b2c3d4, OLD_ORDER, 2, 3, 1000 },	/* and as some wrote it */
	{ 0x1c0001ac, IXIA, 2, 4, 1 },
	{ 0x1c0001ab, IXIA, 2, 4, 1000 },
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

TEST(pcap_of_every_kind)
{
	for (unsigned int k = 0; k < 2 * N_KINDS; k++) {
		static const size_t pieces[] = { 1, 7, 40, 100000 };
		struct made m = { 0 };

		four(&m, k & 1, kinds[k / 2].kind, kinds[k / 2].magic, kinds[k / 2].major,
		     kinds[k / 2].minor);
		for (unsigned int i = 0; i < 4; i++)
			check_four(&m, kinds[k / 2].frac_ns, pieces[i]);
		made_free(&m);
	}
}

TEST(pcap_link_type_field)
{
	static const struct { uint32_t field; int linktype, fcs; } t[] = {
		{ 1, 1, 0 }, { 0x24000001, 1, 4 }, { 0x10000001, 1, 0 }, { 0x14000069, 105, 2 },
		{ 12, 101, 0 }, { 101, 101, 0 }, { 276, 276, 0 },
	};

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct made m = { 0 };
		struct seen s;

		made_pcap(&m, 0xa1b2c3d4, 2, 4, t[i].field);
		made_rec(&m, 1, 1, 4, 4);
		made_frame(&m, 0, 4);
		read_all(m.p, m.len, m.len, &s);
		CHECK_EQ(s.n, 1);
		CHECK_EQ(s.rec[0].linktype, t[i].linktype);
		CHECK_EQ(s.rec[0].fcs_len, t[i].fcs);
		made_free(&m);
	}
}

TEST(pcap_odd_values)
{
	struct made m = { 0 };
	struct seen s;

	/* Unsigned seconds, a fraction of more than a second, more stored than there was. */
	made_pcap(&m, 0xa1b2c3d4, 2, 4, 1);
	made_rec(&m, 0xffffffff, 4000000, 8, 3);
	made_frame(&m, 0, 8);
	read_all(m.p, m.len, 3, &s);
	CHECK_EQ(s.r, 0);
	CHECK_EQ(s.n, 1);
	CHECK_EQ(s.rec[0].time_ns, 0xffffffffull * 1000000000 + 4000000000ull);
	CHECK_EQ(s.rec[0].cap_len, 8);
	CHECK_EQ(s.rec[0].wire_len, 3);
	made_free(&m);
}

static void section(struct made *m, bool big, unsigned int n)
{
	made_section(m, big);
	made_iface(m, 1, 0, -1, 0, "eth0");			/* microseconds */
	made_begin(m, 0x0bad);					/* something unknown */
	made_bytes(m, "unknown!", 8);
	made_end(m);
	made_iface(m, 113, 40, 9, 0, NULL);			/* nanoseconds */
	made_iface(m, 101, 0, 0x80 | 10, 5, "a name that is longer than thirty-one bytes");
	made_iface(m, 101, 0, 3, -2, "");
	made_iface(m, 101, 0, 12, 0, "ps");
	made_epb(m, 0, 1000000ull * 77 + 3, n, 33, 1500, 1);
	made_epb(m, 1, 1000000000ull * 78 + 4, n + 1, 40, 41, 2 | 4 << 5);
	made_epb(m, 2, 1024 * 79 + 512, n + 2, 4, 4, -1);
	made_begin(m, 3);					/* simple */
	made_int(m, 21, 4);
	made_frame(m, n + 3, 21);
	made_pad(m);
	made_end(m);
	made_begin(m, 2);					/* obsolete */
	made_int(m, 3, 2);
	made_int(m, 0xffff, 2);
	made_int(m, 0, 4);
	made_int(m, 80123, 4);
	made_int(m, 2, 4);
	made_int(m, 2, 4);
	made_frame(m, n + 4, 2);
	made_pad(m);
	made_end(m);
	made_epb(m, 4, 81000000000000ull + 999, n + 5, 0, 0, 0);
	made_begin(m, 5);					/* statistics */
	made_int(m, 0, 4);
	made_int(m, 0, 8);
	made_end(m);
}

static void check_section(const struct made *m, const struct seen *s, unsigned int at,
			  unsigned int base)
{
	const struct sl_cap_rec *r = s->rec + at;
	static const uint64_t ns[6] = { 77000003000, 78000000004, 84500000000, 0, 78123000000,
					81000000000 };
	static const int linktype[6] = { 1, 113, 101, 1, 101, 101 };
	static const int cap[6] = { 33, 40, 4, 21, 2, 0 }, wire[6] = { 1500, 41, 4, 21, 2, 0 };
	static const int iface[6] = { 0, 1, 2, 0, 3, 4 };
	static const int flags[6] = { SL_CAP_IN, SL_CAP_OUT | SL_CAP_NANO, 0, SL_CAP_NO_TIME, 0,
				      SL_CAP_NANO };

	for (unsigned int i = 0; i < 6; i++) {
		CHECK_EQ(r[i].time_ns, ns[i]);
		CHECK_EQ(r[i].linktype, linktype[i]);
		CHECK_EQ(r[i].cap_len, cap[i]);
		CHECK_EQ(r[i].wire_len, wire[i]);
		CHECK_EQ(r[i].iface, base + iface[i]);
		CHECK_EQ(r[i].flags, flags[i]);
		CHECK_EQ(r[i].fcs_len, i == 1 ? 4 : 0);
		CHECK(frame_is(m, &r[i], at + i));
	}
	CHECK_STR(s->iface[at].name, "eth0");
	CHECK_STR(s->iface[at + 2].name, "a name that is longer than thir");
}

TEST(pcapng_sections_of_both_orders)
{
	static const size_t pieces[] = { 1, 5, 33, 1000, 1000000 };
	struct made m = { 0 };

	section(&m, false, 0);
	section(&m, true, 6);
	section(&m, true, 12);
	section(&m, false, 18);
	for (unsigned int i = 0; i < 5; i++) {
		struct seen s;

		read_all(m.p, m.len, pieces[i], &s);
		CHECK_STR(s.why, "");
		CHECK_EQ(s.r, 0);
		CHECK_EQ(s.n, 24);
		for (unsigned int k = 0; k < 4; k++)
			check_section(&m, &s, 6 * k, 5 * k);
	}
	made_free(&m);
}

TEST(pcapng_clocks)
{
	static const struct { int resol; int64_t offset; uint64_t ticks, ns; } t[] = {
		{ 0, 0, 3, 3000000000 },
		{ 6, 1, 5, 1000005000 },
		{ 19, 0, 10000000000000000000ull, 1000000000 },
		{ 127, 0, UINT64_MAX, 0 },
		{ 0x80, 0, 7, 7000000000 },
		{ 0x80 | 32, 0, 0x180000000ull, 1500000000 },
		{ 0x80 | 63, 0, UINT64_MAX, 1999999999 },
		{ 0x80 | 127, 0, UINT64_MAX, 0 },
		{ 9, -10, 5, 0 },				/* before 1970 */
		{ 9, INT64_MIN, 5, 0 },
		{ 0, INT64_MAX, UINT64_MAX, UINT64_MAX },	/* beyond 2554 */
		{ 0, 0, UINT64_MAX, UINT64_MAX },
	};

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct made m = { 0 };
		struct seen s;

		made_section(&m, i & 1);
		made_iface(&m, 1, 0, t[i].resol, t[i].offset, NULL);
		made_epb(&m, 0, t[i].ticks, 0, 4, 4, -1);
		read_all(m.p, m.len, m.len, &s);
		CHECK_EQ(s.n, 1);
		CHECK_EQ(s.rec[0].time_ns, t[i].ns);
		made_free(&m);
	}
}

/* The sample files that are cut and bent below. */
static unsigned int samples(struct made *m)
{
	unsigned int n = 0;

	for (unsigned int k = 0; k < 2 * N_KINDS; k++)
		four(&m[n++], k & 1, kinds[k / 2].kind, kinds[k / 2].magic, kinds[k / 2].major,
		     kinds[k / 2].minor);
	section(&m[n], false, 0);
	section(&m[n++], true, 6);
	section(&m[n++], true, 0);
	return n;
}

TEST(cut_at_every_byte)
{
	struct made m[2 * N_KINDS + 2] = { 0 };
	unsigned int n = samples(m);

	for (unsigned int k = 0; k < n; k++) {
		struct seen all, s;

		read_all(m[k].p, m[k].len, m[k].len, &all);
		CHECK_EQ(all.r, 0);
		for (size_t cut = 0; cut < m[k].len; cut++) {
			for (size_t piece = 1; piece < 1000; piece = piece * 9 + 8) {
				unsigned int whole = 0;

				read_all(m[k].p, cut, piece, &s);
				while (whole < all.n && all.rec[whole].whole_off + all.rec[whole].whole_len <= cut)
					whole++;
				CHECK_EQ(s.n, whole);
				CHECK(!memcmp(s.rec, all.rec, whole * sizeof(s.rec[0])));
				if (cut < 4 && cut)
					CHECK_EQ(s.r, -EPROTO);
				else
					CHECK(s.r == 0 || s.r == -ENODATA);
				if (s.r) {
					CHECK_EQ(s.good, whole);
					CHECK(s.err_off <= cut);
					CHECK(s.why[0]);
				}
			}
		}
	}
	while (n)
		made_free(&m[--n]);
}

/* Any byte may be anything: no reading beyond, no running away, an error in words. */
TEST(bent_at_every_byte)
{
	static const uint8_t bend[] = { 0x00, 0xff, 0x80, 0x01 };
	struct made m[2 * N_KINDS + 2] = { 0 };
	unsigned int n = samples(m);

	for (unsigned int k = 0; k < n; k++) {
		for (size_t at = 0; at < m[k].len; at++) {
			for (unsigned int b = 0; b < sizeof(bend); b++) {
				uint8_t was = m[k].p[at];
				struct seen s;

				m[k].p[at] = b < 3 ? bend[b] : was ^ bend[b];
				read_all(m[k].p, m[k].len, b & 1 ? 13 : m[k].len, &s);
				m[k].p[at] = was;
				CHECK(s.r <= 0);
				CHECK(s.r == 0 || s.why[0]);
			}
		}
	}
	while (n)
		made_free(&m[--n]);
}

TEST(lengths_beyond_belief)
{
	struct made m = { 0 };
	struct seen s;

	four(&m, false, USUAL, 0xa1b2c3d4, 2, 4);
	made_rec(&m, 1, 1, 262145, 262145);
	read_all(m.p, m.len, 10, &s);
	CHECK_EQ(s.n, 4);
	CHECK_EQ(s.r, -EBADMSG);
	CHECK_EQ(s.err_off, m.len - 16);
	CHECK_EQ(s.good, 4);
	CHECK_STR(s.why, "record 5 says it holds 262145 bytes, and no packet here has more than 262144");
	made_free(&m);

	/* D-Bus messages may be larger. */
	made_pcap(&m, 0xa1b2c3d4, 2, 4, 231);
	made_rec(&m, 1, 1, 300000, 300000);
	made_frame(&m, 0, 300000);
	read_all(m.p, m.len, 100000, &s);
	CHECK_EQ(s.r, 0);
	CHECK_EQ(s.n, 1);
	made_free(&m);

	made_section(&m, true);
	made_iface(&m, 1, 0, -1, 0, NULL);
	made_begin(&m, 6);
	made_end(&m);
	made_at(&m, m.block + 4, 0x7ffffff0, 4);
	read_all(m.p, m.len, m.len, &s);
	CHECK_EQ(s.r, -EBADMSG);
	CHECK_EQ(s.err_off, m.block);
	made_free(&m);

	made_section(&m, true);
	made_epb(&m, 0, 1, 0, 4, 4, -1);
	read_all(m.p, m.len, m.len, &s);
	CHECK_EQ(s.r, -EBADMSG);
	CHECK_STR(s.why, "record 1 is of interface 0, and this section has described 0");
	made_free(&m);
}

/* A block of 4 GiB that nobody needs is never asked for. */
TEST(skipped_blocks_need_no_buffer)
{
	struct made m = { 0 };
	struct sl_cap *c = sl_cap_new();
	struct sl_cap_rec rec;
	static uint8_t zero[65536];
	uint64_t left = 0xfffffff0 - 8 - 4;
	size_t used;

	made_section(&m, false);
	made_int(&m, 0x0bad, 4);
	made_int(&m, 0xfffffff0, 4);
	CHECK_EQ(sl_cap_next(c, m.p, m.len, false, &rec, &used), 0);
	CHECK_EQ(used, 28);
	made_int(&m, 0, 4);	/* 12 bytes of a block are looked at */
	CHECK_EQ(sl_cap_next(c, m.p + 28, 12, false, &rec, &used), 0);
	CHECK_EQ(used, 12);
	left -= 4;
	while (left) {
		size_t n = left < sizeof(zero) ? left : sizeof(zero);

		CHECK_EQ(sl_cap_next(c, zero, n, false, &rec, &used), 0);
		CHECK_EQ(used, n);
		CHECK(sl_cap_want(c) <= 4);
		left -= n;
	}
	m.len = 0;
	made_int(&m, 0xfffffff0, 4);
	made_iface(&m, 1, 0, -1, 0, NULL);
	made_epb(&m, 0, 1, 0, 4, 4, -1);
	CHECK_EQ(sl_cap_next(c, m.p, m.len, true, &rec, &used), 1);
	CHECK_EQ(rec.cap_len, 4);
	CHECK_EQ(used, m.len);
	sl_cap_free(c);
	made_free(&m);
}

TEST(interfaces_are_bounded)
{
	struct made m = { 0 };
	struct seen s;

	made_section(&m, false);
	for (unsigned int i = 0; i < SL_CAP_MAX_IFACES; i++) {
		made_begin(&m, 1);
		made_int(&m, 1, 8);
		made_end(&m);
	}
	read_all(m.p, m.len, m.len, &s);
	CHECK_EQ(s.r, 0);
	made_begin(&m, 1);
	made_int(&m, 1, 8);
	made_end(&m);
	read_all(m.p, m.len, m.len, &s);
	CHECK_EQ(s.r, -EBADMSG);
	made_free(&m);
}

/* Options that lie about their length end the list and cost no packet. */
TEST(broken_options_are_ignored)
{
	struct made m = { 0 };
	struct seen s;

	made_section(&m, false);
	made_begin(&m, 1);
	made_int(&m, 1, 4);
	made_int(&m, 0, 4);
	made_int(&m, 9, 2);
	made_int(&m, 60000, 2);
	made_int(&m, 9, 4);
	made_end(&m);
	made_begin(&m, 6);
	made_int(&m, 0, 12);
	made_int(&m, 4, 4);
	made_int(&m, 4, 4);
	made_frame(&m, 0, 4);
	made_int(&m, 2, 2);
	made_int(&m, 40, 2);
	made_int(&m, 1, 4);
	made_end(&m);
	made_begin(&m, 6);
	made_int(&m, 0, 12);
	made_int(&m, 4, 4);
	made_int(&m, 4, 4);
	made_frame(&m, 1, 4);
	made_int(&m, UINT32_MAX, 4);
	made_end(&m);
	read_all(m.p, m.len, 9, &s);
	CHECK_STR(s.why, "");
	CHECK_EQ(s.n, 2);
	CHECK_EQ(s.rec[0].flags, 0);
	CHECK(frame_is(&m, &s.rec[1], 1));
	made_free(&m);
}

TEST(others_are_refused_by_name)
{
	static const struct { const char *bytes; size_t len; const char *word; } t[] = {
		{ "snoop\0\0\0\0\0\0\2\0\0\0\4", 16, "snoop" },
		{ "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8, "gzip" },
		{ "\x28\xb5\x2f\xfd\x04\x00", 6, "zstd" },
		{ "BZh91AY&SY", 10, "bzip2" },
		{ "\xa1\xb2\x34\xcd\x00\x02\x00\x04", 8, "a1b234cd" },
		{ "\x4d\x3c\x2b\xa1\x02\x00\x04\x00", 8, "Navtel" },
		{ "GET / HTTP/1.0\r\n", 16, "text" },
		{ "RTSS\0\0", 6, "Network Monitor" },
		{ "\0\0\0\0\0\0\x01\x60\x02\x04\x00\x14\0\0\0\0abcd"
		  "\0\0\0\0\1\0\x01\x60\x02\x04\x00\x10\0\0\0\0", 36, "ERF" },
		{ "\x00\x01\x02\x03\x04\x05", 6, "00 01 02 03" },
		{ "ab", 2, "2 bytes" },
	};
	struct made m = { 0 };
	struct seen s;

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		read_all((const uint8_t *)t[i].bytes, t[i].len, 3, &s);
		CHECK_EQ(s.r, -EPROTO);
		if (!strstr(s.why, t[i].word))
			CHECK_STR(s.why, t[i].word);
	}
	read_all(NULL, 0, 1, &s);
	CHECK_EQ(s.r, -ENODATA);
	made_pcap(&m, 0xa1b2c3d4, 3, 0, 1);
	read_all(m.p, m.len, 5, &s);
	CHECK_EQ(s.r, -EBADMSG);
	CHECK(strstr(s.why, "3.0"));
	made_free(&m);
}

/* What the writer makes of a few records; `second`: link type of pcapng's other interface. */
static size_t write_all(uint8_t *to, size_t size, bool ng, bool nano, int second)
{
	size_t n = 0, k;

	if (ng) {
		n += sl_cap_put_section(to, size, "streamline", "made by a test");
		n += sl_cap_put_iface(to + n, size - n, 1, 65535, nano, "eth0", 0);
		n += sl_cap_put_iface(to + n, size - n, second, 65535, nano, NULL, 4);
	} else {
		sl_cap_put_file(to, 1, 262144, nano, 0);
		n = SL_CAP_FILE_HDR;
	}
	for (unsigned int i = 0; i < 9; i++) {
		uint64_t t = 1700000000123456789ull + i;

		if (ng) {
			sl_cap_put_epb(to + n, i & 1, t, nano, i * 7, 1000 + i, i % 3);
			n += SL_CAP_EPB_HDR;
		} else {
			sl_cap_put_rec(to + n, t, i * 7, 1000 + i, nano);
			n += SL_CAP_REC_HDR;
		}
		for (k = 0; k < i * 7; k++)
			to[n++] = (uint8_t)(i * 31 + k);
		if (ng)
			n += sl_cap_put_epb_tail(to + n, i * 7, i % 3);
	}
	if (ng) {
		struct sl_cap_stats st = { .time_ns = 1700000001000000000ull, .nano = nano,
					   .received = 9, .dropped = 2, .comment = "the end" };

		n += sl_cap_put_stats(to + n, size - n, 1, &st);
	}
	return n;
}

TEST(written_and_read_back)
{
	for (unsigned int k = 0; k < 4; k++) {
		static uint8_t to[4096];
		bool ng = k & 1, nano = k & 2;
		struct made m = { .p = to };
		struct seen s;

		m.len = write_all(to, sizeof(to), ng, nano, 101);
		read_all(to, m.len, 11, &s);
		CHECK_STR(s.why, "");
		CHECK_EQ(s.r, 0);
		CHECK_EQ(s.n, 9);
		for (unsigned int i = 0; i < 9; i++) {
			uint64_t t = 1700000000123456789ull + i;

			CHECK_EQ(s.rec[i].time_ns, nano ? t : t / 1000 * 1000);
			CHECK_EQ(s.rec[i].cap_len, i * 7);
			CHECK_EQ(s.rec[i].wire_len, 1000 + i);
			CHECK_EQ(s.rec[i].flags, (ng ? i % 3 : 0) | (nano ? SL_CAP_NANO : 0));
			CHECK_EQ(s.rec[i].linktype, ng && i & 1 ? 101 : 1);
			CHECK_EQ(s.rec[i].fcs_len, ng && i & 1 ? 4 : 0);
			CHECK(frame_is(&m, &s.rec[i], i));
		}
	}
}

TEST(writer_keeps_to_its_room)
{
	struct sl_cap_stats st = { .received = UINT64_MAX, .dropped = 3, .comment = "abc" };

	for (size_t size = 0; size < 120; size++) {
		uint8_t *to = malloc(size + 1);
		size_t a, b, c;

		to[size] = 0x5a;
		a = sl_cap_put_section(to, size, "app", "some words");
		b = sl_cap_put_iface(to, size, 1, 0, true, "lo", 4);
		c = sl_cap_put_stats(to, size, 0, &st);
		CHECK(a <= size && b <= size && c <= size);
		CHECK_EQ(a, size < 56 ? 0 : 56);
		CHECK_EQ(b, size < 48 ? 0 : 48);
		CHECK_EQ(c, size < 48 ? 0 : 48);
		CHECK_EQ(to[size], 0x5a);
		free(to);
	}
}

/* Years that a pcap file has no room for become its last second. */
TEST(times_beyond_pcap)
{
	uint8_t to[16];
	uint32_t s;

	sl_cap_put_rec(to, UINT64_MAX, 0, 0, false);
	memcpy(&s, to, 4);
	CHECK_EQ(s, UINT32_MAX);
}

/* tcpdump is the judge of what we write. */
TEST(tcpdump_reads_it)
{
	static uint8_t to[4096];
	char name[] = "/tmp/test_cap.XXXXXX", cmd[300], line[300];

	if (system("command -v tcpdump >/dev/null 2>&1"))
		SKIP("no tcpdump here");
	for (unsigned int k = 0; k < 4; k++) {
		/* libpcap refuses a second link type in one file */
		size_t n = write_all(to, sizeof(to), k & 1, k & 2, 1);
		int fd = mkstemp(name), lines = 0;
		FILE *f;

		CHECK(fd >= 0);
		CHECK_EQ(write(fd, to, n), n);
		close(fd);
		snprintf(cmd, sizeof(cmd), "tcpdump --nano -tt -nr %s 2>&1", name);
		f = popen(cmd, "r");
		while (fgets(line, sizeof(line), f))
			lines += !strncmp(line, "[Invalid header: caplen==0]", 27) ||
				 !strncmp(line, k & 2 ? "1700000000.12345678" : "1700000000.123456000", 18);
		pclose(f);
		unlink(name);
		strcpy(name, "/tmp/test_cap.XXXXXX");
		CHECK_EQ(lines, 9);
	}
}

TEST_MAIN()
