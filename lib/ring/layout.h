/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ring/layout.h -- a data ring as it lies in memory: records, one writer, many readers
 *
 * Included by C and by eBPF C: fixed-width types, no libc, no calls. The code of
 * the user space is in ring/dring.h; whoever else writes into a ring (an eBPF
 * program) keeps to this page.
 *
 *	ring, mapped read-only by readers		control page, another mapping
 *	+0      struct sl_dring_head			struct sl_dring_ctl
 *	+4096   data, `size` bytes
 *	+size   run-on, `spare` bytes
 *
 * All positions are counts of bytes since the beginning: they only grow, and
 * position p lies at data + (p & (size - 1)). A record is never split: one that
 * begins near the end runs on into the spare bytes, and the next begins where it
 * would have ended had it wrapped. A ring in a memfd is mapped twice in a row, so
 * its spare bytes are its first bytes again (spare == size, none in the file); an
 * eBPF map has real ones. Both obey the same arithmetic.
 *
 *	      claim - size           tail              head       next       claim
 *	  ........|....................|#################|++++++++++|..........|
 *	  gone,   kept, whole,         published,        written,   free to
 *	  or      released             unreleased        not yet    write
 *	  torn                                           published
 *
 *	tail <= head <= next <= claim <= (tail of each honoured reader) + size
 *
 * Who moves what:
 *
 *	who		moves	from	to			when, and with what order
 *	writer		claim	old	<= lowest tail + size	before the first byte of what it allows;
 *								then a store-store fence
 *	writer		next	old	+ record's size		private; bytes are written in between
 *	writer		seq	old	+ records		before head
 *	writer		head	old	next			after all bytes (release), once per batch;
 *								a full fence before it looks at `waiting`;
 *								an eBPF writer has none, see below
 *	writer		full	old	+ 1			refused: no room, and it may not wait
 *	writer		wanted	0	a position		it waits until tails are there; full fence,
 *								then it looks at the tails once more
 *	writer		wanted	any	0			it waits no longer
 *	writer		magic	MAGIC	ENDED			after the last head; then it rings
 *	writer		waiting	bits	0			then it rings the bells of the bits, once
 *	reader		tail	old	<= head			after its last look at the bytes (release);
 *								full fence, then `wanted`: if the move crossed
 *								it, ring the writer
 *	reader		waiting	any	| its bit		full fence, then it looks at head and magic
 *								once more before it sleeps
 *	owner		state	FREE	HONOURED, LAPPED	tail = head first; after it a full fence, and
 *								tail = head as it is then, where the reader
 *								begins; full fence, then `wanted`: ring
 *	owner		state	any	FREE			the reader is done, or dead and reaped;
 *								full fence, then `wanted`: ring
 *	owner		n_honoured  old	> each slot in use	before that slot's state
 *
 * Never:
 *	- a byte at position p is written while claim <= p, or while an honoured tail <= p - size
 *	- claim, head, seq, or the tail of a slot in use moves backwards
 *	- head passes next; tail passes head
 *	- a lapped reader uses bytes of position p for which claim - size > p was true
 *	  after it had copied them (load-load fence in between)
 *	- a reader sleeps without having looked again after it set its bit
 *	- the writer waits before what it wrote is published
 *	- a reader writes to the ring; a stranger is given the control page
 *
 * Policies. An *honoured* reader holds the writer back; where there is no room a
 * writer in user space waits, and one in the kernel refuses the record and counts
 * it in full. A *lapped* reader is never looked at: it copies, then checks claim.
 * When it was overrun it goes on at head, because records cannot be found in the
 * middle, and the number of the next record tells exactly how many it missed.
 *
 * An honoured reader is one of the owner's own: its process, or a child that it
 * reaps. It can stall the writer by not releasing, and it can write the control
 * page, so it is trusted with just these. Strangers have the read-only mapping and
 * nothing else, and there is nothing in it by which they could harm anybody.
 *
 * A full fence between "publish head" and "look at waiting", and between "store
 * tail" and "look at wanted", is what makes a wake-up impossible to lose. It also
 * stands between the last published head and the next look at the slots, which is
 * why a reader that joins while the writer runs cannot be missed for longer than
 * what lies at or behind the head that it starts from.
 *
 * An eBPF program publishes with plain stores, as a fence would cost it more than all the rest of
 * that. So whoever sleeps by its bell leaves his flag up, and looks once more after a
 * time in which any processor has long made its stores seen (io/rx-ring.c).
 */
#ifndef SL_RING_LAYOUT_H
#define SL_RING_LAYOUT_H

#include <linux/types.h>

#define SL_DRING_MAGIC		0x31676e6972646c73ull	/* "sldring1" */
#define SL_DRING_ENDED		0x65676e6972646c73ull	/* "sldringe": the last record is published */
#define SL_DRING_DATA		4096u			/* the data begin here */
#define SL_DRING_SLOTS		8u
#define SL_DRING_BYTES_MIN	4096ull
#define SL_DRING_BYTES_MAX	(1ull << 30)

/* Page 0. (w): written by the writer. */
struct sl_dring_head {
	_Alignas(64) __u64 claim;	/* (w) the writer may be writing up to here */
	__u64 magic;			/* (w) SL_DRING_MAGIC, later SL_DRING_ENDED */
	__u64 size;			/* bytes of data, a power of two */
	__u64 spare;			/* bytes behind them into which a record may run on */
	_Alignas(64) __u64 head;	/* (w) bytes published */
	__u64 seq;			/* (w) records published */
	_Alignas(64) __u64 full;	/* (w) records refused because an honoured reader left no room */
	__u64 full_bytes;		/* (w) their payload */
	_Alignas(64) __u64 wanted;	/* (w) asleep until all honoured tails are here; 0: awake.
					   An eBPF writer never waits. */
};

struct sl_dring_rec {
	__u32 size;			/* of all of it: a multiple of 8, this header included */
	__u32 len;			/* of the payload, which follows */
	__u64 seq;			/* number of the record, from 0 */
};

enum sl_dring_state {
	SL_DRING_FREE,
	SL_DRING_HONOURED,		/* the writer waits for its tail */
	SL_DRING_LAPPED,		/* it has a bell, its tail is only shown */
};

struct sl_dring_slot {
	_Alignas(64) __u64 tail;	/* (r) bytes released */
	__u32 state;			/* (owner) enum sl_dring_state */
	__u32 pid;			/* (owner) of the reader, for people and for cleaning up */
};

/* A page of its own, in another mapping. */
struct sl_dring_ctl {
	_Alignas(64) __u32 waiting;	/* (r) bit n: the reader of slot n sleeps; (w) clears */
	__u32 n_honoured;		/* (owner) all slots in use are below */
	struct sl_dring_slot reader[SL_DRING_SLOTS];
};

_Static_assert(sizeof(struct sl_dring_head) == 256, "shared with eBPF");
_Static_assert(__builtin_offsetof(struct sl_dring_head, head) == 64, "shared with eBPF");
_Static_assert(__builtin_offsetof(struct sl_dring_head, full) == 128, "shared with eBPF");
_Static_assert(__builtin_offsetof(struct sl_dring_head, wanted) == 192, "shared with eBPF");
_Static_assert(sizeof(struct sl_dring_rec) == 16, "shared with eBPF");
_Static_assert(sizeof(struct sl_dring_slot) == 64, "shared with eBPF");
_Static_assert(sizeof(struct sl_dring_ctl) == 64 + 64 * SL_DRING_SLOTS, "shared with eBPF");

/* What a record of len bytes takes. */
static inline __u64 sl_dring_need(__u64 len)
{
	return (sizeof(struct sl_dring_rec) + len + 7) & ~7ull;
}

/* The largest record, header included. With half of the ring a reader can still work beside the writer. */
static inline __u64 sl_dring_largest(__u64 size, __u64 spare)
{
	return (spare < size / 2 ? spare : size / 2) & ~7ull;
}

/*
 * How far ahead of what it needs the writer claims: each claim costs a fence and
 * takes the line from the lapped readers, while what is claimed too early is lost
 * to them, at most a sixteenth of the ring.
 */
static inline __u64 sl_dring_stride(__u64 size)
{
	return size / 16 < 16384 ? size / 16 : 16384;
}

#endif
