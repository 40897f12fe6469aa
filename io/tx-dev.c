/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tx-dev -- interfaces: what they are called and what they carry */
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "streamline/diag.h"
#include "tx.h"

#define LINK_ETHERNET	1
#define LINK_RAW	101	/* IP without a link header */
#define LINK_NONE	0xffff
#define MOST_IFS	256

#ifndef ARPHRD_RAWIP
#define ARPHRD_RAWIP	519
#endif

static uint16_t link_of(uint16_t hardware)
{
	switch (hardware) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return LINK_ETHERNET;
	case ARPHRD_NONE:		/* tun, WireGuard */
	case ARPHRD_RAWIP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
		return LINK_RAW;
	default:
		return LINK_NONE;
	}
}

int sl_tx_dev_get(const char *name, struct sl_tx_dev *dev)
{
	struct ifreq q = { 0 };
	int fd, r = 0;

	*dev = (struct sl_tx_dev){ .name = name, .link = LINK_NONE };
	if (strlen(name) >= sizeof(q.ifr_name))
		return -ENODEV;
	strcpy(q.ifr_name, name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCGIFINDEX, &q) < 0) {
		r = errno == ENXIO ? -ENODEV : -errno;
		goto out;
	}
	dev->index = (unsigned int)q.ifr_ifindex;
	if (ioctl(fd, SIOCGIFHWADDR, &q) == 0) {
		dev->hardware = q.ifr_hwaddr.sa_family;
		dev->link = link_of(dev->hardware);
	}
	if (ioctl(fd, SIOCGIFMTU, &q) == 0)
		dev->mtu = (unsigned int)q.ifr_mtu;
	if (ioctl(fd, SIOCGIFFLAGS, &q) == 0)
		dev->up = q.ifr_flags & IFF_UP;
out:
	close(fd);
	return r;
}

bool sl_tx_dev_near(const char *name, char *buf)
{
	struct if_nameindex *all = if_nameindex();
	const char *names[MOST_IFS], *near;
	size_t n = 0;

	for (struct if_nameindex *i = all; i && i->if_index && n < MOST_IFS; i++)
		names[n++] = i->if_name;
	near = sl_nearest(name, names, n);
	if (near)
		snprintf(buf, IF_NAMESIZE, "%s", near);
	if_freenameindex(all);
	return near;
}

char *sl_tx_dev_list(char *buf, size_t size)
{
	struct if_nameindex *all = if_nameindex();
	size_t at = 0;

	*buf = '\0';
	for (struct if_nameindex *i = all; i && i->if_index && at + IF_NAMESIZE + 3 < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", i->if_name);
	if_freenameindex(all);
	return buf;
}
