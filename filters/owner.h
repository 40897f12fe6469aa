/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owner.h -- the process behind a block, for filters that write about packets */
#ifndef FILTERS_OWNER_H
#define FILTERS_OWNER_H

#include <string.h>

#include "filter.h"

static inline bool owner_of(struct sl_filter *f, const struct sl_block *b, const struct sl_tuple *t,
			    struct sl_owner *out)
{
	struct sl_owner_ask q = {
		.sport = t->sport, .dport = t->dport, .v6 = t->v6, .proto = t->proto,
		.flags = b->flags, .iface = b->iface, .time_ns = b->time_ns,
	};

	if (!b->l4)
		return false;
	memcpy(q.src, t->src, t->v6 ? 16 : 4);
	memcpy(q.dst, t->dst, t->v6 ? 16 : 4);
	return sl_owner_find(f, &q, out);
}

#endif
