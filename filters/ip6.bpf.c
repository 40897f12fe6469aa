/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ip6.bpf.c -- kernel form of ip6.c */
#include "kern/decode.bpf.h"

static __always_inline int ip6(struct sl_k *k)
{
	sl_kdecode(k);
	if (sl_kip_version(k) != 6)
		return SL_K_DROP;
	k->b->class = k->b->proto;
	return 0;
}

SL_KERNEL_FORM(ip6);
