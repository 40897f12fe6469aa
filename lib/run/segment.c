/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/segment.c -- the segment table
 *
 * A number for each piece of memory that holds blocks. The table of addresses is
 * reserved once and never moves, so reading base[seg] needs no lock: a thread
 * learns of a number only together with a block, through a ring or a call, and
 * the entry was written before that. Number 0 is no segment.
 *
 * A counted segment is dropped when its last user lets go; whoever made it is its
 * first user. A pinned one lives until the table goes.
 */
#include <errno.h>
#include <sys/mman.h>

#include "run/run.h"

static void *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int sl_segs_init(struct sl_segs *t)
{
	*t = (struct sl_segs){ .hint = 1 };
	pthread_mutex_init(&t->lock, NULL);
	t->base = reserve(SL_SEGS * sizeof(*t->base));
	t->seg = reserve(SL_SEGS * sizeof(*t->seg));
	if (t->base && t->seg)
		return 0;
	sl_segs_done(t);
	return -ENOMEM;
}

void sl_segs_done(struct sl_segs *t)
{
	if (t->seg) {
		for (unsigned int i = 1; i < SL_SEGS && t->n_used; i++) {
			if (!t->seg[i].used)
				continue;
			t->n_used--;
			if (t->seg[i].drop)
				t->seg[i].drop(t->seg[i].arg);
		}
		munmap(t->seg, SL_SEGS * sizeof(*t->seg));
	}
	if (t->base)
		munmap(t->base, SL_SEGS * sizeof(*t->base));
	t->seg = NULL;
	t->base = NULL;
	pthread_mutex_destroy(&t->lock);
}

int sl_segs_add(struct sl_segs *t, void *base, size_t len, bool pinned, void (*drop)(void *), void *arg)
{
	uint32_t i;

	pthread_mutex_lock(&t->lock);
	if (t->n_used == SL_SEGS - 1) {
		pthread_mutex_unlock(&t->lock);
		return -ENOSPC;
	}
	for (i = t->hint; t->seg[i].used || !i; )
		i = (i + 1) % SL_SEGS;
	t->hint = (i + 1) % SL_SEGS;
	t->n_used++;
	t->seg[i].used = true;
	t->seg[i].pinned = pinned;
	t->seg[i].scarce = false;
	t->seg[i].len = len;
	t->seg[i].drop = drop;
	t->seg[i].arg = arg;
	atomic_store_explicit(&t->seg[i].refs, 1, memory_order_relaxed);
	t->base[i] = base;
	pthread_mutex_unlock(&t->lock);
	return (int)i;
}

void sl_segs_unref(struct sl_segs *t, unsigned int seg)
{
	sl_segs_unref_n(t, seg, 1);
}

void sl_segs_unref_n(struct sl_segs *t, unsigned int seg, uint32_t n)
{
	struct sl_seg *s = &t->seg[seg];
	void (*drop)(void *);
	void *arg;

	if (s->pinned)
		return;
	/* acq_rel: what others read from the segment happened before it goes */
	if (atomic_fetch_sub_explicit(&s->refs, n, memory_order_acq_rel) != n)
		return;
	pthread_mutex_lock(&t->lock);
	drop = s->drop;
	arg = s->arg;
	if (s->source)
		atomic_fetch_sub_explicit(&t->source_bytes, s->len, memory_order_relaxed);
	s->source = false;
	t->base[seg] = NULL;
	s->used = false;
	t->n_used--;
	pthread_mutex_unlock(&t->lock);
	if (drop)
		drop(arg);
}

int sl_segment_new(struct sl_filter *f, void *base, size_t len_bytes, bool pinned,
		   void (*drop)(void *arg), void *arg)
{
	struct sl_segs *t = &sl_inst(f)->run->segs;
	int n = sl_segs_add(t, base, len_bytes, pinned, drop, arg);

	if (n > 0 && !pinned) {
		t->seg[n].source = true;
		atomic_fetch_add_explicit(&t->source_bytes, len_bytes, memory_order_relaxed);
	}
	return n;
}

void sl_segment_scarce(struct sl_filter *f, int seg)
{
	sl_inst(f)->run->segs.seg[seg].scarce = true;
}

void sl_segment_get(struct sl_filter *f, int seg)
{
	if (seg > 0)
		sl_segs_ref(&sl_inst(f)->run->segs, (unsigned int)seg);
}

void sl_segment_lend(struct sl_filter *f, int seg, uint32_t n)
{
	atomic_fetch_add_explicit(&sl_inst(f)->run->segs.seg[seg].refs, n, memory_order_relaxed);
}

void sl_segment_return(struct sl_filter *f, int seg, uint32_t n)
{
	sl_segs_unref_n(&sl_inst(f)->run->segs, (unsigned int)seg, n);
}

void sl_segment_put(struct sl_filter *f, int seg)
{
	if (seg > 0)
		sl_segs_unref(&sl_inst(f)->run->segs, (unsigned int)seg);
}
