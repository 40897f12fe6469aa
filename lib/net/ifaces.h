/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * net/ifaces.h -- network interfaces: what there is, and what becomes of it
 *
 * All is asked of the kernel through rtnetlink, so it means the network namespace of
 * the thread that asks, and needs neither /sys nor rights.
 */
#ifndef SL_NET_IFACES_H
#define SL_NET_IFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SL_LINK_ETHERNET	1
#define SL_LINK_RAW		101	/* IP without a link header */
#define SL_LINK_NONE		0xffff	/* nothing that can be captured as it is */

struct sl_iface {
	char name[16];
	int index;
	uint16_t hardware;		/* ARPHRD_ */
	uint16_t link;			/* LINKTYPE_ of its frames, or SL_LINK_NONE */
	uint32_t mtu;
	bool up, running, loopback;	/* brought up; and has a carrier */
};

struct sl_iface_stats {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t rx_dropped;		/* by the kernel: nobody wanted them, or no room */
	uint64_t rx_missed;		/* by the device: it had no room */
};

/* LINKTYPE_ of an ARPHRD_ value. */
uint16_t sl_iface_link(uint16_t hardware);

/* All interfaces, in the order of their numbers; *out to be freed. Returns how many, or -errno. */
int sl_ifaces_list(struct sl_iface **out);
/* 0; -ENODEV: there is none of this name. */
int sl_iface_get(const char *name, struct sl_iface *out);
int sl_iface_stats(int index, struct sl_iface_stats *out);
/* The interface that `name` was meant to be, into buf (16 bytes); false: none is near. */
bool sl_iface_near(const char *name, char *buf);
/* All interfaces, as "lo, eth0". Returns buf. */
char *sl_iface_names(char *buf, size_t size);

/* ------------------------------------------------------------------ *
 * Watching
 * ------------------------------------------------------------------ */

/*
 * What is watched is known by its name and followed by its number:
 *
 *	here ---- renamed ----> here, under another name
 *	here ---- gone -------> awaited, under the name that it was added with
 *	awaited - came -------> here, with another number
 *
 * While it is here, another interface that takes its first name is somebody else.
 */
enum sl_ifevent_what {
	SL_IF_UP	= 1 << 0,
	SL_IF_DOWN	= 1 << 1,
	SL_IF_GONE	= 1 << 2,	/* removed, or moved to another namespace */
	SL_IF_CAME	= 1 << 3,	/* back; or new, where all are watched */
	SL_IF_MTU	= 1 << 4,
	SL_IF_RENAMED	= 1 << 5,
};

struct sl_ifevent {
	unsigned int what;		/* enum sl_ifevent_what, several at once */
	int watch;			/* as sl_ifwatch_add() returns it */
	struct sl_iface iface;		/* as it is now; gone: as it was last */
	char was[16];			/* renamed: its name before */
};

struct sl_ifwatch;

/* With `all`, every interface is watched as if it were added, also those that come later. */
int sl_ifwatch_open(bool all, struct sl_ifwatch **out);
/* Watch one, whether it is there or not. Returns its number, small, from 0, never used again; or -errno. */
int sl_ifwatch_add(struct sl_ifwatch *w, const char *name);
/* Can be read when there may be events. */
int sl_ifwatch_fd(const struct sl_ifwatch *w);
/* 1: an event; 0: none at present; -errno. Ask until it says 0. */
int sl_ifwatch_next(struct sl_ifwatch *w, struct sl_ifevent *ev);
void sl_ifwatch_close(struct sl_ifwatch *w);

#endif
