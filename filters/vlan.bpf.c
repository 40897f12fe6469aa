/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* vlan.bpf.c -- kernel form of vlan.c */
#include "kern/decode.bpf.h"

const volatile __u32 inner;

static __always_inline int vlan(struct sl_k *k)
{
	struct layers d = { k->b, k };
	__u32 type, off, first = 0, last = 0;

	if (!layers_type(&d, &type, &off) || !layers_tags(&d, &type, &off, &first, &last)) {
		sl_kvalue(k, 0, 1);
		return SL_K_DROP;
	}
	k->b->class = (inner ? last : first) & 0xfff;
	return 0;
}

SL_KERNEL_FORM(vlan);
