/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/rx-gulp.c -- see rx-gulp.h
 *
 *	piece  |---- copy ----|-- copy --|------ room ------|
 *	                                  ^ used
 *
 * A ring's copy may be read on while another one is copied into the next piece: so each ring holds
 * on to the piece that its copy lies in, and so does the gulp to the one that it fills.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "rx-gulp.h"

#define PIECE	(256u << 10)	/* several copies' worth, and a few of them fit into a cache */
#define PIECES	64u		/* that are used again; when all are in use, others come and go */
#define LENT	(1u << 24)	/* more than the blocks of a piece */

struct piece {
	struct store *of;		/* NULL: freed after use */
	uint8_t *bytes;
	int seg;
	uint32_t lent;			/* holds that no block has been given yet */
	unsigned int held;		/* by rings, and by the gulp */
	_Atomic bool free;
};

/* What is told of blocks that are gone; a block may outlive the source. */
struct store {
	_Atomic uint32_t refs;		/* segments, and one for the gulp */
	struct piece piece[PIECES];
};

struct rx_gulp {
	struct sl_klapped *rings;
	struct store *store;
	struct piece *fill;		/* the one with room */
	size_t used;
	struct piece **of_ring;		/* in which the ring's copy lies */
	unsigned int n;
};

static void store_put(struct store *st)
{
	/* acq_rel: whoever is last frees what the others are done with */
	if (!st || atomic_fetch_sub_explicit(&st->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned int i = 0; i < PIECES; i++)
		free(st->piece[i].bytes);
	free(st);
}

static void piece_drop(void *arg)
{
	struct piece *p = arg;
	struct store *of = p->of;

	if (!of) {
		free(p->bytes);
		free(p);
		return;
	}
	/* release: pairs with the acquire in piece_find(); what read the bytes is done */
	atomic_store_explicit(&p->free, true, memory_order_release);
	store_put(of);
}

/* One that nobody uses, with memory. */
static struct piece *piece_find(struct store *st)
{
	struct piece *p = NULL;

	for (unsigned int i = 0; !p && i < PIECES; i++)
		if (atomic_load_explicit(&st->piece[i].free, memory_order_acquire))
			p = &st->piece[i];
	if (!p)
		p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	if (!p->bytes)
		p->bytes = aligned_alloc(64, PIECE);
	if (p->bytes)
		return p;
	if (!p->of)
		free(p);
	return NULL;
}

static struct piece *piece_new(struct sl_filter *f, struct store *st)
{
	struct piece *p = piece_find(st);
	int seg;

	if (!p)
		return NULL;
	seg = sl_segment_new(f, p->bytes, PIECE, false, piece_drop, p);
	if (seg < 0) {
		if (!p->of)
			piece_drop(p);
		return NULL;
	}
	if (p->of) {
		atomic_store_explicit(&p->free, false, memory_order_relaxed);
		atomic_fetch_add_explicit(&st->refs, 1, memory_order_relaxed);
	}
	p->seg = seg;
	p->lent = LENT;
	p->held = 0;
	sl_segment_lend(f, seg, LENT);
	return p;
}

static void hold(struct sl_filter *f, struct piece **at, struct piece *p)
{
	struct piece *old = *at;

	if (p)
		p->held++;
	*at = p;
	if (old && --old->held == 0)
		sl_segment_return(f, old->seg, old->lent + 1);
}

int rx_gulp_new(const uint8_t *map, unsigned int n, uint64_t stride, uint64_t size, struct rx_gulp **out)
{
	struct rx_gulp *g = calloc(1, sizeof(*g));
	int r = -ENOMEM;

	if (!g)
		return r;
	g->n = n;
	g->store = calloc(1, sizeof(*g->store));
	g->of_ring = calloc(n, sizeof(*g->of_ring));
	if (g->store && g->of_ring)
		r = sl_klapped_new(map, n, stride, size, &g->rings);
	if (r < 0) {
		free(g->store);
		free(g->of_ring);
		free(g);
		return r;
	}
	g->store->refs = 1;
	for (unsigned int i = 0; i < PIECES; i++) {
		g->store->piece[i].of = g->store;
		g->store->piece[i].free = true;
	}
	*out = g;
	return 0;
}

void rx_gulp_free(struct sl_filter *f, struct rx_gulp *g)
{
	if (!g)
		return;
	for (unsigned int i = 0; i < g->n; i++)
		hold(f, &g->of_ring[i], NULL);
	hold(f, &g->fill, NULL);
	store_put(g->store);
	sl_klapped_free(g->rings);
	free(g->of_ring);
	free(g);
}

static int copy(struct sl_filter *f, struct rx_gulp *g, unsigned int ring, size_t n)
{
	struct piece *p;

	if (!g->fill || PIECE - g->used < n) {
		p = piece_new(f, g->store);
		if (!p)
			return -ENOMEM;
		hold(f, &g->fill, p);
		g->used = 0;
	}
	hold(f, &g->of_ring[ring], g->fill);
	sl_klapped_copy(g->rings, ring, g->fill->bytes + g->used);
	g->used = (g->used + n + 63) & ~(size_t)63;
	return 0;
}

int rx_gulp_next(struct sl_filter *f, struct rx_gulp *g, struct sl_klapped_head *h)
{
	int r;

	while ((r = sl_klapped_next(g->rings, h)) == -ENOBUFS) {
		r = copy(f, g, h->ring, h->size);
		if (r < 0)
			return r;
	}
	return r;
}

struct sl_block *rx_gulp_block(struct sl_filter *f, struct rx_gulp *g, const struct sl_klapped_head *h)
{
	struct piece *p = g->of_ring[h->ring];
	struct sl_block *b = sl_block_new(f);

	if (!b)
		return NULL;
	p->lent--;
	b->seg = (uint16_t)p->seg;
	b->off = (uint64_t)(h->bytes - p->bytes);
	b->len = b->frame_len = b->wire_len = h->frame->stored;
	return b;
}

bool rx_gulp_ready(struct rx_gulp *g)
{
	return sl_klapped_ready(g->rings);
}

uint64_t rx_gulp_missed(const struct rx_gulp *g)
{
	return sl_klapped_missed(g->rings);
}
