/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tx-xsk -- frames to a device by an AF_XDP socket, past its queueing discipline
 *
 * The socket only sends, so there is no program and no fill ring. Frames are copied into
 * slots of our own memory; the kernel makes packets of them while we wait in sendto(),
 * and gives the slots back when the packets are gone. Zero copy is never asked for: a card
 * that grants it hands the whole queue over, and what comes in there would have nowhere
 * to go.
 *
 *	free -- send ring --> (sendto) --> under way -- completion ring --> free
 *	         ^^^^^^^^^ laid
 *
 * What is laid in the send ring is still the caller's, who is told of a frame only when
 * the kernel took it, and offers the others again; they are known by their number. When
 * he does not (he lost them), the socket is made anew.
 *
 * Of a frame that the device dropped because it had no room the kernel says so (EBUSY), and
 * that it is the last it took. It is laid once more, in front of those behind it: the
 * kernel looks at an entry only when its turn comes, so entries can still be changed.
 * That needs to know which one was the last. Kernels before 6.17 move the send ring's
 * consumer too late for that; there each frame is sent by a call of its own. Which kind it
 * is shows as soon as more than LEARN frames go at once, and until then it is the old one.
 * As that is slow, frames then go by a packet socket, unless AF_XDP was asked for.
 *
 * No MTU is looked at by the kernel, and nothing cut: lengths are checked here, checksums
 * added up here. Frames larger than a slot go by a packet socket past the queueing
 * discipline; both have sent when they return, so frames stay in order. What is to be cut
 * has to go through the discipline, so with the first of these all go by the packet socket.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tx.h"

#ifndef AF_XDP
#define AF_XDP		44
#endif
#ifndef SOL_XDP
#define SOL_XDP		283
#endif

#define SLOTS		512u		/* a power of two; of rings too */
#define SLOT_SMALL	2048u
#define SLOT_LARGE	4096u		/* a page at most */
#define LEARN		32u		/* most frames of one call, in any kernel */
#define HEADER		14u
#define TAG		4u

struct ring {
	void *map;
	size_t map_len;
	uint32_t *producer, *consumer;
	void *desc;
};

struct laid {
	uint64_t nth;			/* the caller's number of it */
	uint32_t len, slot;
};

enum knows { UNKNOWN, NO, YES };

struct sl_tx_port {
	struct sl_iface dev;
	bool must;			/* AF_XDP was asked for */
	bool tried;
	int why;			/* it can't be had: -errno */
	int fd;
	int ask_fd;			/* for ioctl(): sockets of AF_XDP know none */
	uint8_t *mem;
	uint32_t slot_len;
	struct ring send, completion;
	uint32_t taken;			/* place in the send ring up to which the kernel took them */
	uint32_t slot[SLOTS], n_free;
	struct laid laid[SL_TX_BATCH];	/* at taken, taken + 1, ... */
	unsigned int n_laid;
	enum knows moves;		/* the consumer, with each call */
	struct sl_tx_port *other;	/* packet socket; NULL: not needed so far */
};

/* ---- the socket ------------------------------------------------------ */

static void shut(struct sl_tx_port *p)
{
	if (p->send.map)
		munmap(p->send.map, p->send.map_len);
	if (p->completion.map)
		munmap(p->completion.map, p->completion.map_len);
	p->send.map = p->completion.map = NULL;
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	if (p->mem)
		munmap(p->mem, (size_t)SLOTS * p->slot_len);
	p->mem = NULL;
	p->n_laid = 0;
}

static int map_ring(int fd, struct ring *r, const struct xdp_ring_offset *off, size_t each, off_t page)
{
	r->map_len = off->desc + each * SLOTS;
	r->map = mmap(NULL, r->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, page);
	if (r->map == MAP_FAILED) {
		r->map = NULL;
		return -errno;
	}
	r->producer = (uint32_t *)((uint8_t *)r->map + off->producer);
	r->consumer = (uint32_t *)((uint8_t *)r->map + off->consumer);
	r->desc = (uint8_t *)r->map + off->desc;
	return 0;
}

static int set_up(struct sl_tx_port *p)
{
	struct sockaddr_xdp to = { .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY,
				   .sxdp_ifindex = (uint32_t)p->dev.index };
	struct xdp_umem_reg reg = { .len = (uint64_t)SLOTS * p->slot_len, .chunk_size = p->slot_len };
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	uint32_t n = SLOTS, few = 1;
	int r;

	p->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return -errno;
	p->mem = mmap(NULL, reg.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->mem == MAP_FAILED) {
		p->mem = NULL;
		return -ENOMEM;
	}
	reg.addr = (uintptr_t)p->mem;
	/* nothing is received, but the memory has to have a ring for what would be */
	if (setsockopt(p->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) < 0 ||
	    setsockopt(p->fd, SOL_XDP, XDP_UMEM_FILL_RING, &few, sizeof(few)) < 0 ||
	    setsockopt(p->fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &n, sizeof(n)) < 0 ||
	    setsockopt(p->fd, SOL_XDP, XDP_TX_RING, &n, sizeof(n)) < 0 ||
	    getsockopt(p->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) < 0)
		return -errno;
	r = map_ring(p->fd, &p->send, &off.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
	if (!r)
		r = map_ring(p->fd, &p->completion, &off.cr, sizeof(uint64_t), (off_t)XDP_UMEM_PGOFF_COMPLETION_RING);
	if (!r && bind(p->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		r = -errno;
	return r;
}

/*
 * The kernel takes the queue from a socket that was closed a little later; on a busy machine that is
 * more than a tenth of a second. Who has another way does not wait for it.
 */
static int start(struct sl_tx_port *p)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	int r = set_up(p);

	for (int i = 0; r == -EBUSY && i < (p->must ? 500 : 5); i++) {
		shut(p);
		nanosleep(&nap, NULL);
		r = set_up(p);
	}
	p->tried = true;
	p->why = r;
	if (r < 0) {
		shut(p);
		return r;
	}
	p->taken = 0;
	p->n_laid = 0;
	p->n_free = 0;
	while (p->n_free < SLOTS) {
		p->slot[p->n_free] = p->n_free;
		p->n_free++;
	}
	return 0;
}

static void xsk_close(struct sl_tx_port *p)
{
	if (!p)
		return;
	shut(p);
	if (p->ask_fd >= 0)
		close(p->ask_fd);
	sl_tx_packet.close(p->other);
	free(p);
}

static int xsk_open(const struct sl_iface *dev, const struct sl_tx_want *want, struct sl_tx_port **out)
{
	struct sl_tx_port *p;
	int r;

	if (dev->link != SL_LINK_ETHERNET)
		return -EPROTOTYPE;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->fd = -1;
	p->ask_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	p->dev = *dev;
	p->must = want->must;
	p->slot_len = dev->mtu + HEADER + TAG <= SLOT_SMALL ? SLOT_SMALL : SLOT_LARGE;
	/* else with the first frame, so that what captures by AF_XDP here has had its queue */
	r = p->must ? start(p) : 0;
	if (r < 0) {
		xsk_close(p);
		return r;
	}
	*out = p;
	return 0;
}

/* ---- frames ------------------------------------------------------------ */

/* Slots whose packets are gone are free again. */
static void reap(struct sl_tx_port *p)
{
	uint32_t at = *p->completion.consumer;
	/* acquire: pairs with the kernel's release; addresses are written before they are seen */
	uint32_t end = __atomic_load_n(p->completion.producer, __ATOMIC_ACQUIRE);
	const uint64_t *desc = p->completion.desc;

	for (; at != end && p->n_free < SLOTS; at++)
		p->slot[p->n_free++] = (uint32_t)(desc[at & (SLOTS - 1)] / p->slot_len);
	__atomic_store_n(p->completion.consumer, at, __ATOMIC_RELEASE);
}

/* Entries of all that is laid, from `taken` on. */
static void write_entries(struct sl_tx_port *p, unsigned int from)
{
	struct xdp_desc *desc = p->send.desc;

	for (unsigned int i = from; i < p->n_laid; i++)
		desc[(p->taken + i) & (SLOTS - 1)] = (struct xdp_desc){
			.addr = (uint64_t)p->laid[i].slot * p->slot_len, .len = p->laid[i].len,
		};
	/* release: pairs with the kernel's acquire; entries and bytes are written before */
	__atomic_store_n(p->send.producer, p->taken + p->n_laid, __ATOMIC_RELEASE);
}

/* Add up a checksum that was only begun, over all behind it as the kernel would. */
static void add_up(uint8_t *frame, uint32_t len, const struct virtio_net_hdr *h)
{
	uint8_t *field = frame + h->csum_start + h->csum_offset;
	uint64_t sum = 0;
	uint32_t i = h->csum_start;

	for (; i + 1 < len; i += 2)
		sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
	if (i < len)
		sum += (uint32_t)frame[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	if (!sum)
		sum = 0xffff;
	field[0] = (uint8_t)(sum >> 8);
	field[1] = (uint8_t)sum;
}

/* The MTU as it is now: it may have been changed. */
static void look_at_mtu(struct sl_tx_port *p)
{
	struct ifreq q = { 0 };

	memcpy(q.ifr_name, p->dev.name, sizeof(q.ifr_name));
	if (ioctl(p->ask_fd, SIOCGIFMTU, &q) == 0)
		p->dev.mtu = (uint32_t)q.ifr_mtu;
}

/* 0: it can go by a slot; 1: only by the other socket; -errno: not at all. */
static int fits(const struct sl_tx_port *p, const struct sl_tx_frame *f)
{
	uint32_t most = p->dev.mtu + HEADER;

	if (f->need == SL_TX_SPLIT)
		return 1;
	if (f->len < HEADER)
		return -EINVAL;
	if (f->len > most) {
		uint16_t type = (uint16_t)(f->data[12] << 8 | f->data[13]);

		if (f->len > most + TAG || (type != 0x8100 && type != 0x88a8))
			return -EMSGSIZE;
	}
	return f->len > p->slot_len;
}

/* Are frames[0 ...) those that are laid? */
static bool same(const struct sl_tx_port *p, const struct sl_tx_frame *frames, unsigned int n)
{
	return !p->n_laid || (p->n_laid <= n && p->laid[0].nth == frames[0].nth);
}

/* Lay what is not; as many as can be. 0, or what stands against the first that wasn't. */
static int lay(struct sl_tx_port *p, const struct sl_tx_frame *frames, unsigned int n)
{
	unsigned int from = p->n_laid, most = p->moves == NO ? 1 : n;
	int r = 0;

	if (p->moves == UNKNOWN && n <= LEARN)
		most = 1;
	for (unsigned int i = from; i < most; i++) {
		const struct sl_tx_frame *f = &frames[i];
		uint8_t *to;

		r = fits(p, f);
		if (r || p->n_free < 2)		/* one is kept for drop() */
			break;
		p->laid[i] = (struct laid){ f->nth, f->len, p->slot[--p->n_free] };
		to = p->mem + (size_t)p->laid[i].slot * p->slot_len;
		memcpy(to, f->data, f->len);
		if (f->need == SL_TX_SUM)
			add_up(to, f->len, &f->hdr);
		p->n_laid++;
	}
	if (p->n_laid > from)
		write_entries(p, from);
	return r;
}

/* The first n were taken. */
static void took(struct sl_tx_port *p, unsigned int n)
{
	p->taken += n;
	p->n_laid -= n;
	memmove(p->laid, p->laid + n, p->n_laid * sizeof(*p->laid));
}

/* The first one was taken and dropped: it is laid again, from another slot. */
static void again(struct sl_tx_port *p)
{
	struct laid *l = &p->laid[0];
	uint32_t slot = p->slot[--p->n_free];

	memcpy(p->mem + (size_t)slot * p->slot_len, p->mem + (size_t)l->slot * p->slot_len, l->len);
	l->slot = slot;
	p->taken++;
	write_entries(p, 0);
}

/*
 * Let the kernel take what is laid. How many it took, or -errno when none. It gives up a
 * call after so many frames (EAGAIN), and then is called again.
 */
static int kick(struct sl_tx_port *p)
{
	unsigned int done = 0, idle = 0;

	while (p->n_laid && idle < 2) {
		int e = sendto(p->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? errno : 0;
		/* acquire: what the kernel took it has read */
		uint32_t n = __atomic_load_n(p->send.consumer, __ATOMIC_ACQUIRE) - p->taken;

		if (n > p->n_laid)
			n = 0;		/* behind: it has not moved since a drop */
		if (e == EAGAIN && p->n_laid > LEARN && p->moves == UNKNOWN)
			p->moves = n ? YES : NO;
		reap(p);
		if (e == EBUSY) {
			took(p, n ? n - 1 : 0);
			again(p);
			return (int)(done + (n ? n - 1 : 0));
		}
		took(p, n);
		done += n;
		idle = n ? 0 : idle + 1;
		if (e && e != EAGAIN && e != EINTR && e != ENOBUFS)
			return done ? (int)done : -e;
	}
	return (int)done;
}

/* Frames that no slot can take, from the first on: by a packet socket. */
static int send_other(struct sl_tx_port *p, const struct sl_tx_frame *frames, unsigned int n)
{
	unsigned int k = 1;
	int r;

	if (frames[0].need == SL_TX_SPLIT && p->fd >= 0) {
		shut(p);
		p->why = -EMSGSIZE;
	}
	if (!p->other) {
		r = sl_tx_packet.open(&p->dev, &(struct sl_tx_want){ .bypass = true }, &p->other);
		if (r < 0)
			return r;
	}
	while (k < n && (p->fd < 0 || (frames[k].need != SL_TX_SPLIT && fits(p, &frames[k]) > 0)))
		k++;
	r = sl_tx_packet.send(p->other, frames, k);
	return r == -EAGAIN ? -ENOBUFS : r;	/* which of the two sockets to wait for, nobody knows */
}

static int xsk_send(struct sl_tx_port *p, const struct sl_tx_frame *frames, unsigned int n)
{
	int r, why;

	if (n > SL_TX_BATCH)
		n = SL_TX_BATCH;
	if (!p->tried || (p->fd >= 0 && !same(p, frames, n))) {
		shut(p);
		start(p);	/* where it can't be had again, the other one stays */
	}
	if (p->moves == NO && !p->must && !p->n_laid)
		shut(p);	/* one call for each frame is slower than the other one */
	if (p->fd < 0)
		return send_other(p, frames, n);
	reap(p);
	look_at_mtu(p);
	why = lay(p, frames, n);
	if (!p->n_laid)
		return why > 0 ? send_other(p, frames, n) : why ? why : -ENOBUFS;
	r = kick(p);
	return r ? r : -ENOBUFS;
}

static const char *xsk_took(const struct sl_tx_port *p)
{
	return p->fd >= 0 ? "AF_XDP socket" : p->why == -EBUSY ? "packet socket, as another AF_XDP socket has its queue" :
	       p->why == -EMSGSIZE ? "packet socket, since frames had to be cut" :
	       p->why ? "packet socket, as AF_XDP does not work on it" :
	       "packet socket, as this kernel tells senders by AF_XDP too late what it took";
}

static int xsk_fd(const struct sl_tx_port *p)
{
	return p->fd;
}

const struct sl_tx_way sl_tx_xsk = {
	.name	= "xsk",
	.open	= xsk_open,
	.send	= xsk_send,
	.fd	= xsk_fd,
	.took	= xsk_took,
	.close	= xsk_close,
};
