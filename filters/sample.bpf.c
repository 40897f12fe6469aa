/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* sample.bpf.c -- kernel form of sample.c, by=block */
#include "kern/turn.bpf.h"

const volatile __u64 n;

static __always_inline int sample(struct sl_k *k)
{
	__u64 *seen = sl_kturn();

	sl_kvalue(k, 0, 1);
	if (!seen || (n > 1 && __sync_fetch_and_add(seen, 1) % n))
		return SL_K_DROP;
	sl_kvalue(k, 1, 1);
	return 0;
}

SL_KERNEL_FORM(sample);
