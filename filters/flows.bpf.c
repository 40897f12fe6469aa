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
 *	gone	record	record	...		likewise; `next` gives each its number
 */
#include "kern/decode.bpf.h"

#include "flows.h"

#define FLOWS_INLINE	__always_inline
#define FLOWS_CONST	volatile
#define FLOWS_TABLE	int
#define FLOWS_LOOP	_Pragma("clang loop unroll(disable)")
#define FLOWS_AT(t, i)	flows_at(i)
#define FLOWS_LOCK(e)	flows_lock(e)
#define FLOWS_UNLOCK(e)	flows_unlock(e)
#define FLOWS_OVER(t, e, i, why, end)	flows_over(e, i, why, end)

#define GONE		4096u

enum { STARTED, OTHER, MISSED };	/* values */

const volatile struct flows_conf how;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct flows_entry);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, GONE);
	__type(key, __u32);
	__type(value, struct flows_gone);
} gone SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} next SEC(".maps");

static __always_inline struct flows_entry *flows_at(__u32 i)
{
	return bpf_map_lookup_elem(&table, &i);
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
	g->place = place;
	g->why = why;
	g->end_ns = end;
	__sync_lock_test_and_set(&g->n, n + 1);
}

#include "flows-steps.h"

/* Addresses and ports, as they are in the packet. 0: it is no IP packet. */
static __always_inline int read_packet(struct sl_k *k, struct flows_packet *p)
{
	struct flows_key *y = &p->key;
	__u16 l3 = k->b->l3, l4, sp = 0, dp = 0;
	const __u8 *q;

	sl_kdecode(k);
	l3 = k->b->l3;
	l4 = k->b->l4;
	if (!sl_khas_ip(k))
		return 0;
	q = sl_kpeek(k, l3, 20);
	if (!q)
		return 0;
	if (*q >> 4 == 4) {
		y->a[0] = *(const __u32 *)(q + 12);
		y->b[0] = *(const __u32 *)(q + 16);
		p->bytes = sl_kbe16(q + 2);
	} else {
		q = sl_kpeek(k, l3, 40);
		if (!q)
			return 0;
		y->v6 = 1;
		__builtin_memcpy(y->a, q + 8, 16);
		__builtin_memcpy(y->b, q + 24, 16);
		p->bytes = sl_kbe16(q + 4) ? sl_kbe16(q + 4) + 40u : 0;
	}
	if (!p->bytes)
		p->bytes = k->b->wire_len - l3;
	y->proto = k->b->proto;
	if (l4 && layers_has_ports(y->proto)) {
		q = sl_kpeek(k, l4, 4);
		if (q) {
			sp = sl_kbe16(q);
			dp = sl_kbe16(q + 2);
		}
	}
	if (l4 && y->proto == FLOWS_TCP) {
		q = sl_kpeek(k, l4, 14);
		p->flags = q ? q[13] : 0;
	}
	y->ap = sp;
	y->bp = dp;
	p->time_ns = sl_ktime(k);
	p->hash = sl_kflow_hash(k);
	return 1;
}

/* The lesser end first. */
static __always_inline void put_in_order(struct flows_packet *p)
{
	struct flows_key *y = &p->key;
	__u16 sp = y->ap;
	int swap = 0;

	SL_UNROLL for (int i = 3; i >= 0; i--)
		if (y->a[i] != y->b[i])
			swap = y->a[i] > y->b[i];
	if (y->a[0] == y->b[0] && y->a[1] == y->b[1] && y->a[2] == y->b[2] && y->a[3] == y->b[3])
		swap = sp > y->bp;
	if (!swap)
		return;
	SL_UNROLL for (int i = 0; i < 4; i++) {
		__u32 x = y->a[i];

		y->a[i] = y->b[i];
		y->b[i] = x;
	}
	y->ap = y->bp;
	y->bp = sp;
	p->from = 1;
}

/*
 * A function that others could call is checked by itself, once, and not anew for each way that
 * leads through the headers to it: the difference between seconds and minutes on Linux 6.1.
 */
__attribute__((noinline)) int flows_counted(struct flows_packet *p)
{
	if (!p)
		return -1;
	put_in_order(p);
	return flows_count(0, &how, p);
}

static __always_inline int flows(struct sl_k *k)
{
	struct flows_packet p = { 0 };
	int r;

	if (!read_packet(k, &p)) {
		sl_kvalue(k, OTHER, 1);
		return 0;
	}
	r = flows_counted(&p);
	if (r)
		sl_kvalue(k, r < 0 ? MISSED : STARTED, 1);
	return 0;
}

SL_KERNEL_FORM(flows);
