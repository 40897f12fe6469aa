/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/rx-packet.c -- packets by packet sockets, in rings that the kernel fills (TPACKET_V3)
 *
 * A socket and a ring for each interface. A ring is made of chunks; the kernel fills one
 * after the other and hands a chunk over when it is full, or when its first packet has
 * waited long enough. Each chunk that we are given is a counted segment, and blocks
 * point into it:
 *
 *	kernel -- full, or time is up --> ready -- pull() --> lent -- last block let go --> kernel
 *
 * The status word in the chunk says only whose it is, the kernel's or ours; `lent` tells
 * what we have read from what we have not. It is taken back by whichever thread lets the
 * last block go, and a ring lives until that has happened for every chunk, even when
 * that is after its socket was closed to us. Chunks are few, so blocks that a filter keeps are
 * copied (the segments are scarce); a chunk that is not given back in time costs packets,
 * which the kernel counts.
 *
 * The kernel takes VLAN tags off frames. They are put back in place: the addresses move
 * four bytes to the front, for which room is reserved.
 *
 * Which packets, and how much of each, a socket filter decides before anything is
 * copied: first the direction, then the filter behind rx (rx-select.h), where the plan
 * says so and it can be had, then the length.
 *
 * Sockets are waited for edge by edge, in an epoll instance of our own: a ring whose last
 * chunk is lent calls itself readable all the time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ifaces.h"
#include "rx.h"
#include "rx-missed.h"
#include "rx-select.h"

#ifndef TP_STATUS_GSO_TCP
#define TP_STATUS_GSO_TCP	(1 << 8)	/* newer kernels say so */
#endif

#define BUFFER		(16u << 20)	/* of all interfaces together */
#define CHUNK_MAX	(1u << 20)
#define CHUNK_MIN	(128u << 10)	/* holds the largest frame there is */
#define CHUNKS_MIN	4
#define CHUNKS_GOAL	16
#define SNAP_ALL	262144u
#define VLAN_BYTES	4u
#define ADDRESSES	12u		/* of an Ethernet header, in front of a tag */
#define LOOPBACK	1		/* its number, in every namespace */
#define LATE_NS		500000000ull	/* a stopped ring gives its last chunk by then */

struct chunk {
	struct ring *ring;
	struct tpacket_block_desc *desc;
	int seg;
	_Atomic bool lent;
};

struct ring {				/* lives while its port does, or a chunk is lent */
	_Atomic unsigned int refs;
	int fd;
	uint8_t *map;
	size_t map_len, chunk_len;
	unsigned int n;
	struct chunk chunk[];
};

struct port {				/* an interface */
	struct ring *ring;
	unsigned int iface;		/* in rx->ifs */
	bool bound, raw;
	int bound_to;			/* ifindex */
	unsigned int next;		/* chunk to be read next */
	struct chunk *now;		/* being read; NULL: none */
	struct tpacket3_hdr *pkt;	/* the packet to be read next */
	uint32_t left;			/* packets in it that are not read, pkt included; as many are lent ahead */
	uint64_t time_ns;		/* of pkt */
	struct rx_missed missed;
};

struct packet_rx {
	struct port *port[RX_IFS_MAX];
	unsigned int n;			/* of rx->ifs that were looked at */
	int epoll_fd;
	struct rx_select *select;	/* NULL: all packets come */
	bool refused;			/* some port could not have it */
	bool stopped;
	uint64_t stopped_ns;
};

/* ---- rings ----------------------------------------------------------- */

static void ring_put(struct ring *r)
{
	/* acq_rel: what others did with the ring comes before it goes */
	if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (r->map)
		munmap(r->map, r->map_len);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

/* Nobody looks at the chunk any more. From any thread. */
static void chunk_back(void *arg)
{
	struct chunk *c = arg;
	struct ring *r = c->ring;

	/* release: all reading of the chunk comes before the kernel writes to it */
	__atomic_store_n(&c->desc->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	/* release: who sees that it is not lent sees the status too; pairs with chunk_ready() */
	atomic_store_explicit(&c->lent, false, memory_order_release);
	ring_put(r);
}

static bool chunk_ready(const struct chunk *c)
{
	if (atomic_load_explicit(&c->lent, memory_order_acquire))
		return false;
	/* acquire: pairs with the kernel's barrier before it hands over */
	return __atomic_load_n(&c->desc->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static int ring_map(struct ring *r, unsigned int delay_ms)
{
	for (;;) {
		struct tpacket_req3 q = {
			.tp_block_size = (unsigned int)r->chunk_len, .tp_block_nr = r->n,
			.tp_frame_size = 2048,
			.tp_frame_nr = (unsigned int)(r->chunk_len / 2048 * r->n),
			.tp_retire_blk_tov = delay_ms,
		};

		if (setsockopt(r->fd, SOL_PACKET, PACKET_RX_RING, &q, sizeof(q)) == 0)
			break;
		if (errno != ENOMEM || r->n / 2 < CHUNKS_MIN)
			return -errno;
		r->n /= 2;
	}
	r->map_len = r->chunk_len * r->n;
	r->map = mmap(NULL, r->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (r->map == MAP_FAILED) {
		r->map = NULL;
		return -errno;
	}
	for (unsigned int i = 0; i < r->n; i++) {
		r->chunk[i].ring = r;
		r->chunk[i].desc = (struct tpacket_block_desc *)(r->map + i * r->chunk_len);
	}
	return 0;
}

static int ring_new(const struct rx *rx, bool raw, struct ring **out)
{
	uint64_t bytes = (rx->buffer ? rx->buffer : BUFFER) / (rx->n_ifs ? rx->n_ifs : 1);
	uint64_t delay_ms = rx->delay > 0 ? (uint64_t)rx->delay / 1000000 : 0;
	int version = TPACKET_V3, reserve = VLAN_BYTES, r;
	size_t len = CHUNK_MAX;
	struct ring *ring;
	unsigned int n;

	while (len > CHUNK_MIN && bytes / len < CHUNKS_GOAL)
		len /= 2;
	n = bytes / len < CHUNKS_MIN ? CHUNKS_MIN : bytes / len > 65536 ? 65536 : (unsigned int)(bytes / len);
	ring = calloc(1, sizeof(*ring) + n * sizeof(ring->chunk[0]));
	if (!ring)
		return -ENOMEM;
	atomic_init(&ring->refs, 1);
	ring->chunk_len = len;
	ring->n = n;
	/* No protocol yet: nothing comes in before the filter stands. */
	ring->fd = socket(AF_PACKET, (raw ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ring->fd < 0 ||
	    setsockopt(ring->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(ring->fd, SOL_PACKET, PACKET_RESERVE, &reserve, sizeof(reserve)) < 0)
		r = -errno;
	else
		r = ring_map(ring, delay_ms < 1 ? 1 : delay_ms > 10000 ? 10000 : (unsigned int)delay_ms);
	if (r < 0) {
		ring_put(ring);
		return r;
	}
	*out = ring;
	return 0;
}

/* ---- which packets ------------------------------------------------- */

static uint32_t snap_of(const struct rx *rx)
{
	return rx->snap && rx->snap < SNAP_ALL ? (uint32_t)rx->snap : SNAP_ALL;
}

/* Longer on the wire than one packet of the interface can be; 0: not known. */
static uint32_t longest(const struct rx_if *i, bool raw)
{
	return !i->mtu || raw ? i->mtu : i->mtu + ETH_HLEN + VLAN_BYTES;
}

static int attach(const struct rx *rx, struct packet_rx *s, const struct port *p, bool none)
{
	const struct rx_if *i = &rx->ifs[p->iface];
	struct sock_filter code[4];
	struct sock_fprog prog = { .filter = code };
	unsigned int n = 0;
	/* what goes out on a loopback comes in again, and once is enough */
	bool no_out = rx->direction == RX_IN || (rx->direction == RX_BOTH && i->ifindex == LOOPBACK);
	enum rx_select_direction d = no_out ? RX_SELECT_NO_OUT :
				     rx->direction == RX_OUT ? RX_SELECT_ONLY_OUT : RX_SELECT_ALL;

	if (!none && s->select) {
		if (!rx_select_attach(s->select, p->ring->fd, i->link, d, snap_of(rx), longest(i, p->raw)))
			return 0;
		s->refused = true;
	}
	if (none) {
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	} else {
		if (d != RX_SELECT_ALL) {
			code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
								 (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
			code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING,
								 no_out ? 0 : 1, no_out ? 1 : 0);
			code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
		}
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, snap_of(rx));
	}
	prog.len = (unsigned short)n;
	return setsockopt(p->ring->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno : 0;
}

/* ---- interfaces ---------------------------------------------------- */

static int port_bind(struct rx *rx, struct port *p)
{
	const struct rx_if *i = &rx->ifs[p->iface];
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = i->ifindex };
	int error;
	socklen_t len = sizeof(error);

	if (p->bound && p->bound_to == i->ifindex)
		return 0;
	/* an interface that went leaves its error behind, and that would be the answer to bind() */
	getsockopt(p->ring->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (bind(p->ring->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	p->bound = true;
	p->bound_to = i->ifindex;
	return 0;
}

static void port_free(struct port *p)
{
	if (!p)
		return;
	/* what is lent keeps the ring; the packets it would still take in nobody wants */
	ring_put(p->ring);
	free(p);
}

static int port_new(struct rx *rx, struct packet_rx *s, unsigned int i, char *why, size_t size)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u32 = i };
	struct port *p = calloc(1, sizeof(*p));
	const char *step = "its ring";
	int r;

	if (!p)
		return -ENOMEM;
	p->iface = i;
	p->raw = rx->ifs[i].link == SL_LINK_RAW;
	r = ring_new(rx, p->raw, &p->ring);
	if (!r) {
		step = "its filter";
		r = attach(rx, s, p, s->stopped);
	}
	if (!r) {
		step = "binding to it";
		r = port_bind(rx, p);
	}
	if (!r && epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, p->ring->fd, &ev) < 0)
		r = -errno;
	if (r < 0) {
		snprintf(why, size, "%s: %s: %s", rx->ifs[i].name, step, strerror(-r));
		port_free(p);
		return r;
	}
	s->port[i] = p;
	return 0;
}

static void packet_close(struct sl_filter *f, struct rx *rx)
{
	struct packet_rx *s = rx->priv;

	if (!s)
		return;
	for (unsigned int i = 0; i < s->n; i++) {
		if (s->port[i] && s->port[i]->now)
			sl_segment_return(f, s->port[i]->now->seg, s->port[i]->left + 1);
		port_free(s->port[i]);
	}
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	rx_select_free(s->select);
	free(s);
	rx->priv = NULL;
}

/* Read what the kernel counted; reading sets it to zero. */
static void count(struct sl_filter *f, struct rx *rx, bool last)
{
	struct packet_rx *s = rx->priv;

	for (unsigned int i = 0; i < s->n; i++) {
		struct port *p = s->port[i];
		struct tpacket_stats_v3 st;
		socklen_t len = sizeof(st);

		if (!p)
			continue;
		if (getsockopt(p->ring->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0 && st.tp_drops) {
			sl_count_add(&rx->dropped, st.tp_drops);
			sl_lost_bytes(f, st.tp_drops, 0, "ring full");
		}
		if (p->bound)
			sl_count_add(&rx->missed, rx_missed(&p->missed, p->bound_to, last));
	}
	if (s->select)
		rx_select_count(s->select, f, rx);
}

static int packet_open(struct sl_filter *f, struct rx *rx, char *why, size_t size)
{
	struct packet_rx *s;
	int r = 0;

	if (rx->mode == RX_INLINE) {
		snprintf(why, size, "packet sockets only look on: no mode=inline");
		return -ENOTSUP;
	}
	for (unsigned int i = 0; i < rx->n_ifs; i++) {
		if (rx->ifs[i].link == SL_LINK_NONE) {
			snprintf(why, size, "%s: frames of its kind have no link type of their own",
				 rx->ifs[i].name);
			return -ENOTSUP;
		}
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	rx->priv = s;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0) {
		r = -errno;
		snprintf(why, size, "%s", strerror(errno));
	}
	s->select = rx_select_new(f);
	for (; r == 0 && s->n < rx->n_ifs; s->n++)
		if (!rx->ifs[s->n].gone)
			r = port_new(rx, s, s->n, why, size);
	if (!r)
		r = rx_wait(f, rx, s->epoll_fd);
	if (r < 0)
		packet_close(f, rx);
	else
		count(f, rx, true);	/* what was missed before is not ours */
	if (!r && s->select && !s->refused)
		snprintf(rx->took, sizeof(rx->took), "%s, selected in the socket", rx_packet.brief);
	return r;
}

static int packet_changed(struct sl_filter *f, struct rx *rx, unsigned int i)
{
	struct packet_rx *s = rx->priv;
	char why[160];
	int r = 0;

	(void)f;
	while (s->n < rx->n_ifs)
		s->port[s->n++] = NULL;
	if (rx->ifs[i].gone) {
		if (s->port[i])
			s->port[i]->bound = false;
		return 0;
	}
	if (!s->port[i])
		return rx->ifs[i].link == SL_LINK_NONE ? -ENOTSUP : port_new(rx, s, i, why, sizeof(why));
	if (s->port[i]->raw != (rx->ifs[i].link == SL_LINK_RAW))
		return -ENOTSUP;
	if (s->select)
		r = attach(rx, s, s->port[i], s->stopped);	/* by its MTU */
	return r < 0 ? r : port_bind(rx, s->port[i]);
}

/* ---- packets ------------------------------------------------------- */

static uint64_t time_of(const struct tpacket3_hdr *h)
{
	return h->tp_sec * 1000000000ull + h->tp_nsec;
}

/* The packet that is to be read next, of one interface. False: there is none. */
static bool look(struct sl_filter *f, struct port *p, int *error)
{
	struct chunk *c;

	if (p->left)
		return true;
	if (p->now) {
		sl_segment_put(f, p->now->seg);
		p->now = NULL;
	}
	c = &p->ring->chunk[p->next];
	if (!chunk_ready(c))
		return false;
	atomic_store_explicit(&c->lent, true, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->ring->refs, 1, memory_order_relaxed);
	c->seg = sl_segment_new(f, c->desc, p->ring->chunk_len, false, chunk_back, c);
	if (c->seg < 0) {
		/* too many segments: later */
		*error = c->seg;
		atomic_store_explicit(&c->lent, false, memory_order_relaxed);
		ring_put(p->ring);
		return false;
	}
	sl_segment_scarce(f, c->seg);
	p->next = p->next + 1 == p->ring->n ? 0 : p->next + 1;
	p->now = c;
	p->left = c->desc->hdr.bh1.num_pkts;
	p->pkt = (struct tpacket3_hdr *)((uint8_t *)c->desc + c->desc->hdr.bh1.offset_to_first_pkt);
	if (!p->left)
		return look(f, p, error);
	sl_segment_lend(f, c->seg, p->left);
	p->time_ns = time_of(p->pkt);
	return true;
}

/* The VLAN tag that the kernel took off, back into the frame at `at`. Returns where it begins now. */
static uint8_t *tag_back(uint8_t *at, const struct tpacket3_hdr *h)
{
	uint16_t tpid = htons(h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : ETH_P_8021Q);
	uint16_t tci = htons((uint16_t)h->hv1.tp_vlan_tci);

	memmove(at - VLAN_BYTES, at, ADDRESSES);
	at -= VLAN_BYTES;
	memcpy(at + ADDRESSES, &tpid, sizeof(tpid));
	memcpy(at + ADDRESSES + sizeof(tpid), &tci, sizeof(tci));
	return at;
}

static int deliver(struct sl_filter *f, struct rx *rx, struct port *p)
{
	const struct rx_if *i = &rx->ifs[p->iface];
	struct tpacket3_hdr *h = p->pkt;
	const struct sockaddr_ll *from = (const void *)((uint8_t *)h + TPACKET_ALIGN(sizeof(*h)));
	struct sl_block *b = sl_block_new(f);
	uint8_t *at = (uint8_t *)h + h->tp_mac;
	uint32_t len = h->tp_snaplen, wire_len = h->tp_len, most = longest(i, p->raw);

	if (!b)
		return -ENOMEM;
	if (h->tp_status & TP_STATUS_GSO_TCP || (most && wire_len > most))
		sl_count(&rx->merged);
	if (h->tp_status & TP_STATUS_VLAN_VALID && !p->raw) {
		wire_len += VLAN_BYTES;
		if (len >= ADDRESSES) {
			at = tag_back(at, h);
			len += VLAN_BYTES;
			if (len > snap_of(rx))
				len = snap_of(rx);
		}
	}
	b->seg = (uint16_t)p->now->seg;
	b->off = (uint64_t)(at - (uint8_t *)p->now->desc);
	b->time_ns = p->time_ns;
	b->len = b->frame_len = len;
	b->wire_len = wire_len;
	b->link = i->link;
	b->iface = (uint16_t)p->iface;
	b->flags = (uint16_t)(b->flags | SL_B_NANO | (from->sll_pkttype == PACKET_OUTGOING ? SL_B_OUT : SL_B_IN));

	if (--p->left) {
		p->pkt = (struct tpacket3_hdr *)((uint8_t *)h + h->tp_next_offset);
		__builtin_prefetch(p->pkt);
		p->time_ns = time_of(p->pkt);
	}
	sl_emit(f, 0, b);
	return 0;
}

/* The interface with the oldest packet; *until: when another one's turn comes. */
static struct port *oldest(struct sl_filter *f, struct packet_rx *s, uint64_t *until, int *error)
{
	struct port *first = NULL;

	*until = UINT64_MAX;
	for (unsigned int i = 0; i < s->n; i++) {
		struct port *p = s->port[i];

		if (!p || !look(f, p, error))
			continue;
		if (!first || p->time_ns < first->time_ns) {
			if (first)
				*until = first->time_ns;
			first = p;
		} else if (p->time_ns < *until) {
			*until = p->time_ns;
		}
	}
	return first;
}

/* Forget what was said up to now. Sockets of interfaces that went down or away have an error to tell. */
static void clear(struct packet_rx *s, int timeout_ms)
{
	struct epoll_event ev[16];
	int n = epoll_wait(s->epoll_fd, ev, 16, timeout_ms), error;
	socklen_t len = sizeof(error);

	for (int k = 0; k < n; k++)
		if (ev[k].events & EPOLLERR && s->port[ev[k].data.u32])
			getsockopt(s->port[ev[k].data.u32]->ring->fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

/* After stop(): has the kernel packets in a chunk that it has not handed over? */
static bool owes(const struct packet_rx *s)
{
	for (unsigned int i = 0; i < s->n; i++) {
		const struct chunk *c = s->port[i] ? &s->port[i]->ring->chunk[s->port[i]->next] : NULL;

		if (c && !atomic_load_explicit(&c->lent, memory_order_acquire) &&
		    __atomic_load_n(&c->desc->hdr.bh1.num_pkts, __ATOMIC_ACQUIRE))
			return true;
	}
	return false;
}

static int packet_pull(struct sl_filter *f, struct rx *rx, unsigned int max, bool drain)
{
	struct packet_rx *s = rx->priv;
	struct port *p;
	uint64_t until;
	unsigned int n = 0;
	int error = 0, r = 0;

	for (int turn = 0; turn < 2; turn++) {
		while (n < max && r == 0 && (p = oldest(f, s, &until, &error)))
			do
				r = deliver(f, rx, p);
			while (r == 0 && ++n < max && p->left && p->time_ns <= until);
		if (r < 0 || error < 0)
			return sl_fail(f, "E302", r < 0 ? "no memory for blocks" : "too many segments in use");
		if (n)
			return (int)n;
		if (turn == 0)
			clear(s, 0);
	}
	if (!drain)
		return 0;
	if (s->stopped && (!owes(s) || rx_clock_ns(CLOCK_MONOTONIC) - s->stopped_ns > LATE_NS + (uint64_t)rx->delay)) {
		count(f, rx, true);
		return SL_EOF;
	}
	clear(s, 1);
	return 0;
}

static void packet_stop(struct sl_filter *f, struct rx *rx)
{
	struct packet_rx *s = rx->priv;

	(void)f;
	if (s->stopped)
		return;
	s->stopped = true;
	s->stopped_ns = rx_clock_ns(CLOCK_MONOTONIC);
	for (unsigned int i = 0; i < s->n; i++)
		if (s->port[i])
			attach(rx, s, s->port[i], true);
}

static void packet_stats(struct sl_filter *f, struct rx *rx)
{
	count(f, rx, false);
}

const struct rx_carrier rx_packet = {
	.name		= "tpacket",
	.brief		= "packet socket (TPACKET_V3)",
	.open		= packet_open,
	.pull		= packet_pull,
	.stop		= packet_stop,
	.stats		= packet_stats,
	.changed	= packet_changed,
	.close		= packet_close,
};
