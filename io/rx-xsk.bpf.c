/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * io/rx-xsk.bpf.c -- packets of a queue go to the socket that stands for it
 *
 * A queue without one passes all on to the system. AF_XDP tells no time, so it is put
 * in front of the packet, where the driver lets us; a mark says that it did. Only packets that are
 * taken get it: it would keep the system from merging the others.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "rx-xsk.h"

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, RX_XSK_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

SEC("xdp")
int rx_xsk(struct xdp_md *ctx)
{
	__u32 queue = ctx->rx_queue_index;
	struct rx_xsk_mark *mark;

	if (!bpf_map_lookup_elem(&sockets, &queue))
		return XDP_PASS;
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*mark)) == 0) {
		mark = (void *)(long)ctx->data_meta;
		if ((void *)(mark + 1) <= (void *)(long)ctx->data) {
			mark->magic = RX_XSK_MAGIC;
			mark->time_ns = bpf_ktime_get_ns();
		}
	}
	return (int)bpf_redirect_map(&sockets, queue, XDP_PASS);
}

char _license[] SEC("license") = "Dual BSD/GPL";
