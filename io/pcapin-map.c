/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io/pcapin-map.c -- see map.h */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "map.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22	/* Linux 5.14; EINVAL before */
#endif

#define WINDOW	(4u << 20)

static struct sl_map maps[SL_MAPS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int n_maps;
static struct sigaction before;		/* what SIGBUS did when nothing was mapped */
static uintptr_t page;

/*
 * Only what is safe in a handler: atomics and one system call. The slot can't go
 * away under us: the thread that failed is using it.
 */
static bool mend(uintptr_t addr)
{
	for (unsigned int i = 0; i < SL_MAPS; i++) {
		struct sl_map *m = &maps[i];
		uintptr_t base = atomic_load(&m->base), from;
		size_t len = atomic_load(&m->len), good;

		if (!base || addr < base || addr - base >= len)
			continue;
		from = addr & ~(page - 1);
		if (mmap((void *)from, base + len - from, PROT_READ,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			return false;
		good = atomic_load(&m->good);
		while (from - base < good && !atomic_compare_exchange_weak(&m->good, &good, from - base))
			;
		return true;
	}
	return false;
}

static void on_sigbus(int sig, siginfo_t *si, void *context)
{
	int saved = errno;

	if (si->si_code > 0 && mend((uintptr_t)si->si_addr)) {
		errno = saved;
		return;
	}
	errno = saved;
	if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(sig, si, context);
	} else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		before.sa_handler(sig);
	} else {
		/* Not ours and nobody's: the same access fails again, now for good. */
		signal(SIGBUS, SIG_DFL);
		if (si->si_code <= 0)
			raise(SIGBUS);
	}
}

static int guard(void)
{
	struct sigaction ours = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_RESTART };

	page = (uintptr_t)sysconf(_SC_PAGESIZE);
	sigemptyset(&ours.sa_mask);
	return sigaction(SIGBUS, &ours, &before) < 0 ? -errno : 0;
}

static void unguard(void)
{
	struct sigaction now;

	if (sigaction(SIGBUS, NULL, &now) == 0 && now.sa_flags & SA_SIGINFO &&
	    now.sa_sigaction == on_sigbus)
		sigaction(SIGBUS, &before, NULL);
}

int sl_map_new(int fd, size_t len, struct sl_map **out)
{
	struct sl_map *m = NULL;
	struct stat st;
	size_t whole;
	void *p;
	int r = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < SL_MAPS && !m; i++)
		if (!atomic_load(&maps[i].base))
			m = &maps[i];
	if (!m)
		r = -EMFILE;
	else if (!n_maps)
		r = guard();
	if (r)
		goto out;
	whole = (len + page - 1) & ~(page - 1);
	p = mmap(NULL, whole, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED) {
		r = -errno;
		if (!n_maps)
			unguard();
		goto out;
	}
	madvise(p, whole, MADV_SEQUENTIAL);
	n_maps++;
	m->populated = 0;
	sl_claim_read(&m->claim, &st);
	atomic_store(&m->good, len);
	atomic_store(&m->len, whole);
	atomic_store(&m->base, (uintptr_t)p);
	*out = m;
out:
	pthread_mutex_unlock(&lock);
	return r;
}

void sl_map_free(struct sl_map *m)
{
	if (!m)
		return;
	sl_claim_drop(&m->claim);
	pthread_mutex_lock(&lock);
	munmap((void *)atomic_load(&m->base), atomic_load(&m->len));
	atomic_store(&m->base, 0);
	if (--n_maps == 0)
		unguard();
	pthread_mutex_unlock(&lock);
}

void sl_map_ahead(struct sl_map *m, size_t at)
{
	size_t len = atomic_load_explicit(&m->len, memory_order_relaxed), n;

	if (at + WINDOW / 2 < m->populated || m->populated >= len)
		return;
	n = len - m->populated < WINDOW ? len - m->populated : WINDOW;
	/* A failure costs nothing: the pages then come one by one. */
	(void)madvise((void *)(atomic_load_explicit(&m->base, memory_order_relaxed) + m->populated), n,
		      MADV_POPULATE_READ);
	m->populated += n;
}
