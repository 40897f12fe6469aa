/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tunnel -- pass packets that carry others inside, classed by the kind of tunnel
 *
 *	(tunnel)
 *
 * in   packets
 * out  those of a tunnel, unchanged
 * read fragments
 *
 * The classes, as Linux calls them:
 *
 *	ipip    IPv4 within IPv4         sit     IPv6 within IPv4
 *	ip6tnl  either within IPv6       gre     anything but Ethernet in GRE
 *	gretap  Ethernet within GRE      erspan  mirrored frames within GRE
 *	vxlan   UDP port 4789 or 8472    geneve  UDP port 6081
 *	gtp     UDP port 2152            esp     IPsec
 *
 * Of UDP, the port and the first byte of the tunnel's header must both be right. Tunnels are
 * recognised, not opened: packets pass as they are. Fragments but the first say ipip,
 * sit, ip6tnl and esp still; of the other kinds they are dropped and counted.
 */
#include <stdio.h>

#include "filter.h"
#include "tunnel.h"

struct tunnel_state {
	struct sl_count fragments;
};

static const char *const tunnel_names[N_TUNNELS] = {
	[TUNNEL_IPIP] = "ipip", [TUNNEL_SIT] = "sit", [TUNNEL_IP6TNL] = "ip6tnl", [TUNNEL_GRE] = "gre",
	[TUNNEL_GRETAP] = "gretap", [TUNNEL_ERSPAN] = "erspan", [TUNNEL_VXLAN] = "vxlan",
	[TUNNEL_GENEVE] = "geneve", [TUNNEL_GTP] = "gtp", [TUNNEL_ESP] = "esp",
};

static const struct sl_value tunnel_values[] = {
	SL_COUNT(struct tunnel_state, fragments, .help = "fragments of GRE and UDP but the first, dropped"),
	{ }
};

static int tunnel_class_find(const void *shared, const char *name, uint32_t *class_out)
{
	(void)shared;
	for (unsigned int i = 0; i < N_TUNNELS; i++) {
		if (!strcmp(tunnel_names[i], name)) {
			*class_out = i;
			return 0;
		}
	}
	return -ENOENT;
}

static const char *tunnel_class_at(const void *shared, unsigned int i)
{
	(void)shared;
	return i < N_TUNNELS ? tunnel_names[i] : NULL;
}

static const char *tunnel_class_name(const void *shared, uint32_t class_no, char *buf, size_t size)
{
	(void)shared;
	snprintf(buf, size, "%s", class_no < N_TUNNELS ? tunnel_names[class_no] : "?");
	return buf;
}

static int tunnel_of(struct tunnel_state *s, struct sl_block *b, const uint8_t *frame)
{
	unsigned int version = sl_ip_version(b, frame);
	int t = version ? tunnel_proto((int)version, b->proto) : TUNNEL_NONE;
	uint32_t need = t == TUNNEL_BY_UDP ? TUNNEL_UDP_BYTES : TUNNEL_GRE_BYTES;

	if (t != TUNNEL_BY_UDP && t != TUNNEL_BY_GRE)
		return t;
	if (b->flags & SL_B_FRAGMENT)
		sl_count(&s->fragments);
	if (!b->l4 || b->l4 + need > b->frame_len)
		return TUNNEL_NONE;
	return t == TUNNEL_BY_UDP ? tunnel_udp(frame + b->l4) : tunnel_gre(frame + b->l4);
}

static int tunnel_work(struct sl_filter *f, struct sl_batch *in)
{
	struct tunnel_state *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		int t = tunnel_of(s, b, sl_frame(f, b));

		if (t < 0) {
			sl_drop(f, b);
			continue;
		}
		b->class = (uint32_t)t;
		sl_emit(f, 0, b);
	}
	return 0;
}

static const char *const tunnel_examples[] = {
	"(pcapin all.pcap) > (tunnel) -vxlan-> (count)",
	"(pcapin all.pcap) > (tunnel) { -gre,gretap-> (gre: count); -else-> (rest: count) }",
	NULL
};

const struct sl_filter_type sl_tunnel_type = {
	.name	    = "tunnel",
	.brief	    = "pass packets that carry others inside, classed by the kind of tunnel",
	.group	    = "select",
	.state	    = sizeof(struct tunnel_state),
	.values	    = tunnel_values,
	.in	    = SL_PACKET,
	.out	    = SL_PACKET,
	.class	    = SL_CLASS_GROUP,
	.flags	    = SL_F_SHARD | SL_F_SELECT,
	.class_find = tunnel_class_find,
	.class_name = tunnel_class_name,
	.class_at   = tunnel_class_at,
	.work	    = tunnel_work,
	.kernel	    = filter_kernel,
	.examples   = tunnel_examples,
	.see_also   = "ip, udp, vlan, bpf",
};
