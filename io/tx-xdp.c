/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/tx-xdp.c -- can programs at XDP send out of a device?
 *
 * A frame that is redirected to a device which does not take it is dropped without a word to
 * anybody, so it is found out before. The kernel tells since 6.3 (generic netlink, family
 * "netdev"). A veth takes frames only while its other end has GRO or a program of
 * its own: the most common trap.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tx.h"

/* linux/netdev.h, which older systems do not have */
enum { DEV_GET = 1, DEV_IFINDEX = 1, DEV_XDP_FEATURES = 3 };
enum { CAN_REDIRECT = 1 << 1, TAKES_FRAMES = 1 << 2 };

struct message {
	struct nlmsghdr h;
	struct genlmsghdr g;
	uint8_t attrs[64];
};

static void add(struct message *m, uint16_t type, const void *data, uint16_t len)
{
	struct nlattr *a = (struct nlattr *)((uint8_t *)m + NLMSG_ALIGN(m->h.nlmsg_len));

	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + len);
	memcpy((uint8_t *)a + NLA_HDRLEN, data, len);
	m->h.nlmsg_len = NLMSG_ALIGN(m->h.nlmsg_len) + NLA_ALIGN(a->nla_len);
}

/* The attribute `type` of the answer, into *out (at most `size` bytes). */
static int ask(int fd, uint16_t family, uint8_t cmd, uint16_t key, const void *value, uint16_t len,
	       uint16_t type, void *out, size_t size)
{
	struct message m = {
		.h = { .nlmsg_len = NLMSG_LENGTH(sizeof(m.g)), .nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST },
		.g = { .cmd = cmd, .version = 1 },
	};
	uint8_t answer[8192] __attribute__((aligned(8)));
	const struct nlmsghdr *h = (const void *)answer;
	ssize_t n;

	add(&m, key, value, len);
	if (send(fd, &m, m.h.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if (!NLMSG_OK(h, (size_t)n) || h->nlmsg_type == NLMSG_ERROR)
		return -ENOENT;
	for (size_t at = NLMSG_LENGTH(sizeof(m.g)); at + NLA_HDRLEN <= h->nlmsg_len; ) {
		const struct nlattr *a = (const void *)(answer + at);

		if (a->nla_len < NLA_HDRLEN || at + a->nla_len > h->nlmsg_len)
			break;
		if ((a->nla_type & NLA_TYPE_MASK) == type && a->nla_len >= NLA_HDRLEN + size) {
			memcpy(out, (const uint8_t *)a + NLA_HDRLEN, size);
			return 0;
		}
		at += NLA_ALIGN(a->nla_len);
	}
	return -ENOENT;
}

/* 0, and what the driver can; -errno when the kernel doesn't tell. */
static int features_of(const struct sl_iface *dev, uint64_t *out)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC), r;
	uint32_t index = (uint32_t)dev->index;
	uint16_t family;

	if (fd < 0)
		return -errno;
	r = ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, "netdev", sizeof("netdev"),
		CTRL_ATTR_FAMILY_ID, &family, sizeof(family));
	if (!r)
		r = ask(fd, family, DEV_GET, DEV_IFINDEX, &index, sizeof(index), DEV_XDP_FEATURES, out, sizeof(*out));
	close(fd);
	return r;
}

static bool is_veth(const struct sl_iface *dev)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq q = { .ifr_data = (void *)&info };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool veth;

	if (fd < 0)
		return false;
	memcpy(q.ifr_name, dev->name, sizeof(q.ifr_name));
	veth = ioctl(fd, SIOCETHTOOL, &q) == 0 && !strcmp(info.driver, "veth");
	close(fd);
	return veth;
}

bool sl_tx_takes_xdp(const struct sl_iface *dev, char *why, size_t size)
{
	bool veth = is_veth(dev);
	uint64_t can = 0;

	if (features_of(dev, &can) < 0) {
		if (!veth)
			return true;
		snprintf(why, size, "this kernel does not tell whether the other end of %s takes frames from XDP",
			 dev->name);
		return false;
	}
	if (can & TAKES_FRAMES || (!veth && can & CAN_REDIRECT))
		return true;
	if (veth)
		snprintf(why, size, "the other end of %s takes no frames from XDP; there: ethtool -K ... gro on",
			 dev->name);
	else
		snprintf(why, size, "the driver of %s takes no frames from XDP", dev->name);
	return false;
}
