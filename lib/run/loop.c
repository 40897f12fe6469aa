/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/loop.c -- the event loop of the main thread
 *
 * One epoll instance for all sources and stages that may have to wait, and for the
 * eventfd by which workers, and sl_run_stop(), wake the main thread. What became ready, or
 * whose time has come (sl_wait_until), is remembered and its filter called once nothing
 * below it is stalled. Back-pressure is this: a stalled filter's sources aren't called,
 * so they do not read. A reader that may not go on yet costs no wake-ups: its
 * descriptor is silenced until it may.
 *
 * A filter that is no source may close its descriptor without a word, while a child still has it:
 * its descriptors are armed for one event at a time.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "run/run.h"

#define WAKE	UINT64_MAX

int sl_loop_init(struct sl_run *r)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = WAKE };

	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->main.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (r->wake_fd < 0 || r->main.epoll_fd < 0 ||
	    epoll_ctl(r->main.epoll_fd, EPOLL_CTL_ADD, r->wake_fd, &ev) < 0)
		return -errno;
	return 0;
}

void sl_loop_done(struct sl_run *r)
{
	if (r->wake_fd >= 0)
		close(r->wake_fd);
	r->wake_fd = -1;
}

static uint64_t event_id(const struct sl_inst *i, int dir)
{
	return (uint64_t)i->node->id << 1 | (unsigned int)dir;
}

static bool is_source(const struct sl_inst *i)
{
	return i->f.type->pull && !i->node->n_in;
}

static int control(struct sl_inst *i, int dir, int op, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = event_id(i, dir) };

	return epoll_ctl(i->f.shard->epoll_fd, op, i->fd[dir], &ev);
}

static int arm(struct sl_inst *i, int dir, int op)
{
	int r = control(i, dir, op, (dir ? EPOLLOUT : EPOLLIN) | (is_source(i) ? 0 : EPOLLONESHOT));

	i->armed[dir] = r == 0;
	return r;
}

/* It may not go on: errors, which can't be left out, are told once. */
static void silence(struct sl_inst *i, int dir)
{
	control(i, dir, EPOLL_CTL_MOD, EPOLLONESHOT);
	i->armed[dir] = false;
}

int sl_wait_fd(struct sl_filter *f, int fd, bool for_write)
{
	struct sl_inst *i = sl_inst(f);
	struct sl_shard *sh = f->shard;

	if (sh->worker)
		return -EINVAL;		/* sharded filters do not wait */
	if (i->fd[for_write] == fd)
		return 0;
	if (i->fd[for_write] >= 0) {
		/* The filter may have closed it already; then epoll forgot it. */
		epoll_ctl(sh->epoll_fd, EPOLL_CTL_DEL, i->fd[for_write], NULL);
		i->fd[for_write] = -1;
		i->pending[for_write] = false;
		sh->n_fds--;
	}
	if (fd < 0)
		return 0;
	i->fd[for_write] = fd;
	sh->n_fds++;
	if (arm(i, for_write, EPOLL_CTL_ADD) == 0)
		return 0;
	if (errno != EPERM) {
		i->fd[for_write] = -1;
		sh->n_fds--;
		return -errno;
	}
	i->pending[for_write] = true;	/* a file: always ready */
	return 0;
}

void sl_wait_until(struct sl_filter *f, uint64_t ns)
{
	sl_inst(f)->wake_ns = ns;
}

bool sl_fd_ready(const struct sl_filter *f)
{
	return sl_inst(f)->by_fd;
}

void sl_stall(struct sl_filter *f, bool on)
{
	struct sl_inst *i = sl_inst(f);

	if (i->stalled == on || (on && i->run->no_takers && f->type->flags & SL_F_EXCHANGE))
		return;
	i->stalled = on;
	i->run->reach_stale = true;
	if (on)
		f->shard->n_stalled++;
	else
		f->shard->n_stalled--;
}

void sl_unstall_takes(struct sl_run *r)
{
	r->no_takers = true;
	for (unsigned int k = 0; k < r->main.n_sorted; k++)
		if (r->main.sorted[k]->f.type->flags & SL_F_EXCHANGE)
			sl_stall(&r->main.sorted[k]->f, false);
}

void sl_reach(struct sl_run *r)
{
	if (!r->reach_stale)
		return;
	r->reach_stale = false;
	for (unsigned int k = r->graph->n_nodes; k-- > 0; ) {
		const struct sl_node *n = r->graph->sorted[k];
		const struct sl_inst *i = r->main.inst[n->id];
		bool finished = n->n_out > 0, held_up = false;

		for (unsigned int o = 0; o < n->n_out; o++) {
			const struct sl_node *to = n->out[o]->to;

			finished &= r->no_more[to->id];
			held_up |= r->held_up[to->id] || (r->main.inst[to->id] && r->main.inst[to->id]->stalled);
		}
		r->no_more[n->id] = finished || (i && i->finished);
		r->held_up[n->id] = held_up;
	}
}

static bool held_up(const struct sl_run *r, const struct sl_inst *i)
{
	return r->held_up[i->node->id];
}

/* Something was remembered that may go on now? */
static bool callable(const struct sl_run *r, const struct sl_inst *i)
{
	return i->pending[1] || ((i->pending[0] || i->due) && !held_up(r, i));
}

/* Epoll counts in milliseconds; where a nap is over before anything is ready, this is one call. */
static bool ready_within(const struct sl_run *r, int64_t timeout_ns)
{
	struct timespec t = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
	struct pollfd p = { .fd = r->main.epoll_fd, .events = POLLIN };

	return ppoll(&p, 1, &t, NULL) > 0;
}

static void collect(struct sl_run *r, int64_t timeout_ns)
{
	struct epoll_event ev[32];
	uint64_t n_wakes;
	int n;

	if (timeout_ns > 0 && !ready_within(r, timeout_ns))
		return;
	n = epoll_wait(r->main.epoll_fd, ev, 32, timeout_ns < 0 ? -1 : 0);
	for (int k = 0; k < n; k++) {
		uint64_t id = ev[k].data.u64;
		struct sl_inst *i;

		if (id == WAKE) {
			if (read(r->wake_fd, &n_wakes, sizeof(n_wakes)) < 0)
				continue;
		} else {
			i = r->main.inst[id >> 1];
			i->pending[id & 1] = true;
			if (!is_source(i))
				i->armed[id & 1] = false;
		}
	}
}

/* How long to wait at most: until the first time that somebody waits for. */
static int64_t until_first(const struct sl_run *r, int64_t timeout_ns)
{
	uint64_t first = UINT64_MAX, now;

	for (unsigned int k = 0; k < r->main.n_sorted; k++) {
		const struct sl_inst *i = r->main.sorted[k];

		if (callable(r, i))
			return 0;
		if (i->wake_ns && i->wake_ns < first)
			first = i->wake_ns;
	}
	if (first == UINT64_MAX)
		return timeout_ns;
	now = sl_clock_ns();
	if (first <= now)
		return 0;
	return timeout_ns < 0 || first - now < (uint64_t)timeout_ns ? (int64_t)(first - now) : timeout_ns;
}

static void note_due(struct sl_run *r)
{
	uint64_t now = 0;

	for (unsigned int k = 0; k < r->main.n_sorted; k++) {
		struct sl_inst *i = r->main.sorted[k];

		if (!i->wake_ns)
			continue;
		now = now ? now : sl_clock_ns();
		if (i->wake_ns > now)
			continue;
		i->wake_ns = 0;
		i->due = true;
	}
}

static bool call_ready(struct sl_run *r, struct sl_inst *i)
{
	int n = 0;
	bool again[2];

	for (int dir = 0; dir < 2; dir++) {
		again[dir] = i->pending[dir];
		i->by_fd |= again[dir];
		i->pending[dir] = false;
	}
	i->waiting = i->due = false;
	if (i->node->n_in || !i->f.type->pull) {
		i->f.cur = NULL;
		i->wake_ns = 0;
		sl_busy(&r->main, i);
		n = i->f.type->ready ? i->f.type->ready(&i->f, SL_PULL) : 0;
		sl_inst_push(i);
		sl_busy(&r->main, NULL);
		sl_account_check(i);
		sl_shard_drain(&r->main, r->n_workers ? SL_PARTS(0) : SL_ALL_PARTS);
		sl_pool_settle(&r->main);
		i->by_fd = false;
	}
	if (n < 0 && n != SL_EOF && n != SL_AGAIN) {
		i->failed = true;
		atomic_store(&r->failed, true);
	}
	for (int dir = 0; dir < 2; dir++)
		if (again[dir] && !i->armed[dir] && i->fd[dir] >= 0 && arm(i, dir, EPOLL_CTL_MOD) < 0)
			i->pending[dir] = true;
	return true;
}

bool sl_loop_events(struct sl_run *r, int64_t timeout_ns)
{
	bool called = false;

	sl_reach(r);
	if (timeout_ns)
		timeout_ns = until_first(r, timeout_ns);
	if (r->main.n_fds || timeout_ns)
		collect(r, timeout_ns);
	note_due(r);
	for (unsigned int k = 0; k < r->main.n_sorted; k++) {
		struct sl_inst *i = r->main.sorted[k];

		sl_reach(r);
		if (callable(r, i))
			called |= call_ready(r, i);
		else if (i->pending[0] && i->armed[0])
			silence(i, 0);
	}
	return called;
}

bool sl_loop_can_wait(const struct sl_run *r)
{
	if (r->main.n_fds || r->n_workers)
		return true;
	for (unsigned int k = 0; k < r->main.n_sorted; k++)
		if (r->main.sorted[k]->wake_ns || r->main.sorted[k]->due)
			return true;
	return false;
}
