/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/pcapout-way.c -- packets on their way to files
 *
 * Small packets become records at once: header and frame are copied into a chunk of
 * memory, and the block is let go. What goes to one file without a break is one item in the
 * writer's ring, however many packets it has. Larger ones stay where they are: each is an
 * item of its own, with the parked block, and only what goes around its frame is in the chunk.
 *
 *	chunk	|r|r|r|r|r|r|h|h|r|r|r|      |v|v|v|v|v|v|v|v|v|
 *	         <- item 1 -> 2 3 <-4-> ^at   ^views      <- 1 ->
 *
 * From the end, for each record, stands how many bytes of its packet were in view: the
 * ledger counts them, and only the record does not tell. It is read when a write failed.
 *
 * Items come free in the order of their making, so chunks do too. In line nothing is under
 * way after a batch, and the next one begins at the start of the same chunk, which stays
 * in cache; beside the pipeline as many are taken as the writer is behind, the one that
 * came free last before any other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/human.h"
#include "pcapout.h"

#define COPY		512u	/* larger frames are not copied */
#define AHEAD		8u	/* packets whose bytes are asked for early */
#define ROOM		(SL_CAPFILE_BEFORE + SL_CAPFILE_AROUND + COPY + sizeof(uint32_t))

/* In the writer's thread, where there is one: items of one file, as many as go at once. */
static uint32_t write_items(void *arg, uint32_t from, uint32_t to)
{
	struct pcapout *s = arg;
	struct pcapout_file *o = s->item[from % PCAPOUT_ITEMS].out;
	uint32_t first = from;

	for (; from != to; from++) {
		struct pcapout_item *it = &s->item[from % PCAPOUT_ITEMS];

		if (it->out != o)
			break;
		if (o->file.error)
			it->part.error = o->file.error;
		else if (!sl_capfile_add(&o->file, s->batch, &it->part))
			break;
	}
	return s->batch->n ? first + sl_capfile_flush(&o->file, s->batch) : from;
}

static struct pcapout_chunk *chunk_new(struct pcapout *s)
{
	struct pcapout_chunk *c = s->spare;

	if (c) {
		s->spare = c->next;
	} else if (s->n_chunks <= PCAPOUT_BYTES / PCAPOUT_CHUNK) {
		c = aligned_alloc(64, sizeof(*c));
		if (!c)
			return NULL;
		s->n_chunks++;
		c->items = 0;
	}
	return c;
}

/* The chunk to be filled, from its start. */
static void fill(struct pcapout *s, struct pcapout_chunk *c)
{
	s->chunk = c;
	s->at = c->bytes;
	s->views = (uint32_t *)(void *)(c->bytes + PCAPOUT_CHUNK);
}

int sl_pcapout_way_init(struct pcapout *s)
{
	struct pcapout_chunk *c;

	sl_writer_init(&s->writer, write_items, s);
	s->batch = malloc(sizeof(*s->batch));
	s->item = aligned_alloc(64, PCAPOUT_ITEMS * sizeof(*s->item));
	c = chunk_new(s);
	if (c)
		fill(s, c);
	if (!s->batch || !s->item || !c)
		return -ENOMEM;
	sl_capfile_drop(s->batch);
	return 0;
}

void sl_pcapout_way_done(struct pcapout *s)
{
	struct pcapout_chunk *c;

	sl_writer_done(&s->writer);
	while ((c = s->spare)) {
		s->spare = c->next;
		free(c);
	}
	free(s->chunk);
	free(s->item);
	free(s->batch);
}

/* Words for a failed write: what the file holds now. */
static int report(struct sl_filter *f, const struct pcapout_file *o, int error)
{
	const struct sl_capfile *c = &o->file;
	struct pcapout *s = sl_state(f);
	const char *name = strcmp(c->to.path, "-") ? c->to.path : "standard output";
	char human[SL_HUMAN], holds[128] = "no packet was saved there";

	if (error == -EPIPE) {
		/* Whoever was to read it has seen enough. */
		s->finished = true;
		sl_finished(f);
		return 0;
	}
	if (c->packets)
		snprintf(holds, sizeof(holds), "it holds the first %llu packet%s, %s", (unsigned long long)c->packets,
			 c->packets == 1 ? "" : "s", sl_human_bytes(c->size, human));
	if (sl_target_full(error))
		return sl_fail(f, "E207", "no room for more in %s (%s): %s", name, sl_target_why(error), holds);
	return sl_fail(f, "E206", "writing %s failed (%s): %s", name, sl_target_why(error), holds);
}

void sl_pcapout_failed(struct sl_filter *f, struct pcapout_file *o, int error)
{
	struct pcapout *s = sl_state(f);
	int r;

	o->error = error;
	r = report(f, o, error);
	s->failure = s->failure ? s->failure : r;
}

/* Nothing is added to the last item any more. */
static void shut(struct pcapout *s)
{
	struct pcapout_item *it = s->flat;

	if (!it)
		return;
	it->part.made_len = (uint32_t)(s->at - it->part.made);
	it->bytes = it->part.made_len;
	s->item_bytes += it->bytes;
	s->pushed_bytes += it->bytes;
	s->flat = NULL;
}

/* What became of an item is counted, and what it held is let go. */
static void reap(struct sl_filter *f, struct pcapout_item *it)
{
	struct pcapout *s = sl_state(f);
	const struct sl_capfile_part *p = &it->part;
	uint64_t view = it->view, lost = 0;

	s->packets.n += p->good;
	s->bytes.n += p->good_bytes;
	if (p->frame && p->good) {
		sl_park_done(f, &it->b);
	} else if (p->frame) {
		sl_park_lose(f, &it->b, sl_target_loss(p->error));
	} else {
		for (uint32_t i = p->good; i < p->packets; i++)
			lost += it->views[-1 - (int64_t)i];
		sl_absorb_done(f, p->good, view - lost);
		if (p->good < p->packets)
			sl_absorb_lose(f, p->packets - p->good, lost, sl_target_loss(p->error));
	}
	it->out->under_way--;
	s->item_bytes -= it->bytes;
	if (!--it->chunk->items && it->chunk != s->chunk) {
		it->chunk->next = s->spare;
		s->spare = it->chunk;
	}
}

void sl_pcapout_settle(struct sl_filter *f, bool all)
{
	struct pcapout *s = sl_state(f);
	struct sl_writer *w = &s->writer;

	shut(s);
	if (s->n_copied)
		sl_absorb(f, s->copied, s->n_copied);
	s->n_copied = 0;
	s->all_bytes += s->pushed_bytes;
	sl_writer_push(w, s->pushed_bytes);
	s->pushed_bytes = 0;
	if (all)
		sl_writer_wait(w, true);
	for (; w->reaped != w->seen; w->reaped++) {
		struct pcapout_item *it = &s->item[w->reaped % PCAPOUT_ITEMS];

		reap(f, it);
		if (it->part.error && !it->out->error)
			sl_pcapout_failed(f, it->out, it->part.error);
	}
	if (!s->chunk->items)
		fill(s, s->chunk);
}

static bool has_room(const struct pcapout *s)
{
	return (size_t)((const uint8_t *)s->views - s->at) >= ROOM;
}

static bool is_full(const struct pcapout *s)
{
	return s->writer.next - s->writer.reaped == PCAPOUT_ITEMS || s->item_bytes >= PCAPOUT_BYTES;
}

/* Room for one more item, and in the chunk for what goes with it. */
static void make_room(struct sl_filter *f)
{
	struct pcapout *s = sl_state(f);
	struct pcapout_chunk *c;

	shut(s);
	if (is_full(s))
		sl_pcapout_settle(f, false);
	while (is_full(s)) {
		sl_writer_wait(&s->writer, false);
		sl_pcapout_settle(f, false);
	}
	if (has_room(s))
		return;
	sl_pcapout_settle(f, false);		/* in line that gives the whole chunk back */
	while (!has_room(s)) {
		c = chunk_new(s);
		if (c) {
			fill(s, c);		/* the other one comes back by itself: it has items */
			return;
		}
		sl_writer_wait(&s->writer, false);
		sl_pcapout_settle(f, false);
	}
}

static struct pcapout_item *add(struct pcapout *s, struct pcapout_file *o)
{
	struct pcapout_item *it = &s->item[s->writer.next++ % PCAPOUT_ITEMS];

	it->part = (struct sl_capfile_part){ .made = s->at };
	it->out = o;
	it->chunk = s->chunk;
	it->view = 0;
	it->views = s->views;
	s->chunk->items++;
	o->under_way++;
	return it;
}

/*
 * The item that this packet's record goes to, begun if there is none, and all in it that
 * the file needs before. 0 or a negative errno: it takes none.
 */
static int begin(struct sl_filter *f, struct pcapout_file *o, const struct sl_block *b, bool nano)
{
	struct pcapout *s = sl_state(f);
	uint32_t begins;
	int r;

	if (!s->flat || s->flat->out != o || !has_room(s)) {
		make_room(f);
		if (o->error)
			return o->error;
		s->flat = add(s, o);
	}
	if (sl_capfile_ready(&o->file, b, nano))
		return 0;
	r = sl_capfile_before(&o->file, b, nano, s->at, &begins);
	if (r < 0)
		return r;
	if (begins)
		s->flat->part.begins = begins;
	s->at += r;
	return 0;
}

static inline int copy(struct sl_filter *f, struct pcapout *s, struct pcapout_file *o, struct sl_block *b, bool nano)
{
	struct pcapout_item *it = s->flat;
	uint8_t *at;
	int r;

	if (!it || it->out != o || !has_room(s) || !sl_capfile_ready(&o->file, b, nano)) {
		r = begin(f, o, b, nano);
		if (r < 0)
			return r;
		it = s->flat;
	}
	at = s->at;
	at += sl_capfile_header(&o->file, b, nano, at, &s->rounded.n);
	memcpy(at, sl_frame(f, b), b->frame_len);
	at += b->frame_len;
	at += sl_capfile_tail(&o->file, b, at);
	s->at = at;
	it->part.packets++;
	it->part.bytes += b->frame_len;
	it->view += b->len;
	*--s->views = b->len;
	s->copied[s->n_copied++] = b;
	return 0;
}

static int park(struct sl_filter *f, struct pcapout *s, struct pcapout_file *o, struct sl_block *b, bool nano)
{
	struct pcapout_item *it;
	struct sl_capfile_part *p;
	int r;

	if (!sl_capfile_ready(&o->file, b, nano)) {
		r = begin(f, o, b, nano);
		if (r < 0)
			return r;
	}
	make_room(f);
	if (o->error)
		return o->error;
	it = add(s, o);
	p = &it->part;
	p->header = (uint32_t)sl_capfile_header(&o->file, b, nano, s->at, &s->rounded.n);
	p->made_len = p->header + (uint32_t)sl_capfile_tail(&o->file, b, s->at + p->header);
	s->at += p->made_len;
	sl_park(f, b, &it->b, !s->writer.beside);
	p->frame = sl_frame(f, &it->b);
	p->frame_len = it->b.frame_len;
	p->lies = sl_capfile_lies(&o->file, &it->b, p->frame, p->made);
	p->packets = 1;
	p->bytes = p->frame_len;
	it->bytes = p->made_len + p->frame_len;
	s->item_bytes += it->bytes;
	s->pushed_bytes += it->bytes;
	return 0;
}

void sl_pcapout_put(struct sl_filter *f, struct pcapout_file *o, struct sl_block *const *b, unsigned int n)
{
	struct pcapout *s = sl_state(f);
	int r;

	for (unsigned int i = 0; i < n; i++) {
		bool nano = sl_capfile_nano(&o->file, b[i], s->precision);

		/* Bytes that stay where they are need not come to this processor at all. */
		if (i + AHEAD < n && b[i + AHEAD]->frame_len <= COPY)
			__builtin_prefetch(sl_frame(f, b[i + AHEAD]));
		if (o->error)
			r = o->error;
		else
			r = b[i]->frame_len <= COPY ? copy(f, s, o, b[i], nano) : park(f, s, o, b[i], nano);
		if (r < 0)
			sl_lose(f, b[i], sl_target_loss(r));
	}
}
