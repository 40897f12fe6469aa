/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * tee.bpf.c -- kernel form of tee.c, beside the stack alone
 *
 * A clone of the packet is sent, and the block goes on. Where that fails, or the block is not
 * the packet as it lies here, the C form does both.
 */
#include "tx.bpf.h"

static __always_inline int tee(struct sl_k *k)
{
	const struct sl_tx_target *t = target_for(k);

	if (!t || conf.hook == SL_K_XDP || send_clone(k, t))
		return SL_K_UP;
	count_sent(k);
	return 0;
}

SL_KERNEL_FORM(tee);
