/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * take -- blocks to the program that uses the library
 *
 *	(take)
 *	(output: take limit=1000)
 *
 * in   any stream
 * out  none: the program calls sl_take()
 * read taken, waiting
 *
 * Useful to programs alone; under the command nobody takes. Blocks are held,
 * where they lie, until the program has looked at them; it may do so between
 * steps and after the end of the run. With limit= sources read no more while so many are waiting.
 */
#include <errno.h>
#include <stdlib.h>

#include "run/exchange.h"

static const struct sl_param take_params[] = {
	SL_U64(struct sl_exchange, limit, .unit = "blocks",
	       .help = "wait when so many were not taken; 0: never"),
	{ }
};

static const struct sl_value take_values[] = {
	SL_COUNT(struct sl_exchange, taken, .help = "blocks that the program took"),
	SL_COUNT(struct sl_exchange, waiting, .help = "blocks that it has not taken yet"),
	{ }
};

static int blocks_grow(struct sl_exchange *x)
{
	uint32_t size = x->size ? x->size * 2 : 256;
	struct sl_block **to = malloc(size * sizeof(*to));

	if (!to)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->n; i++)
		to[i] = x->blocks[(x->head + i) % x->size];
	free(x->blocks);
	x->blocks = to;
	x->size = size;
	x->head = 0;
	return 0;
}

static int take_work(struct sl_filter *f, struct sl_batch *in)
{
	struct sl_exchange *x = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		if (x->n == x->size && blocks_grow(x) < 0) {
			sl_lose(f, b, "out of memory");
			continue;
		}
		sl_keep(f, b);
		x->blocks[(x->head + x->n++) % x->size] = b;
	}
	x->waiting.n = x->n;
	if (x->limit && x->n >= x->limit)
		sl_stall(f, true);
	return 0;
}

void sl_exchange_take_done(struct sl_filter *f)
{
	struct sl_exchange *x = sl_exchange_of(f);

	if (!x->lent)
		return;
	x->lent = false;
	sl_done(f, x->blocks[x->head]);
	x->head = (x->head + 1) % x->size;
	x->waiting.n = --x->n;
	sl_count(&x->taken);
	if (x->limit && x->n < x->limit)
		sl_stall(f, false);
}

int sl_exchange_take(struct sl_filter *f, const struct sl_block **b, const uint8_t **data)
{
	struct sl_exchange *x = sl_exchange_of(f);

	sl_exchange_take_done(f);
	if (!x->n)
		return 0;
	x->lent = true;
	*b = x->blocks[x->head];
	*data = sl_data(f, *b);
	return 1;
}

static void take_close(struct sl_filter *f)
{
	struct sl_exchange *x = sl_state(f);

	free(x->blocks);
	x->blocks = NULL;
	x->n = x->size = 0;
}

static const char *const take_examples[] = {
	"(feed) > (tcp) -80-> (take)",
	"(feed) > (tcp) > (untcp) > (output: take limit=1000)",
	NULL
};

const struct sl_filter_type sl_take_type = {
	.name	  = "take",
	.brief	  = "blocks to the program that uses the library",
	.group	  = "save",
	.state	  = sizeof(struct sl_exchange),
	.flags	  = SL_F_EXCHANGE,
	.params	  = take_params,
	.values	  = take_values,
	.in	  = SL_ANY,
	.work	  = take_work,
	.close	  = take_close,
	.examples = take_examples,
	.see_also = "feed",
};
