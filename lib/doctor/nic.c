/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor/nic.c -- what an interface can do, asked of the kernel
 *
 * Driver, queues and offloads by the ioctl of ethtool(8), what XDP can do by the family
 * "netdev" of generic netlink (Linux 6.3). Nothing is changed, and no right is needed.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "doctor/doctor.h"
#include "net/ifaces.h"

/* include/uapi/linux/netdev.h */
enum { DEV_GET = 1, DEV_IFINDEX = 1, DEV_XDP_FEATURES = 3 };

/* ---- ethtool ----------------------------------------------------------- */

static bool ethtool(int fd, const char *name, void *cmd)
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	r.ifr_data = cmd;
	return ioctl(fd, SIOCETHTOOL, &r) == 0;
}

static void ask_ethtool(const char *name, struct sl_nic *n)
{
	struct ethtool_drvinfo drv = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_value gro = { .cmd = ETHTOOL_GGRO }, flags = { .cmd = ETHTOOL_GFLAGS };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (ethtool(fd, name, &drv))
		snprintf(n->driver, sizeof(n->driver), "%.31s", drv.driver);
	if (ethtool(fd, name, &ch))
		n->queues = ch.combined_count + ch.rx_count;
	if (ethtool(fd, name, &gro))
		n->gro = gro.data != 0;
	if (ethtool(fd, name, &flags))
		n->lro = (flags.data & ETH_FLAG_LRO) != 0;
	close(fd);
}

/* ---- generic netlink ------------------------------------------------------ */

struct question {
	struct nlmsghdr h;
	struct genlmsghdr g;
	char attrs[64];
};

static void put(struct question *q, uint16_t type, const void *data, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };
	size_t at = q->h.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);

	memcpy(q->attrs + at, &a, sizeof(a));
	memcpy(q->attrs + at + NLA_HDRLEN, data, len);
	q->h.nlmsg_len += (uint32_t)NLA_ALIGN(NLA_HDRLEN + len);
}

/* Sends, and finds one attribute of the answer; its length, or 0. */
static size_t ask(int fd, const struct question *q, unsigned int want, void *to, size_t room)
{
	_Alignas(8) char buf[16384];
	const struct nlmsghdr *h = (void *)buf;
	ssize_t got;

	if (send(fd, q, q->h.nlmsg_len, 0) < 0)
		return 0;
	got = recv(fd, buf, sizeof(buf), 0);
	if (got < (ssize_t)NLMSG_LENGTH(GENL_HDRLEN) || h->nlmsg_type != q->h.nlmsg_type || h->nlmsg_len > (size_t)got)
		return 0;
	for (size_t at = NLMSG_LENGTH(GENL_HDRLEN); at + NLA_HDRLEN <= h->nlmsg_len;) {
		struct nlattr a;
		size_t len;

		memcpy(&a, buf + at, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || at + a.nla_len > h->nlmsg_len)
			return 0;
		len = a.nla_len - (size_t)NLA_HDRLEN;
		if ((a.nla_type & NLA_TYPE_MASK) == want && len <= room) {
			memcpy(to, buf + at + NLA_HDRLEN, len);
			return len;
		}
		at += NLA_ALIGN(a.nla_len);
	}
	return 0;
}

static struct question question(uint16_t family, uint8_t cmd)
{
	return (struct question){
		.h = { .nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN), .nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST },
		.g = { .cmd = cmd, .version = 1 },
	};
}

static int64_t ask_xdp(int ifindex)
{
	struct timeval patience = { .tv_sec = 2 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct question q = question(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	uint32_t index = (uint32_t)ifindex;
	uint64_t features = 0;
	uint16_t family = 0;
	int64_t r = -1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	put(&q, CTRL_ATTR_FAMILY_NAME, "netdev", 7);
	if (ask(fd, &q, CTRL_ATTR_FAMILY_ID, &family, sizeof(family)) == sizeof(family)) {
		q = question(family, DEV_GET);
		put(&q, DEV_IFINDEX, &index, sizeof(index));
		if (ask(fd, &q, DEV_XDP_FEATURES, &features, sizeof(features)) == sizeof(features))
			r = (int64_t)features;
	}
	close(fd);
	return r;
}

void sl_nic_get(const char *name, int ifindex, struct sl_nic *out)
{
	libbpf_print_fn_t before = libbpf_set_print(NULL);
	LIBBPF_OPTS(bpf_xdp_query_opts, x);

	*out = (struct sl_nic){ .gro = -1, .lro = -1 };
	ask_ethtool(name, out);
	out->xdp = ask_xdp(ifindex);
	if (!bpf_xdp_query(ifindex, 0, &x))
		out->xdp_program = x.prog_id ? x.prog_id : x.drv_prog_id ? x.drv_prog_id : x.skb_prog_id;
	libbpf_set_print(before);
}

/* ---- findings ---------------------------------------------------------------- */

static const char *xdp_words(const struct sl_nic *n)
{
	if (n->xdp < 0)
		return "XDP: this kernel does not tell";
	if (!(n->xdp & SL_NIC_XDP_BASIC))
		return "XDP: generic only";
	return n->xdp & SL_NIC_XDP_ZEROCOPY ? "XDP: native, AF_XDP without a copy" : "XDP: native";
}

static void add_nic(struct sl_findings *fs, const struct sl_iface *i)
{
	struct sl_finding *f;
	char queues[32] = "";
	struct sl_nic n;

	sl_nic_get(i->name, i->index, &n);
	if (n.queues)
		snprintf(queues, sizeof(queues), ", %u queue%s", n.queues, n.queues == 1 ? "" : "s");
	f = sl_found(fs, "interfaces", i->name, i->link == SL_LINK_NONE ? SL_WORKS_NO : SL_WORKS_YES,
		     "%s, MTU %u%s%s%s; %s%s%s", i->up ? i->running ? "up" : "up, no carrier" : "down", i->mtu,
		     *n.driver ? ", driver " : "", n.driver, queues, xdp_words(&n),
		     n.gro > 0 ? "; merges segments (GRO)" : "", n.lro > 0 ? "; the card merges segments (LRO)" : "");
	if (i->link == SL_LINK_NONE)
		sl_todo(f, "its packets are of no known kind: capture where they come from or go to");
	else if (!i->up)
		sl_todo(f, "ip link set %s up", i->name);
	else if (n.xdp_program)
		sl_todo(f, "XDP program %u is attached: hook=xdp and mode=inline are refused until it goes; "
			   "who is it: bpftool prog show id %u", n.xdp_program, n.xdp_program);
	else if (n.lro > 0)
		sl_todo(f, "for packets as they were on the wire, and for XDP: ethtool -K %s lro off", i->name);
}

void sl_doctor_nics(struct sl_findings *fs)
{
	struct sl_iface *all = NULL;
	int n = sl_ifaces_list(&all);

	if (n < 0)
		sl_found(fs, "interfaces", "list", SL_WORKS_UNKNOWN, "cannot be had: %s", strerror(-n));
	for (int i = 0; i < n; i++)
		add_nic(fs, &all[i]);
	if (n >= 0)
		free(all);
}
