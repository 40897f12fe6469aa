/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/rights.h -- what this process may do, for messages
 *
 * Nothing is decided by it: whether something works is found by trying. Errors say with it
 * what is missing.
 */
#ifndef SL_KERN_RIGHTS_H
#define SL_KERN_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

enum sl_right {
	SL_R_NET_RAW	= 1 << 0,
	SL_R_NET_ADMIN	= 1 << 1,
	SL_R_BPF	= 1 << 2,	/* CAP_SYS_ADMIN will do as well */
	SL_R_PERFMON	= 1 << 3,	/* likewise */
	SL_R_IPC_LOCK	= 1 << 4,
	SL_R_SYS_ADMIN	= 1 << 5,
};

/* Of programs in the kernel that are hooked to an interface. */
#define SL_R_PROGRAMS	(SL_R_NET_ADMIN | SL_R_BPF | SL_R_PERFMON)

/* In force now; 0 where it cannot be known. */
unsigned int sl_rights(void);
/* "CAP_NET_RAW, CAP_BPF", "none". Returns buf. */
char *sl_rights_words(unsigned int rights, char *buf, size_t size);

#endif
