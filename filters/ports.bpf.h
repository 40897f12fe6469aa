/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ports.bpf.h -- as ports.h: pass the packets of some protocols, classed by port */
#ifndef FILTERS_PORTS_BPF_H
#define FILTERS_PORTS_BPF_H

#include "kern/decode.bpf.h"

enum { PORTS_DPORT, PORTS_SPORT, PORTS_EITHER };

const volatile __u32 class;

/* Of a block whose protocol was found right. */
static __always_inline int ports_class(struct sl_k *k)
{
	__u32 sport, dport;
	const __u8 *p;

	if (!k->b->l4) {
		sl_kvalue(k, k->b->flags & LAYERS_PART ? 0 : 1, 1);
		return SL_K_DROP;
	}
	p = sl_kpeek(k, k->b->l4, 4);
	if (!p)
		return SL_K_DROP;
	sport = sl_kbe16(p);
	dport = sl_kbe16(p + 2);
	if (class == PORTS_DPORT)
		k->b->class = dport;
	else if (class == PORTS_SPORT)
		k->b->class = sport;
	else
		k->b->class = sport < dport ? sport : dport;
	return 0;
}

/* 0: TCP, UDP, or SCTP. */
static __always_inline int ports_of(struct sl_k *k, __u8 want)
{
	__u8 proto;

	sl_kdecode(k);
	proto = k->b->proto;
	if (want ? proto != want : proto != LAYER_TCP && proto != LAYER_UDP && proto != LAYER_SCTP)
		return SL_K_DROP;
	return ports_class(k);
}

#endif
