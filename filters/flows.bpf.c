/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * flows.bpf.c -- kernel form of flows.c
 *
 * The table is an array that the C side has mapped, so it reads flows with no system call and
 * without holding anything up: it takes an entry for good when its lock was even and the
 * same before and after. It never writes there. A record that makes room for another
 * one goes to `gone`, a ring that is written over when nobody reads it in time; the
 * numbers in it tell.
 *
 *	table	entry	entry	entry ...	programs of all processors, an entry's lock held
 *	wide	addresses of IPv6 ...		likewise
 *	soon	number	number	...		grows when flows began or closed there
 *	gone	record	record	...		`next` gives each its number
 *	queues	packets		one for each processor
 *
 * To find a flow among a million takes one look into memory, and that takes longer than all the rest,
 * once for each packet. So packets wait until there are FLOWS_GATHER, on their processor, and
 * then the looks are taken at once. They stay in order, and have their own times. When no
 * more come, user space has them counted: flush().
 */
#include "kern/decode.bpf.h"

#include "flows.h"

#define FLOWS_INLINE	__always_inline
#define FLOWS_CONST	volatile
#define FLOWS_TABLE	int
#define FLOWS_LOOP	_Pragma("clang loop unroll(disable)")
#define FLOWS_UNLIKELY(x)	__builtin_expect(!!(x), 0)
#define FLOWS_AT(t, i)	flows_at(i)
#define FLOWS_WIDE(t, i)	flows_wide_at(i)
#define FLOWS_LOCK(e)	flows_lock(e)
#define FLOWS_UNLOCK(e)	flows_unlock(e)
#define FLOWS_OVER(t, e, i, why, end)	flows_over(e, i, why, end)
#define FLOWS_SOON(t, i)	flows_soon(i)

#define GONE		4096u
#define DENSE_NS	4000u		/* packets come close upon each other */

enum { STARTED, OTHER, MISSED };	/* values */

const volatile struct flows_conf how;

#define ARRAY(name, n, of) \
	struct { \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, n); \
		__type(key, __u32); \
		__type(value, of); \
	} name SEC(".maps")

ARRAY(table, 65536, struct flows_entry);
ARRAY(wide, 65536, struct flows_wide);
ARRAY(soon, 65536 / FLOWS_CHUNK, __u64);
ARRAY(gone, GONE, struct flows_gone);
ARRAY(next, 1, __u64);
ARRAY(queues, 1, struct flows_queue);

static __always_inline struct flows_entry *flows_at(__u32 i)
{
	return bpf_map_lookup_elem(&table, &i);
}

static __always_inline struct flows_wide *flows_wide_at(__u32 i)
{
	return bpf_map_lookup_elem(&wide, &i);
}

/* After what began can be seen: a full barrier. */
static __always_inline void flows_soon(__u32 place)
{
	__u32 i = place / FLOWS_CHUNK;
	__u64 *n = bpf_map_lookup_elem(&soon, &i);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline int flows_lock(struct flows_entry *e)
{
	for (int i = 0; i < 64; i++) {
		__u32 was = *(volatile __u32 *)&e->lock;

		if (!(was & 1) && __sync_val_compare_and_swap(&e->lock, was, was + 1) == was)
			return 1;
	}
	return 0;
}

static __always_inline void flows_unlock(struct flows_entry *e)
{
	if (how.weak_order) {
		__sync_fetch_and_add(&e->lock, 1);
		return;
	}
	asm volatile("" ::: "memory");
	*(volatile __u32 *)&e->lock = e->lock + 1;
}

static __always_inline void flows_over(struct flows_entry *e, __u32 place, __u32 why, __u64 end)
{
	__u32 zero = 0, at;
	__u64 *counter = bpf_map_lookup_elem(&next, &zero), n;
	struct flows_wide *w;
	struct flows_gone *g;

	if (!counter)
		return;
	n = __sync_fetch_and_add(counter, 1);
	at = n & (GONE - 1);
	g = bpf_map_lookup_elem(&gone, &at);
	if (!g)
		return;
	__sync_lock_test_and_set(&g->n, 0);
	g->e = *e;
	w = flows_wide_at(place);
	if (w && e->count[1] & (__u64)FLOWS_V6 << FLOWS_MORE)
		g->w = *w;
	g->place = place;
	g->why = why;
	g->end_ns = end;
	__sync_lock_test_and_set(&g->n, n + 1);
}

#include "flows-steps.h"

/*
 * Functions that others could call are checked by themselves, once, and not anew for each way
 * that leads through the headers to them: the difference between seconds and minutes on Linux 6.1.
 */
__attribute__((noinline)) int flows_counted(struct flows_packet *p)
{
	return p ? flows_count(0, &how, p, NULL) : -1;
}

__attribute__((noinline)) int flows_counted_wide(struct flows_slot *s)
{
	return s ? flows_count(0, &how, &s->p, &s->w) : -1;
}

/* ---- packets that wait --------------------------------------------------- */

static __always_inline struct flows_queue *queue_at(__u32 cpu)
{
	return bpf_map_lookup_elem(&queues, &cpu);
}

/* It is another processor's for a moment at most: see flush(). */
static __always_inline int queue_take(struct flows_queue *q)
{
	for (int i = 0; i < 1024; i++)
		if (!*(volatile __u32 *)&q->lock && !__sync_val_compare_and_swap(&q->lock, 0, 1))
			return 1;
	return 0;
}

static __always_inline void queue_leave(struct flows_queue *q)
{
	if (how.weak_order) {
		__sync_lock_test_and_set(&q->lock, 0);
		return;
	}
	asm volatile("" ::: "memory");
	*(volatile __u32 *)&q->lock = 0;
}

static __always_inline __u32 count_one(struct flows_slot *s)
{
	int r = s->p.v6 ? flows_counted_wide(s) : flows_counted(&s->p);

	return r < 0 ? FLOWS_MISSED : (__u32)r;
}

/*
 * All that wait, in the order in which they came. The lines that they want are asked for first,
 * and none of these loads depends on another: so they are waited for at once. Gives
 * how many flows began, and by FLOWS_MISSED, what could not be counted.
 */
__attribute__((noinline)) int queue_drain(__u32 cpu)
{
	struct flows_queue *q = queue_at(cpu);
	__u32 result = 0, n;

	if (!q)
		return 0;
	n = q->n;
	if (n > 1) {
		SL_UNROLL for (__u32 i = 0; i < FLOWS_GATHER; i++) {
			struct flows_entry *e = flows_at(q->slot[i].p.hash & how.mask);

			if (e)
				(void)*(volatile __u64 *)&e->last_ns;
		}
	}
	FLOWS_LOOP for (__u32 i = 0; i < FLOWS_GATHER; i++) {
		if (i >= n)
			break;
		result += count_one(&q->slot[i]);
	}
	q->n = 0;
	return (int)result;
}

/*
 * A packet waits only where packets come close upon each other, and is not kept by another one's
 * end: what opens or closes a connection is counted at once, with all before it.
 */
__attribute__((noinline)) int queue_put(struct flows_slot *s)
{
	__u32 cpu = bpf_get_smp_processor_id(), n;
	struct flows_queue *q = queue_at(cpu);
	int r = 0, at_once;

	if (!s)
		return 0;
	if (!q || (!q->gather && !q->n) || !queue_take(q))
		return (int)count_one(s);
	n = q->n;
	if (n < FLOWS_GATHER) {
		q->slot[n].p = s->p;
		if (s->p.v6)
			q->slot[n].w = s->w;
		q->n = n + 1;
	}
	at_once = !q->gather || s->p.time_ns - q->last_ns > DENSE_NS || s->p.flags & (FLOWS_SYN | FLOWS_FIN | FLOWS_RST);
	q->last_ns = s->p.time_ns;
	if (n + 1 >= FLOWS_GATHER || at_once)
		r = queue_drain(cpu);
	queue_leave(q);
	return r;
}

/* Of IPv6: checked by itself as well. */
__attribute__((noinline)) int put_wide(struct flows_slot *s)
{
	if (!s)
		return 0;
	flows_order_wide(&s->p, &s->w);
	return queue_put(s);
}

static __always_inline __u32 cpu_asked_for(struct xdp_md *ctx)
{
	const __u32 *cpu = (const __u32 *)(long)ctx->data;

	return (const void *)(cpu + 1) <= (const void *)(long)ctx->data_end ? *cpu : ~0u;
}

/*
 * Run by user space when packets wait and no more come: on any processor, so the one whose
 * queue it is may look at it meanwhile. User space learns what began, and adds it up.
 */
SEC("xdp") int flush(struct xdp_md *ctx)
{
	__u32 cpu = cpu_asked_for(ctx);
	struct flows_queue *q = queue_at(cpu);
	int r;

	if (!q || !queue_take(q))
		return 0;
	r = queue_drain(cpu);
	queue_leave(q);
	return r;
}

/* ---- packets ---------------------------------------------------------------- */

/* What nearly all are: places are constants, and nothing needs to be asked. */
static __always_inline int is_common(const struct sl_kblock *b)
{
	return b->l3 == 14 && b->l4 == 34 && b->frame_len >= 48 && (b->proto == LAYER_TCP || b->proto == LAYER_UDP);
}

static __always_inline int count_common(struct sl_k *k)
{
	struct layers d = { k->b, k };
	const __u8 *q = layers_peek(&d, 14, 34);
	struct flows_slot s = { 0 };

	if (!q)
		return -1;
	s.p.time_ns = sl_ktime(k);
	s.p.a = *(const __u32 *)(q + 12);
	s.p.b = *(const __u32 *)(q + 16);
	s.p.ap = bpf_ntohs(*(const __u16 *)(q + 20));
	s.p.bp = bpf_ntohs(*(const __u16 *)(q + 22));
	s.p.proto = k->b->proto;
	s.p.bytes = bpf_ntohs(*(const __u16 *)(q + 2));
	if (!s.p.bytes)
		s.p.bytes = k->b->wire_len - 14;
	if (s.p.proto == LAYER_TCP)
		s.p.flags = q[33];
	flows_order(&s.p);
	return queue_put(&s);
}

/* Ports, flags, and all that does not lie in the IP header. */
static __always_inline void read_rest(struct sl_k *k, struct flows_packet *p)
{
	__u16 l4 = k->b->l4;
	const __u8 *q;

	p->time_ns = sl_ktime(k);
	p->proto = k->b->proto;
	if (!p->bytes)		/* a segment larger than a length can say */
		p->bytes = k->b->wire_len - k->b->l3;
	if (!l4)
		return;
	q = layers_has_ports(p->proto) ? sl_kpeek(k, l4, 4) : NULL;
	if (q) {
		p->ap = sl_kbe16(q);
		p->bp = sl_kbe16(q + 2);
	}
	q = p->proto == FLOWS_TCP ? sl_kpeek(k, l4, 14) : NULL;
	if (q)
		p->flags = q[13];
}

static __always_inline int count_any(struct sl_k *k)
{
	struct flows_slot s = { 0 };
	__u16 l3 = k->b->l3;
	const __u8 *q = sl_kpeek(k, l3, 20);

	if (!q)
		return -1;
	if (*q >> 4 == 4) {
		s.p.a = *(const __u32 *)(q + 12);
		s.p.b = *(const __u32 *)(q + 16);
		s.p.bytes = sl_kbe16(q + 2);
		read_rest(k, &s.p);
		flows_order(&s.p);
		return queue_put(&s);
	}
	q = sl_kpeek(k, l3, 40);
	if (!q)
		return -1;
	__builtin_memcpy(s.w.a, q + 8, 16);
	__builtin_memcpy(s.w.b, q + 24, 16);
	s.p.bytes = sl_kbe16(q + 4) ? sl_kbe16(q + 4) + 40u : 0;
	s.p.v6 = 1;
	read_rest(k, &s.p);
	return put_wide(&s);
}

static __always_inline int flows(struct sl_k *k)
{
	int r = -1;

	sl_kdecode(k);
	if (is_common(k->b))
		r = count_common(k);
	else if (sl_khas_ip(k))
		r = count_any(k);
	if (!r)
		return 0;
	if (r < 0) {
		sl_kvalue(k, OTHER, 1);
		return 0;
	}
	sl_kvalue(k, STARTED, (__u32)r % FLOWS_MISSED);
	sl_kvalue(k, MISSED, (__u32)r / FLOWS_MISSED);
	return 0;
}

SL_KERNEL_FORM(flows);
