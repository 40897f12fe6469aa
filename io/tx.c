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
 * interface: a little faster on some devices, with no shaping, and the driver's queue is all
 * the buffer there is. The default, normal, keeps the order and the limits that the
 * system has set.
 *
 * Live packets that only kernel forms have looked at are sent by the kernel, without
 * coming here: by mode=inline past any queue, else as copies. What is not plain then (a
 * frame too long, a device that is down) comes here still. From XDP a veth takes frames
 * only while its other end has GRO or a program of its own.
 *
 * It takes CAP_NET_RAW.
 */
/*
 * A frame is in one of three places: in the batch at hand, in the queue (held), or the
 * kernel's. It moves on only when the kernel took it, so what is held is what
 * was not sent.
 *
 *	FREE	nothing waits; frames go out as they come
 *	ROOM	waits for the descriptor: the socket's buffer is full
 *	QUEUE	waits for a timer: the device's queue refused a frame, and nobody tells
 *		when it has room
 *	AWAY	the device is down or gone; frames are lost, and now and then it is
 *		looked for
 *
 * A device may refuse a frame for good without saying so (a rule that drops, for one).
 * Such a frame is given up after a second in which nothing moved, those after it
 * sooner, until one was taken after waiting: then it was a queue after all.
 */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/blockq.h"
#include "tx.h"

#define NAP_MIN_NS	50000u
#define NAP_MAX_NS	2000000u
#define PATIENCE_NS	1000000000u	/* for one frame */
#define LITTLE_NS	2000000u	/* after one was given up */
#define LOOK_NS		100000000u	/* between looks for a lost device */

enum tx_state { FREE, ROOM, QUEUE, AWAY };
enum { QDISC_NORMAL, QDISC_BYPASS };

struct tx {
	const char *interface;
	int qdisc;
	bool finish;
	struct sl_count packets, bytes, waits, cut, split, summed;

	struct sl_iface dev;
	const struct sl_tx_way *way;
	struct sl_tx_port *port;
	enum tx_state state;
	struct sl_blockq q;
	int timer;			/* 0: none */
	uint64_t nap_ns, patience_ns;
	uint64_t refused_ns;		/* since when the first frame is; 0: it is not */
	uint64_t looked_ns;
	bool stalled, said_link, said_long, said_away, said_refused;
};

/* Reasons live as long as the reports of the run do. */
struct tx_words {
	char too_long[64], away[64];
};

static const char *const tx_qdisc[] = { "normal", "bypass", NULL };

static const struct sl_param tx_params[] = {
	SL_STRING(struct tx, interface, .pos = 1, .required = true, .help = "network interface, as in 'ip link'"),
	SL_CHOICE(struct tx, qdisc, .choices = tx_qdisc, .def = QDISC_NORMAL,
		  .help = "through the interface's queueing discipline, or past it"),
	SL_SWITCH(struct tx, finish, .def = 1, .help = "finish what was left to the device: segments, checksums"),
	{ }
};

static const struct sl_value tx_values[] = {
	SL_COUNT(struct tx, packets, .help = "packets sent"),
	SL_COUNT(struct tx, bytes, .help = "bytes of them"),
	SL_COUNT(struct tx, waits, .help = "times that the device had no room"),
	SL_COUNT(struct tx, cut, .help = "of the packets: sent shorter than they once were"),
	SL_COUNT(struct tx, split, .help = "of the packets: cut into several of the wire"),
	SL_COUNT(struct tx, summed, .help = "of the packets: had a checksum that was only begun"),
	{ }
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- waiting --------------------------------------------------------- */

static void set_timer(struct tx *s, uint64_t ns)
{
	struct itimerspec t = {
		.it_value = { .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) },
	};

	timerfd_settime(s->timer, 0, &t, NULL);
}

static int enter(struct sl_filter *f, struct tx *s, enum tx_state to)
{
	int r = 0;

	if (to != s->state) {
		if (s->state == ROOM)
			sl_wait_fd(f, -1, true);
		if (s->state == QUEUE)
			set_timer(s, 0);
		if (to == ROOM)
			r = sl_wait_fd(f, s->way->fd(s->port), true);
		s->state = to;
	}
	if (to == QUEUE) {
		set_timer(s, s->nap_ns);
		s->nap_ns = s->nap_ns * 2 < NAP_MAX_NS ? s->nap_ns * 2 : NAP_MAX_NS;
	}
	if (to == ROOM || to == QUEUE)
		sl_count(&s->waits);
	if (s->stalled != (to == ROOM || to == QUEUE)) {
		s->stalled = !s->stalled;
		sl_stall(f, s->stalled);
	}
	return r < 0 ? sl_fail(f, "E302", "cannot wait for %s: %s", s->interface, strerror(-r)) : 0;
}

/* ---- the device ------------------------------------------------------- */

/* 0; -EPERM or such. What is known of a device that is away stays known. */
static int attach(struct tx *s)
{
	struct sl_iface dev;
	int r = sl_iface_get(s->interface, &dev);

	if (r < 0)
		return r;
	s->dev = dev;
	s->way = &sl_tx_packet;
	r = s->way->open(&s->dev, s->qdisc == QDISC_BYPASS, &s->port);
	return r == -ENXIO ? -ENODEV : r;
}

static void detach(struct sl_filter *f, struct tx *s)
{
	if (s->state == ROOM)
		enter(f, s, FREE);	/* nobody waits for a closed descriptor */
	if (s->port)
		s->way->close(s->port);
	s->port = NULL;
}

/* Is it back? Looked at now and then only. */
static bool back(struct sl_filter *f, struct tx *s)
{
	uint64_t now = now_ns();

	if (now - s->looked_ns < LOOK_NS)
		return false;
	s->looked_ns = now;
	detach(f, s);
	if (attach(s) < 0 || !s->dev.up) {
		detach(f, s);
		return false;
	}
	enter(f, s, FREE);
	return true;
}

static void go_away(struct sl_filter *f, struct tx *s, int why)
{
	if (!s->said_away)
		sl_trouble(f, "E302", true, "%s %s after %" PRIu64 " packets; frames are lost until it is back",
			   s->interface, why == -ENETDOWN ? "is down" : "is gone", s->packets.n);
	s->said_away = true;
	detach(f, s);
	s->looked_ns = now_ns();
	enter(f, s, AWAY);
}

/* ---- sending ------------------------------------------------------------ */

static void sent(struct sl_filter *f, struct tx *s, const struct sl_tx_frame *frames, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct sl_block *b = sl_blockq_take(&s->q);

		s->split.n += frames[i].need == SL_TX_SPLIT;
		s->summed.n += frames[i].need == SL_TX_SUM;
		sl_count(&s->packets);
		sl_count_add(&s->bytes, b->frame_len);
		if (b->frame_len < b->wire_len)
			sl_count(&s->cut);
		sl_done(f, b);
	}
	if (s->refused_ns)
		s->patience_ns = PATIENCE_NS;	/* it was a queue */
	s->refused_ns = 0;
	s->nap_ns = NAP_MIN_NS;
}

static void lose_first(struct sl_filter *f, struct tx *s, const char *reason)
{
	sl_lose(f, sl_blockq_take(&s->q), reason);
	s->refused_ns = 0;
}

static void lose_all(struct sl_filter *f, struct tx *s, const char *reason)
{
	while (s->q.n)
		lose_first(f, s, reason);
}

/* The queue refused the first frame. True: it was given up. */
static bool give_up(struct sl_filter *f, struct tx *s)
{
	uint64_t now = now_ns();

	if (!s->refused_ns)
		s->refused_ns = now;
	if (now - s->refused_ns < s->patience_ns && !sl_stopping(f))
		return false;
	if (!s->said_refused)
		sl_trouble(f, "E302", true, "%s refuses frames, though it is up: is there a rule that drops them?",
			   s->interface);
	s->said_refused = true;
	s->patience_ns = LITTLE_NS;
	lose_first(f, s, "refused by the device");
	return true;
}

/* The MTU of the device changed, so a frame may be sent after all. */
static bool other_mtu(struct tx *s)
{
	struct sl_iface now;

	if (sl_iface_get(s->interface, &now) < 0 || now.index != s->dev.index || now.mtu == s->dev.mtu)
		return false;
	s->dev.mtu = now.mtu;
	return true;
}

/* The first frame could not be sent. 1: go on, 0: wait, negative: the run fails. */
static int stopped(struct sl_filter *f, struct tx *s, int why)
{
	const struct tx_words *w = f->shared;
	int r;

	switch (why) {
	case -EAGAIN:
		r = enter(f, s, ROOM);
		return r < 0 ? r : 0;
	case -ENOBUFS:
		if (give_up(f, s))
			return 1;
		r = enter(f, s, QUEUE);
		return r < 0 ? r : 0;
	case -EMSGSIZE:
		if (other_mtu(s))
			return 1;
		if (!s->said_long)
			sl_trouble(f, "E302", false, "frames larger than the MTU of %s (%u) are not sent", s->interface,
				   s->dev.mtu);
		s->said_long = true;
		lose_first(f, s, w->too_long);
		return 1;
	case -EINVAL:
		lose_first(f, s, "shorter than a link header");
		return 1;
	case -ENETDOWN:
	case -ENXIO:
	case -ENODEV:
		go_away(f, s, why);
		return 1;
	default:
		lose_first(f, s, "not sent");
		return sl_fail(f, "E302", "can't send on %s: %s", s->interface, strerror(-why));
	}
}

/* Send as much of the queue as goes. What is left of it is kept. */
static int send_queue(struct sl_filter *f, struct tx *s)
{
	const struct tx_words *w = f->shared;
	struct sl_tx_frame v[SL_TX_BATCH];
	int r = 1;

	while (s->q.n && r > 0) {
		unsigned int n = 0;

		if (s->state == AWAY && !back(f, s)) {
			lose_all(f, s, w->away);
			break;
		}
		for (; n < s->q.n && n < SL_TX_BATCH; n++) {
			struct sl_block *b = sl_blockq_at(&s->q, n);

			if (s->finish) {
				sl_tx_needs(b, sl_frame(f, b), s->dev.mtu, &v[n]);
				continue;
			}
			v[n].data = sl_frame(f, b);
			v[n].len = b->frame_len;
			v[n].need = SL_TX_AS_IS;
		}
		r = s->way->send(s->port, v, n);
		if (r > 0)
			sent(f, s, v, (unsigned int)r);
		else
			r = stopped(f, s, r);
	}
	if (r < 0) {
		lose_all(f, s, "not sent");
		enter(f, s, FREE);
		return r;
	}
	if (!s->q.n && s->state != AWAY)
		enter(f, s, FREE);
	sl_blockq_keep(f, &s->q);
	return 0;
}

static void other_link(struct sl_filter *f, struct tx *s, const struct sl_block *b)
{
	if (!s->said_link)
		sl_trouble(f, "E302", true, "packets of link type %u can't be sent on %s, which carries %s", b->link,
			   s->interface, s->dev.link == SL_LINK_ETHERNET ? "Ethernet" : "IP packets");
	s->said_link = true;
}

static int tx_work(struct sl_filter *f, struct sl_batch *in)
{
	struct tx *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		if (b->link != s->dev.link) {
			other_link(f, s, b);
			sl_lose(f, b, "of another link type");
		} else if (sl_blockq_put(&s->q, b) < 0) {
			sl_lose(f, b, "out of memory");
		}
	}
	if (s->state == ROOM || s->state == QUEUE) {
		sl_blockq_keep(f, &s->q);	/* those before it first */
		return 0;
	}
	return send_queue(f, s);
}

static int tx_ready(struct sl_filter *f, unsigned int max)
{
	struct tx *s = sl_state(f);
	uint64_t n_times;

	(void)max;
	while (read(s->timer, &n_times, sizeof(n_times)) < 0 && errno == EINTR)
		;
	return s->q.n ? send_queue(f, s) : 0;
}

static int tx_flush(struct sl_filter *f)
{
	struct tx *s = sl_state(f);

	if (s->q.n && sl_stopping(f))
		send_queue(f, s);	/* what is refused now is given up */
	return s->q.n ? SL_AGAIN : 0;
}

/* ---- set-up ---------------------------------------------------------------- */

/* Why a device cannot be used, at its name in the request. */
static int refuse(struct sl_prepare *p, const struct tx *s, const struct sl_iface *dev, int why)
{
	char text[1024];

	if (why == -ENODEV) {
		sl_prepare_error(p, "interface", "E209", "there is no interface '%s'", s->interface);
		if (sl_iface_near(s->interface, text))
			sl_prepare_fix(p, "%s", text);
		if (*sl_iface_names(text, sizeof(text)))
			sl_prepare_hint(p, "there are: %s", text);
	} else if (why == -EPERM || why == -EACCES) {
		sl_prepare_error(p, "interface", "E301", "not permitted to send on %s", s->interface);
		sl_prepare_hint(p, "missing: CAP_NET_RAW");
		sl_prepare_hint(p, "once:      sudo streamline run ...");
		sl_prepare_hint(p, "for good:  sudo setcap cap_net_raw+ep $(command -v streamline)");
		sl_prepare_hint(p, "no rights needed:  (pcapout sent.pcap) in its place");
	} else if (why == -ENETDOWN) {
		sl_prepare_error(p, "interface", "E209", "%s is down", s->interface);
		sl_prepare_hint(p, "to bring it up: sudo ip link set %s up", s->interface);
	} else if (why == -EPROTOTYPE) {
		sl_prepare_error(p, "interface", "E209", "packets can't be sent on %s: hardware type %u is not known here",
				 s->interface, dev->hardware);
	} else {
		sl_prepare_error(p, "interface", "E209", "cannot use %s: %s", s->interface, strerror(-why));
	}
	return -EINVAL;
}

static int tx_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	const struct tx *s = state;
	struct tx_words *w;
	struct sl_iface dev;
	int r, fd;

	if (sl_prepare_env(p)) {
		dev = (struct sl_iface){ .link = SL_LINK_NONE };
		r = sl_iface_get(s->interface, &dev);
		if (!r && dev.link == SL_LINK_NONE)
			r = -EPROTOTYPE;
		else if (!r && !dev.up)
			r = -ENETDOWN;
		if (r < 0)
			return refuse(p, s, &dev, r);
		fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return refuse(p, s, &dev, -errno);
		close(fd);
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	snprintf(w->too_long, sizeof(w->too_long), "larger than the MTU of %.*s", IF_NAMESIZE, s->interface);
	snprintf(w->away, sizeof(w->away), "%.*s was down or gone", IF_NAMESIZE, s->interface);
	*shared = w;
	return 0;
}

static int tx_open(struct sl_filter *f)
{
	struct tx *s = sl_state(f);
	int r;

	s->nap_ns = NAP_MIN_NS;
	s->patience_ns = PATIENCE_NS;
	r = attach(s);
	if (!r && !s->dev.up)
		r = -ENETDOWN;
	if (r == -EPERM || r == -EACCES)
		return sl_fail(f, "E301", "not permitted to send on %s; missing: CAP_NET_RAW", s->interface);
	if (r < 0)
		return sl_fail(f, "E209", "cannot send on %s: %s", s->interface,
			       r == -ENODEV ? "there is no such interface" : strerror(-r));
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r = s->timer < 0 ? -errno : sl_wait_fd(f, s->timer, false);
	if (s->timer < 0)
		s->timer = 0;
	return r < 0 ? sl_fail(f, "E302", "no timer: %s", strerror(-r)) : 0;
}

static void tx_close(struct sl_filter *f)
{
	struct tx *s = sl_state(f);

	detach(f, s);
	if (s->timer) {
		sl_wait_fd(f, -1, false);
		close(s->timer);
	}
	s->timer = 0;
	sl_blockq_done(&s->q);
}

static int tx_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct tx *s = state;
	struct sl_iface dev;
	uint32_t index;
	char why[160];

	(void)shared;
	if (sl_kernel_hook(k) == SL_KERNEL_XDP_TAP)
		return sl_kernel_refuse(k, "a tap at XDP cannot send copies");
	if (sl_kernel_hook(k) == SL_KERNEL_TC && !s->finish)
		return sl_kernel_refuse(k, "finish=off: in the kernel the device does its part");
	if (sl_kernel_hook(k) == SL_KERNEL_TC && s->qdisc == QDISC_BYPASS)
		return sl_kernel_refuse(k, "qdisc=bypass: in the kernel copies go by the queue");
	if (sl_iface_get(s->interface, &dev) < 0)
		return sl_kernel_refuse(k, "there is no interface '%s'", s->interface);
	if (dev.link != SL_LINK_ETHERNET || dev.loopback)
		return sl_kernel_refuse(k, "%s is no Ethernet", s->interface);
	if (sl_kernel_hook(k) == SL_KERNEL_XDP && !sl_tx_takes_xdp(&dev, why, sizeof(why)))
		return sl_kernel_refuse(k, "%s", why);
	index = (uint32_t)dev.index;
	if (sl_kernel_set(k, "ifindex", &index, sizeof(index)) < 0 ||
	    sl_kernel_set(k, "mtu", &dev.mtu, sizeof(dev.mtu)) < 0)
		return -ENOMEM;
	return sl_kernel_table(k, "device", &index, sizeof(index));
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
	.flags	  = SL_F_UNDECIDED,
	.prepare  = tx_prepare,
	.release  = free,
	.open	  = tx_open,
	.work	  = tx_work,
	.ready	  = tx_ready,
	.flush	  = tx_flush,
	.close	  = tx_close,
	.kernel	  = tx_kernel,
	.examples = tx_examples,
	.see_also = "rate, pcapin, pcapout",
};
