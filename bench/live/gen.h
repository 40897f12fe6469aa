/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What gen.c and gen.bpf.c say to each other. Fixed-width types only: one side is
 * eBPF. gen.c writes `gen_config` before the program is loaded and `gen_frame`s before
 * it runs; from then on the program alone writes, frames and state.
 */
#ifndef BENCH_LIVE_GEN_H
#define BENCH_LIVE_GEN_H

#include <linux/types.h>

#define GEN_FRAME_MAX	2048	/* a power of two: offsets are masked by it */
#define GEN_SEQ_AT	42	/* behind Ethernet, IPv4 and UDP: the frame's number, */
#define GEN_STAMP_AT	50	/* and CLOCK_MONOTONIC when it was made; host byte order */
#define GEN_FRAME_MIN	60

struct gen_config {
	__u32 ifindex;		/* where the frames go out */
	__u32 n_frames;		/* of a capture, in turn; 0: one frame, numbered */
	__u32 n_flows;		/* of the numbered frame, told apart by their ports */
	__u32 fresh;		/* each turn through the capture has other addresses */
	__u32 stamp;
	__u32 template_len;	/* what a frame has before each run */
	__u64 interval;		/* between frames, ns << 8; 0: as fast as it goes */
};

struct gen_state {
	__u64 sent;		/* frames that the program let out */
	__u64 bytes;
	__u64 next_ns256;	/* when the next one may leave, ns << 8 */
	__u32 at;		/* the next frame of the capture */
	__u32 turn;		/* how often it was gone through */
};

/*
 * A frame of a capture. The offsets are those of 16-bit words to be changed with a
 * turn, 0 where there is none: a word of each address by exclusive or with the turn's
 * number, and the checksums over them accordingly.
 */
struct gen_frame {
	__u32 len;
	__u16 turn;		/* the one that is in the addresses now */
	__u16 src, dst;
	__u16 ip_sum, l4_sum;
	__u16 pad;
	__u8 data[GEN_FRAME_MAX];
};

_Static_assert(sizeof(struct gen_config) == 32, "shared with eBPF");
_Static_assert(sizeof(struct gen_state) == 32, "shared with eBPF");
_Static_assert(sizeof(struct gen_frame) == 16 + GEN_FRAME_MAX, "shared with eBPF");

#endif
