/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/run.c -- a plan at work
 *
 *	phase		ends when			then
 *	RUNNING		all sources are at their end,	FLUSH_SOURCE
 *			stopped, or a filter failed
 *	FLUSH_SOURCE	filters of the main thread that	ENDED without workers, else
 *			stand before workers gave all	FLUSH_WORKERS
 *	FLUSH_WORKERS	workers gave all		FLUSH_REST
 *	FLUSH_REST	the filters behind them did	ENDED
 *
 * Never backwards. A run that stops early goes through all of them: it drains.
 */
#include "run/run.h"
#include "run/kernel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_NS		20000u	/* while there is work, who else is ready is asked so often */

static void take_reports(struct sl_run *r);

static int run_setup(struct sl_run *r, const struct sl_plan *p)
{
	int e;

	e = sl_segs_init(&r->segs);
	if (e < 0)
		return e;
	r->no_more = calloc(r->graph->n_nodes + 1, sizeof(*r->no_more));
	r->held_up = calloc(r->graph->n_nodes + 1, sizeof(*r->held_up));
	if (!r->no_more || !r->held_up)
		return -ENOMEM;
	r->reach_stale = true;
	r->n_workers = p->workers > 1 ? p->workers : 0;
	if (r->n_workers) {
		r->workers = sl_line_alloc(r->n_workers * sizeof(*r->workers));
		if (!r->workers)
			return -ENOMEM;
	}
	e = sl_shard_init(&r->main, r, NULL);
	if (!e)
		e = sl_kernel_init(r);
	if (!e)
		e = sl_loop_init(r);
	if (!e)
		e = sl_shard_open(&r->main);
	if (!e && r->n_workers)
		e = sl_workers_start(r);
	return e;
}

int sl_run_new(const struct sl_plan *p, struct sl_run **out, struct sl_diags *ds)
{
	struct sl_run *r = sl_line_alloc(sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->wake_fd = -1;
	r->main.epoll_fd = -1;
	r->start_ns = sl_clock_ns();
	pthread_mutex_init(&r->lock, NULL);
	r->plan = sl_plan_get((struct sl_plan *)p);
	r->graph = r->plan->graph;
	r->plan->refused = NULL;
	r->diags = ds;		/* what fails now is the caller's to read */
	e = run_setup(r, p);
	if (!e) {
		r->diags = sl_diags_new();
		e = r->diags ? 0 : -ENOMEM;
		if (!e)
			sl_diags_keep_all(r->diags);
	}
	if (e < 0) {
		if (r->plan->refused)
			e = -EAGAIN;
		r->aborted = true;
		if (r->diags == ds)
			r->diags = NULL;
		if (!sl_diags_errors(ds))
			sl_err(ds, "E302", (struct sl_span){ 0 }, "cannot set the run up: %s", strerror(-e));
		sl_run_free(r);
		return e;
	}
	*out = r;
	return 0;
}

void sl_run_free(struct sl_run *r)
{
	if (!r)
		return;
	sl_workers_stop(r);
	take_reports(r);
	if (r->main.run)
		sl_shard_done(&r->main);
	sl_kernel_end(r);
	sl_owners_free(r->owners);
	sl_loop_done(r);
	if (r->segs.base)
		sl_segs_done(&r->segs);
	for (unsigned int i = 0; i < r->n_saved; i++)
		free(r->saved[i]);
	free(r->saved);
	free(r->no_more);
	free(r->held_up);
	sl_diags_free(r->diags);
	sl_plan_free(r->plan);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- sources ---- */

static bool is_source(const struct sl_inst *i)
{
	return i->f.type->pull && !i->node->n_in;
}

/* batch= on an arrow of the source, else of the request, else as usual. */
static unsigned int batch_of(const struct sl_inst *i)
{
	uint64_t most = i->run->graph->batch ? i->run->graph->batch : SL_PULL;

	for (unsigned int k = 0; k < i->n_out; k++)
		if (i->out[k].stream->batch)
			most = i->out[k].stream->batch;
	return most > SL_BATCH_MAX ? SL_BATCH_MAX : (unsigned int)most;
}

/* True when it brought something in, or ended. */
static bool pull(struct sl_run *r, struct sl_inst *i)
{
	uint64_t before = r->seq;
	int n;

	i->f.cur = NULL;
	i->wake_ns = 0;
	sl_busy(&r->main, i);
	n = i->f.type->pull(&i->f, batch_of(i));
	sl_inst_push(i);
	sl_kernel_push(r);
	sl_busy(&r->main, NULL);
	sl_account_check(i);
	sl_shard_drain(&r->main, r->n_workers ? SL_PARTS(0) : SL_ALL_PARTS);
	sl_pool_settle(&r->main);
	i->by_fd = false;
	if (r->seq != before) {
		sl_shard_tick(&r->main, r->n_workers ? SL_PARTS(0) : SL_ALL_PARTS, r->seq - 1, r->now_ns);
		if (r->n_workers)
			sl_workers_tick(r, r->seq - 1, r->now_ns);
	}
	if (n == 0)
		i->waiting = true;
	if (n < 0) {
		i->ended = true;
		if (n != SL_EOF) {
			i->failed = true;
			atomic_store(&r->failed, true);
		}
	}
	return n != 0;
}

static bool run_sources(struct sl_run *r, bool *all_ended)
{
	bool moved = false, over;

	*all_ended = true;
	for (unsigned int k = 0; k < r->main.n_sorted; k++) {
		struct sl_inst *i = r->main.sorted[k];

		if (!is_source(i) || i->ended)
			continue;
		sl_reach(r);
		over = atomic_load(&r->stop) || atomic_load(&r->failed) || r->no_more[i->node->id];
		if (over && !(i->f.type->flags & SL_F_LIVE)) {
			i->ended = true;
			continue;
		}
		*all_ended = false;
		/* A live source that is over gives what it had taken in already. */
		if ((i->waiting && !over) || sl_workers_staged(r) || r->held_up[i->node->id])
			continue;
		moved |= pull(r, i);
	}
	return moved;
}

/* ---- stepping ---- */

/* Everything has drained: filters may say what only shows now. */
static void end(struct sl_run *r)
{
	for (unsigned int k = 0; k < r->main.n_sorted; k++)
		if (r->main.sorted[k]->f.type->end)
			r->main.sorted[k]->f.type->end(&r->main.sorted[k]->f);
	take_reports(r);
	r->end_ns = sl_clock_ns();
}

static bool advance(struct sl_run *r)
{
	bool moved = false, ended;

	if (r->n_workers)
		moved = sl_workers_move(r);
	switch (r->phase) {
	case SL_RUNNING:
		moved |= run_sources(r, &ended);
		if (ended && !sl_workers_staged(r)) {
			r->phase = SL_FLUSH_SOURCE;
			sl_unstall_takes(r);
			moved = true;
		}
		break;
	case SL_FLUSH_SOURCE:
		if (sl_shard_flush(&r->main, r->n_workers ? SL_PARTS(0) : SL_ALL_PARTS) == SL_AGAIN)
			break;
		if (r->n_workers)
			sl_workers_end(r);
		r->phase = r->n_workers ? SL_FLUSH_WORKERS : SL_ENDED;
		moved = true;
		break;
	case SL_FLUSH_WORKERS:
		if (!sl_workers_done(r))
			break;
		r->phase = SL_FLUSH_REST;
		moved = true;
		break;
	case SL_FLUSH_REST:
		if (sl_shard_flush(&r->main, SL_ALL_PARTS) == SL_AGAIN)
			break;
		r->phase = SL_ENDED;
		moved = true;
		break;
	case SL_ENDED:
		break;
	}
	return moved;
}

static int outcome(struct sl_run *r)
{
	if (!r->end_ns)
		end(r);
	return atomic_load(&r->failed) || atomic_load(&r->trouble) ? -EIO : 0;
}

/* Sleep until something may be done. With workers: announce it, look once more. */
static void nap(struct sl_run *r, int64_t timeout_ns)
{
	if (!r->n_workers) {
		sl_loop_events(r, timeout_ns);
		return;
	}
	atomic_exchange(&r->asleep, true);
	if (advance(r))
		timeout_ns = 0;
	sl_loop_events(r, timeout_ns);
	atomic_exchange(&r->asleep, false);
}

int sl_run_step(struct sl_run *r, int timeout_ms)
{
	uint64_t now = sl_clock_ns(), looked = now;
	uint64_t until = now + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000000u;
	bool moved, over;

	for (;;) {
		moved = advance(r);
		if (r->n_workers)
			take_reports(r);
		if (r->phase == SL_ENDED)
			return outcome(r);
		now = sl_clock_ns();
		over = timeout_ms >= 0 && now >= until;
		if (over || (moved && now - looked >= LOOK_NS)) {
			looked = now;
			moved |= sl_loop_events(r, 0);
		}
		if (over)
			return 1;
		if (moved)
			continue;
		if (!sl_loop_can_wait(r) && !atomic_load(&r->stop))
			return 1;	/* only the program itself can bring more */
		nap(r, timeout_ms < 0 ? -1 : (int64_t)(until - now));
	}
}

int sl_run_wait(struct sl_run *r)
{
	int e;

	for (unsigned int k = 0; k < r->main.n_sorted; k++)
		if (is_source(r->main.sorted[k]))
			sl_feed_end(r, r->main.sorted[k]->f.name);	/* others say -ENOENT */
	sl_unstall_takes(r);
	while ((e = sl_run_step(r, -1)) == 1)
		;
	return e;
}

void sl_run_stop(struct sl_run *r)
{
	uint64_t one = 1;
	int saved = errno;

	atomic_store(&r->stop, true);
	if (write(r->wake_fd, &one, sizeof(one)) < 0)
		(void)0;	/* only full when a wake-up is under way anyway */
	errno = saved;
}

/* ---- what filters say ---- */

void sl_finished(struct sl_filter *f)
{
	sl_inst(f)->finished = true;
	if (!f->shard->worker)
		sl_inst(f)->run->reach_stale = true;
}

bool sl_stopping(const struct sl_filter *f)
{
	const struct sl_run *r = sl_inst(f)->run;

	return atomic_load(&r->stop) || atomic_load(&r->failed) || r->no_more[sl_inst(f)->node->id];
}

void sl_progress(struct sl_filter *f, uint64_t done_bytes, uint64_t total_bytes)
{
	sl_inst(f)->done_bytes = done_bytes;
	sl_inst(f)->total_bytes = total_bytes;
}

struct sl_report {		/* from a worker, for the main thread to add */
	struct sl_report *next;
	const struct sl_node *node;
	const char *code;
	bool warning;
	char text[1024];
};

static void report(struct sl_inst *i, const char *code, bool warning, const char *fmt, va_list ap)
{
	struct sl_run *r = i->run;
	struct sl_report *q = malloc(sizeof(*q)), **at;

	if (!q)
		return;		/* the run's status still tells */
	*q = (struct sl_report){ .node = i->node, .code = code, .warning = warning };
	vsnprintf(q->text, sizeof(q->text), fmt, ap);
	pthread_mutex_lock(&r->lock);
	for (at = &r->reports; *at; at = &(*at)->next)
		;
	*at = q;
	pthread_mutex_unlock(&r->lock);
	if (!i->f.shard->worker)
		take_reports(r);
}

/* What workers reported becomes the main thread's, so that diags needs no lock. */
static void take_reports(struct sl_run *r)
{
	struct sl_report *q, *next;

	pthread_mutex_lock(&r->lock);
	q = r->reports;
	r->reports = NULL;
	pthread_mutex_unlock(&r->lock);
	for (; q; q = next) {
		next = q->next;
		if (r->diags)
			(q->warning ? sl_warn : sl_err)(r->diags, q->code, q->node->span, "%s: %s",
							q->node->name, q->text);
		free(q);
	}
}

int sl_fail(struct sl_filter *f, const char *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(sl_inst(f), code, false, fmt, ap);
	va_end(ap);
	atomic_store(&sl_inst(f)->run->trouble, true);
	return -EIO;
}

void sl_trouble(struct sl_filter *f, const char *code, bool failed, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(sl_inst(f), code, !failed, fmt, ap);
	va_end(ap);
	if (failed)
		atomic_store(&sl_inst(f)->run->trouble, true);
}

void sl_saved(struct sl_filter *f, const char *fmt, ...)
{
	struct sl_run *r = sl_inst(f)->run;
	char **more, *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	pthread_mutex_lock(&r->lock);
	more = realloc(r->saved, (r->n_saved + 1) * sizeof(*more));
	if (more) {
		r->saved = more;
		r->saved[r->n_saved++] = text;
	} else {
		free(text);
	}
	pthread_mutex_unlock(&r->lock);
}

bool sl_aborted(const struct sl_filter *f)
{
	return sl_inst(f)->run->aborted;
}

bool sl_has_input(const struct sl_filter *f)
{
	return sl_inst(f)->node->n_in > 0;
}

bool sl_has_output(const struct sl_filter *f)
{
	return sl_inst(f)->node->n_out > 0;
}
