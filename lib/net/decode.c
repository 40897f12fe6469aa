/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * net/decode.c -- find the headers of a packet once
 *
 * The way through them is told in net/layers.h, for this machine and for the
 * kernel's. Nothing that is read lies outside the captured bytes: all reading there goes
 * through layers_peek(), and no offset is stored that is not smaller.
 */
#include "net/decode.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

struct layers {
	struct sl_block *b;
	const uint8_t *frame;
};

#define LAYERS_INLINE	inline
#define LAYERS_LOOP
#define layers_forget(d, x)	(x)
#define layers_get(type, p)	({ type v_; memcpy(&v_, p, sizeof(v_)); v_; })

static inline const uint8_t *layers_peek(const struct layers *d, uint32_t off, uint32_t n)
{
	return off <= 0xffff && off + n <= d->b->frame_len ? d->frame + off : NULL;
}

#include "net/layers.h"

_Static_assert((int)LAYERS_DECODED == SL_B_DECODED && (int)LAYERS_PART == SL_B_FRAGMENT, "one set of flags");

void sl_decode_frame(struct sl_block *b, const uint8_t *frame)
{
	struct layers d = { b, frame };

	layers_walk(&d);
}

bool sl_link_type(struct sl_block *b, const uint8_t *frame, struct sl_link_type *t)
{
	struct layers d = { b, frame };
	uint32_t type, off, first = 0, last = 0;

	if (!layers_type(&d, &type, &off))
		return false;
	t->outer = (uint16_t)type;
	t->n_tags = (uint8_t)layers_tags(&d, &type, &off, &first, &last);
	t->type = (uint16_t)type;
	t->first = (uint16_t)first;
	t->last = (uint16_t)last;
	return true;
}

/*
 * Bytes of the packet whose header is at `off`, by its own word; layers_ip4() and
 * layers_ip6() tell what no length means.
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

bool sl_proto_has_ports(uint8_t proto)
{
	return layers_has_ports(proto);
}

uint32_t sl_flow_hash(struct sl_block *b, const uint8_t *frame)
{
	struct layers d = { b, frame };

	if (!b->flow_hash) {
		sl_decode(b, frame);
		b->flow_hash = layers_flow(&d);
	}
	return b->flow_hash;
}
