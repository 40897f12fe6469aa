/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Index rings: order and completeness between two threads, sleeping included. */
#include <pthread.h>
#include <stdlib.h>

#include "run/ring.h"
#include "test.h"

#define N	200000u

struct pair {
	struct sl_ring ring;
	struct sl_bell writer, reader;
	unsigned int batch;
};

static void *write_all(void *arg)
{
	struct pair *p = arg;
	unsigned int seed = 1;

	for (uint32_t i = 0; i < N; ) {
		unsigned int n = (unsigned int)rand_r(&seed) % p->batch + 1;
		struct sl_entry *e;

		for (; n && i < N && (e = sl_ring_reserve(&p->ring)); n--, i++) {
			e->seq = i;
			e->b.len = i * 7;
		}
		if (sl_ring_submit(&p->ring)) {
			sl_bell_ring(&p->reader);
			continue;
		}
		sl_bell_arm(&p->writer);
		if (p->ring.w_next - atomic_load(&p->ring.tail) <= p->ring.mask)
			sl_bell_disarm(&p->writer);
		else
			sl_bell_sleep(&p->writer);
	}
	return NULL;
}

static bool read_all(struct pair *p)
{
	unsigned int seed = 2;

	for (uint32_t i = 0; i < N; ) {
		unsigned int n = (unsigned int)rand_r(&seed) % p->batch + 1;
		struct sl_entry *e;
		unsigned int got = 0;

		for (; got < n && (e = sl_ring_peek(&p->ring)); got++, i++) {
			if (e->seq != i || e->b.len != i * 7)
				return false;
			sl_ring_next(&p->ring);
		}
		if (sl_ring_release(&p->ring))
			sl_bell_ring(&p->writer);
		if (got)
			continue;
		sl_bell_arm(&p->reader);
		if (sl_ring_peek(&p->ring))
			sl_bell_disarm(&p->reader);
		else
			sl_bell_sleep(&p->reader);
	}
	return !sl_ring_peek(&p->ring);
}

static bool through(uint32_t size, unsigned int batch)
{
	struct pair p = { .batch = batch };
	pthread_t t;
	bool ok;

	if (sl_ring_init(&p.ring, size) < 0)
		return false;
	pthread_create(&t, NULL, write_all, &p);
	ok = read_all(&p);
	pthread_join(t, NULL);
	sl_ring_done(&p.ring);
	return ok;
}

TEST(small_ring_and_small_batches) { CHECK(through(2, 1)); }
TEST(small_ring_and_large_batches) { CHECK(through(4, 64)); }
TEST(large_ring_and_random_batches) { CHECK(through(1024, 100)); }

TEST(full_and_empty)
{
	struct sl_ring r;

	CHECK_EQ(sl_ring_init(&r, 4), 0);
	CHECK(!sl_ring_peek(&r));
	for (int i = 0; i < 4; i++)
		CHECK(sl_ring_reserve(&r));
	CHECK(!sl_ring_reserve(&r));
	CHECK(!sl_ring_peek(&r));	/* nothing is seen before it is submitted */
	CHECK(sl_ring_submit(&r));
	CHECK(!sl_ring_submit(&r));
	CHECK(sl_ring_peek(&r));
	sl_ring_next(&r);
	CHECK(!sl_ring_reserve(&r));	/* nor reused before it is released */
	CHECK(sl_ring_release(&r));
	CHECK(sl_ring_reserve(&r));
	sl_ring_done(&r);
}

TEST_MAIN()
