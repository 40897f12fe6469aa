/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/tx.h -- what sends: frames, ways to bring them to a device, and the queue before
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
#include <stdlib.h>

#include "core/blockq.h"
#include "net/ifaces.h"
#include "streamline/filter.h"

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
	uint64_t nth;			/* of all that were offered; one that is offered again keeps its number */
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

struct sl_tx_want {
	bool bypass;			/* past the queueing discipline */
	bool must;			/* this way and no other */
};

struct sl_tx_way {
	const char *name;
	/* 0 or -errno. */
	int (*open)(const struct sl_iface *dev, const struct sl_tx_want *want, struct sl_tx_port **out);
	/* How many of n > 0 frames were taken, from the first on; else -errno. */
	int (*send)(struct sl_tx_port *p, const struct sl_tx_frame *frames, unsigned int n);
	/* Can be polled: POLLOUT after -EAGAIN. May be another after each send(). */
	int (*fd)(const struct sl_tx_port *p);
	/* What frames really go by, in words; NULL: there is nothing to tell. */
	const char *(*took)(const struct sl_tx_port *p);
	/* All that was taken is on its way, or it will never be. */
	void (*close)(struct sl_tx_port *p);
};

extern const struct sl_tx_way sl_tx_packet, sl_tx_xsk;

/* ---- what tx and tee have in common: tx-send.c ------------------------ */

enum { SL_TX_NORMAL, SL_TX_BYPASS };				/* qdisc= */
enum { SL_TX_VIA_AUTO, SL_TX_VIA_PACKET, SL_TX_VIA_XSK, SL_TX_VIA_PACKET_TOO };	/* via=; the last as the second */
extern const char *const sl_tx_qdiscs[], *const sl_tx_vias[];

/* Reasons live as long as the reports of the run do. */
struct sl_tx_words {
	char too_long[64], away[64];
};

/* The queue before a device. Part of a filter's state. */
struct sl_sender {
	/* parameters */
	const char *interface;
	int qdisc, via;
	bool finish;
	/* values */
	struct sl_count packets, bytes, waits, cut, split, summed;
	struct sl_count missed;			/* passed on, and not sent */

	bool passes;				/* what was sent goes on */
	const struct sl_tx_words *words;
	struct sl_iface dev;
	const struct sl_tx_way *way;
	struct sl_tx_port *port;
	int state;
	struct sl_blockq q;
	uint64_t nth;				/* that have left the queue */
	int timer;				/* 0: none */
	uint64_t nap_ns, patience_ns;
	uint64_t refused_ns;			/* since when the first frame is; 0: it is not */
	uint64_t looked_ns;
	bool stalled, said_link, said_long, said_away, said_refused;
};

#define SL_SENDER_PARAMS(s, at) \
	{ .name = "interface", .type = SL_P_STRING, .off = offsetof(s, at.interface), .pos = 1, .required = true, \
	  .help = "network interface, as in 'ip link'" }, \
	{ .name = "qdisc", .type = SL_P_CHOICE, .off = offsetof(s, at.qdisc), .choices = sl_tx_qdiscs, \
	  .def = SL_TX_NORMAL, .help = "through the interface's queueing discipline, or past it" }, \
	{ .name = "via", .type = SL_P_CHOICE, .off = offsetof(s, at.via), .choices = sl_tx_vias, \
	  .def = SL_TX_VIA_AUTO, .help = "how frames go from here to the device; auto: see above" }, \
	{ .name = "finish", .type = SL_P_SWITCH, .off = offsetof(s, at.finish), .def = 1, \
	  .help = "finish what was left to the device: segments, checksums" }

/* In this order their kernel forms count them. */
#define SL_SENDER_VALUES(s, at) \
	{ .name = "packets", .off = offsetof(s, at.packets), .help = "packets sent" }, \
	{ .name = "bytes", .off = offsetof(s, at.bytes), .help = "bytes of them" }, \
	{ .name = "waits", .off = offsetof(s, at.waits), .help = "times that the device had no room" }, \
	{ .name = "cut", .off = offsetof(s, at.cut), .help = "of the packets: sent shorter than they once were" }, \
	{ .name = "split", .off = offsetof(s, at.split), .help = "of the packets: cut into several of the wire" }, \
	{ .name = "summed", .off = offsetof(s, at.summed), .help = "of the packets: had a checksum that was only begun" }

/* In prepare(), open(), ready(), flush() and close() of the filter, which returns what these return. */
int sl_sender_prepare(struct sl_prepare *p, const struct sl_sender *s, struct sl_tx_words **out);
int sl_sender_open(struct sl_filter *f, struct sl_sender *s, const struct sl_tx_words *words);
int sl_sender_ready(struct sl_filter *f, struct sl_sender *s);
int sl_sender_flush(struct sl_filter *f, struct sl_sender *s);
void sl_sender_close(struct sl_filter *f, struct sl_sender *s);
/* In work(): take each block, then send. What can't be sent now is kept. */
void sl_sender_add(struct sl_filter *f, struct sl_sender *s, struct sl_block *b);
int sl_sender_send(struct sl_filter *f, struct sl_sender *s);

/* ---- what the kernel forms of both have in common: tx-kernel.c --------- */

/* What both ask of their device; then the form is told of it. As kernel(). */
int sl_sender_kernel(struct sl_kernel *k, const struct sl_sender *s);
/* Look after the device of a form that runs. As kernel_sync(). */
int sl_sender_sync(struct sl_kernel_view *v, struct sl_sender *s);

#endif
