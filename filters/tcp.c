/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tcp -- pass TCP packets, classed by port
 *
 *	(tcp)
 *	(tcp, class=sport|dport|either)
 *
 * in   packets
 * out  the TCP packets among them, over IPv4 or IPv6, unchanged
 * read fragments, unreadable
 *
 * The class is the destination port, so that -80-> takes what goes to web
 * servers. class=sport takes what comes from them; class=either takes both: it is
 * the lower of the two ports, nearly always the service's, and the same for both
 * directions of a flow. Use it where both sides are to be seen:
 *
 *	(tcp, class=either) -80-> (untcp)
 *
 * Of a fragmented IP packet only the first fragment carries the ports; the others
 * are dropped and counted as fragments. So are packets whose TCP header is cut off by
 * the capture or is none (unreadable).
 */
#include "ports.h"

static const struct sl_param tcp_params[] = { PORTS_PARAMS };
static const struct sl_value tcp_values[] = { PORTS_VALUES };

static int tcp_work(struct sl_filter *f, struct sl_batch *in)
{
	return ports_work(f, in, 6);
}

static const char *const tcp_examples[] = {
	"(pcapin web.pcap) > (tcp) -80-> (count)",
	"(pcapin web.pcap) > (tcp, class=either) -http,https-> (untcp) > (count)",
	NULL
};

const struct sl_filter_type sl_tcp_type = {
	.name	  = "tcp",
	.brief	  = "pass TCP packets, classed by port",
	.group	  = "select",
	.state	  = sizeof(struct ports),
	.params	  = tcp_params,
	.values	  = tcp_values,
	.in	  = SL_PACKET,
	.out	  = SL_PACKET,
	.need	  = SL_NEED_HEADERS,
	.class	  = SL_CLASS_PORT,
	.flags	  = SL_F_SHARD | SL_F_SELECT,
	.work	  = tcp_work,
	.kernel	  = ports_kernel,
	.examples = tcp_examples,
	.see_also = "udp, sourceport, untcp, bpf",
};
