/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ip.bpf.c -- kernel form of ip.c */
#include "kern/decode.bpf.h"

static __always_inline int ip(struct sl_k *k)
{
	sl_kdecode(k);
	if (sl_kip_version(k) != 4)
		return SL_K_DROP;
	k->b->class = k->b->proto;
	return 0;
}

SL_KERNEL_FORM(ip);
