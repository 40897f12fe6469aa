/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* outfile.c -- text on its way out: see outfile.h */
#include "core/outfile.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FULL	(64u << 10)

/*
 * A library may not change how its program treats SIGPIPE. So the signal is held back
 * for the time of the write; if the write brought it about, and it was not
 * pending before, it is taken away again.
 */
ssize_t sl_writev_quiet(int fd, const struct iovec *iov, int n)
{
	const struct timespec now = { 0 };
	sigset_t pipe_only, before, pending;
	bool was_pending;
	ssize_t r, whole = 0;
	int err;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	do
		r = writev(fd, iov, n);
	while (r < 0 && errno == EINTR);
	err = errno;
	/* A pipe whose reader goes away during the write gives what it took, and the signal. */
	for (int i = 0; i < n; i++)
		whole += (ssize_t)iov[i].iov_len;
	if ((r < 0 ? err == EPIPE : r < whole) && !was_pending) {
		while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR)
			;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = err;
	return r < 0 ? -err : r;
}

int sl_outfile_open(struct sl_outfile *o, const char *path)
{
	*o = (struct sl_outfile){ .buf = NULL };
	return o->error = sl_target_open(&o->to, path);
}

static void flush(struct sl_outfile *o)
{
	size_t at = 0;

	if (!o->error && o->used)
		o->error = sl_target_begin(&o->to);
	while (!o->error && at < o->used) {
		struct iovec v = { o->buf + at, o->used - at };
		ssize_t r = sl_writev_quiet(o->to.fd, &v, 1);

		if (r == -EAGAIN) {
			/* Standard output may have been made non-blocking by others. */
			struct pollfd p = { .fd = o->to.fd, .events = POLLOUT };

			poll(&p, 1, -1);
			continue;
		}
		if (r < 0)
			o->error = (int)r;
		else
			at += (size_t)r;
	}
	o->written += at;
	o->used = 0;
}

unsigned int sl_outfile_batch(struct sl_outfile *o, const uint64_t *mark, unsigned int n)
{
	unsigned int good = n;

	if (o->used)
		flush(o);
	while (good && mark[good - 1] > o->written)
		good--;
	if (good)
		o->whole = mark[good - 1];
	if (o->error && o->written > o->whole && sl_target_cut(&o->to, (off_t)(o->written - o->whole)))
		o->written = o->whole;
	return good;
}

char *sl_outfile_room(struct sl_outfile *o, size_t n)
{
	size_t cap = o->cap ? o->cap : 2 * FULL;
	char *buf;

	if (o->error)
		o->used = 0;
	else if (o->used >= FULL)
		flush(o);
	if (o->cap - o->used >= n)
		return o->buf + o->used;
	while (cap - o->used < n && cap < SIZE_MAX / 2)
		cap *= 2;
	buf = realloc(o->buf, cap);
	if (!buf) {
		/* What is there goes out first: it was counted on. */
		flush(o);
		if (o->cap >= n)
			return o->buf;
		sl_outfile_fail(o, -ENOMEM);
		return NULL;
	}
	o->buf = buf;
	o->cap = cap;
	return o->buf + o->used;
}

void sl_outfile_put(struct sl_outfile *o, const void *bytes, size_t n)
{
	char *p = sl_outfile_room(o, n);

	if (!p)
		return;
	memcpy(p, bytes, n);
	o->used += n;
}

void sl_outfile_fail(struct sl_outfile *o, int err)
{
	flush(o);
	o->error = o->error ? o->error : err;
}

int sl_outfile_done(struct sl_outfile *o)
{
	int r;

	if (o->to.path) {
		flush(o);
		if (!o->error)
			o->error = sl_target_begin(&o->to);
		r = sl_target_close(&o->to);
		o->error = o->error ? o->error : r;
	}
	free(o->buf);
	o->buf = NULL;
	o->used = o->cap = 0;
	return o->error;
}

void sl_outfile_undo(struct sl_outfile *o)
{
	sl_target_undo(&o->to);
	free(o->buf);
	o->buf = NULL;
	o->used = o->cap = 0;
}
