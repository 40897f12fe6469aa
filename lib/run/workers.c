/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/workers.c -- one request over several threads, with the output of one
 *
 * The main thread reads, spreads blocks by flow hash over the workers' rings, and
 * merges what comes back by place (run.h) into the sinks. Behind each batch of the
 * source every worker gets a tick: all workers let the same time-outs pass at the
 * same blocks, and each says by its mark how far it has come, so that a worker
 * whose flows are silent does not hold up the merge.
 *
 * The main thread collects tick by tick and filter by filter, so that what stands
 * behind the workers sees blocks by place and lets time pass at the same blocks too.
 *
 * Nobody waits with something in hand that another one needs:
 *
 *	who	finds		does
 *	main	in full		stages the rest, reads no further, goes on merging
 *	worker	return full	spills the rest, takes no further batch until it is
 *				gone; marks of its other streams advance
 *	main	nothing		sleeps on its eventfd (loop.c)
 *	worker	nothing		sleeps on its bell
 *
 * So each of them always either works or waits for somebody who can work.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/decode.h"
#include "run/run.h"

#define IN_ENTRIES	2048
#define RETURN_ENTRIES	4096

/*
 * Entries of a ring for which the request asked: buffer= is in bytes, of which the ring
 * holds pointers. `bytes` 0: as usual.
 */
static uint32_t entries(uint64_t bytes, uint32_t usual)
{
	uint32_t n = 2 * SL_BATCH_MAX;

	if (!bytes)
		return usual;
	while (n < 1u << 20 && 2ull * n * sizeof(struct sl_entry) <= bytes)
		n *= 2;
	return n;
}

/* The largest buffer= among the streams from the main thread, else the setting. */
static uint64_t buffer_in(const struct sl_graph *g)
{
	uint64_t most = 0;

	for (unsigned int s = 0; s < g->n_streams; s++)
		if (g->streams[s]->to->shard == 1 && g->streams[s]->from->shard != 1 &&
		    g->streams[s]->buffer_bytes > most)
			most = g->streams[s]->buffer_bytes;
	return most ? most : g->buffer_bytes;
}

static int grow(struct sl_entry **e, unsigned int *size)
{
	unsigned int n = *size ? 2 * *size : 256;
	struct sl_entry *more = realloc(*e, n * sizeof(*more));

	if (!more)
		return -ENOMEM;
	*e = more;
	*size = n;
	return 0;
}

static void wake_main(struct sl_run *r)
{
	uint64_t one = 1;

	if (atomic_exchange(&r->asleep, false) && write(r->wake_fd, &one, sizeof(one)) < 0)
		abort();	/* an eventfd takes 2^64 - 2 of these */
}

/* A block into an entry: the hold on its bytes moves, the slot goes back. */
static void pack(struct sl_shard *sh, struct sl_entry *e, struct sl_block *b, uint32_t stream)
{
	struct sl_slot *s = sl_slot(b);

	e->b = s->b;
	e->seq = s->seq;
	e->order = s->order;
	e->stream = stream;
	e->kind = SL_ENTRY_BLOCK;
	sl_slot_free(sh, s);
}

static struct sl_block *unpack(struct sl_shard *sh, const struct sl_entry *e)
{
	struct sl_slot *s = sl_slot_new(sh);

	if (!s)
		return NULL;
	s->b = e->b;
	s->seq = e->seq;
	s->order = e->order;
	return &s->b;
}

/* ---- towards the workers (main thread) ---- */

/* Where to write the next entry for a worker: its ring, or the stage when that is full. */
static struct sl_entry *entry_for(struct sl_worker *w)
{
	struct sl_entry *e = w->n_stage ? NULL : sl_ring_reserve(&w->in);

	if (e)
		return e;
	if (w->n_stage == w->stage_size && grow(&w->stage, &w->stage_size) < 0)
		return NULL;
	return &w->stage[w->n_stage++];
}

static void publish(struct sl_worker *w)
{
	if (sl_ring_submit(&w->in))
		sl_bell_ring(&w->bell);
}

/* Packets go by their addresses; what is no packet any more goes by its stream's number,
 * both directions alike. */
static uint32_t spread(const struct sl_inst *i, const struct sl_stream *s, struct sl_block *b)
{
	if (s->type != SL_PACKET)
		return ((b->stream >> 1) + 1) * 0x9e3779b1u;
	return b->flow_hash ? b->flow_hash : sl_flow_hash(b, sl_frame(&i->f, b));
}

static void send_to_workers(struct sl_run *r, struct sl_out *o, struct sl_batch *b)
{
	struct sl_shard *sh = &r->main;
	struct sl_inst *i = sh->inst[o->stream->from->id];

	for (unsigned int k = 0; k < b->n; k++) {
		struct sl_block *x = b->b[k];
		uint32_t hash = spread(i, o->stream, x);
		struct sl_worker *w = &r->workers[((uint64_t)hash * r->n_workers) >> 32];
		struct sl_entry *e = entry_for(w);

		if (e)
			pack(sh, e, x, o->stream->id);
		else
			sl_lose_sent(i, o, x, "out of memory");
	}
}

static void send_all(struct sl_run *r, uint32_t kind, uint64_t seq, uint64_t now_ns)
{
	for (unsigned int k = 0; k < r->n_workers; k++) {
		struct sl_entry *e = entry_for(&r->workers[k]);

		if (e) {
			e->kind = kind;
			e->seq = seq;
			e->order = now_ns;
		} else if (kind == SL_ENTRY_END) {
			r->workers[k].owe_end = true;	/* a later tick stands in for another */
		}
		publish(&r->workers[k]);
	}
}

static void note_tick(struct sl_run *r, uint64_t seq, uint64_t now_ns)
{
	if (r->n_ticks == r->ticks_size) {
		unsigned int size = 2 * r->ticks_size;
		struct sl_tick *more = realloc(r->tick, size * sizeof(*more));

		if (!more) {
			/* The next one covers it; the end must not be missed. */
			r->tick[r->n_ticks - 1] = (struct sl_tick){ seq, now_ns };
			return;
		}
		r->tick = more;
		r->ticks_size = size;
	}
	r->tick[r->n_ticks++] = (struct sl_tick){ seq, now_ns };
}

void sl_workers_tick(struct sl_run *r, uint64_t seq, uint64_t now_ns)
{
	note_tick(r, seq, now_ns);
	send_all(r, SL_ENTRY_TICK, seq, now_ns);
}

void sl_workers_end(struct sl_run *r)
{
	note_tick(r, SL_SEQ_END, r->now_ns);
	send_all(r, SL_ENTRY_END, SL_SEQ_END, r->now_ns);
}

bool sl_workers_staged(const struct sl_run *r)
{
	for (unsigned int k = 0; k < r->n_workers; k++)
		if (r->workers[k].n_stage)
			return true;
	return false;
}

static bool unstage(struct sl_worker *w)
{
	bool moved = false;
	struct sl_entry *e;

	while (w->stage_done < w->n_stage && (e = sl_ring_reserve(&w->in))) {
		*e = w->stage[w->stage_done++];
		moved = true;
	}
	if (w->stage_done == w->n_stage)
		w->stage_done = w->n_stage = 0;
	if (w->owe_end && !w->n_stage && (e = sl_ring_reserve(&w->in))) {
		*e = (struct sl_entry){ .kind = SL_ENTRY_END, .seq = SL_SEQ_END };
		w->owe_end = false;
		moved = true;
	}
	if (moved)
		publish(w);
	return moved;
}

/* ---- back from the workers (main thread) ---- */

static bool crosses_back(const struct sl_stream *s)
{
	return s->from->shard == 1 && s->to->shard != 1;
}

static bool before(uint64_t seq, uint64_t order, uint32_t stream, const struct sl_entry *b)
{
	if (seq != b->seq)
		return seq < b->seq;
	return order != b->order ? order < b->order : stream < b->stream;
}

/* What comes next to a node, and from where. */
struct next {
	struct sl_ring *ring;		/* NULL: its inbox, or nothing */
	struct sl_entry *e;
	uint64_t seq;			/* UINT64_MAX: nothing is there */
	uint64_t silent;		/* a ring that is empty may still give what is behind this */
};

/*
 * The mark of a ring is read before the ring: what it vouches for is there. An empty
 * ring may give an earlier block than the others hold, unless its mark says that it won't.
 */
static struct next next_for(struct sl_run *r, struct sl_inst *to)
{
	struct next n = { .seq = UINT64_MAX, .silent = UINT64_MAX };
	const struct sl_waiting *w;

	for (unsigned int a = 0; a < to->node->n_in; a++) {
		const struct sl_stream *s = to->node->in[a];

		if (!crosses_back(s))
			continue;
		for (unsigned int k = 0; k < r->n_workers; k++) {
			struct sl_return *t = r->workers[k].ret[s->id];
			/* acquire: pairs with the release in set_marks() */
			uint64_t mark = atomic_load_explicit(&t->mark, memory_order_acquire);
			struct sl_entry *e = sl_ring_peek(&t->ring);

			if (!e && mark < n.silent)
				n.silent = mark;
			if (e && (!n.e || before(e->seq, e->order, e->stream, n.e))) {
				n.e = e;
				n.ring = &t->ring;
				n.seq = e->seq;
			}
		}
	}
	w = sl_inbox_first(to);
	if (w) {
		const struct sl_slot *s = sl_slot(w->b);

		if (!n.e || before(s->seq, s->order, w->stream, n.e)) {
			n.ring = NULL;
			n.seq = s->seq;
		}
	}
	return n;
}

static void release_rings(struct sl_run *r, const struct sl_node *to)
{
	for (unsigned int a = 0; a < to->n_in; a++)
		for (unsigned int k = 0; crosses_back(to->in[a]) && k < r->n_workers; k++)
			if (sl_ring_release(&r->workers[k].ret[to->in[a]->id]->ring))
				sl_bell_ring(&r->workers[k].bell);
}

/*
 * Give a node what is its up to place `upto`. True: that was all of it; false: a
 * worker has not come so far, or there is no memory for a block now.
 */
static bool collect_for(struct sl_run *r, struct sl_inst *to, uint64_t upto, bool *moved)
{
	struct sl_batch batch = { 0 };
	uint64_t bytes = 0;
	bool whole = false;

	while (!r->main.n_stalled) {
		struct next n = next_for(r, to);
		struct sl_block *b;

		if (n.seq > upto || n.seq > n.silent) {
			whole = n.seq > upto && n.silent >= upto;
			break;
		}
		b = n.ring ? unpack(&r->main, n.e) : sl_inbox_take(to);
		if (!b)
			break;
		if (n.ring)
			sl_ring_next(n.ring);
		bytes += b->len;
		batch.b[batch.n++] = b;
		if (batch.n == SL_BATCH_MAX) {
			release_rings(r, to->node);
			sl_inst_feed(to, &batch, bytes);
			bytes = 0;
			*moved = true;
		}
	}
	release_rings(r, to->node);
	if (batch.n) {
		sl_inst_feed(to, &batch, bytes);
		*moved = true;
	}
	return whole;
}

/* One tick of the source: everything up to it, then the time-outs. False: not yet. */
static bool collect_tick(struct sl_run *r, const struct sl_tick *t, bool *moved)
{
	for (unsigned int k = 0; k < r->main.n_sorted; k++)
		if (r->main.sorted[k]->node->shard == 2 && !collect_for(r, r->main.sorted[k], t->seq, moved))
			return false;
	if (t->seq != SL_SEQ_END)
		sl_shard_tick(&r->main, SL_PARTS(2), t->seq, t->now_ns);
	return true;
}

bool sl_workers_move(struct sl_run *r)
{
	bool moved = false;

	for (unsigned int k = 0; k < r->n_workers; k++)
		moved |= unstage(&r->workers[k]);
	while (r->tick_done < r->n_ticks && collect_tick(r, &r->tick[r->tick_done], &moved)) {
		r->tick_done++;
		moved = true;
	}
	if (r->tick_done == r->n_ticks)
		r->tick_done = r->n_ticks = 0;
	return moved;
}

bool sl_workers_done(const struct sl_run *r)
{
	for (unsigned int k = 0; k < r->n_workers; k++)
		if (!atomic_load(&r->workers[k].done))
			return false;
	return r->tick_done == r->n_ticks;
}

/* ---- a worker ---- */

static void return_block(struct sl_worker *w, struct sl_out *o, struct sl_block *b)
{
	struct sl_return *t = w->ret[o->stream->id];
	struct sl_entry *e = t->n_spill ? NULL : sl_ring_reserve(&t->ring);

	if (!e) {
		if (t->n_spill == t->spill_size && grow(&t->spill, &t->spill_size) < 0) {
			sl_lose_sent(w->shard.inst[o->stream->from->id], o, b, "out of memory");
			return;
		}
		e = &t->spill[t->n_spill++];
	}
	pack(&w->shard, e, b, o->stream->id);
}

static void send_to_main(struct sl_worker *w, struct sl_out *o, struct sl_batch *b)
{
	for (unsigned int k = 0; k < b->n; k++)
		return_block(w, o, b->b[k]);
}

void sl_workers_send(struct sl_shard *from, struct sl_out *o, struct sl_batch *b)
{
	if (from->worker)
		send_to_main(from->worker, o, b);
	else
		send_to_workers(from->run, o, b);
}

/* Spilled entries into rings. True when none is left. */
static bool unspill(struct sl_worker *w)
{
	bool clear = true;

	for (unsigned int s = 0; s < w->shard.run->graph->n_streams; s++) {
		struct sl_return *t = w->ret[s];
		struct sl_entry *e;

		if (!t)
			continue;
		while (t->spill_done < t->n_spill && (e = sl_ring_reserve(&t->ring)))
			*e = t->spill[t->spill_done++];
		if (t->spill_done == t->n_spill)
			t->spill_done = t->n_spill = 0;
		else
			clear = false;
	}
	return clear;
}

/* Publish what was returned; streams without spill are complete up to seq. */
static void set_marks(struct sl_worker *w, uint64_t seq)
{
	for (unsigned int s = 0; s < w->shard.run->graph->n_streams; s++) {
		struct sl_return *t = w->ret[s];

		if (!t)
			continue;
		sl_ring_submit(&t->ring);
		/* release: what the mark vouches for is in the ring */
		if (!t->n_spill)
			atomic_store_explicit(&t->mark, seq, memory_order_release);
	}
	wake_main(w->shard.run);
}

static bool bell_or_quit(struct sl_worker *w, bool (*ready)(struct sl_worker *w))
{
	sl_bell_arm(&w->bell);
	if (ready(w) || atomic_load(&w->shard.run->quit)) {
		sl_bell_disarm(&w->bell);
		return !atomic_load(&w->shard.run->quit);
	}
	sl_bell_sleep(&w->bell);
	return !atomic_load(&w->shard.run->quit);
}

static bool has_input(struct sl_worker *w)
{
	return sl_ring_peek(&w->in);
}

static bool has_room(struct sl_worker *w)
{
	for (unsigned int s = 0; s < w->shard.run->graph->n_streams; s++) {
		struct sl_return *t = w->ret[s];

		if (t && t->n_spill &&
		    t->ring.w_next - atomic_load_explicit(&t->ring.tail, memory_order_acquire) <=
		    t->ring.mask)
			return true;
	}
	return false;
}

/* All that a step gave goes out before the next one begins. False: quit. */
static bool hand_back(struct sl_worker *w, uint64_t seq)
{
	set_marks(w, seq);
	while (!unspill(w)) {
		set_marks(w, seq);
		if (!bell_or_quit(w, has_room))
			return false;
	}
	set_marks(w, seq);
	return true;
}

static void tell_stats(struct sl_worker *w)
{
	uint64_t matched = 0, lost = 0;

	for (unsigned int k = 0; k < w->shard.n_sorted; k++) {
		struct sl_inst *i = w->shard.sorted[k];

		lost += i->lost.blocks;
		for (const struct sl_value *v = i->f.type->values; v && v->name; v++)
			if (!strcmp(v->name, "matched"))
				matched += ((struct sl_count *)((char *)i->f.state + v->off))->n;
	}
	atomic_store_explicit(&w->matched, matched, memory_order_relaxed);
	atomic_store_explicit(&w->lost, lost, memory_order_relaxed);
}

/* Entries of one stream, up to a batch of them, to the filter they are for. */
static void take_blocks(struct sl_worker *w)
{
	struct sl_batch batch = { 0 };
	struct sl_entry *e = sl_ring_peek(&w->in);
	uint32_t stream = e->stream;
	struct sl_inst *to = w->shard.inst[w->shard.run->graph->streams[stream]->to->id];
	uint64_t bytes = 0;

	while (batch.n < SL_BATCH_MAX && (e = sl_ring_peek(&w->in)) &&
	       e->kind == SL_ENTRY_BLOCK && e->stream == stream) {
		struct sl_block *b = unpack(&w->shard, e);

		sl_ring_next(&w->in);
		if (!b) {
			sl_lost_bytes(&to->f, 1, e->b.len, "out of memory");
			continue;
		}
		bytes += b->len;
		batch.b[batch.n++] = b;
	}
	sl_ring_release(&w->in);
	if (to->node->n_in > 1)
		sl_inbox_add(to, stream, &batch);
	else
		sl_inst_feed(to, &batch, bytes);
}

static void *worker_main(void *arg)
{
	struct sl_worker *w = arg;
	struct sl_entry *e;

	for (;;) {
		e = sl_ring_peek(&w->in);
		if (!e) {
			if (!bell_or_quit(w, has_input))
				return NULL;
			continue;
		}
		if (e->kind == SL_ENTRY_BLOCK) {
			take_blocks(w);
			wake_main(w->shard.run);
			continue;
		}
		sl_ring_next(&w->in);
		if (e->kind == SL_ENTRY_END)
			break;
		sl_shard_tick(&w->shard, SL_ALL_PARTS, e->seq, e->order);
		tell_stats(w);
		if (!hand_back(w, e->seq))
			return NULL;
		sl_ring_release(&w->in);
		wake_main(w->shard.run);
	}
	sl_shard_flush(&w->shard, SL_ALL_PARTS);
	tell_stats(w);
	if (!hand_back(w, UINT64_MAX))
		return NULL;
	atomic_store(&w->done, true);
	wake_main(w->shard.run);
	return NULL;
}

/* ---- set up, tear down ---- */

static int returns_new(struct sl_worker *w, const struct sl_graph *g)
{
	uint64_t bytes;

	w->ret = calloc(g->n_streams ? g->n_streams : 1, sizeof(*w->ret));
	if (!w->ret)
		return -ENOMEM;
	for (unsigned int s = 0; s < g->n_streams; s++) {
		if (!crosses_back(g->streams[s]))
			continue;
		bytes = g->streams[s]->buffer_bytes ? g->streams[s]->buffer_bytes : g->buffer_bytes;
		w->ret[s] = sl_line_alloc(sizeof(*w->ret[s]));
		if (!w->ret[s])
			return -ENOMEM;
		if (sl_ring_init(&w->ret[s]->ring, entries(bytes, RETURN_ENTRIES)) < 0)
			return -ENOMEM;
	}
	return 0;
}

int sl_workers_start(struct sl_run *r)
{
	int e;

	r->ticks_size = 64;
	r->tick = malloc(r->ticks_size * sizeof(*r->tick));
	if (!r->tick)
		return -ENOMEM;
	for (unsigned int k = 0; k < r->n_workers; k++) {
		struct sl_worker *w = &r->workers[k];

		e = sl_ring_init(&w->in, entries(buffer_in(r->graph), IN_ENTRIES));
		if (!e)
			e = returns_new(w, r->graph);
		if (!e)
			e = sl_shard_init(&w->shard, r, w);
		if (!e)
			e = sl_shard_open(&w->shard);
		if (e < 0)
			return e;
	}
	for (unsigned int k = 0; k < r->n_workers; k++) {
		e = pthread_create(&r->workers[k].thread, NULL, worker_main, &r->workers[k]);
		if (e)
			return -e;
		r->workers[k].started = true;
	}
	return 0;
}

void sl_workers_stop(struct sl_run *r)
{
	atomic_store(&r->quit, true);
	for (unsigned int k = 0; k < r->n_workers; k++) {
		struct sl_worker *w = &r->workers[k];

		if (w->started) {
			sl_bell_ring(&w->bell);
			pthread_join(w->thread, NULL);
		}
		if (w->shard.run)
			sl_shard_done(&w->shard);
		for (unsigned int s = 0; w->ret && s < r->graph->n_streams; s++) {
			if (!w->ret[s])
				continue;
			sl_ring_done(&w->ret[s]->ring);
			free(w->ret[s]->spill);
			free(w->ret[s]);
		}
		free(w->ret);
		free(w->stage);
		sl_ring_done(&w->in);
	}
	free(r->workers);
	free(r->tick);
	r->tick = NULL;
	r->workers = NULL;
	r->n_workers = 0;
}
