/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* count.bpf.c -- kernel form of count.c */
#include "kern/stage.bpf.h"

static __always_inline int count(struct sl_k *k)
{
	sl_kvalue(k, 0, 1);
	sl_kvalue(k, 1, k->b->len);
	sl_kvalue(k, 2, k->b->wire_len);
	return 0;
}

SL_KERNEL_FORM(count);
