/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * untcp -- put TCP segments in order: packets in, byte streams out
 *
 *	(untcp)
 *	(untcp, hold=1MiB, gap_after=3s, memory=64MiB, flows=1M, timeout=1h)
 *
 * in   packets
 * out  bytes: of each flow and direction in order, every byte once, gaps marked
 * port gap: a record for each gap
 * read flows, segments, retransmitted, out_of_order, overlaps, conflicts, gaps,
 *      gap_bytes, evicted, timeouts, ignored, held_peak
 *
 * Nothing is copied: each TCP packet leaves as one block whose view are the bytes that
 * it brought, so that a pcapout further on saves the packets themselves. SYN and
 * bare ACK leave as empty blocks, so do retransmissions, marked as such. Packets
 * that are not TCP, and fragments without ports, are dropped.
 *
 * Both directions of a flow are seen if both come: use (tcp, class=either) in
 * front to select a service. Given one direction, it works on that alone.
 *
 * ORDER. A segment that comes early is kept until the hole before it is filled.
 * It is given all the same, marked as following a gap, when it has waited gap_after
 * of the capture's time, when more than hold is kept for its direction, or more than
 * memory for all flows (then the one that waits longest gives way, counted as
 * evicted), and at the end. What the capture itself cut off is a gap at once. A
 * byte that comes twice counts the first time; conflicts counts segments that
 * differed from others that were still kept.
 *
 * BEGIN. A direction begins with its SYN, or with the number that the other side
 * acknowledges first after its own. A flow whose begin was not seen starts at the
 * lowest of its first segments: up to settle of them are kept until a bare ACK
 * or the other side's acknowledgement tells that none is missing in front.
 *
 * END. A direction is over with its FIN, when everything before it was given, or
 * with a RST that lies within 1 MiB after the bytes given so far. The flow is done
 * with a RST or when both directions are over (the one, when the other was never
 * seen). Then only empty blocks follow, such as the last ACK; unless a side sends on
 * after a RST, because it does not know yet or because the RST was forged: its bytes go on
 * where they were. A SYN begins another flow; while the old one is not over, a
 * SYN that does not fit begins one when the other side answers it, so that a forged
 * one does no harm. Flows that are idle for timeout are forgotten, those that are done
 * after half a minute. When there are more than flows at once, one that is idle
 * longest is ended.
 *
 * With several workers, hold, memory and flows are bounds for each of them.
 */
#include "untcp.h"

#define RST_WINDOW	(1 << 20)
#define HINT_WINDOW	(1 << 20)

static const struct sl_param untcp_params[] = {
	SL_SIZE(struct untcp, hold, .def = 1 << 20, .min = 1,
		.help = "memory for early segments of one direction; beyond it the hole is given up"),
	SL_TIME(struct untcp, gap_after, .def = 3e9,
		.help = "time that an early segment waits for what is missing"),
	SL_SIZE(struct untcp, memory, .def = 64 << 20, .min = 1,
		.help = "memory for early segments altogether; beyond it who waits longest gives way"),
	SL_U64(struct untcp, flows, .def = 1 << 20, .min = 1, .max = 1 << 28, .unit = "flows",
	       .help = "flows at a time; beyond it one that is idle longest is ended"),
	SL_TIME(struct untcp, timeout, .def = 3600e9, .min = 1,
		.help = "a flow without packets for so long is forgotten"),
	SL_U32(struct untcp, settle, .def = 16, .min = 1, .unit = "segments",
	       .help = "first segments of a flow without SYN that are kept to find its begin"),
	{ }
};

static const struct sl_value untcp_values[] = {
	{ .name = "flows", .off = offsetof(struct untcp, opened), .help = "flows begun" },
	SL_COUNT(struct untcp, segments, .help = "packets with payload"),
	SL_COUNT(struct untcp, retransmitted, .help = "segments with nothing new"),
	SL_COUNT(struct untcp, out_of_order, .help = "segments that came early"),
	SL_COUNT(struct untcp, overlaps, .help = "segments that repeat a part of others"),
	SL_COUNT(struct untcp, conflicts, .help = "overlaps whose bytes differ"),
	SL_COUNT(struct untcp, gaps, .help = "gaps given"),
	SL_COUNT(struct untcp, gap_bytes, .help = "bytes missing in them"),
	SL_COUNT(struct untcp, evicted, .help = "directions and flows that gave way to a bound"),
	SL_COUNT(struct untcp, timeouts, .help = "flows forgotten while still open"),
	SL_COUNT(struct untcp, ignored, .help = "segments that fit nowhere: forged, far off, after the end"),
	SL_COUNT(struct untcp, held_peak, .help = "most memory used for early segments, in bytes"),
	{ }
};

static const struct sl_port untcp_ports[] = {
	{ .name = "gap", .type = SL_RECORD, .help = "a record for each gap" },
	{ }
};

static inline int32_t diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* ------------------------------------------------------------------ *
 * Which flow
 * ------------------------------------------------------------------ */

/* Give all that is kept of a flow. */
static void give_up_flow(struct sl_filter *f, uint32_t i)
{
	sl_untcp_give_up(f, i, 0, UINT64_MAX);
	sl_untcp_give_up(f, i, 1, UINT64_MAX);
}

/*
 * The direction of a flow's first packet: 0 from the side that opens. SYN tells;
 * of what is met in the midst, the well-known port is that of the side that answers.
 */
static int first_direction(const struct segment *s, const uint8_t *l4)
{
	uint32_t sport = sl_be16(l4), dport = sl_be16(l4 + 2);

	if (s->tcp & TCP_SYN)
		return !!(s->tcp & TCP_ACK);
	return sport < dport && sport < 1024;
}

static uint32_t add_flow(struct sl_filter *f, const struct segment *s, const uint8_t *frame, int *d)
{
	struct untcp *u = sl_state(f);
	uint32_t i;

	if (u->n_flows >= u->flows) {
		i = sl_untcp_idlest(u);
		sl_count(&u->evicted);
		give_up_flow(f, i);
		sl_untcp_forget(u, i);
	}
	*d = first_direction(s, frame + s->b->l4);
	i = sl_untcp_add(u, s->b, frame, s->hash, *d);
	if (i != NONE) {
		sl_count(&u->opened);
		flow_at(u, i)->id = (uint32_t)sl_seq(f) & 0x7fffffff;
	}
	return i;
}

/* Another flow with the same ports begins; direction `opener` of the old one opens it. */
static void renew_flow(struct sl_filter *f, uint32_t i, int opener)
{
	struct untcp *u = sl_state(f);

	give_up_flow(f, i);
	sl_untcp_renew(u, i, opener);
	sl_count(&u->opened);
	flow_at(u, i)->id = (uint32_t)sl_seq(f) & 0x7fffffff;
}

/* The sequence number of the first byte of a direction that is known. */
static uint32_t start_of(const struct flow *fl, int d)
{
	return fl->next[d] - (uint32_t)fl->pos[d];
}

/* Does this SYN belong to the flow as it is, new or repeated? */
static bool own_syn(const struct flow *fl, int d, const struct segment *s)
{
	if (fl->dflags[d] & D_SYN)
		return s->seq == fl->dir[d].isn;
	if (fl->dflags[d] & D_KNOWN)
		return s->seq + 1 == start_of(fl, d);
	/* The first sign of this side: it must answer the other one, if it answers. */
	return !(s->tcp & TCP_ACK) || !(fl->dflags[!d] & D_KNOWN) || s->ack == start_of(fl, !d);
}

/*
 * Does this packet show that the ports are used anew? Sets *opener to the direction,
 * of the old flow, that opened the new one.
 */
static bool is_another(struct flow *fl, int d, const struct segment *s, int *opener)
{
	if (fl->flags & F_CLOSED) {
		*opener = s->tcp & TCP_ACK ? !d : d;
		return s->tcp & TCP_SYN && !(s->tcp & TCP_RST) && !own_syn(fl, d, s);
	}
	/* Answered by the other side, */
	*opener = !d;
	if (fl->dflags[!d] & D_AGAIN_SYN && (s->tcp & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
	    s->ack == fl->dir[!d].cand + 1 && !(fl->dflags[d] & D_SYN && s->seq == fl->dir[d].isn))
		return true;
	/* or carried on where the other side is never seen. */
	*opener = d;
	return fl->dflags[d] & D_AGAIN_SYN && !(s->tcp & TCP_SYN) && !(fl->dflags[!d] & D_SEEN) &&
	       s->seq == fl->dir[d].cand + 1;
}

/* ------------------------------------------------------------------ *
 * What a packet means
 * ------------------------------------------------------------------ */

/* What the acknowledgement says about where the other side begins. */
static void take_ack(struct sl_filter *f, uint32_t i, int d, const struct segment *s)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);
	struct dir *other = &fl->dir[!d];
	const struct held *first = other->first;

	if (!(s->tcp & TCP_ACK))
		return;
	if (fl->dflags[!d] & D_AGAIN_SYN && s->ack == other->cand + 1 && !fl->pos[!d] &&
	    !(fl->dflags[!d] & (D_HELD | D_OVER))) {
		/* Of two SYN|ACK it is the second that counts. */
		other->isn = other->cand;
		fl->next[!d] = s->ack;
		fl->dflags[!d] |= D_KNOWN | D_SYN;
		fl->dflags[!d] &= (uint16_t)~D_AGAIN_SYN;
	}
	if (fl->dflags[!d] & D_KNOWN)
		return;
	if (s->tcp & TCP_SYN || fl->dflags[d] & D_SYN)
		sl_untcp_known(f, i, !d, s->ack, NULL);	/* its SYN was not seen */
	else if (first && diff(s->ack, first->seq) > 0)
		sl_untcp_settle(f, i, !d);	/* all before has arrived over there */
}

static void take_syn(struct sl_filter *f, uint32_t i, int d, struct segment *s)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);
	bool first = !(fl->dflags[d] & D_KNOWN);

	if (!first && !own_syn(fl, d, s)) {
		fl->dir[d].cand = s->seq;
		fl->dflags[d] |= D_AGAIN_SYN;
		sl_count(&u->ignored);
		sl_untcp_empty(f, fl, d, s->b, true);
		return;
	}
	if (fl->dflags[d] & D_SYN && !(s->len + s->cut)) {
		sl_count(&u->retransmitted);
		sl_untcp_empty(f, fl, d, s->b, true);
		return;
	}
	fl->dflags[d] |= D_SYN;
	fl->dir[d].isn = s->seq;
	s->seq++;
	if (!(s->len + s->cut) && !(s->tcp & TCP_FIN)) {
		if (first)
			sl_untcp_known(f, i, d, s->seq, s->b);
		else
			sl_untcp_empty(f, fl, d, s->b, false);
		return;
	}
	if (first)
		sl_untcp_known(f, i, d, s->seq, NULL);
	if (fl->dflags[d] & D_OVER)
		sl_untcp_empty(f, fl, d, s->b, true);
	else
		sl_untcp_segment(f, i, d, s);
}

static void take_rst(struct sl_filter *f, uint32_t i, int d, struct segment *s)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);
	int32_t rel;

	s->len = s->cut = 0;	/* a RST may carry words, which are no bytes of the stream */
	if (!(fl->dflags[d] & D_KNOWN)) {
		if (fl->dflags[d] & D_HELD)
			sl_untcp_settle(f, i, d);
		else
			sl_untcp_known(f, i, d, s->seq, NULL);
	}
	rel = diff(s->seq, fl->next[d]);
	if (fl->dflags[d] & D_OVER && rel == 1)
		rel = 0;	/* one beyond the FIN */
	if (rel < 0 || rel > RST_WINDOW || fl->flags & F_CLOSED) {
		sl_count(&u->ignored);
		sl_untcp_empty(f, fl, d, s->b, true);
		return;
	}
	if (fl->dflags[d] & D_OVER)	/* after its FIN: the other direction is cut off */
		s->seq = fl->next[d];
	sl_untcp_segment(f, i, d, s);
}

static void take_bytes(struct sl_filter *f, uint32_t i, int d, struct segment *s)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);
	int32_t rel = diff(s->seq, fl->next[d]);

	if (fl->dflags[d] & D_RESET && s->seq == fl->next[d]) {
		fl->dflags[d] &= (uint16_t)~(D_OVER | D_RESET | D_FIN);
		fl->flags &= (uint8_t)~F_CLOSED;
	}
	if (fl->dflags[d] & D_OVER) {
		sl_count(diff(s->seq + s->len, fl->next[d]) > 0 ? &u->ignored : &u->retransmitted);
		sl_untcp_empty(f, fl, d, s->b, true);
		return;
	}
	/* One beyond a bare ACK, that was a keep-alive. */
	if (!(fl->dflags[d] & D_KNOWN) && fl->dflags[d] & D_HINT && rel >= 0 && rel < HINT_WINDOW)
		sl_untcp_known(f, i, d, rel == 1 ? s->seq : fl->next[d], NULL);
	sl_untcp_segment(f, i, d, s);
}

/* Everything but the next bytes in order and ACKs of a flow that is under way. */
static void take_other(struct sl_filter *f, uint32_t i, int d, struct segment *s)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);
	int opener;

	u->time_ns = s->b->time_ns;
	if (is_another(fl, d, s, &opener)) {
		uint32_t cand = fl->dir[opener].cand;
		bool syn_left = fl->dflags[opener] & D_AGAIN_SYN &&	/* with the old flow */
				(d == opener ? s->seq : s->ack) == cand + 1;

		renew_flow(f, i, opener);
		d ^= opener;
		if (syn_left) {
			fl->dir[0].isn = cand;
			fl->dflags[0] |= D_SYN | D_SEEN;
			sl_untcp_known(f, i, 0, cand + 1, NULL);
		}
	}
	fl->last_seq = sl_seq(f);
	flow_touch(u, fl, s->b->time_ns);
	fl->dflags[d] |= D_SEEN;
	take_ack(f, i, d, s);
	if (s->tcp & TCP_RST) {
		take_rst(f, i, d, s);
	} else if (s->tcp & TCP_SYN) {
		take_syn(f, i, d, s);
	} else if (s->len + s->cut || s->tcp & TCP_FIN) {
		take_bytes(f, i, d, s);
	} else {
		if (!(fl->dflags[d] & (D_KNOWN | D_HELD))) {
			fl->next[d] = s->seq;
			fl->dflags[d] |= D_HINT;
		}
		sl_untcp_empty(f, fl, d, s->b, false);
	}
}

static int take(struct sl_filter *f, struct untcp *u, struct sl_block *b, uint32_t hash)
{
	const uint8_t *frame = sl_frame(f, b), *l4 = frame + b->l4;
	struct segment s;
	struct flow *fl;
	uint32_t i, wire;
	int d = 0;

	if (b->proto != 6 || !b->l4) {
		sl_drop(f, b);
		return 0;
	}
	s.b = b;
	s.hash = hash;
	s.seq = sl_be32(l4 + 4);
	s.ack = sl_be32(l4 + 8);
	s.tcp = l4[13];
	s.len = sl_payload_len(b, frame);
	s.cut = 0;
	if (b->wire_len > b->frame_len) {
		wire = sl_ip_wire_len(b, frame);
		if (wire > b->wire_len - b->l3)	/* more than it can be */
			wire = b->wire_len - b->l3;
		wire -= (uint32_t)(l4 - frame) - b->l3 + (uint32_t)(l4[12] >> 4) * 4;
		if ((int32_t)wire > 0)
			s.cut = wire - s.len;
	}
	if (s.len)
		sl_count(&u->segments);

	i = sl_untcp_find(u, b, frame, hash, &d);
	if (i == NONE) {
		i = add_flow(f, &s, frame, &d);
		if (i == NONE) {
			sl_lose(f, b, "out of memory");
			return 0;
		}
	}
	fl = flow_at(u, i);
	if (!(s.tcp & (TCP_SYN | TCP_FIN | TCP_RST)) && (fl->dflags[d] & ~D_SYN) == D_CALM &&
	    s.seq == fl->next[d] && !s.cut && !(fl->flags & F_CLOSED) &&
	    ((fl->dflags[!d] & (D_KNOWN | D_AGAIN_SYN)) == D_KNOWN ||
	     !((fl->dflags[!d] & D_HELD) | (fl->dflags[d] & D_SYN)))) {
		fl->last_seq = sl_seq(f);
		flow_touch(u, fl, b->time_ns);
		sl_untcp_next(f, fl, d, b, s.len);
		return 0;
	}
	take_other(f, i, d, &s);
	return 0;
}

/*
 * Blocks that are still to come in the batch get their headers found and their
 * flow fetched while those before them are worked on: the table of a large capture
 * is in no cache.
 */
enum { AHEAD_SLOT = 16, AHEAD_FLOW = 8 };

static int untcp_work(struct sl_filter *f, struct sl_batch *in)
{
	struct untcp *u = sl_state(f);
	uint32_t slot = in->taken, flow = in->taken, hash[SL_BATCH_MAX];
	struct sl_block *b;

	for (;;) {
		for (; slot < in->n && slot < in->taken + AHEAD_SLOT; slot++) {
			b = in->b[slot];
			sl_decode(b, sl_frame(f, b));
			hash[slot] = b->proto == 6 && b->l4 ? sl_untcp_hash(u, b, sl_frame(f, b)) : 0;
			__builtin_prefetch(&u->slots[slot_of(u, hash[slot])]);
		}
		for (; flow < in->n && flow < in->taken + AHEAD_FLOW; flow++)
			sl_untcp_prefetch_flow(u, hash[flow]);
		b = sl_batch_take(f, in);
		if (!b)
			return 0;
		take(f, u, b, hash[in->taken - 1]);
	}
}

/* ------------------------------------------------------------------ *
 * Ticks and the end
 * ------------------------------------------------------------------ */

static void pick(struct untcp *u, uint32_t i)
{
	struct flow *fl = flow_at(u, i);
	uint32_t *more;

	if (fl->flags & F_PICKED)
		return;
	if (u->n_due == u->due_size) {
		more = realloc(u->due, (u->due_size * 2 + 64) * sizeof(*more));
		if (!more) {
			u->no_memory = true;
			return;
		}
		u->due = more;
		u->due_size = u->due_size * 2 + 64;
	}
	fl->flags |= F_PICKED;
	u->due[u->n_due++] = i;
}

static int by_last_seq(const void *a, const void *b, void *arg)
{
	const struct untcp *u = arg;
	uint64_t x = flow_at(u, *(const uint32_t *)a)->last_seq;
	uint64_t y = flow_at(u, *(const uint32_t *)b)->last_seq;

	return x < y ? -1 : x > y;
}

static void expired(void *arg, uint32_t i)
{
	struct untcp *u = arg;
	struct flow *fl = flow_at(u, i);

	if (!(fl->flags & F_CLOSED))
		sl_count(&u->timeouts);
	fl->flags |= F_EXPIRED;
	if ((fl->dflags[0] | fl->dflags[1]) & D_HELD)
		pick(u, i);
	else
		sl_untcp_forget(u, i);
}

/* What was picked gives its blocks, in an order that does not depend on who picked. */
static int give_due(struct sl_filter *f, bool all)
{
	struct untcp *u = sl_state(f);
	uint64_t until = u->now_ns - (uint64_t)u->gap_after;

	if (u->n_due > 1)
		qsort_r(u->due, u->n_due, sizeof(*u->due), by_last_seq, u);
	for (uint32_t k = 0; k < u->n_due; k++) {
		uint32_t i = u->due[k];
		struct flow *fl = flow_at(u, i);

		sl_order(f, fl->last_seq);
		fl->flags &= (uint8_t)~F_PICKED;
		if (all || fl->flags & F_EXPIRED) {
			give_up_flow(f, i);
			if (fl->flags & F_EXPIRED)
				sl_untcp_forget(u, i);
			continue;
		}
		for (int d = 0; d < 2; d++) {
			if (!(fl->dflags[d] & D_DUE))
				continue;
			fl->dflags[d] &= (uint16_t)~D_DUE;
			sl_untcp_give_up(f, i, d, until);
			if (fl->dflags[d] & D_HELD)
				sl_untcp_wait_again(u, i, d);
		}
	}
	u->n_due = 0;
	return u->no_memory ? sl_fail(f, "E302", "out of memory") : 0;
}

static int untcp_tick(struct sl_filter *f, uint64_t now_ns)
{
	struct untcp *u = sl_state(f);
	struct flow *fl;

	sl_untcp_wait_since(u, now_ns);
	u->time_ns = now_ns;
	for (uint32_t ref = u->wait_first; ref != NONE; ref = fl->dir[ref & 1].wait_next) {
		fl = flow_at(u, ref >> 1);
		if (fl->dir[ref & 1].since_ns + (uint64_t)u->gap_after > now_ns)
			break;
		fl->dflags[ref & 1] |= D_DUE;
		pick(u, ref >> 1);
	}
	sl_untcp_pass(u, now_ns, expired, u);
	return u->n_due || u->no_memory ? give_due(f, false) : 0;
}

static int untcp_flush(struct sl_filter *f)
{
	struct untcp *u = sl_state(f);

	for (uint32_t ref = u->wait_first; ref != NONE; ref = flow_at(u, ref >> 1)->dir[ref & 1].wait_next)
		pick(u, ref >> 1);
	return give_due(f, true);
}

static int untcp_open(struct sl_filter *f)
{
	struct untcp *u = sl_state(f);

	u->wait_first = u->wait_last = NONE;
	if (sl_untcp_table_open(u) < 0)
		return sl_fail(f, "E302", "out of memory");
	return 0;
}

static void untcp_close(struct sl_filter *f)
{
	struct untcp *u = sl_state(f);

	sl_untcp_table_close(u);
	sl_untcp_stream_close(u);
	free(u->due);
}

static const char *const untcp_examples[] = {
	"(pcapin web.pcap) > (tcp) -80-> (untcp) > (grep 'GET /admin')",
	"(pcapin web.pcap) > (tcp, class=either) -http-> (untcp) > (count)",
	"(pcapin web.pcap) > (tcp) > (untcp) { > (count); -gap-> (jsonout gaps.json) }",
	NULL
};

const struct sl_filter_type sl_untcp_type = {
	.name	  = "untcp",
	.brief	  = "put TCP segments in order: packets in, byte streams out",
	.group	  = "streams",
	.state	  = sizeof(struct untcp),
	.params	  = untcp_params,
	.values	  = untcp_values,
	.in	  = SL_PACKET,
	.out	  = SL_BYTES,
	.ports	  = untcp_ports,
	.flags	  = SL_F_SHARD,
	.open	  = untcp_open,
	.work	  = untcp_work,
	.tick	  = untcp_tick,
	.flush	  = untcp_flush,
	.close	  = untcp_close,
	.examples = untcp_examples,
	.see_also = "tcp, ac, grep, fileout",
};
