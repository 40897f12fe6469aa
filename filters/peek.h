/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peek.h -- the type of the stream that a bundled filter was put into
 *
 * A filter knows no neighbour, but some do another thing for packets than for
 * bytes. The graph has settled which before open() is called.
 */
#ifndef FILTERS_PEEK_H
#define FILTERS_PEEK_H

#include "run/run.h"

/* The one type that comes in: SL_PACKET, SL_BYTES or SL_RECORD. 0 for a source. */
static inline unsigned int peek_in_type(const struct sl_filter *f)
{
	return sl_inst(f)->node->in_type;
}

#endif
