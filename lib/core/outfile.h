/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/outfile.h -- text on its way to a file, a pipe or a terminal
 *
 * Small pieces are put into a buffer that grows as needed and is written when it
 * is large enough, or when the caller says that somebody may be waiting. After a
 * failed write the file takes no more: what is put is thrown away, and every
 * call gives the error again. A reader that has gone (EPIPE) is an error like
 * any other and raises no signal.
 */
#ifndef SL_CORE_OUTFILE_H
#define SL_CORE_OUTFILE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

struct sl_outfile {
	int fd;			/* -1: not open */
	bool own;		/* fd is ours to close */
	bool live;		/* no file on disk: somebody may be waiting for lines */
	int error;		/* the first one, negative; 0: none */
	char *buf;
	size_t used, cap;
	uint64_t written;	/* bytes that reached the file */
};

/* Open for writing, made or emptied; "-" is standard output. 0 or -errno. */
int sl_outfile_open(struct sl_outfile *o, const char *path);
/* Write the rest and close; free the buffer. For what open() left, also when it failed. */
int sl_outfile_done(struct sl_outfile *o);

/* Room for n bytes, to be filled in and kept with sl_outfile_add(). NULL: no memory. */
char *sl_outfile_room(struct sl_outfile *o, size_t n);

static inline void sl_outfile_add(struct sl_outfile *o, size_t n)
{
	o->used += n;
}

void sl_outfile_put(struct sl_outfile *o, const void *bytes, size_t n);

/* Write what is there: all of it, or what is left when it is more than a little.
 * Returns 0 or the error. */
int sl_outfile_flush(struct sl_outfile *o);
int sl_outfile_batch(struct sl_outfile *o);	/* at the end of a batch: flush if live or full */

/* Is this negative errno one of a disk, or a share of it, that is full? */
static inline bool sl_outfile_full(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -EFBIG;
}

/* writev(2) that raises no SIGPIPE, whatever the program does with that signal. */
ssize_t sl_writev_quiet(int fd, const struct iovec *iov, int n);

#endif
