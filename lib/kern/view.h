/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kern/view.h -- behind the calls of kernel_sync(), see streamline/filter.h */
#ifndef SL_KERN_VIEW_H
#define SL_KERN_VIEW_H

#include "kern/part.h"

struct sl_kernel_view {
	struct sl_kpart *part;
	unsigned int stage;
	uint64_t now_ns, to_real_ns;
	uint64_t lost;
	bool last;
};

#endif
