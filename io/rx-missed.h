/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io/rx-missed.h -- what an interface had no room for, and the time */
#ifndef SL_IO_RX_MISSED_H
#define SL_IO_RX_MISSED_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct rx_missed {
	int ifindex;		/* 0: not asked yet */
	bool known;
	uint64_t last, asked_ns;
};

/* Packets that the interface dropped since it was asked last, or since it was asked first; it
 * is asked once a second, or `now`. */
uint64_t rx_missed(struct rx_missed *m, int ifindex, bool now);

uint64_t rx_clock_ns(clockid_t id);

#endif
