/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/inbox.c -- where arrows meet
 *
 * Batches come to a filter one arrow after the other, and how they are cut depends on
 * batch sizes and workers. So a filter with several arrows coming in does not get
 * them as they come: they wait in its inbox until everything in front of it has
 * done its part of the source's batch, and then go in by place (seq, order); blocks of
 * one place by arrow, in the order of the text.
 *
 * Blocks that wait belong to the arrow: they are counted as moved, and as in when the
 * filter gets them.
 */
#include <stdlib.h>

#include "run/run.h"

void sl_inbox_add(struct sl_inst *i, uint32_t stream, struct sl_batch *b)
{
	struct sl_inbox *x = &i->inbox;

	if (x->done == x->n)
		x->done = x->n = 0;
	for (unsigned int k = 0; k < b->n; k++) {
		if (x->n == x->size) {
			unsigned int size = x->size ? 2 * x->size : 256;
			struct sl_waiting *e = realloc(x->e, size * sizeof(*e));

			if (!e) {
				i->in.blocks++;
				i->in.bytes += b->b[k]->len;
				sl_lose(&i->f, b->b[k], "out of memory");
				continue;
			}
			x->e = e;
			x->size = size;
		}
		x->e[x->n++] = (struct sl_waiting){ b->b[k], stream, x->came++ };
	}
	x->sorted = false;
	b->n = 0;
}

static int by_place(const void *a, const void *b)
{
	const struct sl_waiting *x = a, *y = b;
	const struct sl_slot *s = (const struct sl_slot *)x->b, *t = (const struct sl_slot *)y->b;

	if (s->seq != t->seq)
		return s->seq < t->seq ? -1 : 1;
	if (s->order != t->order)
		return s->order < t->order ? -1 : 1;
	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	return (int32_t)(x->nth - y->nth) < 0 ? -1 : 1;
}

const struct sl_waiting *sl_inbox_first(struct sl_inst *i)
{
	struct sl_inbox *x = &i->inbox;

	if (x->done == x->n)
		return NULL;
	if (!x->sorted)
		qsort(x->e + x->done, x->n - x->done, sizeof(*x->e), by_place);
	x->sorted = true;
	return &x->e[x->done];
}

struct sl_block *sl_inbox_take(struct sl_inst *i)
{
	const struct sl_waiting *w = sl_inbox_first(i);

	if (!w)
		return NULL;
	i->inbox.done++;
	return w->b;
}

void sl_inbox_drain(struct sl_inst *i)
{
	struct sl_batch batch = { 0 };
	struct sl_block *b;
	uint64_t bytes = 0;

	while ((b = sl_inbox_take(i))) {
		bytes += b->len;
		batch.b[batch.n++] = b;
		if (batch.n == SL_BATCH_MAX) {
			sl_inst_feed(i, &batch, bytes);
			bytes = 0;
		}
	}
	if (batch.n)
		sl_inst_feed(i, &batch, bytes);
}

void sl_inbox_free(struct sl_inst *i)
{
	free(i->inbox.e);
	i->inbox = (struct sl_inbox){ 0 };
}
