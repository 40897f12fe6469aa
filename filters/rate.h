/* SPDX-License-Identifier: (LGPL-2.1-or-later OR BSD-2-Clause OR GPL-2.0-only) */
/*
 * filters/rate.h -- the arithmetic of a rate, for C and eBPF C alike
 *
 * A rate is the time that one unit (a block, or a byte) takes, in nanoseconds and
 * 2^-32 of them, so that nothing is divided while blocks pass and every place comes
 * to the same verdict. The account is one point in time, `due`: when the units that
 * were let through so far are paid for.
 *
 *	      due - burst            due
 *	-----------|------------------|---------> time of the blocks
 *	   too late: wasted	 in time: passes	 (before the left mark: over the rate)
 *
 * A block at time t passes when due <= t + burst; then due = max(due, t) + its cost.
 * So in any span T at most T * rate + burst + one block pass, and a block larger
 * than the burst is not starved.
 *
 * Times may be of any clock; they should not fall. One that falls by more than a second
 * (files one after the other) starts the account anew, as in a first block.
 */
#ifndef FILTERS_RATE_H
#define FILTERS_RATE_H

#include <linux/types.h>

#define SL_RATE_ANEW_NS		1000000000ull
/* Within a lock, eBPF calls nothing. */
#define SL_RATE_INLINE		static inline __attribute__((always_inline))

struct sl_rate_conf {
	__u64 ns;		/* that a unit takes, whole ... */
	__u32 frac;		/* ... and the rest, in 2^-32 ns */
	__u32 bytes;		/* units are bytes on the wire, else blocks */
	__u64 burst_ns;
};

struct sl_rate_state {
	__u64 due_ns;
	__u64 last_ns;		/* latest time seen */
	__u32 due_frac;
	__u32 begun;
};

/* What `units` cost is added to due. Units below 2^32, ns below 2^30 for bytes. */
SL_RATE_INLINE void sl_rate_pay(const struct sl_rate_conf *c, struct sl_rate_state *s, __u32 units)
{
	__u64 part = (__u64)units * c->frac;
	__u64 low = (part & 0xffffffffu) + s->due_frac;

	s->due_ns += units * c->ns + (part >> 32) + (low >> 32);
	s->due_frac = (__u32)low;
}

/* 1: the block is over the rate; 0: it passes and is paid for. */
SL_RATE_INLINE int sl_rate_over(const struct sl_rate_conf *c, struct sl_rate_state *s, __u64 t_ns,
			       __u32 units)
{
	if (!s->begun || t_ns + SL_RATE_ANEW_NS < s->last_ns) {
		s->begun = 1;
		s->last_ns = s->due_ns = t_ns;
		s->due_frac = 0;
	}
	if (t_ns > s->last_ns)
		s->last_ns = t_ns;
	if (s->due_ns > t_ns + c->burst_ns)
		return 1;
	if (s->due_ns < t_ns) {
		s->due_ns = t_ns;
		s->due_frac = 0;
	}
	sl_rate_pay(c, s, units);
	return 0;
}

_Static_assert(sizeof(struct sl_rate_conf) == 24, "shared with the kernel");
_Static_assert(sizeof(struct sl_rate_state) == 24, "shared with the kernel");

#endif
