/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* port.bpf.c -- kernel form of port.c */
#include "ports.bpf.h"

static __always_inline int port(struct sl_k *k)
{
	return ports_of(k, 0);
}

SL_KERNEL_FORM(port);
