/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lang/units.h"

#include "test.h"

static struct sl_diags *ds;

/* The first error as "E121 fix fix", or "" */
static const char *said(void)
{
	static char buf[256];
	const struct sl_diag *d = sl_diags_get(ds, 0);
	unsigned int i;

	buf[0] = '\0';
	if (d) {
		strcpy(buf, d->code);
		for (i = 0; i < d->n_fixes; i++) {
			strcat(buf, " ");
			strcat(buf, d->fixes[i]);
		}
	}
	sl_diags_free(ds);
	ds = NULL;
	return buf;
}

#define NOWHERE ((struct sl_span){ 0 })
#define GOOD(parse, type, text, value)						\
	do {									\
		type v_ = 0;							\
										\
		ds = sl_diags_new();						\
		CHECK_EQ(parse(text, NOWHERE, "x", &v_, ds), 0);		\
		CHECK_EQ(v_, value);						\
		CHECK_STR(said(), "");						\
	} while (0)
#define BAD(parse, type, text, error)						\
	do {									\
		type v_ = 7;							\
										\
		ds = sl_diags_new();						\
		CHECK(parse(text, NOWHERE, "x", &v_, ds) < 0);			\
		CHECK_STR(said(), error);					\
		CHECK(v_ == (type)7);							\
	} while (0)

TEST(counts)
{
	GOOD(sl_parse_count, uint64_t, "10", 10);
	GOOD(sl_parse_count, uint64_t, "10k", 10000);
	GOOD(sl_parse_count, uint64_t, "1.5M", 1500000);
	GOOD(sl_parse_count, uint64_t, "0x1f", 31);
	GOOD(sl_parse_count, uint64_t, "1_000", 1000);
	GOOD(sl_parse_count, uint64_t, "18446744073709551615", -1);
	BAD(sl_parse_count, uint64_t, "18446744073709551616", "E123");
	BAD(sl_parse_count, uint64_t, "-5", "E123");
	BAD(sl_parse_count, uint64_t, "ten", "E122");
	BAD(sl_parse_count, uint64_t, "", "E122");
	BAD(sl_parse_count, uint64_t, "0x", "E122");
	BAD(sl_parse_count, uint64_t, "1.5", "E122");
	BAD(sl_parse_count, uint64_t, "1O0", "E122 100");
	BAD(sl_parse_count, uint64_t, "10K", "E125 10k 10");
	BAD(sl_parse_count, uint64_t, "10kB", "E125 10k 10");
}

TEST(sizes)
{
	GOOD(sl_parse_size, uint64_t, "0", 0);
	GOOD(sl_parse_size, uint64_t, "1500B", 1500);
	GOOD(sl_parse_size, uint64_t, "4MB", 4000000);
	GOOD(sl_parse_size, uint64_t, "4MiB", 4194304);
	GOOD(sl_parse_size, uint64_t, "0.5KiB", 512);
	GOOD(sl_parse_size, uint64_t, "2TiB", 2199023255552);
	BAD(sl_parse_size, uint64_t, "4M", "E121 4MB 4MiB");
	BAD(sl_parse_size, uint64_t, "64k", "E121 64kB 64KiB");
	BAD(sl_parse_size, uint64_t, "100", "E121 100MB 100kB 100GB 100B");
	BAD(sl_parse_size, uint64_t, "16", "E121 16MiB 16KiB 16GiB 16B");
	BAD(sl_parse_size, uint64_t, "10Mb", "E125 10MB");
	BAD(sl_parse_size, uint64_t, "10MBB", "E125 10MB");
	BAD(sl_parse_size, uint64_t, "4MIB", "E125 4MiB");
	BAD(sl_parse_size, uint64_t, "4Mi", "E125 4MiB");
	BAD(sl_parse_size, uint64_t, "4MBi", "E125 4MiB");
	BAD(sl_parse_size, uint64_t, "10KB", "E125 10kB");
	BAD(sl_parse_size, uint64_t, "0.3B", "E122");
	BAD(sl_parse_size, uint64_t, "20000000TiB", "E123");
	BAD(sl_parse_size, uint64_t, "big", "E122");
}

TEST(times)
{
	GOOD(sl_parse_time, int64_t, "0", 0);
	GOOD(sl_parse_time, int64_t, "5s", 5000000000);
	GOOD(sl_parse_time, int64_t, "-5ms", -5000000);
	GOOD(sl_parse_time, int64_t, "1h30min", 5400000000000);
	GOOD(sl_parse_time, int64_t, "1d2h3min4s5ms6us7ns", 93784005006007);
	GOOD(sl_parse_time, int64_t, "1.5us", 1500);
	BAD(sl_parse_time, int64_t, "5", "E121 5s 5ms 5min");
	BAD(sl_parse_time, int64_t, "1h30", "E121 1h30min");
	BAD(sl_parse_time, int64_t, "5sec", "E125 5s");
	BAD(sl_parse_time, int64_t, "5S", "E125 5s");
	BAD(sl_parse_time, int64_t, "5ss", "E125 5s");
	BAD(sl_parse_time, int64_t, "5m", "E125 5min 5ms");
	BAD(sl_parse_time, int64_t, "5mni", "E125 5min");
	BAD(sl_parse_time, int64_t, "1h30m", "E125 1h30min 1h30ms");
	BAD(sl_parse_time, int64_t, "1hh30min", "E125 1h30min");
	BAD(sl_parse_time, int64_t, "5sm", "E125 5ms");
	BAD(sl_parse_time, int64_t, "30min1h", "E122");
	BAD(sl_parse_time, int64_t, "0.1ns", "E122");
	BAD(sl_parse_time, int64_t, "200000d", "E123");
	BAD(sl_parse_time, int64_t, "soon", "E122");
}

TEST(rates)
{
	GOOD(sl_parse_bitrate, uint64_t, "2.5Gbps", 2500000000);
	GOOD(sl_parse_byterate, uint64_t, "1MiB/s", 1048576);
	GOOD(sl_parse_pktrate, uint64_t, "10kpps", 10000);
	BAD(sl_parse_bitrate, uint64_t, "1G", "E121 1Gbps");
	BAD(sl_parse_bitrate, uint64_t, "100", "E121 100Mbps 100kbps 100bps");
	BAD(sl_parse_bitrate, uint64_t, "1Gb/s", "E125 1Gbps");
	BAD(sl_parse_bitrate, uint64_t, "1GBps", "E125 1Gbps");
	BAD(sl_parse_byterate, uint64_t, "10MB", "E121 10MB/s");
	BAD(sl_parse_byterate, uint64_t, "10M", "E121 10MB/s 10MiB/s");
	BAD(sl_parse_pktrate, uint64_t, "10k", "E121 10kpps");
	BAD(sl_parse_pktrate, uint64_t, "10kps", "E125 10kpps");
}

TEST(ratios_and_switches)
{
	double v = 0;
	bool on;

	CHECK(!sl_parse_ratio("12%", NOWHERE, "x", &v, NULL) && v == 0.12);
	CHECK(!sl_parse_ratio("0.12", NOWHERE, "x", &v, NULL) && v == 0.12);
	CHECK(!sl_parse_ratio("1/1000", NOWHERE, "x", &v, NULL) && v == 0.001);
	BAD(sl_parse_ratio, double, "12", "E121 12%");
	BAD(sl_parse_ratio, double, "150%", "E123");
	BAD(sl_parse_ratio, double, "1/0", "E123");
	BAD(sl_parse_ratio, double, "12%%", "E125 12%");
	BAD(sl_parse_ratio, double, "half", "E122");
	CHECK(!sl_parse_switch("on", NOWHERE, "x", &on, NULL) && on);
	CHECK(!sl_parse_switch("no", NOWHERE, "x", &on, NULL) && !on);
	CHECK(!sl_parse_switch("true", NOWHERE, "x", &on, NULL) && on);
	BAD(sl_parse_switch, bool, "onn", "E122 on");
	BAD(sl_parse_switch, bool, "ture", "E122 true");
	BAD(sl_parse_switch, bool, "1", "E122 on");
}

TEST(printing_is_exact_and_short)
{
	char b[48];

	CHECK_STR(sl_print_size(0, b), "0");
	CHECK_STR(sl_print_size(4194304, b), "4MiB");
	CHECK_STR(sl_print_size(4000000, b), "4MB");
	CHECK_STR(sl_print_size(1500, b), "1500B");
	CHECK_STR(sl_print_size(2500000, b), "2.5MB");
	CHECK_STR(sl_print_size(UINT64_MAX, b), "18446744073709551615B");
	CHECK_STR(sl_print_time(5400000000000, b), "1.5h");
	CHECK_STR(sl_print_time(-5000000, b), "-5ms");
	CHECK_STR(sl_print_time(1, b), "1ns");
	CHECK_STR(sl_print_time(INT64_MIN, b), "-9223372036854775808ns");
	CHECK_STR(sl_print_count(10000, b), "10k");
	CHECK_STR(sl_print_count(1234, b), "1234");
	CHECK_STR(sl_print_ratio(0.12, b), "12%");
	CHECK_STR(sl_print_ratio(0.001, b), "0.1%");
	CHECK_STR(sl_print_ratio(1.0 / 3, b), "1/3");
}

TEST(printed_values_read_back)
{
	uint64_t x = 88172645463325252ULL, v;
	int64_t ns;
	double d;
	char b[48];
	int i;

	for (i = 0; i < 2000; i++) {
		uint64_t u;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		u = x >> (x & 63);
		if (i % 3 == 0)
			u = u / 1000 * 1000;
		CHECK(!sl_parse_size(sl_print_size(u, b), NOWHERE, "x", &v, NULL) && v == u);
		CHECK(!sl_parse_count(sl_print_count(u, b), NOWHERE, "x", &v, NULL) && v == u);
		CHECK(!sl_parse_time(sl_print_time((int64_t)(u >> 1), b), NOWHERE, "x", &ns, NULL) &&
		      ns == (int64_t)(u >> 1));
		d = (double)(u % 100001) / 100000;
		CHECK(!sl_parse_ratio(sl_print_ratio(d, b), NOWHERE, "x", &d, NULL) &&
		      d - (double)(u % 100001) / 100000 < 1e-15);
	}
}

TEST_MAIN()
