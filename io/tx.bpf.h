/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* tx.bpf.h -- what kernel forms that send have in common */
#ifndef SL_IO_TX_BPF_H
#define SL_IO_TX_BPF_H

#include "kern/stage.bpf.h"
#include "tx-kernel.h"

#define HEADER		14
#define TAG		4
#define CONGESTED	2	/* NET_XMIT_CN: taken, though the queue is long */
#define ETHERNET	1

enum { PACKETS, BYTES, WAITS, CUT, SPLIT };	/* values */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_tx_target);
} target SEC(".maps");

/* Longer than the device takes. A tag's ethertype in the frame makes room for the tag. */
static __always_inline int too_long(struct sl_k *k, const struct sl_tx_target *t, __u32 len)
{
	const __u8 *p;
	__u16 type;

	if (k->s->frame.flags & SL_K_GSO || len <= t->mtu + HEADER)
		return 0;
	p = sl_kpeek(k, 12, 2);
	type = p ? sl_kbe16(p) : 0;
	return len > t->mtu + HEADER + TAG || (type != 0x8100 && type != 0x88a8);
}

/* Where this block can be sent as a whole frame; NULL: that is for the C form to say. */
static __always_inline const struct sl_tx_target *target_for(struct sl_k *k)
{
	__u32 zero = 0, len = k->b->frame_len;
	const struct sl_tx_target *t = bpf_map_lookup_elem(&target, &zero);

	if (!t || !t->up || k->b->link != ETHERNET || len < HEADER || too_long(k, t, len))
		return 0;
	return t;
}

/* A clone of the packet at tc is sent, unless the block is no whole frame. 0, or it was not. */
static __always_inline long send_clone(struct sl_k *k, const struct sl_tx_target *t)
{
	struct __sk_buff *skb = k->ctx;
	long r;

	if (k->b->frame_len != skb->len + (k->s->tag >> 29 & TAG))
		return -1;
	r = bpf_clone_redirect(skb, t->ifindex, 0);
	return r == CONGESTED ? 0 : r;
}

static __always_inline void count_sent(struct sl_k *k)
{
	__u32 len = k->b->frame_len;

	sl_kvalue(k, PACKETS, 1);
	sl_kvalue(k, BYTES, len);
	if (k->b->wire_len > len)
		sl_kvalue(k, CUT, 1);
	if (k->s->frame.flags & SL_K_GSO)
		sl_kvalue(k, SPLIT, 1);
}

#endif
