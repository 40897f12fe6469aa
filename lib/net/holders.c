/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* net/holders.c -- who holds which socket, by /proc; see sockets.h */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/sockets.h"

struct sl_holders {
	struct sl_holder *at;
	uint32_t n, size;	/* sorted by inode */
};

static int add(struct sl_holders *h, uint32_t inode, uint32_t pid, const char *name)
{
	struct sl_holder *more;

	if (h->n == h->size) {
		more = realloc(h->at, (h->size * 2 + 256) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		h->at = more;
		h->size = h->size * 2 + 256;
	}
	h->at[h->n] = (struct sl_holder){ .inode = inode, .pid = pid };
	strcpy(h->at[h->n++].name, name);
	return 0;
}

static bool name_of(int proc, const char *pid, char name[16])
{
	char path[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%.20s/comm", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, name, 16);
	close(fd);
	if (n <= 0)
		return false;
	n -= name[n - 1] == '\n';
	name[n < 15 ? n : 15] = '\0';
	return true;
}

/* One that ends meanwhile, or that we may not look at, is left out. */
static int read_process(struct sl_holders *h, int proc, const char *pid)
{
	char path[32], to[40], name[16] = "";
	bool named = false;
	struct dirent *e;
	int fd, r = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%.20s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (!r && (e = readdir(d))) {
		ssize_t n = readlinkat(fd, e->d_name, to, sizeof(to) - 1);
		unsigned int inode;

		if (n < 0)
			continue;
		to[n] = '\0';
		if (sscanf(to, "socket:[%u]", &inode) != 1)
			continue;
		if (!named && !name_of(proc, pid, name))
			break;
		named = true;
		r = add(h, inode, (uint32_t)strtoul(pid, NULL, 10), name);
	}
	closedir(d);
	return r;
}

static int by_inode(const void *a, const void *b)
{
	const struct sl_holder *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

/* What several hold is nobody's alone; only what they have in common stays. */
static void merge(struct sl_holders *h)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->n; i++) {
		struct sl_holder *last = n ? &h->at[n - 1] : NULL;

		if (!last || last->inode != h->at[i].inode) {
			h->at[n++] = h->at[i];
			continue;
		}
		if (strcmp(last->name, h->at[i].name))
			last->name[0] = '\0';
		if (last->pid != h->at[i].pid)
			last->pid = 0;
	}
	h->n = n;
}

int sl_holders_read(struct sl_holders **out)
{
	struct sl_holders *h = calloc(1, sizeof(*h));
	DIR *d = opendir("/proc");
	struct dirent *e;
	int r = 0;

	if (!h || !d)
		r = !h ? -ENOMEM : -errno;
	while (!r && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]))
			r = read_process(h, dirfd(d), e->d_name);
	if (d)
		closedir(d);
	if (r < 0) {
		sl_holders_free(h);
		return r;
	}
	if (h->n)
		qsort(h->at, h->n, sizeof(*h->at), by_inode);
	merge(h);
	*out = h;
	return 0;
}

const struct sl_holder *sl_holders_find(const struct sl_holders *h, uint32_t inode)
{
	const struct sl_holder key = { .inode = inode };

	return h->n ? bsearch(&key, h->at, h->n, sizeof(*h->at), by_inode) : NULL;
}

void sl_holders_free(struct sl_holders *h)
{
	if (!h)
		return;
	free(h->at);
	free(h);
}
