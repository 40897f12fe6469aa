/* SPDX-License-Identifier: (LGPL-2.1-or-later OR GPL-2.0-only OR BSD-2-Clause) */
/* ac-kernel.h -- what ac and its kernel form agree on; see ac.bpf.c */
#ifndef FILTERS_AC_KERNEL_H
#define FILTERS_AC_KERNEL_H

#define AC_PREFIX	8u		/* bytes of a pattern that are looked for */
#define AC_MOST		2048u		/* bytes of a packet that are looked at, and 8; a power of two */
#define AC_HIT		0x80000000u	/* of a table's entry: a prefix ends here */
#define AC_ENTRIES_MAX	(1u << 20)	/* a table of 4 MiB: what a processor's cache may hold */

struct sl_kernel;
struct screen_rules;

/* Say the table to the kernel form, or why there is none. */
int ac_kernel(struct sl_kernel *k, const void *state, const void *shared);

#endif
