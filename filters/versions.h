/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* versions.h -- what ip and ip6 share: pass the packets of one version, classed by protocol */
#ifndef FILTERS_VERSIONS_H
#define FILTERS_VERSIONS_H

#include "filter.h"

/* The version is a constant where this is expanded. */
static inline int versions_work(struct sl_filter *f, struct sl_batch *in, unsigned int version)
{
	const struct sl_block *ahead;
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		ahead = sl_batch_ahead(in, 4);
		if (ahead)
			__builtin_prefetch(sl_frame(f, ahead));
		if (sl_ip_version(b, sl_frame(f, b)) != version) {
			sl_drop(f, b);
			continue;
		}
		b->class = b->proto;
		sl_emit(f, 0, b);
	}
	return 0;
}

#endif
