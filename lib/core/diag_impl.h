/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/diag_impl.h -- what diag.c (collects) and diag_format.c (writes) share */
#ifndef SL_CORE_DIAG_IMPL_H
#define SL_CORE_DIAG_IMPL_H

#include "core/diag.h"

struct sl_diag_new {
	struct sl_diag pub;
	struct sl_diags *ds;	/* NULL: this one was dropped, texts go nowhere */
	struct sl_span at;
	unsigned int source;	/* rank of its source: order of first mention */
	unsigned int seq;
};

/* Sorted by place; the array is ds's own. */
struct sl_diag_new *const *sl_diags_sorted(const struct sl_diags *ds, unsigned int *n);

#endif
