/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * rate.bpf.c -- kernel form of rate.c, where it drops
 *
 * One account for all processors, behind a lock: a rate is that of the stream. Its
 * critical section is a handful of additions.
 */
#include "kern/stage.bpf.h"
#include "rate.h"

const volatile struct sl_rate_conf how;

struct account {
	struct bpf_spin_lock lock;
	__u32 pad;
	struct sl_rate_state s;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct account);
} accounts SEC(".maps");

static __always_inline int rate(struct sl_k *k)
{
	const struct sl_rate_conf c = {
		.ns = how.ns, .frac = how.frac, .bytes = how.bytes, .burst_ns = how.burst_ns,
	};
	__u32 zero = 0, units = 1;
	struct account *a = bpf_map_lookup_elem(&accounts, &zero);
	__u64 now = sl_ktime(k);
	int over = 0;

	if (!a)
		return SL_K_LOSE;
	if (c.bytes)
		units = k->b->len == k->b->frame_len ? k->b->wire_len : k->b->len;
	if (now) {
		bpf_spin_lock(&a->lock);
		over = sl_rate_over(&c, &a->s, now, units);
		bpf_spin_unlock(&a->lock);
	}
	sl_kvalue(k, over, 1);		/* passed, over */
	return over ? SL_K_DROP : 0;
}

SL_KERNEL_FORM(rate);
