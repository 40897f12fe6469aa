/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* io/rx-xsk.h -- what the program and the carrier say to each other */
#ifndef SL_IO_RX_XSK_H
#define SL_IO_RX_XSK_H

#include <linux/types.h>

#define RX_XSK_QUEUES	64
#define RX_XSK_MAGIC	0x736c5f72785f7473ull

struct rx_xsk_mark {			/* in front of each packet */
	__u64 magic;
	__u64 time_ns;			/* CLOCK_MONOTONIC */
};

_Static_assert(sizeof(struct rx_xsk_mark) == 16, "the same on both sides");

#endif
