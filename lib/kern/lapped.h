/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/lapped.h -- rings that several processes read, none of which the writer waits for
 *
 * A reader has the rings mapped read-only and nothing else; where it has come to, is its
 * own affair. It copies all that is there, some 80 KiB at most, and then asks whether the
 * writer may have been there in the meantime (claim, see ring/layout.h): records are
 * only looked at in the copy. When the writer has overtaken it, it goes on with what is
 * newest, and the numbers of the records tell how many it missed.
 */
#ifndef SL_KERN_LAPPED_H
#define SL_KERN_LAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kern/abi.h"

struct sl_klapped;

/* A record in a copy, where it lies as long as the copy does. */
struct sl_klapped_head {
	const struct sl_kframe *frame;
	const struct sl_kentry *entries;	/* of a plain frame: `made` */
	struct sl_kentry made[2];
	unsigned int n_entries;
	unsigned int ring;
	uint64_t pos, size;		/* of the record */
	const uint8_t *bytes;		/* frame->stored of them */
};

/* n rings, `stride` bytes apart, of `size` bytes of data; begins with what comes next. */
int sl_klapped_new(const uint8_t *map, unsigned int n, uint64_t stride, uint64_t size,
		   struct sl_klapped **out);
void sl_klapped_free(struct sl_klapped *l);

/* Is something there to be read? */
bool sl_klapped_ready(struct sl_klapped *l);

/*
 * The next record, in order of time: 1. 0: nothing is there now. -ENOBUFS: to be asked again
 * after sl_klapped_copy() of ring out->ring; so many bytes (out->size, SL_K_SPARE at most)
 * are to be copied.
 */
int sl_klapped_next(struct sl_klapped *l, struct sl_klapped_head *out);

/* Copies what next() wanted to `to`, on a multiple of 8, where it must stay until records of this
 * ring lie elsewhere. */
void sl_klapped_copy(struct sl_klapped *l, unsigned int ring, void *to);

/* Records that were overwritten before they were read, as far as is known: all, once another was read
 * or the writer paused. */
uint64_t sl_klapped_missed(const struct sl_klapped *l);

#endif
