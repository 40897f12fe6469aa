/* SPDX-License-Identifier: (LGPL-2.1-or-later OR BSD-2-Clause OR GPL-2.0-only) */
/*
 * io/tx-kernel.h -- the device, as kernel forms that send are told of it
 *
 * The one value of their map "target". The filter's instance in this process looks after it
 * while the form runs: an interface that is made anew has another number.
 */
#ifndef SL_IO_TX_KERNEL_H
#define SL_IO_TX_KERNEL_H

#include <linux/types.h>

struct sl_tx_target {
	__u32 ifindex, mtu;
	__u32 up;		/* 0: it is down or gone, nothing is sent from the kernel */
	__u32 pad;
};

_Static_assert(sizeof(struct sl_tx_target) == 16, "shared with the kernel");

#endif
