/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* tunnel.bpf.c -- kernel form of tunnel.c */
#include "kern/decode.bpf.h"

#include "tunnel.h"

static __always_inline int tunnel(struct sl_k *k)
{
	const __u8 *p = NULL;
	int version, t;

	sl_kdecode(k);
	version = sl_kip_version(k);
	t = version ? tunnel_proto(version, k->b->proto) : TUNNEL_NONE;
	if (t == TUNNEL_BY_UDP || t == TUNNEL_BY_GRE) {
		if (k->b->flags & LAYERS_PART)
			sl_kvalue(k, 0, 1);
		if (!k->b->l4)
			return SL_K_DROP;
		p = t == TUNNEL_BY_UDP ? sl_kpeek(k, k->b->l4, TUNNEL_UDP_BYTES)
				       : sl_kpeek(k, k->b->l4, TUNNEL_GRE_BYTES);
		if (!p)
			return SL_K_DROP;
		t = t == TUNNEL_BY_UDP ? tunnel_udp(p) : tunnel_gre(p);
	}
	if (t < 0)
		return SL_K_DROP;
	k->b->class = t;
	return 0;
}

SL_KERNEL_FORM(tunnel);
