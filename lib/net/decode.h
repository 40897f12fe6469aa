/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * net/decode.h -- find the headers of a packet once
 *
 * sl_decode() writes l3, l4, payload and proto into the block pointer and sets
 * SL_B_DECODED; later callers return at once. Links: Ethernet with stacked VLAN
 * tags (802.1Q, 802.1ad, the 0x9100 family), Linux cooked v1 and v2, raw IP (v4,
 * v6, either), BSD null and loopback, PPP, PPPoE, Cisco HDLC. IPv6 extension headers
 * are walked. Every offset that is written lies inside the captured bytes, and
 * the whole fixed part of the header it points to too; what is cut short or lies
 * about its length is left out (l4 0).
 */
#ifndef SL_NET_DECODE_H
#define SL_NET_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "streamline/block.h"

/* The work itself; `frame` holds b->frame_len bytes. */
void sl_decode_frame(struct sl_block *b, const uint8_t *frame);

static inline void sl_decode(struct sl_block *b, const uint8_t *frame)
{
	if (!(b->flags & SL_B_DECODED))
		sl_decode_frame(b, frame);
}

/* Is there an IP header at l3? Of a decoded block. */
static inline bool sl_has_ip(const struct sl_block *b)
{
	return b->l3 || b->proto || b->l4;
}

/* 4, 6, or 0 for what is not IP. Decodes the block if it was not. */
static inline unsigned int sl_ip_version(struct sl_block *b, const uint8_t *frame)
{
	sl_decode(b, frame);
	return sl_has_ip(b) ? frame[b->l3] >> 4 : 0;
}

static inline uint16_t sl_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t sl_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What the link header announces. */
struct sl_link_type {
	uint16_t outer;		/* the first ethertype: of a VLAN tag, where there are some */
	uint16_t type;		/* behind the tags; that of the tag itself where it is cut */
	uint16_t first, last;	/* the first tag and the last one: 3 bits priority, 1 drop, 12 VLAN */
	uint8_t n_tags;
};

/* false for links without ethertypes (raw IP, PPP, loopback) and frames that are cut. */
bool sl_link_type(struct sl_block *b, const uint8_t *frame, struct sl_link_type *t);

/* Bytes that the packet itself has from l3 on: the IP header's length field, cut
 * to what was captured (Ethernet padding falls away). 0 without l3. */
uint32_t sl_ip_len(const struct sl_block *b, const uint8_t *frame);

/* The same as it was on the wire, not cut to what was captured. */
uint32_t sl_ip_wire_len(const struct sl_block *b, const uint8_t *frame);

/* Bytes of payload above TCP or UDP that are stored; 0 without l4. */
uint32_t sl_payload_len(const struct sl_block *b, const uint8_t *frame);

/* Addresses and ports of a packet; all integers in host order. */
struct sl_tuple {
	uint8_t v6;		/* 0: v4, addresses use 4 bytes */
	uint8_t proto;
	uint16_t sport, dport;	/* 0 without; ICMP: as community_id maps types */
	uint8_t src[16], dst[16];
};

/* false when there is no IP header. The block is decoded if it was not. */
bool sl_tuple_of(struct sl_block *b, const uint8_t *frame, struct sl_tuple *t);

/* Does the l4 header of this protocol begin with two ports? TCP, UDP, SCTP, ... */
bool sl_proto_has_ports(uint8_t proto);

/* Hash that is the same for both directions; never 0. Stored in b->flow_hash.
 * Packets without ports (ICMP, fragments but the first) hash by addresses and
 * protocol alone; all that is not IP has the same hash. */
uint32_t sl_flow_hash(struct sl_block *b, const uint8_t *frame);

/* A number that no packet's maker can know, to key hash tables with that hold what
 * packets say. Nothing that is given or printed may depend on it. */
uint64_t sl_secret(void);

/* "10.0.0.1", "2001:db8::1"; buf of at least 46 bytes; returns buf. */
const char *sl_addr_text(bool v6, const uint8_t *addr, char *buf);

/* "1:base64" of https://github.com/corelight/community-id-spec, seed 0; buf of 32
 * bytes at least. Returns buf, or NULL for what has no id. */
const char *sl_community_id(const struct sl_tuple *t, char *buf);

#endif
