/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lru.bpf.c -- flows counted in the kernel's own hash table, to be measured against
 *
 * What a program of this kind usually does: the five-tuple is the key, the value packets,
 * bytes, first and last time, and TCP flags, in a hash that forgets the least recently used.
 * Each processor has values of its own, so nothing is atomic: of the kernel's tables this is
 * the fastest. Both directions of a connection are two entries. All packets are taken away.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct key {
	__u32 src, dst;
	__u16 sport, dport;
	__u32 proto;
};

struct flow {
	__u64 packets, bytes, first_ns, last_ns;
	__u64 flags;
};

struct counted {
	__u64 packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 1 << 20);
	__type(key, struct key);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counted);
} counted SEC(".maps");

static void account(const struct key *k, __u32 bytes, __u8 flags)
{
	__u64 now = bpf_ktime_get_ns();
	struct flow *f = bpf_map_lookup_elem(&flows, k);
	struct flow new = { .packets = 1, .bytes = bytes, .first_ns = now, .last_ns = now,
			    .flags = flags };

	if (!f) {
		bpf_map_update_elem(&flows, k, &new, BPF_ANY);
		return;
	}
	f->packets++;
	f->bytes += bytes;
	f->last_ns = now;
	f->flags |= flags;
}

SEC("xdp")
int lru(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct counted *c;
	struct key k = { };
	__u32 zero = 0;
	__u8 *l4;

	c = bpf_map_lookup_elem(&counted, &zero);
	if (!c)
		return XDP_ABORTED;
	c->packets++;
	c->bytes += end - data;
	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl < 5)
		return XDP_DROP;
	k.src = ip->saddr;
	k.dst = ip->daddr;
	k.proto = ip->protocol;
	l4 = (void *)ip + ip->ihl * 4;
	if ((k.proto == IPPROTO_TCP || k.proto == IPPROTO_UDP) && (void *)(l4 + 14) <= end &&
	    !(ip->frag_off & bpf_htons(0x1fff))) {
		k.sport = *(__u16 *)l4;
		k.dport = *(__u16 *)(l4 + 2);
		account(&k, end - data, k.proto == IPPROTO_TCP ? l4[13] : 0);
		return XDP_DROP;
	}
	account(&k, end - data, 0);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
