/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rx-gulp.h -- blocks of rings that nobody waits for
 *
 * Records are copied out of a ring by the thousand, into pieces of memory that are counted
 * segments; blocks point into those. A piece that no block needs any more is used again, the one
 * that was used last first, so that it is still in a cache.
 */
#ifndef SL_IO_RX_GULP_H
#define SL_IO_RX_GULP_H

#include "kern/lapped.h"
#include "streamline/filter.h"

struct rx_gulp;

/* As sl_klapped_new(). */
int rx_gulp_new(const uint8_t *map, unsigned int n, uint64_t stride, uint64_t size, struct rx_gulp **out);
/* Blocks may outlive it. */
void rx_gulp_free(struct sl_filter *f, struct rx_gulp *g);

/* The next record: 1, 0: nothing is there now, or a negative errno. */
int rx_gulp_next(struct sl_filter *f, struct rx_gulp *g, struct sl_klapped_head *h);
/* A block that shows all that is stored of it; NULL: no memory. One for each record at most. */
struct sl_block *rx_gulp_block(struct sl_filter *f, struct rx_gulp *g, const struct sl_klapped_head *h);

bool rx_gulp_ready(struct rx_gulp *g);
uint64_t rx_gulp_missed(const struct rx_gulp *g);

#endif
