/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ip -- pass IPv4 packets, classed by protocol
 *
 *	(ip)
 *
 * in   packets
 * out  the IPv4 packets among them, unchanged
 *
 * The class is the number of the protocol that IP carries: -tcp->, -17->.
 * Every fragment of a packet has it. Tags of virtual LANs and the headers of
 * Linux cooked captures, PPP and loopback are stepped over; tunnels are not opened.
 */
#include "versions.h"

static int ip_work(struct sl_filter *f, struct sl_batch *in)
{
	return versions_work(f, in, 4);
}

static const char *const ip_examples[] = {
	"(pcapin all.pcap) > (ip) -tcp-> (count)",
	"(pcapin all.pcap) > (ip) { -icmp-> (print); -else-> (count) }",
	NULL
};

const struct sl_filter_type sl_ip_type = {
	.name	  = "ip",
	.brief	  = "pass IPv4 packets, classed by protocol",
	.group	  = "select",
	.in	  = SL_PACKET,
	.out	  = SL_PACKET,
	.need	  = SL_NEED_HEADERS,
	.class	  = SL_CLASS_PROTO,
	.flags	  = SL_F_SHARD | SL_F_SELECT,
	.work	  = ip_work,
	.kernel	  = filter_kernel,
	.examples = ip_examples,
	.see_also = "ip6, tcp, udp, icmp, bpf",
};
