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
	uint64_t head;		/* published when last looked: records up to here are to be read */
	const uint8_t *copy;	/* of what lies from pos on */
	uint64_t copied;	/* bytes of it */
	bool live;		/* one of `live` */
};

/*
 * Of the live rings there is something to read; they are merged by time. All that is published
 * is older than what is published later, but for a moment: so what was published is only looked
 * at, on all rings, when one of the live ones has been read as far as was known.
 */
struct sl_klapped {
	const uint8_t *map;
	unsigned int n, n_live;
	unsigned int *live;
	bool dry;		/* one that was live has been read to its end */
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
	l->live = calloc(n ? n : 1, sizeof(*l->live));
	if (!l->live) {
		free(l);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < n; i++) {
		/* where no moment could be found: seq is ahead of pos, see sl_klapped_next() */
		now(l, i, &l->at[i]);
	}
	*out = l;
	return 0;
}

void sl_klapped_free(struct sl_klapped *l)
{
	if (l)
		free(l->live);
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
	at->pos = at->head = to.pos;
	at->copied = 0;
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

/* How much of ring i is to be copied next; 0: nothing is left of what was published. */
static uint64_t wanted(const struct sl_klapped *l, unsigned int i)
{
	uint64_t n = l->at[i].head - l->at[i].pos;

	return n < SL_K_SPARE ? n : SL_K_SPARE;
}

void sl_klapped_copy(struct sl_klapped *l, unsigned int ring, void *to)
{
	struct lap *at = &l->at[ring];
	uint64_t n = wanted(l, ring);

	/* A record may run on behind the ring's end; what begins there is not copied, but in the next turn. */
	memcpy(to, l->map + ring * l->stride + SL_DRING_DATA + (at->pos & (l->size - 1)), n);
	if (at->pos & 7 || !whole(l, ring, at->pos)) {
		jump(l, ring);
		return;
	}
	at->copy = to;
	at->copied = n;
}

/* The next record in the copy of ring i; NULL: it has none (more). */
static const struct sl_dring_rec *front(struct sl_klapped *l, unsigned int i)
{
	struct lap *at = &l->at[i];
	const struct sl_dring_rec *rec = (const struct sl_dring_rec *)at->copy;
	const struct sl_kframe *f;

	if (!at->copied)
		return NULL;
	f = (const struct sl_kframe *)(rec + 1);
	if (at->copied < sizeof(*rec) + sizeof(*f) || (sound(rec, f) && rec->size > at->copied)) {
		/* Cut off by the end of the copy: a new one has all of it. By what was published: no record. */
		if (at->pos + at->copied == at->head)
			jump(l, i);
		at->copied = 0;
		return NULL;
	}
	if (sound(rec, f))
		return rec;
	jump(l, i);
	return NULL;
}

/*
 * What was published? True: something where nothing was left. Those rings come last: nothing that
 * becomes known here is younger than the look at them.
 */
static bool look(struct sl_klapped *l)
{
	unsigned int before = l->n_live;

	l->dry = false;
	for (unsigned int k = 0; k < before; k++)
		l->at[l->live[k]].head = published(l, l->live[k]);
	for (unsigned int i = 0; i < l->n; i++) {
		struct lap *at = &l->at[i];

		if (at->live)
			continue;
		at->head = published(l, i);
		if (at->head == at->pos)
			continue;
		at->live = true;
		l->live[l->n_live++] = i;
	}
	return l->n_live > before;
}

static uint64_t time_of(const struct sl_dring_rec *rec)
{
	return ((const struct sl_kframe *)(rec + 1))->time_ns;
}

/* The live ring whose next record is the oldest: 1, or as sl_klapped_next(). */
static int choose(struct sl_klapped *l, struct sl_klapped_head *out)
{
	const struct sl_dring_rec *rec, *best;

	do {
		best = NULL;
		for (unsigned int k = l->n_live; k-- > 0; ) {
			unsigned int i = l->live[k];

			rec = front(l, i);
			if (!rec && wanted(l, i)) {
				out->ring = i;
				out->size = wanted(l, i);
				return -ENOBUFS;
			}
			if (!rec) {
				l->at[i].live = false;
				l->live[k] = l->live[--l->n_live];
				l->dry = true;
			} else if (!best || time_of(rec) < time_of(best)) {
				best = rec;
				out->ring = i;
			}
		}
	} while ((l->dry || !best) && look(l));
	return best != NULL;
}

int sl_klapped_next(struct sl_klapped *l, struct sl_klapped_head *out)
{
	const struct sl_dring_rec *rec;
	struct lap *at;
	int r = choose(l, out);

	if (r != 1)
		return r;
	at = &l->at[out->ring];
	rec = (const struct sl_dring_rec *)at->copy;
	out->frame = (const struct sl_kframe *)(rec + 1);
	out->n_entries = sl_kframe_entries(out->frame, out->made);
	out->entries = out->frame->flags & SL_K_PLAIN ? out->made : (const struct sl_kentry *)(out->frame + 1);
	out->bytes = (const uint8_t *)(out->frame + 1) + stored_entries(out->frame) * sizeof(*out->entries);
	out->pos = at->pos;
	out->size = rec->size;
	if (rec->seq < at->seq)
		at->seq = rec->seq;	/* the first: see sl_klapped_new() */
	l->missed += rec->seq - at->seq;
	at->seq = rec->seq + 1;
	at->pos += rec->size;
	at->copy += rec->size;
	at->copied -= rec->size;
	/* What is behind the ring's end in the copy is no record's beginning. */
	if ((at->pos ^ out->pos) & ~(l->size - 1))
		at->copied = 0;
	return 1;
}
