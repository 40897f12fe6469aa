/* SPDX-License-Identifier: (LGPL-2.1-or-later OR BSD-2-Clause OR GPL-2.0-only) */
/*
 * net/layers.h -- the way through a packet's headers, written once for two machines
 *
 * Included by net/decode.c, which reads a frame in memory, and by kern/decode.bpf.h,
 * which reads one through the eyes of the kernel's verifier. So both find the same by
 * construction. Who includes it defines beforehand
 *
 *	struct layers		what is walked: has `b`, the block pointer (struct sl_block
 *				or struct sl_kblock: the fields used here have one name)
 *	layers_peek(d, off, n)	n bytes (a constant, at most 54) of the frame from `off`, or
 *				NULL where the frame ends before, or for off > 0xffff.
 *				Good until the next call
 *	layers_forget(d, x)	x, as a number of which a verifier knows nothing: keeps
 *				it from following each way through a loop separately
 *	layers_get(type, p)	a number in this machine's order, at any address
 *	LAYERS_INLINE		what functions begin with
 *	LAYERS_LOOP		what loops begin with
 *
 *	link (by LINKTYPE_) -> ethertype, tags skipped -> ip4 | ip6 -> l4
 *
 * with a short cut at the entrance for what nearly all packets are: Ethernet,
 * IPv4 without options, TCP or UDP, not a fragment.
 *
 * Loops over tags and extension headers move forward and are bounded. A packet that
 * is cut short or that lies is decoded as far as it can be trusted; what is
 * behind the lie stays 0.
 */
#ifndef SL_NET_LAYERS_H
#define SL_NET_LAYERS_H

#include <linux/types.h>

enum {
	LINK_NULL = 0, LINK_ETHERNET = 1, LINK_PPP = 9, LINK_RAW_BSD = 12, LINK_RAW_OPENBSD = 14,
	LINK_PPP_HDLC = 50, LINK_PPP_ETHER = 51, LINK_RAW = 101, LINK_C_HDLC = 104,
	LINK_LOOP = 108, LINK_SLL = 113, LINK_PPP_PPPD = 166, LINK_PPP_WITH_DIR = 204,
	LINK_IPV4 = 228, LINK_IPV6 = 229, LINK_SLL2 = 276,
};

enum {
	ETH_IP4 = 0x0800, ETH_IP6 = 0x86dd, ETH_PPPOE = 0x8864,
};

enum {				/* IP protocols that are treated in some way of their own */
	LAYER_HOPOPTS = 0, LAYER_ICMP = 1, LAYER_IPIP = 4, LAYER_TCP = 6, LAYER_UDP = 17,
	LAYER_DCCP = 33, LAYER_IPV6 = 41, LAYER_ROUTING = 43, LAYER_FRAGMENT = 44, LAYER_GRE = 47,
	LAYER_AH = 51, LAYER_ICMPV6 = 58, LAYER_NONE = 59, LAYER_DSTOPTS = 60, LAYER_SCTP = 132,
	LAYER_UDPLITE = 136, LAYER_RESERVED = 255,
};

enum {				/* SL_B_DECODED and SL_B_FRAGMENT of streamline/block.h */
	LAYERS_DECODED = 1, LAYERS_PART = 2,
};

enum {
	TAGS_MAX = 32,		/* stacked VLAN tags that are followed */
	EXT_MAX = 32,		/* IPv6 extension headers likewise */
	OFF_MAX = 0xffff,	/* offsets are stored in 16 bits */
};

static LAYERS_INLINE __u32 layers_be16(const __u8 *p)
{
	return (__u32)p[0] << 8 | p[1];
}

/* The l4 header at `off`; `end` is where the packet ends by its own word, which
 * may be beyond the bytes that were captured. */
static LAYERS_INLINE void layers_l4(struct layers *d, __u32 off, __u32 end)
{
	const __u32 len = d->b->frame_len;
	const __u8 proto = d->b->proto;
	__u32 fixed, whole;
	const __u8 *p;

	if (proto == LAYER_TCP)
		fixed = 20;
	else if (proto == LAYER_UDP || proto == LAYER_UDPLITE || proto == LAYER_ICMP || proto == LAYER_ICMPV6)
		fixed = 8;
	else if (proto == LAYER_SCTP || proto == LAYER_DCCP)
		fixed = 12;
	else if (proto == LAYER_NONE)
		return;
	else
		fixed = 0;
	if (off > OFF_MAX || off >= len || off + fixed > len || off + fixed > end)
		return;
	whole = fixed;
	if (proto == LAYER_TCP) {
		p = layers_peek(d, off + 12, 1);
		if (!p)
			return;
		whole = (__u32)(*p >> 4) * 4;
		if (whole < 20 || off + whole > end)
			return;
	}
	d->b->l4 = (__u16)off;
	/* A payload of 0 bytes begins where the frame may end; the offset is still
	 * good for arithmetic, and is not one to read from. */
	if (off + whole <= len && off + whole <= OFF_MAX)
		d->b->payload = (__u16)(off + whole);
}

enum layers_found {
	LAYERS_NO,		/* no IP header */
	LAYERS_IP,		/* one, and nothing behind it that can be read */
	LAYERS_ON,		/* an l4 header would be at *at; the packet ends at *end */
};

static LAYERS_INLINE enum layers_found layers_ip4(struct layers *d, __u32 off, __u32 *at, __u32 *end)
{
	const __u8 *p = layers_peek(d, off, 20);
	__u32 head, total, part;

	if (!p || p[0] >> 4 != 4 || (p[0] & 15) < 5)
		return LAYERS_NO;
	head = (__u32)(p[0] & 15) * 4;
	total = layers_be16(p + 2);
	part = layers_be16(p + 6) & 0x1fff;
	d->b->l3 = (__u16)off;
	d->b->proto = p[9];
	/* A length of 0 means that the card was to fill it in (TSO): the frame's end is
	 * the packet's. */
	if (!total)
		total = d->b->frame_len - off;
	if (total < head)
		return LAYERS_IP;
	if (part) {
		d->b->flags |= LAYERS_PART;
		return LAYERS_IP;
	}
	*at = off + head;
	*end = off + total;
	return LAYERS_ON;
}

static LAYERS_INLINE enum layers_found layers_ip6(struct layers *d, __u32 off, __u32 *l4, __u32 *packet_end)
{
	const __u8 *p = layers_peek(d, off, 40);
	__u32 at, size, end;
	__u8 next;

	if (!p || p[0] >> 4 != 6)
		return LAYERS_NO;
	next = p[6];
	end = layers_be16(p + 4);
	d->b->l3 = (__u16)off;
	/* No length: TSO, or a jumbogram. Short frames are padded by Ethernet, so only
	 * where something longer than the padding follows. */
	if (end)
		end += 40;
	else if (next == LAYER_NONE || d->b->frame_len - off < 48)
		end = 40;
	else
		end = d->b->frame_len - off;
	end += off;
	at = off + 40;
	LAYERS_LOOP for (int i = 0; i < EXT_MAX; i++) {
		at = layers_forget(d, at);
		d->b->proto = next;
		if (next != LAYER_HOPOPTS && next != LAYER_ROUTING && next != LAYER_DSTOPTS &&
		    next != LAYER_AH && next != LAYER_FRAGMENT) {
			*l4 = at;
			*packet_end = end;
			return LAYERS_ON;
		}
		p = layers_peek(d, at, 8);	/* none of them is shorter */
		if (!p)
			return LAYERS_IP;
		if (next == LAYER_FRAGMENT && layers_be16(p + 2) & 0xfff8) {
			d->b->proto = p[0];
			d->b->flags |= LAYERS_PART;
			return LAYERS_IP;
		}
		size = ((__u32)p[1] + 1) * 8;
		if (next == LAYER_FRAGMENT)
			size = 8;
		if (next == LAYER_AH)
			size = ((__u32)p[1] + 2) * 4;
		next = p[0];
		if (at + size > d->b->frame_len || at + size > end)
			return LAYERS_IP;
		at += size;
	}
	return LAYERS_IP;
}

/* PPP from its address and control bytes (often left out) or protocol on. */
static LAYERS_INLINE int layers_ppp(struct layers *d, __u32 *off)
{
	const __u8 *p = layers_peek(d, *off, 2);
	__u32 proto, at = *off;

	if (p && p[0] == 0xff && p[1] == 0x03) {
		at += 2;
		p = layers_peek(d, at, 2);
	}
	if (!p)		/* one byte announces nothing that could still be there */
		return 0;
	proto = layers_be16(p);
	if (proto & 0x100) {	/* compressed to one byte */
		proto >>= 8;
		at += 1;
	} else {
		at += 2;
	}
	*off = at;
	return proto == 0x21 ? 4 : proto == 0x57 ? 6 : 0;
}

/*
 * The first ethertype of a frame, for links that have one. *off: where what it
 * announces begins. 0: the link has none, or the frame is cut.
 */
static LAYERS_INLINE int layers_type(struct layers *d, __u32 *type, __u32 *off)
{
	const __u8 *p;

	switch (d->b->link) {
	case LINK_ETHERNET:
		p = layers_peek(d, 12, 2);
		*off = 14;
		break;
	case LINK_SLL:
		p = layers_peek(d, 14, 2);
		*off = 16;
		break;
	case LINK_SLL2:
		p = layers_peek(d, 18, 2) ? layers_peek(d, 0, 2) : NULL;
		*off = 20;
		break;
	case LINK_PPP_HDLC:	/* may as well be Cisco's, by its first byte */
	case LINK_C_HDLC:
		p = layers_peek(d, 0, 4);
		if (p && p[0] != 0x0f && p[0] != 0x8f)
			p = NULL;
		if (p)
			p += 2;
		*off = 4;
		break;
	default:
		return 0;
	}
	if (!p)
		return 0;
	*type = layers_be16(p);
	return 1;
}

/* 802.1Q, 802.1ad, and three from before there was a standard. */
static LAYERS_INLINE int layers_is_tag(__u32 type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200 || type == 0x9300;
}

/*
 * From the first ethertype over the VLAN tags to that of the payload. Gives the number of
 * tags and, where there are any, what the first and the last of them say. A tag that is cut
 * is not stepped over: its ethertype stays.
 */
static LAYERS_INLINE int layers_tags(struct layers *d, __u32 *type, __u32 *off, __u32 *first, __u32 *last)
{
	__u32 t = *type, at = *off;
	const __u8 *p;
	int n;

	LAYERS_LOOP for (n = 0; n < TAGS_MAX; n++) {
		if (!layers_is_tag(t))
			break;
		t = layers_forget(d, t);
		at = layers_forget(d, at);
		p = layers_peek(d, at, 4);
		if (!p)
			break;
		*last = layers_be16(p);
		if (!n)
			*first = *last;
		t = layers_be16(p + 2);
		at += 4;
	}
	*type = t;
	*off = at;
	return n;
}

/* What is behind the link header, at *off: 4, 6, or 0 for neither IP. */
static LAYERS_INLINE int layers_link(struct layers *d, __u32 *off)
{
	__u32 type, first, last, family;
	const __u8 *p;

	if (layers_type(d, &type, off)) {
		if (layers_is_tag(type))
			layers_tags(d, &type, off, &first, &last);
		if (type == ETH_IP4)
			return 4;
		if (type == ETH_IP6)
			return 6;
		if (type != ETH_PPPOE)
			return 0;
		*off += 6;
		return layers_ppp(d, off);
	}
	*off = 0;
	switch (d->b->link) {
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
		p = layers_peek(d, 0, 1);
		return p ? *p >> 4 : 0;
	case LINK_IPV4:
		return 4;
	case LINK_IPV6:
		return 6;
	case LINK_NULL:
	case LINK_LOOP:
		/* The address family of BSD loopbacks, in the byte order of whoever captured. */
		p = layers_peek(d, 0, 4);
		if (!p)
			return 0;
		family = layers_be16(p) << 16 | layers_be16(p + 2);
		if (family > 0xffff)
			family = __builtin_bswap32(family);
		*off = 4;
		if (family == 2)
			return 4;
		/* Linux, NetBSD and OpenBSD, FreeBSD, Darwin */
		return family == 10 || family == 24 || family == 28 || family == 30 ? 6 : 0;
	case LINK_PPP:
	case LINK_PPP_HDLC:
		break;
	case LINK_PPP_PPPD:
	case LINK_PPP_WITH_DIR:
		*off = 1;
		break;
	case LINK_PPP_ETHER:
		*off = 6;
		break;
	default:
		return 0;
	}
	return layers_ppp(d, off);
}

/* The short cut; false: the long way decides. */
static LAYERS_INLINE int layers_common(struct layers *d)
{
	const __u8 *p = layers_peek(d, 0, 54);
	__u32 total, whole;

	if (!p || p[12] != 0x08 || p[13] != 0 || p[14] != 0x45 || layers_be16(p + 20) & 0x1fff)
		return 0;
	total = layers_be16(p + 16);
	if (p[23] == LAYER_TCP) {
		whole = (__u32)(p[46] >> 4) * 4;
		if (whole < 20 || whole + 20 > total)
			return 0;
		if (34 + whole <= d->b->frame_len)
			d->b->payload = (__u16)(34 + whole);
	} else if (p[23] == LAYER_UDP && total >= 28) {
		d->b->payload = 42;
	} else {
		return 0;
	}
	d->b->l3 = 14;
	d->b->l4 = 34;
	d->b->proto = p[23];
	return 1;
}

/* All of it: l3, l4, payload, proto and flags of the block. */
static LAYERS_INLINE void layers_walk(struct layers *d)
{
	enum layers_found found = LAYERS_NO;
	__u32 off = 0, at = 0, end = 0;
	int version;

	d->b->flags |= LAYERS_DECODED;
	d->b->l3 = d->b->l4 = d->b->payload = 0;
	d->b->proto = 0;
	if (d->b->link == LINK_ETHERNET && layers_common(d))
		return;
	version = layers_link(d, &off);
	off = layers_forget(d, off);
	if (version == 4)
		found = layers_ip4(d, off, &at, &end);
	else if (version == 6)
		found = layers_ip6(d, off, &at, &end);
	if (found == LAYERS_ON)
		layers_l4(d, layers_forget(d, at), end);
	/*
	 * A link without a header of its own: l3 is 0 although there is an IP header,
	 * which sl_has_ip() knows from proto or l4. A packet that leaves both at 0
	 * (protocol 0, cut) gets the reserved protocol instead.
	 */
	if (found != LAYERS_NO && !d->b->l3 && !d->b->proto && !d->b->l4)
		d->b->proto = LAYER_RESERVED;
}

/* ---- flows ---------------------------------------------------------- */

/* Does the l4 header of this protocol begin with two ports? */
static LAYERS_INLINE int layers_has_ports(__u8 proto)
{
	return proto == LAYER_TCP || proto == LAYER_UDP || proto == LAYER_SCTP ||
	       proto == LAYER_UDPLITE || proto == LAYER_DCCP;
}

/*
 * One odd multiplication and a fold mixes enough, and both ends of the flow go
 * through it alone, so that their sum is the same for either direction.
 */
static LAYERS_INLINE __u64 layers_mix(__u64 x)
{
	x *= 0x9e3779b97f4a7c15u;
	return x ^ x >> 32;
}

/* sl_flow_hash() of a decoded block without looking at b->flow_hash. */
static LAYERS_INLINE __u32 layers_flow(struct layers *d)
{
	__u64 one, two, h;
	__u32 sport = 0, dport = 0;
	const __u8 *p;

	if (!d->b->l3 && !d->b->proto && !d->b->l4)
		return 1;
	if (d->b->l4 && layers_has_ports(d->b->proto)) {
		p = layers_peek(d, d->b->l4, 4);
		if (p) {
			sport = layers_be16(p);
			dport = layers_be16(p + 2);
		}
	}
	p = layers_peek(d, d->b->l3, 20);
	if (!p)
		return 1;
	if (*p >> 4 == 4) {
		one = (__u64)layers_get(__u32, p + 12) << 16 | sport;
		two = (__u64)layers_get(__u32, p + 16) << 16 | dport;
	} else {
		p = layers_peek(d, d->b->l3, 40);
		if (!p)
			return 1;
		one = layers_mix(layers_get(__u64, p + 8)) + layers_get(__u64, p + 16) + ((__u64)sport << 32);
		two = layers_mix(layers_get(__u64, p + 24)) + layers_get(__u64, p + 32) + ((__u64)dport << 32);
	}
	h = layers_mix(layers_mix(one) + layers_mix(two) + d->b->proto);
	h ^= h >> 29;
	return (__u32)h ? (__u32)h : 1;
}

#endif
