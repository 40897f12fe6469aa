/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run/ifaces.c -- what sinks may know of the interfaces that packets came from, and sources of those they leave by */
#include "run/run.h"

/* The sources that reach a node; *n counts them, *one is the last. */
static void sources(const struct sl_node *n, const struct sl_node **one, unsigned int *count)
{
	if (!n->n_in && n != *one) {
		*one = n;
		++*count;
	}
	for (unsigned int k = 0; k < n->n_in; k++)
		sources(n->in[k]->from, one, count);
}

static bool reaches_sender(const struct sl_node *n)
{
	if (n->type->flags & SL_F_SENDS)
		return true;
	for (unsigned int i = 0; i < n->n_out; i++)
		if (reaches_sender(n->out[i]->to))
			return true;
	return false;
}

bool sl_sends_on(const struct sl_filter *f)
{
	return reaches_sender(sl_inst(f)->node);
}

bool sl_iface_info(struct sl_filter *f, unsigned int i, struct sl_iface_info *out)
{
	struct sl_run *r = sl_inst(f)->run;
	const struct sl_node *from = NULL;
	unsigned int n = 0;

	sources(sl_inst(f)->node, &from, &n);
	*out = (struct sl_iface_info){ 0 };
	if (n != 1 || !from->type->iface || !r->main.inst[from->id])
		return false;
	return from->type->iface(&r->main.inst[from->id]->f, i, out);
}

uint64_t sl_brought_in(const struct sl_filter *f)
{
	return sl_inst(f)->in.blocks;
}
