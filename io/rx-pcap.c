/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/rx-pcap.c -- packets by libpcap, where nothing else works
 *
 * libpcap knows devices that are no network interfaces like others, and kinds of frames that it
 * has to give a header of its own. Each packet is copied into bytes of ours: libpcap
 * keeps its buffer to itself. Which way a packet went it tells only by giving one
 * direction alone, so with direction=both that is not known.
 *
 * libpcap can't be told to stop and keep what it has: a new filter makes it throw that away. So
 * packets are read on, and those that came after the order to stop are left out.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "rx.h"
#include "rx-missed.h"

#define SNAP_ALL	262144
#define BUFFER		(16u << 20)	/* of all interfaces together */
#define LINK_RAW	101
#define LATE_NS		20000000u	/* what came before stop() is here by then */

struct port {
	pcap_t *pcap;			/* NULL: not open */
	int fd, ifindex;
	uint32_t last_drop, last_ifdrop;
	bool ended;			/* no more from it until changed() */
};

struct pcap_rx {
	struct port port[RX_IFS_MAX];
	unsigned int n, turn;
	int epoll_fd;
	bool stopped;
	uint64_t stopped_ns;
};

/* DLT_ values are those of files but for a few. */
static uint16_t link_of(pcap_t *p)
{
	int dlt = pcap_datalink(p);

	return dlt == DLT_RAW ? LINK_RAW : (uint16_t)dlt;
}

static void port_close(struct pcap_rx *s, struct port *p)
{
	if (!p->pcap)
		return;
	if (p->fd >= 0)
		epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, p->fd, NULL);
	pcap_close(p->pcap);
	*p = (struct port){ .fd = -1 };
}

static int error_of(int status)
{
	switch (status) {
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		return -EPERM;
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return -ENODEV;
	case PCAP_ERROR_IFACE_NOT_UP:
		return -ENETDOWN;
	default:
		return -EIO;
	}
}

static int port_open(struct rx *rx, struct pcap_rx *s, unsigned int i, char *why, size_t size)
{
	struct rx_if *at = &rx->ifs[i];
	struct port *p = &s->port[i];
	uint64_t buffer = (rx->buffer ? rx->buffer : BUFFER) / (rx->n_ifs ? rx->n_ifs : 1);
	struct epoll_event ev = { .events = EPOLLIN };
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pc = pcap_create(at->name, text);
	int r;

	if (!pc) {
		snprintf(why, size, "%s: %s", at->name, text);
		return -EIO;
	}
	*p = (struct port){ .pcap = pc, .fd = -1, .ifindex = at->ifindex };
	pcap_set_snaplen(pc, rx->snap && rx->snap < SNAP_ALL ? (int)rx->snap : SNAP_ALL);
	pcap_set_promisc(pc, 0);		/* rx asks the card itself */
	pcap_set_timeout(pc, rx->delay < 1000000 ? 1 : (int)(rx->delay / 1000000));
	pcap_set_buffer_size(pc, buffer > INT32_MAX ? INT32_MAX : (int)buffer);
	pcap_set_tstamp_precision(pc, PCAP_TSTAMP_PRECISION_NANO);
	r = pcap_activate(pc);
	if (r < 0) {
		const char *more = pcap_geterr(pc);

		snprintf(why, size, "%s: %s%s%s", at->name, pcap_statustostr(r), *more ? ": " : "", more);
		r = error_of(r);
		goto fail;
	}
	r = -EIO;
	if ((rx->direction != RX_BOTH && pcap_setdirection(pc, rx->direction == RX_IN ? PCAP_D_IN : PCAP_D_OUT) < 0) ||
	    pcap_setnonblock(pc, 1, text) < 0) {
		snprintf(why, size, "%s: %s", at->name, *text ? text : pcap_geterr(pc));
		goto fail;
	}
	p->fd = pcap_get_selectable_fd(pc);
	if (p->fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, p->fd, &ev) < 0) {
		p->fd = -1;
		snprintf(why, size, "%s: cannot be waited for", at->name);
		goto fail;
	}
	at->link = link_of(pc);
	return 0;
fail:
	port_close(s, p);
	return r;
}

static void pcap_rx_close(struct sl_filter *f, struct rx *rx)
{
	struct pcap_rx *s = rx->priv;

	(void)f;
	if (!s)
		return;
	for (unsigned int i = 0; i < s->n; i++)
		port_close(s, &s->port[i]);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	free(s);
	rx->priv = NULL;
}

static int pcap_rx_open(struct sl_filter *f, struct rx *rx, char *why, size_t size)
{
	struct pcap_rx *s;
	int r = 0;

	if (rx->mode == RX_INLINE) {
		snprintf(why, size, "libpcap only looks on: no mode=inline");
		return -ENOTSUP;
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
	/* one that is down can't be opened before it comes up */
	for (; r == 0 && s->n < rx->n_ifs; s->n++)
		if (!rx->ifs[s->n].gone && rx->ifs[s->n].up)
			r = port_open(rx, s, s->n, why, size);
	if (!r)
		r = rx_wait(f, rx, s->epoll_fd);
	if (r < 0)
		pcap_rx_close(f, rx);
	return r;
}

static void count(struct sl_filter *f, struct rx *rx, struct port *p)
{
	struct pcap_stat st;
	uint32_t drop, ifdrop;

	if (!p->pcap || pcap_stats(p->pcap, &st) < 0)
		return;
	/* counters of 32 bits that begin at 0 */
	drop = st.ps_drop - p->last_drop;
	ifdrop = st.ps_ifdrop - p->last_ifdrop;
	p->last_drop = st.ps_drop;
	p->last_ifdrop = st.ps_ifdrop;
	sl_count_add(&rx->dropped, drop);
	sl_count_add(&rx->missed, ifdrop);
	if (drop)
		sl_lost_bytes(f, drop, 0, "ring full");
}

static void pcap_rx_stats(struct sl_filter *f, struct rx *rx)
{
	struct pcap_rx *s = rx->priv;

	for (unsigned int i = 0; i < s->n; i++)
		count(f, rx, &s->port[i]);
}

static int pcap_rx_changed(struct sl_filter *f, struct rx *rx, unsigned int i)
{
	struct pcap_rx *s = rx->priv;
	char why[PCAP_ERRBUF_SIZE + 64];
	struct port *p;

	while (s->n < rx->n_ifs)
		s->port[s->n++] = (struct port){ .fd = -1 };
	p = &s->port[i];
	if (!rx->ifs[i].gone && p->pcap && !p->ended && p->ifindex == rx->ifs[i].ifindex)
		return 0;
	count(f, rx, p);
	port_close(s, p);
	/* libpcap opens none that is down */
	if (rx->ifs[i].gone || !rx->ifs[i].up || s->stopped)
		return 0;
	return port_open(rx, s, i, why, sizeof(why));
}

static int deliver(struct sl_filter *f, struct rx *rx, unsigned int i, uint64_t time_ns,
		   const struct pcap_pkthdr *h, const uint8_t *bytes)
{
	struct sl_block *b;
	uint8_t *to;

	b = sl_block_alloc(f, h->caplen, &to);
	if (!b)
		return -ENOMEM;
	memcpy(to, bytes, h->caplen);
	b->time_ns = time_ns;
	b->wire_len = h->len;
	b->link = rx->ifs[i].link;
	b->iface = (uint16_t)i;
	b->flags |= SL_B_NANO;
	if (rx->direction != RX_BOTH)
		b->flags |= rx->direction == RX_IN ? SL_B_IN : SL_B_OUT;
	sl_emit(f, 0, b);
	return 0;
}

/* Down, away, or done: no more of this one until changed(). */
static void lost_touch(struct pcap_rx *s, struct port *p)
{
	epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, p->fd, NULL);
	p->ended = true;
}

/* Up to max packets of one interface; -ENOMEM. */
static int read_port(struct sl_filter *f, struct rx *rx, unsigned int i, unsigned int max)
{
	struct pcap_rx *s = rx->priv;
	struct port *p = &s->port[i];
	struct pcap_pkthdr *h;
	const uint8_t *bytes;
	unsigned int n = 0;
	uint64_t time_ns;
	int r;

	if (!p->pcap || p->ended)
		return 0;
	for (; n < max; n++) {
		r = pcap_next_ex(p->pcap, &h, &bytes);
		if (r == 0)
			break;
		time_ns = r > 0 ? (uint64_t)h->ts.tv_sec * 1000000000u + (uint64_t)h->ts.tv_usec : 0;
		if (r < 0 || (s->stopped && time_ns > s->stopped_ns)) {
			lost_touch(s, p);
			break;
		}
		r = deliver(f, rx, i, time_ns, h, bytes);
		if (r < 0)
			return r;
	}
	return (int)n;
}

static bool all_ended(const struct pcap_rx *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->port[i].pcap && !s->port[i].ended)
			return false;
	return true;
}

static int pcap_rx_pull(struct sl_filter *f, struct rx *rx, unsigned int max, bool drain)
{
	struct pcap_rx *s = rx->priv;
	bool late = drain && rx_clock_ns(CLOCK_REALTIME) - s->stopped_ns > (uint64_t)rx->delay + LATE_NS;
	struct epoll_event ev;
	unsigned int n = 0;

	/* each is asked, another one first each time */
	for (unsigned int k = 0; k < s->n && n < max; k++) {
		int r = read_port(f, rx, (s->turn + k) % s->n, max - n);

		if (r < 0)
			return sl_fail(f, "E302", "no memory for blocks");
		n += (unsigned int)r;
	}
	s->turn++;
	if (n)
		return (int)n;
	if (!drain)
		return 0;
	if (late || all_ended(s)) {
		pcap_rx_stats(f, rx);
		return SL_EOF;
	}
	epoll_wait(s->epoll_fd, &ev, 1, 1);
	return 0;
}

static void pcap_rx_stop(struct sl_filter *f, struct rx *rx)
{
	struct pcap_rx *s = rx->priv;

	(void)f;
	s->stopped = true;
	s->stopped_ns = rx_clock_ns(CLOCK_REALTIME);
}

const struct rx_carrier rx_pcap = {
	.name		= "pcap",
	.brief		= "libpcap",
	.open		= pcap_rx_open,
	.pull		= pcap_rx_pull,
	.stop		= pcap_rx_stop,
	.stats		= pcap_rx_stats,
	.changed	= pcap_rx_changed,
	.close		= pcap_rx_close,
};
