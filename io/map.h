/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/map.h -- files mapped for reading, and what happens when they shrink
 *
 * Blocks point into the mapping and are read by every filter of the run, in any
 * thread, at any later time. Should somebody cut the file meanwhile, the pages
 * behind its new end are gone and touching them raises SIGBUS, somewhere. Jumping
 * out of a filter would leave its state torn, asking fstat() first is a race, so the
 * handler mends the mapping instead: from the page that failed to its end it puts
 * zeros there, notes how much was good, and lets the reader go on. Whoever reads the
 * file asks sl_map_good() and reports; no filter ever notices more than zeros.
 *
 *	  |<------------- len ------------->|
 *	  | good bytes     | zeros          |
 *	  base             ^ sl_map_good()
 *
 * The handler is there only while something is mapped, and passes on what is not
 * its own.
 */
#ifndef SL_IO_MAP_H
#define SL_IO_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/target.h"

#define SL_MAPS	256	/* at once, in one process */

struct sl_map {		/* a slot of a static table, since a signal handler reads it */
	_Atomic uintptr_t base;		/* 0: free */
	_Atomic size_t len;		/* whole pages */
	_Atomic size_t good;
	size_t populated;		/* sl_map_ahead() */
	struct sl_claim claim;		/* so that nobody here empties the file */
};

/* Map `len` bytes of a regular file. 0, or a negative errno (-EMFILE: no slot left). */
int sl_map_new(int fd, size_t len, struct sl_map **out);
void sl_map_free(struct sl_map *m);

/* Bytes that could still be read, so far: smaller than what was mapped once the file was cut. */
static inline size_t sl_map_good(const struct sl_map *m)
{
	return atomic_load_explicit(&m->good, memory_order_relaxed);
}

/* Have the pages around `at` and some more in place before they are touched one by one. */
void sl_map_ahead(struct sl_map *m, size_t at);

#endif
