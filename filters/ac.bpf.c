/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * ac.bpf.c -- kernel form of ac.c, on packets
 *
 * It tells which packets certainly hold no pattern, and leaves the rest to the C form: it
 * looks for the first AC_PREFIX bytes of each pattern only, with no regard to case, so that
 * its table stays small. Packets longer than AC_MOST are left to the C form as well.
 *
 * An automaton waits for its table at each byte. So a packet is cut into four pieces and
 * one goes through each in turn, each a little into the next one, as far as a prefix
 * reaches: four loads are under way at a time. What lies behind the packet in the buffer is
 * of packets before; a pattern found there only costs a second look.
 */
#include "kern/stage.bpf.h"

#include "ac-kernel.h"

enum { CLEAN = 2 };		/* of the values */

const volatile __u32 mask;	/* entries of the table, a power of two, - 1 */
const volatile __u8 classes[256];

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, 4096);
} automaton SEC(".maps");

struct buffer {
	__u8 b[2 * AC_MOST];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct buffer);
} packet SEC(".maps");

struct lanes {
	const __u32 *t;
	const __u8 *b;
	__u32 s[4], piece, hits;
};

#define STEP(st, byte) do { \
	__u32 at_ = (st) + classes[byte]; \
	at_ &= mask; \
	(st) = l->t[at_]; \
} while (0)

static __always_inline __u32 within(__u32 off)
{
	off &= AC_MOST - 1;
	SL_OPAQUE(off);
	return off & (AC_MOST - 1);
}

static long eight(__u32 i, struct lanes *l)
{
	__u32 s0 = l->s[0], s1 = l->s[1], s2 = l->s[2], s3 = l->s[3], hits = 0, n = l->piece;
	const __u8 *p0 = l->b + within(i * 8), *p1 = l->b + within(i * 8 + n);
	const __u8 *p2 = l->b + within(i * 8 + 2 * n), *p3 = l->b + within(i * 8 + 3 * n);

	SL_UNROLL for (int k = 0; k < 8; k++) {
		STEP(s0, p0[k]);
		STEP(s1, p1[k]);
		STEP(s2, p2[k]);
		STEP(s3, p3[k]);
		hits |= s0 | s1 | s2 | s3;
	}
	l->s[0] = s0, l->s[1] = s1, l->s[2] = s2, l->s[3] = s3;
	l->hits |= hits;
	return l->hits >> 31;
}

static __always_inline int ac(struct sl_k *k)
{
	__u32 zero = 0, n = k->b->len;
	struct buffer *b = bpf_map_lookup_elem(&packet, &zero);
	struct lanes l = { .t = bpf_map_lookup_elem(&automaton, &zero) };

	if (!b || !l.t || n > AC_MOST - 8 || k->s->tag || k->b->head)
		return SL_K_UP;
	if (n) {
		if (!SL_BOUND(n, AC_MOST - 8) || sl_kload_raw(k->ctx, 0, b->b, n))
			return SL_K_UP;
		l.b = b->b;
		l.piece = (n + 3) / 4;
		bpf_loop((l.piece + AC_PREFIX - 1 + 7) / 8, eight, &l, 0);
		if (l.hits >> 31)
			return SL_K_UP;
	}
	sl_kvalue(k, CLEAN, 1);
	return 0;
}

SL_KERNEL_FORM(ac);
