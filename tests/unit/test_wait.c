/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sources that wait: for a time, for a descriptor, and for whichever comes first.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "streamline/streamline.h"
#include "test.h"

#define EVERY_NS	3000000u
#define LONG_NS		60000000000u

static int ends[2];		/* a pipe: the source reads the first */
static unsigned int early, calls, by_fd;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void bring_one(struct sl_filter *f)
{
	static const uint8_t frame[60];
	uint8_t *data;
	struct sl_block *b = sl_block_alloc(f, sizeof(frame), &data);

	memcpy(data, frame, sizeof(frame));
	b->link = 1;
	sl_emit(f, 0, b);
}

/* ---- (beat n=5): a block every 3 ms; it says 0 with each, for there are no more at present ---- */

struct beat {
	uint64_t n, next;
};

static const struct sl_param beat_params[] = {
	SL_U64(struct beat, n, .def = 5, .help = "blocks"),
	{ }
};

static int beat_pull(struct sl_filter *f, unsigned int max)
{
	struct beat *s = sl_state(f);

	(void)max;
	calls++;
	by_fd += sl_fd_ready(f);
	early += now_ns() < s->next;
	if (!s->n--)
		return SL_EOF;
	bring_one(f);
	s->next = now_ns() + EVERY_NS;
	sl_wait_until(f, s->next);
	return 0;
}

static const struct sl_filter_type beat_type = {
	.name = "beat", .brief = "blocks at times", .state = sizeof(struct beat),
	.params = beat_params, .out = SL_PACKET, .pull = beat_pull,
};

/* ---- (ear): a block for each byte of the pipe; it would also look once in a minute ---- */

static int ear_pull(struct sl_filter *f, unsigned int max)
{
	char byte;

	(void)max;
	calls++;
	by_fd += sl_fd_ready(f);
	if (sl_wait_fd(f, ends[0], false) < 0)
		return -EIO;
	sl_wait_until(f, now_ns() + LONG_NS);
	if (!sl_fd_ready(f))
		return 0;
	if (read(ends[0], &byte, 1) != 1)
		return SL_EOF;
	bring_one(f);
	return 0;
}

static const struct sl_filter_type ear_type = {
	.name = "ear", .brief = "blocks of a pipe", .out = SL_PACKET, .pull = ear_pull,
};

static struct sl_run *start(const char *srl)
{
	struct sl_options o = { .size = sizeof(o), .workers = 1 };
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q;
	struct sl_plan *p;
	struct sl_run *r;

	early = calls = by_fd = 0;
	sl_register(&beat_type, SL_FILTER_ABI);		/* the second time it is there */
	sl_register(&ear_type, SL_FILTER_ABI);
	if (sl_parse(srl, NULL, &q, ds) || sl_plan_new(q, &o, &p, ds) || sl_run_new(p, &r, ds)) {
		printf("# %s\n", sl_diags_format(ds, false, NULL));
		return NULL;
	}
	sl_plan_free(p);
	sl_request_free(q);
	sl_diags_free(ds);
	return r;
}

static uint64_t counted(const struct sl_run *r)
{
	struct sl_ledger_row l;

	for (unsigned int i = 0; !sl_run_filter(r, i, &l); i++)
		if (!strcmp(l.type, "count"))
			return l.in.blocks;
	return 0;
}

TEST(what_a_source_brings_with_0_goes_on)
{
	struct sl_run *r = start("(beat n=1) > (count)");

	CHECK(r);
	CHECK_EQ(sl_run_step(r, 0), 1);
	CHECK_EQ(counted(r), 1);
	sl_run_free(r);
}

TEST(a_source_that_waits_for_a_time_is_called_then)
{
	uint64_t began = now_ns();
	struct sl_run *r = start("(beat n=5) > (count)");

	CHECK(r);
	CHECK_EQ(sl_run_wait(r), 0);
	CHECK_EQ(counted(r), 5);
	CHECK_EQ(calls, 6);
	CHECK_EQ(early, 0);
	CHECK_EQ(by_fd, 0);
	CHECK(now_ns() - began >= 5 * EVERY_NS);
	sl_run_free(r);
}

TEST(steps_end_before_that_time)
{
	struct sl_run *r = start("(beat n=5) > (count)");
	int e, steps = 0;

	CHECK(r);
	while ((e = sl_run_step(r, 1)) == 1 && steps < 100000)
		steps++;
	CHECK_EQ(e, 0);
	CHECK(steps > 0);
	CHECK_EQ(early, 0);
	CHECK_EQ(counted(r), 5);
	sl_run_free(r);
}

TEST(two_that_wait_do_not_wake_each_other)
{
	struct sl_run *r = start("{ (beat n=4); (beat n=7) } > (count)");

	CHECK(r);
	CHECK_EQ(sl_run_wait(r), 0);
	CHECK_EQ(counted(r), 11);
	CHECK_EQ(calls, 13);
	CHECK_EQ(early, 0);
	sl_run_free(r);
}

TEST(a_descriptor_comes_before_the_time)
{
	uint64_t began = now_ns();
	struct sl_run *r;

	CHECK_EQ(pipe(ends), 0);
	r = start("(ear) > (count)");
	CHECK(r);
	CHECK_EQ(sl_run_step(r, 0), 1);
	CHECK_EQ(by_fd, 0);
	CHECK_EQ(write(ends[1], "ab", 2), 2);
	while (counted(r) < 2)
		CHECK_EQ(sl_run_step(r, 1), 1);
	CHECK_EQ(by_fd, 2);		/* level triggered: the second byte is told as well */
	CHECK_EQ(sl_run_step(r, 1), 1);
	CHECK_EQ(by_fd, 2);
	close(ends[1]);
	CHECK_EQ(sl_run_wait(r), 0);
	CHECK(now_ns() - began < LONG_NS);
	sl_run_free(r);
	close(ends[0]);
}

TEST_MAIN()
