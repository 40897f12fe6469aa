/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/lapped.h -- rings that several processes read, none of which the writer waits for
 *
 * A reader has the rings mapped read-only and nothing else; where it has come to, is its
 * own affair. It copies a record and then asks whether the writer may have been
 * there in the meantime (claim, see ring/layout.h). When the writer has overtaken it,
 * it goes on with what is newest, and the numbers of the records tell how many it missed.
 */
#ifndef SL_KERN_LAPPED_H
#define SL_KERN_LAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kern/abi.h"

struct sl_klapped;

/* A record's header, copied and found whole. */
struct sl_klapped_head {
	struct sl_kframe frame;
	struct sl_kentry entries[SL_K_ENTRIES];
	unsigned int n_entries;
	unsigned int ring;
	uint64_t pos, size;		/* of the record */
	const uint8_t *bytes;		/* where the frame's bytes may still be */
};

/* n rings, `stride` bytes apart, of `size` bytes of data; begins with what comes next. */
int sl_klapped_new(const uint8_t *map, unsigned int n, uint64_t stride, uint64_t size,
		   struct sl_klapped **out);
void sl_klapped_free(struct sl_klapped *l);

/* Is something there to be read? */
bool sl_klapped_ready(struct sl_klapped *l);

/*
 * The next record, in order of time: 1, and to be followed by take(). 0: nothing is
 * there now.
 */
int sl_klapped_next(struct sl_klapped *l, struct sl_klapped_head *out);

/* Copies the n first bytes of the frame. False: they are gone, the record counts as missed. */
bool sl_klapped_take(struct sl_klapped *l, const struct sl_klapped_head *h, void *to, uint32_t n);

/* Records that were overwritten before they were read, as far as is known: all, once another was read
 * or the writer paused. */
uint64_t sl_klapped_missed(const struct sl_klapped *l);

#endif
