/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/rx-xsk.c -- packets by AF_XDP, taken away before the stack sees them
 *
 * A small program (rx-xsk.bpf.c) sends the packets of each queue to a socket, which puts
 * them into memory of ours: on cards that can, without the system copying them. That
 * memory is divided into slots, one for a packet at most. A slot is
 *
 *	free -- fill ring --> the kernel's -- receive ring --> lent -- let go --> free
 *
 * Packets that are read together are lent together: a counted segment over the whole
 * memory with a list of their slots. Whichever thread lets the last block of it go puts
 * the list where pull() finds it. The memory lives until the last list is back.
 *
 * To be woken for each packet costs far more than the packet. So after a wake-up sockets
 * are disarmed, and a nap follows, which grows up to `delay` while it brings little and shrinks
 * when it brings much. A nap that brought nothing ends in waiting for the sockets.
 *
 * The program is held by a link: it goes when the process does, however that ends.
 * It never replaces another one.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kern/objects.h"
#include "net/ifaces.h"
#include "rx.h"
#include "rx-missed.h"
#include "rx-xsk.h"

#ifndef AF_XDP
#define AF_XDP		44
#endif
#ifndef SOL_XDP
#define SOL_XDP		283
#endif

#define BUFFER		(64u << 20)	/* of all interfaces together: some 10 ms of small packets */
#define SLOT_SMALL	2048u
#define SLOT_LARGE	4096u		/* a slot is a page at most */
#define HEADROOM	256u		/* kept free by the kernel in front of a packet */
#define FRAME_EXTRA	22u		/* Ethernet header and two VLAN tags behind the MTU */
#define SLOTS_MIN	256u
#define SLOTS_MAX	65536u
#define LOT		64u		/* packets that are lent together */
#define NAP_MIN_NS	50000
#define MANY		512		/* packets of a round that are worth coming soon for */
#define FEW		64

struct queue;

struct lot {
	struct lot *next;
	struct queue *q;
	int seg;
	unsigned int n;
	uint64_t slot[LOT];
};

struct xring {				/* one of the two that are shared with the kernel */
	void *map;
	size_t map_len;
	uint32_t *producer, *consumer, *flags;
	void *desc;
};

struct queue {				/* lives while its port does, or a lot is lent */
	_Atomic unsigned int refs;
	unsigned int number;		/* at its interface, from 0 */
	int fd;
	bool dead;			/* the interface went away under it */
	uint8_t *mem;
	size_t mem_len;
	uint32_t slot_len, n_slots;
	struct xring fill, recv;
	_Atomic(struct lot *) back;	/* let go, by any thread; pull() takes all at once */
	struct lot *spare;		/* for use again */
	uint64_t last_dropped;
	bool zero_copy;
};

struct port {				/* an interface */
	struct bpf_object *obj;
	int link_fd, ifindex;
	struct queue *q[RX_XSK_QUEUES];
	unsigned int n_q;
	uint32_t slot_len;
	struct rx_missed missed;
	bool native;
};

struct xsk_rx {
	struct port *port[RX_IFS_MAX];
	unsigned int n, turn;
	int epoll_fd, timer;
	int64_t nap_ns;
	unsigned int round;		/* packets since the last nap */
	bool napping, armed;
};

/* ---- queues --------------------------------------------------------- */

static void free_lots(struct lot *l)
{
	while (l) {
		struct lot *next = l->next;

		free(l);
		l = next;
	}
}

static void queue_put(struct queue *q)
{
	/* acq_rel: what others did with the memory comes before it goes */
	if (!q || atomic_fetch_sub_explicit(&q->refs, 1, memory_order_acq_rel) != 1)
		return;
	free_lots(atomic_load_explicit(&q->back, memory_order_acquire));
	free_lots(q->spare);
	if (q->mem)
		munmap(q->mem, q->mem_len);
	free(q);
}

/* Give the socket up; the memory stays as long as somebody looks at it. */
static void queue_close(struct queue *q)
{
	if (!q)
		return;
	if (q->fill.map)
		munmap(q->fill.map, q->fill.map_len);
	if (q->recv.map)
		munmap(q->recv.map, q->recv.map_len);
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
	queue_put(q);
}

/* Nobody looks at these packets any more. From any thread. */
static void lot_back(void *arg)
{
	struct lot *l = arg;
	struct queue *q = l->q;
	struct lot *first = atomic_load_explicit(&q->back, memory_order_relaxed);

	do
		l->next = first;
	/* release: reading of the packets comes before their slots are used again; pairs with refill() */
	while (!atomic_compare_exchange_weak_explicit(&q->back, &first, l, memory_order_release,
						      memory_order_relaxed));
	queue_put(q);
}

/* Slots that came back are the kernel's again. The fill ring holds as many as there are. */
static void refill(struct queue *q)
{
	struct lot *l = atomic_exchange_explicit(&q->back, NULL, memory_order_acquire), *next;
	uint64_t *desc = q->fill.desc;
	uint32_t at;

	if (!l)
		return;
	at = *q->fill.producer;
	for (; l; l = next) {
		next = l->next;
		for (unsigned int i = 0; i < l->n; i++)
			desc[at++ & (q->n_slots - 1)] = l->slot[i];
		l->next = q->spare;
		q->spare = l;
	}
	/* release: pairs with the kernel's acquire; the numbers are written before they are seen */
	__atomic_store_n(q->fill.producer, at, __ATOMIC_RELEASE);
}

static int map_ring(struct queue *q, struct xring *r, const struct xdp_ring_offset *off, size_t each, off_t page)
{
	r->map_len = off->desc + each * q->n_slots;
	r->map = mmap(NULL, r->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, q->fd, page);
	if (r->map == MAP_FAILED) {
		r->map = NULL;
		return -errno;
	}
	r->producer = (uint32_t *)((uint8_t *)r->map + off->producer);
	r->consumer = (uint32_t *)((uint8_t *)r->map + off->consumer);
	r->flags = (uint32_t *)((uint8_t *)r->map + off->flags);
	r->desc = (uint8_t *)r->map + off->desc;
	return 0;
}

static int set_up(struct queue *q)
{
	struct xdp_umem_reg reg = { .len = q->mem_len, .chunk_size = q->slot_len };
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	uint32_t n = q->n_slots, few = 1;
	uint64_t *desc;
	int r;

	q->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (q->fd < 0)
		return -errno;
	q->mem = mmap(NULL, q->mem_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (q->mem == MAP_FAILED) {
		q->mem = NULL;
		return -ENOMEM;
	}
	reg.addr = (uintptr_t)q->mem;
	/* nothing is sent, but the memory has to have a ring for what was */
	if (setsockopt(q->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) < 0 ||
	    setsockopt(q->fd, SOL_XDP, XDP_UMEM_FILL_RING, &n, sizeof(n)) < 0 ||
	    setsockopt(q->fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &few, sizeof(few)) < 0 ||
	    setsockopt(q->fd, SOL_XDP, XDP_RX_RING, &n, sizeof(n)) < 0 ||
	    getsockopt(q->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) < 0)
		return -errno;
	r = map_ring(q, &q->fill, &off.fr, sizeof(uint64_t), (off_t)XDP_UMEM_PGOFF_FILL_RING);
	if (!r)
		r = map_ring(q, &q->recv, &off.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
	if (r < 0)
		return r;
	desc = q->fill.desc;
	for (uint32_t i = 0; i < n; i++)
		desc[i] = (uint64_t)i * q->slot_len;
	__atomic_store_n(q->fill.producer, n, __ATOMIC_RELEASE);
	return 0;
}

static int queue_open(int ifindex, unsigned int queue, uint32_t slot_len, uint64_t bytes, struct queue **out)
{
	/* without other words: zero copy where it can be had */
	struct sockaddr_xdp to = { .sxdp_family = AF_XDP, .sxdp_flags = XDP_USE_NEED_WAKEUP,
				   .sxdp_ifindex = (uint32_t)ifindex, .sxdp_queue_id = queue };
	struct queue *q = calloc(1, sizeof(*q));
	struct xdp_options opt = { 0 };
	socklen_t len = sizeof(opt);
	int r;

	if (!q)
		return -ENOMEM;
	atomic_init(&q->refs, 1);
	q->number = queue;
	q->fd = -1;
	q->slot_len = slot_len;
	q->n_slots = SLOTS_MIN;
	while (q->n_slots < SLOTS_MAX && 2ull * q->n_slots * slot_len <= bytes)
		q->n_slots *= 2;
	q->mem_len = (size_t)q->n_slots * slot_len;
	r = set_up(q);
	if (!r && bind(q->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		r = -errno;
	if (r < 0) {
		queue_close(q);
		return r;
	}
	if (getsockopt(q->fd, SOL_XDP, XDP_OPTIONS, &opt, &len) == 0)
		q->zero_copy = opt.flags & XDP_OPTIONS_ZEROCOPY;
	*out = q;
	return 0;
}

/* ---- interfaces ---------------------------------------------------- */

static unsigned int n_queues(const char *name)
{
	struct ethtool_channels c = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq q = { .ifr_data = (void *)&c };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned int n = 1;

	snprintf(q.ifr_name, sizeof(q.ifr_name), "%s", name);
	if (fd >= 0 && ioctl(fd, SIOCETHTOOL, &q) == 0)
		n = c.rx_count + c.combined_count;
	if (fd >= 0)
		close(fd);
	return n ? n : 1;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

static int load(struct port *p)
{
	const struct sl_kernel_object *o = sl_kernel_object("rx-xsk");
	libbpf_print_fn_t before;
	int r;

	if (!o)
		return -ENOENT;
	before = libbpf_set_print(quiet);
	p->obj = bpf_object__open_mem(o->elf, o->size, NULL);
	r = p->obj ? bpf_object__load(p->obj) : -errno;
	libbpf_set_print(before);
	return r;
}

static int hook(struct port *p)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int prog = bpf_program__fd(bpf_object__find_program_by_name(p->obj, "rx_xsk"));

	p->native = true;
	p->link_fd = bpf_link_create(prog, p->ifindex, BPF_XDP, &opts);
	if (p->link_fd < 0 && errno != EBUSY && errno != EPERM) {
		p->native = false;
		opts.flags = XDP_FLAGS_SKB_MODE;
		p->link_fd = bpf_link_create(prog, p->ifindex, BPF_XDP, &opts);
	}
	return p->link_fd < 0 ? -errno : 0;
}

static void unhook(struct port *p)
{
	if (p->link_fd >= 0)
		close(p->link_fd);
	p->link_fd = -1;
}

static void port_free(struct port *p)
{
	if (!p)
		return;
	unhook(p);
	for (unsigned int i = 0; i < p->n_q; i++)
		queue_close(p->q[i]);
	bpf_object__close(p->obj);
	free(p);
}

static int add_queue(struct xsk_rx *s, struct port *p, unsigned int i, uint32_t slot_len, uint64_t bytes)
{
	struct epoll_event ev = { .events = EPOLLIN };
	uint32_t queue = p->n_q;
	int r;

	/* who may not lock so much memory gets less */
	do
		r = queue_open(p->ifindex, queue, slot_len, bytes, &p->q[queue]);
	while (r == -ENOBUFS && (bytes /= 2) >= (uint64_t)SLOTS_MIN * slot_len);
	if (r < 0)
		return r;
	p->n_q++;
	ev.data.u64 = (uint64_t)i << 32 | queue;
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, p->q[queue]->fd, &ev) < 0)
		return -errno;
	/* from now on its packets are ours */
	r = bpf_map_update_elem(bpf_object__find_map_fd_by_name(p->obj, "sockets"), &queue,
				&p->q[queue]->fd, BPF_ANY);
	return r < 0 ? -errno : 0;
}

/* What holds a frame; UINT32_MAX: nothing does. */
static uint32_t slot_for(uint32_t mtu)
{
	return mtu + FRAME_EXTRA <= SLOT_SMALL - HEADROOM ? SLOT_SMALL :
	       mtu + FRAME_EXTRA <= SLOT_LARGE - HEADROOM ? SLOT_LARGE : UINT32_MAX;
}

static int port_new(struct rx *rx, struct xsk_rx *s, unsigned int i, char *why, size_t size)
{
	const struct rx_if *at = &rx->ifs[i];
	uint64_t bytes = (rx->buffer ? rx->buffer : BUFFER) / (rx->n_ifs ? rx->n_ifs : 1);
	uint32_t slot_len = slot_for(at->mtu);
	unsigned int n = n_queues(at->name);
	const char *step = "its program";
	struct port *p;
	int r;

	if (at->link != SL_LINK_ETHERNET || slot_len == UINT32_MAX) {
		snprintf(why, size, at->link != SL_LINK_ETHERNET ? "%s: only for Ethernet" :
			 "%s: frames of MTU %u don't fit into a page", at->name, at->mtu);
		return -ENOTSUP;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->link_fd = -1;
	p->ifindex = at->ifindex;
	p->slot_len = slot_len;
	r = n > RX_XSK_QUEUES ? -E2BIG : load(p);
	if (!r) {
		step = "XDP";
		r = hook(p);
	}
	while (!r && p->n_q < n) {
		step = "its socket";
		r = add_queue(s, p, i, slot_len, bytes / n);
	}
	if (r < 0) {
		snprintf(why, size, "%s: %s: %s%s", at->name, step, strerror(-r),
			 r == -EBUSY ? " (another program has it)" :
			 r == -ENOBUFS ? " (see ulimit -l)" : "");
		port_free(p);
		return r;
	}
	s->port[i] = p;
	return 0;
}

static void count(struct sl_filter *f, struct rx *rx, bool last)
{
	struct xsk_rx *s = rx->priv;

	for (unsigned int i = 0; i < s->n; i++) {
		struct port *p = s->port[i];

		for (unsigned int k = 0; p && k < p->n_q; k++) {
			struct xdp_statistics st = { 0 };
			socklen_t len = sizeof(st);
			uint64_t more;

			/* kernels before 5.9 know the first three alone */
			if (getsockopt(p->q[k]->fd, SOL_XDP, XDP_STATISTICS, &st, &len) < 0)
				continue;
			more = st.rx_dropped + st.rx_ring_full - p->q[k]->last_dropped;
			if (!more)
				continue;
			p->q[k]->last_dropped += more;
			sl_count_add(&rx->dropped, more);
			sl_lost_bytes(f, more, 0, "ring full");
		}
		if (p)
			sl_count_add(&rx->missed, rx_missed(&p->missed, p->ifindex, last));
	}
}

static void xsk_stats(struct sl_filter *f, struct rx *rx)
{
	count(f, rx, false);
}

static void xsk_close(struct sl_filter *f, struct rx *rx)
{
	struct xsk_rx *s = rx->priv;

	(void)f;
	if (!s)
		return;
	for (unsigned int i = 0; i < s->n; i++)
		port_free(s->port[i]);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->timer >= 0)
		close(s->timer);
	free(s);
	rx->priv = NULL;
}

static int xsk_open(struct sl_filter *f, struct rx *rx, char *why, size_t size)
{
	struct xsk_rx *s;
	const struct port *p = NULL;
	int r = 0;

	if (rx->mode != RX_INLINE || rx->direction == RX_OUT) {
		snprintf(why, size, "AF_XDP takes away what comes in: only with mode=inline");
		return -ENOTSUP;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	rx->priv = s;
	s->nap_ns = NAP_MIN_NS;
	s->armed = true;
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0 || s->timer < 0) {
		r = -errno;
		snprintf(why, size, "%s", strerror(errno));
	}
	for (; r == 0 && s->n < rx->n_ifs; s->n++)
		if (!rx->ifs[s->n].gone)
			r = port_new(rx, s, s->n, why, size);
	if (!r)
		r = rx_wait(f, rx, s->epoll_fd);
	if (!r)
		r = rx_wait(f, rx, s->timer);
	if (r < 0) {
		xsk_close(f, rx);
		return r;
	}
	for (unsigned int i = 0; i < s->n && !p; i++)
		p = s->port[i];
	if (p)
		snprintf(rx->took, sizeof(rx->took), "AF_XDP socket, %s XDP, %s, %u queue%s",
			 p->native ? "native" : "generic", p->q[0]->zero_copy ? "zero copy" : "one copy",
			 p->n_q, p->n_q == 1 ? "" : "s");
	count(f, rx, true);	/* what was missed before is not ours */
	return 0;
}

static int xsk_changed(struct sl_filter *f, struct rx *rx, unsigned int i)
{
	struct xsk_rx *s = rx->priv;
	char why[160];

	while (s->n < rx->n_ifs)
		s->port[s->n++] = NULL;
	if (!rx->ifs[i].gone && s->port[i] && s->port[i]->ifindex == rx->ifs[i].ifindex &&
	    slot_for(rx->ifs[i].mtu) <= s->port[i]->slot_len)
		return 0;
	if (s->port[i])
		count(f, rx, false);
	port_free(s->port[i]);
	s->port[i] = NULL;
	return rx->ifs[i].gone || rx->stopped ? 0 : port_new(rx, s, i, why, sizeof(why));
}

/* ---- packets ------------------------------------------------------- */

static struct lot *new_lot(struct queue *q)
{
	struct lot *l = q->spare;

	if (l)
		q->spare = l->next;
	else
		l = malloc(sizeof(*l));
	if (l) {
		l->q = q;
		l->n = 0;
	}
	return l;
}

/* Up to max packets of a queue, at most a lot of them; -errno. */
static int deliver(struct sl_filter *f, struct rx *rx, unsigned int i, struct queue *q, unsigned int max)
{
	uint32_t at = *q->recv.consumer;
	/* acquire: pairs with the kernel's release; what it says of the packets is there */
	uint32_t n = __atomic_load_n(q->recv.producer, __ATOMIC_ACQUIRE) - at;
	uint64_t now, to_real;
	const struct rx_xsk_mark *mark;
	struct lot *l;
	int r;

	if (!n)
		return 0;
	if (n > max)
		n = max;
	if (n > LOT)
		n = LOT;
	l = new_lot(q);
	if (!l)
		return -ENOMEM;
	l->seg = sl_segment_new(f, q->mem, (size_t)n * q->slot_len, false, lot_back, l);
	if (l->seg < 0) {
		l->next = q->spare;
		q->spare = l;
		return -ENOSPC;
	}
	atomic_fetch_add_explicit(&q->refs, 1, memory_order_relaxed);
	sl_segment_scarce(f, l->seg);
	now = rx_clock_ns(CLOCK_REALTIME);
	to_real = now - rx_clock_ns(CLOCK_MONOTONIC);
	sl_segment_lend(f, l->seg, n);
	for (; l->n < n; at++) {
		const struct xdp_desc *d = &((const struct xdp_desc *)q->recv.desc)[at & (q->n_slots - 1)];
		struct sl_block *b = sl_block_new(f);

		if (!b)
			break;
		l->slot[l->n++] = d->addr & ~(uint64_t)(q->slot_len - 1);
		mark = (const void *)(q->mem + d->addr - sizeof(*mark));
		b->seg = (uint16_t)l->seg;
		b->off = d->addr;
		b->time_ns = mark->magic == RX_XSK_MAGIC ? mark->time_ns + to_real : now;
		b->wire_len = d->len;
		b->len = b->frame_len = rx->snap && rx->snap < d->len ? (uint32_t)rx->snap : d->len;
		b->link = SL_LINK_ETHERNET;
		b->iface = (uint16_t)i;
		b->stream = q->number + 1;
		b->flags |= SL_B_NANO | SL_B_IN;
		sl_emit(f, 0, b);
	}
	/* release: we are done with the descriptors before the kernel writes new ones */
	__atomic_store_n(q->recv.consumer, at, __ATOMIC_RELEASE);
	r = l->n ? (int)l->n : -ENOMEM;
	/* our own hold, and those that no block took over; the lot may be gone after that */
	sl_segment_return(f, l->seg, 1 + n - l->n);
	return r;
}

/* Be woken by the next packet, at once when there is one; or by none. */
static void arm(struct xsk_rx *s, bool on)
{
	if (s->armed == on)
		return;
	s->armed = on;
	for (unsigned int i = 0; i < s->n; i++) {
		struct port *p = s->port[i];

		for (uint32_t k = 0; p && k < p->n_q; k++) {
			struct epoll_event ev = { .events = on ? EPOLLIN : 0,
						  .data.u64 = (uint64_t)i << 32 | k };

			if (!p->q[k]->dead)
				epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, p->q[k]->fd, &ev);
		}
	}
}

/* A socket that lost its interface would go on calling itself ready. */
static void bury(struct xsk_rx *s)
{
	struct epoll_event ev[16];
	int n = epoll_wait(s->epoll_fd, ev, 16, 0);

	for (int e = 0; e < n; e++) {
		struct port *p = s->port[ev[e].data.u64 >> 32];
		uint32_t k = (uint32_t)ev[e].data.u64;

		if (!(ev[e].events & (EPOLLERR | EPOLLHUP)) || !p || k >= p->n_q)
			continue;
		epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, p->q[k]->fd, NULL);
		p->q[k]->dead = true;
	}
}

/* The kernel may ask to be told of new slots. */
static void tell(struct xsk_rx *s)
{
	for (unsigned int i = 0; i < s->n; i++) {
		struct port *p = s->port[i];

		for (unsigned int k = 0; p && k < p->n_q; k++)
			if (!p->q[k]->dead && *(volatile uint32_t *)p->q[k]->fill.flags & XDP_RING_NEED_WAKEUP)
				recv(p->q[k]->fd, NULL, 0, MSG_DONTWAIT);
	}
}

/* Nothing to read now. */
static void rest(struct rx *rx, struct xsk_rx *s)
{
	int64_t most = rx->delay < NAP_MIN_NS ? NAP_MIN_NS : rx->delay > 999999999 ? 999999999 : rx->delay;
	struct itimerspec t = { 0 };

	tell(s);
	if (!s->round) {
		s->nap_ns = NAP_MIN_NS;
		bury(s);
		arm(s, true);
		return;
	}
	arm(s, false);
	if (s->round >= MANY)
		s->nap_ns /= 2;
	else if (s->round < FEW)
		s->nap_ns *= 2;
	s->nap_ns = s->nap_ns < NAP_MIN_NS ? NAP_MIN_NS : s->nap_ns > most ? most : s->nap_ns;
	s->round = 0;
	s->napping = true;
	t.it_value.tv_nsec = (long)s->nap_ns;
	timerfd_settime(s->timer, 0, &t, NULL);
}

static int xsk_pull(struct sl_filter *f, struct rx *rx, unsigned int max, bool drain)
{
	struct xsk_rx *s = rx->priv;
	unsigned int n = 0;
	uint64_t times;

	if (s->napping && read(s->timer, &times, sizeof(times)) > 0)
		s->napping = false;
	/* each queue is asked, of another interface first each time */
	for (unsigned int t = 0; t < s->n; t++) {
		unsigned int i = (s->turn + t) % s->n;
		struct port *p = s->port[i];

		for (unsigned int k = 0; p && k < p->n_q && n < max; k++) {
			int r = deliver(f, rx, i, p->q[k], max - n);

			if (r < 0)
				return sl_fail(f, "E302", r == -ENOSPC ? "too many segments in use" :
					       "no memory for blocks");
			n += (unsigned int)r;
			refill(p->q[k]);
		}
	}
	s->turn++;
	s->round += n;
	if (n)
		return (int)n;
	if (drain) {
		count(f, rx, true);
		return SL_EOF;
	}
	if (!s->napping)
		rest(rx, s);
	return 0;
}

static void xsk_stop(struct sl_filter *f, struct rx *rx)
{
	struct xsk_rx *s = rx->priv;

	(void)f;
	for (unsigned int i = 0; i < s->n; i++)
		if (s->port[i])
			unhook(s->port[i]);
}

const struct rx_carrier rx_xsk = {
	.name		= "xsk",
	.brief		= "AF_XDP socket",
	.open		= xsk_open,
	.pull		= xsk_pull,
	.stop		= xsk_stop,
	.stats		= xsk_stats,
	.changed	= xsk_changed,
	.close		= xsk_close,
};
