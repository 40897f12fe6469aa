/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/blockq.h -- blocks that wait, first in, first out
 *
 * For filters that hold blocks until their time comes or their way is free. The first
 * n_kept are counted as held (sl_keep); those behind came with the batch at hand and
 * may still leave at once, which costs no counting: sl_blockq_keep() settles that
 * before work() returns.
 */
#ifndef SL_CORE_BLOCKQ_H
#define SL_CORE_BLOCKQ_H

#include <errno.h>
#include <stdlib.h>

#include "streamline/filter.h"

struct sl_blockq {
	struct sl_block **b;		/* a ring; size is a power of two */
	uint32_t head, n, size;
	uint32_t n_kept;
};

static inline struct sl_block *sl_blockq_at(const struct sl_blockq *q, uint32_t i)
{
	return q->b[(q->head + i) & (q->size - 1)];
}

/* -ENOMEM: the block is still the caller's. */
static inline int sl_blockq_put(struct sl_blockq *q, struct sl_block *b)
{
	if (q->n == q->size) {
		uint32_t size = q->size ? q->size * 2 : 2 * SL_BATCH_MAX;
		struct sl_block **to = malloc(size * sizeof(*to));

		if (!to)
			return -ENOMEM;
		for (uint32_t i = 0; i < q->n; i++)
			to[i] = sl_blockq_at(q, i);
		free(q->b);
		q->b = to;
		q->size = size;
		q->head = 0;
	}
	q->b[(q->head + q->n++) & (q->size - 1)] = b;
	return 0;
}

/* The first, which becomes the caller's. The queue is not empty. */
static inline struct sl_block *sl_blockq_take(struct sl_blockq *q)
{
	struct sl_block *b = q->b[q->head];

	q->head = (q->head + 1) & (q->size - 1);
	q->n--;
	if (q->n_kept)
		q->n_kept--;
	return b;
}

/* What is in the queue now stays beyond this call of the filter. */
static inline void sl_blockq_keep(struct sl_filter *f, struct sl_blockq *q)
{
	for (; q->n_kept < q->n; q->n_kept++)
		sl_keep(f, sl_blockq_at(q, q->n_kept));
}

static inline void sl_blockq_done(struct sl_blockq *q)
{
	free(q->b);
	*q = (struct sl_blockq){ 0 };
}

#endif
