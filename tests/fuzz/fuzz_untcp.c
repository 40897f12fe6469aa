/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_untcp -- any sequence of segments of a few flows, through (untcp)
 *
 * The input is read as steps of five bytes: whose segment, flags, where it lies in
 * its stream, how long it is, how much time goes by. The bytes of a stream are a
 * function of their place, so that wherever they come out it can be told that they
 * belong there; some segments carry other bytes, which is told by their index.
 * Whatever comes in, it must hold that
 *
 *	as many blocks come out as went in, each segment once (one that holds other
 *	bytes on both sides of a kept one may come twice)
 *	places never go back, and jump only where a gap is marked
 *	the bytes in view are the segment's own, at the place that its number says
 *	a direction has one begin and, but for RST, one end, and nothing but empty
 *	blocks behind it
 *	the ledger adds up
 */
#include "../unit/segments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) do { if (!(cond)) { fprintf(stderr, "line %d: %s\n", __LINE__, #cond); abort(); } } while (0)

enum { FLOWS = 3, STREAMS = 512 };

struct stream {
	uint32_t id;
	uint64_t pos;
	uint32_t first;		/* sequence number of place 0 */
	bool begun, based, over;
};

static struct net n;
static struct stream streams[STREAMS];

static struct stream *stream_of(uint32_t id)
{
	for (int i = 0; i < STREAMS; i++) {
		if (!streams[i].begun || streams[i].id == id) {
			streams[i].id = id;
			return &streams[i];
		}
	}
	abort();
}

static void check_block(const struct net_got *g, const uint8_t *twist)
{
	struct stream *s = stream_of(g->stream);
	const struct net_sent *from = &n.sent[g->index];
	uint32_t seq = from->seq + g->skip;

	MUST(g->side == from->side);
	MUST(!(g->flags & SL_B_START) == s->begun);
	s->begun = true;
	if (g->flags & SL_B_AGAIN) {
		MUST(!g->len);
	} else {
		MUST(g->pos >= s->pos);
		MUST(g->pos == s->pos || g->flags & SL_B_GAP);
		s->pos = g->pos + g->len;
	}
	if (s->over)
		MUST(!g->len && !(g->flags & SL_B_END));
	if (g->flags & SL_B_END && !(from->tcp & TCP_RST))
		s->over = true;
	if (!g->len)
		return;
	MUST(g->skip + g->len <= from->len);
	if (!s->based) {
		s->based = true;
		s->first = seq - (uint32_t)g->pos;
	}
	MUST(seq - (uint32_t)g->pos == s->first);
	for (uint32_t k = 0; k < g->len && k < sizeof(g->text); k++)
		MUST((uint8_t)g->text[k] == (uint8_t)(net_byte(from->side, seq + k) + twist[g->index]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const args[] = {
		"", "hold=1KiB", "memory=2KiB", "flows=2", "timeout=5s, gap_after=1s", "settle=3",
		"hold=4KiB, memory=8KiB, gap_after=0s", "settle=1, timeout=1s",
	};
	static struct sl_plan *plans[8];	/* made once: an input is about segments only */
	static uint8_t twist[NET_MAX], seen[NET_MAX];
	uint32_t base[FLOWS][2];

	if (size < 2 || size > 2000)
		return 0;
	memset(streams, 0, sizeof(streams));
	memset(twist, 0, sizeof(twist));
	memset(seen, 0, sizeof(seen));
	if (!plans[data[0] & 7])
		plans[data[0] & 7] = net_plan(args[data[0] & 7]);
	net_open_plan(&n, plans[data[0] & 7]);
	for (int i = 0; i < FLOWS; i++) {
		base[i][0] = data[0] & 8 ? 0xffffff00u : 1000;
		base[i][1] = data[0] & 16 ? 0x7fffff80u : 5000;
	}
	for (size_t at = 1; at + 5 <= size; at += 5) {
		uint32_t flow = data[at] & 3, side = data[at] >> 2 & 1;
		uint32_t flags = data[at + 1] & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);
		uint32_t seq, ack, len = data[at + 3] & 63;

		if (flow == 3)
			flow = 0;
		if (data[at] & 8)	/* mostly: plain data */
			flags = TCP_ACK;
		if (data[at] & 16 && data[at + 4] & 128) {	/* another connection of the same ports */
			base[flow][0] += 0x30000000u;
			base[flow][1] += 0x50000000u;
		}
		seq = base[flow][side] + data[at + 2] * 4u - (data[at + 2] > 250 ? 2000 : 0);
		if (data[at + 2] == 250)
			seq += 0x10000000u + data[at + 3];
		if (flags & TCP_SYN)
			seq = base[flow][side] - 1;
		ack = base[flow][!side] + (data[at + 1] & 0x60) * 4u;
		n.port = (uint16_t)(40000 + flow);
		n.cut = data[at] & 32 && data[at + 4] & 64 ? 20 : 0;
		n.twist = data[at] & 64 ? 1 : 0;
		twist[n.n_sent] = n.twist;
		net_send(&n, (int)side, seq, flags, ack, len);
		if (data[at + 4] & 32)
			net_wait(&n, (uint64_t)(data[at + 4] & 31) * 100);
	}
	MUST(net_end(&n));
	MUST(n.n_out >= n.n_sent);
	for (unsigned int i = 0; i < n.n_out; i++) {
		seen[n.out[i].index]++;
		check_block(&n.out[i], twist);
	}
	for (unsigned int i = 0; i < n.n_sent; i++)
		MUST(seen[i] >= 1);
	MUST(n.n_out - n.n_sent <= net_value(&n, "conflicts"));
	net_close(&n);
	return 0;
}
