/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/rings.c -- rings that programs in the kernel write and this process reads
 *
 * The layout and who may move what is told in ring/layout.h. Here the reader of slot
 * 0 is honoured: while it is the only one, nothing that it has not released is
 * written again, so blocks may point into the ring.
 *
 * An arena is mapped at one address, the same in the kernel's programs and in every
 * process; each part takes an address of its own. Its pages are touched once, since a
 * program's store to one that is not there is dropped without a word. An array is
 * mapped anywhere. The kernel's own ring buffer is another matter: ringbuf.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kern/part_int.h"

#define ARENA		((enum bpf_map_type)33)		/* BPF_MAP_TYPE_ARENA, Linux 6.9 */
#ifdef __SANITIZE_THREAD__
#define ARENA_FIRST	(1ull << 38)	/* it has most addresses for itself */
#define ARENA_PLACES	32
#else
#define ARENA_FIRST	(1ull << 44)
#define ARENA_PLACES	4096
#endif
#define ARENA_STEP	(1ull << 33)
#define ARENA_TRIES	256
#define RING_MIN	(64u << 10)
#define RING_MAX	(1u << 30)

static uint64_t power_of_two(uint64_t n)
{
	uint64_t p = RING_MIN;

	while (p < n && p < RING_MAX)
		p <<= 1;
	return p;
}

/* An address where nothing is mapped yet; the next part gets the next one. */
static uint64_t arena_address(size_t len)
{
	static unsigned int turn;

	for (unsigned int i = 0; i < ARENA_TRIES; i++) {
		uint64_t at = ARENA_FIRST + (__atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) % ARENA_PLACES) * ARENA_STEP;
		void *p = mmap((void *)at, len, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

		if (p == MAP_FAILED)
			continue;
		munmap(p, len);
		if (p == (void *)at)
			return at;
	}
	return 0;
}

static int make_arena(struct sl_krings *r)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	void *p;

	r->map_len = r->n * r->stride;
	if (r->map_len > UINT32_MAX)
		return -E2BIG;
	r->base = arena_address(r->map_len);
	if (!r->base)
		return -ENOMEM;
	opts.map_extra = r->base;
	r->fd = bpf_map_create(ARENA, "sl_ring", 0, 0, (uint32_t)(r->map_len / 4096), &opts);
	if (r->fd < 0)
		return -errno;
	p = mmap((void *)r->base, r->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, r->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->map = p;
	for (size_t at = 0; at < r->map_len; at += 4096)
		*(volatile uint8_t *)(r->map + at) = 0;
	return 0;
}

static int make_array(struct sl_krings *r)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	void *p;

	r->map_len = r->n * r->stride;
	if (r->stride > INT32_MAX)
		return -E2BIG;
	r->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sl_ring", 4, (uint32_t)r->stride, r->n, &opts);
	if (r->fd < 0)
		return -errno;
	p = mmap(NULL, r->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->map = p;
	return 0;
}

static int make_control(struct sl_krings *r)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	void *p;

	r->control_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sl_control", 4, 4096, r->n, &opts);
	if (r->control_fd < 0)
		return -errno;
	p = mmap(NULL, r->n * 4096u, PROT_READ | PROT_WRITE, MAP_SHARED, r->control_fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->control = p;
	r->bell_fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "sl_bell", 0, 0, 4096, NULL);
	return r->bell_fd < 0 ? -errno : 0;
}

/* From here on only programs of the kernel write: no process can, by any way. */
static int freeze(struct sl_krings *r)
{
	void *p;

	munmap(r->map, r->map_len);
	r->map = NULL;
	if (bpf_map_freeze(r->fd) < 0)
		return -errno;
	p = mmap(NULL, r->map_len, PROT_READ, MAP_SHARED, r->fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->map = p;
	return 0;
}

static int rung(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

int sl_krings_new(struct sl_krings *r, enum sl_kcarrier carrier, uint64_t ring_bytes, bool shared)
{
	int n = libbpf_num_possible_cpus(), e;

	*r = (struct sl_krings){ .carrier = carrier, .fd = -1, .control_fd = -1, .bell_fd = -1 };
	if (n < 1)
		return n;
	r->n_cpus = (unsigned int)n;
	r->n = carrier == SL_CARRIER_RINGBUF ? 1 : r->n_cpus;
	r->size = power_of_two(ring_bytes);
	r->stride = SL_DRING_DATA + r->size + SL_K_SPARE;
	r->at = calloc(r->n, sizeof(*r->at));
	r->live = calloc(r->n, sizeof(*r->live));
	if (!r->at || !r->live)
		return -ENOMEM;
	if (shared && carrier != SL_CARRIER_ARRAY)
		return -EINVAL;
	e = carrier == SL_CARRIER_ARENA ? make_arena(r) :
	    carrier == SL_CARRIER_ARRAY ? make_array(r) : sl_kringbuf_new(r);
	if (!e)
		e = make_control(r);
	if (e < 0)
		return e;
	r->bell = ring_buffer__new(r->bell_fd, rung, NULL, NULL);
	if (!r->bell)
		return -errno;
	for (unsigned int i = 0; carrier != SL_CARRIER_RINGBUF && i < r->n; i++) {
		struct sl_dring_head *h = sl_krings_head(r, i);
		struct sl_dring_ctl *c = sl_krings_ctl(r, i);

		h->magic = SL_DRING_MAGIC;
		h->size = r->size;
		h->spare = SL_K_SPARE;
		c->n_honoured = 1;
		c->reader[0].pid = (uint32_t)getpid();
		c->reader[0].state = shared ? SL_DRING_LAPPED : SL_DRING_HONOURED;
	}
	return shared ? freeze(r) : 0;
}

void sl_krings_done(struct sl_krings *r)
{
	ring_buffer__free(r->bell);
	if (r->carrier == SL_CARRIER_RINGBUF)
		sl_kringbuf_done(r);
	if (r->map)
		munmap(r->map, r->map_len);
	if (r->control)
		munmap(r->control, r->n * 4096u);
	if (r->fd >= 0)
		close(r->fd);
	if (r->control_fd >= 0)
		close(r->control_fd);
	if (r->bell_fd >= 0)
		close(r->bell_fd);
	free(r->at);
	free(r->live);
	*r = (struct sl_krings){ .fd = -1, .control_fd = -1, .bell_fd = -1 };
}

/* ---- reading ------------------------------------------------------- */

static const struct sl_dring_rec *record(const struct sl_krings *r, unsigned int i)
{
	return (const struct sl_dring_rec *)(r->map + i * r->stride + SL_DRING_DATA +
					     (r->at[i].pos & (r->size - 1)));
}

/* Is there something to read in ring i? */
static bool ready(struct sl_krings *r, unsigned int i)
{
	if (r->at[i].pos != r->at[i].head)
		return true;
	/* acquire: pairs with the publication of head, after the bytes */
	r->at[i].head = __atomic_load_n(&sl_krings_head(r, i)->head, __ATOMIC_ACQUIRE);
	return r->at[i].pos != r->at[i].head;
}

void sl_kpacket_at(struct sl_krings *r, const struct sl_kframe *f, struct sl_kpacket *out)
{
	out->frame = f;
	out->n_entries = sl_kframe_entries(f, r->plain);
	if (f->flags & SL_K_PLAIN) {
		out->entries = r->plain;
		out->bytes = (const uint8_t *)(f + 1);
	} else {
		out->entries = (const struct sl_kentry *)(f + 1);
		out->bytes = (const uint8_t *)(out->entries + out->n_entries);
	}
}

/*
 * What was published? True: something where nothing was left. Nothing that is known
 * is younger than the look at an empty ring, so until one has been read as far as is
 * known, the others need no other look (as in lapped.c).
 */
static bool look(struct sl_krings *r)
{
	unsigned int before = r->n_live;

	r->dry = false;
	/* acquire: pairs with the publication of head, after the bytes */
	for (unsigned int k = 0; k < before; k++)
		r->at[r->live[k]].head = __atomic_load_n(&sl_krings_head(r, r->live[k])->head, __ATOMIC_ACQUIRE);
	for (unsigned int i = 0; i < r->n; i++) {
		if (r->at[i].live || !ready(r, i))
			continue;
		r->at[i].live = true;
		r->live[r->n_live++] = i;
	}
	return r->n_live > before;
}

static uint64_t time_of(const struct sl_dring_rec *rec)
{
	return ((const struct sl_kframe *)(rec + 1))->time_ns;
}

/* Of the rings that have something; those that have nothing more are that no longer. */
static const struct sl_dring_rec *oldest(struct sl_krings *r, unsigned int *ring)
{
	const struct sl_dring_rec *rec, *best = NULL;

	for (unsigned int k = r->n_live; k-- > 0; ) {
		unsigned int i = r->live[k];

		if (r->at[i].pos == r->at[i].head) {
			r->at[i].live = false;
			r->live[k] = r->live[--r->n_live];
			r->dry = true;
			continue;
		}
		rec = record(r, i);
		if (best && time_of(rec) >= time_of(best))
			continue;
		best = rec;
		*ring = i;
	}
	return best;
}

int sl_kpart_next(struct sl_kpart *p, struct sl_kpacket *out)
{
	struct sl_krings *r = &p->rings;
	const struct sl_dring_rec *best;
	unsigned int ring = 0;

	if (r->carrier == SL_CARRIER_RINGBUF)
		return sl_kringbuf_next(r, out);
	do
		best = oldest(r, &ring);
	while ((r->dry || !best) && look(r));
	if (!best)
		return 0;
	sl_kpacket_at(r, (const struct sl_kframe *)(best + 1), out);
	out->ring = out->cpu = ring;
	out->pos = r->at[ring].pos;
	r->at[ring].pos += best->size;
	out->end = r->at[ring].pos;
	__builtin_prefetch((const uint8_t *)best + best->size);
	__builtin_prefetch((const uint8_t *)best + best->size + 64);
	return 1;
}

void sl_kpart_release(struct sl_kpart *p, unsigned int ring, uint64_t pos)
{
	__u64 *tail = p->rings.consumer ? p->rings.consumer : &sl_krings_ctl(&p->rings, ring)->reader[0].tail;

	/* release: pairs with the program's look at the tails, or the kernel's at its consumer */
	__atomic_store_n(tail, pos, __ATOMIC_RELEASE);
}

uint8_t *sl_kpart_ring(const struct sl_kpart *p, unsigned int ring, uint64_t *size_bytes)
{
	*size_bytes = p->rings.size;
	if (p->rings.carrier == SL_CARRIER_RINGBUF)
		return p->rings.map;
	return p->rings.map + ring * p->rings.stride + SL_DRING_DATA;
}

unsigned int sl_kpart_n_rings(const struct sl_kpart *p)
{
	return p->rings.n;
}

unsigned int sl_kpart_n_cpus(const struct sl_kpart *p)
{
	return p->rings.n_cpus;
}

int sl_kpart_fd(const struct sl_kpart *p)
{
	return ring_buffer__epoll_fd(p->rings.bell);
}

bool sl_kpart_sleep(struct sl_kpart *p)
{
	struct sl_dring_ctl *c = sl_krings_ctl(&p->rings, 0);

	/* full fence, then look once more: see ring/layout.h */
	__atomic_exchange_n(&c->waiting, 1, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < p->rings.n && !p->o.shared; i++) {
		if (p->rings.carrier == SL_CARRIER_RINGBUF ? !sl_kringbuf_ready(&p->rings) : !ready(&p->rings, i))
			continue;
		__atomic_store_n(&c->waiting, 0, __ATOMIC_RELAXED);
		return false;
	}
	return true;
}

void sl_kpart_doze(struct sl_kpart *p)
{
	__atomic_store_n(&sl_krings_ctl(&p->rings, 0)->waiting, SL_K_DOZE, __ATOMIC_RELAXED);
}

bool sl_kpart_rung(struct sl_kpart *p)
{
	return ring_buffer__consume(p->rings.bell) > 0;
}

void sl_kpart_woken(struct sl_kpart *p)
{
	__atomic_store_n(&sl_krings_ctl(&p->rings, 0)->waiting, 0, __ATOMIC_RELAXED);
	ring_buffer__consume(p->rings.bell);
}

int sl_kpart_share(const struct sl_kpart *p, uint64_t *stride, uint64_t *size, const uint8_t **map)
{
	*stride = p->rings.stride;
	*size = p->rings.size;
	*map = p->rings.map;
	return p->rings.fd;
}

double sl_kpart_fill(const struct sl_kpart *p)
{
	double most = 0;

	if (p->rings.consumer)
		return (double)(__atomic_load_n(p->rings.producer, __ATOMIC_RELAXED) -
				__atomic_load_n(p->rings.consumer, __ATOMIC_RELAXED)) / (double)p->rings.size;
	for (unsigned int i = 0; i < p->rings.n; i++) {
		uint64_t used = __atomic_load_n(&sl_krings_head(&p->rings, i)->head, __ATOMIC_RELAXED) -
				__atomic_load_n(&sl_krings_ctl(&p->rings, i)->reader[0].tail, __ATOMIC_RELAXED);

		if ((double)used / (double)p->rings.size > most)
			most = (double)used / (double)p->rings.size;
	}
	return most;
}
