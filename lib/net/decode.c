/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * net/decode.c -- find the headers of a packet once
 *
 * Nothing that is read lies outside the captured bytes: `len` below is always
 * what was captured, and no offset is stored that is not smaller. Loops over
 * tags and extension headers move forward and are bounded, so that no frame
 * can hold the decoder up. A packet that is cut short or that lies is decoded as far as
 * it can be trusted; what is behind the lie stays 0.
 *
 * The way through, one step a layer:
 *
 *	link (by LINKTYPE_) -> ethertype, tags skipped -> ip4 | ip6 -> l4
 *
 * with a short cut at the entrance for what nearly all packets are: Ethernet,
 * IPv4 without options, TCP or UDP, not a fragment.
 */
#include "net/decode.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum {
	LINK_NULL = 0, LINK_ETHERNET = 1, LINK_PPP = 9, LINK_RAW_BSD = 12, LINK_RAW_OPENBSD = 14,
	LINK_PPP_HDLC = 50, LINK_PPP_ETHER = 51, LINK_RAW = 101, LINK_C_HDLC = 104,
	LINK_LOOP = 108, LINK_SLL = 113, LINK_PPP_PPPD = 166, LINK_PPP_WITH_DIR = 204,
	LINK_IPV4 = 228, LINK_IPV6 = 229, LINK_SLL2 = 276,
};

enum {
	ETH_IP4 = 0x0800, ETH_IP6 = 0x86dd, ETH_PPPOE = 0x8864,
};

enum {
	TAGS_MAX = 32,		/* stacked VLAN tags that are followed */
	EXT_MAX = 32,		/* IPv6 extension headers likewise */
};

#define OFF_MAX	0xffff		/* offsets are stored in 16 bits */

/* The l4 header at `off`; `end` is where the packet ends by its own word, which
 * may be beyond the `len` bytes that were captured. */
static void at_l4(struct sl_block *b, const uint8_t *p, uint32_t len, uint32_t off, uint64_t end)
{
	uint32_t fixed, whole;

	switch (b->proto) {
	case IPPROTO_TCP:
		fixed = 20;
		break;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		fixed = 8;
		break;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		fixed = 12;
		break;
	case IPPROTO_NONE:
		return;
	default:
		fixed = 0;
	}
	if (off > OFF_MAX || off >= len || off + fixed > len || off + fixed > end)
		return;
	whole = fixed;
	if (b->proto == IPPROTO_TCP) {
		whole = (uint32_t)(p[off + 12] >> 4) * 4;
		if (whole < 20 || off + whole > end)
			return;
	}
	b->l4 = (uint16_t)off;
	/* A payload of 0 bytes begins where the frame may end; the offset is still
	 * good for arithmetic, and is not one to read from. */
	if (off + whole <= len && off + whole <= OFF_MAX)
		b->payload = (uint16_t)(off + whole);
}

static bool is_ip4(const uint8_t *p, uint32_t len, uint32_t off)
{
	return off <= OFF_MAX && off + 20 <= len && p[off] >> 4 == 4 && (p[off] & 15) >= 5;
}

static bool is_ip6(const uint8_t *p, uint32_t len, uint32_t off)
{
	return off <= OFF_MAX && off + 40 <= len && p[off] >> 4 == 6;
}

/*
 * Bytes of the packet whose header is at `off`, by its own word. A length of 0
 * means that the card was to fill it in (TSO), or a jumbogram: then the frame's
 * end is the packet's. Short frames are padded by Ethernet, so for IPv6 only where
 * something longer than the padding follows.
 */
static uint32_t ip_says(const uint8_t *p, uint32_t len, uint32_t off)
{
	uint32_t n;

	if (p[off] >> 4 == 4) {
		n = sl_be16(p + off + 2);
		return n ? n : len - off;
	}
	n = sl_be16(p + off + 4);
	if (n)
		return 40 + n;
	if (p[off + 6] == IPPROTO_NONE || len - off < 48)
		return 40;
	return len - off;
}

static void at_ip4(struct sl_block *b, const uint8_t *p, uint32_t len, uint32_t off)
{
	uint32_t head, total;

	if (!is_ip4(p, len, off))
		return;
	head = (uint32_t)(p[off] & 15) * 4;
	b->l3 = (uint16_t)off;
	b->proto = p[off + 9];
	total = ip_says(p, len, off);
	if (total < head)
		return;
	if (sl_be16(p + off + 6) & 0x1fff) {
		b->flags |= SL_B_FRAGMENT;
		return;
	}
	at_l4(b, p, len, off + head, (uint64_t)off + total);
}

static void at_ip6(struct sl_block *b, const uint8_t *p, uint32_t len, uint32_t off)
{
	uint32_t at = off + 40, size;
	uint64_t end;
	uint8_t next;

	if (!is_ip6(p, len, off))
		return;
	b->l3 = (uint16_t)off;
	next = p[off + 6];
	end = (uint64_t)off + ip_says(p, len, off);
	for (int i = 0; i < EXT_MAX; i++) {
		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			size = at + 2 <= len ? ((uint32_t)p[at + 1] + 1) * 8 : 0;
			break;
		case IPPROTO_AH:
			size = at + 2 <= len ? ((uint32_t)p[at + 1] + 2) * 4 : 0;
			break;
		case IPPROTO_FRAGMENT:
			size = at + 8 <= len ? 8 : 0;
			if (size && sl_be16(p + at + 2) & 0xfff8) {
				b->proto = p[at];
				b->flags |= SL_B_FRAGMENT;
				return;
			}
			break;
		default:
			b->proto = next;
			at_l4(b, p, len, at, end);
			return;
		}
		b->proto = next;
		if (!size || at + size > len || at + size > end)
			return;
		next = p[at];
		at += size;
	}
}

/*
 * A link without a header of its own: l3 is 0 although there is one, which
 * sl_has_ip() knows from proto or l4. A packet that leaves both at 0 (protocol 0,
 * cut) gets the reserved protocol instead.
 */
static void at_raw(struct sl_block *b, const uint8_t *p, uint32_t len, bool v4, bool v6)
{
	if (v4 && is_ip4(p, len, 0))
		at_ip4(b, p, len, 0);
	else if (v6 && is_ip6(p, len, 0))
		at_ip6(b, p, len, 0);
	else
		return;
	if (!b->proto && !b->l4)
		b->proto = IPPROTO_RAW;
}

/* PPP from its address and control bytes (often left out) or protocol on. */
static void at_ppp(struct sl_block *b, const uint8_t *p, uint32_t len, uint32_t off)
{
	uint32_t proto;

	if (off + 2 <= len && p[off] == 0xff && p[off + 1] == 0x03)
		off += 2;
	if (off >= len)
		return;
	if (p[off] & 1) {	/* compressed to one byte */
		proto = p[off];
		off += 1;
	} else {
		if (off + 2 > len)
			return;
		proto = sl_be16(p + off);
		off += 2;
	}
	if (proto == 0x0021)
		at_ip4(b, p, len, off);
	else if (proto == 0x0057)
		at_ip6(b, p, len, off);
}

/* What an ethertype at `off - 2` announces begins at `off`. */
static void at_ether(struct sl_block *b, const uint8_t *p, uint32_t len, uint32_t type, uint32_t off)
{
	for (int i = 0; i < TAGS_MAX; i++) {
		switch (type) {
		case ETH_IP4:
			at_ip4(b, p, len, off);
			return;
		case ETH_IP6:
			at_ip6(b, p, len, off);
			return;
		case ETH_PPPOE:
			at_ppp(b, p, len, off + 6);
			return;
		case 0x8100:	/* 802.1Q */
		case 0x88a8:	/* 802.1ad */
		case 0x9100:	/* before there was a standard */
		case 0x9200:
		case 0x9300:
			if (off + 4 > len)
				return;
			type = sl_be16(p + off + 2);
			off += 4;
			break;
		default:
			return;
		}
	}
}

/* The address family of BSD loopbacks, in the byte order of whoever captured. */
static void at_family(struct sl_block *b, const uint8_t *p, uint32_t len)
{
	uint32_t family;

	if (len < 4)
		return;
	family = sl_be32(p);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	if (family == 2)
		at_ip4(b, p, len, 4);
	else if (family == 10 || family == 24 || family == 28 || family == 30)
		at_ip6(b, p, len, 4);	/* Linux, NetBSD and OpenBSD, FreeBSD, Darwin */
}

void sl_decode_frame(struct sl_block *b, const uint8_t *p)
{
	uint32_t len = b->frame_len;

	b->flags |= SL_B_DECODED;
	b->l3 = b->l4 = b->payload = 0;
	b->proto = 0;

	if (b->link == LINK_ETHERNET) {
		if (len < 14)
			return;
		if (len >= 54 && p[12] == 0x08 && p[13] == 0 && p[14] == 0x45 &&
		    !(sl_be16(p + 20) & 0x1fff)) {
			uint32_t total = sl_be16(p + 16), whole;

			b->l3 = 14;
			b->proto = p[23];
			if (p[23] == IPPROTO_TCP) {
				whole = (uint32_t)(p[46] >> 4) * 4;
				if (whole >= 20 && whole + 20 <= total) {
					b->l4 = 34;
					if (34 + whole <= len)
						b->payload = (uint16_t)(34 + whole);
					return;
				}
			} else if (p[23] == IPPROTO_UDP && total >= 28) {
				b->l4 = 34;
				b->payload = 42;
				return;
			}
			b->l3 = 0;	/* the long way decides */
			b->proto = 0;
		}
		at_ether(b, p, len, sl_be16(p + 12), 14);
		return;
	}

	switch (b->link) {
	case LINK_SLL:
		if (len >= 16)
			at_ether(b, p, len, sl_be16(p + 14), 16);
		break;
	case LINK_SLL2:
		if (len >= 20)
			at_ether(b, p, len, sl_be16(p), 20);
		break;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
		at_raw(b, p, len, true, true);
		break;
	case LINK_IPV4:
		at_raw(b, p, len, true, false);
		break;
	case LINK_IPV6:
		at_raw(b, p, len, false, true);
		break;
	case LINK_NULL:
	case LINK_LOOP:
		at_family(b, p, len);
		break;
	case LINK_PPP:
		at_ppp(b, p, len, 0);
		break;
	case LINK_PPP_HDLC:	/* may as well be Cisco's, by its first byte */
	case LINK_C_HDLC:
		if (len >= 4 && (p[0] == 0x0f || p[0] == 0x8f))
			at_ether(b, p, len, sl_be16(p + 2), 4);
		else if (b->link == LINK_PPP_HDLC)
			at_ppp(b, p, len, 0);
		break;
	case LINK_PPP_PPPD:
	case LINK_PPP_WITH_DIR:
		at_ppp(b, p, len, 1);
		break;
	case LINK_PPP_ETHER:
		at_ppp(b, p, len, 6);
		break;
	}
}

uint32_t sl_ip_len(const struct sl_block *b, const uint8_t *frame)
{
	uint32_t stored, n;

	if (!sl_has_ip(b))
		return 0;
	stored = b->frame_len - b->l3;
	n = ip_says(frame, b->frame_len, b->l3);
	return n < stored ? n : stored;
}

uint32_t sl_ip_wire_len(const struct sl_block *b, const uint8_t *frame)
{
	uint32_t whole = b->wire_len > b->frame_len ? b->wire_len : b->frame_len;

	return sl_has_ip(b) ? ip_says(frame, whole, b->l3) : 0;
}

uint32_t sl_payload_len(const struct sl_block *b, const uint8_t *frame)
{
	uint32_t end, udp;

	if (!b->payload)
		return 0;
	end = b->l3 + sl_ip_len(b, frame);
	if (b->proto == IPPROTO_UDP) {
		udp = sl_be16(frame + b->l4 + 4);
		if (udp && b->l4 + udp < end)	/* 0: a jumbogram */
			end = b->l4 + udp;
	}
	return end > b->payload ? end - b->payload : 0;
}

/* ------------------------------------------------------------------ *
 * Flows
 * ------------------------------------------------------------------ */

/*
 * One odd multiplication and a fold mixes enough, and both ends of the flow go
 * through it alone, so that their sum is the same for either direction.
 */
static inline uint64_t mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15u;
	return x ^ x >> 32;
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

bool sl_proto_has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_UDPLITE || proto == IPPROTO_DCCP;
}

uint32_t sl_flow_hash(struct sl_block *b, const uint8_t *frame)
{
	uint64_t one, two, h;
	uint32_t sport = 0, dport = 0;
	const uint8_t *ip;

	if (b->flow_hash)
		return b->flow_hash;
	sl_decode(b, frame);
	if (!sl_has_ip(b))
		return b->flow_hash = 1;
	if (b->l4 && sl_proto_has_ports(b->proto) && b->l4 + 4u <= b->frame_len) {
		sport = sl_be16(frame + b->l4);
		dport = sl_be16(frame + b->l4 + 2);
	}
	ip = frame + b->l3;
	if (*ip >> 4 == 4) {
		one = (uint64_t)load32(ip + 12) << 16 | sport;
		two = (uint64_t)load32(ip + 16) << 16 | dport;
	} else {
		one = mix(load64(ip + 8)) + load64(ip + 16) + ((uint64_t)sport << 32);
		two = mix(load64(ip + 24)) + load64(ip + 32) + ((uint64_t)dport << 32);
	}
	h = mix(mix(one) + mix(two) + b->proto);
	h ^= h >> 29;
	return b->flow_hash = (uint32_t)h ? (uint32_t)h : 1;
}
