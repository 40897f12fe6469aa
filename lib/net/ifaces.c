/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * net/ifaces.c -- the list of interfaces
 *
 * One question (RTM_GETLINK) answers everything; the answer is one message for each
 * interface.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/ifaces_int.h"
#include "streamline/diag.h"

#ifndef ARPHRD_RAWIP
#define ARPHRD_RAWIP	519
#endif
#ifndef ARPHRD_IP6GRE
#define ARPHRD_IP6GRE	823
#endif
#ifndef ARPHRD_NETLINK
#define ARPHRD_NETLINK	824
#endif

#define ANSWER_S	5	/* the kernel answers at once; for all that, not for ever */

uint16_t sl_iface_link(uint16_t hardware)
{
	switch (hardware) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return SL_LINK_ETHERNET;
	case ARPHRD_NONE:			/* tun, WireGuard */
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:			/* what the peers tell each other stays below */
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
	case ARPHRD_SLIP:
	case ARPHRD_CSLIP:
		return SL_LINK_RAW;
	case ARPHRD_IEEE80211:
		return 105;
	case ARPHRD_IEEE80211_PRISM:
		return 119;
	case ARPHRD_IEEE80211_RADIOTAP:
		return 127;
	case ARPHRD_NETLINK:
		return 253;
	default:
		return SL_LINK_NONE;
	}
}

int sl_rtnl_open(unsigned int groups)
{
	struct sockaddr_nl me = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0), NETLINK_ROUTE);
	int r;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&me, sizeof(me)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int sl_rtnl_ask(int fd, const char *name, int index)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg m;
		struct rtattr a;
		char name[IFNAMSIZ];
	} q = {
		.h = { .nlmsg_len = NLMSG_LENGTH(sizeof(q.m)), .nlmsg_type = RTM_GETLINK,
		       .nlmsg_flags = NLM_F_REQUEST },
		.m = { .ifi_index = index },
	};

	if (name) {
		size_t n = strlen(name) + 1;

		if (n > sizeof(q.name))
			return -ENODEV;
		q.a = (struct rtattr){ .rta_len = (unsigned short)RTA_LENGTH(n), .rta_type = IFLA_IFNAME };
		memcpy(q.name, name, n);
		q.h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q.h.nlmsg_len) + RTA_SPACE(n));
	} else if (!index) {
		q.h.nlmsg_flags |= NLM_F_DUMP;
	}
	return send(fd, &q, q.h.nlmsg_len, 0) < 0 ? -errno : 0;
}

bool sl_rtnl_iface(const struct nlmsghdr *h, struct sl_iface *out, struct sl_iface_stats *stats)
{
	const struct ifinfomsg *m = NLMSG_DATA(h);
	struct rtnl_link_stats64 s;
	uint32_t len;

	/* Bridges tell of their ports in messages of the same type. */
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) || m->ifi_family != AF_UNSPEC)
		return false;
	*out = (struct sl_iface){
		.index = m->ifi_index, .hardware = m->ifi_type, .link = sl_iface_link(m->ifi_type),
		.up = m->ifi_flags & IFF_UP, .running = m->ifi_flags & IFF_RUNNING,
		.loopback = m->ifi_flags & IFF_LOOPBACK,
	};
	len = h->nlmsg_len - NLMSG_LENGTH(sizeof(*m));
	for (const struct rtattr *a = IFLA_RTA(m); RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		size_t n = RTA_PAYLOAD(a);

		if (a->rta_type == IFLA_IFNAME && n) {
			if (n > sizeof(out->name) - 1)
				n = sizeof(out->name) - 1;
			memcpy(out->name, RTA_DATA(a), n);
		} else if (a->rta_type == IFLA_MTU && n >= sizeof(out->mtu)) {
			memcpy(&out->mtu, RTA_DATA(a), sizeof(out->mtu));
		} else if (a->rta_type == IFLA_STATS64 && stats) {
			/* older kernels know fewer at its end */
			memset(&s, 0, sizeof(s));
			memcpy(&s, RTA_DATA(a), n < sizeof(s) ? n : sizeof(s));
			*stats = (struct sl_iface_stats){
				.rx_packets = s.rx_packets, .rx_bytes = s.rx_bytes,
				.tx_packets = s.tx_packets, .tx_bytes = s.tx_bytes,
				.rx_dropped = s.rx_dropped, .rx_missed = s.rx_missed_errors,
			};
		}
	}
	return out->name[0];
}

/* Ask, and call each() for every answer until it says no. */
static int ask(const char *name, int index, bool (*each)(const struct nlmsghdr *h, void *arg), void *arg)
{
	struct timeval wait = { .tv_sec = ANSWER_S };
	int fd, r;
	char *buf;

	fd = sl_rtnl_open(0);
	if (fd < 0)
		return fd;
	buf = malloc(SL_RTNL_BUF);
	if (!buf) {
		close(fd);
		return -ENOMEM;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	r = sl_rtnl_ask(fd, name, index);
	while (r == 0) {
		ssize_t n = recv(fd, buf, SL_RTNL_BUF, 0);
		struct nlmsghdr *h = (struct nlmsghdr *)buf;

		if (n < 0) {
			r = errno == EINTR ? 0 : -errno;
			continue;
		}
		for (uint32_t left = (uint32_t)n; r == 0 && NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE) {
				r = 1;
			} else if (h->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = NLMSG_DATA(h);

				r = e->error ? e->error : 1;
			} else if (h->nlmsg_type == RTM_NEWLINK) {
				if (!each(h, arg))
					r = -ENOMEM;
				else if (!(h->nlmsg_flags & NLM_F_MULTI))
					r = 1;
			}
		}
	}
	free(buf);
	close(fd);
	return r < 0 ? r : 0;
}

struct list {
	struct sl_iface *at;
	int n, size;
};

static bool to_list(const struct nlmsghdr *h, void *arg)
{
	struct list *l = arg;

	if (l->n == l->size) {
		int size = l->size ? 2 * l->size : 16;
		struct sl_iface *more = realloc(l->at, (size_t)size * sizeof(*more));

		if (!more)
			return false;
		l->at = more;
		l->size = size;
	}
	if (sl_rtnl_iface(h, &l->at[l->n], NULL))
		l->n++;
	return true;
}

static int by_index(const void *a, const void *b)
{
	const struct sl_iface *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

int sl_ifaces_list(struct sl_iface **out)
{
	struct list l = { 0 };
	int r = ask(NULL, 0, to_list, &l);

	if (r < 0) {
		free(l.at);
		return r;
	}
	if (l.n)
		qsort(l.at, (size_t)l.n, sizeof(*l.at), by_index);
	*out = l.at;
	return l.n;
}

struct one {
	struct sl_iface iface;
	struct sl_iface_stats stats;
};

static bool to_one(const struct nlmsghdr *h, void *arg)
{
	struct one *o = arg;

	sl_rtnl_iface(h, &o->iface, &o->stats);
	return true;
}

int sl_iface_get(const char *name, struct sl_iface *out)
{
	struct one o = { 0 };
	int r;

	if (!*name)
		return -ENODEV;
	r = ask(name, 0, to_one, &o);
	/* The kernel finds an interface by its other names too, and a name that is too long in none. */
	if (r == -ERANGE || r == -EINVAL || (r == 0 && strcmp(o.iface.name, name) != 0))
		r = -ENODEV;
	if (r == 0)
		*out = o.iface;
	return r;
}

int sl_iface_stats(int index, struct sl_iface_stats *out)
{
	struct one o = { 0 };
	int r = index > 0 ? ask(NULL, index, to_one, &o) : -ENODEV;

	if (r == 0)
		*out = o.stats;
	return r;
}

bool sl_iface_near(const char *name, char *buf)
{
	struct sl_iface *all = NULL;
	const char **names, *near = NULL;
	int n = sl_ifaces_list(&all);

	names = n > 0 ? malloc((size_t)n * sizeof(*names)) : NULL;
	if (names) {
		for (int i = 0; i < n; i++)
			names[i] = all[i].name;
		near = sl_nearest(name, names, (size_t)n);
		if (near)
			snprintf(buf, sizeof(all->name), "%s", near);
	}
	free(names);
	free(all);
	return near;
}

char *sl_iface_names(char *buf, size_t size)
{
	struct sl_iface *all = NULL;
	int n = sl_ifaces_list(&all);
	size_t at = 0;

	*buf = '\0';
	for (int i = 0; i < n && at + sizeof(all->name) + 2 < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", all[i].name);
	free(all);
	return buf;
}
