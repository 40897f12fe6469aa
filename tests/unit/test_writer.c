/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing beside (a pthread of its own) and in line: all items, in order, each once. */
#include "core/writer.h"
#include "test.h"

#include <time.h>

#define RING	64u

static uint32_t item[RING], next_value;	/* what is written must be the next number */
static uint32_t n_written, n_wrong;
static unsigned int slow_ns;

static uint32_t write_some(void *arg, uint32_t from, uint32_t to)
{
	uint32_t most = from + *(uint32_t *)arg;

	if (slow_ns)
		nanosleep(&(struct timespec){ .tv_nsec = slow_ns }, NULL);
	for (; from != to && from != most; from++, n_written++)
		n_wrong += item[from % RING] != n_written;
	return from;
}

static void make(struct sl_writer *w, uint32_t n)
{
	while (n--) {
		if (w->next - w->reaped == RING) {
			sl_writer_push(w, 100);
			if (w->seen == w->reaped)
				sl_writer_wait(w, false);
			CHECK(w->seen != w->reaped);
			w->reaped = w->seen;
		}
		item[w->next++ % RING] = next_value++;
	}
}

static void through(uint32_t at_once, bool beside)
{
	struct sl_writer w;

	next_value = n_written = n_wrong = 0;
	sl_writer_init(&w, write_some, &at_once);
	make(&w, 10);
	sl_writer_push(&w, 10);
	CHECK_EQ(w.seen, 10);		/* no thread: done at once */
	if (beside)
		sl_writer_start(&w);
	for (uint32_t i = 0; i < 2000; i++) {
		make(&w, i % 7);
		sl_writer_push(&w, i % 3 ? 50 : 1 << 20);
		CHECK(w.seen - w.reaped <= w.next - w.reaped);
		w.reaped = w.seen;
	}
	sl_writer_wait(&w, true);
	CHECK_EQ(w.seen, w.next);
	CHECK_EQ(n_written, next_value);
	make(&w, 5);
	sl_writer_push(&w, 5);
	sl_writer_stop(&w);		/* what was pushed is written first */
	CHECK_EQ(n_written, next_value);
	CHECK_EQ(w.seen, w.next);
	make(&w, 5);
	sl_writer_push(&w, 5);		/* in line again */
	CHECK_EQ(n_written, next_value);
	CHECK_EQ(n_wrong, 0);
	sl_writer_done(&w);
	sl_writer_done(&w);
}

TEST(in_line)
{
	through(3, false);
	through(1000, false);
}

TEST(beside)
{
	through(3, true);
	through(1000, true);
}

TEST(a_slow_disk_holds_the_maker_when_the_ring_is_full)
{
	slow_ns = 20000;
	through(16, true);
	slow_ns = 0;
}

TEST(what_is_little_is_written_without_being_asked_for)
{
	uint32_t most = 100;
	struct sl_writer w;

	next_value = n_written = n_wrong = 0;
	sl_writer_init(&w, write_some, &most);
	sl_writer_start(&w);
	make(&w, 1);
	sl_writer_push(&w, 1);
	for (unsigned int i = 0; i < 5000 && w.seen != w.next; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		sl_writer_push(&w, 0);	/* nothing new: only looks */
	}
	CHECK_EQ(w.seen, 1);
	sl_writer_done(&w);
}

TEST_MAIN()
