/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * untcp-stream.c -- one direction: order, holes, overlaps; all blocks leave here
 *
 * Sequence numbers are compared by the sign of their difference, so they may wrap;
 * positions have 64 bits and don't. A kept segment covers `len` bytes that are
 * stored and `cut` bytes behind them that the capture left out; to order and
 * overlap both count, to the stream the latter are a gap from the start.
 *
 *	next                first->seq
 *	 |<------ hole ------>|<-- len --><-- cut -->|   |<-- ...
 *
 * FIN and RST without bytes are kept like segments, as marks of length 0. They may lie
 * in the midst of one that has bytes; the order is that of the begins all the same.
 *
 * Where segments overlap, keep_old() says whose bytes count. That is the only
 * place where it is decided; today what came first stands.
 */
#include "untcp.h"

#include <stdio.h>

#define FAR		(64 << 20)	/* no window is that wide: such a segment is not of this stream, */
#define FAR_TRUST	8		/* unless so many in a row continue each other */
#define HELD_CHUNK	256

static inline int32_t diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline uint32_t held_end(const struct held *h)
{
	return h->seq + h->len + h->cut;
}

static inline bool is_mark(const struct held *h)
{
	return !(h->len + h->cut);
}

/* ------------------------------------------------------------------ *
 * Giving
 * ------------------------------------------------------------------ */

/* Narrow the view to `len` bytes from `skip` into the payload, and send it on. */
static void give(struct sl_filter *f, struct flow *fl, int d, struct sl_block *b, uint32_t skip,
		 uint32_t len, uint32_t flags)
{
	uint32_t at = b->payload > b->head ? b->payload - b->head + skip : 0;

	if (at > b->len)
		at = b->len;
	if (len > b->len - at)
		len = b->len - at;
	sl_view(f, b, at, len);
	b->pos = fl->pos[d];
	b->stream = fl->id << 1 | (uint32_t)d;
	if (d)
		flags |= SL_B_REPLY;
	if (!(fl->dflags[d] & D_STARTED)) {
		fl->dflags[d] |= D_STARTED;
		flags |= SL_B_START;
	}
	if (fl->dflags[d] & D_GAP && !(flags & SL_B_AGAIN)) {
		fl->dflags[d] &= (uint16_t)~D_GAP;
		flags |= SL_B_GAP;
	}
	b->flags |= (uint16_t)flags;
	sl_emit(f, 0, b);
}

void sl_untcp_empty(struct sl_filter *f, struct flow *fl, int d, struct sl_block *b, bool again)
{
	give(f, fl, d, b, 0, 0, again ? SL_B_AGAIN : 0);
}

void sl_untcp_next(struct sl_filter *f, struct flow *fl, int d, struct sl_block *b, uint32_t len)
{
	sl_view(f, b, b->payload - b->head, len);
	b->pos = fl->pos[d];
	b->stream = fl->id << 1 | (uint32_t)d;
	if (d)
		b->flags |= SL_B_REPLY;
	fl->pos[d] += len;
	fl->next[d] += len;
	sl_emit(f, 0, b);
}

static void gap_record(struct sl_filter *f, const struct flow *fl, int d, uint64_t pos, uint32_t bytes)
{
	char text[320], src[46], dst[46];
	bool v6 = fl->flags & F_V6;
	const uint8_t *addrs = v6 ? fl->addrs6 : (const uint8_t *)&fl->addrs;
	const uint8_t *ports = (const uint8_t *)&fl->ports;
	unsigned int n = v6 ? 16 : 4;
	struct sl_block *r;
	uint8_t *data;
	int len;

	len = snprintf(text, sizeof(text),
		       "{\"event_type\":\"gap\",\"src_ip\":\"%s\",\"src_port\":%u,\"dest_ip\":\"%s\","
		       "\"dest_port\":%u,\"proto\":\"TCP\",\"pos\":%llu,\"bytes\":%u}",
		       sl_addr_text(v6, addrs + (d ? n : 0), src), sl_be16(ports + (d ? 2 : 0)),
		       sl_addr_text(v6, addrs + (d ? 0 : n), dst), sl_be16(ports + (d ? 0 : 2)),
		       (unsigned long long)pos, bytes);
	r = sl_block_alloc(f, (uint32_t)len, &data);
	if (!r)
		return;
	memcpy(data, text, (size_t)len);
	r->flow_hash = fl->flow_hash;
	r->stream = fl->id << 1 | (uint32_t)d;
	r->pos = pos;
	r->time_ns = ((const struct untcp *)sl_state(f))->time_ns;
	sl_emit(f, 1, r);
}

/* `bytes` bytes from `next` on are missing for good. */
static void gap(struct sl_filter *f, struct flow *fl, int d, uint32_t bytes)
{
	struct untcp *u = sl_state(f);

	sl_count(&u->gaps);
	sl_count_add(&u->gap_bytes, bytes);
	gap_record(f, fl, d, fl->pos[d], bytes);
	fl->pos[d] += bytes;
	fl->next[d] += bytes;
	fl->dflags[d] |= D_GAP;
}

/* ------------------------------------------------------------------ *
 * Keeping
 * ------------------------------------------------------------------ */

static struct held *held_new(struct untcp *u)
{
	struct held *h = u->free_held, **chunks;

	if (h) {
		u->free_held = h->next;
		return h;
	}
	chunks = realloc(u->held_chunks, (u->n_held_chunks + 1) * sizeof(*chunks));
	if (!chunks)
		return NULL;
	u->held_chunks = chunks;
	h = malloc(HELD_CHUNK * sizeof(*h));
	if (!h)
		return NULL;
	u->held_chunks[u->n_held_chunks++] = h;
	for (int k = 1; k < HELD_CHUNK; k++) {
		h[k].next = u->free_held;
		u->free_held = &h[k];
	}
	return h;
}

static void held_free(struct untcp *u, struct held *h)
{
	h->next = u->free_held;
	u->free_held = h;
}

void sl_untcp_stream_close(struct untcp *u)
{
	for (uint32_t i = 0; i < u->n_held_chunks; i++)
		free(u->held_chunks[i]);
	free(u->held_chunks);
}

static struct dir *dir_at(struct untcp *u, uint32_t ref)
{
	return &flow_at(u, ref >> 1)->dir[ref & 1];
}

static void wait_add(struct untcp *u, uint32_t i, int d)
{
	uint32_t ref = i << 1 | (uint32_t)d;
	struct dir *c = dir_at(u, ref);

	c->since_ns = 0;
	c->wait_next = NONE;
	c->wait_prev = u->wait_last;
	if (u->wait_last != NONE)
		dir_at(u, u->wait_last)->wait_next = ref;
	else
		u->wait_first = ref;
	u->wait_last = ref;
}

static void wait_remove(struct untcp *u, uint32_t i, int d)
{
	struct dir *c = &flow_at(u, i)->dir[d];

	if (c->wait_prev != NONE)
		dir_at(u, c->wait_prev)->wait_next = c->wait_next;
	else
		u->wait_first = c->wait_next;
	if (c->wait_next != NONE)
		dir_at(u, c->wait_next)->wait_prev = c->wait_prev;
	else
		u->wait_last = c->wait_prev;
}

void sl_untcp_wait_again(struct untcp *u, uint32_t i, int d)
{
	wait_remove(u, i, d);
	wait_add(u, i, d);
}

void sl_untcp_wait_since(struct untcp *u, uint64_t now_ns)
{
	uint32_t ref = u->wait_last;

	u->now_ns = now_ns;
	while (ref != NONE && !dir_at(u, ref)->since_ns) {
		dir_at(u, ref)->since_ns = now_ns;
		ref = dir_at(u, ref)->wait_prev;
	}
}

/* What keeping a block costs: the frame's bytes, and what leads to them. */
static uint64_t cost_of(const struct sl_block *b)
{
	return b->frame_len + 2 * sizeof(struct sl_block) + sizeof(struct held);
}

/* Puts h behind p (NULL: at the front). */
static void link_held(struct untcp *u, uint32_t i, int d, struct held *h, struct held *p)
{
	struct flow *fl = flow_at(u, i);
	struct dir *c = &fl->dir[d];

	h->prev = p;
	h->next = p ? p->next : c->first;
	if (p)
		p->next = h;
	else
		c->first = h;
	if (h->next)
		h->next->prev = h;
	else
		c->last = h;
	if (!c->n_held++) {
		fl->dflags[d] |= D_HELD;
		wait_add(u, i, d);
	}
	c->cost += cost_of(h->b);
	u->held_cost += cost_of(h->b);
	if (u->held_cost > u->held_peak.n)
		u->held_peak.n = u->held_cost;
}

static void unlink_held(struct untcp *u, uint32_t i, int d, struct held *h)
{
	struct flow *fl = flow_at(u, i);
	struct dir *c = &fl->dir[d];

	if (h->prev)
		h->prev->next = h->next;
	else
		c->first = h->next;
	if (h->next)
		h->next->prev = h->prev;
	else
		c->last = h->prev;
	c->cost -= cost_of(h->b);
	u->held_cost -= cost_of(h->b);
	if (!--c->n_held) {
		fl->dflags[d] &= (uint16_t)~D_HELD;
		wait_remove(u, i, d);
	}
}

/* Everything that is left has no place any more. */
static void release_rest(struct sl_filter *f, uint32_t i, int d)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);

	while (fl->dflags[d] & D_HELD) {
		struct held *h = fl->dir[d].first;
		struct sl_block *b = h->b;

		unlink_held(u, i, d, h);
		held_free(u, h);
		sl_count(&u->ignored);
		sl_untcp_empty(f, fl, d, b, true);
	}
}

/* ------------------------------------------------------------------ *
 * In order
 * ------------------------------------------------------------------ */

/* The part in view of a kept segment, at its sequence number `next`. */
static void deliver(struct sl_filter *f, uint32_t i, int d, struct held *h)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);
	const struct held *first = fl->dir[d].first;
	uint32_t flags = 0, room;
	int other = !d;

	if (h->tcp & TCP_RST) {
		/* What the other side had sent before is still to be seen. If a RST is
		 * among it, that one closes the flow. */
		if (!(fl->dflags[d] & D_OVER)) {
			flags = SL_B_END;
			fl->dflags[d] |= D_OVER | D_RESET;
		}
		sl_untcp_give_up(f, i, other, UINT64_MAX);
		if (!(fl->flags & F_CLOSED))
			flags |= SL_B_CLOSE;
	} else if (fl->dflags[d] & D_FIN) {
		room = fl->dir[d].fin - fl->next[d];
		if (h->len + h->cut > room) {	/* bytes after the end */
			h->len = h->len < room ? h->len : room;
			h->cut = room - h->len;
			sl_count(&u->ignored);
		}
		/* The end goes with the FIN's own segment when that waits right behind. */
		if (h->len + h->cut == room &&
		    !(first && is_mark(first) && first->tcp & TCP_FIN && first->seq == fl->dir[d].fin))
			flags = SL_B_END;
		if (flags && (fl->dflags[other] & D_OVER || !(fl->dflags[other] & D_SEEN)))
			flags |= SL_B_CLOSE;
	}
	if (flags & SL_B_END)
		fl->dflags[d] |= D_OVER;
	if (flags & SL_B_CLOSE) {
		fl->flags |= F_CLOSED;
		sl_untcp_closed(u, i);
	}
	give(f, fl, d, h->b, h->skip, h->len, flags);
	fl->pos[d] += h->len;
	fl->next[d] += h->len;
	if (h->cut)
		gap(f, fl, d, h->cut);
	if (flags & SL_B_END)
		release_rest(f, i, d);
}

static void drain(struct sl_filter *f, uint32_t i, int d)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);
	bool moved = false;

	while (fl->dflags[d] & D_HELD && diff(fl->dir[d].first->seq, fl->next[d]) <= 0) {
		struct held *h = fl->dir[d].first, copy = *h;

		unlink_held(u, i, d, h);
		held_free(u, h);
		if (copy.seq == fl->next[d]) {
			deliver(f, i, d, &copy);
		} else {	/* a mark whose place was taken by bytes */
			sl_count(&u->ignored);
			sl_untcp_empty(f, fl, d, copy.b, true);
		}
		moved = true;
	}
	if (moved && fl->dflags[d] & D_HELD)
		sl_untcp_wait_again(u, i, d);
}

void sl_untcp_give_up(struct sl_filter *f, uint32_t i, int d, uint64_t until_ns)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);

	if (fl->dflags[d] & D_OVER)
		return;		/* at it already, further up */
	if (!(fl->dflags[d] & D_KNOWN))
		sl_untcp_settle(f, i, d);
	while (fl->dflags[d] & D_HELD && fl->dir[d].first->came_ns <= until_ns) {
		gap(f, fl, d, fl->dir[d].first->seq - fl->next[d]);
		drain(f, i, d);
	}
}

/* ------------------------------------------------------------------ *
 * Out of order, overlapping
 * ------------------------------------------------------------------ */

/*
 * Two segments bring bytes for the same place, and the bytes differ. Systems do not
 * agree on whose count, and an attacker may know which one he talks to; policies by
 * receiver belong here. What came first stands: true.
 */
static bool keep_old(const struct held *old, const struct held *new)
{
	(void)old;
	(void)new;
	return true;
}

static void trim_front(struct held *h, uint32_t n)
{
	h->seq += n;
	if (n <= h->len) {
		h->skip += n;
		h->len -= n;
	} else {
		h->skip += h->len;
		h->cut -= n - h->len;
		h->len = 0;
	}
}

static void trim_end(struct held *h, uint32_t total)
{
	if (total <= h->len) {
		h->len = total;
		h->cut = 0;
	} else {
		h->cut = total - h->len;
	}
}

static const uint8_t *payload_at(struct sl_filter *f, const struct held *h, uint32_t seq)
{
	return sl_frame(f, h->b) + h->b->payload + h->skip + (seq - h->seq);
}

/* Do both have the same bytes wherever both have some? */
static bool agree(struct sl_filter *f, const struct held *a, const struct held *b)
{
	uint32_t from = diff(a->seq, b->seq) > 0 ? a->seq : b->seq;
	uint32_t a_end = a->seq + a->len, b_end = b->seq + b->len;
	uint32_t to = diff(a_end, b_end) < 0 ? a_end : b_end;

	if (diff(to, from) <= 0)
		return true;
	return !memcmp(payload_at(f, a, from), payload_at(f, b, from), to - from);
}

static void overlap(struct sl_filter *f, const struct held *old, const struct held *new)
{
	struct untcp *u = sl_state(f);

	sl_count(&u->overlaps);
	if (!agree(f, old, new))
		sl_count(&u->conflicts);
}

/* A kept segment became a mark at its end: it goes behind the marks that lie before that. */
static void reorder(struct dir *c, struct held *h)
{
	struct held *p = h;

	while (p->next && diff(p->next->seq, h->seq) < 0)
		p = p->next;
	if (p == h)
		return;
	h->next->prev = h->prev;
	if (h->prev)
		h->prev->next = h->next;
	else
		c->first = h->next;
	h->prev = p;
	h->next = p->next;
	p->next = h;
	if (h->next)
		h->next->prev = h;
	else
		c->last = h;
}

/*
 * Put a segment, or its part up to a kept one that stands, among those that are kept.
 * True: `new` is now what is left of it, which is to be put behind that one.
 */
static bool insert_part(struct sl_filter *f, uint32_t i, int d, struct held *new)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);
	struct dir *c = &fl->dir[d];
	struct held *p = c->last, *q, *s, *next, *h, tail = { 0 };

	while (p && diff(new->seq, p->seq) < 0)
		p = p->prev;
	/* Who reaches into it is the last in front that has bytes; marks may lie in its midst. */
	for (q = p; q && is_mark(q); )
		q = q->prev;
	if (q && !is_mark(new) && diff(held_end(q), new->seq) > 0) {
		uint32_t over = held_end(q) - new->seq, total = new->len + new->cut;

		overlap(f, q, new);
		trim_front(new, over < total ? over : total);
		if (!is_mark(new) || new->tcp & (TCP_FIN | TCP_RST))
			return true;
		sl_count(&u->retransmitted);
		sl_untcp_empty(f, fl, d, new->b, true);
		return false;
	}
	for (s = p ? p->next : c->first; s && diff(held_end(new), s->seq) > 0; s = next) {
		struct sl_block *b = s->b;
		uint32_t end = held_end(new), s_end = held_end(s);

		next = s->next;
		if (is_mark(s))		/* in the midst of it: behind it */
			continue;
		overlap(f, s, new);
		if (diff(s_end, end) <= 0 && diff(s->seq + s->len, new->seq + new->len) <= 0 &&
		    (agree(f, s, new) || !keep_old(s, new))) {
			/* The new one has all of the old: that is the repetition now. */
			if (s->tcp & (TCP_FIN | TCP_RST)) {
				trim_front(s, s->len + s->cut);
				reorder(c, s);
			} else {
				unlink_held(u, i, d, s);
				held_free(u, s);
				sl_untcp_empty(f, fl, d, b, true);
			}
			continue;
		}
		if (diff(s_end, new->seq + new->len) < 0) {
			tail = *new;
			tail.b = sl_block_dup(f, new->b);
			trim_front(&tail, s_end - tail.seq);
		}
		trim_end(new, s->seq - new->seq);
		break;
	}
	h = held_new(u);
	if (!h) {
		sl_lose(f, new->b, "out of memory");
		if (tail.b)
			sl_lose(f, tail.b, "out of memory");
		return false;
	}
	/* What was behind p may have gone, p itself is still there. */
	*h = *new;
	h->came_ns = h->b->time_ns;
	link_held(u, i, d, h, p);
	sl_keep(f, h->b);
	*new = tail;
	return tail.b;
}

/*
 * Put a segment among those that are kept. Its block is taken: kept, or given with
 * nothing new. Where a kept segment with other bytes lies within the new one, the part
 * behind it becomes a second block.
 */
static void insert(struct sl_filter *f, uint32_t i, int d, struct held *new)
{
	while (insert_part(f, i, d, new))
		;
}

void sl_untcp_settle(struct sl_filter *f, uint32_t i, int d)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);

	if (fl->dflags[d] & D_HELD)
		sl_untcp_known(f, i, d, fl->dir[d].first->seq, NULL);
}

void sl_untcp_known(struct sl_filter *f, uint32_t i, int d, uint32_t seq, struct sl_block *first)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);
	struct held *h, *next;

	fl->next[d] = seq;
	fl->dflags[d] |= D_KNOWN;
	fl->dflags[d] &= (uint16_t)~D_HINT;
	if (first)
		sl_untcp_empty(f, fl, d, first, false);
	for (h = fl->dir[d].first; h && diff(h->seq, seq) < 0; h = next) {
		struct sl_block *b = h->b;

		next = h->next;
		if (diff(held_end(h), seq) > 0) {
			trim_front(h, seq - h->seq);
			break;
		}
		unlink_held(u, i, d, h);
		held_free(u, h);
		sl_count(&u->ignored);
		sl_untcp_empty(f, fl, d, b, true);
	}
	drain(f, i, d);
}

/* Too much is kept, here or altogether: who waited longest does not wait on. */
static void bound(struct sl_filter *f, uint32_t i, int d)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);

	while (fl->dir[d].cost > u->hold) {
		if (fl->dflags[d] & D_KNOWN) {
			gap(f, fl, d, fl->dir[d].first->seq - fl->next[d]);
			drain(f, i, d);
		} else {
			sl_untcp_settle(f, i, d);
		}
	}
	while (u->held_cost > u->memory) {
		uint32_t ref = u->wait_first;

		sl_count(&u->evicted);
		sl_untcp_give_up(f, ref >> 1, ref & 1, UINT64_MAX);
	}
}

/*
 * A segment that no window reaches: another flow's, forged, or the capture missed
 * very much. The last is so when the next ones continue it. True: it is taken.
 */
static bool is_far(struct sl_filter *f, uint32_t i, int d, const struct segment *s)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);
	struct dir *c = &fl->dir[d];
	int32_t rel = diff(s->seq, fl->next[d]);

	if (rel <= FAR && rel >= -FAR)
		return false;
	if (!c->far_n || s->seq != c->far_next)
		c->far_n = 0;
	c->far_next = s->seq + s->len + s->cut;
	if (s->len + s->cut && ++c->far_n == FAR_TRUST) {
		c->far_n = 0;
		sl_untcp_give_up(f, i, d, UINT64_MAX);
		gap(f, fl, d, s->seq - fl->next[d]);
		return false;
	}
	sl_count(&u->ignored);
	sl_untcp_empty(f, fl, d, s->b, true);
	return true;
}

void sl_untcp_segment(struct sl_filter *f, uint32_t i, int d, const struct segment *s)
{
	struct untcp *u = sl_state(f);
	struct flow *fl = flow_at(u, i);
	struct dir *c = &fl->dir[d];
	struct held new = {
		.b = s->b, .seq = s->seq, .len = s->len, .cut = s->cut, .tcp = s->tcp & (TCP_FIN | TCP_RST),
	};
	uint32_t total = s->len + s->cut, end = s->seq + total;
	int32_t rel;

	if (fl->dflags[d] & D_OVER && !(s->tcp & TCP_RST)) {
		/* What was kept had the FIN, and left when the begin was known. */
		sl_count(&u->ignored);
		sl_untcp_empty(f, fl, d, s->b, true);
		return;
	}
	if (!(fl->dflags[d] & D_KNOWN)) {
		if (s->tcp & TCP_FIN && !(fl->dflags[d] & D_FIN)) {
			c->fin = end;
			fl->dflags[d] |= D_FIN;
		}
		insert(f, i, d, &new);
		if (c->n_held >= u->settle)
			sl_untcp_settle(f, i, d);
		bound(f, i, d);
		return;
	}
	if (is_far(f, i, d, s))
		return;
	if (s->tcp & TCP_FIN && !(fl->dflags[d] & D_FIN) && diff(end, fl->next[d]) >= 0) {
		c->fin = end;
		fl->dflags[d] |= D_FIN;
	}
	rel = diff(s->seq, fl->next[d]);
	if (rel < 0) {
		bool mark = new.tcp && end == fl->next[d];	/* FIN is news, its bytes are not */

		if (diff(end, fl->next[d]) <= 0 && !mark) {
			sl_count(&u->retransmitted);
			sl_untcp_empty(f, fl, d, s->b, true);
			return;
		}
		sl_count(mark ? &u->retransmitted : &u->overlaps);
		trim_front(&new, (uint32_t)-rel);
	}
	if (new.seq == fl->next[d] &&
	    (!c->first || diff(held_end(&new), c->first->seq) <= 0)) {
		deliver(f, i, d, &new);
		drain(f, i, d);
		return;
	}
	if (rel > 0)
		sl_count(&u->out_of_order);
	insert(f, i, d, &new);
	drain(f, i, d);
	bound(f, i, d);
}
