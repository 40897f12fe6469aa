/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* sample-flow.bpf.c -- kernel form of sample.c, by=flow */
#include "kern/decode.bpf.h"

const volatile __u64 n;

static __always_inline int sample(struct sl_k *k)
{
	__u64 h;

	sl_kvalue(k, 0, 1);
	if (k->b->frame_len)
		sl_kdecode(k);
	if (sl_khas_ip(k)) {
		h = sl_kflow_hash(k) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
		if (n && h % n)
			return SL_K_DROP;
	}
	sl_kvalue(k, 1, 1);
	return 0;
}

SL_KERNEL_FORM(sample);
