/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kern/capture.bpf.c -- entry and commit in one, for packets that no stage looks at
 *
 * What entry.bpf.c and commit.bpf.c do by way of the scratch area and a jump, for the request
 * in which everything is captured and nothing asked: then a packet costs little more
 * than a look at the clock and the copying of its bytes. Records are plain (kern/abi.h).
 */
#include "kern/ring.bpf.h"

const volatile struct sl_kentrance entrance;

struct seen {			/* of a packet, before it is stored */
	__u32 len;		/* of the frame, its tag put back */
	__u32 tag;		/* tpid << 16 | tci; 0: none was taken off */
	__u16 queue;
	__u8 flags;
};

/* 12 bytes of addresses and the tag that had been taken off. */
static __always_inline void put_tag(struct sl_k *k, place at, __u32 tag)
{
	__u8 *w = k->s->window;

	sl_kload_raw(k->ctx, 0, w, 12);
	*(__u32 *)(w + 12) = bpf_htonl(tag);
	AT(__u64, at)[0] = ((__u64 *)w)[0];
	AT(__u64, at)[1] = ((__u64 *)w)[1];
}

/* All counts are those of the one arrow that leaves an entry. */
static __always_inline int capture(void *ctx, const struct seen *f)
{
	__u64 now = bpf_ktime_get_ns();		/* first: few registers outlive a call */
	struct sl_k k = { .ctx = ctx, .s = sl_kscratch_get() };
	struct sl_kscratch *s = k.s;
	__u32 cpu = bpf_get_smp_processor_id(), stored = f->len, stream = conf.arrows[0].stream;
	__u64 need, nth;
	place r, at;

	if (!s || cpu >= ring_conf.n_cpus || stream >= SL_K_STREAMS)
		return conf.pass;
	r = ring_of(cpu);
	if (!r)
		return conf.pass;
	if (stored > entrance.snap)
		stored = entrance.snap;
	nth = ++s->came;
	sl_ktally_add(&s->moved[stream], stored);
	need = (sizeof(struct sl_dring_rec) + sizeof(struct sl_kframe) + stored + 7) & ~7ull;
	at = put_begin(s, cpu, r, need);
	if (!at) {
		AT(volatile struct sl_dring_head, r)->full++;
		AT(volatile struct sl_dring_head, r)->full_bytes += stored;
		sl_krefuse(s, stream, conf.self | SL_K_SOLE, stored);
		return conf.swallow;
	}
	AT(struct sl_kframe, at)->time_ns = now;
	AT(struct sl_kframe, at)->nth = nth;
	AT(struct sl_kframe, at)->wire_len = f->len;
	AT(struct sl_kframe, at)->stored = stored;
	AT(struct sl_kframe, at)->link = entrance.link;
	AT(struct sl_kframe, at)->iface = entrance.iface;
	AT(struct sl_kframe, at)->queue = f->queue;
	AT(struct sl_kframe, at)->n_entries = (__u8)conf.arrows[0].border;
	AT(struct sl_kframe, at)->flags = f->flags | (__u8)conf.plain | (__u8)(entrance.flags >> SL_K_WAY_SHIFT);
	at += sizeof(struct sl_kframe);
	SL_OPAQUE(stored);
	if (f->tag && stored > 12 && stored <= FRAME_MAX) {
		put_tag(&k, at, f->tag);	/* a record's end is rounded up: there is room for 16 */
		if (stored > 16)
			put_bytes(&k, at + 16, 12, stored - 16);
	} else if (stored <= FRAME_MAX) {
		put_bytes(&k, at, 0, stored);
	}
	put_end(s, cpu, r, need);
	return conf.swallow;
}

SEC("xdp") int entry_xdp(struct xdp_md *ctx)
{
	const __u8 *p = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
	struct seen f = { .queue = (__u16)(ctx->rx_queue_index + 1) };

	f.len = (__u32)(end - p);
	SL_OPAQUE(f.len);		/* computed before the clock is asked, not of half pointers behind it */
	return capture(ctx, &f);
}

SEC("tc") int entry_tc(struct __sk_buff *skb)
{
	struct seen f = { .len = skb->len, .queue = sl_kqueue(skb, entrance.flags) };
	struct sl_kscratch *s;

	if (skb->gso_segs > 1) {
		f.flags = SL_K_GSO;
		s = sl_kscratch_get();
		if (s)
			s->gso_frames++;
	}
	if (skb->vlan_present && entrance.link == 1 && f.len >= 14) {
		f.tag = (__u32)bpf_ntohs((__u16)skb->vlan_proto) << 16 | (skb->vlan_tci & 0xffff);
		f.flags |= SL_K_TAG;
		f.len += 4;
	}
	return capture(skb, &f);
}

char sl_license[] SEC("license") = "Dual BSD/GPL";
