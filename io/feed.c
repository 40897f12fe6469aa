/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * feed -- packets from the program that uses the library
 *
 *	(feed)
 *	(input: feed) > (tcp) > (output: take)
 *
 * in   none: the program calls sl_feed()
 * out  packets
 * read fed, waiting
 *
 * Useful to programs alone; the command has nothing to feed. A block is the
 * program's memory itself, not a copy, when it says by a callback when it may
 * have it back. The stream ends with sl_feed_end().
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run/exchange.h"

#define LINK_ETHERNET	1
#define LENT_MAX	32768u	/* blocks shown in place: half the table of segments */

/*
 * What is shown in place is a segment each. So that the table always has room for
 * others, they are counted, and beyond a bound bytes are copied. The count lives as
 * long as the last of them: it may outlive the filter.
 */
struct sl_exchange_lent {
	_Atomic uint32_t n;	/* segments, and one for the filter */
};

struct lent {
	struct sl_exchange_lent *of;
	void (*drop)(void *arg);
	void *arg;
};

struct sl_exchange_item {
	const void *data;
	uint32_t len;
	bool copied;		/* data is a copy of ours */
	void (*drop)(void *arg);
	void *arg;
	struct sl_block meta;
};

static const struct sl_value feed_values[] = {
	SL_COUNT(struct sl_exchange, fed, .help = "blocks that the program gave"),
	SL_COUNT(struct sl_exchange, waiting, .help = "of them, not yet fetched"),
	{ }
};

static int items_grow(struct sl_exchange *x)
{
	uint32_t size = x->size ? x->size * 2 : 64;
	struct sl_exchange_item *to = calloc(size, sizeof(*to));

	if (!to)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->n; i++)
		to[i] = x->items[(x->head + i) % x->size];
	free(x->items);
	x->items = to;
	x->size = size;
	x->head = 0;
	return 0;
}

static void set_meta(struct sl_block *to, const struct sl_block *meta, uint32_t len)
{
	struct timespec now;

	*to = (struct sl_block){ .link = LINK_ETHERNET, .wire_len = len };
	if (!meta) {
		clock_gettime(CLOCK_REALTIME, &now);
		to->time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
		to->flags = SL_B_NANO;
		return;
	}
	/* What must fit the bytes (offsets of headers) is found again. */
	to->time_ns = meta->time_ns;
	to->class = meta->class;
	to->link = meta->link;
	to->iface = meta->iface;
	to->flags = meta->flags & (SL_B_NANO | SL_B_OUT | SL_B_IN);
	if (meta->wire_len > len)
		to->wire_len = meta->wire_len;
}

int sl_exchange_put(struct sl_exchange *x, const void *data, size_t len_bytes,
		    const struct sl_block *meta, void (*drop)(void *arg), void *arg)
{
	struct sl_exchange_item it = { .data = data, .drop = drop, .arg = arg };

	if (x->ended)
		return -EPIPE;
	if (len_bytes > INT32_MAX)
		return -EMSGSIZE;
	if (x->n == x->size && items_grow(x) < 0)
		return -ENOMEM;
	it.len = (uint32_t)len_bytes;
	if (!drop) {
		it.copied = true;
		it.data = malloc(len_bytes ? len_bytes : 1);
		if (!it.data)
			return -ENOMEM;
		if (len_bytes)
			memcpy((void *)it.data, data, len_bytes);
	}
	set_meta(&it.meta, meta, it.len);
	x->items[(x->head + x->n++) % x->size] = it;
	x->waiting.n = x->n;
	return 0;
}

void sl_exchange_end(struct sl_exchange *x)
{
	x->ended = true;
}

static void item_drop(struct sl_exchange_item *it)
{
	if (it->copied)
		free((void *)it->data);
	else if (it->drop)
		it->drop(it->arg);
}

static void lent_put(struct sl_exchange_lent *l)
{
	/* acq_rel: whoever is last frees it after all others are done with it */
	if (l && atomic_fetch_sub_explicit(&l->n, 1, memory_order_acq_rel) == 1)
		free(l);
}

static void lent_drop(void *arg)
{
	struct lent *l = arg;

	l->drop(l->arg);
	lent_put(l->of);
	free(l);
}

/* A segment for the item's bytes where they lie, or a negative errno. */
static int item_segment(struct sl_filter *f, struct sl_exchange *x, struct sl_exchange_item *it)
{
	struct lent *l;
	int seg;

	if (!x->lent_out) {
		x->lent_out = malloc(sizeof(*x->lent_out));
		if (!x->lent_out)
			return -ENOMEM;
		atomic_init(&x->lent_out->n, 1);
	}
	if (atomic_load_explicit(&x->lent_out->n, memory_order_relaxed) > LENT_MAX)
		return -ENOSPC;
	l = malloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct lent){ .of = x->lent_out, .drop = it->drop, .arg = it->arg };
	atomic_fetch_add_explicit(&x->lent_out->n, 1, memory_order_relaxed);
	seg = sl_segment_new(f, (void *)it->data, it->len, false, lent_drop, l);
	if (seg < 0) {
		lent_put(l->of);
		free(l);
	}
	return seg;
}

/* A block that shows the item's bytes: in place, or copied where they are ours
 * already or too many are in place. */
static struct sl_block *item_block(struct sl_filter *f, struct sl_exchange *x, struct sl_exchange_item *it)
{
	int seg = it->copied ? -1 : item_segment(f, x, it);
	struct sl_block *b;
	uint8_t *to;

	if (seg < 0) {
		b = sl_block_alloc(f, it->len, &to);
		if (b && it->len)
			memcpy(to, it->data, it->len);
		item_drop(it);
		return b;
	}
	b = sl_block_new(f);
	if (b) {
		sl_segment_get(f, seg);
		b->seg = (uint16_t)seg;
		b->len = b->frame_len = it->len;
	}
	sl_segment_put(f, seg);
	return b;
}

static int feed_pull(struct sl_filter *f, unsigned int max)
{
	struct sl_exchange *x = sl_state(f);
	unsigned int n;

	for (n = 0; n < max && x->n; n++) {
		struct sl_exchange_item *it = &x->items[x->head];
		struct sl_block *b = item_block(f, x, it);

		x->head = (x->head + 1) % x->size;
		x->n--;
		sl_count(&x->fed);
		if (!b) {
			sl_lost_bytes(f, 1, it->len, "out of memory");
			continue;
		}
		b->time_ns = it->meta.time_ns;
		b->class = it->meta.class;
		b->link = it->meta.link;
		b->iface = it->meta.iface;
		b->wire_len = it->meta.wire_len;
		b->flags |= it->meta.flags;
		sl_emit(f, 0, b);
	}
	x->waiting.n = x->n;
	return n ? (int)n : x->ended ? SL_EOF : 0;
}

/* A run that is stopped fetches nothing more. */
static int feed_flush(struct sl_filter *f)
{
	struct sl_exchange *x = sl_state(f);

	for (x->ended = true; x->n; x->n--) {
		struct sl_exchange_item *it = &x->items[x->head];

		sl_lost_bytes(f, 1, it->len, "stopped");
		item_drop(it);
		x->head = (x->head + 1) % x->size;
	}
	x->waiting.n = 0;
	return 0;
}

static void feed_close(struct sl_filter *f)
{
	struct sl_exchange *x = sl_state(f);

	for (; x->n; x->n--) {
		item_drop(&x->items[x->head]);
		x->head = (x->head + 1) % x->size;
	}
	free(x->items);
	x->items = NULL;
	x->size = 0;
	lent_put(x->lent_out);
	x->lent_out = NULL;
}

static const char *const feed_examples[] = {
	"(feed) > (tcp) -80-> (count)",
	"(input: feed) > (tcp) -443-> (output: take)",
	NULL
};

const struct sl_filter_type sl_feed_type = {
	.name	  = "feed",
	.brief	  = "packets from the program that uses the library",
	.group	  = "source",
	.state	  = sizeof(struct sl_exchange),
	.flags	  = SL_F_EXCHANGE,
	.values	  = feed_values,
	.out	  = SL_PACKET,
	.pull	  = feed_pull,
	.flush	  = feed_flush,
	.close	  = feed_close,
	.examples = feed_examples,
	.see_also = "take",
};
