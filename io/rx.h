/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rx.h -- what rx and its carriers share
 *
 * A carrier is a way by which packets come from an interface to this process: a
 * table of operations and a state of its own. rx-ring.c carries for programs in the
 * kernel, the others (rx-packet.c, rx-xsk.c, rx-pcap.c) bring whole packets. rx tries
 * them in the order of preference, and says which it took and why not those before.
 */
#ifndef SL_IO_RX_H
#define SL_IO_RX_H

#include "streamline/filter.h"

enum rx_mode { RX_TAP, RX_INLINE };
enum rx_hook { RX_HOOK_AUTO, RX_HOOK_TC, RX_HOOK_XDP };
enum rx_direction { RX_BOTH, RX_IN, RX_OUT };
enum rx_via { RX_AUTO, RX_ARENA, RX_ARRAY, RX_RINGBUF, RX_PACKET, RX_XSK, RX_PCAP, RX_REPLAY,
	      RX_PACKET_TOO };	/* the last: another name of RX_PACKET */

#define RX_IFS_MAX	64

struct rx_if {
	char name[16];			/* IFNAMSIZ */
	int ifindex;
	uint16_t link;			/* LINKTYPE_ value of what it gives */
	uint32_t mtu;
	bool up, gone;			/* as last heard */
	int watch;			/* number that the watcher gave it */
};

struct rx {
	/* parameters */
	const char *dev;		/* "eth0", "eth0,eth1", "any" */
	int via, mode, hook, direction;
	uint64_t snap, buffer;		/* bytes of a packet; of ring in all (0: the default) */
	bool promisc;
	int64_t delay;			/* ns: longest that a packet may wait for others */
	const char *share;		/* name by which other processes read the same capture; NULL */
	/* values */
	struct sl_count packets, dropped, missed, merged;

	struct rx_if ifs[RX_IFS_MAX];	/* block->iface is the index */
	unsigned int n_ifs;
	const struct rx_carrier *carrier;
	void *priv;			/* the carrier's */
	int wait_fd;			/* an epoll instance: what rx_wait() was given, and the watcher */
	int waits[4];			/* descriptors in it */
	struct sl_ifwatch *watch;
	int promisc_fd;			/* + 1; 0: none */
	bool stopped;			/* no more packets come in */
	bool rests;			/* set by pull(): nothing is left, the carrier saw to being woken */
	bool stirred;			/* a descriptor was ready since interfaces were last looked at */
	uint64_t looked_ns;		/* when interfaces and counters were last looked at */
	char took[256];			/* "packet socket (TPACKET_V3): arena: ..." */
};

struct rx_carrier {
	const char *name;		/* as via= has it */
	const char *brief;		/* "packet socket (TPACKET_V3)" */
	/*
	 * Begin to capture on all of rx->ifs. Returns 0 or a negative errno with the
	 * reason in why (plain words; nothing is left behind).
	 */
	int (*open)(struct sl_filter *f, struct rx *rx, char *why, size_t size);
	/* As sl_filter_type's pull(): emits at most max blocks and says how many; with 0, or
	 * any number and rx->rests set, it saw to being woken by rx_wait() or
	 * sl_wait_until(). With `drain` set nothing new comes in (detached): gives what is
	 * still there, then SL_EOF. */
	int (*pull)(struct sl_filter *f, struct rx *rx, unsigned int max, bool drain);
	/* Stop taking packets in; what was taken can still be pulled. */
	void (*stop)(struct sl_filter *f, struct rx *rx);
	/* Bring rx->dropped (no room in the ring), rx->missed (lost before) up to date. */
	void (*stats)(struct sl_filter *f, struct rx *rx);
	/* rx->ifs[i] came, went, came up or has another MTU; or it is a new one (any). May be NULL. */
	int (*changed)(struct sl_filter *f, struct rx *rx, unsigned int i);
	void (*close)(struct sl_filter *f, struct rx *rx);
};

/* Be pulled again when fd can be read; for carriers, in place of sl_wait_fd(). Level
 * triggered, remembered until rx ends. Returns 0 or a negative errno. */
int rx_wait(struct sl_filter *f, struct rx *rx, int fd);

/* Fills rx->ifs by rx->dev; on failure the name that is wrong is in bad (64 bytes). */
int rx_find_ifs(struct rx *rx, char *bad);

extern const struct rx_carrier rx_ring, rx_packet, rx_xsk, rx_pcap;

#endif
