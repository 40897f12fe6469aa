/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_missed.c -- what an interface missed, by counters that are made up */
#include "net/ifaces.h"

static int stats_of(int ifindex, struct sl_iface_stats *out);

#define sl_iface_stats(ifindex, out) stats_of(ifindex, out)
#include "../../io/rx-missed.c"

#include "test.h"

static uint64_t counter[3];
static unsigned int asked;
static bool away;

static int stats_of(int ifindex, struct sl_iface_stats *out)
{
	asked++;
	if (away)
		return -1;
	*out = (struct sl_iface_stats){ .rx_missed = counter[ifindex], .rx_dropped = 77 };
	return 0;
}

TEST(counts_from_when_it_was_asked_first)
{
	struct rx_missed m = { 0 };

	counter[1] = 1000;
	CHECK_EQ(rx_missed(&m, 1, true), 0u);		/* what was before is not ours */
	CHECK_EQ(rx_missed(&m, 1, true), 0u);
	counter[1] += 5;
	CHECK_EQ(rx_missed(&m, 1, true), 5u);
	CHECK_EQ(rx_missed(&m, 1, true), 0u);
}

TEST(asks_once_a_second)
{
	struct rx_missed m = { 0 };

	asked = 0;
	rx_missed(&m, 1, false);
	for (unsigned int i = 0; i < 100; i++)
		rx_missed(&m, 1, false);
	CHECK_EQ(asked, 1u);
	counter[1] += 3;
	CHECK_EQ(rx_missed(&m, 1, true), 3u);		/* at the end, at once */
}

TEST(another_interface_begins_anew)
{
	struct rx_missed m = { 0 };

	rx_missed(&m, 1, true);
	counter[2] = 9;
	CHECK_EQ(rx_missed(&m, 2, true), 0u);
	counter[2]++;
	CHECK_EQ(rx_missed(&m, 2, true), 1u);
	/* the driver was loaded again */
	counter[2] = 0;
	CHECK_EQ(rx_missed(&m, 2, true), 0u);
	counter[2] = 4;
	CHECK_EQ(rx_missed(&m, 2, true), 4u);
	away = true;
	CHECK_EQ(rx_missed(&m, 2, true), 0u);
	away = false;
	counter[2] = 6;
	CHECK_EQ(rx_missed(&m, 2, true), 2u);
}

TEST_MAIN()
