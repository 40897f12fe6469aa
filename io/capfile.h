/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/capfile.h -- one capture file that is being written
 *
 *	open -> (begun: emptied, header written) -> frames ... -> done
 *
 * When the file is made, emptied and removed again, and who may write it, is told
 * in core/target.h.
 *
 * Two sides, which may be two threads. One makes what is to be written: records, or the headers
 * of frames that stay where they are. The other collects such parts with add() and writes
 * them by flush(), with as few system calls as it can. Small frames are copied behind
 * their header, since naming them costs more. Where the bytes in front of a larger one are
 * the very record header that is to be written, as in a capture file of the same kind,
 * header and frame go as one piece, and records that lie side by side in the input
 * become one piece too.
 *
 *	input    |h1|frame 1|h2|frame 2|h3|frame 3|		(h3 differs)
 *	pieces   <----------------------->         <-------->
 *	made     |h1|h2|h3|
 *	               <->
 *
 * An input that somebody cuts meanwhile turns to zeros. In a frame they are a frame's
 * matter, in a header they would spoil the file; so headers that were used where they lie
 * are looked at again after the write. The file is cut before one that changed,
 * and is from there on made with headers of its own. Only what is on disk can be cut
 * back, so all else has those from the beginning.
 *
 * After a failed write the file ends with the last whole record, which is found by going from
 * record to record through what was made.
 */
#ifndef SL_IO_CAPFILE_H
#define SL_IO_CAPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "cap/cap.h"
#include "core/target.h"
#include "streamline/block.h"

#define SL_CAPFILE_BATCH	1024		/* parts collected before a flush is due */
#define SL_CAPFILE_PIECES	1024		/* likewise: as many as one call may have (IOV_MAX) */
#define SL_CAPFILE_BEFORE	384		/* bytes at most: the file's header, a new interface, */
#define SL_CAPFILE_AROUND	64		/* what goes before and after a frame */

/* Names of interfaces, by block->iface; made before the first frame. */
#define SL_CAPFILE_NAMES	64

struct sl_capfile_iface {
	uint16_t link, iface;
	bool nano;
};

struct sl_capfile {
	struct sl_target to;
	/* Of the side that makes: */
	const char (*names)[32];	/* SL_CAPFILE_NAMES of them, the owner's; NULL, "": not known */
	bool ng;		/* pcapng */
	bool nano;		/* pcap: unit of the fraction */
	bool headed;		/* its header was made */
	uint16_t link;		/* pcap: of all its frames */
	uint32_t second;	/* pcap: of the last frame, and when it began, */
	uint64_t second_ns;	/* since most frames are of the same as the one before */
	struct sl_capfile_iface *ifaces;
	uint32_t n_ifaces, last_iface;
	struct sl_capfile *older, *newer;	/* of the open ones: the owner's list */
	/* Of the side that writes: */
	int error;		/* of the first write that failed, negative; then no more is written */
	bool own_headers;	/* pcap: none is used where it lies */
	uint64_t size;		/* up to the last whole record */
	uint64_t packets, bytes;
};

/* What is written as one: records that were made, or one frame that stays where it is. */
struct sl_capfile_part {
	const uint8_t *made;	/* whole records; or, for a frame, what goes before and after it */
	const uint8_t *frame;	/* NULL: none */
	uint32_t made_len;
	uint32_t begins;	/* of them, at the start, the file's own header */
	uint32_t header;	/* of them, before the frame */
	uint32_t frame_len;
	uint32_t packets;	/* what it holds; and the bytes of their frames */
	bool lies;		/* the header is in front of the frame already */
	uint64_t bytes;
	/* What flush() came to. */
	int error;
	uint32_t good;		/* packets from the first that are in the file, and their bytes */
	uint64_t good_bytes;
};

/* What is collected for one file between two flushes. One for a filter is enough. */
struct sl_capfile_batch {
	unsigned int n, n_iov;
	size_t total;
	struct sl_capfile_part *part[SL_CAPFILE_BATCH];
	uint64_t end[SL_CAPFILE_BATCH];		/* where each ends, from the batch's start */
	struct iovec iov[SL_CAPFILE_PIECES];
};

/* Which clock to write. */
enum sl_capfile_clock { SL_CLOCK_AUTO, SL_CLOCK_US, SL_CLOCK_NS };

/* 0 or -errno, as of sl_target_open(). */
int sl_capfile_open(struct sl_capfile *o, const char *path, bool ng);
/*
 * Before the first frame (of link type `link`): empty the file. Returns 0 or -errno,
 * as sl_target_begin().
 */
int sl_capfile_begin(struct sl_capfile *o, uint16_t link, bool nano);

/* Is this frame's time written in nanoseconds? */
static inline bool sl_capfile_nano(const struct sl_capfile *o, const struct sl_block *b,
				   enum sl_capfile_clock clock)
{
	return o->ng ? clock == SL_CLOCK_NS || (clock == SL_CLOCK_AUTO && b->flags & SL_B_NANO) : o->nano;
}

/* Does the file need nothing more before this frame? */
static inline bool sl_capfile_ready(const struct sl_capfile *o, const struct sl_block *b, bool nano)
{
	const struct sl_capfile_iface *i;

	if (!o->headed || !o->ng)
		return o->headed;
	i = &o->ifaces[o->last_iface];
	return i->iface == b->iface && i->link == b->link && i->nano == nano;
}

/*
 * What it does need, into SL_CAPFILE_BEFORE bytes. Returns how many, or -ENOMEM; *begins: of them, the
 * file's header.
 */
int sl_capfile_before(struct sl_capfile *o, const struct sl_block *b, bool nano, uint8_t *to, uint32_t *begins);

static inline uint8_t sl_capfile_direction(const struct sl_block *b)
{
	return (b->flags & SL_B_IN ? SL_CAP_IN : 0) | (b->flags & SL_B_OUT ? SL_CAP_OUT : 0);
}

/* What goes before a frame of a file that is ready for it: its bytes. *rounded counts a time that did not fit. */
static inline size_t sl_capfile_header(struct sl_capfile *o, const struct sl_block *b, bool nano, uint8_t *to,
				       uint64_t *rounded)
{
	uint64_t ns = b->time_ns - o->second_ns;
	uint32_t h[4];

	if (o->ng) {
		sl_cap_put_epb(to, o->last_iface, b->time_ns, nano, b->frame_len, b->wire_len,
			       sl_capfile_direction(b));
		*rounded += !nano && b->time_ns % 1000;
		return SL_CAP_EPB_HDR;
	}
	/* as sl_cap_put_rec() does it, but for a division */
	if (b->time_ns < o->second_ns || ns >= 1000000000) {
		uint64_t s = b->time_ns / 1000000000;

		o->second = s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
		o->second_ns = s * 1000000000;
		ns = b->time_ns - o->second_ns;
	}
	h[0] = o->second;
	h[1] = nano ? (uint32_t)ns : (uint32_t)ns / 1000;
	h[2] = b->frame_len;
	h[3] = b->wire_len;
	memcpy(to, h, sizeof(h));
	*rounded += !nano && h[1] * 1000 != (uint32_t)ns;
	return sizeof(h);
}

/* And after it. */
static inline size_t sl_capfile_tail(const struct sl_capfile *o, const struct sl_block *b, uint8_t *to)
{
	return o->ng ? sl_cap_put_epb_tail(to, b->frame_len, sl_capfile_direction(b)) : 0;
}

/*
 * Is a header that was made in front of the frame already? A block's own bytes
 * (SL_B_OWNED) have somebody's count in front of them; all others lie in a segment, whose
 * earlier bytes are as readable as theirs.
 */
static inline bool sl_capfile_lies(const struct sl_capfile *o, const struct sl_block *b, const uint8_t *frame,
				   const uint8_t *made)
{
	return !o->ng && o->to.regular && b->seg && !(b->flags & SL_B_OWNED) &&
	       b->off - b->head >= SL_CAP_REC_HDR && !memcmp(frame - SL_CAP_REC_HDR, made, SL_CAP_REC_HDR);
}

/* Collect a part, which stays there until the flush. False: flush first. */
bool sl_capfile_add(struct sl_capfile *o, struct sl_capfile_batch *t, struct sl_capfile_part *p);

/*
 * Write what was collected. Returns of how many parts it is known now what became of them; add
 * the others again.
 */
unsigned int sl_capfile_flush(struct sl_capfile *o, struct sl_capfile_batch *t);

static inline void sl_capfile_drop(struct sl_capfile_batch *t)
{
	t->n = t->n_iov = 0;
	t->total = 0;
}

/* pcapng: what became of the packets of interface `iface` of the source, in numbers. */
void sl_capfile_counts(struct sl_capfile *o, uint16_t iface, uint64_t time_ns, uint64_t received, uint64_t dropped);
/* The end: a file without frames gets its header. Returns 0 or -errno. */
int sl_capfile_done(struct sl_capfile *o);
/* Nothing ran: remove the file if open() made it. */
void sl_capfile_undo(struct sl_capfile *o);

#endif
