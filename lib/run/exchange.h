/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/exchange.h -- blocks between a run and the program that steps it
 *
 * (feed) and (take) have a queue as their state. The program's side of it is
 * called by sl_feed() and sl_take(), the run's side by the two filters, all in the thread
 * that steps the run; so there is no lock.
 *
 *	sl_exchange_put() -> items -> feed's pull() -> blocks
 *	blocks -> take's work() -> kept -> sl_exchange_take(), _done()
 *
 * An item's drop(arg) is called exactly once: when the last block that shows its
 * bytes is gone, or at the end when it never became one.
 */
#ifndef SL_RUN_EXCHANGE_H
#define SL_RUN_EXCHANGE_H

#include "streamline/filter.h"

struct sl_exchange_item;
struct sl_exchange_lent;

struct sl_exchange {
	uint64_t limit;			/* take: blocks; 0: no bound */
	/* feed: what was put and not yet fetched; a ring */
	struct sl_exchange_item *items;
	struct sl_exchange_lent *lent_out;	/* how many are shown in place */
	/* take: what came and was not yet taken; a ring of kept blocks */
	struct sl_block **blocks;
	uint32_t head, n, size;
	bool ended;			/* feed: no more will be put */
	bool lent;			/* take: the program looks at blocks[head] */
	struct sl_count fed, taken, waiting;
};

/* The queue of a (feed) or (take). */
static inline struct sl_exchange *sl_exchange_of(const struct sl_filter *f)
{
	return sl_state(f);
}

/*
 * Program to run: as sl_feed(). 0; -EPIPE after the end; -EMSGSIZE beyond 4 GiB;
 * -ENOMEM. On failure drop() is not called and the bytes stay the caller's.
 */
int sl_exchange_put(struct sl_exchange *x, const void *data, size_t len_bytes,
		    const struct sl_block *meta, void (*drop)(void *arg), void *arg);
/* pull() says SL_EOF when all was fetched. */
void sl_exchange_end(struct sl_exchange *x);

/*
 * Run to program: as sl_take(); f is the (take) instance. A block that is still lent is
 * given back first. 1, or 0 when there is none. Works also after the run ended.
 */
int sl_exchange_take(struct sl_filter *f, const struct sl_block **b, const uint8_t **data);
void sl_exchange_take_done(struct sl_filter *f);

#endif
