/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "core/human.h"

TEST(bytes)
{
	char buf[SL_HUMAN];

	CHECK_STR(sl_human_bytes(0, buf), "0 B");
	CHECK_STR(sl_human_bytes(999, buf), "999 B");
	CHECK_STR(sl_human_bytes(1000, buf), "1.00 kB");
	CHECK_STR(sl_human_bytes(12345, buf), "12.3 kB");
	CHECK_STR(sl_human_bytes(999499, buf), "999 kB");
	CHECK_STR(sl_human_bytes(999500, buf), "1.00 MB");
	CHECK_STR(sl_human_bytes(1610000000, buf), "1.61 GB");
	CHECK_STR(sl_human_bytes(UINT64_MAX, buf), "18.4 EB");
}

TEST(counts)
{
	char buf[SL_HUMAN];

	CHECK_STR(sl_human_count(9999, buf), "9999");
	CHECK_STR(sl_human_count(10000, buf), "10.0 k");
	CHECK_STR(sl_human_count(1500000, buf), "1.50 M");
}

TEST(seconds)
{
	char buf[SL_HUMAN];

	CHECK_STR(sl_human_seconds(0, buf), "0 s");
	CHECK_STR(sl_human_seconds(0.0000021, buf), "2.10 us");
	CHECK_STR(sl_human_seconds(0.0009999, buf), "1.00 ms");
	CHECK_STR(sl_human_seconds(7.4, buf), "7.40 s");
	CHECK_STR(sl_human_seconds(125.9, buf), "2 min 5 s");
	CHECK_STR(sl_human_seconds(7320, buf), "2 h 2 min");
}

TEST(width_counts_characters)
{
	CHECK_EQ(sl_text_width(""), 0);
	CHECK_EQ(sl_text_width("abc"), 3);
	CHECK_EQ(sl_text_width("a──b"), 4);
}

TEST_MAIN()
