/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rx-replay.h -- packets of a file for rx-ring.c to feed to the kernel */
#ifndef SL_IO_RX_REPLAY_H
#define SL_IO_RX_REPLAY_H

#include "streamline/filter.h"

struct rx_replay;

struct rx_replayed {
	const uint8_t *frame;
	uint32_t len, wire_len;
	uint64_t time_ns;
	uint16_t link, iface, flags;	/* flags: SL_B_IN, SL_B_OUT */
	bool nano;
};

/* 0, or a negative errno with the reason in why. */
int rx_replay_open(const char *path, struct rx_replay **out, char *why, size_t size);
void rx_replay_close(struct rx_replay *r);
/* 1: the next packet, its bytes good until close; 0: the end; or a negative errno. */
int rx_replay_next(struct rx_replay *r, struct rx_replayed *out);
const char *rx_replay_error(const struct rx_replay *r);

#endif
