/* SPDX-License-Identifier: (LGPL-2.1-or-later OR GPL-2.0-only OR BSD-2-Clause) */
/*
 * flows-steps.h -- what a packet does to the table of flows.h, in user space and in the kernel
 *
 * What differs between the two is behind names of the includer: FLOWS_AT(t, i), the i-th
 * entry or NULL; FLOWS_LOCK(e), FLOWS_UNLOCK(e); FLOWS_OVER(t, e, i, why, end): its record is
 * complete and the place will be used anew; FLOWS_TABLE, type of t; FLOWS_INLINE, FLOWS_LOOP,
 * FLOWS_CONST.
 */
#ifndef FILTERS_FLOWS_STEPS_H
#define FILTERS_FLOWS_STEPS_H

#include "flows.h"

static FLOWS_INLINE int flows_same(const struct flows_key *x, const struct flows_key *y)
{
	const __u64 *p = (const __u64 *)x, *q = (const __u64 *)y;

	return !((p[0] ^ q[0]) | (p[1] ^ q[1]) | (p[2] ^ q[2]) | (p[3] ^ q[3]) | (p[4] ^ q[4]));
}

static FLOWS_INLINE int flows_closed(const struct flows_entry *e)
{
	return e->key.proto == FLOWS_TCP &&
	       (((e->flags[0] | e->flags[1]) & FLOWS_RST) || (e->flags[0] & e->flags[1] & FLOWS_FIN));
}

static FLOWS_INLINE __u64 flows_end(const FLOWS_CONST struct flows_conf *c, const struct flows_entry *e, __u32 *why)
{
	__u64 idle = c->idle_ns, end;

	if (flows_closed(e) && idle > FLOWS_LINGER)
		idle = FLOWS_LINGER;
	end = e->last_ns + idle;
	*why = FLOWS_IDLE;
	if (c->active_ns && e->first_ns + c->active_ns < end) {
		end = e->first_ns + c->active_ns;
		*why = FLOWS_ACTIVE;
	}
	return end;
}

static FLOWS_INLINE void flows_begin(struct flows_entry *e, const struct flows_packet *p)
{
	e->key = p->key;
	e->first_ns = e->last_ns = p->time_ns;
	e->packets[0] = e->packets[1] = e->bytes[0] = e->bytes[1] = 0;
	e->flags[0] = e->flags[1] = 0;
	e->from = p->from;
	e->nth++;
	e->used = 1;
}

static FLOWS_INLINE void flows_add(struct flows_entry *e, const struct flows_packet *p)
{
	__u32 d = p->from & 1;

	if (p->time_ns > e->last_ns)
		e->last_ns = p->time_ns;
	e->packets[d]++;
	e->bytes[d] += p->bytes;
	e->flags[d] |= p->flags;
}

/*
 * Where the packet's flow is, or should be. Places are kept, not how many steps it took to
 * them: of a place a verifier knows no more than its bounds, while it follows each number
 * of steps on a way of its own (Linux 6.1: for minutes).
 */
static FLOWS_INLINE __u32 flows_find(FLOWS_TABLE t, const FLOWS_CONST struct flows_conf *c,
				     const struct flows_packet *p)
{
	const __u32 none = ~0u;		/* more than any mask */
	__u32 start = (p->hash * 0x9e3779b1u) >> 4, reuse = none, oldest = start & c->mask, at, why;
	__u64 least = ~0ull;

	FLOWS_LOOP for (__u32 i = 0; i < FLOWS_PROBES; i++) {
		const struct flows_entry *e;

		at = (start + i) & c->mask;
		e = FLOWS_AT(t, at);
		if (!e)
			break;
		if (!e->used) {
			if (reuse == none)
				reuse = at;
			break;
		}
		if (flows_same(&e->key, &p->key))
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

/* One packet. Gives 1 when a flow began, 0 when one went on, -1 when it could not be counted. */
static FLOWS_INLINE int flows_count(FLOWS_TABLE t, const FLOWS_CONST struct flows_conf *c,
				    const struct flows_packet *p)
{
	__u32 at = flows_find(t, c, p), why;
	struct flows_entry *e = FLOWS_AT(t, at);
	int began = 0;
	__u64 end;

	if (!e || !FLOWS_LOCK(e))
		return -1;
	if (e->used && !flows_same(&e->key, &p->key)) {
		end = flows_end(c, e, &why);
		if (p->time_ns < end) {
			end = p->time_ns;
			why = FLOWS_EVICTED;
		}
		FLOWS_OVER(t, e, at, why, end);
		began = 1;
	} else if (e->used) {
		end = flows_end(c, e, &why);
		if (p->time_ns < end && flows_closed(e) &&
		    (p->flags & (FLOWS_SYN | FLOWS_ACK)) == FLOWS_SYN) {
			end = p->time_ns;
			why = FLOWS_AGAIN;
		}
		if (p->time_ns >= end) {
			FLOWS_OVER(t, e, at, why, end);
			began = 1;
		}
	} else {
		began = 1;
	}
	if (began)
		flows_begin(e, p);
	flows_add(e, p);
	FLOWS_UNLOCK(e);
	return began;
}

#endif
