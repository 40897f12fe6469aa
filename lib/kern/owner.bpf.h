/* SPDX-License-Identifier: (LGPL-2.1-or-later OR GPL-2.0-only OR BSD-2-Clause) */
/* kern/owner.bpf.h -- what owner.bpf.c and owner.c tell each other */
#ifndef SL_KERN_OWNER_BPF_H
#define SL_KERN_OWNER_BPF_H

#include <linux/types.h>

#define SL_KOWNERS	65536	/* sockets that are remembered, and as many that are no more */

struct sl_kowner_conf {
	__u32 pidns;			/* processes are numbered as there; 0: as in the first */
	__u32 netns;			/* sockets of this network namespace alone */
};

struct sl_kowner {
	__u32 pid;			/* 0: it has no number there */
	__u32 pad;
	char name[16];
};

struct sl_kowner_key {		/* addresses of IPv4 as ::ffff:a.b.c.d, none as zeros; ports in host order */
	__u8 local[16], remote[16];
	__u16 lport, rport;
	__u8 proto, family, pad[2];	/* family: 4 or 6 */
};

struct sl_kowner_gone {
	struct sl_kowner who;
	__u64 time_ns;			/* when it was closed, CLOCK_MONOTONIC */
};

_Static_assert(sizeof(struct sl_kowner_key) == 40 && sizeof(struct sl_kowner) == 24, "no holes: they are keys");

#endif
