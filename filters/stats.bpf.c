/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * stats.bpf.c -- kernel form of stats.c
 *
 * What a form publishes is added up over the CPUs. An extreme is one number for all of
 * them, here in a map; whoever moves it adds the difference to his own value, and
 * the sum of all is the extreme itself.
 */
#include "kern/stage.bpf.h"

struct extremes {
	__u64 smallest;		/* 0: none yet; no packet has 0 bytes */
	__u64 largest;
	__u64 first_ns;
	__u64 ms;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct extremes);
} extremes SEC(".maps");

#define TRIES	16	/* against other CPUs; each time one of them has won, and moved it closer */

/* The number at *at rises to x. */
static __always_inline void rise(struct sl_k *k, __u64 *at, __u64 x, const __u32 value)
{
	SL_UNROLL for (int i = 0; i < TRIES; i++) {
		__u64 old = *(volatile __u64 *)at;

		if (x <= old)
			return;
		if (__sync_val_compare_and_swap(at, old, x) == old) {
			sl_kvalue(k, value, x - old);
			return;
		}
	}
}

static __always_inline void sink(struct sl_k *k, __u64 *at, __u64 x, const __u32 value)
{
	SL_UNROLL for (int i = 0; i < TRIES; i++) {
		__u64 old = *(volatile __u64 *)at;

		if (old && x >= old)
			return;
		if (__sync_val_compare_and_swap(at, old, x) == old) {
			sl_kvalue(k, value, old ? x - old : x);
			return;
		}
	}
}

static __always_inline int stats(struct sl_k *k)
{
	__u64 now = sl_ktime(k), first;
	struct extremes *e;
	__u32 zero = 0;

	sl_kvalue(k, 0, 1);
	sl_kvalue(k, 1, k->b->wire_len);
	e = bpf_map_lookup_elem(&extremes, &zero);
	if (!e)
		return 0;
	sink(k, &e->smallest, k->b->wire_len, 2);
	rise(k, &e->largest, k->b->wire_len, 3);
	first = *(volatile __u64 *)&e->first_ns;
	if (!first)
		__sync_val_compare_and_swap(&e->first_ns, 0, now);
	else if (now > first)
		rise(k, &e->ms, (now - first) / 1000000, 4);
	return 0;
}

SL_KERNEL_FORM(stats);
