/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tx-packet -- frames to a device by a packet socket, many in one call
 *
 * Frames lie where they came to lie; the kernel copies each once, into its own
 * buffer. Measured against a mapped TPACKET_V2 ring, into which we would have to copy:
 * 5 to 10 % faster at 64, 512 and 1500 bytes, so there is no ring.
 *
 * The socket's send buffer bounds what may be under way. It stays as small as the
 * system makes it, a few hundred frames: less than any usual device queue holds, so
 * that we are made to wait before that queue has to drop.
 *
 * From the first frame on that needs the kernel's help (tx-help.c) a header goes with
 * each. A socket cannot be changed once it is in use by others' rules, so it is a new
 * one; what the old one took stays in front. What the kernel is to cut it does not take
 * past the queueing discipline; so from the first such frame on all go through it, in order.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tx.h"

#define PARTS	4

struct sl_tx_port {
	struct sockaddr_ll to;
	bool bypass, headers;
	int fd;
	struct mmsghdr msg[SL_TX_BATCH];
	struct iovec part[SL_TX_BATCH][PARTS];
};

static struct virtio_net_hdr as_is;	/* all zero */

static int open_socket(const struct sl_tx_port *p, bool headers)
{
	int fd, r, on = 1;

	/* No protocol: the socket receives nothing. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if ((p->bypass && setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) < 0) ||
	    (headers && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0) ||
	    bind(fd, (const struct sockaddr *)&p->to, sizeof(p->to)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static void packet_close(struct sl_tx_port *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static int packet_open(const struct sl_iface *dev, const struct sl_tx_want *want, struct sl_tx_port **out)
{
	struct sl_tx_port *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->to = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_ifindex = dev->index };
	p->bypass = want->bypass;
	p->fd = open_socket(p, false);
	if (p->fd < 0) {
		r = p->fd;
		packet_close(p);
		return r;
	}
	for (unsigned int i = 0; i < SL_TX_BATCH; i++)
		p->msg[i].msg_hdr.msg_iov = p->part[i];
	*out = p;
	return 0;
}

static int need_headers(struct sl_tx_port *p)
{
	int fd = open_socket(p, true);

	if (fd < 0)
		return fd;
	close(p->fd);
	p->fd = fd;
	p->headers = true;
	return 0;
}

static unsigned int name_parts(struct iovec *v, const struct sl_tx_frame *f, bool headers)
{
	unsigned int n = 0;

	if (headers)
		v[n++] = (struct iovec){ f->need ? (void *)&f->hdr : &as_is, sizeof(as_is) };
	if (f->need != SL_TX_SPLIT || !headers) {
		v[n++] = (struct iovec){ (void *)f->data, f->len };
		return n;
	}
	v[n++] = (struct iovec){ (void *)f->data, f->sum_at };
	v[n++] = (struct iovec){ (void *)f->sum, 2 };
	v[n++] = (struct iovec){ (void *)(f->data + f->sum_at + 2), f->len - f->sum_at - 2 };
	return n;
}

static int packet_send(struct sl_tx_port *p, const struct sl_tx_frame *frames, unsigned int n)
{
	unsigned int i;
	int r;

	if (n > SL_TX_BATCH)
		n = SL_TX_BATCH;
	for (i = 0; i < n; i++) {
		bool cut = frames[i].need == SL_TX_SPLIT && p->bypass;

		if (!frames[i].need || (p->headers && !cut))
			continue;
		p->bypass = p->bypass && !cut;
		r = need_headers(p);
		if (r < 0)
			return r;
	}
	for (i = 0; i < n; i++)
		p->msg[i].msg_hdr.msg_iovlen = name_parts(p->part[i], &frames[i], p->headers);
	do
		r = sendmmsg(p->fd, p->msg, n, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

static int packet_fd(const struct sl_tx_port *p)
{
	return p->fd;
}

const struct sl_tx_way sl_tx_packet = {
	.name	= "packet",
	.open	= packet_open,
	.send	= packet_send,
	.fd	= packet_fd,
	.close	= packet_close,
};
