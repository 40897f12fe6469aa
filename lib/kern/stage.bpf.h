/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kern/stage.bpf.h -- how the kernel form of a filter is written
 *
 * A form is one file beside its C form, NAME.bpf.c, with one function that looks at
 * one packet and says where it goes. It has no idea of hooks, rings, or neighbours:
 *
 *	const volatile __u32 port;		// parameters: set before it is loaded
 *
 *	static __always_inline int mine(struct sl_k *k)
 *	{
 *		sl_kdecode(k);			// kern/decode.bpf.h
 *		if (k->b->proto != IPPROTO_UDP)
 *			return SL_K_DROP;
 *		k->b->class = ...;
 *		sl_kvalue(k, 0, 1);		// first of the descriptor's values
 *		return 0;			// the port that it leaves by
 *	}
 *	SL_KERNEL_FORM(mine);
 *
 * The program that the macro makes touches its context only through sl_kload(), so
 * one object serves every hook: its type is chosen when it is loaded, and branches
 * for other hooks are removed by the verifier, as `conf` is constant by then. For the
 * same reason choosing an arrow costs only the comparisons that its tag needs, and
 * a jump to the next stage is a direct one.
 */
#ifndef SL_KERN_STAGE_BPF_H
#define SL_KERN_STAGE_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "kern/abi.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define SL_UNROLL	_Pragma("clang loop unroll(full)")
/* Keep the compiler from undoing a bound that the verifier is to see. */
#define SL_OPAQUE(x)	asm volatile("" : "+r"(x))
/* Is n (a __u32 variable) from 1 to max? Asked so that every verifier sees it: before Linux 6.8
 * none learns from n != 0. */
#define SL_BOUND(n, max) ({						\
		__u32 less_ = (n) - 1;					\
		int in_;						\
		SL_OPAQUE(less_);					\
		in_ = less_ < (max);					\
		if (in_) {						\
			SL_OPAQUE(less_);	/* added to behind the question */ \
			(n) = less_ + 1;				\
		}							\
		in_; })

const volatile struct sl_kconf conf;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SL_K_STAGES);
	__type(key, __u32);
	__type(value, __u32);
} stages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_kscratch);
} scratch SEC(".maps");

struct sl_k {			/* what a form works on */
	void *ctx;
	struct sl_kscratch *s;
	struct sl_kblock *b;	/* &s->cur */
};

static __always_inline struct sl_kscratch *sl_kscratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

/* The queue of a packet, from 1. Of one that came in the kernel keeps it so, and 0 where it does not know. */
static __always_inline __u16 sl_kqueue(const struct __sk_buff *skb, __u16 flags)
{
	return (__u16)(skb->queue_mapping + (flags & SL_K_FLAG_OUT ? 1 : 0));
}

/* n bytes (a constant) of the packet as it lies at the hook, into memory. */
static __always_inline long sl_kload_raw(void *ctx, __u32 off, void *to, __u32 n)
{
	return conf.hook == SL_K_XDP ? bpf_xdp_load_bytes(ctx, off, to, n)
				     : bpf_skb_load_bytes(ctx, off, to, n);
}

/*
 * The part of a packet that lies in one piece, from its beginning on. Each context is read in a
 * branch of its own, which the compiler is kept from joining: a pointer into the one may
 * not become a pointer into the other.
 */
static __always_inline void sl_kpiece(void *ctx, const __u8 **data, const __u8 **end)
{
	if (conf.hook == SL_K_XDP) {
		*data = (const __u8 *)(long)((struct xdp_md *)ctx)->data;
		*end = (const __u8 *)(long)((struct xdp_md *)ctx)->data_end;
		asm volatile("" : "+r"(*data), "+r"(*end) : "r"(ctx));
	} else {
		*data = (const __u8 *)(long)((struct __sk_buff *)ctx)->data;
		*end = (const __u8 *)(long)((struct __sk_buff *)ctx)->data_end;
		asm volatile("" : "+r"(*data), "+r"(*end));
	}
}

/* n bytes from `off` in place, NULL where they are not in that piece: they have to be fetched. */
static __always_inline const __u8 *sl_kplace(void *ctx, __u32 off, __u32 n)
{
	const __u8 *p, *end;

	sl_kpiece(ctx, &p, &end);
	p += off;
	return p + n <= end ? p : NULL;
}

/*
 * n bytes (a constant, at most 64) of the frame from `off`, to be read at once; NULL
 * when the frame ends before. They lie in the packet, in the window, or are fetched.
 */
static __always_inline const __u8 *sl_kpeek(struct sl_k *k, __u32 off, const __u32 n)
{
	if (off > 0xffff || off + n > k->b->frame_len)
		return NULL;
	if (conf.hook == SL_K_XDP) {
		const __u8 *p;

		SL_OPAQUE(off);
		if (off > 0x7fff)
			return sl_kload_raw(k->ctx, off, k->s->tmp, n) ? NULL : k->s->tmp;
		p = sl_kplace(k->ctx, off, n);
		if (p)
			return p;
		return sl_kload_raw(k->ctx, off, k->s->tmp, n) ? NULL : k->s->tmp;
	}
	if (off <= SL_K_WINDOW - n) {
		SL_OPAQUE(off);
		if (off > SL_K_WINDOW)
			return NULL;
		return k->s->window + off;
	}
	/* behind the window, so behind a tag that was put back: its 4 bytes are not there; all
	 * ethertypes of tags have their highest bit set */
	if (sl_kload_raw(k->ctx, off - (k->s->tag >> 29 & 4), k->s->tmp, n))
		return NULL;
	return k->s->tmp;
}

static __always_inline __u16 sl_kbe16(const __u8 *p)
{
	return (__u16)(p[0] << 8 | p[1]);
}

static __always_inline __u32 sl_kbe32(const __u8 *p)
{
	return (__u32)p[0] << 24 | (__u32)p[1] << 16 | (__u32)p[2] << 8 | p[3];
}

/* The i-th (a constant) of the descriptor's values grows. */
static __always_inline void sl_kvalue(struct sl_k *k, __u32 i, __u64 add)
{
	__u32 self = conf.self;

	if (self < SL_K_STAGES && i < SL_K_VALUES)
		k->s->values[self][i] += add;
}

/* CLOCK_MONOTONIC, read once a packet. Of a file: its time there; 0: it has none. */
static __always_inline __u64 sl_ktime(struct sl_k *k)
{
	__u64 t = k->s->frame.time_ns;

	if (!t)
		t = k->s->frame.time_ns = bpf_ktime_get_ns();
	return t == SL_K_TIMELESS ? 0 : t;
}

static __always_inline void sl_ktally_add(struct sl_ktally *t, __u64 bytes)
{
	t->blocks++;
	t->bytes += bytes;
}

/* ---- arrows: the same questions as sl_stream_takes() ---------------- */

static __always_inline int sl_kterm_holds(const volatile struct sl_kterm *t, int port, __u32 class)
{
	if (t->port != port)
		return 0;
	return t->whole_port || (class >= t->lo && class <= t->hi);
}

static __always_inline int sl_karrow_takes_terms(const volatile struct sl_karrow *a, int port, __u32 class)
{
	int positive = 0, held = 0, named = 0;

	SL_UNROLL for (int i = 0; i < SL_K_TERMS; i++) {
		if (i >= a->n_terms)
			break;
		if (a->terms[i].negate) {
			if (sl_kterm_holds(&a->terms[i], port, class))
				return 0;
			named |= a->terms[i].port == port;
		} else {
			positive = 1;
			held |= sl_kterm_holds(&a->terms[i], port, class);
		}
	}
	return positive ? held : named;
}

static __always_inline int sl_karrow_takes(const volatile struct sl_karrow *a, int port, __u32 class)
{
	if (a->plain)
		return port == 0;
	if (a->any) {
		SL_UNROLL for (int i = 0; i < SL_K_TERMS; i++) {
			if (i >= a->n_terms)
				break;
			if (a->terms[i].negate && sl_kterm_holds(&a->terms[i], port, class))
				return 0;
		}
		return 1;
	}
	return sl_karrow_takes_terms(a, port, class);
}

/* kern/decode.bpf.h: where only headers are wanted behind a border, they are looked for here. */
static __always_inline void sl_kdecode(struct sl_k *k);

/* A block that was to cross a border does not: it is lost, see struct sl_kscratch. */
static __always_inline void sl_krefuse(struct sl_kscratch *s, __u32 stream, __u32 stage, __u32 len)
{
	__u32 at = stage & ~SL_K_SOLE;

	if (stream < SL_K_STREAMS)
		sl_ktally_add(&s->refused[stream], len);
	if (at < SL_K_STAGES)
		sl_ktally_add(stage & SL_K_SOLE ? &s->turned[at] : &s->extra[at], len);
}

/* A border is crossed: remember how; the bytes follow once, in the commit stage. */
static __always_inline void sl_kcross(struct sl_k *k, __u32 border, __u32 stream, __u32 need, __u32 headers,
				      __u32 sole)
{
	struct sl_kscratch *s = k->s;
	struct sl_kblock *b = k->b;
	__u32 n = s->frame.n_entries, want = b->frame_len < need ? b->frame_len : need;

	if (headers && !(b->flags & SL_K_FOUND && b->l4 && b->payload))
		want = b->frame_len;
	else if (headers && want < b->payload)
		want = b->payload;
	if (n >= SL_K_ENTRIES) {
		sl_krefuse(s, stream, conf.self | sole, b->len);
		return;
	}
	s->entries[n] = (struct sl_kentry){
		.class = b->class, .flow_hash = b->flow_hash, .len = b->len, .head = b->head,
		.frame_len = b->frame_len, .l3 = b->l3, .l4 = b->l4, .payload = b->payload,
		.flags = b->flags, .proto = b->proto, .border = (__u8)border,
	};
	s->streams[n] = stream;
	s->stages[n] = conf.self | sole;
	s->frame.n_entries = (__u8)(n + 1);
	if (want > s->need)
		s->need = want;
}

/* The end of a branch: the next one that waits, or the packet's end. */
static __always_inline int sl_kfinish(struct sl_k *k)
{
	struct sl_kscratch *s = k->s;
	__u32 n = s->n_pending - 1;

	if (n < SL_K_PENDING) {
		s->n_pending = n;
		s->cur = s->pending[n].b;
		bpf_tail_call(k->ctx, &stages, s->pending[n].stage);
	}
	if (s->frame.n_entries)
		bpf_tail_call(k->ctx, &stages, conf.commit);
	return s->verdict;
}

/* A block leaves the stage: count it, choose arrows, go on. */
static __always_inline int sl_kleave(struct sl_k *k, int port)
{
	struct sl_kscratch *s = k->s;
	__u32 self = conf.self, class = k->b->class, len = k->b->len, sole;
	int next = -1, taken = 0;

	if (self >= SL_K_STAGES)
		return conf.pass;
	if (port == SL_K_DROP || port == SL_K_LOSE) {
		sl_ktally_add(port == SL_K_DROP ? &s->counts[self].filtered : &s->counts[self].lost, len);
		return sl_kfinish(k);
	}
	if (port == SL_K_DONE) {
		sl_ktally_add(&s->counts[self].out, len);
		if (s->verdict == conf.pass)
			s->verdict = conf.swallow;
		return sl_kfinish(k);
	}
	if (conf.up != SL_K_NONE && port == SL_K_UP) {
		__u32 stream = conf.up_stream;

		sl_ktally_add(&s->counts[self].out, len);
		if (stream < SL_K_STREAMS)
			sl_ktally_add(&s->moved[stream], len);
		sl_kcross(k, conf.up, stream, 0xffff, 0, SL_K_SOLE);
		if (s->verdict == conf.pass)
			s->verdict = conf.swallow;
		return sl_kfinish(k);
	}
	SL_UNROLL for (int i = 0; i < SL_K_ARROWS; i++) {
		const volatile struct sl_karrow *a = &conf.arrows[i];

		if (i >= conf.n_arrows)
			break;		/* not `continue`: what the verifier jumps over, it does not leave in */
		if (!a->other && sl_karrow_takes(a, port, class))
			taken |= 1 << i;
	}
	SL_UNROLL for (int i = 0; i < SL_K_ARROWS; i++) {
		if (i >= conf.n_arrows)
			break;
		if (conf.arrows[i].other && !(taken & 0xff))
			taken |= 0x100 << i;
	}
	taken |= taken >> 8;
	taken &= 0xff;
	if (!taken) {
		sl_ktally_add(port == 0 && !conf.n_arrows ? &s->counts[self].out : &s->counts[self].filtered, len);
		return sl_kfinish(k);
	}
	if (conf.find & (__u32)taken)
		sl_kdecode(k);
	if (conf.n_arrows > 1)
		sl_ktally_add(&s->counts[self].out, len);
	sole = taken & (taken - 1) ? 0 : SL_K_SOLE;
	SL_UNROLL for (int i = 0; i < SL_K_ARROWS; i++) {
		const volatile struct sl_karrow *a = &conf.arrows[i];
		__u32 stream = a->stream, n;

		if (i >= conf.n_arrows)
			break;
		if (!(taken & 1 << i))
			continue;
		if (stream < SL_K_STREAMS)
			sl_ktally_add(&s->moved[stream], len);
		if (a->stage == SL_K_NONE) {
			sl_kcross(k, a->border, stream, a->need, a->headers, sole);
			if (s->verdict == conf.pass)
				s->verdict = conf.swallow;
			continue;
		}
		if (next < 0) {
			next = i;
			continue;
		}
		n = s->n_pending;
		if (n < SL_K_PENDING) {
			s->pending[n].b = *k->b;
			s->pending[n].stage = a->stage;
			s->n_pending = n + 1;
		} else if (a->stage < SL_K_STAGES) {
			sl_ktally_add(&s->counts[a->stage].lost, len);
		}
	}
	/* One call for each arrow, so that each has a constant target. */
	SL_UNROLL for (int i = 0; i < SL_K_ARROWS; i++) {
		if (i >= conf.n_arrows)
			break;
		if (next == i && conf.arrows[i].stage != SL_K_NONE)
			bpf_tail_call(k->ctx, &stages, conf.arrows[i].stage);
	}
	return sl_kfinish(k);
}

#define SL_KERNEL_FORM(work) \
	SEC("xdp") int stage(void *ctx) \
	{ \
		struct sl_k k = { .ctx = ctx, .s = sl_kscratch_get() }; \
		if (!k.s) \
			return conf.pass; \
		k.b = &k.s->cur; \
		return sl_kleave(&k, work(&k)); \
	} \
	char sl_license[] SEC("license") = "Dual BSD/GPL"

#include "kern/decode.bpf.h"

#endif
