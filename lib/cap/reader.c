/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cap/reader.c -- the reader's beginning, and pcap
 *
 *	state		sees			goes to
 *	unknown		pcap's magic, header	pcap
 *	unknown		a section header	pcapng (pcapng.c), which never comes back
 *	pcap		a record		pcap
 *	any		nonsense, a cut		error, for good
 *
 * The inline path of cap.h does nearly all records of nearly all pcap files
 * (`plain`); what comes here is the rest: the first bytes, the last record of
 * a buffer, other header layouts, errors. Nothing here remembers bytes: what
 * is not complete is shown again by the caller.
 */
#include "cap/cap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAGIC_US	0xa1b2c3d4u
#define MAGIC_NS	0xa1b23c4du
#define MAGIC_PATCHED	0xa1b2cd34u
#define MAGIC_IXIA_NS	0x1c0001acu
#define MAGIC_IXIA_US	0x1c0001abu
#define MAGIC_NG	0x0a0d0d0au	/* reads the same from both ends */

/* In what order a record header has its two lengths. */
enum {
	LEN_USUAL,	/* stored, then on the wire */
	LEN_OLD,	/* the other way round */
	LEN_GUESS,	/* 2.3: stored can't be more than what there was */
};

struct sl_cap *sl_cap_new(void)
{
	struct sl_cap *c = calloc(1, sizeof(*c));

	if (c)
		c->want = 4;
	return c;
}

void sl_cap_free(struct sl_cap *c)
{
	if (!c)
		return;
	free(c->ifaces);
	free(c);
}

/* The first error stays; plain off so that the inline path can't overtake it. */
int sl_cap_fail(struct sl_cap *c, int error, uint64_t off, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	c->error = error;
	c->error_off = off;
	c->plain = false;
	return error;
}

const char *sl_cap_error(const struct sl_cap *c, uint64_t *off, uint64_t *good)
{
	if (!c->error)
		return NULL;
	if (off)
		*off = c->error_off;
	if (good)
		*good = c->records;
	return c->why;
}

struct sl_cap_iface *sl_cap_add_iface(struct sl_cap *c)
{
	if (c->n_ifaces == c->iface_room) {
		uint32_t room = c->iface_room ? c->iface_room * 2 : 4;
		struct sl_cap_iface *more = realloc(c->ifaces, room * sizeof(*more));

		if (!more)
			return NULL;
		c->ifaces = more;
		c->iface_room = room;
	}
	memset(&c->ifaces[c->n_ifaces], 0, sizeof(*c->ifaces));
	return &c->ifaces[c->n_ifaces++];
}

const struct sl_cap_iface *sl_cap_iface(const struct sl_cap *c, uint32_t iface)
{
	if (iface < c->iface_base || iface - c->iface_base >= c->n_ifaces)
		return NULL;
	return &c->ifaces[iface - c->iface_base];
}

uint32_t sl_cap_max_len(uint16_t linktype)
{
	switch (linktype) {
	case 220:	/* USB, mapped header */
	case 231:	/* D-Bus */
	case 249:	/* USBPcap */
		return 128u << 20;
	case 279:	/* EBHSCR */
		return 8u << 20;
	}
	return SL_CAP_MAX_RECORD;
}

/* Files that people feed to a packet reader, by their first bytes. */
static const struct known {
	const char *bytes;
	uint8_t len;
	const char *what;
} known[] = {
#define KNOWN(s, w) { s, sizeof(s) - 1, w }
	KNOWN("snoop\0\0\0", "a snoop capture (Solaris)"),
	KNOWN("btsnoop\0", "a btsnoop capture (Bluetooth)"),
	KNOWN("\x1f\x8b", "gzip-compressed data"),
	KNOWN("\x28\xb5\x2f\xfd", "zstd-compressed data"),
	KNOWN("BZh", "bzip2-compressed data"),
	KNOWN("\xfd" "7zXZ\0", "xz-compressed data"),
	KNOWN("\x04\x22\x4d\x18", "lz4-compressed data"),
	KNOWN("PK\x03\x04", "a zip archive"),
	KNOWN("7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
	KNOWN("GMBU", "a capture of Microsoft's Network Monitor"),
	KNOWN("RTSS", "a capture of Microsoft's Network Monitor 1"),
	KNOWN("TRSNIFF data    \x1a", "a Sniffer capture"),
	KNOWN("XCP\0", "a NetXRay or Sniffer for Windows capture"),
	KNOWN("iptrace ", "an iptrace capture (AIX)"),
	KNOWN("\x54\x52\x00\x64\x00", "an nettl trace (HP-UX)"),
	KNOWN("\x7f" "VEND", "an EyeSDN trace"),
	KNOWN("EyeSDN", "an EyeSDN trace"),
	KNOWN("LOGG", "a Vector binary log (CAN)"),
	KNOWN("\xa1\xb2\x34\xcd", "a pcap variant (a1b234cd) that is reserved and has no description"),
	KNOWN("\xcd\x34\xb2\xa1", "a pcap variant (a1b234cd) that is reserved and has no description"),
	KNOWN("\xa1\x2b\x3c\x4d", "Navtel's pcap variant (a12b3c4d), which has no public description"),
	KNOWN("\x4d\x3c\x2b\xa1", "Navtel's pcap variant (a12b3c4d), which has no public description"),
	KNOWN("\x7f" "ELF", "a program"),
	KNOWN("%PDF", "a PDF document"),
	KNOWN("<!DOCTYPE", "a web page"),
	KNOWN("<html", "a web page"),
	KNOWN("<?xml", "an XML document (PDML can't be read back)"),
	KNOWN("version https://git-lfs", "a Git LFS pointer; the capture itself was not fetched"),
#undef KNOWN
};

static bool is_text(const uint8_t *p, size_t len)
{
	size_t n = len < 256 ? len : 256;

	for (size_t i = 0; i < n; i++)
		if ((p[i] < 0x20 && p[i] != '\n' && p[i] != '\r' && p[i] != '\t') || p[i] == 0x7f)
			return false;
	return n >= 4;
}

/*
 * Endace's ERF has no magic. Its records begin with a little-endian time, a
 * type, flags, a length that covers at least the 16 header bytes; believe it
 * when two in a row look so and are not decades apart.
 */
static bool is_erf(const uint8_t *p, size_t len)
{
	uint32_t sec[2];
	size_t off = 0;

	for (int i = 0; i < 2; i++) {
		if (len - off < 16)
			return false;
		uint32_t rlen = p[off + 10] << 8 | p[off + 11];
		uint8_t type = p[off + 8] & 0x7f;

		sec[i] = p[off + 4] | p[off + 5] << 8 | p[off + 6] << 16 | (uint32_t)p[off + 7] << 24;
		if (rlen < 16 || type == 0 || type > 27 || sec[i] < 0x30000000)
			return false;
		if (rlen > len - off)
			return false;
		off += rlen;
	}
	return sec[1] - sec[0] < 86400;
}

static bool is_pcap_magic(uint32_t m)
{
	return m == MAGIC_US || m == MAGIC_NS || m == MAGIC_PATCHED ||
	       m == MAGIC_IXIA_NS || m == MAGIC_IXIA_US;
}

const char *sl_cap_recognise(const uint8_t *p, size_t len)
{
	uint32_t magic;

	if (len >= 4) {
		memcpy(&magic, p, 4);
		if (is_pcap_magic(magic) || is_pcap_magic(__builtin_bswap32(magic)) || magic == MAGIC_NG)
			return "";
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (len >= known[i].len && !memcmp(p, known[i].bytes, known[i].len))
			return known[i].what;
	if (is_text(p, len))
		return "text";
	if (is_erf(p, len))
		return "an ERF capture (Endace)";
	return NULL;
}

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

static int not_a_capture(struct sl_cap *c, const uint8_t *p, size_t avail)
{
	const char *what = sl_cap_recognise(p, avail);

	if (what)
		return sl_cap_fail(c, -EPROTO, c->off, "this is %s, not a pcap or pcapng file", what);
	if (avail >= 4)
		return sl_cap_fail(c, -EPROTO, c->off,
				   "not a pcap or pcapng file (it begins with %02x %02x %02x %02x)",
				   p[0], p[1], p[2], p[3]);
	return sl_cap_fail(c, -EPROTO, c->off, "not a capture file: it has only %zu byte%s", avail,
			   avail == 1 ? "" : "s");
}

/* What the version says of the lengths' order; -1 for versions nobody reads. */
static int order_of_version(uint16_t major, uint16_t minor)
{
	if (major == 543 && minor == 0)
		return LEN_OLD;
	if (major != 2 || minor > 4)
		return -1;
	return minor < 3 ? LEN_OLD : minor == 3 ? LEN_GUESS : LEN_USUAL;
}

/* The file header is complete at p. */
static int begin_pcap(struct sl_cap *c, const uint8_t *p, uint32_t magic)
{
	uint16_t major = get16(c, p + 4), minor = get16(c, p + 6);
	uint32_t network = get32(c, p + 20);
	bool nano = magic == MAGIC_NS || magic == MAGIC_IXIA_NS;
	int order = order_of_version(major, minor);
	struct sl_cap_iface *i;

	if (order < 0)
		return sl_cap_fail(c, -EBADMSG, 4, "a pcap file of version %u.%u, which is not known "
				   "(2.0 to 2.4 are)", major, minor);
	c->kind = SL_CAP_PCAP;
	c->variant = (uint8_t)order;
	c->hdr_len = magic == MAGIC_PATCHED ? 24 : SL_CAP_REC_HDR;
	c->snaplen = get32(c, p + 16);
	c->frac_ns = nano ? 1 : 1000;
	c->rec_flags = nano ? SL_CAP_NANO : 0;
	/*
	 * Old libpcaps for Linux wrote their own number of raw IP into files;
	 * as a LINKTYPE it is not assigned, so nothing else can be meant.
	 */
	c->linktype = (network & 0xffff) == 12 ? 101 : network & 0xffff;
	if (network & 0x04000000)
		c->fcs_len = (uint8_t)((network >> 28) * 2);
	c->max_len = sl_cap_max_len(c->linktype);
	c->plain = c->hdr_len == SL_CAP_REC_HDR && order == LEN_USUAL;

	i = sl_cap_add_iface(c);
	if (!i)
		return sl_cap_fail(c, -ENOMEM, 0, "out of memory");
	i->linktype = c->linktype;
	i->fcs_len = c->fcs_len;
	i->flags = c->rec_flags;
	i->snaplen = c->snaplen;
	return 0;
}

/* Returns 1 when the header was taken, else as sl_cap_next(). */
static int begin(struct sl_cap *c, const uint8_t *p, size_t avail, bool eof, size_t *used)
{
	uint32_t magic;
	size_t len;

	*used = 0;
	if (avail < 4) {
		c->want = 4;
		if (!eof)
			return 0;
		if (!avail)
			return sl_cap_fail(c, -ENODATA, 0, "the file is empty, not even a header is there");
		return not_a_capture(c, p, avail);
	}
	memcpy(&magic, p, 4);
	if (magic == MAGIC_NG) {
		c->kind = SL_CAP_PCAPNG;
		return 1;
	}
	c->swap = !is_pcap_magic(magic);
	if (c->swap)
		magic = __builtin_bswap32(magic);
	if (!is_pcap_magic(magic)) {
		c->want = 512;	/* enough for a name to be put on it */
		return eof || avail >= c->want ? not_a_capture(c, p, avail) : 0;
	}
	/* Ixia's header ends with the length of all that follows, which we see ourselves. */
	len = SL_CAP_FILE_HDR + (magic == MAGIC_IXIA_NS || magic == MAGIC_IXIA_US ? 4 : 0);
	if (avail < len) {
		c->want = len;
		if (!eof)
			return 0;
		return sl_cap_fail(c, -ENODATA, 0, "the file ends in its header: %zu of %zu bytes are there",
				   avail, len);
	}
	if (begin_pcap(c, p, magic))
		return c->error;
	*used = len;
	c->off += len;
	return 1;
}

static int pcap_next(struct sl_cap *c, const uint8_t *p, size_t avail, bool eof,
		     struct sl_cap_rec *rec, size_t *used)
{
	uint32_t cap_len, wire_len;

	*used = 0;
	if (avail < c->hdr_len) {
		c->want = c->hdr_len;
		if (!eof || !avail)
			return 0;
		return sl_cap_fail(c, -ENODATA, c->off,
				   "the file ends in the header of record %" PRIu64 ": %zu of %u bytes are there",
				   c->records + 1, avail, c->hdr_len);
	}
	cap_len = get32(c, p + 8);
	wire_len = get32(c, p + 12);
	if (c->variant == LEN_OLD || (c->variant == LEN_GUESS && cap_len > wire_len)) {
		uint32_t t = cap_len;

		cap_len = wire_len;
		wire_len = t;
	}
	if (cap_len > c->max_len)
		return sl_cap_fail(c, -EBADMSG, c->off,
				   "record %" PRIu64 " says it holds %u bytes, and no packet here has more than %u",
				   c->records + 1, cap_len, c->max_len);
	if (avail - c->hdr_len < cap_len) {
		c->want = (size_t)c->hdr_len + cap_len;
		if (!eof)
			return 0;
		return sl_cap_fail(c, -ENODATA, c->off,
				   "the file ends in record %" PRIu64 ": %zu of its %u bytes are there",
				   c->records + 1, avail - c->hdr_len, cap_len);
	}
	*rec = (struct sl_cap_rec){
		.time_ns = get32(c, p) * UINT64_C(1000000000) + (uint64_t)get32(c, p + 4) * c->frac_ns,
		.off = c->hdr_len,
		.cap_len = cap_len,
		.wire_len = wire_len,
		.whole_len = c->hdr_len + cap_len,
		.linktype = c->linktype,
		.flags = c->rec_flags,
		.fcs_len = c->fcs_len,
	};
	*used = rec->whole_len;
	c->off += rec->whole_len;
	c->records++;
	return 1;
}

int sl_cap_next_slow(struct sl_cap *c, const uint8_t *p, size_t avail, bool eof,
		     struct sl_cap_rec *rec, size_t *used)
{
	size_t first = 0, more;
	int r;

	*used = 0;
	if (c->error)
		return c->error;
	if (c->kind == SL_CAP_UNKNOWN) {
		r = begin(c, p, avail, eof, &first);
		*used = first;
		if (r <= 0)
			return r;
	}
	if (c->kind == SL_CAP_PCAPNG)
		return sl_cap_ng_next(c, p, avail, eof, rec, used);

	r = pcap_next(c, p + first, avail - first, eof, rec, &more);
	*used = first + more;
	if (r == 1) {
		rec->off += first;
		rec->whole_off += first;
	}
	return r;
}

const char *sl_cap_describe(const struct sl_cap *c)
{
	if (c->kind == SL_CAP_PCAPNG)
		return c->swap ? "pcapng, other byte order" : "pcapng";
	if (c->kind != SL_CAP_PCAP)
		return "unknown";
	if (c->hdr_len != SL_CAP_REC_HDR)
		return c->swap ? "pcap, long record headers, other byte order"
			       : "pcap, long record headers";
	if (c->rec_flags & SL_CAP_NANO)
		return c->swap ? "pcap, nanoseconds, other byte order" : "pcap, nanoseconds";
	return c->swap ? "pcap, other byte order" : "pcap";
}
