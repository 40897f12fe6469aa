/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tx -- send packets out of a network interface
 *
 *	(tx eth1)
 *	(pcapin web.pcap) > (rate 1x) > (tx eth1)
 *
 * in   packets, with the link type of the interface
 * out  none
 * read packets, bytes, waits, cut, split, summed
 *
 * Frames go out as they are, in order, as fast as the device takes them: put (rate) in
 * front to bound that, (rate 1x) to keep the pauses of a capture. Addresses, ports and
 * VLAN tags are those in the bytes.
 *
 * No frame is lost because the device is busy. When its queue is full, tx waits, and
 * sources that can wait are not read meanwhile; "waits" counts that. Two interfaces
 * become a bridge by
 *
 *	(rx eth0 direction=in) > (tx eth1); (rx eth1 direction=in) > (tx eth0)
 *
 * (without direction=in each would see, and send back, what the other sends).
 *
 * Lost, with the reason, are frames that the interface can't carry: larger than its
 * MTU, shorter than a link header, of another link type than it has; and those
 * that come while it is down or gone. That is reported, and sending goes on when it is
 * back under the same name. Frames that were cut when they were captured are sent as far
 * as they were kept; "cut" counts them.
 *
 * Who captures beside a host's stack sees some frames before the device has done its
 * part: TCP in pieces larger than any packet, checksums that were only begun. Such frames
 * are finished on their way out: cut into segments that fit the MTU ("split"), the
 * checksum added up ("summed"). finish=off sends each byte as it is.
 *
 * qdisc=bypass hands frames to the driver without the queueing discipline of the
 * interface: faster, with no shaping, and the driver's queue is all the buffer there
 * is. Captures and filters on that interface do not see them. The default, normal, keeps the
 * order and the limits that the system has set.
 *
 * via= says how frames go from here to the device. tpacket (or packet) is a packet socket, many frames
 * a call. xsk is an AF_XDP socket on the interface's first queue, which always goes past the
 * queueing discipline; while it is open no other AF_XDP socket can have that queue.
 * auto takes xsk with qdisc=bypass, where it can be had, else packet.
 *
 * Live packets that only kernel forms have looked at are sent by the kernel, without
 * coming here: by mode=inline past any queue, else as copies. What is not plain then (a
 * frame too long, a device that is gone) comes here still. When the interface comes back, or its
 * MTU changes, the kernel's part is told within a tenth of a second; so long, frames that
 * XDP sends to an interface that went down are lost unseen. From XDP a veth takes frames
 * only while its other end has GRO or a program of its own.
 *
 * It takes CAP_NET_RAW.
 */
#include "tx.h"

struct tx {
	struct sl_sender out;
};

static const struct sl_param tx_params[] = {
	SL_SENDER_PARAMS(struct tx, out),
	{ }
};

static const struct sl_value tx_values[] = {
	SL_SENDER_VALUES(struct tx, out),
	{ }
};

static int tx_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	const struct tx *s = state;

	return sl_sender_prepare(p, &s->out, (struct sl_tx_words **)shared);
}

static int tx_open(struct sl_filter *f)
{
	struct tx *s = sl_state(f);

	return sl_sender_open(f, &s->out, f->shared);
}

static int tx_work(struct sl_filter *f, struct sl_batch *in)
{
	struct tx *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in)))
		sl_sender_add(f, &s->out, b);
	return sl_sender_send(f, &s->out);
}

static int tx_ready(struct sl_filter *f, unsigned int max)
{
	struct tx *s = sl_state(f);

	(void)max;
	return sl_sender_ready(f, &s->out);
}

static int tx_flush(struct sl_filter *f)
{
	struct tx *s = sl_state(f);

	return sl_sender_flush(f, &s->out);
}

static void tx_close(struct sl_filter *f)
{
	struct tx *s = sl_state(f);

	sl_sender_close(f, &s->out);
}

static int tx_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct tx *s = state;
	struct sl_iface dev;
	uint32_t index;
	char why[160];
	int r;

	(void)shared;
	if (sl_kernel_hook(k) == SL_KERNEL_XDP_TAP)
		return sl_kernel_refuse(k, "a tap at XDP cannot send copies");
	r = sl_sender_kernel(k, &s->out);
	if (r < 0)
		return r;
	if (sl_iface_get(s->out.interface, &dev) < 0)
		return sl_kernel_refuse(k, "there is no interface '%s'", s->out.interface);
	if (sl_kernel_hook(k) == SL_KERNEL_XDP && !sl_tx_takes_xdp(&dev, why, sizeof(why)))
		return sl_kernel_refuse(k, "%s", why);
	index = (uint32_t)dev.index;
	return sl_kernel_table(k, "device", &index, sizeof(index));
}

static int tx_kernel_sync(struct sl_filter *f, struct sl_kernel_view *v)
{
	struct tx *s = sl_state(f);

	return sl_sender_sync(v, &s->out);
}

static const char *const tx_examples[] = {
	"(pcapin web.pcap) > (tx lo)",
	"(pcapin web.pcap) > (rate 1x) > (tx lo)",
	NULL
};

const struct sl_filter_type sl_tx_type = {
	.name	  = "tx",
	.brief	  = "send packets out of a network interface",
	.group	  = "save",
	.state	  = sizeof(struct tx),
	.params	  = tx_params,
	.values	  = tx_values,
	.in	  = SL_PACKET,
	.flags	  = SL_F_UNDECIDED | SL_F_SENDS,
	.prepare  = tx_prepare,
	.release  = free,
	.open	  = tx_open,
	.work	  = tx_work,
	.ready	  = tx_ready,
	.flush	  = tx_flush,
	.close	  = tx_close,
	.kernel	  = tx_kernel,
	.kernel_sync = tx_kernel_sync,
	.examples = tx_examples,
	.see_also = "tee, rate, pcapin, pcapout",
};
