/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/tx.h -- what the parts of tx share: frames, and ways to bring them to a device
 *
 * A way (`struct sl_tx_way`) takes frames in order and says how many it took. What
 * it took, the kernel has: a frame's bytes need not stay. What stopped it is told apart
 * by what helps against it:
 *
 *	-EAGAIN		room comes back by itself, and the descriptor tells when
 *	-ENOBUFS	the device's queue is full; nothing tells when it is not
 *	-EMSGSIZE	the first frame is too long for the device
 *	-EINVAL		the first frame is too short to be one
 *	-ENETDOWN	the device is down
 *	-ENXIO		there is no such device any more
 *	other		a failure
 */
#ifndef SL_IO_TX_H
#define SL_IO_TX_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/ifaces.h"
#include "streamline/block.h"

#define SL_TX_BATCH	64	/* frames offered at once */

/*
 * What the sender of a frame had left to its device, and has to be done before the
 * frame can be on a wire: see tx-help.c.
 */
enum sl_tx_need {
	SL_TX_AS_IS,
	SL_TX_SUM,		/* its TCP or UDP checksum was only begun */
	SL_TX_SPLIT,		/* it is TCP, for several packets of the wire */
};

struct sl_tx_frame {
	const uint8_t *data;
	uint32_t len;
	uint8_t need;			/* enum sl_tx_need; the rest is for what is needed */
	uint8_t sum[2];			/* SPLIT: to stand at sum_at */
	uint32_t sum_at;
	struct virtio_net_hdr hdr;	/* what the kernel is told */
};

/* Find out what a frame needs on a device of this MTU. The block may become decoded. */
void sl_tx_needs(struct sl_block *b, const uint8_t *data, uint32_t mtu, struct sl_tx_frame *out);

/* Can programs at XDP send out of it? Else the reason, in words. */
bool sl_tx_takes_xdp(const struct sl_iface *dev, char *why, size_t size);

struct sl_tx_port;			/* an open way; each has its own */

struct sl_tx_way {
	const char *name;
	/* 0 or -errno. */
	int (*open)(const struct sl_iface *dev, bool bypass, struct sl_tx_port **out);
	/* How many of n > 0 frames were taken, from the first on; else -errno. */
	int (*send)(struct sl_tx_port *p, const struct sl_tx_frame *frames, unsigned int n);
	/* Can be polled: POLLOUT after -EAGAIN. May be another after each send(). */
	int (*fd)(const struct sl_tx_port *p);
	/* All that was taken is on its way, or it will never be. */
	void (*close)(struct sl_tx_port *p);
};

extern const struct sl_tx_way sl_tx_packet;

#endif
