/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* udp.bpf.c -- kernel form of udp.c */
#include "ports.bpf.h"

static __always_inline int udp(struct sl_k *k)
{
	return ports_of(k, LAYER_UDP);
}

SL_KERNEL_FORM(udp);
