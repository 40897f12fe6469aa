/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* map.c -- data rings: memory, descriptors and slots; see dring.h */
#include "ring/dring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE	0x0010
#endif

#define CTL_BYTES	4096u

static void clear(struct sl_dring *d)
{
	*d = (struct sl_dring){ .fd = -1, .ctl_fd = -1, .room = -1 };
	for (unsigned int i = 0; i < SL_DRING_SLOTS; i++)
		d->bell[i] = -1;
}

static void set_sizes(struct sl_dring *d, uint64_t size, uint64_t spare)
{
	d->size = size;
	d->spare = spare;
	d->largest = sl_dring_largest(size, spare);
}

static bool good_size(uint64_t size)
{
	return size >= SL_DRING_BYTES_MIN && size <= SL_DRING_BYTES_MAX && !(size & (size - 1));
}

static int sealed_memfd(const char *name, size_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), r;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)len) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* Head page and data, and the data once more behind them. */
static int map_twice(struct sl_dring *d, int fd, uint64_t size, int prot)
{
	size_t once = SL_DRING_DATA + size;
	uint8_t *base = mmap(NULL, once + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return -errno;
	d->head = (struct sl_dring_head *)base;
	d->data = base + SL_DRING_DATA;
	d->mapped = once + size;
	/* populate: no page faults among the records */
	if (mmap(base, once, prot, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0) == MAP_FAILED
	    || mmap(base + once, size, prot, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, SL_DRING_DATA) == MAP_FAILED)
		return -errno;
	set_sizes(d, size, size);
	return 0;
}

static int map_ctl(struct sl_dring *d, int fd)
{
	void *p = mmap(NULL, CTL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	d->ctl = p;
	d->ctl_mapped = CTL_BYTES;
	return 0;
}

int sl_dring_create(struct sl_dring *d, uint64_t bytes)
{
	uint64_t size = SL_DRING_BYTES_MIN;
	int r;

	clear(d);
	if (bytes > SL_DRING_BYTES_MAX)
		return -EINVAL;
	while (size < bytes)
		size *= 2;
	d->owner = true;
	r = d->fd = sealed_memfd("sl-ring", SL_DRING_DATA + size);
	if (r < 0)
		goto fail;
	r = map_twice(d, d->fd, size, PROT_READ | PROT_WRITE);
	if (r < 0)
		goto fail;
	/* A child that wants to read maps it for reading. */
	if (madvise(d->head, d->mapped, MADV_DONTFORK) < 0
	    || fcntl(d->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
		r = -errno;
		goto fail;
	}
	r = d->ctl_fd = sealed_memfd("sl-ring-ctl", CTL_BYTES);
	if (r < 0)
		goto fail;
	r = map_ctl(d, d->ctl_fd);
	if (r < 0)
		goto fail;
	d->head->size = size;
	d->head->spare = size;
	__atomic_store_n(&d->head->magic, SL_DRING_MAGIC, __ATOMIC_RELEASE);
	return 0;
fail:
	sl_dring_done(d);
	return r;
}

/* Whoever can shrink the file could have us killed by a bus error. */
static int check_file(int fd, uint64_t size)
{
	struct stat st;
	int seals;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return -EBADMSG;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return -EPERM;
	return 0;
}

static bool good_magic(uint64_t magic)
{
	return magic == SL_DRING_MAGIC || magic == SL_DRING_ENDED;
}

int sl_dring_attach(struct sl_dring *d, int fd, int ctl_fd)
{
	struct sl_dring_head h;
	ssize_t n;
	int r;

	clear(d);
	n = pread(fd, &h, sizeof(h), 0);
	if (n < 0)
		return -errno;
	if (n != sizeof(h) || !good_magic(h.magic) || !good_size(h.size) || h.spare != h.size)
		return -EBADMSG;
	r = check_file(fd, SL_DRING_DATA + h.size);
	if (r == 0 && ctl_fd >= 0)
		r = check_file(ctl_fd, CTL_BYTES);
	if (r < 0)
		return r;
	d->fd = fd;
	d->ctl_fd = ctl_fd;
	r = map_twice(d, fd, h.size, PROT_READ);
	if (r == 0 && ctl_fd >= 0)
		r = map_ctl(d, ctl_fd);
	if (r < 0)
		sl_dring_done(d);
	return r;
}

int sl_dring_format(void *base, size_t len, uint64_t size)
{
	struct sl_dring_head *h = base;

	if (!good_size(size) || len < SL_DRING_DATA + size + 4096 || ((uintptr_t)base & 63))
		return -EINVAL;
	*h = (struct sl_dring_head){ .size = size, .spare = len - SL_DRING_DATA - size };
	__atomic_store_n(&h->magic, SL_DRING_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

int sl_dring_wrap(struct sl_dring *d, void *base, size_t len, struct sl_dring_ctl *ctl)
{
	struct sl_dring_head *h = base;
	uint64_t size, spare;

	clear(d);
	if (len < SL_DRING_DATA || !good_magic(__atomic_load_n(&h->magic, __ATOMIC_ACQUIRE)))
		return -EBADMSG;
	size = h->size;
	spare = h->spare;
	if (!good_size(size) || spare < 64 || spare > len || len - spare < SL_DRING_DATA + size)
		return -EBADMSG;
	d->head = h;
	d->data = (uint8_t *)base + SL_DRING_DATA;
	d->ctl = ctl;
	set_sizes(d, size, spare);
	return 0;
}

void sl_dring_done(struct sl_dring *d)
{
	if (d->mapped)
		munmap(d->head, d->mapped);
	if (d->ctl_mapped)
		munmap(d->ctl, d->ctl_mapped);
	if (d->owner) {
		for (unsigned int i = 0; i < SL_DRING_SLOTS; i++)
			if (d->bell[i] >= 0)
				close(d->bell[i]);
		if (d->room >= 0)
			close(d->room);
		if (d->ctl_fd >= 0)
			close(d->ctl_fd);
		if (d->fd >= 0)
			close(d->fd);
	}
	clear(d);
}

/*
 * relaxed: the writer rings a bell only for a bit that its reader sets later, and
 * waits at room only for a slot that it sees.
 */
static int make_bell(int *bell)
{
	int fd;

	if (*bell >= 0)
		return 0;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	__atomic_store_n(bell, fd, __ATOMIC_RELAXED);
	return 0;
}

/* After a full fence: a writer that waits for room looks again. */
static void ring_room(struct sl_dring *d)
{
	uint64_t one = 1;

	if (__atomic_load_n(&d->head->wanted, __ATOMIC_SEQ_CST) && d->room >= 0
	    && write(d->room, &one, sizeof(one)) < 0)
		return;		/* full: it is readable already */
}

int sl_dring_slot_open(struct sl_dring *d, enum sl_dring_state kind, uint32_t pid)
{
	struct sl_dring_slot *s = NULL;
	int slot, r;

	if (!d->ctl || kind == SL_DRING_FREE)
		return -EINVAL;
	for (slot = 0; slot < (int)SL_DRING_SLOTS; slot++) {
		s = &d->ctl->reader[slot];
		if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SL_DRING_FREE)
			break;
	}
	if (slot == (int)SL_DRING_SLOTS)
		return -ENOSPC;
	d->owner = true;
	r = make_bell(&d->room);
	if (r == 0)
		r = make_bell(&d->bell[slot]);
	if (r < 0)
		return r;
	s->pid = pid;
	__atomic_store_n(&s->tail, __atomic_load_n(&d->head->head, __ATOMIC_ACQUIRE), __ATOMIC_RELAXED);
	if (__atomic_load_n(&d->ctl->n_honoured, __ATOMIC_RELAXED) <= (uint32_t)slot)
		__atomic_store_n(&d->ctl->n_honoured, (uint32_t)slot + 1, __ATOMIC_SEQ_CST);
	/*
	 * Full fence between state and head: pairs with the one between head and the
	 * look at the slots in submit and more. A writer that misses the state has
	 * published no later than what is read here, and claims no further than a
	 * ring's size behind it.
	 */
	__atomic_exchange_n(&s->state, (uint32_t)kind, __ATOMIC_SEQ_CST);
	__atomic_exchange_n(&s->tail, __atomic_load_n(&d->head->head, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST);
	/* It may have seen the first of the two tails, and gone to sleep for this one. */
	ring_room(d);
	return slot;
}

void sl_dring_slot_close(struct sl_dring *d, int slot)
{
	/* full fence: pairs with the one between wanted and the slots in wait_room */
	__atomic_exchange_n(&d->ctl->reader[slot].state, SL_DRING_FREE, __ATOMIC_SEQ_CST);
	__atomic_fetch_and(&d->ctl->waiting, ~(1u << slot), __ATOMIC_SEQ_CST);
	ring_room(d);
}
