/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kern/entry.bpf.c -- where packets come into a chain of stages
 *
 * One object for each live source and direction. Fills in the scratch area: an
 * empty branch stack, the block, and the frame's first bytes when some stage wants
 * to look at them. A VLAN tag that the card or the stack took off is put back, in the
 * window and, by the commit stage, in the bytes.
 */
#include "kern/stage.bpf.h"

#include <linux/if_ether.h>

const volatile struct sl_kentrance entrance;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_kreplay);
} replay SEC(".maps");

static __always_inline void replayed(struct sl_kscratch *s)
{
	__u32 zero = 0;
	const struct sl_kreplay *r = bpf_map_lookup_elem(&replay, &zero);

	if (!r)
		return;
	s->frame.time_ns = r->time_ns;
	s->frame.wire_len = s->cur.wire_len = r->wire_len;
	s->frame.link = s->cur.link = r->link;
	s->frame.iface = s->cur.iface = r->iface;
	s->cur.flags = r->flags;
	s->frame.queue = 0;
}

static __always_inline struct sl_k begin(void *ctx, __u32 wire_len)
{
	struct sl_k k = { .ctx = ctx, .s = sl_kscratch_get() };
	struct sl_kscratch *s = k.s;

	if (!s)
		return k;
	k.b = &s->cur;
	s->frame = (struct sl_kframe){ .nth = ++s->came, .wire_len = wire_len, .link = entrance.link, .iface = entrance.iface };
	s->verdict = conf.pass;
	s->n_pending = 0;
	s->need = 0;
	s->tag = 0;
	s->cur = (struct sl_kblock){
		.wire_len = wire_len, .flags = entrance.flags,
		.link = entrance.link, .iface = entrance.iface,
	};
	return k;
}

/* Whatever becomes of it here, others get it whole. */
static __always_inline void share(struct sl_k *k)
{
	struct sl_kscratch *s = k->s;

	s->entries[0] = (struct sl_kentry){
		.len = k->b->len, .frame_len = k->b->frame_len, .flags = k->b->flags,
		.border = SL_K_SHARED,
	};
	s->streams[0] = SL_K_STREAMS;
	s->stages[0] = SL_K_STAGES;
	s->frame.n_entries = 1;
	s->need = k->b->frame_len;
}

static __always_inline int go(struct sl_k *k, __u32 len)
{
	if (len > entrance.snap)
		len = entrance.snap;
	k->b->len = k->b->frame_len = len;
	if (entrance.replay)
		replayed(k->s);
	if (entrance.shared)
		share(k);
	return sl_kleave(k, 0);
}

/* The first bytes by 8, by 4, 2, 1: frames of 60 bytes are the most common of all. */
static __always_inline void window_xdp(struct sl_kscratch *s, const __u8 *p, const __u8 *end)
{
	__u8 *w = s->window;

	SL_UNROLL for (int i = 0; i < 16; i++) {
		if (p + 8 > end)
			break;
		*(__u64 *)w = *(const __u64 *)p;
		p += 8;
		w += 8;
	}
	if (p + 4 <= end) {
		*(__u32 *)w = *(const __u32 *)p;
		p += 4;
		w += 4;
	}
	if (p + 2 <= end) {
		*(__u16 *)w = *(const __u16 *)p;
		p += 2;
		w += 2;
	}
	if (p + 1 <= end)
		*w = *p;
}

SEC("xdp") int entry_xdp(struct xdp_md *ctx)
{
	const __u8 *p = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	__u32 len = (__u32)(end - p), n;
	struct sl_k k = begin(ctx, len);

	if (!k.s)
		return conf.pass;
	k.s->frame.queue = (__u16)(ctx->rx_queue_index + 1);
	if (entrance.window) {
		window_xdp(k.s, p, end);
		if (len > 128) {
			n = (len > SL_K_WINDOW ? SL_K_WINDOW : len) - 128;
			if (SL_BOUND(n, SL_K_WINDOW - 128))
				bpf_xdp_load_bytes(ctx, 128, k.s->window + 128, n);
		}
	}
	return go(&k, len);
}

/* 12 bytes of addresses, then the tag that had been taken off, then the rest. */
static __always_inline void window_tagged(struct __sk_buff *skb, struct sl_kscratch *s, __u32 n)
{
	bpf_skb_load_bytes(skb, 0, s->window, 12);
	s->window[12] = (__u8)(s->tag >> 24);
	s->window[13] = (__u8)(s->tag >> 16);
	s->window[14] = (__u8)(s->tag >> 8);
	s->window[15] = (__u8)s->tag;
	n -= 12;
	if (SL_BOUND(n, SL_K_WINDOW - 12))
		bpf_skb_load_bytes(skb, 12, s->window + 16, n);
}

SEC("tc") int entry_tc(struct __sk_buff *skb)
{
	__u32 len = skb->len, n;
	struct sl_k k = begin(skb, len);

	if (!k.s)
		return conf.pass;
	k.s->frame.queue = sl_kqueue(skb, entrance.flags);
	if (skb->gso_segs > 1) {
		k.s->frame.flags |= SL_K_GSO;
		k.s->gso_frames++;
	}
	n = len < SL_K_WINDOW ? len : SL_K_WINDOW;
	if (skb->vlan_present && entrance.link == 1 && len >= 14) {
		k.s->tag = (__u32)bpf_ntohs((__u16)skb->vlan_proto) << 16 | (skb->vlan_tci & 0xffff);
		k.s->frame.flags |= SL_K_TAG;
		k.s->frame.wire_len = k.b->wire_len = len + 4;
		window_tagged(skb, k.s, n);
		return go(&k, len + 4);
	}
	if (entrance.window) {
		if (SL_BOUND(n, SL_K_WINDOW))
			bpf_skb_load_bytes(skb, 0, k.s->window, n);
	}
	return go(&k, len);
}

char sl_license[] SEC("license") = "Dual BSD/GPL";
