/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/ringbuf.c -- the kernel's own ring buffer, read in place
 *
 * One ring for all CPUs, as the kernel lays it out (BPF_MAP_TYPE_RINGBUF, Linux 5.8):
 *
 *	page 0		consumer: how far the reader is done; the only page that it may write
 *	page 1		producer: how far room has been given out
 *	data, data	the same pages twice, so that no record is split
 *
 * A position is a count of bytes, headers included. A record begins with 8 bytes of the kernel's,
 * the first four of which are its length and two bits: BUSY while a program still writes it,
 * DISCARD when it is to be passed over. Records become readable in the order in which room
 * was given: one that is busy holds back those behind it.
 *
 *	consumer <= tail of the oldest block in use <= pos (read up to) <= head (seen of producer)
 *
 * The consumer moves by sl_kpart_release() alone, not by reading, so blocks may point into the
 * ring; to the kernel it is nothing but a limit, and need not be where a record begins. As
 * poll() says "readable" while the two positions differ, waiting is done by the bell.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "kern/part_int.h"

#define HEADER	8u

/* Room for each of n CPUs, in one piece. */
int sl_kringbuf_new(struct sl_krings *r)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t size = r->size;
	uint8_t *p;

	if (sizeof(long) != 8)
		return -EOPNOTSUPP;	/* positions are longs of the kernel */
	while (size < r->size * r->n_cpus && size < SL_DRING_BYTES_MAX)
		size <<= 1;
	r->size = size;
	r->fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "sl_ring", 0, 0, (uint32_t)size, NULL);
	if (r->fd < 0)
		return -errno;
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->consumer = (__u64 *)p;
	p = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, r->fd, (off_t)page);
	if (p == MAP_FAILED)
		return -errno;
	r->producer = (const __u64 *)p;
	r->map = p + page;
	r->map_len = 2 * size;
	return 0;
}

void sl_kringbuf_done(struct sl_krings *r)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (r->consumer)
		munmap(r->consumer, page);
	if (r->map)
		munmap(r->map - page, page + r->map_len);
	r->map = NULL;
}

static const uint8_t *at(const struct sl_krings *r, uint64_t pos)
{
	return r->map + (pos & (r->size - 1));
}

static uint64_t end_of(uint64_t pos, uint32_t len)
{
	return pos + ((len + HEADER + 7u) & ~7u);
}

/* The header of the record at the reader's position; BUSY: there is none now. */
static uint32_t header(struct sl_krings *r)
{
	uint32_t len;

	for (;;) {
		if (r->at->pos == r->at->head) {
			/* acquire: the header is marked as busy before the kernel moves its position */
			r->at->head = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
			if (r->at->pos == r->at->head)
				return BPF_RINGBUF_BUSY_BIT;
		}
		/* acquire: pairs with the kernel's exchange on submission, after the bytes */
		len = __atomic_load_n((const uint32_t *)at(r, r->at->pos), __ATOMIC_ACQUIRE);
		if (!(len & BPF_RINGBUF_DISCARD_BIT) || len & BPF_RINGBUF_BUSY_BIT)
			return len;
		r->at->pos = end_of(r->at->pos, len & ~BPF_RINGBUF_DISCARD_BIT);
	}
}

bool sl_kringbuf_ready(struct sl_krings *r)
{
	return !(header(r) & BPF_RINGBUF_BUSY_BIT);
}

int sl_kringbuf_next(struct sl_krings *r, struct sl_kpacket *out)
{
	uint32_t len = header(r);
	const struct sl_dring_rec *rec;

	if (len & BPF_RINGBUF_BUSY_BIT)
		return 0;
	rec = (const struct sl_dring_rec *)(at(r, r->at->pos) + HEADER);
	sl_kpacket_at(r, (const struct sl_kframe *)(rec + 1), out);
	out->ring = 0;
	out->cpu = (unsigned int)(rec->seq >> SL_K_SEQ_BITS);
	out->pos = r->at->pos;
	out->end = r->at->pos = end_of(out->pos, len);
	__builtin_prefetch(at(r, out->end));
	__builtin_prefetch(at(r, out->end) + 64);
	return 1;
}
