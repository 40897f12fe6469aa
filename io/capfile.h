/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/capfile.h -- one capture file that is being written
 *
 *	open -> (begun: emptied, header written) -> frames ... -> done
 *
 * The file is made when it is opened, so that a wrong name shows before anything
 * runs, but what it held is thrown away only with the first frames: by then all
 * sources are open, and a file that is being read is noticed.
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
 * After a failed write the file ends with the last whole record.
 */
#ifndef SL_IO_CAPFILE_H
#define SL_IO_CAPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "streamline/block.h"

#define SL_CAPFILE_BATCH	256		/* frames collected before a flush is due */
#define SL_CAPFILE_STAGE	(160u << 10)

struct sl_capfile_iface {
	uint16_t link, iface;
	bool nano;
};

struct sl_capfile {
	char *path;		/* "-": standard output */
	int fd;			/* -1: closed for now */
	bool ng;		/* pcapng */
	bool disk;		/* a file on disk, maybe behind standard output */
	bool regular;		/* a file on disk that is ours alone */
	bool made;		/* it was not there before */
	bool begun, failed;
	bool ours;		/* claimed: no other sink may have it */
	bool nano;		/* pcap: unit of the fraction */
	uint16_t link;		/* pcap: of all its frames */
	dev_t dev;
	ino_t ino;
	uint64_t size;		/* up to the last whole record */
	uint64_t packets, bytes, rounded;
	struct sl_capfile_iface *ifaces;
	uint32_t n_ifaces, last_iface;
	struct sl_capfile *older, *newer;	/* of the open ones: the owner's list */
	struct sl_capfile *claimed;		/* see claim() */
};

/* What is collected for one file between two flushes. One for a filter is enough. */
struct sl_capfile_batch {
	unsigned int n;				/* frames */
	unsigned int n_iov;
	size_t staged, total, before;		/* before: headers in front of the first frame */
	uint64_t end[SL_CAPFILE_BATCH];		/* where each record ends, from the batch's start */
	uint32_t len[SL_CAPFILE_BATCH];
	struct iovec iov[2 * SL_CAPFILE_BATCH + 4];
	uint8_t stage[SL_CAPFILE_STAGE];
};

/* Which clock to write. */
enum sl_capfile_clock { SL_CLOCK_AUTO, SL_CLOCK_US, SL_CLOCK_NS };

/* 0 or -errno. `path` is copied. */
int sl_capfile_open(struct sl_capfile *o, const char *path, bool ng);
/* Close the descriptor, and open it again at the end. */
void sl_capfile_pause(struct sl_capfile *o);
int sl_capfile_resume(struct sl_capfile *o);

/*
 * Before the first frame (of link type `link`): empty the file. Returns 0, or
 * -ETXTBSY when it is being read, -EEXIST when it is being written elsewhere in
 * this process, or -errno.
 */
int sl_capfile_begin(struct sl_capfile *o, uint16_t link, bool nano);

/* Collect a frame; b->frame_len bytes at `frame`. 1; 0: flush first; -ENOMEM. */
int sl_capfile_put(struct sl_capfile *o, struct sl_capfile_batch *t, const struct sl_block *b,
		   const uint8_t *frame, enum sl_capfile_clock clock);

/*
 * Write what was collected. Returns 0, or -errno; *n_good is how many of the
 * collected frames are in the file.
 */
int sl_capfile_flush(struct sl_capfile *o, struct sl_capfile_batch *t, unsigned int *n_good);

/* The end: a file without frames gets its header. Returns 0 or -errno. */
int sl_capfile_done(struct sl_capfile *o);
/* Nothing ran: remove the file if open() made it. */
void sl_capfile_undo(struct sl_capfile *o);

#endif
