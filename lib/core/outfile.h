/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/outfile.h -- text on its way to a file, a pipe or a terminal
 *
 * Small pieces are put into a buffer that grows as needed. The caller marks where
 * each of its lines (or whatever it counts) ends; at the end of a batch all is
 * written, and the marks tell how many of them are in the file. So what is
 * counted as written was written, and a reader never waits for a line.
 *
 *	text	|line 1|line 2|line 3|li|
 *	marks	       ^      ^      ^
 *	                  ^ disk full: one line is good; the file is cut behind it
 *
 * After a failed write the file takes no more: what is put is thrown away, and every
 * call gives the error again. A reader that has gone (EPIPE) is an error like
 * any other and raises no signal. When the file is made and emptied is told in
 * core/target.h.
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

#include "core/target.h"

struct sl_outfile {
	struct sl_target to;
	int error;		/* the first one, negative; 0: none */
	char *buf;
	size_t used, cap;
	uint64_t written;	/* bytes that reached the file */
	uint64_t whole;		/* of them, up to the last mark */
};

/* "-" is standard output. 0 or -errno, as of sl_target_open(). */
int sl_outfile_open(struct sl_outfile *o, const char *path);
/* The regular end: write the rest, empty what was never written, close, free the buffer. 0 or the
 * first error. May be called again, and on a file that was never opened (all zero). */
int sl_outfile_done(struct sl_outfile *o);
/* Nothing ran: remove the file if open() made it. */
void sl_outfile_undo(struct sl_outfile *o);

/* Room for n bytes, to be filled in and kept with sl_outfile_add(). NULL: no memory. */
char *sl_outfile_room(struct sl_outfile *o, size_t n);

static inline void sl_outfile_add(struct sl_outfile *o, size_t n)
{
	o->used += n;
}

void sl_outfile_put(struct sl_outfile *o, const void *bytes, size_t n);

/* The caller could not make its text: write what is there, and nothing more. */
void sl_outfile_fail(struct sl_outfile *o, int err);

/* Where the text ends that was put so far; after an error, a place that nothing reaches. */
static inline uint64_t sl_outfile_mark(const struct sl_outfile *o)
{
	return o->error ? UINT64_MAX : o->written + o->used;
}

/*
 * Write all. Returns how many of the n marks (rising, since the last call) are in the file; fewer
 * than n only after an error. A file on disk then ends at the last of them.
 */
unsigned int sl_outfile_batch(struct sl_outfile *o, const uint64_t *mark, unsigned int n);

/* writev(2) that raises no SIGPIPE, whatever the program does with that signal. */
ssize_t sl_writev_quiet(int fd, const struct iovec *iov, int n);

#endif
