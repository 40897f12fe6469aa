/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/shard.c -- the filter instances of one thread
 *
 * Run to completion: work() of a filter is followed at once by work() of those
 * that its arrows lead to, depth first, by function call. Graphs have no cycles, so a
 * filter is never entered while it runs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "run/run.h"

uint64_t sl_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void sl_busy(struct sl_shard *sh, struct sl_inst *i)
{
	uint64_t now = sl_clock_ns();

	if (sh->busy)
		sh->busy->busy_ns += now - sh->busy_since;
	sh->busy = i;
	sh->busy_since = now;
}

static void lose_rest(struct sl_inst *i, struct sl_batch *b, const char *reason)
{
	struct sl_block *x;

	while ((x = sl_batch_take(&i->f, b)))
		sl_lose(&i->f, x, reason);
}

void sl_inst_feed(struct sl_inst *i, struct sl_batch *b, uint64_t bytes)
{
	struct sl_shard *sh = i->f.shard;
	struct sl_inst *before = sh->busy;

	i->in.blocks += b->n;
	i->in.bytes += bytes;
	b->taken = 0;
	sl_busy(sh, i);
	if (!i->failed && i->f.type->work(&i->f, b) < 0) {
		i->failed = true;
		atomic_store(&i->run->failed, true);
	}
	if (b->taken < b->n)
		lose_rest(i, b, "filter failed");
	sl_inst_push(i);
	sl_account_check(i);
	sl_busy(sh, before);
	b->n = 0;
}

/* Capture time goes on by what sources bring in. */
static void note_time(struct sl_run *r, const struct sl_batch *b)
{
	for (unsigned int k = 0; k < b->n; k++)
		if (b->b[k]->time_ns > r->now_ns)
			r->now_ns = b->b[k]->time_ns;
}

void sl_inst_push(struct sl_inst *i)
{
	for (unsigned int k = 0; k < i->n_out; k++) {
		struct sl_out *o = &i->out[k];
		uint64_t bytes = o->batch_bytes;

		if (!o->batch.n)
			continue;
		if (!i->node->n_in)
			note_time(i->run, &o->batch);
		o->moved.blocks += o->batch.n;
		o->moved.bytes += bytes;
		o->batch_bytes = 0;
		if (o->to && o->to->node->n_in > 1)
			sl_inbox_add(o->to, o->stream->id, &o->batch);
		else if (o->to)
			sl_inst_feed(o->to, &o->batch, bytes);
		else
			sl_workers_send(i->f.shard, o, &o->batch);
		o->batch.n = 0;
	}
}

static bool in_parts(const struct sl_inst *i, unsigned int mask)
{
	return i->f.shard->worker || mask & SL_PARTS(i->node->shard);
}

void sl_shard_drain(struct sl_shard *sh, unsigned int part_mask)
{
	for (unsigned int k = 0; k < sh->n_sorted; k++)
		if (sh->sorted[k]->node->n_in > 1 && in_parts(sh->sorted[k], part_mask))
			sl_inbox_drain(sh->sorted[k]);
}

void sl_shard_tick(struct sl_shard *sh, unsigned int part_mask, uint64_t seq, uint64_t now_ns)
{
	for (unsigned int k = 0; k < sh->n_sorted; k++) {
		struct sl_inst *i = sh->sorted[k];

		if (!in_parts(i, part_mask))
			continue;
		sl_inbox_drain(i);
		if (!i->f.type->tick || i->failed || !i->opened)
			continue;
		i->f.cur = NULL;
		i->f.seq = seq;
		i->f.order = SL_ORDER(i->node->order, 0);
		i->timed = true;
		sl_busy(sh, i);
		if (i->f.type->tick(&i->f, now_ns) < 0) {
			i->failed = true;
			atomic_store(&i->run->failed, true);
		}
		sl_inst_push(i);
		sl_busy(sh, NULL);
		i->timed = false;
		sl_account_check(i);
	}
}

int sl_shard_flush(struct sl_shard *sh, unsigned int part_mask)
{
	int r;

	for (unsigned int k = 0; k < sh->n_sorted; k++) {
		struct sl_inst *i = sh->sorted[k];

		if (i->flushed || !in_parts(i, part_mask))
			continue;
		sl_inbox_drain(i);
		i->f.cur = NULL;
		i->f.seq = SL_SEQ_END;
		i->f.order = SL_ORDER(i->node->order, 0);
		if (i->f.type->flush && i->opened) {
			i->timed = true;
			sl_busy(sh, i);
			r = i->f.type->flush(&i->f);
			sl_inst_push(i);
			sl_busy(sh, NULL);
			i->timed = false;
			if (r == SL_AGAIN)
				return SL_AGAIN;
			if (r < 0) {
				i->failed = true;
				atomic_store(&i->run->failed, true);
			}
		}
		i->flushed = true;
		sl_account_check(i);
	}
	sl_pool_settle(sh);
	return 0;
}

void sl_order(struct sl_filter *f, uint64_t key)
{
	struct sl_inst *i = sl_inst(f);

	f->cur = NULL;
	if (i->timed)
		f->order = SL_ORDER(i->node->order, key);
}

/* Which nodes a shard holds: all without workers; else part 1 for workers, the rest for main. */
static bool belongs(const struct sl_shard *sh, const struct sl_node *n)
{
	if (!sh->run->n_workers)
		return true;
	return sh->worker ? n->shard == 1 : n->shard != 1;
}

static struct sl_inst *inst_new(struct sl_shard *sh, struct sl_node *n)
{
	struct sl_inst *i = sl_line_alloc(sizeof(*i));

	if (!i)
		return NULL;
	i->node = n;
	i->run = sh->run;
	i->fd[0] = i->fd[1] = -1;
	i->f.type = n->type;
	i->f.name = n->name;
	i->f.shared = n->shared;
	i->f.seg_base = sh->run->segs.base;
	i->f.shard = sh;
	i->f.state = sl_line_alloc(n->type->state);
	i->out = n->n_out ? calloc(n->n_out, sizeof(*i->out)) : NULL;
	if (!i->f.state || (n->n_out && !i->out)) {
		free(i->f.state);
		free(i->out);
		free(i);
		return NULL;
	}
	if (n->type->state)
		memcpy(i->f.state, n->state, n->type->state);
	i->n_out = n->n_out;
	i->one_plain = n->n_out == 1 && n->out[0]->tags.plain;
	return i;
}

int sl_shard_init(struct sl_shard *sh, struct sl_run *run, struct sl_worker *w)
{
	struct sl_graph *g = run->graph;

	*sh = (struct sl_shard){ .run = run, .worker = w, .epoll_fd = -1 };
	sh->inst = calloc(g->n_nodes, sizeof(*sh->inst));
	sh->sorted = calloc(g->n_nodes, sizeof(*sh->sorted));
	if (!sh->inst || !sh->sorted)
		return -ENOMEM;
	for (unsigned int k = 0; k < g->n_nodes; k++) {
		struct sl_node *n = g->sorted[k];

		if (!belongs(sh, n))
			continue;
		sh->inst[n->id] = inst_new(sh, n);
		if (!sh->inst[n->id])
			return -ENOMEM;
		sh->sorted[sh->n_sorted++] = sh->inst[n->id];
	}
	for (unsigned int k = 0; k < sh->n_sorted; k++) {
		struct sl_inst *i = sh->sorted[k];

		for (unsigned int o = 0; o < i->n_out; o++) {
			i->out[o].stream = i->node->out[o];
			i->out[o].to = sh->inst[i->node->out[o]->to->id];
		}
	}
	return 0;
}

/* Run by the kernel: only its counts are here. Some have work to do in both places. */
static bool elsewhere(const struct sl_inst *i)
{
	return i->node->in_kernel && !(i->f.type->flags & (SL_F_LIVE | SL_F_UNDECIDED)) &&
	       !i->f.type->kernel_sync;
}

/* Sinks first, so that whatever a source starts finds its way prepared. */
int sl_shard_open(struct sl_shard *sh)
{
	int r;

	for (unsigned int k = sh->n_sorted; k-- > 0; ) {
		struct sl_inst *i = sh->sorted[k];

		if (elsewhere(i))
			continue;
		i->opened = true;
		if (!i->f.type->open)
			continue;
		r = i->f.type->open(&i->f);
		if (r < 0)
			return r;
	}
	return 0;
}

void sl_shard_done(struct sl_shard *sh)
{
	for (unsigned int k = 0; k < sh->n_sorted; k++) {
		struct sl_inst *i = sh->sorted[k];

		if (i->opened && i->f.type->close)
			i->f.type->close(&i->f);
		i->opened = false;
	}
	for (unsigned int k = 0; k < sh->n_sorted; k++) {
		sl_inbox_free(sh->sorted[k]);
		free(sh->sorted[k]->f.state);
		free(sh->sorted[k]->out);
		free(sh->sorted[k]);
	}
	if (sh->inst)
		sl_pool_done(sh);
	if (sh->epoll_fd >= 0)
		close(sh->epoll_fd);
	free(sh->inst);
	free(sh->sorted);
	sh->inst = sh->sorted = NULL;
	sh->n_sorted = 0;
}
