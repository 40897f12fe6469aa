/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io/rx-missed -- what an interface had no room for, before any carrier saw it */
#include <time.h>

#include "net/ifaces.h"
#include "rx-missed.h"

#define EVERY_NS	1000000000u	/* asking costs a few system calls */

uint64_t rx_clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t rx_missed(struct rx_missed *m, int ifindex, bool now)
{
	uint64_t at = rx_clock_ns(CLOCK_MONOTONIC_COARSE), more = 0;
	struct sl_iface_stats st;

	if (m->ifindex != ifindex)
		*m = (struct rx_missed){ .ifindex = ifindex };
	else if (!now && at - m->asked_ns < EVERY_NS)
		return 0;
	m->asked_ns = at;
	if (sl_iface_stats(ifindex, &st) < 0)
		return 0;
	if (m->known && st.rx_missed > m->last)
		more = st.rx_missed - m->last;
	m->last = st.rx_missed;
	m->known = true;
	return more;
}
