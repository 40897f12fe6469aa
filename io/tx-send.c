/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tx-send -- frames wait until a device takes them: what tx and tee have in common
 *
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

#include "tx.h"

#define NAP_MIN_NS	50000u
#define NAP_MAX_NS	2000000u
#define PATIENCE_NS	1000000000u	/* for one frame */
#define LITTLE_NS	2000000u	/* after one was given up */
#define LOOK_NS		100000000u	/* between looks for a lost device */

enum { FREE, ROOM, QUEUE, AWAY };

const char *const sl_tx_qdiscs[] = { "normal", "bypass", NULL };
const char *const sl_tx_vias[] = { "auto", "tpacket", "xsk", "packet", NULL };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- waiting --------------------------------------------------------- */

static void set_timer(struct sl_sender *s, uint64_t ns)
{
	struct itimerspec t = {
		.it_value = { .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) },
	};

	timerfd_settime(s->timer, 0, &t, NULL);
}

static int enter(struct sl_filter *f, struct sl_sender *s, int to)
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

/*
 * Auto takes AF_XDP only where the queueing discipline is to be passed by, as it always is
 * there: hooks and captures at it would miss what is sent. AF_XDP that was asked for is had
 * now or not at all; by auto it may still turn out otherwise, with the first frame.
 */
static int open_way(struct sl_sender *s)
{
	struct sl_tx_want want = { .bypass = s->qdisc == SL_TX_BYPASS, .must = s->via == SL_TX_VIA_XSK };
	int r = -ENOTSUP;

	s->way = &sl_tx_xsk;
	if (want.must || (want.bypass && s->via == SL_TX_VIA_AUTO))
		r = s->way->open(&s->dev, &want, &s->port);
	if (r < 0 && !want.must) {
		s->way = &sl_tx_packet;
		r = s->way->open(&s->dev, &want, &s->port);
	}
	return r;
}

/* 0; -EPERM or such. What is known of a device that is away stays known. */
static int attach(struct sl_sender *s)
{
	struct sl_iface dev;
	int r = sl_iface_get(s->interface, &dev);

	if (r < 0)
		return r;
	s->dev = dev;
	r = open_way(s);
	return r == -ENXIO ? -ENODEV : r;
}

static void detach(struct sl_filter *f, struct sl_sender *s)
{
	if (s->state == ROOM)
		enter(f, s, FREE);	/* nobody waits for a closed descriptor */
	if (s->port)
		s->way->close(s->port);
	s->port = NULL;
}

/* Is it back? Looked at now and then only. */
static bool back(struct sl_filter *f, struct sl_sender *s)
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

static void go_away(struct sl_filter *f, struct sl_sender *s, int why)
{
	if (!s->said_away)
		sl_trouble(f, "E302", true, "%s %s after %" PRIu64 " packets; %s until it is back",
			   s->interface, why == -ENETDOWN ? "is down" : "is gone", s->packets.n,
			   s->passes ? "no copies are sent" : "frames are lost");
	s->said_away = true;
	detach(f, s);
	s->looked_ns = now_ns();
	enter(f, s, AWAY);
}

/* ---- sending ------------------------------------------------------------ */

/* The first of the queue goes its way: on, if this filter is none of the ends. */
static void let_go(struct sl_filter *f, struct sl_sender *s, const char *lost)
{
	struct sl_block *b = sl_blockq_take(&s->q);

	s->nth++;
	if (s->passes) {
		if (lost)
			sl_count(&s->missed);
		sl_emit(f, 0, b);
	} else if (lost) {
		sl_lose(f, b, lost);
	} else {
		sl_done(f, b);
	}
}

static void sent(struct sl_filter *f, struct sl_sender *s, const struct sl_tx_frame *frames, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct sl_block *b = sl_blockq_at(&s->q, 0);

		s->split.n += frames[i].need == SL_TX_SPLIT;
		s->summed.n += frames[i].need == SL_TX_SUM;
		sl_count(&s->packets);
		sl_count_add(&s->bytes, b->frame_len);
		if (b->frame_len < b->wire_len)
			sl_count(&s->cut);
		let_go(f, s, NULL);
	}
	if (s->refused_ns)
		s->patience_ns = PATIENCE_NS;	/* it was a queue */
	s->refused_ns = 0;
	s->nap_ns = NAP_MIN_NS;
}

static void lose_first(struct sl_filter *f, struct sl_sender *s, const char *reason)
{
	let_go(f, s, reason);
	s->refused_ns = 0;
}

static void lose_all(struct sl_filter *f, struct sl_sender *s, const char *reason)
{
	while (s->q.n)
		lose_first(f, s, reason);
}

/* The queue refused the first frame. True: it was given up. */
static bool give_up(struct sl_filter *f, struct sl_sender *s)
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
static bool other_mtu(struct sl_sender *s)
{
	struct sl_iface now;

	if (sl_iface_get(s->interface, &now) < 0 || now.index != s->dev.index || now.mtu == s->dev.mtu)
		return false;
	s->dev.mtu = now.mtu;
	return true;
}

/* The first frame could not be sent. 1: go on, 0: wait, negative: the run fails. */
static int stopped(struct sl_filter *f, struct sl_sender *s, int why)
{
	const struct sl_tx_words *w = s->words;
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

static void other_link(struct sl_filter *f, struct sl_sender *s, const struct sl_block *b)
{
	if (!s->said_link)
		sl_trouble(f, "E302", true, "packets of link type %u can't be sent on %s, which carries %s", b->link,
			   s->interface, s->dev.link == SL_LINK_ETHERNET ? "Ethernet" : "IP packets");
	s->said_link = true;
}

/* What is first in the queue and can be offered: how many, into v. */
static unsigned int offer(struct sl_filter *f, struct sl_sender *s, struct sl_tx_frame *v)
{
	unsigned int n = 0;

	for (; n < s->q.n && n < SL_TX_BATCH; n++) {
		struct sl_block *b = sl_blockq_at(&s->q, n);

		if (b->link != s->dev.link)
			break;
		v[n].nth = s->nth + n;
		if (s->finish) {
			sl_tx_needs(b, sl_frame(f, b), s->dev.mtu, &v[n]);
			continue;
		}
		v[n].data = sl_frame(f, b);
		v[n].len = b->frame_len;
		v[n].need = SL_TX_AS_IS;
	}
	return n;
}

/* Send as much of the queue as goes. What is left of it is kept. */
static int send_queue(struct sl_filter *f, struct sl_sender *s)
{
	const struct sl_tx_words *w = s->words;
	struct sl_tx_frame v[SL_TX_BATCH];
	int r = 1;

	while (s->q.n && r > 0) {
		unsigned int n;

		if (s->state == AWAY && !back(f, s)) {
			lose_all(f, s, w->away);
			break;
		}
		n = offer(f, s, v);
		if (!n) {
			other_link(f, s, sl_blockq_at(&s->q, 0));
			lose_first(f, s, "of another link type");
			continue;
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

void sl_sender_add(struct sl_filter *f, struct sl_sender *s, struct sl_block *b)
{
	if (sl_blockq_put(&s->q, b) < 0)
		sl_lose(f, b, "out of memory");
}

int sl_sender_send(struct sl_filter *f, struct sl_sender *s)
{
	if (s->state == ROOM || s->state == QUEUE) {
		sl_blockq_keep(f, &s->q);	/* those before it first */
		return 0;
	}
	return send_queue(f, s);
}

int sl_sender_ready(struct sl_filter *f, struct sl_sender *s)
{
	uint64_t n_times;

	while (read(s->timer, &n_times, sizeof(n_times)) < 0 && errno == EINTR)
		;
	return s->q.n ? send_queue(f, s) : 0;
}

int sl_sender_flush(struct sl_filter *f, struct sl_sender *s)
{
	if (s->q.n && sl_stopping(f))
		send_queue(f, s);	/* what is refused now is given up */
	if (s->q.n)
		return SL_AGAIN;
	if (s->packets.n && s->port && s->way->took)
		sl_saved(f, "%s: sent by %s", s->interface, s->way->took(s->port));
	return 0;
}

/* ---- set-up ---------------------------------------------------------------- */

/* Why a device cannot be used, at its name in the request. */
static int refuse(struct sl_prepare *p, const struct sl_sender *s, const struct sl_iface *dev, int why)
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

int sl_sender_prepare(struct sl_prepare *p, const struct sl_sender *s, struct sl_tx_words **out)
{
	struct sl_tx_words *w;
	struct sl_iface dev = { .link = SL_LINK_NONE };
	int r, fd;

	if (s->via == SL_TX_VIA_PACKET || s->via == SL_TX_VIA_PACKET_TOO ||
	    (s->via == SL_TX_VIA_AUTO && s->qdisc != SL_TX_BYPASS))
		sl_prepare_how(p, "%s", s->via ? "packet socket, as asked for, via=tpacket" :
			       "packet socket: AF_XDP goes past the queueing discipline; with qdisc=bypass it is taken");
	else
		sl_prepare_how(p, "%s", s->via ? "AF_XDP socket, as asked for, via=xsk; it goes past the queueing discipline" :
			       "AF_XDP socket, measured 1.15 times as fast as a packet socket; where it can't be had, that");
	if (sl_prepare_env(p)) {
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
		if (s->via == SL_TX_VIA_XSK && dev.link != SL_LINK_ETHERNET)
			return sl_prepare_error(p, "via", "E209", "%s is no Ethernet: AF_XDP can't send on it", s->interface);
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	snprintf(w->too_long, sizeof(w->too_long), "larger than the MTU of %.*s", IF_NAMESIZE, s->interface);
	snprintf(w->away, sizeof(w->away), "%.*s was down or gone", IF_NAMESIZE, s->interface);
	*out = w;
	return 0;
}

int sl_sender_open(struct sl_filter *f, struct sl_sender *s, const struct sl_tx_words *words)
{
	int r;

	s->words = words;
	s->nap_ns = NAP_MIN_NS;
	s->patience_ns = PATIENCE_NS;
	r = attach(s);
	if (!r && !s->dev.up)
		r = -ENETDOWN;
	if (r == -EPERM || r == -EACCES)
		return sl_fail(f, "E301", "not permitted to send on %s; missing: CAP_NET_RAW", s->interface);
	if (r < 0)
		return sl_fail(f, "E209", "cannot send on %s: %s%s", s->interface,
			       r == -ENODEV ? "there is no such interface" : strerror(-r),
			       s->via == SL_TX_VIA_XSK && r == -EBUSY ? " (another AF_XDP socket has it)" : "");
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r = s->timer < 0 ? -errno : sl_wait_fd(f, s->timer, false);
	if (s->timer < 0)
		s->timer = 0;
	return r < 0 ? sl_fail(f, "E302", "no timer: %s", strerror(-r)) : 0;
}

void sl_sender_close(struct sl_filter *f, struct sl_sender *s)
{
	detach(f, s);
	if (s->timer) {
		sl_wait_fd(f, -1, false);
		close(s->timer);
	}
	s->timer = 0;
	sl_blockq_done(&s->q);
}
