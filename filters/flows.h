/* SPDX-License-Identifier: (LGPL-2.1-or-later OR GPL-2.0-only OR BSD-2-Clause) */
/*
 * flows.h -- the table of flows.c and of its kernel form
 *
 * One source for both, so that both keep the same flows. The table has a power of two of
 * places, in sets of FLOWS_SET; a flow lies in the set that its hash points to. A place that
 * was used once stays so: a flow that is over leaves its record there until another one
 * needs the place.
 *
 * With more flows than a cache holds, what a packet costs is the lines that it waits for,
 * one after the other. So a place is one line, with all that most packets ask for and change;
 * a set is looked through from where the hash points to, its neighbour within the
 * same pair of lines first, and never leaves its page. Only addresses of IPv6 do not fit: they
 * lie beside, in an array of their own, and the line has a digest of each.
 *
 *	table	[a b ports lock first last count count bytes bytes]	64 bytes
 *	wide	[addresses] of the same place, IPv6 only		32 bytes
 *	soon	how often flows began or closed in each FLOWS_CHUNK of places
 *
 *	queues	packets that wait to be counted, the kernel's form only
 *
 * When a flow is over is told by its own times alone, never by when somebody looks:
 *
 *	end = last packet + idle		(+ FLOWS_LINGER when TCP closed it)
 *	      or first packet + active, whichever is earlier
 *
 * A packet at or after that begins the next flow of the same key, as does a SYN after the
 * close. Where all places are taken by flows that go on, the one that waits longest
 * ends early.
 *
 * A packet of a flow that goes on only puts its end off. Who waits for ends therefore need not
 * look at a chunk before the earliest end that was there when it looked last, unless
 * `soon` says that something began or closed since.
 *
 * What is done with it is in flows-steps.h.
 */
#ifndef FILTERS_FLOWS_H
#define FILTERS_FLOWS_H

#include <linux/types.h>

#define FLOWS_SET	16		/* places: the least that a table has */
#define FLOWS_CHUNK	64		/* places */
#define FLOWS_LINGER	1000000000ull	/* ns: what still comes after both sides closed */

enum { FLOWS_FIN = 1, FLOWS_SYN = 2, FLOWS_RST = 4, FLOWS_ACK = 16, FLOWS_TCP = 6 };

enum flows_why {
	FLOWS_IDLE,		/* no packet for so long; or closed, and nothing came after */
	FLOWS_ACTIVE,		/* went on for so long: another record follows */
	FLOWS_AGAIN,		/* closed, and opened again at once */
	FLOWS_EVICTED,		/* its place was needed */
	FLOWS_FORCED,		/* the run ended */
};

/*
 * Of `count`: packets of a direction (a to b, b to a), their TCP flags, and eight bits that
 * are one thing in the first and another in the second. Packets have 47 bits; a flow that
 * fills them, after weeks, is told in parts.
 */
#define FLOWS_PACKETS	((1ull << 48) - 1)
#define FLOWS_FULL	(1ull << 47)
#define FLOWS_FLAGS	48		/* where the flags begin */
#define FLOWS_MORE	56		/* ... and the eight bits: the protocol; these: */
enum { FLOWS_USED = 1, FLOWS_V6 = 2, FLOWS_FROM = 4 };	/* FROM: b sent the first packet */

struct flows_entry {
	__u32 a, b;		/* the lesser end first; as in packets, IPv6: digests */
	__u16 ap, bp;		/* ports, host order; 0 without */
	__u32 lock;		/* odd: somebody writes */
	__u64 first_ns, last_ns;
	__u64 count[2];
	__u64 bytes[2];
};

struct flows_wide {		/* addresses of IPv6 as in packets */
	__u32 a[4], b[4];
};

struct flows_conf {
	__u64 idle_ns, active_ns;	/* active 0: none */
	__u32 mask;			/* places - 1 */
	__u32 weak_order;
};

struct flows_packet {
	__u64 time_ns;
	__u32 a, b;		/* from and to until flows_order(), then as in the entry */
	__u16 ap, bp;
	__u32 bytes;
	__u8 proto, flags, from;	/* from: 1: b sent it */
	__u8 v6;		/* addresses are beside */
	__u32 hash;
};

_Static_assert(sizeof(struct flows_entry) == 64, "a cache line");
_Static_assert(sizeof(struct flows_packet) == 32, "shared with the kernel");

/* ---- packets that wait in the kernel ---------------------------------- */

#define FLOWS_GATHER	16
#define FLOWS_MISSED	0x10000u	/* what a drained queue gives: flows begun, and packets missed by this */

struct flows_slot {
	struct flows_packet p;
	struct flows_wide w;
};

struct flows_queue {		/* of one processor */
	__u32 lock;		/* 1: somebody puts packets in or counts them */
	__u32 n;
	__u32 gather;		/* packets may wait; written by user space, which then looks after them */
	__u32 pad;
	__u64 last_ns;		/* when the last packet came */
	__u64 spare[5];
	struct flows_slot slot[FLOWS_GATHER];
};

_Static_assert(sizeof(struct flows_queue) == 64 + FLOWS_GATHER * 64, "shared with the kernel");

/* ---- records on their way out of the kernel ------------------------- */

struct flows_gone {
	__u64 n;		/* number of this record, from 1; written last */
	__u64 end_ns;
	__u32 place, why;
	struct flows_entry e;
	struct flows_wide w;
	__u64 pad;
};

#endif
