/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kern/commit.bpf.c -- the last stage: a packet goes into the ring, once
 *
 * Built twice, for rings in an arena and in a mmapable array. A packet for which an
 * honoured reader has no room is refused and counted, for each border that it was to
 * cross.
 */
#include "kern/ring.bpf.h"

SEC("xdp") int commit(void *ctx)
{
	struct sl_k k = { .ctx = ctx, .s = sl_kscratch_get() };
	struct sl_kscratch *s = k.s;
	__u32 cpu = bpf_get_smp_processor_id(), n_entries, stored, skip = 0;
	__u64 need;
	place r, at;

	if (!s || cpu >= ring_conf.n_cpus)
		return conf.pass;
	r = ring_of(cpu);
	if (!r)
		return conf.pass;
	n_entries = s->frame.n_entries;
	if (n_entries > SL_K_ENTRIES)
		n_entries = SL_K_ENTRIES;
	stored = s->need > FRAME_MAX ? FRAME_MAX : s->need;
	need = (sizeof(struct sl_dring_rec) + sizeof(struct sl_kframe) +
		n_entries * sizeof(struct sl_kentry) + stored + 7) & ~7ull;
	at = put_begin(s, cpu, r, need);
	if (!at) {
		AT(volatile struct sl_dring_head, r)->full++;
		AT(volatile struct sl_dring_head, r)->full_bytes += stored;
		return sl_krefuse_all(s);
	}
	sl_ktime(&k);
	s->frame.stored = stored;
	SL_UNROLL for (__u32 i = 0; i < sizeof(struct sl_kframe) / 8; i++)
		AT(__u64, at)[i] = ((__u64 *)&s->frame)[i];
	at += sizeof(struct sl_kframe);
	for (__u32 i = 0; i < SL_K_ENTRIES; i++) {
		const __u64 *e = (const __u64 *)&s->entries[i];

		if (i >= n_entries)
			break;
		AT(__u64, at)[4 * i] = e[0];
		AT(__u64, at)[4 * i + 1] = e[1];
		AT(__u64, at)[4 * i + 2] = e[2];
		AT(__u64, at)[4 * i + 3] = e[3];
	}
	at += n_entries * sizeof(struct sl_kentry);
	if (s->tag && stored > 12) {	/* a record's end is rounded up: there is room for 16 */
		AT(__u64, at)[0] = ((__u64 *)s->window)[0];
		AT(__u64, at)[1] = ((__u64 *)s->window)[1];
		skip = 16;
	}
	SL_OPAQUE(stored);
	if (stored > skip && stored <= FRAME_MAX)
		put_bytes(&k, at + skip, skip ? 12 : 0, stored - skip);
	put_end(s, cpu, r, need);
	return s->verdict;
}

char sl_license[] SEC("license") = "Dual BSD/GPL";
