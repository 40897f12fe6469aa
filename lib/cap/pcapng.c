/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cap/pcapng.c -- the reader's other half: files made of blocks
 *
 *	| type | length |  body  | length |	all lengths count the whole block
 *
 * Four kinds of block matter: section headers (set the byte order, forget the
 * interfaces), interface descriptions, packets in their three forms, and all
 * else. All else is passed over without being held: `skip` counts what of it
 * has yet to go by, `skip_total` what its trailer has to repeat, so a block of
 * 4 GiB costs no memory and a pipe can be read in small pieces. A section
 * header is passed over in the same way once its 24 fixed bytes were read.
 *
 * Always true between calls: off stands at the beginning of a block, or
 * (skip_total != 0) skip bytes before a skipped block's trailer.
 */
#include "cap/cap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
	BT_IFACE	= 1,
	BT_PACKET	= 2,		/* obsolete */
	BT_SIMPLE	= 3,
	BT_ENHANCED	= 6,
	BT_SECTION	= 0x0a0d0d0a,
};

#define ORDER_MARK	0x1a2b3c4du
#define BLOCK_MIN	12u	/* type and both lengths */
#define SECTION_FIXED	24u	/* type, length, byte order, version, section length */

enum {
	OPT_END		= 0,
	IF_NAME		= 2,
	IF_TSRESOL	= 9,
	IF_FCSLEN	= 13,
	IF_TSOFFSET	= 14,
	PKT_FLAGS	= 2,	/* both in the new and in the obsolete packet block */
};

static inline uint32_t get32(const struct sl_cap *c, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return c->swap ? __builtin_bswap32(v) : v;
}

static inline uint16_t get16(const struct sl_cap *c, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return c->swap ? __builtin_bswap16(v) : v;
}

static inline uint32_t padded(uint32_t len)
{
	return (len + 3) & ~3u;
}

/* One option of a list; false at the list's end, however it ends. */
struct option {
	uint16_t code, len;
	const uint8_t *value;
};

static bool next_option(const struct sl_cap *c, const uint8_t **p, const uint8_t *end,
			struct option *o)
{
	if (end - *p < 4)
		return false;
	o->code = get16(c, *p);
	o->len = get16(c, *p + 2);
	o->value = *p + 4;
	if (o->code == OPT_END || end - o->value < o->len)
		return false;
	*p = (size_t)(end - o->value) < padded(o->len) ? end : o->value + padded(o->len);
	return true;
}

static const uint64_t ten_to[20] = {
	1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u, 100000000u, 1000000000u,
	10000000000u, 100000000000u, 1000000000000u, 10000000000000u, 100000000000000u,
	1000000000000000u, 10000000000000000u, 100000000000000000u, 1000000000000000000u,
	10000000000000000000u,
};

/*
 * An interface's clock. Decimal up to 1 ns: multiply by scale. Else scale is 0
 * and odd_time() does it.
 */
static void set_clock(struct sl_cap_iface *i, uint8_t resol)
{
	i->resol = resol;
	i->scale = resol <= 9 ? ten_to[9 - resol] : 0;
	i->flags = (resol & 0x80 ? (resol & 0x7f) >= 20 : resol > 6) ? SL_CAP_NANO : 0;
}

static uint64_t odd_time(const struct sl_cap_iface *i, uint64_t t)
{
	unsigned int n = i->resol & 0x7f;
	__int128 ns;

	if (i->resol & 0x80)
		ns = (__int128)(((unsigned __int128)t * 1000000000u) >> n);
	else if (n <= 9)
		ns = (__int128)t * (int64_t)ten_to[9 - n];
	else
		ns = n - 9 < 20 ? t / ten_to[n - 9] : 0;
	ns += (__int128)i->offset_s * 1000000000;
	return ns < 0 ? 0 : ns > (__int128)UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

static inline uint64_t time_of(const struct sl_cap_iface *i, uint32_t high, uint32_t low)
{
	uint64_t t = (uint64_t)high << 32 | low, ns;

	if (i->scale && !i->offset_s && !__builtin_mul_overflow(t, i->scale, &ns))
		return ns;
	return odd_time(i, t);
}

/* A section begins: its byte order rules from here on. 12 bytes and the trailer's 4 are there. */
static int begin_section(struct sl_cap *c, const uint8_t *p, uint32_t *total)
{
	uint32_t order;
	uint16_t major;

	memcpy(&order, p + 8, 4);
	if (order != ORDER_MARK && __builtin_bswap32(order) != ORDER_MARK)
		return sl_cap_fail(c, c->off ? -EBADMSG : -EPROTO, c->off,
				   c->off ? "a section begins here without the mark of its byte order"
					  : "not a pcapng file: the mark of its byte order is missing");
	c->swap = order != ORDER_MARK;
	*total = get32(c, p + 4);
	if (*total < SECTION_FIXED + 4 || *total % 4)
		return sl_cap_fail(c, -EBADMSG, c->off, "a section header cannot be %u bytes long", *total);
	major = get16(c, p + 12);
	if (major != 1)
		return sl_cap_fail(c, -EBADMSG, c->off,
				   "a section of pcapng version %u.%u, and only 1 is known",
				   major, get16(c, p + 14));
	c->iface_base += c->n_ifaces;
	c->n_ifaces = 0;
	return 0;
}

static int add_iface(struct sl_cap *c, const uint8_t *p, uint32_t total)
{
	const uint8_t *at = p + 16, *end = p + total - 4;
	struct sl_cap_iface *i;
	struct option o;

	if (total < 20)
		return sl_cap_fail(c, -EBADMSG, c->off, "an interface description of %u bytes is too short",
				   total);
	if (c->n_ifaces == SL_CAP_MAX_IFACES)
		return sl_cap_fail(c, -EBADMSG, c->off, "more than %u interfaces in one section",
				   SL_CAP_MAX_IFACES);
	i = sl_cap_add_iface(c);
	if (!i)
		return sl_cap_fail(c, -ENOMEM, c->off, "out of memory for interface %u", c->n_ifaces);
	i->linktype = get16(c, p + 8);
	if (i->linktype == 12)	/* see begin_pcap() */
		i->linktype = 101;
	i->snaplen = get32(c, p + 12);
	set_clock(i, 6);
	while (next_option(c, &at, end, &o)) {
		if (o.code == IF_NAME) {
			size_t n = o.len < sizeof(i->name) - 1 ? o.len : sizeof(i->name) - 1;

			memcpy(i->name, o.value, n);
			i->name[n] = '\0';
		} else if (o.code == IF_TSRESOL && o.len == 1) {
			set_clock(i, o.value[0]);
		} else if (o.code == IF_TSOFFSET && o.len == 8) {
			uint64_t v;

			memcpy(&v, o.value, 8);
			i->offset_s = (int64_t)(c->swap ? __builtin_bswap64(v) : v);
		} else if (o.code == IF_FCSLEN && o.len == 1 && o.value[0] <= 32) {
			i->fcs_len = o.value[0];
		}
	}
	return 0;
}

/* Direction and FCS length, if the options after the frame tell them. */
static void packet_options(const struct sl_cap *c, const uint8_t *at, const uint8_t *end,
			   struct sl_cap_rec *rec)
{
	struct option o;

	while (next_option(c, &at, end, &o)) {
		uint32_t flags;

		if (o.code != PKT_FLAGS || o.len != 4)
			continue;
		flags = get32(c, o.value);
		if ((flags & 3) == 1)
			rec->flags |= SL_CAP_IN;
		else if ((flags & 3) == 2)
			rec->flags |= SL_CAP_OUT;
		if (flags >> 5 & 15)
			rec->fcs_len = flags >> 5 & 15;
		return;
	}
}

/* A packet block, complete at p. */
static int packet(struct sl_cap *c, const uint8_t *p, uint32_t type, uint32_t total,
		  struct sl_cap_rec *rec)
{
	uint32_t fixed = type == BT_SIMPLE ? 12 : 28;
	const struct sl_cap_iface *i;
	uint32_t id = 0, after;

	if (total < fixed + 4)
		return sl_cap_fail(c, -EBADMSG, c->off, "a packet block of %u bytes is too short", total);
	if (type == BT_ENHANCED)
		id = get32(c, p + 8);
	else if (type == BT_PACKET)
		id = get16(c, p + 8);
	if (id >= c->n_ifaces)
		return sl_cap_fail(c, -EBADMSG, c->off,
				   "record %" PRIu64 " is of interface %u, and this section has described %u",
				   c->records + 1, id, c->n_ifaces);
	i = &c->ifaces[id];
	rec->iface = c->iface_base + id;
	rec->linktype = i->linktype;
	rec->flags = i->flags;
	rec->fcs_len = i->fcs_len;
	rec->whole_len = total;
	if (type == BT_SIMPLE) {
		rec->time_ns = 0;
		rec->flags |= SL_CAP_NO_TIME;
		rec->wire_len = get32(c, p + 8);
		/* The stored length is not told: it is what the snap length and the block allow. */
		rec->cap_len = rec->wire_len;
		if (i->snaplen && rec->cap_len > i->snaplen)
			rec->cap_len = i->snaplen;
	} else {
		rec->time_ns = time_of(i, get32(c, p + 12), get32(c, p + 16));
		rec->cap_len = get32(c, p + 20);
		rec->wire_len = get32(c, p + 24);
	}
	if (rec->cap_len > total - fixed - 4)
		return sl_cap_fail(c, -EBADMSG, c->off,
				   "record %" PRIu64 " says it holds %u bytes in a block of %u",
				   c->records + 1, rec->cap_len, total);
	if (rec->cap_len > sl_cap_max_len(i->linktype))
		return sl_cap_fail(c, -EBADMSG, c->off,
				   "record %" PRIu64 " says it holds %u bytes, and no packet here has more than %u",
				   c->records + 1, rec->cap_len, sl_cap_max_len(i->linktype));
	after = fixed + padded(rec->cap_len);
	if (type != BT_SIMPLE && after + 8 <= total - 4)
		packet_options(c, p + after, p + total - 4, rec);
	c->records++;
	return 0;
}

/* Let what is there of a skipped block go by. 1: it is over; else as sl_cap_next(). */
static int skip(struct sl_cap *c, const uint8_t *p, size_t avail, bool eof, size_t *used)
{
	size_t n = avail < c->skip ? avail : (size_t)c->skip;
	uint32_t total;

	*used = n;
	c->skip -= n;
	c->off += n;
	if (avail - n < 4) {
		c->want = c->skip ? 1 : 4;
		if (!eof)
			return 0;
		return sl_cap_fail(c, -ENODATA, c->off, "the file ends within a block of %u bytes, after "
				   "%" PRIu64 " good record%s", c->skip_total, c->records,
				   c->records == 1 ? "" : "s");
	}
	total = get32(c, p + n);
	if (total != c->skip_total)
		return sl_cap_fail(c, -EBADMSG, c->off,
				   "a block of %u bytes says at its end that it has %u", c->skip_total, total);
	*used += 4;
	c->off += 4;
	c->skip_total = 0;
	return 1;
}

/*
 * Cut is an error only when the file is over; `have` of `need` bytes of the
 * block at off are there.
 */
static int short_of(struct sl_cap *c, size_t need, size_t have, bool eof)
{
	c->want = need;
	if (!eof)
		return 0;
	return sl_cap_fail(c, -ENODATA, c->off, "the file ends in a block after record %" PRIu64
			   ": %zu of at least %zu bytes are there", c->records, have, need);
}

int sl_cap_ng_next(struct sl_cap *c, const uint8_t *p, size_t avail, bool eof,
		   struct sl_cap_rec *rec, size_t *used)
{
	const uint8_t *q = p, *end = p + avail;
	uint32_t type, total = 0;
	size_t left, n;
	int r;

	for (;;) {
		*used = (size_t)(q - p);
		if (c->skip_total) {
			r = skip(c, q, (size_t)(end - q), eof, &n);
			q += n;
			*used = (size_t)(q - p);
			if (r <= 0)
				return r;
		}
		left = (size_t)(end - q);
		if (left < BLOCK_MIN) {
			c->want = BLOCK_MIN;
			return left || !eof ? short_of(c, BLOCK_MIN, left, eof) : 0;
		}
		type = get32(c, q);
		if (type == BT_SECTION) {
			if (left < SECTION_FIXED)
				return short_of(c, SECTION_FIXED, left, eof);
			if (begin_section(c, q, &total))
				return c->error;
			n = SECTION_FIXED;
			goto skip_rest;
		}
		total = get32(c, q + 4);
		if (total < BLOCK_MIN || total % 4)
			return sl_cap_fail(c, -EBADMSG, c->off, "a block cannot be %u bytes long", total);
		if (type != BT_ENHANCED && type != BT_IFACE && type != BT_SIMPLE && type != BT_PACKET) {
			n = 8;
			goto skip_rest;
		}
		if (total > SL_CAP_MAX_BLOCK) {
			uint32_t most = SL_CAP_MAX_BLOCK;

			/* Only the link types with long frames may have such blocks. */
			for (uint32_t i = 0; i < c->n_ifaces && most == SL_CAP_MAX_BLOCK; i++)
				if (sl_cap_max_len(c->ifaces[i].linktype) > SL_CAP_MAX_BLOCK)
					most += 128u << 20;
			if (type == BT_IFACE || total > most)
				return sl_cap_fail(c, -EBADMSG, c->off,
						   "a block of %u bytes is longer than any that is believed",
						   total);
		}
		if (left < total)
			return short_of(c, total, left, eof);
		if (get32(c, q + total - 4) != total)
			return sl_cap_fail(c, -EBADMSG, c->off,
					   "a block of %u bytes says at its end that it has %u", total,
					   get32(c, q + total - 4));
		if (type == BT_IFACE) {
			if (add_iface(c, q, total))
				return c->error;
			q += total;
			c->off += total;
			continue;
		}
		if (packet(c, q, type, total, rec))
			return c->error;
		rec->whole_off = (size_t)(q - p);
		rec->off = rec->whole_off + (type == BT_SIMPLE ? 12 : 28);
		*used = rec->whole_off + total;
		c->off += total;
		return 1;

skip_rest:
		q += n;
		c->off += n;
		c->skip = total - n - 4;
		c->skip_total = total;
	}
}
