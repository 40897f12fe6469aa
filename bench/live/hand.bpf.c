/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hand.bpf.c -- what somebody would write by hand, to be measured against
 *
 * port80 does what (ip) > (tcp) -80-> (count) > (null) does behind (rx DEV mode=inline):
 * counts TCP packets to port 80 and takes them away, passes all others on. It is as short as
 * it can be while it is right: no stages, no arrows, no ledger, no report.
 *
 * drop counts all and takes all: the far end of what is forwarded. empty does nothing: what
 * the timing itself costs.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct counted {
	__u64 packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counted);
} counted SEC(".maps");

static int count(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct counted *c = bpf_map_lookup_elem(&counted, &zero);

	if (c) {
		c->packets++;
		c->bytes += ctx->data_end - ctx->data;
	}
	return XDP_DROP;
}

SEC("xdp")
int port80(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct tcphdr *tcp;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	/* later fragments have no ports */
	if (ip->ihl < 5 || ip->protocol != IPPROTO_TCP || ip->frag_off & bpf_htons(0x1fff))
		return XDP_PASS;
	tcp = (void *)ip + ip->ihl * 4;
	if ((void *)(tcp + 1) > end || tcp->dest != bpf_htons(80))
		return XDP_PASS;
	return count(ctx);
}

SEC("xdp")
int drop(struct xdp_md *ctx)
{
	return count(ctx);
}

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
