/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* pass.bpf.c -- kernel form of pass.c */
#include "kern/stage.bpf.h"

static __always_inline int pass(struct sl_k *k)
{
	(void)k;
	return 0;
}

SL_KERNEL_FORM(pass);
