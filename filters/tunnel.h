/* SPDX-License-Identifier: (LGPL-2.1-or-later OR BSD-2-Clause OR GPL-2.0-only) */
/*
 * tunnel.h -- which tunnel is it? Once, for C and eBPF C alike
 *
 * A decoded packet is asked in up to two steps: by its IP protocol; and, where that
 * leaves it open (GRE, UDP), by the first bytes at l4.
 */
#ifndef FILTERS_TUNNEL_H
#define FILTERS_TUNNEL_H

#include <linux/types.h>

enum tunnel {
	TUNNEL_IPIP, TUNNEL_SIT, TUNNEL_IP6TNL, TUNNEL_GRE, TUNNEL_GRETAP, TUNNEL_ERSPAN,
	TUNNEL_VXLAN, TUNNEL_GENEVE, TUNNEL_GTP, TUNNEL_ESP,
	N_TUNNELS,
	TUNNEL_NONE = -1,
	TUNNEL_BY_GRE = -2,	/* tunnel_gre() decides, by 4 bytes at l4 */
	TUNNEL_BY_UDP = -3,	/* tunnel_udp(), by 16 */
};

enum { TUNNEL_GRE_BYTES = 4, TUNNEL_UDP_BYTES = 16 };

static inline int tunnel_proto(int version, __u8 proto)
{
	switch (proto) {
	case 4:
		return version == 4 ? TUNNEL_IPIP : TUNNEL_IP6TNL;
	case 41:
		return version == 4 ? TUNNEL_SIT : TUNNEL_IP6TNL;
	case 17:
		return TUNNEL_BY_UDP;
	case 47:
		return TUNNEL_BY_GRE;
	case 50:
		return TUNNEL_ESP;
	default:
		return TUNNEL_NONE;
	}
}

static inline int tunnel_gre(const __u8 *p)
{
	__u32 type = (__u32)p[2] << 8 | p[3];

	if ((p[1] & 7) > 1)	/* versions: 0, and 1 of PPTP */
		return TUNNEL_NONE;
	if (type == 0x6558)
		return TUNNEL_GRETAP;
	return type == 0x88be || type == 0x22eb ? TUNNEL_ERSPAN : TUNNEL_GRE;
}

/* The port says which it would be, one byte of the header whether it can be. */
static inline int tunnel_udp(const __u8 *p)
{
	switch ((__u32)p[2] << 8 | p[3]) {
	case 4789:
	case 8472:		/* Linux, before there was a number */
		return p[8] & 0x08 ? TUNNEL_VXLAN : TUNNEL_NONE;
	case 6081:
		return p[8] >> 6 ? TUNNEL_NONE : TUNNEL_GENEVE;
	case 2152:		/* version 1, and not GTP' */
		return (p[8] & 0xf0) == 0x30 ? TUNNEL_GTP : TUNNEL_NONE;
	default:
		return TUNNEL_NONE;
	}
}

#endif
