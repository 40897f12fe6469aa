/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* slice.bpf.c -- kernel form of slice.c */
#include "kern/decode.bpf.h"

const volatile __u32 n;

static __always_inline int slice(struct sl_k *k)
{
	__u32 self = conf.self;

	if (k->b->frame_len <= n)
		return 0;
	sl_kvalue(k, 0, 1);
	if (self < SL_K_STAGES)
		k->s->counts[self].filtered.bytes += k->b->len - n;
	k->b->len = k->b->frame_len = n;
	k->b->flags &= ~(LAYERS_DECODED | LAYERS_PART);
	k->b->l3 = k->b->l4 = k->b->payload = 0;
	k->b->proto = 0;
	return 0;
}

SL_KERNEL_FORM(slice);
