/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kern/decode.bpf.h -- find the headers of a packet once, in the kernel
 *
 * sl_kdecode() writes l3, l4, payload and proto into the block, as sl_decode() does
 * and by the same source, net/layers.h. A stage that comes later finds them there.
 *
 * The short cut for common packets reads the window at constant places, without one
 * check of the verifier's. Elsewhere an offset that was found goes through memory once
 * (layers_forget), so that the verifier takes every turn of a loop for the last one's
 * like and is done after some thousand instructions, on Linux 6.1 too.
 */
#ifndef SL_KERN_DECODE_BPF_H
#define SL_KERN_DECODE_BPF_H

#include "kern/stage.bpf.h"

struct layers {
	struct sl_kblock *b;
	struct sl_k *k;
};

#ifndef NULL
#define NULL ((void *)0)
#endif

#define LAYERS_INLINE	__always_inline
#define LAYERS_LOOP	_Pragma("clang loop unroll(disable)")
#define layers_get(type, p)	(*(const type *)(p))

static __always_inline __u32 layers_forget(struct layers *d, __u32 x)
{
	volatile __u32 *cell = (volatile __u32 *)d->k->s->tmp;

	*cell = x;
	return *cell;
}

static __always_inline const __u8 *layers_peek(struct layers *d, __u32 off, const __u32 n)
{
	if (conf.hook == SL_K_XDP) {
		const __u8 *p;

		if (!__builtin_constant_p(off) || off + n > d->b->frame_len)
			return sl_kpeek(d->k, off, n);
		p = sl_kplace(d->k->ctx, off, n);
		return p ? p : sl_kpeek(d->k, off, n);
	}
	if (__builtin_constant_p(off) && off + n <= SL_K_WINDOW)
		return off + n <= d->b->frame_len ? d->k->s->window + off : NULL;
	return sl_kpeek(d->k, off, n);
}

#include "net/layers.h"

static __always_inline void sl_kdecode(struct sl_k *k)
{
	struct layers d = { k->b, k };

	if (!(k->b->flags & LAYERS_DECODED))
		layers_walk(&d);
}

/* Is there an IP header at l3? Of a decoded block. */
static __always_inline int sl_khas_ip(const struct sl_k *k)
{
	return k->b->l3 || k->b->proto || k->b->l4;
}

/* 4, 6, or 0 for what is not IP. Of a decoded block. */
static __always_inline int sl_kip_version(struct sl_k *k)
{
	const __u8 *p = sl_khas_ip(k) ? sl_kpeek(k, k->b->l3, 1) : NULL;

	return p ? *p >> 4 : 0;
}

/* As sl_flow_hash(). */
static __always_inline __u32 sl_kflow_hash(struct sl_k *k)
{
	struct layers d = { k->b, k };

	if (!k->b->flow_hash) {
		sl_kdecode(k);
		k->b->flow_hash = layers_flow(&d);
	}
	return k->b->flow_hash;
}

#endif
