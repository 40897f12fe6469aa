/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ip6 -- pass IPv6 packets, classed by protocol
 *
 *	(ip6)
 *
 * in   packets
 * out  the IPv6 packets among them, unchanged
 *
 * The class is the number of the protocol that IP carries: -tcp->, -17->.
 * Extension headers are walked first; the class is what follows the last of
 * them, or 59 where nothing does.
 */
#include "versions.h"

static int ip6_work(struct sl_filter *f, struct sl_batch *in)
{
	return versions_work(f, in, 6);
}

static const char *const ip6_examples[] = {
	"(pcapin all.pcap) > (ip6) -tcp-> (count)",
	"(pcapin all.pcap) { > (ip) > (old: count); > (ip6) > (new: count) }",
	NULL
};

const struct sl_filter_type sl_ip6_type = {
	.name	  = "ip6",
	.brief	  = "pass IPv6 packets, classed by protocol",
	.group	  = "select",
	.in	  = SL_PACKET,
	.out	  = SL_PACKET,
	.need	  = SL_NEED_HEADERS,
	.class	  = SL_CLASS_PROTO,
	.flags	  = SL_F_SHARD | SL_F_SELECT,
	.work	  = ip6_work,
	.kernel	  = filter_kernel,
	.examples = ip6_examples,
	.see_also = "ip, tcp, udp, icmp, bpf",
};
