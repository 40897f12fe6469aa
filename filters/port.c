/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * port -- pass TCP, UDP and SCTP packets, classed by port
 *
 *	(port)
 *	(port, class=sport|dport|either)
 *
 * in   packets
 * out  the TCP, UDP and SCTP packets among them, over IPv4 or IPv6, unchanged
 * read fragments, unreadable
 *
 * What tcp and udp do for one protocol each, for all three at once: -53-> takes what goes
 * to name servers, whichever way it goes. With class=either it is what tcpdump calls
 * "port 53". class= and what is dropped are as with tcp.
 */
#include "ports.h"

static const struct sl_param port_params[] = { PORTS_PARAMS };
static const struct sl_value port_values[] = { PORTS_VALUES };

static int port_work(struct sl_filter *f, struct sl_batch *in)
{
	return ports_work(f, in, 0);
}

static const char *const port_examples[] = {
	"(pcapin dns.pcap) > (port, class=either) -53-> (print)",
	"(pcapin web.pcap) > (port) -1..1023-> (count)",
	NULL
};

const struct sl_filter_type sl_port_type = {
	.name	  = "port",
	.brief	  = "pass TCP, UDP and SCTP packets, classed by port",
	.group	  = "select",
	.state	  = sizeof(struct ports),
	.params	  = port_params,
	.values	  = port_values,
	.in	  = SL_PACKET,
	.out	  = SL_PACKET,
	.need	  = SL_NEED_HEADERS,
	.class	  = SL_CLASS_PORT,
	.flags	  = SL_F_SHARD | SL_F_SELECT,
	.work	  = port_work,
	.kernel	  = ports_kernel,
	.examples = port_examples,
	.see_also = "tcp, udp, sourceport, bpf",
};
