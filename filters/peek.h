/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peek.h -- what a few bundled filters must know about where they stand
 *
 * A filter knows no neighbour. But some do another thing for packets than for
 * bytes, and one that only shows what passes has to know whether anybody else
 * wants it. The graph has settled both before open() is called.
 */
#ifndef FILTERS_PEEK_H
#define FILTERS_PEEK_H

#include "run/run.h"

/* The one type that comes in: SL_PACKET, SL_BYTES or SL_RECORD. 0 for a source. */
static inline unsigned int peek_in_type(const struct sl_filter *f)
{
	return sl_inst(f)->node->in_type;
}

/* Does anybody take what it passes? */
static inline bool peek_wanted(const struct sl_filter *f)
{
	return sl_inst(f)->node->n_out > 0;
}

#endif
