/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kern/ring.bpf.h -- how programs write into a ring in an arena or in a mmapable array
 *
 * Which of the two, says RING. The layout is that of ring/layout.h. One ring a CPU, and
 * programs run with soft interrupts off, so there is one writer and no lock.
 *
 *	claim  moves before the bytes are written: what lies `size` bytes before it
 *	       is not good any more
 *	head   moves when they are: a reader may look at them
 *
 *	put_begin()	room is made sure of, and claimed
 *	  put_bytes()	... and all else that is written
 *	put_end()	published; whoever sleeps is woken
 */
#ifndef SL_KERN_RING_BPF_H
#define SL_KERN_RING_BPF_H

#include "kern/commit.bpf.h"

#define RING_ARRAY	1
#define RING_ARENA	2

#define DIRECT_MAX	2048u	/* bytes that are copied without a helper; a power of two */

#define BARRIER() asm volatile("" ::: "memory")

/* The reader sleeps, or it naps and much has come: wake it, once. */
static __always_inline void ring_bell(__u32 cpu, __u64 head)
{
	__u32 how;
	struct sl_dring_ctl *c = sl_kasleep(&how), *own;

	if (!c)
		return;
	if (how == SL_K_DOZE) {
		own = bpf_map_lookup_elem(&control, &cpu);
		if (!own || head - *(volatile __u64 *)&own->reader[0].tail < ring_conf.size / 4)
			return;
	}
	sl_kwake(c);
}

/* The lowest tail of the readers that are waited for. */
static __always_inline __u64 lowest_tail(const struct sl_dring_ctl *c, __u64 head)
{
	__u64 low = head, t;

	SL_UNROLL for (int i = 0; i < SL_DRING_SLOTS; i++) {
		if ((__u32)i >= *(const volatile __u32 *)&c->n_honoured)
			break;
		if (*(const volatile __u32 *)&c->reader[i].state != SL_DRING_HONOURED)
			continue;
		t = *(const volatile __u64 *)&c->reader[i].tail;
		if ((__s64)(low - t) > 0)
			low = t;
	}
	return low;
}

/* True when there is room for `need` bytes at `pos`. */
static __always_inline int room(struct sl_kscratch *s, __u32 cpu, __u64 pos, __u64 need)
{
	const struct sl_dring_ctl *c;

	if (pos + need - s->tail <= ring_conf.size)
		return 1;
	c = bpf_map_lookup_elem(&control, &cpu);
	if (!c)
		return 0;
	s->tail = lowest_tail(c, pos);
	return pos + need - s->tail <= ring_conf.size;
}

#if RING == RING_ARRAY

struct {			/* a page for struct sl_dring_head, the data, the spare bytes */
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, SL_DRING_DATA + SL_K_SPARE + 65536);
} ring SEC(".maps");

typedef __u8 *place;
#define AT(type, p)	((type *)(p))

static __always_inline place ring_of(__u32 cpu)
{
	return bpf_map_lookup_elem(&ring, &cpu);
}

/* The frame's bytes [from, from + n) to `to`: straight from the packet. */
static __always_inline void put_bytes(struct sl_k *k, place to, __u32 from, __u32 n)
{
	if (SL_BOUND(n, FRAME_MAX))
		sl_kload_raw(k->ctx, from, to, n);
}

#elif RING == RING_ARENA

#define __arena __attribute__((address_space(1)))

struct {
	__uint(type, 33 /* BPF_MAP_TYPE_ARENA */);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
} ring SEC(".maps");

typedef __u8 __arena *place;
#define AT(type, p)	((type __arena *)(p))

static __always_inline place ring_of(__u32 cpu)
{
	asm volatile("" : : "r"(&ring));	/* tells the verifier which arena */
	return (place)(ring_conf.base + cpu * ring_conf.stride);
}

/* x as a number of which the verifier knows nothing: it follows one way on from here, not as many as led here. */
static __always_inline __u32 forget(struct sl_kscratch *s, __u32 x)
{
	volatile __u32 *cell = (volatile __u32 *)s->tmp;

	*cell = x;
	return *cell;
}

/*
 * Helpers do not write to arenas. What lies in one piece is copied by 64 bytes, then by 8; the last 8
 * overlap those before them. Pointers are read anew behind each loop: an old one still knows how far
 * it was compared, which would be another way on for each turn.
 */
static __always_inline void put_direct(struct sl_k *k, place to, __u32 n)
{
	const __u8 *from, *end;
	__u32 done = 0;

	sl_kpiece(k->ctx, &from, &end);
	for (int i = 0; i < DIRECT_MAX / 64; i++) {
		const __u64 *v = (const __u64 *)from;
		__u64 __arena *q = (__u64 __arena *)(to + done);

		if (done + 64 > n || from + 64 > end)
			break;
		q[0] = v[0], q[1] = v[1], q[2] = v[2], q[3] = v[3];
		q[4] = v[4], q[5] = v[5], q[6] = v[6], q[7] = v[7];
		from += 64;
		done += 64;
	}
	if (done == n)
		return;
	done = forget(k->s, done) & (2 * DIRECT_MAX - 1);
	sl_kpiece(k->ctx, &from, &end);
	from += done;
	for (int i = 0; i < 7; i++) {
		if (done + 8 > n || from + 8 > end)
			break;
		*(__u64 __arena *)(to + done) = *(const __u64 *)from;
		from += 8;
		done += 8;
	}
	if (n >= 8) {
		n = forget(k->s, n - 8) & (2 * DIRECT_MAX - 1);
		sl_kpiece(k->ctx, &from, &end);
		from += n;
		if (from + 8 <= end)
			*(__u64 __arena *)(to + n) = *(const __u64 *)from;
		return;
	}
	for (int i = 0; i < 7; i++) {
		if (done >= n || from + 1 > end)
			break;
		to[done++] = *from++;
	}
}

struct bounce {
	__u64 w[128];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bounce);
} bounce SEC(".maps");

struct put {
	void *ctx;
	struct bounce *b;
	__u64 to;		/* address in the arena */
	__u32 from, left;
};

static long put_piece(__u32 i, struct put *p)
{
	__u64 __arena *q = (__u64 __arena *)p->to;
	__u32 n = p->left < sizeof(p->b->w) ? p->left : (__u32)sizeof(p->b->w);

	(void)i;
	SL_OPAQUE(n);
	if (!n || n > sizeof(p->b->w))
		return 1;
	if (sl_kload_raw(p->ctx, p->from, p->b->w, n))
		return 1;
	for (__u32 j = 0; j < 128 && j * 8 < n; j++)
		q[j] = p->b->w[j];
	p->to += n;
	p->from += n;
	p->left -= n;
	return p->left == 0;
}

static __always_inline void put_bytes(struct sl_k *k, place to, __u32 from, __u32 n)
{
	struct put p = { .ctx = k->ctx, .to = (__u64)to, .from = from, .left = n };
	const __u8 *d, *end;
	__u32 zero = 0;

	sl_kpiece(k->ctx, &d, &end);
	if (!from && n <= DIRECT_MAX && d + n <= end) {
		put_direct(k, to, n);
		return;
	}
	p.b = bpf_map_lookup_elem(&bounce, &zero);
	if (p.b)
		bpf_loop(64, put_piece, &p, 0);
}

#endif

/*
 * Room for a record of `need` bytes and its header: where to go on behind that. NULL: there is
 * none. Claimed until put_end().
 */
static __always_inline place put_begin(struct sl_kscratch *s, __u32 cpu, place r, __u64 need)
{
	__u64 pos = s->pos;
	__u32 off;
	place at;

	if (!room(s, cpu, pos, need))
		return 0;
	AT(volatile struct sl_dring_head, r)->claim = pos + need;
	BARRIER();
	off = (__u32)pos & (__u32)(ring_conf.size - 1);
	SL_OPAQUE(off);
	off &= (__u32)(ring_conf.size - 1);	/* bounded where it is used, for the verifier to see */
	at = r + SL_DRING_DATA + off;
	AT(struct sl_dring_rec, at)->size = (__u32)need;
	AT(struct sl_dring_rec, at)->len = (__u32)need - sizeof(struct sl_dring_rec);
	AT(struct sl_dring_rec, at)->seq = s->seq;
	return at + sizeof(struct sl_dring_rec);
}

static __always_inline void put_end(struct sl_kscratch *s, __u32 cpu, place r, __u64 need)
{
	__u64 pos = s->pos + need;

	s->pos = pos;
	s->seq++;
	BARRIER();
	AT(volatile struct sl_dring_head, r)->seq = s->seq;
	if (ring_conf.weak_order)
		__sync_fetch_and_add(&AT(struct sl_dring_head, r)->head, need);
	else
		AT(volatile struct sl_dring_head, r)->head = pos;
	ring_bell(cpu, pos);
}

#endif
