/* SPDX-License-Identifier: (LGPL-2.1-or-later OR GPL-2.0-only OR BSD-2-Clause) */
/*
 * flows.h -- the table of flows.c and of its kernel form
 *
 * One source for both, so that both keep the same flows. The table has a power of two of
 * places; a flow lies in one of the FLOWS_PROBES from where its hash points to. A place that
 * was used once stays so: a flow that is over leaves its record there until another one
 * needs the place.
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
 * What is done with it is in flows-steps.h.
 */
#ifndef FILTERS_FLOWS_H
#define FILTERS_FLOWS_H

#include <linux/types.h>

#define FLOWS_PROBES	16
#define FLOWS_LINGER	1000000000ull	/* ns: what still comes after both sides closed */

enum { FLOWS_FIN = 1, FLOWS_SYN = 2, FLOWS_RST = 4, FLOWS_ACK = 16, FLOWS_TCP = 6 };

enum flows_why {
	FLOWS_IDLE,		/* no packet for so long; or closed, and nothing came after */
	FLOWS_ACTIVE,		/* went on for so long: another record follows */
	FLOWS_AGAIN,		/* closed, and opened again at once */
	FLOWS_EVICTED,		/* its place was needed */
	FLOWS_FORCED,		/* the run ended */
};

struct flows_key {		/* the lesser end first; addresses as in packets */
	__u32 a[4], b[4];
	__u16 ap, bp;		/* ports, host order; 0 without */
	__u8 proto, v6, pad[2];
};

struct flows_entry {
	__u32 lock;		/* odd: somebody writes */
	__u32 used;
	struct flows_key key;
	__u64 first_ns, last_ns;
	__u64 packets[2], bytes[2];	/* a to b, b to a */
	__u8 flags[2];		/* TCP, all of a direction */
	__u8 from;		/* direction of the first packet */
	__u8 pad[5];
	__u64 nth;		/* of the flows that this place has had */
	__u64 spare[2];
};

struct flows_conf {
	__u64 idle_ns, active_ns;	/* active 0: none */
	__u32 mask;			/* places - 1 */
	__u32 weak_order;
};

struct flows_packet {
	struct flows_key key;
	__u64 time_ns;
	__u32 bytes;
	__u32 hash;
	__u8 from, flags;
};

_Static_assert(sizeof(struct flows_entry) == 128, "two cache lines");

/* ---- records on their way out of the kernel ------------------------- */

struct flows_gone {
	__u64 n;		/* number of this record, from 1; written last */
	__u64 end_ns;
	__u32 place, why;
	struct flows_entry e;
};

#endif
