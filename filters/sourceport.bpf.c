/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* sourceport.bpf.c -- kernel form of sourceport.c */
#include "kern/decode.bpf.h"

static __always_inline int sourceport(struct sl_k *k)
{
	const __u8 *p = NULL;

	sl_kdecode(k);
	if (k->b->l4 && (k->b->proto == LAYER_TCP || k->b->proto == LAYER_UDP))
		p = sl_kpeek(k, k->b->l4, 2);
	if (!p) {
		sl_kvalue(k, 0, 1);
		return SL_K_DROP;
	}
	k->b->class = sl_kbe16(p);
	return 0;
}

SL_KERNEL_FORM(sourceport);
