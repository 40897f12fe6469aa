/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cap/writer.c -- what stands around frames in pcap and pcapng files
 *
 * Everything is written in host order, which every reader of these formats
 * takes. Blocks with texts in them are built by a small appender that only
 * counts once the room is used up, so that sizes are checked in one place.
 */
#include "cap/cap.h"

enum {
	BT_IFACE	= 1,
	BT_STATS	= 5,
	BT_ENHANCED	= SL_CAP_EPB,
	BT_SECTION	= 0x0a0d0d0a,
};

enum {
	OPT_END		= 0,
	OPT_COMMENT	= 1,
	SHB_USERAPPL	= 4,
	IF_NAME		= 2,
	IF_TSRESOL	= 9,
	IF_FCSLEN	= 13,
	EPB_FLAGS	= 2,
	ISB_IFRECV	= 4,
	ISB_IFDROP	= 5,
};

static inline void put32(uint8_t *to, uint32_t v)
{
	memcpy(to, &v, 4);
}

void sl_cap_put_file(uint8_t *to, uint16_t linktype, uint32_t snaplen, bool nano, uint8_t fcs_len)
{
	uint16_t version[2] = { 2, 4 };
	uint32_t network = linktype;

	if (fcs_len)
		network |= 0x04000000 | (uint32_t)(fcs_len / 2 & 15) << 28;
	put32(to, nano ? 0xa1b23c4d : 0xa1b2c3d4);
	memcpy(to + 4, version, 4);
	memset(to + 8, 0, 8);
	put32(to + 16, snaplen);
	put32(to + 20, network);
}

struct block {
	uint8_t *to;
	size_t size;
	size_t len;	/* may pass size: then nothing of it counts */
};

static void add(struct block *b, const void *p, size_t n)
{
	if (b->len <= b->size && n <= b->size - b->len)
		memcpy(b->to + b->len, p, n);
	b->len += n;
}

static void add32(struct block *b, uint32_t v)
{
	add(b, &v, 4);
}

static void option(struct block *b, uint16_t code, const void *value, size_t len)
{
	static const uint8_t zero[4];
	uint16_t h[2] = { code, (uint16_t)(len < 65535 ? len : 65535) };

	add(b, h, 4);
	add(b, value, h[1]);
	add(b, zero, -h[1] & 3);
}

static void text_option(struct block *b, uint16_t code, const char *text)
{
	if (text && *text)
		option(b, code, text, strlen(text));
}

static void begin(struct block *b, uint32_t type)
{
	add32(b, type);
	add32(b, 0);
}

/* Closes the options (when there are any after `body`) and the block. */
static size_t end(struct block *b, size_t body)
{
	if (b->len > body)
		option(b, OPT_END, "", 0);
	add32(b, (uint32_t)(b->len + 4));
	if (b->len > b->size)
		return 0;
	put32(b->to + 4, (uint32_t)b->len);
	return b->len;
}

size_t sl_cap_put_section(uint8_t *to, size_t size, const char *application, const char *comment)
{
	struct block b = { to, size, 0 };
	uint16_t version[2] = { 1, 0 };
	uint64_t unknown = UINT64_MAX;

	begin(&b, BT_SECTION);
	add32(&b, 0x1a2b3c4d);
	add(&b, version, 4);
	add(&b, &unknown, 8);
	text_option(&b, OPT_COMMENT, comment);
	text_option(&b, SHB_USERAPPL, application);
	return end(&b, 24);
}

size_t sl_cap_put_iface(uint8_t *to, size_t size, uint16_t linktype, uint32_t snaplen, bool nano,
			const char *name, uint8_t fcs_len)
{
	struct block b = { to, size, 0 };
	uint16_t type[2] = { linktype, 0 };
	uint8_t resol = nano ? 9 : 6;

	begin(&b, BT_IFACE);
	add(&b, type, 4);
	add32(&b, snaplen);
	text_option(&b, IF_NAME, name);
	option(&b, IF_TSRESOL, &resol, 1);
	if (fcs_len)
		option(&b, IF_FCSLEN, &fcs_len, 1);
	return end(&b, 16);
}

static uint64_t ticks(uint64_t time_ns, bool nano)
{
	return nano ? time_ns : time_ns / 1000;
}

static uint32_t tail_len(uint32_t cap_len, uint8_t flags)
{
	return (-cap_len & 3) + (flags & (SL_CAP_IN | SL_CAP_OUT) ? 12 : 0) + 4;
}

void sl_cap_put_epb(uint8_t *to, uint32_t iface, uint64_t time_ns, bool nano, uint32_t cap_len,
		    uint32_t wire_len, uint8_t flags)
{
	uint64_t t = ticks(time_ns, nano);
	uint32_t h[7] = { BT_ENHANCED, SL_CAP_EPB_HDR + cap_len + tail_len(cap_len, flags), iface,
			  (uint32_t)(t >> 32), (uint32_t)t, cap_len, wire_len };

	memcpy(to, h, sizeof(h));
}

size_t sl_cap_put_epb_tail(uint8_t *to, uint32_t cap_len, uint8_t flags)
{
	size_t pad = -cap_len & 3, n = tail_len(cap_len, flags);

	memset(to, 0, pad);
	to += pad;
	if (flags & (SL_CAP_IN | SL_CAP_OUT)) {
		uint16_t opt[2] = { EPB_FLAGS, 4 };

		memcpy(to, opt, 4);
		put32(to + 4, flags & SL_CAP_IN ? 1 : 2);
		put32(to + 8, OPT_END);
		to += 12;
	}
	put32(to, SL_CAP_EPB_HDR + cap_len + (uint32_t)n);
	return n;
}

size_t sl_cap_put_stats(uint8_t *to, size_t size, uint32_t iface, const struct sl_cap_stats *s)
{
	struct block b = { to, size, 0 };
	uint64_t t = ticks(s->time_ns, s->nano);

	begin(&b, BT_STATS);
	add32(&b, iface);
	add32(&b, (uint32_t)(t >> 32));
	add32(&b, (uint32_t)t);
	text_option(&b, OPT_COMMENT, s->comment);
	if (s->received != UINT64_MAX)
		option(&b, ISB_IFRECV, &s->received, 8);
	if (s->dropped != UINT64_MAX)
		option(&b, ISB_IFDROP, &s->dropped, 8);
	return end(&b, 20);
}
