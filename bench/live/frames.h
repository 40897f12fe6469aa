/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BENCH_LIVE_FRAMES_H
#define BENCH_LIVE_FRAMES_H

#include <stdint.h>
#include "gen.h"

/* Either the frames of a capture, or none and the template alone. */
struct frames {
	struct gen_frame *frame;
	uint32_t n_frames;
	uint32_t cut, too_long;		/* frames of the capture that were left out */
	uint8_t template[GEN_FRAME_MAX];
	uint32_t template_len;		/* the longest that will be sent */
};

/* Prints "gen: ..." and ends the program. */
__attribute__((noreturn, format(printf, 1, 2)))
void die(const char *fmt, ...);

/* One numbered UDP frame of `len` bytes to `mac`. */
void frames_one(struct frames *f, uint32_t len, const uint8_t mac[6]);

/* The first `most` whole frames of the file that have `longest` bytes at most. */
void frames_read(struct frames *in, const char *path, uint32_t most, uint32_t longest);

void frames_done(struct frames *in);

#endif
