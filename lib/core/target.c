/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* target.c -- see target.h */
#include "core/target.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* There may be one for each flow, so the list is cut into many. */
#define LISTS	1024u

static struct sl_claim *lists[LISTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct sl_claim **list_of(ino_t ino)
{
	return &lists[(uint64_t)ino % LISTS];
}

static struct sl_claim *find(dev_t dev, ino_t ino, bool writes)
{
	struct sl_claim *c = *list_of(ino);

	while (c && (c->dev != dev || c->ino != ino || c->writes != writes))
		c = c->next;
	return c;
}

static void add(struct sl_claim *c, dev_t dev, ino_t ino, bool writes)
{
	struct sl_claim **list = list_of(ino);

	*c = (struct sl_claim){ .dev = dev, .ino = ino, .held = true, .writes = writes, .next = *list };
	*list = c;
}

void sl_claim_read(struct sl_claim *c, const struct stat *st)
{
	pthread_mutex_lock(&lock);
	add(c, st->st_dev, st->st_ino, false);
	pthread_mutex_unlock(&lock);
}

/*
 * A file that was just made is nobody else's, whatever its number: that of one that
 * was removed while it was closed for a while may be in use again.
 */
static int claim_write(struct sl_claim *c, const struct stat *st, bool made)
{
	int r = 0;

	pthread_mutex_lock(&lock);
	if (!made && find(st->st_dev, st->st_ino, true))
		r = -EEXIST;
	else
		add(c, st->st_dev, st->st_ino, true);
	pthread_mutex_unlock(&lock);
	return r;
}

void sl_claim_drop(struct sl_claim *c)
{
	struct sl_claim **at;

	if (!c->held)
		return;
	pthread_mutex_lock(&lock);
	for (at = list_of(c->ino); *at && *at != c; at = &(*at)->next)
		;
	if (*at)
		*at = c->next;
	c->held = false;
	pthread_mutex_unlock(&lock);
}

static bool is_read(const struct sl_target *t)
{
	bool read;

	pthread_mutex_lock(&lock);
	read = find(t->dev, t->ino, false);
	pthread_mutex_unlock(&lock);
	return read;
}

int sl_target_open(struct sl_target *t, const char *path)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, r = 0;
	bool standard = !strcmp(path, "-");
	struct stat st;

	*t = (struct sl_target){ .fd = -1, .path = strdup(path) };
	if (!t->path)
		return -ENOMEM;
	if (standard) {
		t->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		t->fd = open(path, flags | O_EXCL, 0666);
		t->made = t->fd >= 0;
		if (t->fd < 0 && errno == EEXIST)
			t->fd = open(path, flags, 0666);
	}
	if (t->fd < 0 || fstat(t->fd, &st) < 0) {
		r = -errno;
	} else {
		t->disk = S_ISREG(st.st_mode);
		t->regular = t->disk && !standard;
		t->dev = st.st_dev;
		t->ino = st.st_ino;
		if (t->disk || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
			r = claim_write(&t->claim, &st, t->made);
	}
	if (r < 0)
		sl_target_undo(t);
	return r;
}

void sl_target_pause(struct sl_target *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

int sl_target_resume(struct sl_target *t)
{
	struct stat st;
	int r = 0;

	if (t->fd >= 0)
		return 0;
	t->fd = open(t->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
	if (t->fd < 0)
		return -errno;
	if (fstat(t->fd, &st) < 0)
		r = -errno;
	else if (st.st_dev != t->dev || st.st_ino != t->ino)
		r = -ESTALE;
	if (r < 0)
		sl_target_pause(t);
	return r;
}

int sl_target_begin(struct sl_target *t)
{
	struct stat st;

	if (t->begun)
		return 0;
	if (t->regular) {
		if (is_read(t))
			return -EDEADLK;
		/*
		 * Not a file that is empty already: ext4 takes any cut to nothing as a
		 * sign that a file is being replaced, and then close() waits until all
		 * of the new one is on its way to disk (auto_da_alloc, ext4(5)).
		 */
		if (fstat(t->fd, &st) < 0 || (st.st_size && ftruncate(t->fd, 0) < 0))
			return -errno;
	}
	t->begun = true;
	return 0;
}

int sl_target_close(struct sl_target *t)
{
	int r = 0;

	if (!t->path)
		return 0;
	sl_claim_drop(&t->claim);
	if (t->fd >= 0 && close(t->fd) < 0)
		r = -errno;
	t->fd = -1;
	free(t->path);
	t->path = NULL;
	return r;
}

void sl_target_undo(struct sl_target *t)
{
	struct stat st;

	if (t->path && t->made && !t->begun && lstat(t->path, &st) == 0 && st.st_dev == t->dev &&
	    st.st_ino == t->ino)
		unlink(t->path);
	sl_target_close(t);
}

bool sl_target_cut(struct sl_target *t, off_t n)
{
	off_t at = t->disk && n ? lseek(t->fd, 0, SEEK_CUR) : -1;
	struct stat st;

	if (at < n || fstat(t->fd, &st) < 0 || st.st_size != at || ftruncate(t->fd, at - n) < 0)
		return false;
	lseek(t->fd, at - n, SEEK_SET);
	return true;
}

const char *sl_target_why(int err)
{
	switch (err) {
	case -EDEADLK:
		return "it is being read by this very pipeline";
	case -EEXIST:
		return "another filter writes it already";
	case -ESTALE:
		return "the name means another file by now";
	}
	return strerror(-err);
}

bool sl_target_full(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -EFBIG;
}

const char *sl_target_loss(int err)
{
	return sl_target_full(err) ? "disk full" : err == -EPIPE ? "reader gone" :
	       err == -ENOMEM ? "out of memory" : "write failed";
}
