/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/block.c -- where block pointers and blocks' own bytes come from
 *
 * Pointers live in slots, taken from and given back to the pool of the shard that
 * runs, last in first out, so that the ones in use stay in cache. A slot never
 * leaves its shard: rings carry pointers by value.
 *
 * Bytes that a filter makes (sl_block_alloc, sl_writable) lie in counted
 * segments of the shard, each run of bytes behind a count of its own:
 *
 *	chunk  |refs|bytes....|refs|bytes..|            |
 *	            ^ off - head of a block with SL_B_OWNED
 *
 * A block may be written while its count is 1.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

#define CHUNK_SLOTS	512
#define HEAP_CHUNK	(64u << 10)
#define OWN_HEADER	16u

struct own {			/* in front of the bytes of a block with SL_B_OWNED */
	_Atomic uint32_t refs;
};

struct sl_slot *sl_slot_new(struct sl_shard *sh)
{
	struct sl_pool *p = &sh->pool;
	struct sl_slot *s = p->free, *chunk;
	void **more;

	if (s) {
		p->free = s->next;
		return s;
	}
	more = realloc(p->chunks, (p->n_chunks + 1) * sizeof(*more));
	if (!more)
		return NULL;
	p->chunks = more;
	chunk = aligned_alloc(64, CHUNK_SLOTS * sizeof(*chunk));
	if (!chunk)
		return NULL;
	p->chunks[p->n_chunks++] = chunk;
	for (unsigned int i = CHUNK_SLOTS; i-- > 1; ) {
		chunk[i].next = p->free;
		p->free = &chunk[i];
	}
	return &chunk[0];
}

void sl_slot_free(struct sl_shard *sh, struct sl_slot *s)
{
	s->next = sh->pool.free;
	sh->pool.free = s;
}

static struct own *own_of(struct sl_run *r, const struct sl_block *b)
{
	return (struct own *)(r->segs.base[b->seg] + b->off - b->head - OWN_HEADER);
}

void sl_bytes_put(struct sl_run *r, const struct sl_block *b)
{
	if (!b->seg)
		return;
	/* acq_rel: reads by other holders come before the bytes are used again */
	if (b->flags & SL_B_OWNED &&
	    atomic_fetch_sub_explicit(&own_of(r, b)->refs, 1, memory_order_acq_rel) != 1)
		return;
	sl_segs_unref(&r->segs, b->seg);
}

void sl_pool_settle(struct sl_shard *sh)
{
	struct sl_pool *p = &sh->pool;
	uint32_t n = p->let_go;

	p->let_go = 0;
	if (n)
		sl_segs_unref_n(&sh->run->segs, p->let_go_seg, n);
}

/* The usual end of a block: its segment is most often that of the one before. */
static inline void let_go(struct sl_shard *sh, const struct sl_block *b)
{
	struct sl_pool *p = &sh->pool;

	if (!b->seg)
		return;
	if (b->flags & SL_B_OWNED || sh->worker) {
		sl_bytes_put(sh->run, b);
		return;
	}
	if (p->let_go_seg != b->seg) {
		sl_pool_settle(sh);
		p->let_go_seg = b->seg;
	}
	p->let_go++;
}

static void bytes_get(struct sl_run *r, const struct sl_block *b)
{
	if (!b->seg)
		return;
	if (b->flags & SL_B_OWNED)
		atomic_fetch_add_explicit(&own_of(r, b)->refs, 1, memory_order_relaxed);
	else
		sl_segs_ref(&r->segs, b->seg);
}

void sl_block_free(struct sl_shard *sh, struct sl_block *b)
{
	let_go(sh, b);
	sl_slot_free(sh, sl_slot(b));
}

void sl_blocks_free(struct sl_shard *sh, struct sl_block *const *b, unsigned int n)
{
	struct sl_slot *free = sh->pool.free;

	for (unsigned int i = 0; i < n; i++) {
		let_go(sh, b[i]);
		sl_slot(b[i])->next = free;
		free = sl_slot(b[i]);
	}
	sh->pool.free = free;
}

void sl_pool_done(struct sl_shard *sh)
{
	struct sl_pool *p = &sh->pool;

	sl_pool_settle(sh);
	for (unsigned int i = 0; i < p->n_chunks; i++)
		free(p->chunks[i]);
	free(p->chunks);
	if (p->heap_seg)
		sl_segs_unref(&sh->run->segs, p->heap_seg);
	*p = (struct sl_pool){ 0 };
}

struct sl_block *sl_block_new(struct sl_filter *f)
{
	struct sl_inst *i = sl_inst(f);
	struct sl_slot *s = sl_slot_new(f->shard);

	if (!s)
		return NULL;
	s->b = (struct sl_block){ .flags = SL_B_FRESH };
	/* A source's blocks are numbered as they come. */
	s->seq = i->node->n_in ? f->seq : i->run->seq++;
	s->order = i->node->n_in ? f->order : 0;
	if (!i->node->n_in) {
		f->seq = s->seq;
		f->order = 0;
	}
	return &s->b;
}

/* Room for len bytes with a count in front; gives segment and offset. */
static uint8_t *heap_alloc(struct sl_shard *sh, uint32_t len, uint32_t *seg, uint64_t *off)
{
	struct sl_pool *p = &sh->pool;
	struct sl_segs *segs = &sh->run->segs;
	uint32_t need, size;
	int n;

	if (len > INT32_MAX)
		return NULL;
	need = (len + OWN_HEADER + 15) & ~15u;
	size = need > HEAP_CHUNK ? need : HEAP_CHUNK;
	if (!p->heap_seg || p->heap_size - p->heap_used < need) {
		uint8_t *m = malloc(size);

		if (!m)
			return NULL;
		n = sl_segs_add(segs, m, size, false, free, m);
		if (n < 0) {
			free(m);
			return NULL;
		}
		if (p->heap_seg)
			sl_segs_unref(segs, p->heap_seg);
		p->heap_seg = (uint32_t)n;
		p->heap = m;
		p->heap_size = size;
		p->heap_used = 0;
	}
	*seg = p->heap_seg;
	*off = p->heap_used + OWN_HEADER;
	atomic_init(&((struct own *)(p->heap + p->heap_used))->refs, 1);
	sl_segs_ref(segs, *seg);
	p->heap_used += need;
	return p->heap + *off;
}

struct sl_block *sl_block_alloc(struct sl_filter *f, uint32_t len_bytes, uint8_t **data)
{
	struct sl_block *b = sl_block_new(f);
	uint32_t seg;
	uint64_t off;

	if (!b)
		return NULL;
	*data = heap_alloc(f->shard, len_bytes, &seg, &off);
	if (!*data) {
		sl_slot_free(f->shard, sl_slot(b));
		return NULL;
	}
	b->seg = seg;
	b->off = off;
	b->len = b->frame_len = b->wire_len = len_bytes;
	b->flags |= SL_B_OWNED;
	return b;
}

struct sl_block *sl_block_dup(struct sl_filter *f, const struct sl_block *b)
{
	struct sl_slot *s = sl_slot_new(f->shard);
	const struct sl_slot *from = (const struct sl_slot *)b;

	if (!s)
		return NULL;
	bytes_get(f->shard->run, b);
	s->b = *b;
	s->b.flags = (uint16_t)((b->flags & ~SL_B_KEPT) | SL_B_FRESH);
	s->seq = from->seq;
	s->order = from->order;
	return &s->b;
}

/* The frame into bytes of our own; the hold on the old ones is given back. */
static uint8_t *own_copy(struct sl_inst *i, struct sl_block *b)
{
	struct sl_block old = *b;
	uint32_t seg;
	uint64_t off;
	uint8_t *to;

	to = heap_alloc(i->f.shard, b->frame_len, &seg, &off);
	if (!to)
		return NULL;
	memcpy(to, sl_frame(&i->f, b), b->frame_len);
	i->copies++;
	b->seg = seg;
	b->off = off + b->head;
	b->flags |= SL_B_OWNED;
	sl_bytes_put(i->run, &old);
	return to + b->head;
}

void sl_block_unpin(struct sl_inst *i, struct sl_block *b)
{
	struct sl_segs *t = &i->run->segs;

	if (!b->seg || b->flags & SL_B_OWNED || t->seg[b->seg].pinned)
		return;
	if (!t->seg[b->seg].scarce &&
	    (atomic_load_explicit(&t->source_bytes, memory_order_relaxed) < SL_SOURCE_BYTES ||
	     b->frame_len > t->seg[b->seg].len / 4))
		return;
	own_copy(i, b);		/* no memory: it stays where it is */
}

struct sl_block *sl_writable(struct sl_filter *f, struct sl_block *b, uint8_t **data)
{
	struct sl_inst *i = sl_inst(f);

	/* acquire: pairs with the release in sl_bytes_put() of the other holders */
	if (b->flags & SL_B_OWNED &&
	    atomic_load_explicit(&own_of(i->run, b)->refs, memory_order_acquire) == 1) {
		*data = i->run->segs.base[b->seg] + b->off;
		return b;
	}
	*data = own_copy(i, b);
	if (!*data) {
		sl_lose(f, b, "out of memory");
		return NULL;
	}
	return b;
}
