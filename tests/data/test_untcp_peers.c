/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * untcp against what PcapPlusPlus expects of its captures: the bytes of a connection,
 * both sides, in the order in which they can be given. Skips what is not there
 * (../shared/data). What differs by intent is in docs/differences.md.
 */
#include <unistd.h>

#include "streamline/streamline.h"
#include "test.h"

#define DIR "../shared/data/captures/pcapplusplus/"

struct conn {
	uint32_t flow;
	uint8_t *bytes;
	size_t len;
};

static struct conn conns[64];
static unsigned int n_conns;

static void forget(void)
{
	while (n_conns)
		free(conns[--n_conns].bytes);
}

static void add(uint32_t flow, const uint8_t *p, size_t len)
{
	struct conn *c = conns;

	while (c < conns + n_conns && c->flow != flow)
		c++;
	if (c == conns + n_conns) {
		CHECK(n_conns < 64);
		*c = (struct conn){ .flow = flow };
		n_conns++;
	}
	c->bytes = realloc(c->bytes, c->len + len + 1);
	if (len)
		memcpy(c->bytes + c->len, p, len);
	c->len += len;
}

/* The connections of a capture, by `text` behind it. */
static void reassemble(const char *capture, const char *text)
{
	struct sl_options o = { .size = sizeof(o) };
	struct sl_diags *ds = sl_diags_new();
	const struct sl_block *b;
	struct sl_request *q;
	struct sl_plan *p;
	struct sl_run *r;
	const uint8_t *data;
	char path[256], *why = NULL;
	FILE *f;

	forget();
	snprintf(path, sizeof(path), "%s%s", *capture == '/' ? "" : DIR, capture);
	f = fopen(path, "rb");
	if (!f)
		SKIP("needs ../shared/data");
	fclose(f);
	o.read_file = path;
	CHECK_EQ(sl_parse(text, NULL, &q, ds), 0);
	CHECK_EQ(sl_plan_new(q, &o, &p, ds), 0);
	CHECK_EQ(sl_run_new(p, &r, ds), 0);
	CHECK_EQ(sl_run_wait(r), 0);
	CHECK_EQ(sl_run_verify(r, &why), 0);
	while (sl_take(r, NULL, &b, &data) > 0) {
		add(b->stream >> 1, data, b->len);
		sl_take_done(r, NULL);
	}
	sl_run_free(r);
	sl_plan_free(p);
	sl_request_free(q);
	sl_diags_free(ds);
}

/* One of the connections has the bytes of a file. */
static void same(const char *name)
{
	static uint8_t want[1 << 20];
	char path[256];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), DIR "%s", name);
	f = fopen(path, "rb");
	if (!f)
		SKIP("needs ../shared/data");
	len = fread(want, 1, sizeof(want), f);
	fclose(f);
	for (unsigned int i = 0; i < n_conns; i++) {
		if (conns[i].len == len && !memcmp(conns[i].bytes, want, len))
			return;
	}
	test_fail(__FILE__, __LINE__, "no connection has the bytes of %s", name);
}

/* Write a capture anew with packet `from` taken out (to < 0) or put at place `to`. */
static const char *moved(const char *capture, int from, int to)
{
	static uint8_t bytes[1 << 20];
	static char path[64];
	struct { size_t at, len; } packet[4096], taken = { 0, 0 };
	size_t len, at;
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), DIR "%s", capture);
	f = fopen(path, "rb");
	if (!f)
		SKIP("needs ../shared/data");
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	for (at = 24; at + 16 <= len; n++) {	/* a pcap file of this machine's byte order */
		uint32_t stored;

		memcpy(&stored, bytes + at + 8, 4);
		packet[n].at = at;
		packet[n].len = 16 + stored;
		at += 16 + stored;
	}
	taken.at = packet[from].at;
	taken.len = packet[from].len;
	memmove(&packet[from], &packet[from + 1], (size_t)(n - from - 1) * sizeof(packet[0]));
	n--;
	snprintf(path, sizeof(path), "/tmp/sl-untcp-XXXXXX");
	f = fdopen(mkstemp(path), "wb");
	CHECK(f);
	fwrite(bytes, 1, 24, f);
	for (int i = 0; i <= n; i++) {
		if (i == to)
			fwrite(bytes + taken.at, 1, taken.len, f);
		if (i < n)
			fwrite(bytes + packet[i].at, 1, packet[i].len, f);
	}
	fclose(f);
	return path;
}

#define UNTCP "(tcp) > (untcp) > (take)"

TEST(one_stream)
{
	reassemble("one_tcp_stream.pcap", UNTCP);
	CHECK_EQ(n_conns, 1);
	same("one_tcp_stream_output.txt");
}

TEST(sequence_numbers_that_wrap)
{
	reassemble("one_tcp_stream_max_seq.pcap", UNTCP);
	CHECK_EQ(n_conns, 1);
	same("one_tcp_stream_output.txt");
}

TEST(ended_by_fin)
{
	reassemble("one_http_stream_fin.pcap", UNTCP);
	same("one_http_stream_fin_output.txt");
}

TEST(ended_by_fin2)
{
	reassemble("one_http_stream_fin2.pcap", UNTCP);
	same("one_http_stream_fin2_output.txt");
}

TEST(ended_by_rst)
{
	reassemble("one_http_stream_rst.pcap", UNTCP);
	same("one_http_stream_rst_output.txt");
}

/* The peer gives up at a FIN what is missing before it; here it may come after. */
TEST(late_after_fin)
{
	const char *path = moved("one_http_stream_fin2.pcap", 6, 12);

	reassemble(path, UNTCP);
	unlink(path);
	same("one_http_stream_fin2_output.txt");
}

/* Whichever packet comes three places later, or twenty, or first: the same bytes. Both sides
 * may take turns at other places then, so each side is looked at by itself. */
TEST(any_packet_moved)
{
	static const char *const one_side[] = { "(tcp) -80-> (untcp) > (take)", "(sourceport) -80-> (untcp) > (take)" };

	for (int side = 0; side < 2; side++) {
		uint8_t *whole;
		size_t len;

		reassemble("one_tcp_stream.pcap", one_side[side]);
		CHECK_EQ(n_conns, 1);
		len = conns[0].len;
		whole = malloc(len + 1);
		memcpy(whole, conns[0].bytes, len);
		for (int from = 3; from < 30; from++) {
			static const int by[] = { 3, 20, -100 };

			if (from == 16)		/* a keep-alive: its byte is not the stream's */
				continue;
			for (int k = 0; k < 3; k++) {
				int to = from + by[k] < 3 ? 3 : from + by[k] > 35 ? 35 : from + by[k];
				const char *path = moved("one_tcp_stream.pcap", from, to);

				reassemble(path, one_side[side]);
				unlink(path);
				CHECK_EQ(n_conns, 1);
				CHECK_EQ(conns[0].len, len);
				CHECK(!memcmp(conns[0].bytes, whole, len));
			}
		}
		free(whole);
	}
}

TEST(three_streams)
{
	reassemble("three_http_streams.pcap", UNTCP);
	same("three_http_streams_conn_1_output.txt");
	same("three_http_streams_conn_2_output.txt");
	same("three_http_streams_conn_3_output.txt");
}

TEST_MAIN()
