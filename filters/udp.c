/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * udp -- pass UDP packets, classed by port
 *
 *	(udp)
 *	(udp, class=sport|dport|either)
 *
 * in   packets
 * out  the UDP packets among them, over IPv4 or IPv6, unchanged
 * read fragments, unreadable
 *
 * The class is the destination port: -53-> takes queries to name servers.
 * class=sport takes the answers, class=either both: it is the lower of the two
 * ports. Of a fragmented IP packet only the first fragment carries the ports; the
 * others are dropped and counted as fragments.
 */
#include "ports.h"

static const struct sl_param udp_params[] = { PORTS_PARAMS };
static const struct sl_value udp_values[] = { PORTS_VALUES };

static int udp_work(struct sl_filter *f, struct sl_batch *in)
{
	return ports_work(f, in, 17);
}

static const char *const udp_examples[] = {
	"(pcapin dns.pcap) > (udp) -domain-> (count)",
	"(pcapin dns.pcap) > (udp, class=either) -53,5353-> (print)",
	NULL
};

const struct sl_filter_type sl_udp_type = {
	.name	  = "udp",
	.brief	  = "pass UDP packets, classed by port",
	.group	  = "select",
	.state	  = sizeof(struct ports),
	.params	  = udp_params,
	.values	  = udp_values,
	.in	  = SL_PACKET,
	.out	  = SL_PACKET,
	.need	  = SL_NEED_HEADERS,
	.class	  = SL_CLASS_PORT,
	.flags	  = SL_F_SHARD | SL_F_SELECT,
	.work	  = udp_work,
	.kernel	  = ports_kernel,
	.examples = udp_examples,
	.see_also = "tcp, sourceport, bpf",
};
