/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * null -- take every block and do nothing with it
 *
 *	(null)
 *
 * in   any stream
 * out  none
 *
 * A pipeline may end in any filter, so null is needed only to say that a branch
 * is thrown away on purpose, and to measure what lies before it. Its blocks count
 * as out: they reached their end.
 */
#include "filter.h"

static int null_work(struct sl_filter *f, struct sl_batch *in)
{
	struct sl_block *b;

	while ((b = sl_batch_take(f, in)))
		sl_done(f, b);
	return 0;
}

static const char *const null_examples[] = {
	"(pcapin web.pcap) > (null)",
	"(pcapin web.pcap) > (tcp) { -80-> (count); -else-> (null) }",
	NULL
};

const struct sl_filter_type sl_null_type = {
	.name	  = "null",
	.brief	  = "take every block and do nothing with it",
	.group	  = "save",
	.in	  = SL_ANY,
	.flags	  = SL_F_SHARD,
	.need	  = SL_NEED_NONE,
	.work	  = null_work,
	.kernel	  = filter_kernel,
	.examples = null_examples,
	.see_also = "count",
};
