/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * streamline/block.h -- the block pointer
 *
 * A block is a piece of data: a packet, some bytes of a stream, a record. What
 * moves through a pipeline is the pointer to it: one cache line that names a
 * segment and an offset, so it means the same in every thread and process. The
 * bytes are stored once; many block pointers may lead to them.
 *
 *	segment  ....|<---------------- frame_len ---------------->|....
 *	             |<------ head ------>|<------ len ----->|
 *	             ^ off - head         ^ off
 *	             +-- l3, l4, payload count from here
 *
 * A fresh packet is its own view: head 0, len == frame_len. A filter that turns
 * packets into bytes narrows the view (sl_view) and leaves the frame alone, so
 * that a later sink can still save the packet that the bytes came in.
 *
 * Whoever finds the offset of a header writes it here, so that nobody parses
 * twice. 0 in l3, l4 means: not looked for (flags without SL_B_DECODED), or not
 * there (with it).
 */
#ifndef STREAMLINE_BLOCK_H
#define STREAMLINE_BLOCK_H

#include <stdint.h>

/* Types of streams, and what filters take and give (masks). */
enum sl_stream_type {
	SL_PACKET = 1,		/* whole packets with a link type */
	SL_BYTES = 2,		/* bytes of one flow and direction, in order, gaps marked */
	SL_RECORD = 4,		/* typed fields, stored as one JSON object per block */
	SL_ANY = 7,
	SL_SAME = 8,		/* out only: what came in */
};

enum sl_block_flag {
	SL_B_DECODED	= 1 << 0,	/* l3, l4, payload, proto were looked for */
	SL_B_FRAGMENT	= 1 << 1,	/* a part of an IP packet, not the first: no l4 */
	SL_B_REPLY	= 1 << 2,	/* bytes: from the side that did not open the flow */
	SL_B_START	= 1 << 3,	/* bytes: the first block of this direction */
	SL_B_END	= 1 << 4,	/* bytes: the last block of this direction */
	SL_B_GAP	= 1 << 5,	/* bytes: bytes between the last block and this one are missing */
	SL_B_AGAIN	= 1 << 6,	/* bytes: a retransmission; nothing new, len 0 */
	SL_B_NANO	= 1 << 7,	/* its source keeps nanoseconds */
	SL_B_OUT	= 1 << 8,	/* captured on its way out (pcapng direction) */
	SL_B_IN		= 1 << 9,	/* captured on its way in */
	SL_B_CLOSE	= 1 << 10,	/* bytes: both directions are over, the flow is done */
	/* The runtime's own: filters leave them alone. */
	SL_B_FRESH	= 1 << 13,	/* made here, not yet counted as in */
	SL_B_KEPT	= 1 << 14,	/* counted as held */
	SL_B_OWNED	= 1 << 15,	/* its bytes carry a count of their own and may be written */
};

struct sl_block {
	uint64_t seg : 16;	/* segment, an index into the run's table */
	uint64_t proto : 8;	/* IP protocol above l4 (IPPROTO_TCP ...), when decoded */
	uint64_t off : 40;	/* of the first byte in view, from the segment's start */
	uint64_t time_ns;	/* since 1970; 0: none */
	uint64_t pos;		/* bytes: place of the first byte in its stream, from 0 */
	uint32_t len;		/* bytes in view */
	uint32_t head;		/* bytes of the frame in front of the view */
	uint32_t frame_len;	/* bytes of the frame that are stored */
	uint32_t wire_len;	/* bytes that the frame had on the wire */
	uint32_t class;		/* arrows select by it */
	uint32_t flow_hash;	/* same for both directions; 0: not computed */
	uint32_t stream;	/* bytes: number of flow and direction; flow = stream >> 1.
				   Packets: receive queue, from 1; 0: not known */
	uint16_t l3, l4;	/* from the frame's start; see above */
	uint16_t payload;	/* first byte after the l4 header, from the frame's start */
	uint16_t link;		/* LINKTYPE_ value, https://www.tcpdump.org/linktypes.html */
	uint16_t iface;		/* interface in its source */
	uint16_t flags;		/* enum sl_block_flag */
};

_Static_assert(sizeof(struct sl_block) == 64, "a block pointer is one cache line");

#endif
