/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks from the program and back to it: feed and take through the public calls. */
#include <errno.h>
#include <time.h>

#include "streamline/streamline.h"
#include "test.h"

static struct sl_run *start(const char *srl, unsigned int workers)
{
	struct sl_options o = { .size = sizeof(o), .workers = workers };
	struct sl_diags *ds = sl_diags_new();
	struct sl_run *r = NULL;
	struct sl_request *q;
	struct sl_plan *p;

	if (!sl_parse(srl, NULL, &q, ds)) {
		if (!sl_plan_new(q, &o, &p, ds)) {
			if (sl_run_new(p, &r, ds))
				r = NULL;
			sl_plan_free(p);
		}
		sl_request_free(q);
	}
	if (!r) {
		char *text = sl_diags_format(ds, false, NULL);

		printf("%s", text);
		free(text);
	}
	sl_diags_free(ds);
	return r;
}

static bool whole(struct sl_run *r)
{
	char *why = NULL;
	bool ok = sl_run_verify(r, &why) == 0;

	if (!ok)
		printf("# %s\n", why);
	free(why);
	return ok;
}

static unsigned int dropped;

static void drop(void *arg)
{
	(*(unsigned int *)arg)++;
	dropped++;
}

TEST(blocks_are_the_programs_own_memory)
{
	static uint8_t bytes[300][64];
	static unsigned int drops[300];
	struct sl_run *r = start("(feed) > (take)", 1);
	const struct sl_block *b;
	const uint8_t *data;

	CHECK(r);
	dropped = 0;
	for (unsigned int i = 0; i < 300; i++) {
		struct sl_block meta = { .time_ns = 1000 + i, .link = 1, .wire_len = 1500, .iface = 3 };

		CHECK_EQ(sl_feed(r, NULL, bytes[i], 60, &meta, drop, &drops[i]), 0);
	}
	CHECK(sl_run_step(r, 0) >= 0);
	for (unsigned int i = 0; i < 300; i++) {
		while (sl_take(r, NULL, &b, &data) == 0)
			CHECK_EQ(sl_run_step(r, 0), 1);
		CHECK(data == bytes[i]);
		CHECK_EQ(b->time_ns, 1000 + i);
		CHECK_EQ(b->len, 60);
		CHECK_EQ(b->wire_len, 1500);
		CHECK_EQ(b->iface, 3);
		CHECK_EQ(drops[i], 0);
		sl_take_done(r, NULL);
		CHECK_EQ(drops[i], 1);
	}
	CHECK_EQ(sl_take(r, NULL, &b, &data), 0);
	CHECK_EQ(sl_feed_end(r, NULL), 0);
	CHECK_EQ(sl_feed(r, NULL, bytes[0], 60, NULL, NULL, NULL), -EPIPE);
	CHECK_EQ(sl_run_wait(r), 0);
	CHECK(whole(r));
	sl_run_free(r);
	CHECK_EQ(dropped, 300);
}

TEST(more_blocks_than_segments)
{
	enum { N = 70000 };
	static uint8_t bytes[N][4];
	struct sl_run *r = start("(feed) > (take)", 1);
	const struct sl_block *b;
	const uint8_t *data;
	unsigned int n = 0;

	CHECK(r);
	dropped = 0;
	for (unsigned int i = 0; i < N; i++) {
		memcpy(bytes[i], &i, 4);
		CHECK_EQ(sl_feed(r, "feed", bytes[i], 4, NULL, drop, &n), 0);
	}
	CHECK_EQ(sl_run_wait(r), 0);
	for (unsigned int i = 0; i < N; i++) {
		CHECK_EQ(sl_take(r, "take", &b, &data), 1);
		CHECK(!memcmp(data, &i, 4));
	}
	sl_take_done(r, "take");
	CHECK(whole(r));
	CHECK_EQ(dropped, N);
	sl_run_free(r);
}

TEST(copies_and_empty_blocks)
{
	struct sl_run *r = start("(from: feed) > (count) > (to: take)", 1);
	const struct sl_block *b;
	const uint8_t *data;
	char text[] = "here";

	CHECK(r);
	CHECK_EQ(sl_feed(r, "from", text, 4, NULL, NULL, NULL), 0);
	memcpy(text, "gone", 4);
	CHECK_EQ(sl_feed(r, "from", NULL, 0, NULL, NULL, NULL), 0);
	CHECK_EQ(sl_feed(r, "elsewhere", text, 4, NULL, NULL, NULL), -ENOENT);
	CHECK_EQ(sl_run_wait(r), 0);
	CHECK_EQ(sl_take(r, "to", &b, &data), 1);
	CHECK(b->len == 4 && !memcmp(data, "here", 4));
	CHECK(b->time_ns > 1000000000ull * 1000000000ull);
	CHECK_EQ(sl_take(r, "to", &b, &data), 1);
	CHECK_EQ(b->len, 0);
	CHECK_EQ(sl_take(r, "to", &b, &data), 0);
	CHECK_EQ(sl_take(r, "from", &b, &data), -ENOENT);
	CHECK(whole(r));
	sl_run_free(r);
}

TEST(nothing_is_left_when_a_run_is_cut_short)
{
	static uint8_t bytes[100];
	unsigned int n = 0;
	struct sl_run *r;

	dropped = 0;
	r = start("(feed) > (take)", 1);
	CHECK(r);
	for (unsigned int i = 0; i < 1000; i++)
		CHECK_EQ(sl_feed(r, NULL, bytes, 100, NULL, drop, &n), 0);
	sl_run_step(r, 0);
	sl_run_free(r);
	CHECK_EQ(dropped, 1000);

	/* stopped: what was not fetched is lost, and said to be */
	r = start("(feed) > (take)", 1);
	CHECK(r);
	dropped = 0;
	for (unsigned int i = 0; i < 1000; i++)
		CHECK_EQ(sl_feed(r, NULL, bytes, 100, NULL, drop, &n), 0);
	sl_run_stop(r);
	CHECK_EQ(sl_run_wait(r), 0);
	CHECK(whole(r));
	sl_run_free(r);
	CHECK_EQ(dropped, 1000);
}

TEST(a_full_take_stops_reading)
{
	static uint8_t bytes[60];
	struct sl_run *r = start("(feed) > (take limit=200)", 1);
	struct sl_ledger_row row;
	const struct sl_block *b;
	const uint8_t *data;
	unsigned int n = 0;

	CHECK(r);
	for (unsigned int i = 0; i < 5000; i++)
		CHECK_EQ(sl_feed(r, NULL, bytes, 60, NULL, NULL, NULL), 0);
	sl_feed_end(r, NULL);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(sl_run_step(r, 0), 1);
	CHECK_EQ(sl_run_filter(r, 1, &row), 0);
	CHECK(row.held.blocks >= 200 && row.held.blocks < 500);
	for (;;) {
		int more = sl_run_step(r, 0);

		CHECK(more >= 0);
		while (sl_take(r, NULL, &b, &data) == 1)
			n++;
		if (!more)
			break;
	}
	CHECK_EQ(n, 5000);
	CHECK(whole(r));
	sl_run_free(r);
}

TEST_MAIN()
