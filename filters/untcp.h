/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * untcp.h -- what the parts of untcp share
 *
 *	untcp.c		the descriptor; which flow a packet belongs to, what its
 *			flags mean for the flow; ticks and the end
 *	untcp-table.c	flows by addresses and ports, and when they are forgotten
 *	untcp-stream.c	one direction: order, holes, overlaps; all blocks leave here
 *
 * A flow is two directions: 0 from the side that opened it, 1 from the other. The
 * first cache line of a flow has all that a segment in order needs; what is
 * touched when something is out of the ordinary lies behind it.
 *
 * A direction goes through these; what stands left of it leads there:
 *
 *	nothing		new record
 *	tentative	a segment without SYN: it is kept, the lowest sequence
 *			number of the first ones will be byte 0
 *	known		SYN, SYN|ACK of the other side, tentative ones settled
 *	over		FIN reached in order, or RST: nothing is new any more
 *
 * never back, but for one: who sends on after its own RST, right where it was, is
 * not over; somebody else sent the RST. A SYN that opens the ports' next flow makes a
 * new record.
 *
 * What is always true of a direction:
 *
 * - kept segments lie in the order of their begins, those with bytes disjoint, all
 *   beyond `next` when it is known
 * - `next` is the sequence number of byte `pos` of the stream
 * - a direction has something kept if and only if it is in the waiting list
 */
#ifndef FILTERS_UNTCP_H
#define FILTERS_UNTCP_H

#include "filter.h"

enum dir_flag {
	D_KNOWN		= 1 << 0,	/* next is right */
	D_SYN		= 1 << 1,	/* isn is right */
	D_STARTED	= 1 << 2,	/* a block with SL_B_START has left */
	D_SEEN		= 1 << 3,	/* a packet of this direction came */
	D_FIN		= 1 << 4,	/* fin is right */
	D_OVER		= 1 << 5,	/* a block with SL_B_END has left */
	D_GAP		= 1 << 6,	/* the next block follows a gap */
	D_HELD		= 1 << 7,	/* segments are kept */
	D_HINT		= 1 << 8,	/* not known, but next was seen in a bare ACK */
	D_AGAIN_SYN	= 1 << 9,	/* cand is right: a SYN that fits nowhere */
	D_DUE		= 1 << 10,	/* picked by a tick */
	D_RESET		= 1 << 11,	/* over by its own RST */
	D_CALM		= D_KNOWN | D_STARTED | D_SEEN,
};

enum flow_flag {
	F_V6		= 1 << 0,
	F_CLOSED	= 1 << 1,	/* a block with SL_B_CLOSE has left */
	F_EXPIRED	= 1 << 2,	/* picked by a tick, to be forgotten */
	F_PICKED	= 1 << 3,	/* in the list of due flows */
};

#define NONE	UINT32_MAX		/* no flow, end of a list */

/* A segment that waits for what comes before it. */
struct held {
	struct sl_block *b;
	struct held *prev, *next;
	uint64_t came_ns;		/* its time */
	uint32_t seq;			/* of its first byte that is still wanted */
	uint32_t skip;			/* bytes of its payload in front of that */
	uint32_t len;			/* bytes from there that are stored */
	uint32_t cut;			/* bytes behind them that the capture cut off */
	uint8_t tcp;			/* flags FIN and RST of the segment */
};

struct dir {
	struct held *first, *last;
	uint64_t since_ns;		/* tick at which it began to wait; 0: since then none */
	uint64_t cost;			/* bytes of memory that what is kept stands for */
	uint32_t wait_prev, wait_next;	/* waiting list: flow << 1 | direction */
	uint32_t n_held;
	uint32_t isn, fin, cand;
	uint32_t far_next;		/* where a segment far off would be continued */
	uint32_t far_n;			/* how often it was, in a row */
};

struct flow {
	uint64_t addrs;			/* v4: source and destination as in the packet */
	uint32_t ports;
	uint32_t hash;			/* the table's: see sl_untcp_hash() */
	uint64_t last_seq;		/* number of its latest packet in the source's order */
	uint64_t pos[2];
	uint32_t next[2];
	uint32_t id;
	uint32_t grain;			/* of its latest packet's time */
	uint16_t dflags[2];
	uint8_t flags;

	_Alignas(64) struct dir dir[2];
	uint8_t addrs6[32];
	uint32_t wheel_prev, wheel_next;
	uint32_t bucket;
	uint32_t flow_hash;		/* of its packets: for records */
};

struct slot {
	uint32_t hash;
	uint32_t flow;			/* NONE: free */
};

enum { SLAB_FLOWS = 512, WHEEL = 64, GRAINS = 32 /* at most, to a time-out */ };

struct untcp {
	/* parameters */
	uint64_t hold, memory, flows;
	int64_t gap_after, timeout;
	uint32_t settle;

	/* values */
	struct sl_count opened, segments, retransmitted, out_of_order, overlaps, conflicts;
	struct sl_count gaps, gap_bytes, evicted, timeouts, ignored, held_peak;

	/* untcp-table.c */
	struct slot *slots;
	uint32_t n_slots, shift;
	uint64_t secret[4];
	struct flow **slabs;
	uint32_t n_slabs, n_used, n_flows, free_flow;
	uint32_t wheel[WHEEL];
	uint64_t grain;			/* of the latest tick */
	unsigned int grain_shift;	/* a grain is 2^grain_shift ns */

	/* untcp-stream.c */
	uint64_t now_ns;		/* of the latest tick */
	uint64_t time_ns;		/* of the latest packet or tick: for gap records */
	uint64_t held_cost;
	uint32_t wait_first, wait_last;
	struct held *free_held;
	struct held **held_chunks;
	uint32_t n_held_chunks;

	/* untcp.c: flows that a tick or the end gives blocks of */
	uint32_t *due;
	uint32_t n_due, due_size;
	bool no_memory;
};

/* Where a packet belongs, as read from its headers. */
struct segment {
	struct sl_block *b;
	uint32_t hash;		/* in the table of flows */
	uint32_t seq, ack;
	uint32_t len;		/* bytes of payload that are stored */
	uint32_t cut;		/* bytes behind them that are not */
	uint8_t tcp;
};

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

static inline struct flow *flow_at(const struct untcp *u, uint32_t i)
{
	return &u->slabs[i / SLAB_FLOWS][i % SLAB_FLOWS];
}

/* ---- untcp-table.c ------------------------------------------------ */

int sl_untcp_table_open(struct untcp *u);
void sl_untcp_table_close(struct untcp *u);

static inline uint32_t grain_of(const struct untcp *u, uint64_t time_ns)
{
	return (uint32_t)(time_ns >> u->grain_shift);
}

/* A packet of the flow came. Clocks of captures may step back; flows don't. */
static inline void flow_touch(const struct untcp *u, struct flow *fl, uint64_t time_ns)
{
	uint32_t grain = grain_of(u, time_ns);

	if ((int32_t)(grain - fl->grain) > 0)
		fl->grain = grain;
}

/* Bring the slot, then the flow, of a packet with this hash into the cache. */
static inline uint32_t slot_of(const struct untcp *u, uint32_t hash)
{
	return hash * 0x9e3779b1u >> u->shift;
}

void sl_untcp_prefetch_flow(const struct untcp *u, uint32_t hash);

/* Hash of a TCP packet's addresses and ports, the same for both directions and
 * another one in each run: who makes the packets can't choose it. */
uint32_t sl_untcp_hash(const struct untcp *u, const struct sl_block *b, const uint8_t *frame);

/* The flow of a packet with this hash, and its direction in it; NONE when there is no such. */
uint32_t sl_untcp_find(const struct untcp *u, const struct sl_block *b, const uint8_t *frame,
		       uint32_t hash, int *dir);

/*
 * A record for the flow of this packet, which runs in direction `dir`. There must be
 * room (n_flows < flows). NONE: out of memory.
 */
uint32_t sl_untcp_add(struct untcp *u, struct sl_block *b, const uint8_t *frame, uint32_t hash, int dir);

/* Clear a record for another flow with the same addresses and ports, of which the
 * opener's packets ran in direction `opener` of the old one. */
void sl_untcp_renew(struct untcp *u, uint32_t i, int opener);

/* Nothing of it may be kept any more. */
void sl_untcp_forget(struct untcp *u, uint32_t i);

/* It is forgotten sooner from now on. */
void sl_untcp_closed(struct untcp *u, uint32_t i);

/* A flow that has been idle for about the longest time. */
uint32_t sl_untcp_idlest(struct untcp *u);

/* Let time pass: calls expired() for each flow whose time is over, which may forget
 * that flow, now or later, and add none. */
void sl_untcp_pass(struct untcp *u, uint64_t now_ns, void (*expired)(void *arg, uint32_t i), void *arg);

/* ---- untcp-stream.c ----------------------------------------------- */

void sl_untcp_stream_close(struct untcp *u);

/* Give a block without any byte: SYN, bare ACK, or (again) one with nothing new. */
void sl_untcp_empty(struct sl_filter *f, struct flow *fl, int d, struct sl_block *b, bool again);

/* The common case: bytes that are the next ones while nothing is kept. */
void sl_untcp_next(struct sl_filter *f, struct flow *fl, int d, struct sl_block *b, uint32_t len);

/*
 * A segment with bytes, FIN or RST, of a direction that is not over: gives it,
 * keeps it, or finds nothing new in it. `i` is the index of the flow.
 */
void sl_untcp_segment(struct sl_filter *f, uint32_t i, int d, const struct segment *s);

/*
 * The direction begins at `seq`; `first`, unless NULL, is given without bytes, and then
 * what was kept and is in order now.
 */
void sl_untcp_known(struct sl_filter *f, uint32_t i, int d, uint32_t seq, struct sl_block *first);

/* Tentative: it begins where the first byte is that was kept. */
void sl_untcp_settle(struct sl_filter *f, uint32_t i, int d);

/* Give what is kept although something before it is missing, as long as the first
 * segment behind the hole came at or before `until_ns`. */
void sl_untcp_give_up(struct sl_filter *f, uint32_t i, int d, uint64_t until_ns);

/* A tick: those who wait since the last one begin to do so now. */
void sl_untcp_wait_since(struct untcp *u, uint64_t now_ns);

/* At the end of the waiting list, since now. */
void sl_untcp_wait_again(struct untcp *u, uint32_t i, int d);

#endif
