/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* null.bpf.c -- kernel form of null.c */
#include "kern/stage.bpf.h"

static __always_inline int null(struct sl_k *k)
{
	(void)k;
	return SL_K_DONE;
}

SL_KERNEL_FORM(null);
