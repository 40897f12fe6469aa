/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cap/cap.h -- capture files as bytes: pcap and pcapng, read and written
 *
 * Format code alone: it opens nothing, maps nothing, knows no block and no
 * ring. The reader is a push parser: the caller shows it bytes, wherever they
 * come from (a mapped file, pieces of a pipe, the output of a decompressor),
 * and is told where in them the next record lies. The writer makes headers in
 * the caller's buffers; frames are never copied by either.
 *
 *	p                                              p + avail
 *	|  blocks that hold no packet  | header | frame |  ...
 *	|<-------- skipped ----------->|<--- whole ---->|
 *	|<------------------- *used ------------------->|
 *
 * What is read:
 *
 *	pcap	either byte order, micro- and nanoseconds, versions 2.0 to 2.4
 *		and 543.0 (with the two lengths in the old order, where the
 *		version says so or, in 2.3, where the order is impossible),
 *		the longer record headers of the a1b2cd34 variant, Ixia's
 *		variants (1c0001ac, 1c0001ab), FCS length in the link type
 *	pcapng	sections of either byte order in one file, any number of
 *		interfaces each with its own link type, resolution (powers of
 *		10 and of 2) and offset; enhanced, simple and obsolete packet
 *		blocks; every other block is skipped, whatever its length
 *
 * A stated section length is not believed: a section ends where the next one
 * begins. Options that run over their block end the list and nothing else.
 *
 * Memory is bounded whatever the file says: at most SL_CAP_MAX_IFACES
 * interfaces a section, and sl_cap_want() never asks for more than the largest
 * record that is believed (SL_CAP_MAX_BLOCK, 128 MiB more for the few link
 * types that need it). Blocks that are skipped need no buffer at all.
 */
#ifndef SL_CAP_CAP_H
#define SL_CAP_CAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SL_CAP_MAX_IFACES	65536u
#define SL_CAP_MAX_RECORD	262144u		/* bytes of one frame, as libpcap has it */
#define SL_CAP_MAX_BLOCK	(16u << 20)	/* one pcapng block that we must see whole */

enum sl_cap_kind {
	SL_CAP_UNKNOWN,		/* the file header was not seen yet */
	SL_CAP_PCAP,
	SL_CAP_PCAPNG,
};

/* rec->flags */
enum {
	SL_CAP_IN	= 1,	/* direction, where the file says it */
	SL_CAP_OUT	= 2,
	SL_CAP_NANO	= 4,	/* the clock of this record is finer than 1 us */
	SL_CAP_NO_TIME	= 8,	/* a simple packet block: time_ns is 0 */
};

/* One record. Offsets count from the p of the call that returned it. */
struct sl_cap_rec {
	uint64_t time_ns;	/* since 1970 */
	size_t off;		/* the frame */
	uint32_t cap_len;	/* bytes of it that are stored */
	uint32_t wire_len;	/* bytes it had, as the file says (may even be less) */
	size_t whole_off;	/* the record with its header and trailer */
	uint32_t whole_len;
	uint32_t iface;		/* counted over all sections of the file, from 0 */
	uint16_t linktype;	/* LINKTYPE_ value */
	uint8_t flags;
	uint8_t fcs_len;	/* bytes of frame check sequence at its end; 0: none, or not told */
};

/* One interface. In a pcap file there is one, without a name. */
struct sl_cap_iface {
	uint16_t linktype;
	uint8_t fcs_len;
	uint8_t flags;		/* SL_CAP_NANO or 0 */
	uint32_t snaplen;	/* 0: unlimited */
	char name[32];		/* if_name, cut to fit; or "" */
	/* private: how a timestamp becomes nanoseconds */
	uint8_t resol;		/* if_tsresol as stored */
	uint64_t scale;
	int64_t offset_s;
};

/* The fields are private; they stand here for the inline function below. */
struct sl_cap {
	enum sl_cap_kind kind;
	bool plain;		/* pcap with 16-byte headers in the usual order: the fast path is right */
	bool swap;		/* the section (or file) is in the other byte order */
	uint8_t rec_flags;	/* pcap: what every record's flags are */
	uint8_t fcs_len;
	uint16_t linktype;
	uint32_t max_len;	/* longest frame believed */
	uint32_t frac_ns;	/* pcap: ns per unit of the fraction */
	uint64_t off;		/* absolute offset of the next p[0] */
	uint64_t records;	/* good ones so far */

	uint8_t variant;	/* pcap: enum in reader.c */
	uint16_t hdr_len;	/* pcap: bytes of a record header */
	uint32_t snaplen;

	struct sl_cap_iface *ifaces;	/* of this section */
	uint32_t n_ifaces, iface_room;
	uint32_t iface_base;	/* interfaces of the sections before */
	uint64_t skip;		/* bytes of a skipped block still to come, without its trailer */
	uint32_t skip_total;	/* what that trailer must say; 0: no block is being skipped */

	size_t want;
	int error;
	uint64_t error_off;
	char why[256];
};

/* A reader at the beginning of a file; NULL when memory is out. free accepts NULL. */
struct sl_cap *sl_cap_new(void);
void sl_cap_free(struct sl_cap *c);

int sl_cap_next_slow(struct sl_cap *c, const uint8_t *p, size_t avail, bool eof,
		     struct sl_cap_rec *rec, size_t *used);

/*
 * The next record of the bytes at p. Returns
 *
 *	1		*rec is one, complete within p[0 .. avail)
 *	0		more bytes are needed (sl_cap_want()), or, with eof, this is
 *			the clean end
 *	-ENODATA	with eof: the file ends in the middle of something
 *	-EBADMSG	the bytes make no sense as a capture file from here on
 *	-EPROTO		the file never was one; sl_cap_error() names what it is if known
 *	-ENOMEM
 *
 * and always sets *used: the bytes that are done with. The caller goes on at
 * p + *used (a record's frame stays valid as long as the caller's buffer) and
 * shows what is left again, with more behind it. Errors are final: the same
 * comes back from every later call. `eof` says that nothing follows p + avail.
 */
static inline int sl_cap_next(struct sl_cap *c, const uint8_t *p, size_t avail, bool eof,
			      struct sl_cap_rec *rec, size_t *used)
{
	uint32_t h[4];

	if (__builtin_expect(c->plain && avail >= sizeof(h), 1)) {
		memcpy(h, p, sizeof(h));
		if (c->swap)
			for (int i = 0; i < 4; i++)
				h[i] = __builtin_bswap32(h[i]);
		if (__builtin_expect(h[2] <= c->max_len && avail - sizeof(h) >= h[2], 1)) {
			rec->time_ns = h[0] * UINT64_C(1000000000) + (uint64_t)h[1] * c->frac_ns;
			rec->off = sizeof(h);
			rec->cap_len = h[2];
			rec->wire_len = h[3];
			rec->whole_off = 0;
			rec->whole_len = h[2] + sizeof(h);
			rec->iface = 0;
			rec->linktype = c->linktype;
			rec->flags = c->rec_flags;
			rec->fcs_len = c->fcs_len;
			*used = rec->whole_len;
			c->off += rec->whole_len;
			c->records++;
			return 1;
		}
	}
	return sl_cap_next_slow(c, p, avail, eof, rec, used);
}

/*
 * After a 0: how many bytes, counted from p + *used, have to be there before
 * another call can get on. At least 1.
 */
static inline size_t sl_cap_want(const struct sl_cap *c)
{
	return c->want;
}

/*
 * After an error: a plain sentence without full stop, the absolute offset it is
 * about and how many records before it were good. NULL when there was none.
 */
const char *sl_cap_error(const struct sl_cap *c, uint64_t *off, uint64_t *good);

/* "pcap", "pcapng", with what is special about it; for messages. Static text. */
const char *sl_cap_describe(const struct sl_cap *c);

/* The interface with that number if it belongs to the section being read (in a
 * pcap file: number 0); else NULL. Borrowed, good until the next call of next. */
const struct sl_cap_iface *sl_cap_iface(const struct sl_cap *c, uint32_t iface);

/* How many interfaces were described so far, in all sections. */
static inline uint32_t sl_cap_ifaces(const struct sl_cap *c)
{
	return c->iface_base + c->n_ifaces;
}

/*
 * What the first bytes of a file show it to be, for messages: "a snoop
 * capture", "gzip-compressed data", ...; NULL when they show nothing, "" when
 * it is a file that the reader reads.
 */
const char *sl_cap_recognise(const uint8_t *p, size_t len);

/* The longest frame that is believed for a link type. */
uint32_t sl_cap_max_len(uint16_t linktype);

/* What the reader's two halves share. */
int sl_cap_ng_next(struct sl_cap *c, const uint8_t *p, size_t avail, bool eof,
		   struct sl_cap_rec *rec, size_t *used);
int sl_cap_fail(struct sl_cap *c, int error, uint64_t off, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
struct sl_cap_iface *sl_cap_add_iface(struct sl_cap *c);

/* ---- writing ----------------------------------------------------------- */

#define SL_CAP_FILE_HDR		24	/* bytes in front of a pcap file */
#define SL_CAP_REC_HDR		16	/* and of each record */
#define SL_CAP_EPB		6	/* type of an enhanced packet block */
#define SL_CAP_EPB_HDR		28	/* bytes of an enhanced packet block before the frame */
#define SL_CAP_EPB_TAIL_MAX	(3 + 12 + 4)	/* and after it: padding, flags with the list's end, length */

/* The header of a pcap file in host order, into 24 bytes. fcs_len 0: not told. */
void sl_cap_put_file(uint8_t *to, uint16_t linktype, uint32_t snaplen, bool nano, uint8_t fcs_len);

/*
 * The header of one record, into 16 bytes. Times beyond the year 2106 do not
 * fit a pcap file and become its last second.
 */
static inline void sl_cap_put_rec(uint8_t *to, uint64_t time_ns, uint32_t cap_len,
				  uint32_t wire_len, bool nano)
{
	uint64_t s = time_ns / 1000000000;
	uint32_t frac = (uint32_t)(time_ns % 1000000000);
	uint32_t h[4] = { s > UINT32_MAX ? UINT32_MAX : (uint32_t)s, nano ? frac : frac / 1000,
			  cap_len, wire_len };

	memcpy(to, h, sizeof(h));
}

/*
 * pcapng, in host order. Each returns the bytes it wrote, or 0 when they do
 * not fit into `size` (nothing is written then). Texts may be NULL; they are
 * cut at 65535 bytes. Interfaces are numbered in the order of their blocks.
 */
size_t sl_cap_put_section(uint8_t *to, size_t size, const char *application, const char *comment);
/* nano: times of this interface count nanoseconds, else microseconds. */
size_t sl_cap_put_iface(uint8_t *to, size_t size, uint16_t linktype, uint32_t snaplen, bool nano,
			const char *name, uint8_t fcs_len);

/*
 * One frame: 28 bytes go before it, the tail after it. `flags` is of
 * SL_CAP_IN and SL_CAP_OUT; the same cap_len and flags go into both.
 */
void sl_cap_put_epb(uint8_t *to, uint32_t iface, uint64_t time_ns, bool nano, uint32_t cap_len,
		    uint32_t wire_len, uint8_t flags);
size_t sl_cap_put_epb_tail(uint8_t *to, uint32_t cap_len, uint8_t flags);

/* What is known of an interface at the end. UINT64_MAX in a field: not known. */
struct sl_cap_stats {
	uint64_t time_ns;	/* when the counts were taken */
	bool nano;		/* as in that interface's block */
	uint64_t received;	/* packets */
	uint64_t dropped;
	const char *comment;
};
size_t sl_cap_put_stats(uint8_t *to, size_t size, uint32_t iface, const struct sl_cap_stats *s);

#endif
