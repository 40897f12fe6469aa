/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * tx.bpf.c -- kernel form of tx.c
 *
 * In the way of packets (XDP) a packet itself is sent on: the redirection is asked for here
 * and happens when the last branch is done, as the verdict of the hook. Beside the
 * stack (tc) a clone is sent, and the packet goes its way.
 *
 * What is not plain goes to the C form, which knows how to wait, what to say, and to cut:
 * frames of other lengths than at the hook, too long ones, a second copy of the same
 * packet, a device that does not take it.
 */
#include "kern/stage.bpf.h"

#define HEADER		14
#define TAG		4
#define CONGESTED	2	/* NET_XMIT_CN: taken, though the queue is long */
#define ETHERNET	1

enum { PACKETS, BYTES, WAITS, CUT, SPLIT };	/* values */

const volatile __u32 ifindex, mtu;

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 4);
} device SEC(".maps");

/* Longer than the device takes. A tag's ethertype in the frame makes room for the tag. */
static __always_inline int too_long(struct sl_k *k, __u32 len)
{
	const __u8 *p;
	__u16 type;

	if (k->s->frame.flags & SL_K_GSO || len <= mtu + HEADER)
		return 0;
	p = sl_kpeek(k, 12, 2);
	type = p ? sl_kbe16(p) : 0;
	return len > mtu + HEADER + TAG || (type != 0x8100 && type != 0x88a8);
}

static __always_inline int tx(struct sl_k *k)
{
	struct sl_kscratch *s = k->s;
	__u32 len = k->b->frame_len;
	long r;

	if (k->b->link != ETHERNET || len < HEADER || too_long(k, len))
		return SL_K_UP;
	if (conf.hook == SL_K_XDP) {
		const struct xdp_md *x = k->ctx;

		if (len != (__u32)(x->data_end - x->data) || s->verdict == XDP_REDIRECT)
			return SL_K_UP;
		if (bpf_redirect_map(&device, 0, 0) != XDP_REDIRECT)
			return SL_K_UP;
		s->verdict = XDP_REDIRECT;
	} else {
		struct __sk_buff *skb = k->ctx;

		if (len != skb->len + (s->tag >> 29 & TAG))
			return SL_K_UP;
		r = bpf_clone_redirect(skb, ifindex, 0);
		if (r && r != CONGESTED)
			return SL_K_UP;
	}
	sl_kvalue(k, PACKETS, 1);
	sl_kvalue(k, BYTES, len);
	if (k->b->wire_len > len)
		sl_kvalue(k, CUT, 1);
	if (s->frame.flags & SL_K_GSO)
		sl_kvalue(k, SPLIT, 1);
	return SL_K_DONE;
}

SL_KERNEL_FORM(tx);
