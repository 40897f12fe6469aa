/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/writer.h -- writing beside the pipeline
 *
 * write(2) copies what it is given, and where the disk is behind it waits for it.
 * Neither should hold up a pipeline, so a thread does it. The maker has a ring of
 * items, a power of two of them, each whatever it takes to write something; this file
 * knows only their positions, which rise for ever.
 *
 *	items	..|  looked at  | written, or failed | pushed     | being made |..
 *	                        ^ reaped             ^ done       ^ head       ^ next
 *
 *	who	moves	to				when
 *	maker	next	what it has made		as it likes
 *	maker	head	next				push()
 *	writer	done	what write() came to		after each call of it
 *	maker	reaped	what it has looked at		as it likes, up to seen
 *
 * Never: reaped passes done, done passes head, next passes reaped by more than the ring
 * holds. Items from done to head are the writer's, all others the maker's. head and
 * done move, and threads sleep, under the lock; nothing is written under it. The maker
 * learns of done by push() and wait(), as `seen`.
 *
 * Until start() there is no thread: then push() itself calls write(), and all is done
 * when it returns.
 *
 * The writer takes all that was pushed meanwhile, so that what one call of write() has
 * before it grows by itself where the disk is behind. Where it is not, being woken
 * for each push would cost the maker more than it saves; so, once awake, the writer lets
 * a millisecond go by for more to come. Nothing lies in memory longer than that for
 * want of company.
 */
#ifndef SL_CORE_WRITER_H
#define SL_CORE_WRITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct sl_writer {
	/* The first items of [from, to), at least one: returns where it stopped. In either thread. */
	uint32_t (*write)(void *arg, uint32_t from, uint32_t to);
	void *arg;

	/* (m) */
	uint32_t next, reaped, seen;
	bool beside;			/* there is a thread */
	pthread_t thread;

	/* under the lock */
	_Alignas(64) pthread_mutex_t lock;
	pthread_cond_t work, back;
	uint32_t head, done;
	uint32_t want;			/* what done must reach before `hurry` is over */
	uint64_t pushed;		/* bytes that the writer did not take yet */
	enum { SL_WRITER_AWAKE, SL_WRITER_NAPS, SL_WRITER_SLEEPS } state;
	bool hurry, quit;
};

void sl_writer_init(struct sl_writer *w, uint32_t (*write)(void *, uint32_t, uint32_t), void *arg);
/* Also on one that is all zero. What was pushed is written first. */
void sl_writer_done(struct sl_writer *w);
/* From now on a thread writes; all stays as it is where there is but one processor, or no thread to be had. */
void sl_writer_start(struct sl_writer *w);
/* No thread any more; what was pushed is written first. */
void sl_writer_stop(struct sl_writer *w);

/* What was made may be written; about so many bytes. */
void sl_writer_push(struct sl_writer *w, uint64_t bytes);
/* Until something was written that was not reaped, and then rather more; or all that was pushed. */
void sl_writer_wait(struct sl_writer *w, bool all);

#endif
