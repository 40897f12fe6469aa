/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * segments.h -- TCP segments made here, through (untcp), and what comes out
 *
 *	struct net n;
 *
 *	net_open(&n, "");
 *	net_send(&n, 0, 1000, TCP_SYN, 0, 0);	// from side 0: SYN, number 1000
 *	net_send(&n, 0, 1001, 0, 0, 5);		// five bytes
 *	net_step(&n);
 *	// n.out[0 .. n.n_out - 1] are the blocks
 *	net_close(&n);
 *
 * Byte k of the payload of a segment with sequence number s is net_byte(side,
 * s + k), so that bytes can be told from each other. A segment carries its index
 * in the IP header's id, so that a block can be told whose it is. One second of
 * the clock goes by where net_wait() says so, and a tick follows with the next step.
 */
#ifndef SL_TESTS_SEGMENTS_H
#define SL_TESTS_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "streamline/streamline.h"

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };
enum { NET_MAX = 4096, NET_HEAD = 40 };

struct net_sent {
	uint32_t seq, len, tcp;
	int side;
};

struct net_got {
	uint64_t pos;
	uint32_t len, skip;	/* of the view, and where in the payload it begins */
	uint32_t stream, flags;
	uint16_t index;		/* of the segment */
	int side;		/* who sent it */
	char text[64];		/* the first bytes */
};

struct net {
	struct sl_diags *ds;
	struct sl_run *r;
	uint64_t now_ns;
	uint32_t cut;		/* bytes that the capture leaves out of the next segments */
	uint8_t twist;		/* added to each byte: other bytes for the same place */
	uint16_t port;		/* of side 0 */
	unsigned int n_sent, n_out, n_gap;
	struct net_sent sent[NET_MAX];
	struct net_got out[NET_MAX];
	char gap[4][320];
};

static inline uint8_t net_byte(int side, uint32_t seq)
{
	uint32_t x = seq * 2654435761u + (uint32_t)side * 77;

	return (uint8_t)(x >> 24);
}

/* Parsed and planned; a plan serves any number of runs. */
static inline struct sl_plan *net_plan(const char *args)
{
	struct sl_options o = { .size = sizeof(o) };
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q;
	struct sl_plan *p;
	char text[256];

	snprintf(text, sizeof(text), "(feed) > (untcp%s%s) { > (data: take); -gap-> (gaps: take) }",
		 *args ? ", " : "", args);
	if (!ds || sl_parse(text, NULL, &q, ds) < 0 || sl_plan_new(q, &o, &p, ds) < 0) {
		if (ds)
			fputs(sl_diags_format(ds, false, ""), stderr);
		abort();
	}
	sl_request_free(q);
	sl_diags_free(ds);
	return p;
}

static inline void net_open_plan(struct net *n, const struct sl_plan *p)
{
	memset(n, 0, offsetof(struct net, sent));	/* what is behind is written before it is read */
	memset(n->gap, 0, sizeof(n->gap));
	n->now_ns = 1000000000000ull;
	n->port = 40000;
	n->ds = sl_diags_new();
	if (!n->ds || sl_run_new(p, &n->r, n->ds) < 0) {
		if (n->ds)
			fputs(sl_diags_format(n->ds, false, ""), stderr);
		abort();
	}
}

static inline void net_open(struct net *n, const char *args)
{
	struct sl_plan *p = net_plan(args);

	net_open_plan(n, p);
	sl_plan_free(p);	/* the run has it */
}

static inline void net_be(uint8_t *p, uint32_t v, int n)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

/* One segment; tcp: flags. */
static inline void net_send(struct net *n, int side, uint32_t seq, uint32_t tcp, uint32_t ack, uint32_t len)
{
	struct sl_block meta = { .link = 101, .time_ns = n->now_ns };
	uint8_t *p;
	uint32_t stored;

	if (n->n_sent == NET_MAX || len > 2000)
		return;
	p = calloc(1, NET_HEAD + len);
	p[0] = 0x45;
	net_be(p + 2, NET_HEAD + len, 2);
	net_be(p + 4, n->n_sent, 2);
	p[8] = 64;
	p[9] = 6;
	net_be(p + 12, side ? 0x0a000002 : 0x0a000001, 4);
	net_be(p + 16, side ? 0x0a000001 : 0x0a000002, 4);
	net_be(p + 20, side ? 80 : n->port, 2);
	net_be(p + 22, side ? n->port : 80, 2);
	net_be(p + 24, seq, 4);
	net_be(p + 28, ack, 4);
	p[32] = 0x50;
	p[33] = (uint8_t)tcp;
	for (uint32_t k = 0; k < len; k++)
		p[NET_HEAD + k] = (uint8_t)(net_byte(side, seq + !!(tcp & TCP_SYN) + k) + n->twist);
	n->sent[n->n_sent].seq = seq + !!(tcp & TCP_SYN);
	n->sent[n->n_sent].len = len;
	n->sent[n->n_sent].tcp = tcp;
	n->sent[n->n_sent].side = side;
	n->n_sent++;
	stored = NET_HEAD + len - (n->cut < len ? n->cut : len);
	meta.wire_len = NET_HEAD + len;
	if (sl_feed(n->r, NULL, p, stored, &meta, NULL, NULL) < 0)
		abort();
	free(p);
}

static inline void net_collect(struct net *n)
{
	const struct sl_block *b;
	const uint8_t *data;

	while (sl_take(n->r, "data", &b, &data) > 0) {
		struct net_got *g = &n->out[n->n_out];
		const uint8_t *frame = data - b->head;

		if (n->n_out++ == NET_MAX)
			abort();
		g->pos = b->pos;
		g->len = b->len;
		g->skip = b->head - NET_HEAD;
		g->stream = b->stream;
		g->flags = b->flags & (SL_B_REPLY | SL_B_START | SL_B_END | SL_B_GAP | SL_B_AGAIN | SL_B_CLOSE);
		g->index = (uint16_t)(frame[4] << 8 | frame[5]);
		g->side = frame[15] == 2;
		memcpy(g->text, data, b->len < sizeof(g->text) ? b->len : sizeof(g->text));
		sl_take_done(n->r, "data");
	}
	while (sl_take(n->r, "gaps", &b, &data) > 0) {
		if (n->n_gap < 4)
			snprintf(n->gap[n->n_gap], sizeof(n->gap[0]), "%.*s", (int)b->len, (const char *)data);
		n->n_gap++;
		sl_take_done(n->r, "gaps");
	}
}

static inline void net_step(struct net *n)
{
	sl_run_step(n->r, 0);
	net_collect(n);
}

/* Everything so far is worked on; then the clock moves on. */
static inline void net_wait(struct net *n, uint64_t ms)
{
	net_step(n);
	n->now_ns += ms * 1000000u;
}

/* The end of input; false when the ledger does not add up. */
static inline int net_end(struct net *n)
{
	char *why = NULL;

	sl_feed_end(n->r, NULL);
	if (sl_run_wait(n->r) < 0)
		return 0;
	net_collect(n);
	if (sl_run_verify(n->r, &why) < 0) {
		fprintf(stderr, "%s\n", why);
		free(why);
		return 0;
	}
	return 1;
}

static inline uint64_t net_value(const struct net *n, const char *name)
{
	struct sl_ledger_row row;

	for (unsigned int i = 0; sl_run_filter(n->r, i, &row) == 0; i++) {
		if (strcmp(row.type, "untcp"))
			continue;
		for (unsigned int k = 0; k < row.n_values; k++) {
			if (!strcmp(row.values[k].name, name))
				return row.values[k].n;
		}
	}
	abort();
}

static inline void net_close(struct net *n)
{
	sl_run_free(n->r);
	sl_diags_free(n->ds);
}

#endif
