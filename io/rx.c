/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rx -- capture packets from network interfaces
 *
 *	(rx eth0)
 *	(rx "eth0,eth1" snap=128B)
 *	(rx any direction=in)
 *	(rx eth0 mode=inline)
 *	(rx eth0 share=web)
 *
 * out  packets
 * read packets, dropped, missed, merged
 *
 * A tap (mode=tap, the default) sees what comes in and what goes out, and changes nothing.
 * mode=inline takes packets away from the system: only what no arrow takes, or what
 * filters screen out, goes on to it. Inline works at XDP, before the network
 * stack, and sees only what comes in.
 *
 * via= says how packets come to this process; auto takes the first of these that works
 * here, and says why not those before:
 *
 *	arena	a ring in memory shared with programs in the kernel (Linux 6.9)
 *	array	the same in an array that can be mapped (Linux 5.5)
 *	ringbuf	the kernel's own ring buffer for programs, one for all processors (Linux 5.8)
 *	tpacket	a packet socket (TPACKET_V3), as tcpdump uses it; also called packet
 *	xsk	an AF_XDP socket, inline only
 *	pcap	whatever libpcap finds
 *	replay	no interface but a capture file, whose packets go through the kernel's programs
 *		as live ones would; `streamline run --replay -r FILE` says it for -r
 *
 * With the first three, filters behind rx can run in the kernel, so that only packets
 * that somebody wants are copied at all. The others bring every packet, with one exception: where
 * all packets of a packet socket go to one (bpf), the socket selects by its expression, and the plan
 * says so. What it screens out is counted at that filter, as elsewhere; packets whose VLAN tag
 * the card took off it leaves to the filter. (bpf ...)@user, --placement user and `set kernel=off`
 * leave all to it.
 *
 * hook=xdp makes a tap at XDP, before the stack: faster for small packets on
 * network cards, but it sees only what comes in, and costs TCP streams through
 * virtual interfaces their large segments. A tap at tc sees segments as the system has
 * merged them, up to 64 KiB each; merged counts them.
 *
 * Sources of one request have their rings in common where they are at one hook, all of them
 * inline or none, and shared alike. The first one decides; packets of the others come by a
 * socket, and their filters run in user space.
 *
 * snap cuts packets before they are copied. delay is the longest time that a packet may wait
 * for others when few come: the longer, the less the waiting costs. A VLAN tag that the card has taken off is put back.
 *
 * share=NAME lets other processes read the same capture: see attach. Each reader, this one
 * too, then copies packets out of the ring, and none is waited for.
 *
 * When an interface goes down, goes away or comes back, rx says so and goes on.
 * dropped counts packets for which the ring had no room; missed those that the
 * card itself had to drop, for want of room, before anybody saw them (its rx_missed_errors;
 * pcapout writes it into pcapng). Virtual interfaces count none. What the system drops later, its
 * rx_dropped, has been captured.
 */
#include "rx-share.h"
#include "rx.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kern/ask.h"
#include "kern/rights.h"
#include "net/ifaces.h"

#define LOOK_NS		100000000u
#define DELAY_NS	50000000
#define DELAY_SENT_NS	1000000

static const char *const vias[] = { "auto", "arena", "array", "ringbuf", "tpacket", "xsk", "pcap", "replay",
				    "packet", NULL };
static const char *const modes[] = { "tap", "inline", NULL };
static const char *const hooks[] = { "auto", "tc", "xdp", NULL };
static const char *const directions[] = { "both", "in", "out", NULL };

static const struct sl_param rx_params[] = {
	SL_STRING(struct rx, dev, .pos = 1, .required = true,
		  .help = "interfaces: eth0, \"eth0,eth1\", or any"),
	SL_CHOICE(struct rx, via, .choices = vias, .def = RX_AUTO,
		  .help = "how packets come here; auto: the best that works"),
	SL_CHOICE(struct rx, mode, .choices = modes, .def = RX_TAP,
		  .help = "tap: look on; inline: take packets away from the system"),
	SL_CHOICE(struct rx, hook, .choices = hooks, .def = RX_HOOK_AUTO,
		  .help = "where a tap sits; auto: tc"),
	SL_CHOICE(struct rx, direction, .choices = directions, .def = RX_BOTH,
		  .help = "in, out, or both"),
	SL_SIZE(struct rx, snap, .help = "most bytes of a packet; 0: all of it"),
	SL_SIZE(struct rx, buffer, .max = 1u << 30, .help = "ring for each processor; 0: 8 MiB where there is room"),
	SL_SWITCH(struct rx, promisc, .help = "ask the card for packets to others as well"),
	SL_TIME(struct rx, delay, .max = 1000000000,
		.help = "longest time that a packet waits for others; 0: 50 ms, or 1 ms where it is sent on"),
	SL_STRING(struct rx, share, .help = "a name: other processes read the same capture by (attach NAME)"),
	{ }
};

static const struct sl_value rx_values[] = {
	SL_COUNT(struct rx, packets, .help = "packets that arrived here"),
	SL_COUNT(struct rx, dropped, .help = "packets that found no room in the ring"),
	SL_COUNT(struct rx, missed, .help = "packets that the interface dropped"),
	SL_COUNT(struct rx, merged, .help = "segments that were several packets on the wire"),
	{ }
};

/* ---- interfaces ---------------------------------------------------- */

static bool is_any(const struct rx *rx)
{
	return !strcmp(rx->dev, "any");
}

static int add_if(struct rx *rx, const struct sl_iface *i)
{
	struct rx_if *to;

	if (rx->n_ifs == RX_IFS_MAX)
		return -E2BIG;
	for (unsigned int k = 0; k < rx->n_ifs; k++)
		if (rx->ifs[k].ifindex == i->index)
			return 0;	/* named twice */
	to = &rx->ifs[rx->n_ifs++];
	*to = (struct rx_if){ .ifindex = i->index, .link = i->link, .mtu = i->mtu, .up = i->up };
	snprintf(to->name, sizeof(to->name), "%s", i->name);
	return 0;
}

static int add_all(struct rx *rx)
{
	struct sl_iface *all;
	int n = sl_ifaces_list(&all), r = 0;

	for (int i = 0; !r && i < n; i++)
		if (all[i].up && all[i].link != SL_LINK_NONE)
			r = add_if(rx, &all[i]);
	if (n >= 0)
		free(all);
	return n < 0 ? n : r;
}

int rx_find_ifs(struct rx *rx, char *bad)
{
	struct sl_iface i;
	const char *at;
	size_t len;
	int r;

	*bad = '\0';
	rx->n_ifs = 0;
	if (rx->via == RX_REPLAY) {
		rx->ifs[rx->n_ifs++] = (struct rx_if){ .link = SL_LINK_ETHERNET };
		return 0;
	}
	if (is_any(rx))
		return add_all(rx);
	for (at = rx->dev; *at; at += len + (at[len] == ',')) {
		len = strcspn(at, ",");
		snprintf(bad, 64, "%.*s", (int)(len < 63 ? len : 63), at);
		if (!len)
			continue;
		r = len < 16 ? sl_iface_get(bad, &i) : -ENODEV;
		if (!r && i.link == SL_LINK_NONE)
			r = -EPROTOTYPE;
		if (!r)
			r = add_if(rx, &i);
		if (r < 0)
			return r;
	}
	return rx->n_ifs ? 0 : -ENODEV;
}

/* ---- before anything runs ------------------------------------------ */

static int no_rights(struct sl_prepare *p, const struct rx *rx, unsigned int wanted)
{
	unsigned int have = sl_rights();
	char missing[96], has[96];

	sl_prepare_error(p, "dev", "E301", "not permitted to capture on %s", rx->dev);
	sl_prepare_hint(p, "missing: %s (have: %s)",
			sl_rights_words(wanted & ~have ? wanted & ~have : wanted, missing, sizeof(missing)),
			sl_rights_words(have, has, sizeof(has)));
	sl_prepare_hint(p, "once:      sudo streamline run ...");
	sl_prepare_hint(p, "for good:  sudo setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon+ep "
			"$(command -v streamline)");
	return sl_prepare_hint(p, "no privileges needed:  streamline run -r file.pcap ...");
}

/* Packets by programs in the kernel? */
static bool by_ring(int via)
{
	return via == RX_AUTO || via == RX_REPLAY || (via >= RX_ARENA && via <= RX_RINGBUF);
}

/* Of a ring that via= names. */
static enum sl_kcap ring_cap(int via)
{
	return via == RX_ARENA ? SL_CAP_ARENA : via == RX_RINGBUF ? SL_CAP_RINGBUF : SL_CAP_ARRAY;
}

static bool ring_works(const struct rx *rx, const struct sl_kernel_caps *c)
{
	if (!c->works[SL_CAP_BPF] || !by_ring(rx->via))
		return false;
	if (rx->via != RX_AUTO && rx->via != RX_REPLAY)
		return c->works[ring_cap(rx->via)];
	return c->works[SL_CAP_ARENA] || c->works[SL_CAP_ARRAY] || c->works[SL_CAP_RINGBUF];
}

static int rx_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	struct rx rx = *(const struct rx *)state;
	const struct sl_kernel_caps *caps;
	char bad[64], near[64];
	int r;

	(void)shared;
	if (!rx.dev)
		return 0;
	if (rx.via == RX_PACKET_TOO)
		rx.via = RX_PACKET;
	if (rx.mode == RX_INLINE && rx.direction == RX_OUT)
		return sl_prepare_error(p, "direction", "E124", "inline sees only what comes in");
	if (rx.mode == RX_INLINE && (rx.via == RX_PACKET || rx.via == RX_PCAP))
		return sl_prepare_error(p, "via", "E124", "via=%s only looks on: inline works with arena, array, ringbuf, xsk",
					vias[rx.via]);
	if (rx.via == RX_XSK && rx.mode != RX_INLINE)
		return sl_prepare_error(p, "via", "E124", "AF_XDP takes packets away: say mode=inline as well");
	if (rx.share && rx.via != RX_AUTO && rx.via != RX_ARRAY)
		return sl_prepare_error(p, "share", "E124", "a capture by via=%s can't be shared: array can",
					vias[rx.via]);
	if (rx.share && !rx_share_name(rx.share))
		return sl_prepare_error(p, "share", "E124", "a name has letters, digits, '-', '_' and '.', "
					"%u at most, and no '.' in front", RX_SHARE_NAME);
	if (rx.mode == RX_INLINE && rx.hook == RX_HOOK_TC)
		return sl_prepare_error(p, "hook", "E124", "inline works before the network stack: hook=xdp, or leave it out");
	if (rx.hook == RX_HOOK_XDP && rx.direction == RX_OUT)
		return sl_prepare_error(p, "direction", "E124", "XDP sees only what comes in: a tap at hook=tc sees both");
	if (rx.hook != RX_HOOK_AUTO && (rx.via == RX_PACKET || rx.via == RX_PCAP))
		return sl_prepare_error(p, "hook", "E124", "via=%s has no hook: programs in the kernel have, by arena, array and ringbuf",
					vias[rx.via]);
	if (!sl_prepare_env(p))
		return 0;
	r = rx_find_ifs(&rx, bad);
	if (r == -ENODEV) {
		sl_prepare_error(p, "dev", "E209", "there is no interface '%s'", bad);
		if (sl_iface_near(bad, near))
			sl_prepare_fix(p, "%s", near);
		return sl_prepare_hint(p, "there are: %s, any", sl_iface_names(near, sizeof(near)));
	}
	if (r == -E2BIG)
		return sl_prepare_error(p, "dev", "E209", "more interfaces than one rx takes: %u at most", RX_IFS_MAX);
	if (r < 0)
		return sl_prepare_error(p, "dev", "E209", "cannot capture on '%s': %s", *bad ? bad : rx.dev,
					r == -EPROTOTYPE ? "its packets are of no known kind" : strerror(-r));
	caps = sl_kernel_probe();
	if (!caps->works[SL_CAP_PACKET] && !ring_works(&rx, caps))
		return no_rights(p, &rx, rx.mode == RX_INLINE ? SL_R_PROGRAMS : SL_R_NET_RAW);
	if (rx.mode == RX_INLINE && !caps->works[SL_CAP_BPF])
		return no_rights(p, &rx, SL_R_PROGRAMS);
	if (rx.via >= RX_ARENA && rx.via <= RX_RINGBUF && !ring_works(&rx, caps))
		return sl_prepare_error(p, "via", "E209", "via=%s does not work here: %s", vias[rx.via],
					!caps->works[SL_CAP_BPF] ? caps->why[SL_CAP_BPF] :
					caps->why[ring_cap(rx.via)]);
	return 0;
}

/* Can programs of the kernel be its entry? */
static int rx_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct rx *rx = state;
	const struct sl_kernel_caps *caps = sl_kernel_probe();

	(void)shared;
	if (!by_ring(rx->via))
		return sl_kernel_refuse(k, "via=%s has no ring that programs write into", vias[rx->via]);
	if (!caps->works[SL_CAP_BPF])
		return sl_kernel_refuse(k, "no programs in the kernel: %s", caps->why[SL_CAP_BPF]);
	if (!ring_works(rx, caps))
		return sl_kernel_refuse(k, "no ring to share: %s", caps->why[ring_cap(rx->via)]);
	return 0;
}

/* ---- running ------------------------------------------------------- */

int rx_wait(struct sl_filter *f, struct rx *rx, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	for (unsigned int i = 0; i < sizeof(rx->waits) / sizeof(rx->waits[0]); i++) {
		if (rx->waits[i] == fd + 1)
			break;
		if (rx->waits[i])
			continue;
		if (epoll_ctl(rx->wait_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
			return -errno;
		rx->waits[i] = fd + 1;
		break;
	}
	return sl_wait_fd(f, rx->wait_fd, false);
}

static int open_with(struct sl_filter *f, struct rx *rx, const struct rx_carrier *c, char *why, size_t size)
{
	int r = c->open(f, rx, why, size);

	if (!r) {
		rx->carrier = c;
		if (!*rx->took)
			snprintf(rx->took, sizeof(rx->took), "%s", c->brief);
		return 0;
	}
	c->close(f, rx);
	return r;
}

static int take_carrier(struct sl_filter *f, struct rx *rx)
{
	const struct rx_carrier *const user[] = { &rx_packet, &rx_xsk, &rx_pcap };
	const int as[] = { RX_PACKET, RX_XSK, RX_PCAP };
	char why[512] = "", all[1024] = "";
	int r = open_with(f, rx, &rx_ring, why, sizeof(why));

	if (!r)
		return 0;
	if (rx->share && r == -ENOTSUP)
		return sl_fail(f, "E302", "cannot share what is captured on %s: it takes programs in the kernel; %s",
			       rx->dev, why);
	if (r != -ENOTSUP || (rx->via != RX_AUTO && by_ring(rx->via)))
		return sl_fail(f, r == -EPERM ? "E301" : "E302", "cannot capture on %s: %s", rx->dev, why);
	for (unsigned int i = 0; i < sizeof(user) / sizeof(user[0]); i++) {
		size_t n = strlen(all);

		if (rx->via != RX_AUTO ? rx->via != as[i] : (as[i] == RX_XSK) != (rx->mode == RX_INLINE))
			continue;
		r = open_with(f, rx, user[i], why, sizeof(why));
		if (!r)
			return 0;
		snprintf(all + n, sizeof(all) - n, "%s%s: %s", n ? "; " : "", user[i]->brief, why);
	}
	return sl_fail(f, r == -EPERM ? "E301" : "E302", "cannot capture on %s: %s", rx->dev, all);
}

/*
 * The card gives packets to others as long as this socket is there, which takes in none: no
 * protocol. What is told of an interface goes with it, so one that came back is told again.
 */
static int ask_promisc(struct rx *rx, const struct rx_if *i)
{
	struct packet_mreq m = { .mr_ifindex = i->ifindex, .mr_type = PACKET_MR_PROMISC };

	if (!rx->promisc || rx->via == RX_REPLAY)
		return 0;
	if (!rx->promisc_fd)
		rx->promisc_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) + 1;
	return !rx->promisc_fd || setsockopt(rx->promisc_fd - 1, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof(m)) < 0
		       ? -errno : 0;
}

static int watch_ifs(struct sl_filter *f, struct rx *rx)
{
	int r = sl_ifwatch_open(is_any(rx), &rx->watch);

	for (unsigned int i = 0; !r && i < rx->n_ifs; i++) {
		r = rx->ifs[i].watch = sl_ifwatch_add(rx->watch, rx->ifs[i].name);
		r = r < 0 ? r : 0;
	}
	return r ? r : rx_wait(f, rx, sl_ifwatch_fd(rx->watch));
}

static int rx_open(struct sl_filter *f)
{
	struct rx *rx = sl_state(f);
	char bad[64];
	int r;

	rx->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	r = rx->wait_fd < 0 ? -errno : rx_find_ifs(rx, bad);
	if (r < 0)
		return sl_fail(f, "E209", "cannot capture on %s: %s", rx->dev, strerror(-r));
	if (rx->via == RX_PACKET_TOO)
		rx->via = RX_PACKET;
	if (!rx->delay)
		rx->delay = sl_sends_on(f) ? DELAY_SENT_NS : DELAY_NS;
	r = take_carrier(f, rx);
	if (r < 0)
		return r;
	r = rx->via == RX_REPLAY ? 0 : watch_ifs(f, rx);
	if (r < 0)
		return sl_fail(f, "E302", "cannot watch %s: %s", rx->dev, strerror(-r));
	for (unsigned int i = 0; !r && i < rx->n_ifs; i++)
		r = ask_promisc(rx, &rx->ifs[i]);
	if (r < 0)
		return sl_fail(f, r == -EPERM ? "E301" : "E302", "cannot have packets to others of %s: %s", rx->dev,
			       strerror(-r));
	for (unsigned int i = 0; rx->via != RX_REPLAY && i < rx->n_ifs; i++)
		if (!rx->ifs[i].up)
			sl_trouble(f, "E302", false, "%s is down: nothing comes until it is up", rx->ifs[i].name);
	if (rx->via != RX_REPLAY)
		sl_saved(f, "%s: captured by %s", rx->dev, rx->took);
	return 0;
}

/* The interface that an event is about; NULL: none of ours. */
static struct rx_if *find_watch(struct rx *rx, const struct sl_ifevent *ev)
{
	struct rx_if *i;

	for (unsigned int k = 0; k < rx->n_ifs; k++)
		if (rx->ifs[k].watch == ev->watch)
			return &rx->ifs[k];
	/* any: one that came later, or was down until now */
	if (!is_any(rx) || ev->what & SL_IF_GONE || !ev->iface.up || ev->iface.link == SL_LINK_NONE ||
	    rx->n_ifs == RX_IFS_MAX || add_if(rx, &ev->iface) < 0)
		return NULL;
	i = &rx->ifs[rx->n_ifs - 1];
	i->watch = ev->watch;
	i->up = false;			/* as far as we knew */
	return i;
}

static void heard(struct sl_filter *f, struct rx *rx, const struct sl_ifevent *ev)
{
	struct rx_if *i = find_watch(rx, ev);
	const char *now;
	int r = 0;

	if (!i)
		return;
	now = i->gone ? "back" : ev->what & SL_IF_CAME ? "there" : "up";
	i->gone = ev->what & SL_IF_GONE;
	i->up = ev->iface.up && !i->gone;
	i->mtu = ev->iface.mtu;
	i->ifindex = ev->iface.index;
	memcpy(i->name, ev->iface.name, sizeof(i->name));
	if (ev->what & (SL_IF_CAME | SL_IF_UP) && (r = ask_promisc(rx, i)) < 0)
		sl_trouble(f, "E302", false, "%s gives no packets to others: %s", i->name, strerror(-r));
	r = 0;
	if (rx->carrier->changed)
		r = rx->carrier->changed(f, rx, (unsigned int)(i - rx->ifs));
	else if (ev->what & SL_IF_CAME)
		r = -EOPNOTSUPP;
	if (ev->what & SL_IF_RENAMED)
		sl_trouble(f, "E302", false, "%s is called %s now", ev->was, i->name);
	if (ev->what & SL_IF_MTU)
		sl_trouble(f, "E302", false, "%s has an MTU of %u now", i->name, i->mtu);
	if (i->gone)
		sl_trouble(f, "E302", false, "%s is gone; waiting for it to come back", i->name);
	else if (r < 0)
		sl_trouble(f, "E302", true, "%s can't be captured on: %s", i->name, strerror(-r));
	else if (ev->what & SL_IF_UP)
		sl_trouble(f, "E302", false, "%s is %s", i->name, now);
	else if (ev->what & SL_IF_CAME)
		sl_trouble(f, "E302", false, "%s is %s, and down", i->name, now);
	else if (ev->what & SL_IF_DOWN)
		sl_trouble(f, "E302", false, "%s is down", i->name);
}

/* Ten times a second, and when something may have been said: what became of the interfaces, and
 * of the counters. */
static void look_around(struct sl_filter *f, struct rx *rx, bool now)
{
	struct timespec t;
	struct sl_ifevent ev;
	uint64_t at;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	at = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	if (!now && at - rx->looked_ns < LOOK_NS)
		return;
	rx->looked_ns = at;
	rx->stirred = false;
	while (rx->watch && sl_ifwatch_next(rx->watch, &ev) == 1)
		heard(f, rx, &ev);
	rx->carrier->stats(f, rx);
}

static int rx_pull(struct sl_filter *f, unsigned int max)
{
	struct rx *rx = sl_state(f);
	int n;

	rx->stirred |= sl_fd_ready(f);
	rx->rests = false;
	if (sl_stopping(f) && !rx->stopped) {
		rx->stopped = true;
		rx->carrier->stop(f, rx);
	}
	n = rx->carrier->pull(f, rx, max, rx->stopped);
	if (n > 0)
		sl_count_add(&rx->packets, (uint64_t)n);
	look_around(f, rx, rx->rests ? rx->stirred : n == 0);
	return rx->rests && n > 0 ? 0 : n;
}

static bool rx_iface(const struct sl_filter *f, unsigned int i, struct sl_iface_info *out)
{
	const struct rx *rx = sl_state(f);

	if (i >= rx->n_ifs || !*rx->ifs[i].name)
		return false;
	snprintf(out->name, sizeof(out->name), "%s", rx->ifs[i].name);
	if (rx->n_ifs > 1)
		return true;
	out->counted = true;
	out->received = sl_brought_in(f);
	out->dropped = rx->dropped.n;
	out->missed = rx->missed.n;
	return true;
}

static void rx_close(struct sl_filter *f)
{
	struct rx *rx = sl_state(f);

	if (rx->carrier)
		rx->carrier->close(f, rx);
	sl_ifwatch_close(rx->watch);
	if (rx->promisc_fd)
		close(rx->promisc_fd - 1);
	if (rx->wait_fd > 0)
		close(rx->wait_fd);
}

static const char *const rx_examples[] = {
	"(rx any) > (tcp) -80-> (count)",
	"(rx lo snap=128B) > (print)",
	NULL
};

const struct sl_filter_type sl_rx_type = {
	.name	  = "rx",
	.brief	  = "capture packets from network interfaces",
	.group	  = "source",
	.state	  = sizeof(struct rx),
	.params	  = rx_params,
	.values	  = rx_values,
	.out	  = SL_PACKET,
	.flags	  = SL_F_LIVE,
	.prepare  = rx_prepare,
	.open	  = rx_open,
	.pull	  = rx_pull,
	.close	  = rx_close,
	.kernel	  = rx_kernel,
	.iface	  = rx_iface,
	.examples = rx_examples,
	.see_also = "tx, pcapin, bpf",
};
