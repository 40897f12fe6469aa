/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* head.bpf.c -- kernel form of head.c */
#include "kern/turn.bpf.h"

const volatile __u64 n;

static __always_inline int head(struct sl_k *k)
{
	__u64 *taken;

	if (n) {
		taken = sl_kturn();
		/* looked at first: when all have passed, nobody writes there any more */
		if (!taken || *(volatile __u64 *)taken >= n || __sync_fetch_and_add(taken, 1) >= n)
			return SL_K_DROP;
	}
	sl_kvalue(k, 0, 1);
	return 0;
}

SL_KERNEL_FORM(head);
