/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run/exchange.c -- blocks between a run and its program: finds the filter that is meant */
#include <errno.h>
#include <string.h>

#include "run/exchange.h"
#include "run/run.h"

/* By name, or the only one of its kind. */
static struct sl_inst *find(struct sl_run *r, const char *node, bool source)
{
	struct sl_inst *found = NULL;

	for (unsigned int k = 0; k < r->main.n_sorted; k++) {
		struct sl_inst *i = r->main.sorted[k];

		if (!(i->f.type->flags & SL_F_EXCHANGE) || !i->f.type->pull == source)
			continue;
		if (node && strcmp(node, i->f.name))
			continue;
		if (found)
			return NULL;
		found = i;
	}
	return found;
}

int sl_feed(struct sl_run *r, const char *node, const void *data, size_t len_bytes,
	    const struct sl_block *meta, void (*drop)(void *arg), void *arg)
{
	struct sl_inst *i = find(r, node, true);
	int e;

	if (!i)
		return -ENOENT;
	if (i->ended)
		return -EPIPE;
	e = sl_exchange_put(sl_exchange_of(&i->f), data, len_bytes, meta, drop, arg);
	if (!e)
		i->waiting = false;
	return e;
}

int sl_feed_end(struct sl_run *r, const char *node)
{
	struct sl_inst *i = find(r, node, true);

	if (!i)
		return -ENOENT;
	sl_exchange_end(sl_exchange_of(&i->f));
	i->waiting = false;
	return 0;
}

int sl_take(struct sl_run *r, const char *node, const struct sl_block **b, const uint8_t **data)
{
	struct sl_inst *i = find(r, node, false);
	int e;

	if (!i)
		return -ENOENT;
	e = sl_exchange_take(&i->f, b, data);
	sl_pool_settle(&r->main);	/* the block before is let go now, not at the next step */
	return e;
}

void sl_take_done(struct sl_run *r, const char *node)
{
	struct sl_inst *i = find(r, node, false);

	if (!i)
		return;
	sl_exchange_take_done(&i->f);
	sl_pool_settle(&r->main);
}
