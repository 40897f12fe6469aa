/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/loop.c -- the event loop of the main thread
 *
 * One epoll instance for all sources and stages that may have to wait, and for the
 * eventfd by which workers, and sl_run_stop(), wake the main thread. Descriptors are
 * armed for one event at a time: what became ready is remembered as pending and
 * its filter called once nothing below it is stalled, so a reader that may not go on
 * yet costs no wake-ups. Back-pressure is this: a stalled filter's sources aren't
 * called, so they do not read.
 */
#include <errno.h>
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

static int arm(struct sl_inst *i, int dir, int op)
{
	struct epoll_event ev = {
		.events = (dir ? EPOLLOUT : EPOLLIN) | EPOLLONESHOT,
		.data.u64 = event_id(i, dir),
	};

	return epoll_ctl(i->f.shard->epoll_fd, op, i->fd[dir], &ev);
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

static void collect(struct sl_run *r, int timeout_ms)
{
	struct epoll_event ev[32];
	uint64_t n_wakes;
	int n;

	n = epoll_wait(r->main.epoll_fd, ev, 32, timeout_ms);
	for (int k = 0; k < n; k++) {
		uint64_t id = ev[k].data.u64;

		if (id == WAKE) {
			if (read(r->wake_fd, &n_wakes, sizeof(n_wakes)) < 0)
				continue;
		} else {
			r->main.inst[id >> 1]->pending[id & 1] = true;
		}
	}
}

static bool call_ready(struct sl_run *r, struct sl_inst *i)
{
	int n = 0;
	bool again[2];

	for (int dir = 0; dir < 2; dir++) {
		again[dir] = i->pending[dir];
		i->pending[dir] = false;
	}
	i->waiting = false;
	if (i->node->n_in || !i->f.type->pull) {
		i->f.cur = NULL;
		sl_busy(&r->main, i);
		n = i->f.type->ready ? i->f.type->ready(&i->f, SL_PULL) : 0;
		sl_inst_push(i);
		sl_busy(&r->main, NULL);
		sl_account_check(i);
		sl_shard_drain(&r->main, r->n_workers ? SL_PARTS(0) : SL_ALL_PARTS);
		sl_pool_settle(&r->main);
	}
	if (n < 0 && n != SL_EOF && n != SL_AGAIN) {
		i->failed = true;
		atomic_store(&r->failed, true);
	}
	for (int dir = 0; dir < 2; dir++)
		if (again[dir] && i->fd[dir] >= 0 && arm(i, dir, EPOLL_CTL_MOD) < 0)
			i->pending[dir] = true;
	return true;
}

bool sl_loop_events(struct sl_run *r, int timeout_ms)
{
	bool called = false;

	if (r->main.n_fds || timeout_ms)
		collect(r, timeout_ms);
	for (unsigned int k = 0; r->main.n_fds && k < r->main.n_sorted; k++) {
		struct sl_inst *i = r->main.sorted[k];

		sl_reach(r);
		if (i->pending[1] || (i->pending[0] && !r->held_up[i->node->id]))
			called |= call_ready(r, i);
	}
	return called;
}

bool sl_loop_can_wait(const struct sl_run *r)
{
	return r->main.n_fds || r->n_workers;
}
