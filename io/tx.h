/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/tx.h -- what the parts of tx share: the device, and ways to bring frames to it
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

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define SL_TX_BATCH	64	/* frames offered at once */

struct sl_tx_dev {
	const char *name;
	unsigned int index;
	unsigned int mtu;
	uint16_t link;			/* LINKTYPE_; 0xffff: none that can be sent */
	uint16_t hardware;		/* ARPHRD_ */
	bool up;
};

struct sl_tx_port;			/* an open way; each has its own */

struct sl_tx_way {
	const char *name;
	/* 0 or -errno. */
	int (*open)(const struct sl_tx_dev *dev, bool bypass, struct sl_tx_port **out);
	/* How many of n > 0 frames were taken, from the first on; else -errno. */
	int (*send)(struct sl_tx_port *p, const struct iovec *frames, unsigned int n);
	/* Can be polled: POLLOUT after -EAGAIN. */
	int (*fd)(const struct sl_tx_port *p);
	/* All that was taken is on its way, or it will never be. */
	void (*close)(struct sl_tx_port *p);
};

extern const struct sl_tx_way sl_tx_packet;

/* Look a device up. -ENODEV: there is none of this name. */
int sl_tx_dev_get(const char *name, struct sl_tx_dev *dev);
/* The interface that `name` was meant to be, into buf (IF_NAMESIZE); false: none is near. */
bool sl_tx_dev_near(const char *name, char *buf);
/* All interfaces, as "eth0, lo". Returns buf. */
char *sl_tx_dev_list(char *buf, size_t size);

#endif
