/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* net/sockets.c -- see sockets.h */
#include "net/sockets.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/ifaces_int.h"

#define ANSWER_MS	500
#define LISTEN		10	/* TCP_LISTEN of the kernel */
#define ROOM		8192

struct sl_sockets {
	int diag, route;
	uint32_t seq;
	char buf[ROOM];
};

int sl_sockets_open(struct sl_sockets **out)
{
	struct timeval wait = { .tv_usec = ANSWER_MS * 1000 };
	struct sl_sockets *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	r = s->diag < 0 ? -errno : 0;
	s->route = sl_rtnl_open(0);
	if (!r && s->route < 0)
		r = s->route;
	if (r < 0) {
		sl_sockets_close(s);
		return r;
	}
	setsockopt(s->diag, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(s->route, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	*out = s;
	return 0;
}

void sl_sockets_close(struct sl_sockets *s)
{
	if (!s)
		return;
	if (s->diag >= 0)
		close(s->diag);
	if (s->route >= 0)
		close(s->route);
	free(s);
}

/* One question, one answer; what is left of an earlier one, which came too late, is passed over. */
static const struct nlmsghdr *ask(struct sl_sockets *s, int fd, struct nlmsghdr *q, int *error)
{
	const struct nlmsghdr *h = (const void *)s->buf;
	ssize_t n;

	q->nlmsg_seq = ++s->seq;
	if (send(fd, q, q->nlmsg_len, 0) < 0) {
		*error = -errno;
		return NULL;
	}
	do {
		n = recv(fd, s->buf, sizeof(s->buf), 0);
		if (n < 0 && errno != EINTR) {
			*error = -errno;
			return NULL;
		}
	} while (n < 0 || (NLMSG_OK(h, (uint32_t)n) && h->nlmsg_seq != q->nlmsg_seq));
	*error = -EPROTO;
	if (!NLMSG_OK(h, (uint32_t)n))
		return NULL;
	if (h->nlmsg_type == NLMSG_ERROR) {
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)))
			*error = ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		return NULL;
	}
	return h;
}

int sl_sockets_find(struct sl_sockets *s, const struct sl_ends *e, int ifindex, struct sl_socket *out)
{
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} q = {
		.h = { .nlmsg_len = sizeof(q), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST },
		.r = { .sdiag_family = e->v6 ? AF_INET6 : AF_INET, .sdiag_protocol = e->proto, .idiag_states = ~0u,
		       .id = { .idiag_if = (uint32_t)ifindex,
			       .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } } },
	};
	/* UDP is asked the other way round: the sender of what would come in is the source */
	bool turned = e->proto == IPPROTO_UDP;
	const struct inet_diag_msg *m;
	const struct nlmsghdr *h;
	int r;

	memcpy(turned ? q.r.id.idiag_dst : q.r.id.idiag_src, e->local, 16);
	memcpy(turned ? q.r.id.idiag_src : q.r.id.idiag_dst, e->remote, 16);
	q.r.id.idiag_sport = htons(turned ? e->rport : e->lport);
	q.r.id.idiag_dport = htons(turned ? e->lport : e->rport);
	h = ask(s, s->diag, &q.h, &r);
	if (!h)
		return r;
	m = NLMSG_DATA(h);
	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return -EPROTO;
	/* of a family that has the port for itself, or not at all */
	if (m->id.idiag_sport != htons(e->lport))
		return -ENOENT;
	*out = (struct sl_socket){
		.cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0],
		.inode = m->idiag_inode, .listens = m->idiag_state == LISTEN && e->proto == IPPROTO_TCP,
		.connected = m->id.idiag_dport,
	};
	return 0;
}

bool sl_sockets_here(struct sl_sockets *s, bool v6, const uint8_t *addr, int ifindex)
{
	struct {
		struct nlmsghdr h;
		struct rtmsg m;
		char attrs[RTA_SPACE(16) + RTA_SPACE(4)];
	} q = {
		.h = { .nlmsg_len = NLMSG_LENGTH(sizeof(q.m)), .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST },
		.m = { .rtm_family = v6 ? AF_INET6 : AF_INET, .rtm_dst_len = v6 ? 128 : 32 },
	};
	unsigned short n = v6 ? 16 : 4;
	struct rtattr *a = (void *)q.attrs;
	const struct nlmsghdr *h;
	int r;

	*a = (struct rtattr){ .rta_len = (unsigned short)RTA_LENGTH(n), .rta_type = RTA_DST };
	memcpy(RTA_DATA(a), addr, n);
	q.h.nlmsg_len += (uint32_t)RTA_SPACE(n);
	/* the same on every link: only there it has a meaning */
	if (v6 && addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80 && ifindex) {
		a = (void *)(q.attrs + RTA_SPACE(n));
		*a = (struct rtattr){ .rta_len = (unsigned short)RTA_LENGTH(4), .rta_type = RTA_OIF };
		memcpy(RTA_DATA(a), &ifindex, 4);
		q.h.nlmsg_len += (uint32_t)RTA_SPACE(4);
	}
	h = ask(s, s->route, &q.h, &r);
	return h && h->nlmsg_type == RTM_NEWROUTE && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct rtmsg)) &&
	       ((const struct rtmsg *)NLMSG_DATA(h))->rtm_type == RTN_LOCAL;
}
