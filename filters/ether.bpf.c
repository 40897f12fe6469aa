/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ether.bpf.c -- kernel form of ether.c */
#include "kern/decode.bpf.h"

static __always_inline int ether(struct sl_k *k)
{
	struct layers d = { k->b, k };
	__u32 type, off, first, last;
	int version;

	if (layers_type(&d, &type, &off)) {
		if (layers_is_tag(type))
			layers_tags(&d, &type, &off, &first, &last);
		k->b->class = type < 0x600 ? 0 : type;
		return 0;
	}
	sl_kdecode(k);
	version = sl_kip_version(k);
	if (!version) {
		sl_kvalue(k, 0, 1);
		return SL_K_DROP;
	}
	k->b->class = version == 4 ? ETH_IP4 : ETH_IP6;
	return 0;
}

SL_KERNEL_FORM(ether);
