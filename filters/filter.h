/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filter.h -- what the bundled filters include: the public header and the helpers they share */
#ifndef FILTERS_FILTER_H
#define FILTERS_FILTER_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/decode.h"
#include "streamline/filter.h"

/* kernel() of a filter whose form needs to know nothing. */
static inline int filter_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	(void)k;
	(void)state;
	(void)shared;
	return 0;
}

#endif
