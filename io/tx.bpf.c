/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * tx.bpf.c -- kernel form of tx.c
 *
 * In the way of packets (XDP) a packet itself is sent on: the redirection is asked for here
 * and happens when the last branch is done, as the verdict of the hook. Beside the
 * stack (tc) a clone is sent, and the packet goes its way.
 *
 * What is not plain goes to the C form, which knows how to wait, what to say, and to cut:
 * frames of other lengths than at the hook, too long ones, a second copy of the same
 * packet, a device that does not take it.
 */
#include "tx.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 4);
} device SEC(".maps");

static __always_inline int tx(struct sl_k *k)
{
	const struct sl_tx_target *t = target_for(k);
	struct sl_kscratch *s = k->s;

	if (!t)
		return SL_K_UP;
	if (conf.hook == SL_K_XDP) {
		const struct xdp_md *x = k->ctx;

		if (k->b->frame_len != (__u32)(x->data_end - x->data) || s->verdict == XDP_REDIRECT)
			return SL_K_UP;
		if (bpf_redirect_map(&device, 0, 0) != XDP_REDIRECT)
			return SL_K_UP;
		s->verdict = XDP_REDIRECT;
	} else if (send_clone(k, t)) {
		return SL_K_UP;
	}
	count_sent(k);
	return SL_K_DONE;
}

SL_KERNEL_FORM(tx);
