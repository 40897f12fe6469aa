/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rate: its arithmetic against exact fractions, what it lets through and what it makes
 * wait, and what it says to rates that are none.
 */
#include <time.h>

#include "../../filters/rate.h"
#include "streamline/streamline.h"
#include "test.h"

typedef unsigned __int128 u128;

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint64_t rnd(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static struct sl_rate_conf conf(uint64_t unit_ns, uint64_t per_s, bool bytes, uint64_t burst_ns)
{
	return (struct sl_rate_conf){
		.ns = unit_ns / per_s,
		.frac = (uint32_t)(((u128)(unit_ns % per_s) << 32) / per_s),
		.bytes = bytes, .burst_ns = burst_ns,
	};
}

/* n payments of u units: n * u * unit_ns / rate, less at most 2^-32 ns a unit. */
TEST(payments_are_exact)
{
	static const uint64_t rates[] = { 1, 3, 7, 1000, 10007, 999999937, 14880952, 400000000000 };

	for (unsigned int i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		struct sl_rate_conf c = conf(1000000000, rates[i], false, 0);
		struct sl_rate_state s = { 0 };
		uint64_t units = 0;

		for (unsigned int k = 0; k < 100000; k++) {
			uint32_t u = (uint32_t)rnd(1500) + 1;

			sl_rate_pay(&c, &s, u);
			units += u;
		}
		u128 due = ((u128)s.due_ns << 32) + s.due_frac;
		u128 exact = ((u128)units * 1000000000 << 32) / rates[i];

		CHECK(due <= exact);
		CHECK(exact - due <= units);
	}
}

/* The same with an account in fractions of a unit: same verdicts for rates that divide. */
TEST(verdicts_are_those_of_a_bucket)
{
	static const struct { uint64_t pps, burst_ns; } cases[] = {
		{ 1000, 0 }, { 1000, 5000000 }, { 10000, 1000000 }, { 8, 1000000000 },
	};

	for (unsigned int i = 0; i < 4; i++) {
		struct sl_rate_conf c = conf(1000000000, cases[i].pps, false, cases[i].burst_ns);
		struct sl_rate_state s = { 0 };
		uint64_t cost = 1000000000 / cases[i].pps, t = 1700000000000000000u, last = t;
		/* tokens, in ns: full at the start; a block passes while they are not below 0 */
		int64_t bucket = (int64_t)cases[i].burst_ns, full = bucket;

		for (unsigned int k = 0; k < 20000; k++) {
			bool over;

			t += rnd(2 * cost);
			bucket += (int64_t)(t - last);
			last = t;
			if (bucket > full)
				bucket = full;
			over = bucket < 0;
			if (!over)
				bucket -= (int64_t)cost;
			CHECK_EQ(sl_rate_over(&c, &s, t, 1), over);
		}
	}
}

TEST(no_span_passes_more_than_rate_and_burst)
{
	struct sl_rate_conf c = conf(8000000000, 3000000, true, 2000000);	/* 3 Mbps, 2 ms */
	struct sl_rate_state s = { 0 };
	static uint64_t at[50000];
	static uint32_t bytes[50000];
	uint64_t t = 5000000000;
	unsigned int n = 0;

	while (n < 50000) {
		uint32_t len = (uint32_t)rnd(1455) + 60;

		t += rnd(1000000);
		if (!sl_rate_over(&c, &s, t, len)) {
			at[n] = t;
			bytes[n++] = len;
		}
	}
	for (unsigned int from = 0; from < n; from += 997) {
		uint64_t sum = 0;

		for (unsigned int k = from; k < n && k < from + 2000; k++) {
			sum += bytes[k];
			/* all but the last are paid for within the span and the burst */
			CHECK((sum - bytes[k]) * 8 * 1000 <= (at[k] - at[from] + 2000000) * 3 + 8000);
		}
	}
}

TEST(times_that_fall_far_start_anew)
{
	struct sl_rate_conf c = conf(1000000000, 1, false, 0);		/* 1 pps */
	struct sl_rate_state s = { 0 };
	const uint64_t t = 1700000000000000000u;

	CHECK_EQ(sl_rate_over(&c, &s, t, 1), 0);
	CHECK_EQ(sl_rate_over(&c, &s, t + 500000000, 1), 1);
	CHECK_EQ(sl_rate_over(&c, &s, t + 400000000, 1), 1);	/* a little back: no new account */
	CHECK_EQ(sl_rate_over(&c, &s, t + 1000000000, 1), 0);
	CHECK_EQ(sl_rate_over(&c, &s, t - 3600000000000, 1), 0);	/* another file */
	CHECK_EQ(sl_rate_over(&c, &s, t - 3600000000000 + 1, 1), 1);
	CHECK_EQ(sl_rate_over(&c, &s, t, 1), 0);
}

/* ---- in a run: (beat n=...): blocks of 100 bytes, one each millisecond ---- */

struct beat {
	uint64_t n, done;
	bool untimed;
	int seg;
};

static uint8_t frame[100];

static const struct sl_param beat_params[] = {
	SL_U64(struct beat, n, .def = 1000, .help = "blocks"),
	SL_SWITCH(struct beat, untimed, .help = "without a time"),
	{ }
};

static int beat_open(struct sl_filter *f)
{
	struct beat *s = sl_state(f);

	s->seg = sl_segment_new(f, frame, sizeof(frame), true, NULL, NULL);
	return s->seg < 0 ? s->seg : 0;
}

static int beat_pull(struct sl_filter *f, unsigned int max)
{
	struct beat *s = sl_state(f);
	unsigned int k;

	for (k = 0; k < max && s->done < s->n; k++, s->done++) {
		struct sl_block *b = sl_block_new(f);

		b->seg = (unsigned int)s->seg;
		b->len = b->frame_len = sizeof(frame);
		b->wire_len = 1000;
		b->link = 1;
		if (!s->untimed)
			b->time_ns = 1700000000000000000u + s->done * 1000000u;
		sl_emit(f, 0, b);
	}
	return k ? (int)k : SL_EOF;
}

static const struct sl_filter_type beat_type = {
	.name = "beat", .brief = "one block each millisecond", .state = sizeof(struct beat),
	.params = beat_params, .out = SL_PACKET, .open = beat_open, .pull = beat_pull,
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct got {
	int status;
	uint64_t passed, filtered, lost;
	uint64_t most_held;
	double took_s;
};

static struct got go(const char *text, unsigned int workers, double stop_after_s)
{
	struct sl_options o = { .size = sizeof(o), .workers = workers };
	struct sl_diags *ds = sl_diags_new();
	struct got g = { 0 };
	struct sl_request *q;
	struct sl_plan *p;
	struct sl_run *r;
	struct sl_ledger_row row;
	double start;
	char *why;

	sl_register(&beat_type, SL_FILTER_ABI);		/* again: -EEXIST */
	CHECK_EQ(sl_parse(text, NULL, &q, ds), 0);
	CHECK_EQ(sl_plan_new(q, &o, &p, ds), 0);
	CHECK_EQ(sl_run_new(p, &r, ds), 0);
	start = seconds();
	while ((g.status = sl_run_step(r, 5)) == 1) {
		CHECK_EQ(sl_run_filter(r, 1, &row), 0);
		if (row.held.blocks > g.most_held)
			g.most_held = row.held.blocks;
		if (stop_after_s && seconds() - start > stop_after_s)
			sl_run_stop(r);
	}
	g.took_s = seconds() - start;
	CHECK_EQ(sl_run_verify(r, &why), 0);
	CHECK_EQ(sl_run_filter(r, 1, &row), 0);
	CHECK_STR(row.type, "rate");
	CHECK_EQ(row.held.blocks, 0);
	g.passed = row.out.blocks;
	g.filtered = row.filtered.blocks;
	g.lost = row.lost.blocks;
	sl_run_free(r);
	sl_plan_free(p);
	sl_request_free(q);
	sl_diags_free(ds);
	return g;
}

TEST(drops_what_is_over)
{
	for (unsigned int workers = 1; workers <= 3; workers++) {
		/* one in ten, and at the start those of 10 ms */
		struct got g = go("(beat n=100k) > (rate 100pps burst=10ms) > (count)", workers, 0);

		CHECK_EQ(g.passed, 10000 + 1);
		CHECK_EQ(g.passed + g.filtered, 100000);
		/* 1000 bytes on the wire each ms are 8 Mbps */
		g = go("(beat n=100k) > (rate 8Mbps burst=0) > (count)", workers, 0);
		CHECK_EQ(g.filtered, 0);
		g = go("(beat n=100k) > (rate 4Mbps burst=0) > (count)", workers, 0);
		CHECK_EQ(g.passed, 50000);
		g = go("(beat n=100k) > (rate 250kB/s burst=1s) > (count)", workers, 0);
		CHECK_EQ(g.passed, 25000 + 250);
	}
}

TEST(blocks_without_a_time_pass)
{
	struct got g = go("(beat n=5k untimed=on) > (rate 1pps) > (count)", 1, 0);

	CHECK_EQ(g.passed, 5000);
}

TEST(waits_and_loses_nothing)
{
	struct got g = go("(beat n=20k) > (rate 100kpps over=wait) > (count)", 1, 0);

	CHECK_EQ(g.status, 0);
	CHECK_EQ(g.passed, 20000);
	CHECK(g.took_s >= 0.199 - 0.010);	/* 10 ms may be caught up with */
	CHECK(g.took_s < 5);
	CHECK(g.most_held > 0 && g.most_held <= 1024);
	g = go("(beat n=200) > (rate 1x) > (count)", 1, 0);
	CHECK_EQ(g.passed, 200);
	CHECK(g.took_s >= 0.199 && g.took_s < 5);
	g = go("(beat n=1000) > (rate 10x) > (count)", 2, 0);
	CHECK_EQ(g.passed, 1000);
	CHECK(g.took_s >= 0.0999 && g.took_s < 5);
}

TEST(stopping_does_not_wait)
{
	struct got g = go("(beat n=100k) > (rate 1kpps over=wait) > (count)", 1, 0.05);

	CHECK_EQ(g.status, 0);
	CHECK(g.took_s < 2);
	CHECK(g.passed >= 40 && g.lost > 0 && g.lost <= 1024);
}

/* ---- rates that are none ---- */

static void refused(const char *text, const char *code, const char *fix)
{
	struct sl_options o = { .size = sizeof(o) };
	struct sl_diags *ds = sl_diags_new();
	const struct sl_diag *d;
	struct sl_request *q;

	sl_register(&beat_type, SL_FILTER_ABI);
	CHECK_EQ(sl_parse(text, NULL, &q, ds), 0);
	CHECK(sl_check(q, &o, ds) < 0);
	d = sl_diags_get(ds, 0);
	CHECK_STR(d->code, code);
	if (fix) {
		CHECK(d->n_fixes > 0);
		CHECK_STR(d->fixes[0], fix);
	}
	sl_request_free(q);
	sl_diags_free(ds);
}

TEST(wrong_rates_are_refused)
{
	refused("(beat) > (rate 10k) > (count)", "E121", "10kpps");
	refused("(beat) > (rate 1000) > (count)", "E121", NULL);
	refused("(beat) > (rate 10Mbit) > (count)", "E125", "10Mbps");
	refused("(beat) > (rate 1Mb/s) > (count)", "E125", "1Mbps");
	refused("(beat) > (rate 10kp/s) > (count)", "E125", NULL);
	refused("(beat) > (rate x) > (count)", "E122", NULL);
	refused("(beat) > (rate -1x) > (count)", "E123", NULL);
	refused("(beat) > (rate 0x) > (count)", "E122", NULL);
	refused("(beat) > (rate 5X) > (count)", "E122", "5x");
	refused("(beat) > (rate 1.5xx) > (count)", "E122", "1.5x");
	refused("(beat) > (rate fast) > (count)", "E122", NULL);
	refused("(beat) > (rate 0pps) > (count)", "E123", NULL);
	refused("(beat) > (rate 7bps) > (count)", "E123", NULL);
	refused("(beat) > (rate -5pps) > (count)", "E123", NULL);
	refused("(beat) > (rate 1x over=drop) > (count)", "E124", "wait");
	refused("(beat) > (rate 10kpps over=dorp) > (count)", "E124", "drop");
	refused("(beat) > (rate) > (count)", "E114", NULL);
}

TEST_MAIN()
