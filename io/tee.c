/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tee -- send a copy of each packet out of a network interface, and pass it on
 *
 *	(tee eth1)
 *	(rx eth0 direction=in) > (tee eth1) > (tcp) -80-> (pcapout web.pcap)
 *
 * in   packets, with the link type of the interface
 * out  the same, unchanged
 * read packets, bytes, waits, cut, split, summed, missed
 *
 * Copies are sent as (tx) sends packets, with the same parameters; its page tells of them. A
 * packet goes on when its copy has been sent, so what stands behind gets them in order,
 * and waits when the interface has no room.
 *
 * No packet is lost because its copy can't be sent: too long for the interface, or of another
 * link type, or while that is down or gone. It goes on, "missed" counts it, and what is the
 * matter is said once.
 *
 * In the kernel a tap sends clones, without a copy to user space. In the way of packets
 * (mode=inline) there is one of each alone, so there, as at any XDP hook, copies are sent from
 * user space. What stands behind tee runs in user space in any case, as
 * what the kernel can't send comes from there. Where all is to stay in the kernel, let the
 * packets take two arrows:
 *
 *	(rx eth0 direction=in) { > (tx eth1); > (tcp) -80-> (count) }
 *
 * It takes CAP_NET_RAW.
 */
#include "tx.h"

struct tee {
	struct sl_sender out;
};

static const struct sl_param tee_params[] = {
	SL_SENDER_PARAMS(struct tee, out),
	{ }
};

static const struct sl_value tee_values[] = {
	SL_SENDER_VALUES(struct tee, out),
	{ .name = "missed", .off = offsetof(struct tee, out.missed), .help = "packets passed on of which no copy was sent" },
	{ }
};

static int tee_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	const struct tee *s = state;

	return sl_sender_prepare(p, &s->out, (struct sl_tx_words **)shared);
}

static int tee_open(struct sl_filter *f)
{
	struct tee *s = sl_state(f);

	s->out.passes = true;
	return sl_sender_open(f, &s->out, f->shared);
}

static int tee_work(struct sl_filter *f, struct sl_batch *in)
{
	struct tee *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in)))
		sl_sender_add(f, &s->out, b);
	return sl_sender_send(f, &s->out);
}

static int tee_ready(struct sl_filter *f, unsigned int max)
{
	struct tee *s = sl_state(f);

	(void)max;
	return sl_sender_ready(f, &s->out);
}

static int tee_flush(struct sl_filter *f)
{
	struct tee *s = sl_state(f);

	return sl_sender_flush(f, &s->out);
}

static void tee_close(struct sl_filter *f)
{
	struct tee *s = sl_state(f);

	sl_sender_close(f, &s->out);
}

static int tee_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct tee *s = state;

	(void)shared;
	if (sl_kernel_hook(k) != SL_KERNEL_TC)
		return sl_kernel_refuse(k, "at XDP no copy of a packet can be sent");
	return sl_sender_kernel(k, &s->out);
}

static int tee_kernel_sync(struct sl_filter *f, struct sl_kernel_view *v)
{
	struct tee *s = sl_state(f);

	return sl_sender_sync(v, &s->out);
}

static const char *const tee_examples[] = {
	"(pcapin web.pcap) > (tee lo) > (count)",
	NULL
};

const struct sl_filter_type sl_tee_type = {
	.name	  = "tee",
	.brief	  = "send a copy of each packet out of a network interface, and pass it on",
	.group	  = "look",
	.state	  = sizeof(struct tee),
	.params	  = tee_params,
	.values	  = tee_values,
	.in	  = SL_PACKET,
	.out	  = SL_SAME,
	.flags	  = SL_F_UNDECIDED | SL_F_SENDS,
	.prepare  = tee_prepare,
	.release  = free,
	.open	  = tee_open,
	.work	  = tee_work,
	.ready	  = tee_ready,
	.flush	  = tee_flush,
	.close	  = tee_close,
	.kernel	  = tee_kernel,
	.kernel_sync = tee_kernel_sync,
	.examples = tee_examples,
	.see_also = "tx, rx",
};
