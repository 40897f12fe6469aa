/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/select.c -- a filter whose work a source's socket does in advance
 *
 * The plan says which (lib/plan/socket.c). The filter itself stays where it is and sees all that the
 * socket let pass; what did not pass is booked here along its way, as if it had come
 * in, crossed the arrow, and been screened out.
 */
#include <errno.h>

#include "kern/kernel.h"
#include "net/ifaces.h"
#include "run/kernel.h"
#include "run/run.h"

static struct sl_out *selected(struct sl_filter *f)
{
	struct sl_inst *i = sl_inst(f);

	return i->n_out == 1 && i->out->stream->tags.plain && i->out->to && i->out->to->node->in_socket ? i->out : NULL;
}

int sl_kernel_selected(struct sl_filter *f, struct sl_kernel *said)
{
	struct sl_kernel_where where = { .hook = SL_KERNEL_TC };
	struct sl_out *out = selected(f);
	int r;

	*said = (struct sl_kernel){ 0 };
	if (!out)
		return -ENOTSUP;
	sl_kernel_links_add(where.links, SL_LINK_ETHERNET);
	sl_kernel_links_add(where.links, SL_LINK_RAW);
	r = sl_kernel_bind(said, out->to->f.type, out->to->f.state, out->to->f.shared, &where);
	if (!r && !said->classic)
		r = -ENOTSUP;
	return r;
}

static void add(struct sl_tally *t, uint64_t blocks, uint64_t bytes)
{
	t->blocks += blocks;
	t->bytes += bytes;
}

void sl_kernel_screened(struct sl_filter *f, uint64_t blocks, uint64_t bytes)
{
	struct sl_inst *i = sl_inst(f);
	struct sl_out *out = selected(f);

	if (!out)
		return;
	add(&i->made, blocks, bytes);
	add(&i->in, blocks, bytes);
	add(&i->gone, blocks, bytes);
	add(&out->moved, blocks, bytes);
	add(&out->to->in, blocks, bytes);
	add(&out->to->filtered, blocks, bytes);
	sl_kernel_skip(f, blocks);
}
