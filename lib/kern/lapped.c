/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kern/lapped.c -- see lapped.h */
#include "kern/lapped.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kern/part_int.h"
#include "ring/layout.h"

struct lap {
	uint64_t pos;		/* read up to */
	uint64_t seq;		/* number that the next record should have */
};

struct sl_klapped {
	const uint8_t *map;
	unsigned int n;
	uint64_t stride, size, missed;
	struct lap at[];
};

static const struct sl_dring_head *head_of(const struct sl_klapped *l, unsigned int i)
{
	return (const struct sl_dring_head *)(l->map + i * l->stride);
}

static uint64_t published(const struct sl_klapped *l, unsigned int i)
{
	/* acquire: pairs with the publication of head, after the bytes */
	return __atomic_load_n(&head_of(l, i)->head, __ATOMIC_ACQUIRE);
}

/*
 * Where the ring is, and the number of the record that will lie there. One in a commit
 * has moved claim before the number: where claim is still at head the two belong together.
 */
static bool now(const struct sl_klapped *l, unsigned int i, struct lap *at)
{
	const struct sl_dring_head *h = head_of(l, i);

	for (int tries = 0; tries < 100; tries++) {
		at->pos = published(l, i);
		at->seq = __atomic_load_n(&h->seq, __ATOMIC_ACQUIRE);
		if (__atomic_load_n(&h->claim, __ATOMIC_RELAXED) == at->pos)
			return true;
	}
	return false;
}

/* Was what lies from pos on whole all the time until now? */
static bool whole(const struct sl_klapped *l, unsigned int i, uint64_t pos)
{
	/* load-load fence: the bytes were read before claim is */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&head_of(l, i)->claim, __ATOMIC_RELAXED) - pos <= l->size;
}

int sl_klapped_new(const uint8_t *map, unsigned int n, uint64_t stride, uint64_t size,
		   struct sl_klapped **out)
{
	struct sl_klapped *l = calloc(1, sizeof(*l) + n * sizeof(l->at[0]));

	if (!l)
		return -ENOMEM;
	*l = (struct sl_klapped){ .map = map, .n = n, .stride = stride, .size = size };
	for (unsigned int i = 0; i < n; i++) {
		/* where no moment could be found: seq is ahead of pos, see sl_klapped_next() */
		now(l, i, &l->at[i]);
	}
	*out = l;
	return 0;
}

void sl_klapped_free(struct sl_klapped *l)
{
	free(l);
}

uint64_t sl_klapped_missed(const struct sl_klapped *l)
{
	return l->missed;
}

bool sl_klapped_ready(struct sl_klapped *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		if (published(l, i) != l->at[i].pos)
			return true;
	return false;
}

/* Overtaken: on with the newest. How many that leaves out is known now, else by the next. */
static void jump(struct sl_klapped *l, unsigned int i)
{
	struct lap *at = &l->at[i], to = *at;

	if (now(l, i, &to)) {
		l->missed += to.seq - at->seq;
		at->seq = to.seq;
	}
	at->pos = to.pos;
}

/* Entries that follow the frame's header in the ring. */
static unsigned int stored_entries(const struct sl_kframe *f)
{
	return f->flags & SL_K_PLAIN ? 0 : f->n_entries;
}

/* Is it a record? Whoever writes the ring is trusted no more than that. */
static bool sound(const struct sl_dring_rec *rec, const struct sl_kframe *f)
{
	unsigned int n = stored_entries(f);
	uint64_t need = sizeof(*rec) + sizeof(*f) + n * sizeof(struct sl_kentry) + (uint64_t)f->stored;

	return n <= SL_K_ENTRIES && need <= rec->size && rec->size <= SL_K_SPARE && !(rec->size & 7);
}

/* The header of the next record of ring i. 1, or 0: nothing there. */
static int look(struct sl_klapped *l, unsigned int i, struct sl_klapped_head *h, uint64_t *seq)
{
	const uint8_t *at = l->map + i * l->stride + SL_DRING_DATA + (l->at[i].pos & (l->size - 1));
	struct sl_dring_rec rec;

	if (published(l, i) == l->at[i].pos)
		return 0;
	memcpy(&rec, at, sizeof(rec));
	memcpy(&h->frame, at + sizeof(rec), sizeof(h->frame));
	if (!whole(l, i, l->at[i].pos) || !sound(&rec, &h->frame)) {
		jump(l, i);
		return 0;
	}
	h->ring = i;
	h->pos = l->at[i].pos;
	h->size = rec.size;
	h->bytes = at + sizeof(rec) + sizeof(h->frame) + stored_entries(&h->frame) * sizeof(h->entries[0]);
	*seq = rec.seq;
	return 1;
}

int sl_klapped_next(struct sl_klapped *l, struct sl_klapped_head *out)
{
	struct sl_klapped_head h;
	bool any = false;
	uint64_t seq, best_seq = 0;
	struct lap *at;

	for (unsigned int i = 0; i < l->n; i++) {
		if (!look(l, i, &h, &seq) || (any && out->frame.time_ns <= h.frame.time_ns))
			continue;
		out->frame = h.frame;
		out->ring = h.ring;
		out->pos = h.pos;
		out->size = h.size;
		out->bytes = h.bytes;
		best_seq = seq;
		any = true;
	}
	if (!any)
		return 0;
	out->n_entries = sl_kframe_entries(&out->frame, out->entries);
	memcpy(out->entries, out->bytes - stored_entries(&out->frame) * sizeof(out->entries[0]),
	       stored_entries(&out->frame) * sizeof(out->entries[0]));
	at = &l->at[out->ring];
	if (!whole(l, out->ring, out->pos)) {
		jump(l, out->ring);
		return 0;
	}
	if (best_seq < at->seq)
		at->seq = best_seq;	/* the first: see sl_klapped_new() */
	l->missed += best_seq - at->seq;
	at->seq = best_seq + 1;
	at->pos += out->size;
	return 1;
}

bool sl_klapped_take(struct sl_klapped *l, const struct sl_klapped_head *h, void *to, uint32_t n)
{
	memcpy(to, h->bytes, n);
	if (whole(l, h->ring, h->pos))
		return true;
	l->missed++;
	jump(l, h->ring);
	return false;
}
