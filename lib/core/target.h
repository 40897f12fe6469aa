/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/target.h -- a file that is going to be written
 *
 *	open -> begin (emptied) -> writes -> close
 *	     `> undo, when nothing was to run after all
 *
 * The file is made when it is opened, so that a wrong name shows before anything
 * runs, but what it held is thrown away only before the first write: by then all
 * others are open, and a file that is being read is noticed. undo() removes
 * what open() made and leaves the rest as it was.
 *
 * Two writers of one file would spoil each other's work, so a file is claimed from
 * open() to close(), in the whole process, under whatever names it is known. So are
 * pipes and sockets behind standard output; a terminal or /dev/null may have many.
 */
#ifndef SL_CORE_TARGET_H
#define SL_CORE_TARGET_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* What the process has under way with one file. In a list while `held`. */
struct sl_claim {
	dev_t dev;
	ino_t ino;
	bool held, writes;
	struct sl_claim *next;
};

/* Somebody reads that file: it must not be emptied. */
void sl_claim_read(struct sl_claim *c, const struct stat *st);
void sl_claim_drop(struct sl_claim *c);

struct sl_target {
	char *path;		/* "-": standard output */
	int fd;			/* -1: not open, or closed for now */
	bool disk;		/* a file on disk, maybe behind standard output */
	bool regular;		/* a file on disk that is ours alone */
	bool made;		/* it was not there before */
	bool begun;
	dev_t dev;
	ino_t ino;
	struct sl_claim claim;
};

/* `path` is copied. 0, -EEXIST when it is being written already, or another -errno. */
int sl_target_open(struct sl_target *t, const char *path);
/* Close the descriptor for a while. resume() gives -ESTALE when the name means another file by now. */
void sl_target_pause(struct sl_target *t);
int sl_target_resume(struct sl_target *t);
/* Before the first write. 0, -EDEADLK when the file is being read here, or -errno. */
int sl_target_begin(struct sl_target *t);
/* Both may be called again, and on a target that was never opened (all zero). */
int sl_target_close(struct sl_target *t);
void sl_target_undo(struct sl_target *t);

/* After a failed write: take back the last n bytes, if they are the end of a file. True when done. */
bool sl_target_cut(struct sl_target *t, off_t n);

/* Words for an error of these calls, or of a write. */
const char *sl_target_why(int err);
/* One word for the ledger: "disk full", "reader gone", "out of memory", "write failed". */
const char *sl_target_loss(int err);

/* Is this negative errno one of a disk, or a share of it, that is full? */
bool sl_target_full(int err);

#endif
