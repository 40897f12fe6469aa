/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pass -- pass every block on
 *
 *	(pass)
 *
 * in   any stream
 * out  the same, unchanged
 *
 * A junction. The graph puts one where the arrows into or out of a macro both
 * select, so that neither can stand for the other; nobody needs to write it.
 */
#include "filter.h"

static int pass_work(struct sl_filter *f, struct sl_batch *in)
{
	struct sl_block *b;

	while ((b = sl_batch_take(f, in)))
		sl_emit(f, 0, b);
	return 0;
}

const struct sl_filter_type sl_pass_type = {
	.name	= "pass",
	.brief	= "pass every block on",
	.group	= "flow",
	.in	= SL_ANY,
	.out	= SL_SAME,
	.flags	= SL_F_SHARD | SL_F_HIDDEN | SL_F_JUNCTION,
	.need	= SL_NEED_NONE,
	.work	= pass_work,
	.kernel	= filter_kernel,
};
