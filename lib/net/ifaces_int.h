/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* net/ifaces_int.h -- rtnetlink, as ifaces.c and ifwatch.c share it */
#ifndef SL_NET_IFACES_INT_H
#define SL_NET_IFACES_INT_H

#include <linux/netlink.h>

#include "net/ifaces.h"

#define SL_RTNL_BUF	(64u << 10)	/* more than any message of one dump */

/* A socket; one that listens to groups doesn't block. Returns it, or -errno. */
int sl_rtnl_open(unsigned int groups);
/* Ask for one link by name or number, or (NULL, 0) for all. */
int sl_rtnl_ask(int fd, const char *name, int index);
/* What a message about a link says; stats may be NULL. False: it is about something else. */
bool sl_rtnl_iface(const struct nlmsghdr *h, struct sl_iface *out, struct sl_iface_stats *stats);

#endif
