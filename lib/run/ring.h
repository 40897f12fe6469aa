/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/ring.h -- index ring: block pointers from one thread to another
 *
 * One writer, one reader, a power of two of entries. Entries carry the block
 * pointer by value; the bytes stay where they are and the hold on them moves
 * along. All atomics of the runtime's rings are in this file.
 *
 *	        tail                head
 *	  .......|###################|..........
 *	  free    published, unread    free, or written but not yet published
 *
 *	who	moves		from		to		how
 *	writer	w_next		head		head + n	plain stores (reserve)
 *	writer	head		old		w_next		release (submit)
 *	reader	r_next		tail		<= head		plain loads (peek)
 *	reader	tail		old		r_next		release (release)
 *
 * Never: head passes tail + size; tail passes head; either moves backwards.
 *
 * Nobody spins. A side that finds nothing to do announces that it sleeps, looks
 * once more, and waits on the other side's word by futex; the other side wakes it
 * after it published, and only when it announced itself.
 */
#ifndef SL_RUN_RING_H
#define SL_RUN_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "streamline/block.h"

/* Zeroed memory on cache lines of its own; free(). */
static inline void *sl_line_alloc(size_t size)
{
	size_t lines = (size + 63) & ~(size_t)63;
	void *p = aligned_alloc(64, lines ? lines : 64);

	return p ? memset(p, 0, lines ? lines : 64) : NULL;
}

enum sl_entry_kind {
	SL_ENTRY_BLOCK,		/* a block for (or from) `stream` */
	SL_ENTRY_TICK,		/* all blocks up to seq were sent; order holds the time */
	SL_ENTRY_END,		/* nothing more follows */
};

struct sl_entry {
	struct sl_block b;
	uint64_t seq, order;
	uint32_t stream;	/* id of the stream that it moves along */
	uint32_t kind;		/* enum sl_entry_kind */
};

struct sl_ring {
	struct sl_entry *entry;
	uint32_t mask;
	_Alignas(64) _Atomic uint32_t head;	/* (w) first entry not yet published */
	uint32_t w_next;			/* (w) first not yet written */
	uint32_t w_tail;			/* (w) tail as last seen */
	_Alignas(64) _Atomic uint32_t tail;	/* (r) first entry not yet released */
	uint32_t r_next;			/* (r) first not yet read */
	uint32_t r_head;			/* (r) head as last seen */
};

/* size: a power of two. 0 or -ENOMEM. */
int sl_ring_init(struct sl_ring *r, uint32_t size);
void sl_ring_done(struct sl_ring *r);

/* An entry to fill in, or NULL when the ring is full. */
static inline struct sl_entry *sl_ring_reserve(struct sl_ring *r)
{
	if (r->w_next - r->w_tail > r->mask) {
		/* acquire: pairs with the release in sl_ring_release() */
		r->w_tail = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (r->w_next - r->w_tail > r->mask)
			return NULL;
	}
	return &r->entry[r->w_next++ & r->mask];
}

/* Publish what was reserved. True when there was something. */
static inline bool sl_ring_submit(struct sl_ring *r)
{
	if (atomic_load_explicit(&r->head, memory_order_relaxed) == r->w_next)
		return false;
	/* release: pairs with the acquire in sl_ring_peek() */
	atomic_store_explicit(&r->head, r->w_next, memory_order_release);
	return true;
}

/* The next entry, or NULL; it stays where it is until sl_ring_release(). */
static inline struct sl_entry *sl_ring_peek(struct sl_ring *r)
{
	if (r->r_next == r->r_head) {
		/* acquire: pairs with the release in sl_ring_submit() */
		r->r_head = atomic_load_explicit(&r->head, memory_order_acquire);
		if (r->r_next == r->r_head)
			return NULL;
	}
	return &r->entry[r->r_next & r->mask];
}

/* Go on to the one behind the entry that was peeked. */
static inline void sl_ring_next(struct sl_ring *r)
{
	r->r_next++;
}

/* Give back the entries that were passed. True when there were some. */
static inline bool sl_ring_release(struct sl_ring *r)
{
	if (atomic_load_explicit(&r->tail, memory_order_relaxed) == r->r_next)
		return false;
	/* release: pairs with the acquire in sl_ring_reserve() */
	atomic_store_explicit(&r->tail, r->r_next, memory_order_release);
	return true;
}

/*
 * A place to sleep, one a thread. The sleeper:
 *
 *	sl_bell_arm(); look once more; sl_bell_sleep() or sl_bell_disarm()
 *
 * and whoever made work for it calls sl_bell_ring() after publishing.
 */
struct sl_bell {
	_Atomic uint32_t word;		/* 1: armed, its thread is going to sleep */
};

void sl_bell_arm(struct sl_bell *b);
void sl_bell_disarm(struct sl_bell *b);
void sl_bell_sleep(struct sl_bell *b);
void sl_bell_ring(struct sl_bell *b);

#endif
