/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/capfile.h -- one capture file that is being written
 *
 *	open -> (begun: emptied, header written) -> frames ... -> done
 *
 * When the file is made, emptied and removed again, and who may write it, is told
 * in core/target.h.
 *
 * Frames go out by batches: put() collects, flush() writes all with as few
 * system calls as it can. Frames are not copied, unless they are so small that
 * naming them costs more. Where the bytes in front of a frame are the very record
 * header that is to be written, as in a capture file of the same kind, header and
 * frame go as one piece, and records that lie side by side in the input become
 * one piece too.
 *
 *	input    |h1|frame 1|h2|frame 2|h3|frame 3|		(h3 differs)
 *	pieces   <----------------------->         <-------->
 *	stage                             |h3'|
 *
 * An input that somebody cuts meanwhile turns to zeros. In a frame they are a frame's
 * matter, in a header they would spoil the file; so headers that were used where they lie
 * are looked at again after the write. The file is cut before one that changed,
 * and is from there on made with headers of its own. Only what is on disk can be cut
 * back, so all else has those from the beginning.
 *
 * After a failed write the file ends with the last whole record.
 */
#ifndef SL_IO_CAPFILE_H
#define SL_IO_CAPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/target.h"
#include "streamline/block.h"

#define SL_CAPFILE_BATCH	1024		/* frames collected before a flush is due */
#define SL_CAPFILE_PIECES	1024		/* likewise: as many as one call may have (IOV_MAX) */
#define SL_CAPFILE_STAGE	(160u << 10)

/* Names of interfaces, by block->iface; made before the first frame. */
#define SL_CAPFILE_NAMES	64

struct sl_capfile_iface {
	uint16_t link, iface;
	bool nano;
};

struct sl_capfile {
	struct sl_target to;
	const char (*names)[32];	/* SL_CAPFILE_NAMES of them, the owner's; NULL, "": not known */
	bool ng;		/* pcapng */
	int error;		/* of the first write that failed, negative; then no more is written */
	bool nano;		/* pcap: unit of the fraction */
	bool own_headers;	/* pcap: none is used where it lies */
	uint16_t link;		/* pcap: of all its frames */
	uint64_t size;		/* up to the last whole record */
	uint64_t packets, bytes, rounded;
	struct sl_capfile_iface *ifaces;
	uint32_t n_ifaces, last_iface;
	struct sl_capfile *older, *newer;	/* of the open ones: the owner's list */
};

/* What is collected for one file between two flushes. One for a filter is enough. */
struct sl_capfile_batch {
	unsigned int n;				/* frames */
	unsigned int n_iov;
	size_t staged, total, before;		/* before: headers in front of the first frame */
	uint64_t end[SL_CAPFILE_BATCH];		/* where each record ends, from the batch's start */
	uint32_t len[SL_CAPFILE_BATCH];
	const uint8_t *lies[SL_CAPFILE_BATCH];	/* a header that is used there; NULL: it is on the stage */
	uint8_t says[SL_CAPFILE_BATCH][16];	/* what it is to say */
	struct iovec iov[SL_CAPFILE_PIECES];
	uint8_t stage[SL_CAPFILE_STAGE];
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

/* Collect a frame; b->frame_len bytes at `frame`. 1; 0: flush first; -ENOMEM. */
int sl_capfile_put(struct sl_capfile *o, struct sl_capfile_batch *t, const struct sl_block *b,
		   const uint8_t *frame, enum sl_capfile_clock clock);

/*
 * Write what was collected. Returns 0, or -errno; *n_good is how many of the
 * collected frames are in the file. If not all are and it is 0, put the others again.
 */
int sl_capfile_flush(struct sl_capfile *o, struct sl_capfile_batch *t, unsigned int *n_good);

/* Forget what was collected: its file can't be written. */
static inline void sl_capfile_drop(struct sl_capfile_batch *t)
{
	t->n = t->n_iov = 0;
	t->staged = t->total = t->before = 0;
}

/* pcapng: what became of the packets of interface `iface` of the source, in numbers. */
void sl_capfile_counts(struct sl_capfile *o, uint16_t iface, uint64_t time_ns, uint64_t received, uint64_t dropped);
/* The end: a file without frames gets its header. Returns 0 or -errno. */
int sl_capfile_done(struct sl_capfile *o);
/* Nothing ran: remove the file if open() made it. */
void sl_capfile_undo(struct sl_capfile *o);

#endif
