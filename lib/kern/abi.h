/* SPDX-License-Identifier: (LGPL-2.1-or-later OR BSD-2-Clause OR GPL-2.0-only) */
/*
 * kern/abi.h -- what kernel stages and the library say to each other
 *
 * Included by eBPF C and by the library; fixed-width types only. Three things are
 * shared: what a stage is told before it is loaded (read-only data), the scratch area
 * in which a packet is looked at (one a CPU, a map), and the records by which
 * packets reach user space (in a ring, see ring/layout.h).
 *
 * A chain of stages, one packet at a time:
 *
 *	entry  sees a packet at its hook (XDP, tc), fills in the scratch area
 *	  |  tail call, constant index: a direct jump once loaded
 *	stage  tcp, bpf, ...: looks, gives the block a class, chooses arrows
 *	  |  ... one branch after the other; those that wait are on a stack
 *	commit writes the packet once into the ring, with an entry for each border that
 *	       it crosses
 */
#ifndef SL_KERN_ABI_H
#define SL_KERN_ABI_H

#include <linux/types.h>

#define SL_K_WINDOW	256	/* first bytes of a frame, for stages to look at */
#define SL_K_STAGES	32	/* programs in a chain: entries, stages, commit */
#define SL_K_ARROWS	8	/* leaving one stage */
#define SL_K_TERMS	8	/* of one arrow's tag */
#define SL_K_STREAMS	64	/* arrows that are counted */
#define SL_K_VALUES	8	/* that one stage publishes */
#define SL_K_ENTRIES	8	/* borders that one packet can cross */
#define SL_K_PENDING	16	/* branches that wait */
#define SL_K_SPARE	(80u << 10)	/* behind a ring's data: the largest record fits in */
#define SL_K_SEQ_BITS	48	/* of a record's number, where all CPUs write one ring; above: which CPU */
#define SL_K_FOUND	1u		/* SL_B_DECODED */
#define SL_K_NONE	0xffffffffu
#define SL_K_SHARED	255u	/* border of entries that are for other processes */
#define SL_K_SOLE	0x80000000u
#define SL_K_SAID_NOTHING (1ull << 32)	/* no classic program for packets of this link */
#define SL_K_DOZE	0x80000000u	/* of waiting: the reader naps, wake it when a quarter is full */

enum sl_khook {
	SL_K_XDP,		/* inline, or on a NIC: before the stack */
	SL_K_TC,		/* a tap beside the stack, both directions */
};

/* What a stage's function gives: a port (0 ...) or one of these. */
enum sl_kverdict {
	SL_K_DROP	= -1,	/* screened out: counted as filtered */
	SL_K_DONE	= -2,	/* brought outside, or swallowed: counted as out */
	SL_K_LOSE	= -3,	/* lost */
	SL_K_UP		= -4,	/* not to be decided here: to the C form, of a filter with SL_F_UNDECIDED */
};

/* ---- read-only data of each stage --------------------------------- */

struct sl_kterm {		/* as struct sl_term */
	__u32 lo, hi;
	__u8 port, whole_port, negate, pad;
};

struct sl_karrow {
	__u32 stage;		/* index to jump to; SL_K_NONE: it crosses the border */
	__u32 border;		/* then this one */
	__u32 stream;		/* where it is counted */
	__u32 need;		/* most bytes of the frame that are wanted behind a border */
	__u8 plain, any, other, n_terms;
	__u8 headers;		/* ... and all up to the payload; all there is, if none is found */
	__u8 find;		/* ... which is looked for, if nobody did yet */
	__u8 pad[2];
	struct sl_kterm terms[SL_K_TERMS];
};

struct sl_kconf {
	__u32 hook;		/* enum sl_khook */
	__s32 pass;		/* what the hook returns for packets that go on */
	__s32 swallow;		/* ... for those that were taken (inline), or pass */
	__u32 self;		/* where this stage is counted */
	__u32 commit;		/* index of the commit stage */
	__u32 up, up_stream;	/* border to its own C form, where that is counted; SL_K_NONE: it has none */
	__u32 find;		/* arrows (bits) for which headers are looked for */
	__u32 plain;		/* (capture.bpf.c) flags of its records */
	__u32 n_arrows;
	struct sl_karrow arrows[SL_K_ARROWS];
};

/* ... and of entries */
struct sl_kentrance {
	__u32 snap;		/* most bytes of a frame that are seen */
	__u32 window;		/* some stage looks at the scratch area's window */
	__u16 link, iface;	/* LINKTYPE_, number in its source */
	__u16 flags;		/* SL_B_IN or SL_B_OUT */
	__u16 replay;		/* the map `replay` says what else the packet is */
	__u16 shared, pad;	/* other processes read all packets: an entry for them */
};

#define SL_K_TIMELESS	1ull	/* as a time: the packet has none, and no clock stands in for it */

/* Of a packet that is fed by BPF_PROG_TEST_RUN: what its bytes do not tell. */
struct sl_kreplay {
	__u64 time_ns;		/* or SL_K_TIMELESS */
	__u32 wire_len;
	__u16 link, iface, flags, pad[3];
};

/* ... and of the commit stage */
struct sl_kring {
	__u64 base;		/* arena: its address */
	__u64 stride;		/* arena: from one CPU's ring to the next one's */
	__u64 size;		/* bytes of data, a power of two */
	__u32 n_cpus;
	__u32 weak_order;	/* stores may be seen out of order: publish with a barrier */
};

/* ---- scratch, one a CPU -------------------------------------------- */

struct sl_kblock {		/* a block pointer under way; see struct sl_block */
	__u32 len, head, frame_len, wire_len;
	__u32 class, flow_hash;
	__u16 l3, l4, payload, flags;
	__u16 link, iface;
	__u8 proto, pad[3];
};

struct sl_kpending {
	struct sl_kblock b;
	__u32 stage, pad;
};

struct sl_ktally {
	__u64 blocks, bytes;
};

/*
 * Of one stage, apart from what its arrows say: a chain would count each packet three times
 * over. What came in was moved by the arrows that lead here; what went out of a stage that
 * has one arrow was moved by that.
 */
struct sl_kcount {
	struct sl_ktally out, filtered, lost;
};

/* ---- records ------------------------------------------------------- */

struct sl_kframe {		/* behind struct sl_dring_rec; then entries, then bytes */
	__u64 time_ns;		/* CLOCK_MONOTONIC */
	__u64 nth;		/* packet that came in on this CPU, from 1, those that no record is of included */
	__u32 wire_len;
	__u32 stored;		/* bytes of the frame that follow */
	__u16 link, iface;
	__u16 queue;		/* from 1; 0: not known */
	__u8 n_entries;		/* SL_K_PLAIN: the border */
	__u8 flags;		/* enum sl_kframe_flag */
};

enum sl_kframe_flag {
	SL_K_GSO	= 1,	/* several packets of the wire in one (GRO, TSO) */
	SL_K_TAG	= 2,	/* its VLAN tag had been stripped and was put back */
	SL_K_PLAIN	= 4,	/* no stage saw it: no entry follows; a border is crossed by all that is stored */
	SL_K_TO_ALL	= 8,	/* ... and that to other processes as well */
	SL_K_OUT	= 16,	/* which way a plain one came: SL_B_OUT and SL_B_IN ... */
	SL_K_IN		= 32,
};
#define SL_K_WAY_SHIFT	4	/* ... shifted by so many bits */
#define SL_K_FLAG_OUT	0x100u	/* SL_B_OUT of streamline/block.h */

struct sl_kentry {		/* a border that the frame crosses */
	__u32 class, flow_hash;
	__u32 len, head, frame_len;
	__u16 l3, l4, payload, flags;
	__u8 proto, border, pad[2];
};

_Static_assert(sizeof(struct sl_kblock) == 40, "shared with the kernel");
_Static_assert(sizeof(struct sl_kframe) == 32, "shared with the kernel");
_Static_assert(sizeof(struct sl_kentry) == 32, "shared with the kernel");

struct sl_kscratch {
	struct sl_kblock cur;
	struct sl_kframe frame;		/* n_entries grows on the way */
	__s32 verdict;			/* of the hook, so far */
	__u32 n_pending;
	__u32 need;			/* most bytes that an entry asks for */
	__u32 tag;			/* VLAN tag to put back: tpid << 16 | tci; 0: none */
	__u64 seq, pos;			/* (commit) of this CPU's ring */
	__u64 tail;			/* (commit) lowest tail seen */
	__u64 gso_frames, came;
	__u64 said;			/* by the classic program in front of a form: kern/body.h */
	struct sl_kentry entries[SL_K_ENTRIES];
	__u32 streams[SL_K_ENTRIES];	/* where each entry was counted ... */
	__u32 stages[SL_K_ENTRIES];	/* ... by whom; with SL_K_SOLE, no other arrow took it */
	struct sl_kpending pending[SL_K_PENDING];
	struct sl_kcount counts[SL_K_STAGES];
	struct sl_ktally moved[SL_K_STREAMS];
	/* Not written, as the ring was full: of moved; of a stage's out, where no other
	 * arrow took the block; and where one did, so that the loss comes on top. */
	struct sl_ktally refused[SL_K_STREAMS];
	struct sl_ktally turned[SL_K_STAGES], extra[SL_K_STAGES];
	__u64 values[SL_K_STAGES][SL_K_VALUES];
	__u8 window[SL_K_WINDOW + 64];
	__u8 tmp[64];
};

#endif
