/* SPDX-License-Identifier: (LGPL-2.1-or-later OR GPL-2.0-only OR BSD-2-Clause) */
/*
 * flows-steps.h -- what a packet does to the table of flows.h, in user space and in the kernel
 *
 * What differs between the two is behind names of the includer: FLOWS_AT(t, i), the i-th
 * entry or NULL, FLOWS_WIDE(t, i), its addresses; FLOWS_LOCK(e), FLOWS_UNLOCK(e);
 * FLOWS_OVER(t, e, i, why, end): its record is complete and the place will be used anew;
 * FLOWS_SOON(t, i): a flow began or closed there; FLOWS_TABLE, type of t; FLOWS_INLINE,
 * FLOWS_LOOP, FLOWS_CONST, FLOWS_UNLIKELY.
 *
 * `wide` is NULL throughout for packets of IPv4, a constant: what is for IPv6 only is not there.
 */
#ifndef FILTERS_FLOWS_STEPS_H
#define FILTERS_FLOWS_STEPS_H

#include "flows.h"

#define FLOWS_OF(flags)	((__u64)(flags) << FLOWS_FLAGS)

static FLOWS_INLINE __u32 flows_hash(const struct flows_packet *p)
{
	__u64 x = ((__u64)p->a << 32 | p->b) * 0x9e3779b97f4a7c15ull;

	x += (__u64)p->proto << 32 | (__u64)p->ap << 16 | p->bp;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
	return (__u32)(x >> 32);
}

/* The lesser end first, and the hash. */
static FLOWS_INLINE void flows_order(struct flows_packet *p)
{
	__u64 a = (__u64)p->a << 16 | p->ap, b = (__u64)p->b << 16 | p->bp, x = a ^ b;
	__u64 swap = (b - a) >> 63;	/* neither has that bit; nobody could foretell a branch */

	x &= -swap;
	a ^= x;
	b ^= x;
	p->a = (__u32)(a >> 16);
	p->ap = (__u16)a;
	p->b = (__u32)(b >> 16);
	p->bp = (__u16)b;
	p->from = (__u8)swap;
	p->hash = flows_hash(p);
}

/* The same of IPv6; what the entry has of the addresses is made here. */
static FLOWS_INLINE void flows_order_wide(struct flows_packet *p, struct flows_wide *w)
{
	const __u64 k = 0x9e3779b97f4a7c15ull;
	__u64 x;
	__u16 ap = p->ap;
	int order = 0;

	for (int i = 0; i < 4; i++)
		if (!order && w->a[i] != w->b[i])
			order = w->a[i] < w->b[i] ? -1 : 1;
	if (!order)
		order = p->ap > p->bp;
	if (order > 0) {
		for (int i = 0; i < 4; i++) {
			__u32 y = w->a[i];

			w->a[i] = w->b[i];
			w->b[i] = y;
		}
		p->ap = p->bp;
		p->bp = ap;
		p->from = 1;
	}
	x = ((__u64)w->a[0] << 32 | w->a[1]) * k ^ ((__u64)w->a[2] << 32 | w->a[3]);
	p->a = (__u32)(x * k >> 32);
	x = ((__u64)w->b[0] << 32 | w->b[1]) * k ^ ((__u64)w->b[2] << 32 | w->b[3]);
	p->b = (__u32)(x * k >> 32);
	p->hash = flows_hash(p);
}

/* 0: the entry is of the packet's flow, as far as its line tells. */
static FLOWS_INLINE __u64 flows_differ(const struct flows_entry *e, const struct flows_packet *p, __u64 more)
{
	return (__u64)(e->a ^ p->a) | (e->b ^ p->b) | (__u32)(e->ap ^ p->ap) | (__u32)(e->bp ^ p->bp) |
	       (e->count[0] >> FLOWS_MORE ^ p->proto) | ((e->count[1] >> FLOWS_MORE & ~(__u64)FLOWS_FROM) ^ more);
}

static FLOWS_INLINE int flows_same_wide(const struct flows_wide *x, const struct flows_wide *y)
{
	__u32 differ = 0;

	if (!x)
		return 0;
	for (int i = 0; i < 4; i++)
		differ |= (x->a[i] ^ y->a[i]) | (x->b[i] ^ y->b[i]);
	return !differ;
}

#define FLOWS_SAME(t, at, e, p, wide) \
	(!flows_differ(e, p, (wide) ? FLOWS_USED | FLOWS_V6 : FLOWS_USED) && \
	 (!(wide) || flows_same_wide(FLOWS_WIDE(t, at), wide)))

static FLOWS_INLINE int flows_used(const struct flows_entry *e)
{
	return !!(e->count[1] & (__u64)FLOWS_USED << FLOWS_MORE);
}

/* Of TCP alone: other packets have no flags. */
static FLOWS_INLINE int flows_closed(const struct flows_entry *e)
{
	return !!(((e->count[0] | e->count[1]) & FLOWS_OF(FLOWS_RST)) |
		  (e->count[0] & e->count[1] & FLOWS_OF(FLOWS_FIN)));
}

/* When it is over, and why. */
static FLOWS_INLINE __u64 flows_end(const FLOWS_CONST struct flows_conf *c, const struct flows_entry *e, __u32 *why)
{
	__u64 idle = c->idle_ns, active = c->active_ns, end;

	if (idle > FLOWS_LINGER && flows_closed(e))
		idle = FLOWS_LINGER;
	end = e->last_ns + idle;
	*why = FLOWS_IDLE;
	if (active && e->first_ns + active < end) {
		end = e->first_ns + active;
		*why = FLOWS_ACTIVE;
	}
	return end;
}

static FLOWS_INLINE void flows_begin(struct flows_entry *e, const struct flows_packet *p, __u64 more)
{
	e->a = p->a;
	e->b = p->b;
	e->ap = p->ap;
	e->bp = p->bp;
	e->first_ns = e->last_ns = p->time_ns;
	e->count[0] = (__u64)p->proto << FLOWS_MORE;
	e->count[1] = (more | (p->from ? FLOWS_FROM : 0)) << FLOWS_MORE;
	e->bytes[0] = e->bytes[1] = 0;
}

static FLOWS_INLINE void flows_add(struct flows_entry *e, const struct flows_packet *p)
{
	__u32 d = p->from & 1;

	if (p->time_ns > e->last_ns)
		e->last_ns = p->time_ns;
	e->count[d] = (e->count[d] + 1) | FLOWS_OF(p->flags);
	e->bytes[d] += p->bytes;
}

/*
 * Where the packet's flow is, or should be. Places are kept, not how many steps it took to
 * them: of a place a verifier knows no more than its bounds, while it follows each number
 * of steps on a way of its own (Linux 6.1: for minutes).
 */
static FLOWS_INLINE __u32 flows_find(FLOWS_TABLE t, const FLOWS_CONST struct flows_conf *c, __u32 start,
				     const struct flows_packet *p, const struct flows_wide *wide)
{
	const __u32 none = ~0u;		/* more than any mask */
	__u32 reuse = none, oldest = start, at, why;
	__u64 least = ~0ull;

	FLOWS_LOOP for (__u32 i = 0; i < FLOWS_SET; i++) {
		const struct flows_entry *e;

		at = start ^ i;
		e = FLOWS_AT(t, at);
		if (!e)
			break;
		if (!flows_used(e)) {
			if (reuse == none)
				reuse = at;
			break;
		}
		if (FLOWS_SAME(t, at, e, p, wide))
			return at;
		if (reuse == none && p->time_ns >= flows_end(c, e, &why))
			reuse = at;
		if (e->last_ns < least) {
			least = e->last_ns;
			oldest = at;
		}
	}
	return reuse != none ? reuse : oldest;
}

/* With the entry locked: what ends, begins or closes. 1: a flow began. */
static FLOWS_INLINE int flows_turn(FLOWS_TABLE t, const FLOWS_CONST struct flows_conf *c, __u32 at,
				   struct flows_entry *e, const struct flows_packet *p,
				   const struct flows_wide *wide)
{
	struct flows_wide *w;
	__u64 end;
	__u32 why;

	if (flows_used(e)) {
		end = flows_end(c, e, &why);
		if (FLOWS_SAME(t, at, e, p, wide)) {
			if (p->time_ns < end && flows_closed(e) &&
			    (p->flags & (FLOWS_SYN | FLOWS_ACK)) == FLOWS_SYN) {
				end = p->time_ns;
				why = FLOWS_AGAIN;
			} else if (p->time_ns < end && (e->count[p->from & 1] & FLOWS_FULL)) {
				end = p->time_ns;
				why = FLOWS_ACTIVE;
			}
			if (p->time_ns < end) {
				flows_add(e, p);
				return 0;
			}
		} else if (p->time_ns < end) {
			end = p->time_ns;
			why = FLOWS_EVICTED;
		}
		FLOWS_OVER(t, e, at, why, end);
	}
	flows_begin(e, p, wide ? FLOWS_USED | FLOWS_V6 : FLOWS_USED);
	if (wide) {
		w = FLOWS_WIDE(t, at);
		if (w)
			*w = *wide;
	}
	flows_add(e, p);
	return 1;
}

/*
 * One packet. Gives 1 when a flow began, 0 when one went on, -1 when it could not be counted.
 * Nearly all packets belong to a flow that lies where their hash points to, that goes on and
 * that nobody closes: they are done without a call and with the one line.
 */
static FLOWS_INLINE int flows_count(FLOWS_TABLE t, const FLOWS_CONST struct flows_conf *c,
				    const struct flows_packet *p, const struct flows_wide *wide)
{
	__u32 at = p->hash & c->mask;
	struct flows_entry *e = FLOWS_AT(t, at);
	__u64 idle = c->idle_ns, active = c->active_ns;
	int began;

	if (!e)
		return -1;
	if (FLOWS_UNLIKELY(!FLOWS_SAME(t, at, e, p, wide))) {
		at = flows_find(t, c, at, p, wide);
		e = FLOWS_AT(t, at);
		if (!e)
			return -1;
	}
	if (!FLOWS_LOCK(e))
		return -1;
	if (FLOWS_SAME(t, at, e, p, wide) && p->time_ns < e->last_ns + idle &&
	    (!active || p->time_ns < e->first_ns + active) &&
	    !((e->count[0] | e->count[1] | FLOWS_OF(p->flags)) &
	      (FLOWS_FULL | FLOWS_OF(FLOWS_FIN | FLOWS_RST)))) {
		flows_add(e, p);
		FLOWS_UNLOCK(e);
		return 0;
	}
	began = flows_turn(t, c, at, e, p, wide);
	FLOWS_UNLOCK(e);
	FLOWS_SOON(t, at);
	return began;
}

#endif
