/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * bpf.bpf.c -- kernel form of bpf.c
 *
 * The expression itself is compiled when the request is known, and runs in front of this (see
 * kern/body.h); what is left is to do as it said.
 */
#include "kern/stage.bpf.h"

static __always_inline int bpf(struct sl_k *k)
{
	__u64 said = k->s->said;

	if (said == SL_K_SAID_NOTHING)
		return SL_K_LOSE;	/* no meaning on this link type */
	return said ? 0 : SL_K_DROP;
}

SL_KERNEL_FORM(bpf);
