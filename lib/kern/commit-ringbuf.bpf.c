/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kern/commit-ringbuf.bpf.c -- the last stage, into the kernel's own ring buffer
 *
 * The same records as commit.bpf.c writes, in one ring for all CPUs. The kernel gives out
 * room under a lock, and a record is seen when it is submitted; nobody is woken by that, but
 * by the bell, as with the other rings.
 *
 * Room must be asked for by a constant: there is a class for each of some sizes, and a record
 * takes the smallest that it fits in. What is left over is never touched. A packet mostly
 * crosses one border, and then the place of its bytes is a constant too; for more, the
 * classes are fewer and leave room for all entries there can be.
 */
#include "kern/commit.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

#define HEAD	(sizeof(struct sl_dring_rec) + sizeof(struct sl_kframe))

/* A record with room for `entries` entries and for `room` bytes, both constants; 0: the ring is full. */
static __always_inline int put(struct sl_k *k, __u32 stored, const __u32 entries, const __u32 room)
{
	const __u32 size = HEAD + entries * sizeof(struct sl_kentry) + room;
	struct sl_kscratch *s = k->s;
	__u8 *rec = bpf_ringbuf_reserve(&ring, size, 0), *at;
	__u32 n_entries = entries, n = stored, from = 0;
	__u64 *w = (__u64 *)rec;

	if (!rec)
		return 0;
	if (!s->frame.time_ns)
		s->frame.time_ns = bpf_ktime_get_ns();
	if (entries > 1 && s->frame.n_entries < entries)
		n_entries = s->frame.n_entries;
	*(struct sl_dring_rec *)rec = (struct sl_dring_rec){
		.size = size, .len = HEAD - sizeof(struct sl_dring_rec) + n_entries * sizeof(struct sl_kentry) + stored,
		.seq = s->seq++ | (__u64)bpf_get_smp_processor_id() << SL_K_SEQ_BITS,
	};
	SL_UNROLL for (__u32 i = 0; i < sizeof(struct sl_kframe) / 8; i++)
		w[2 + i] = ((__u64 *)&s->frame)[i];
	w += HEAD / 8;
	for (__u32 i = 0; i < entries; i++) {
		const __u64 *e = (const __u64 *)&s->entries[i];

		if (i >= n_entries)
			break;
		w[4 * i] = e[0];
		w[4 * i + 1] = e[1];
		w[4 * i + 2] = e[2];
		w[4 * i + 3] = e[3];
	}
	at = rec + HEAD;
	if (entries > 1) {
		__u64 off = n_entries * sizeof(struct sl_kentry);

		SL_OPAQUE(off);		/* bounded where it is used, for the verifier to see */
		if (off > entries * sizeof(struct sl_kentry))
			off = entries * sizeof(struct sl_kentry);
		at += off;
	} else {
		at += sizeof(struct sl_kentry);
	}
	if (s->tag && stored > 12) {
		((__u64 *)at)[0] = ((__u64 *)s->window)[0];
		((__u64 *)at)[1] = ((__u64 *)s->window)[1];
		at += 16;
		from = 12;
		n -= 16;		/* below 16 it is no length any more, and nothing follows */
		if (SL_BOUND(n, room - 16))
			sl_kload_raw(k->ctx, from, at, n);
	} else if (SL_BOUND(n, room)) {
		sl_kload_raw(k->ctx, from, at, n);
	}
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
	return 1;
}

#define CLASS(entries, room)	if (stored <= (room)) return put(k, stored, entries, room)

static __always_inline int put_one(struct sl_k *k, __u32 stored)
{
	CLASS(1, 64);
	CLASS(1, 128);
	CLASS(1, 192);
	CLASS(1, 256);
	CLASS(1, 384);
	CLASS(1, 512);
	CLASS(1, 768);
	CLASS(1, 1024);
	CLASS(1, 1280);
	CLASS(1, 1536);
	CLASS(1, 2048);
	CLASS(1, 4096);
	CLASS(1, 9216);
	CLASS(1, 16384);
	CLASS(1, 24576);
	CLASS(1, 32768);
	CLASS(1, 49152);
	return put(k, stored, 1, FRAME_MAX + 1);
}

static __always_inline int put_more(struct sl_k *k, __u32 stored)
{
	CLASS(SL_K_ENTRIES, 128);
	CLASS(SL_K_ENTRIES, 512);
	CLASS(SL_K_ENTRIES, 1536);
	CLASS(SL_K_ENTRIES, 9216);
	CLASS(SL_K_ENTRIES, 32768);
	return put(k, stored, SL_K_ENTRIES, FRAME_MAX + 1);
}

/* As of the other rings; how full this one is, is asked only when somebody naps. */
static __always_inline void ring_bell(void)
{
	__u32 how;
	struct sl_dring_ctl *c = sl_kasleep(&how);

	if (c && (how != SL_K_DOZE || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= ring_conf.size / 4))
		sl_kwake(c);
}

SEC("xdp") int commit(void *ctx)
{
	struct sl_k k = { .ctx = ctx, .s = sl_kscratch_get() };
	struct sl_kscratch *s = k.s;
	__u32 stored;

	if (!s)
		return conf.pass;
	stored = s->need > FRAME_MAX ? FRAME_MAX : s->need;
	s->frame.stored = stored;
	SL_OPAQUE(stored);
	if (!(s->frame.n_entries > 1 ? put_more(&k, stored) : put_one(&k, stored)))
		return sl_krefuse_all(s);
	ring_bell();
	return s->verdict;
}

char sl_license[] SEC("license") = "Dual BSD/GPL";
