/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* icmp.bpf.c -- kernel form of icmp.c */
#include "kern/decode.bpf.h"

static __always_inline int icmp(struct sl_k *k)
{
	const __u8 *p;

	sl_kdecode(k);
	if (k->b->proto != LAYER_ICMP && k->b->proto != LAYER_ICMPV6)
		return SL_K_DROP;
	if (!k->b->l4) {
		sl_kvalue(k, k->b->flags & LAYERS_PART ? 0 : 1, 1);
		return SL_K_DROP;
	}
	p = sl_kpeek(k, k->b->l4, 1);
	if (!p)
		return SL_K_DROP;
	k->b->class = *p;
	return 0;
}

SL_KERNEL_FORM(icmp);
