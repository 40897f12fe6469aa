/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* tcp.bpf.c -- kernel form of tcp.c */
#include "ports.bpf.h"

static __always_inline int tcp(struct sl_k *k)
{
	return ports_of(k, LAYER_TCP);
}

SL_KERNEL_FORM(tcp);
