/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* outfile.c -- text on its way out: see outfile.h */
#include "core/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
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
	struct stat st;

	*o = (struct sl_outfile){ .fd = -1 };
	if (!strcmp(path, "-")) {
		o->fd = STDOUT_FILENO;
	} else {
		o->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
		if (o->fd < 0)
			return o->error = -errno;
		o->own = true;
	}
	o->live = fstat(o->fd, &st) < 0 || !S_ISREG(st.st_mode);
	return 0;
}

int sl_outfile_flush(struct sl_outfile *o)
{
	size_t at = 0;

	while (!o->error && at < o->used) {
		struct iovec v = { o->buf + at, o->used - at };
		ssize_t r = sl_writev_quiet(o->fd, &v, 1);

		if (r == -EAGAIN) {
			/* Standard output may have been made non-blocking by others. */
			struct pollfd p = { .fd = o->fd, .events = POLLOUT };

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
	return o->error;
}

int sl_outfile_batch(struct sl_outfile *o)
{
	return o->used && (o->live || o->used >= FULL) ? sl_outfile_flush(o) : o->error;
}

char *sl_outfile_room(struct sl_outfile *o, size_t n)
{
	size_t cap;
	char *buf;

	if (o->error)
		o->used = 0;
	else if (o->used >= FULL)
		sl_outfile_flush(o);
	if (o->cap - o->used >= n)
		return o->buf + o->used;
	for (cap = o->cap ? o->cap : 2 * FULL; cap - o->used < n; cap *= 2)
		;
	buf = realloc(o->buf, cap);
	if (!buf) {
		o->error = o->error ? o->error : -ENOMEM;
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

int sl_outfile_done(struct sl_outfile *o)
{
	int r = o->error;

	if (o->fd >= 0) {
		r = sl_outfile_flush(o);
		if (o->own && close(o->fd) < 0 && !r)
			r = -errno;
	}
	free(o->buf);
	*o = (struct sl_outfile){ .fd = -1 };
	return r;
}
