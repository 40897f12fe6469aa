/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * print-packet.c -- a packet in one line, in tcpdump's manner
 *
 * Lengths are those that the headers state, so they hold for packets that the
 * capture cut; nothing beyond the stored bytes is read. Sequence numbers are
 * absolute (tcpdump -S): a line means the same wherever the capture begins.
 */
#include <netinet/in.h>

#include "print-packet.h"

bool print_flow(struct line *l, struct sl_block *b, const uint8_t *frame)
{
	char src[64], dst[64];
	struct sl_tuple t;

	if (!b->frame_len || !sl_tuple_of(b, frame, &t))
		return false;
	sl_addr_text(t.v6, t.src, src);
	sl_addr_text(t.v6, t.dst, dst);
	if (b->l4 && sl_proto_has_ports(b->proto))
		put(l, "%s.%u > %s.%u", src, t.sport, dst, t.dport);
	else
		put(l, "%s > %s", src, dst);
	return true;
}

static void tcp_options(struct line *l, const uint8_t *o, uint32_t n)
{
	const char *comma = "";

	if (!n)
		return;
	put(l, ", options [");
	while (n) {
		uint32_t kind = o[0], len = 1;

		if (kind > 1) {
			len = n > 1 ? o[1] : 0;
			if (len < 2 || len > n) {
				put(l, "%s[bad]", comma);
				break;
			}
		}
		if (kind == 0)
			put(l, "%seol", comma);
		else if (kind == 1)
			put(l, "%snop", comma);
		else if (kind == 2 && len == 4)
			put(l, "%smss %u", comma, sl_be16(o + 2));
		else if (kind == 3 && len == 3)
			put(l, "%swscale %u", comma, o[2]);
		else if (kind == 4 && len == 2)
			put(l, "%ssackOK", comma);
		else if (kind == 5 && len > 2 && (len - 2) % 8 == 0) {
			put(l, "%ssack %u ", comma, (len - 2) / 8);
			for (uint32_t i = 2; i < len; i += 8)
				put(l, "{%u:%u}", sl_be32(o + i), sl_be32(o + i + 4));
		} else if (kind == 8 && len == 10)
			put(l, "%sTS val %u ecr %u", comma, sl_be32(o + 2), sl_be32(o + 6));
		else
			put(l, "%soption %u", comma, kind);
		comma = ",";
		o += len;
		n -= len;
		if (kind == 0)
			break;
	}
	put(l, "]");
}

static void tcp(struct line *l, const struct sl_block *b, const uint8_t *p, uint32_t total)
{
	static const char flag[] = "FSRP.UEW";
	const uint8_t *t = p + b->l4;
	uint32_t head = (uint32_t)(t[12] >> 4) * 4, skip = b->l4 - b->l3 + head;
	uint32_t len = total > skip ? total - skip : 0, seq = sl_be32(t + 4);
	uint32_t stored = b->frame_len - b->l4;
	char text[9];
	size_t n = 0;

	for (int i = 0; i < 8; i++) {
		if (t[13] & 1 << i)
			text[n++] = flag[i];
	}
	text[n] = '\0';
	put(l, "Flags [%s]", n ? text : "none");
	if (len || t[13] & 7) {
		put(l, ", seq %u", seq);
		if (len)
			put(l, ":%u", seq + len);
	}
	if (t[13] & 0x10)
		put(l, ", ack %u", sl_be32(t + 8));
	put(l, ", win %u", sl_be16(t + 14));
	if (t[13] & 0x20)
		put(l, ", urg %u", sl_be16(t + 18));
	if (head > 20)
		tcp_options(l, t + 20, (head < stored ? head : stored) - 20);
	put(l, ", length %u", len);
}

static void icmp(struct line *l, const struct sl_block *b, const uint8_t *p, uint32_t total)
{
	static const struct {
		uint8_t v6, type;
		const char *name;
	} names[] = {
		{ 0, 0, "echo reply" }, { 0, 3, "unreachable" }, { 0, 4, "source quench" },
		{ 0, 5, "redirect" }, { 0, 8, "echo request" }, { 0, 9, "router advertisement" },
		{ 0, 10, "router solicitation" }, { 0, 11, "time exceeded" },
		{ 0, 12, "parameter problem" }, { 0, 13, "time stamp query" },
		{ 0, 14, "time stamp reply" },
		{ 1, 1, "unreachable" }, { 1, 2, "packet too big" }, { 1, 3, "time exceeded" },
		{ 1, 4, "parameter problem" }, { 1, 128, "echo request" }, { 1, 129, "echo reply" },
		{ 1, 130, "multicast listener query" }, { 1, 131, "multicast listener report" },
		{ 1, 132, "multicast listener done" }, { 1, 133, "router solicitation" },
		{ 1, 134, "router advertisement" }, { 1, 135, "neighbor solicitation" },
		{ 1, 136, "neighbor advertisement" }, { 1, 137, "redirect" },
		{ 1, 143, "multicast listener report v2" },
	};
	bool v6 = b->proto == IPPROTO_ICMPV6;
	const uint8_t *t = p + b->l4;
	uint32_t skip = b->l4 - b->l3;
	const char *name = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].v6 == v6 && names[i].type == t[0])
			name = names[i].name;
	}
	put(l, v6 ? "ICMP6, " : "ICMP ");
	if (name)
		put(l, "%s", name);
	else
		put(l, "type %u", t[0]);
	if (name && (t[0] == (v6 ? 128 : 8) || t[0] == (v6 ? 129 : 0)))
		put(l, ", id %u, seq %u", sl_be16(t + 4), sl_be16(t + 6));
	else if (t[1] || !name || t[0] == (v6 ? 1 : 3))
		put(l, ", code %u", t[1]);
	put(l, ", length %u", total > skip ? total - skip : 0);
}

static const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:	return "TCP";
	case IPPROTO_UDP:	return "UDP";
	case IPPROTO_UDPLITE:	return "UDP-Lite";
	case IPPROTO_ICMP:	return "ICMP";
	case IPPROTO_ICMPV6:	return "ICMP6";
	case IPPROTO_SCTP:	return "SCTP";
	case IPPROTO_IGMP:	return "IGMP";
	case IPPROTO_IPIP:	return "IPIP";
	case IPPROTO_IPV6:	return "IP6";
	case IPPROTO_GRE:	return "GRE";
	case IPPROTO_ESP:	return "ESP";
	case IPPROTO_AH:	return "AH";
	case IPPROTO_PIM:	return "PIM";
	case 89:		return "OSPF";
	case 112:		return "VRRP";
	}
	return NULL;
}

static void ip(struct line *l, struct sl_block *b, const uint8_t *p)
{
	const uint8_t *h = p + b->l3;
	bool v6 = h[0] >> 4 == 6;
	uint32_t total = sl_ip_wire_len(b, p), head = v6 ? 40 : (uint32_t)(h[0] & 15) * 4;
	const char *name = proto_name(b->proto);

	put(l, v6 ? "IP6 " : "IP ");
	print_flow(l, b, p);
	put(l, ": ");
	if (b->l4 && b->proto == IPPROTO_TCP) {
		tcp(l, b, p, total);
		return;
	}
	if (b->l4 && (b->proto == IPPROTO_ICMP || b->proto == IPPROTO_ICMPV6)) {
		icmp(l, b, p, total);
		return;
	}
	if (b->l4)
		head = b->l4 - b->l3;
	if (b->l4 && (b->proto == IPPROTO_UDP || b->proto == IPPROTO_UDPLITE))
		head += 8;
	if (name)
		put(l, "%s", name);
	else
		put(l, "proto %u", b->proto);
	if (b->flags & SL_B_FRAGMENT && !v6)
		put(l, ", fragment at %u", (sl_be16(h + 6) & 0x1fffu) * 8);
	else if (b->flags & SL_B_FRAGMENT)
		put(l, ", fragment");
	else if (!b->l4)
		put(l, ", header cut");
	put(l, ", length %u", total > head ? total - head : 0);
}

static void mac(char *buf, const uint8_t *m)
{
	sprintf(buf, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void arp(struct line *l, const struct sl_block *b, const uint8_t *a, uint32_t n, uint32_t at)
{
	uint32_t len = b->wire_len > at ? b->wire_len - at : 0;
	char who[48], tell[48], hw[18];

	/* Ethernet and IPv4 addresses: what nearly all of them are */
	if (n < 28 || sl_be16(a) != 1 || sl_be16(a + 2) != 0x0800 || a[4] != 6 || a[5] != 4) {
		put(l, "ARP, length %u", len);
		return;
	}
	sl_addr_text(false, a + 14, tell);
	sl_addr_text(false, a + 24, who);
	mac(hw, a + 8);
	switch (sl_be16(a + 6)) {
	case 1:
		put(l, "ARP, Request who-has %s tell %s, length %u", who, tell, len);
		break;
	case 2:
		put(l, "ARP, Reply %s is-at %s, length %u", tell, hw, len);
		break;
	default:
		put(l, "ARP, op %u from %s, length %u", sl_be16(a + 6), tell, len);
	}
}

static void ether(struct line *l, const struct sl_block *b, const uint8_t *p)
{
	uint32_t at = 12, type;
	char src[18], dst[18];

	for (int tags = 0; tags < 8 && at + 6 <= b->frame_len; tags++) {
		type = sl_be16(p + at);
		if (type != 0x8100 && type != 0x88a8 && type != 0x9100)
			break;
		at += 4;
	}
	type = sl_be16(p + at);
	at += 2;
	if (type == 0x0806) {
		arp(l, b, p + at, b->frame_len - at, at);
		return;
	}
	mac(dst, p);
	mac(src, p + 6);
	put(l, "%s > %s, ", src, dst);
	if (type < 0x600)
		put(l, "802.3");
	else
		put(l, "ethertype 0x%04x", type);
	put(l, ", length %u", b->wire_len);
}

void print_packet(struct line *l, struct sl_block *b, const uint8_t *frame)
{
	sl_decode(b, frame);
	if (sl_has_ip(b))
		ip(l, b, frame);
	else if (b->link == 1 && b->frame_len >= 14)
		ether(l, b, frame);
	else
		put(l, "link type %u, length %u", b->link, b->wire_len);
}
