/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Data rings between threads: two honoured readers, a lapped one with a bell and a
 * stranger, all at once, in a small ring; readers that join and leave meanwhile.
 * Runs under the thread sanitizer, too (pthread).
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "dring_check.h"
#include "../unit/test.h"

#define SIZE	16384u
#define MOST	2048u
#define MIN_N	30000u		/* records at least */
#define SECS	3.0

struct one {
	struct sl_dring_reader r;
	struct sl_dring *d;
	pthread_t thread;
	unsigned int seed;
	bool lazy;			/* sleeps now and then in mid-batch */
	uint64_t wrong;
	int error;
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *read_all(void *arg)
{
	struct one *o = arg;
	const struct sl_dring_rec *rec[32];
	int n;

	while ((n = sl_dring_wait(&o->r, 20 * 1000000000ll)) > 0) {
		n = sl_dring_peek(&o->r, rec, 1 + rand_r(&o->seed) % 32);
		if (n < 0)
			break;
		if (o->lazy && rand_r(&o->seed) % 256 == 0)
			usleep((useconds_t)(rand_r(&o->seed) % 2000));
		for (int i = 0; i < n; i++)
			o->wrong += !dring_right(rec[i], MOST);
		if (n > 1 && rand_r(&o->seed) % 4 == 0)
			sl_dring_release_to(&o->r, rec[n / 2]);
		sl_dring_release(&o->r);
	}
	o->error = n;
	sl_dring_settle(&o->r);
	return NULL;
}

static void begin(struct one *o, struct sl_dring *d, int slot, bool lazy)
{
	*o = (struct one){ .d = d, .seed = (unsigned int)slot + 7u, .lazy = lazy };
	CHECK_EQ(sl_dring_reader_init(&o->r, d, slot), 0);
	CHECK_EQ(pthread_create(&o->thread, NULL, read_all, o), 0);
}

/* Joins a running ring, holds the writer for some records, and leaves again; several times. */
static void *come_and_go(void *arg)
{
	struct one *o = arg;
	const struct sl_dring_rec *rec[32];

	while (__atomic_load_n(&o->d->head->magic, __ATOMIC_ACQUIRE) != SL_DRING_ENDED) {
		int slot = sl_dring_slot_open(o->d, SL_DRING_HONOURED, 1), n = 0;
		uint64_t want = 1 + (uint64_t)rand_r(&o->seed) % 3000;

		if (slot < 0 || sl_dring_reader_init(&o->r, o->d, slot) < 0) {
			o->error = -ENOSPC;
			return NULL;
		}
		while (o->r.records < want && (n = sl_dring_wait(&o->r, 20 * 1000000000ll)) > 0) {
			n = sl_dring_peek(&o->r, rec, 1 + rand_r(&o->seed) % 32);
			for (int i = 0; i < n; i++)
				o->wrong += !dring_right(rec[i], MOST);
			if (n < 0)
				break;
			/* The last ones it still holds when it leaves. */
			if (o->r.records < want)
				sl_dring_release(&o->r);
		}
		o->wrong += o->r.lost;		/* honoured readers miss nothing */
		sl_dring_slot_close(o->d, slot);
		sl_dring_reader_done(&o->r);
		if (n < 0)
			o->error = n;
	}
	return NULL;
}

TEST(four_kinds_of_readers_at_once)
{
	struct sl_dring d, seen;
	struct sl_dring_writer w;
	struct one readers[4], guest;
	double end = now_s() + SECS;
	unsigned int seed = 99;
	uint64_t n = 0;
	int slot[3];

	CHECK_EQ(sl_dring_create(&d, SIZE), 0);
	CHECK_EQ(sl_dring_attach(&seen, d.fd, -1), 0);
	sl_dring_writer_init(&w, &d);
	for (int i = 0; i < 3; i++) {
		slot[i] = sl_dring_slot_open(&d, i < 2 ? SL_DRING_HONOURED : SL_DRING_LAPPED, 1);
		begin(&readers[i], &d, slot[i], i == 1);
	}
	begin(&readers[3], &seen, -1, false);
	guest = (struct one){ .d = &d, .seed = 5 };
	CHECK_EQ(pthread_create(&guest.thread, NULL, come_and_go, &guest), 0);

	while (n < MIN_N || now_s() < end) {
		int batch = 1 + rand_r(&seed) % 40;

		for (; batch; batch--, n++) {
			uint32_t len = dring_len(n, MOST);
			void *p;
			int r;

			while ((r = sl_dring_reserve(&w, len, &p)) == -EAGAIN)
				CHECK_EQ(sl_dring_wait_room(&w, len, 20 * 1000000000ll), 0);
			CHECK_EQ(r, 0);
			dring_fill(p, n, len);
		}
		sl_dring_submit(&w);
		if (rand_r(&seed) % 512 == 0)
			usleep((useconds_t)(rand_r(&seed) % 500));
	}
	sl_dring_end(&w);
	pthread_join(guest.thread, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(readers[i].thread, NULL);
	printf("# %llu records; lapped %llu + %llu lost, stranger %llu + %llu lost; %llu bells, %llu sleeps for room\n",
	       (unsigned long long)n, (unsigned long long)readers[2].r.records,
	       (unsigned long long)readers[2].r.lost, (unsigned long long)readers[3].r.records,
	       (unsigned long long)readers[3].r.lost, (unsigned long long)w.rung, (unsigned long long)w.waits);
	CHECK_EQ(guest.error, 0);
	CHECK_EQ(guest.wrong, 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(readers[i].error, 0);
		CHECK_EQ(readers[i].wrong, 0);
		CHECK_EQ(readers[i].r.first, 0);
		CHECK_EQ(readers[i].r.records + readers[i].r.lost, n);
		sl_dring_reader_done(&readers[i].r);
	}
	CHECK_EQ(readers[0].r.lost, 0);
	CHECK_EQ(readers[1].r.lost, 0);
	sl_dring_done(&seen);
	sl_dring_done(&d);
}

struct echo {
	struct sl_dring to, from;
	int slot_to, slot_from;
	unsigned int rounds;
	int error;
};

static void *answer(void *arg)
{
	struct echo *e = arg;
	const struct sl_dring_rec *rec[1];
	struct sl_dring_reader r;
	struct sl_dring_writer w;
	void *p;

	e->error = sl_dring_reader_init(&r, &e->to, e->slot_to);
	sl_dring_writer_init(&w, &e->from);
	while (e->error == 0 && sl_dring_wait(&r, 20 * 1000000000ll) > 0) {
		if (sl_dring_peek(&r, rec, 1) != 1 || sl_dring_reserve(&w, 8, &p) < 0)
			e->error = -EIO;
		else
			memcpy(p, sl_dring_payload(rec[0]), 8);
		sl_dring_release(&r);
		sl_dring_submit(&w);
	}
	sl_dring_end(&w);
	return NULL;
}

/* One record there, one back: each of them is a chance to lose a wake-up. */
TEST(no_wake_up_is_lost)
{
	struct echo e = { .rounds = 4000 };
	const struct sl_dring_rec *rec[1];
	struct sl_dring_reader r;
	struct sl_dring_writer w;
	pthread_t t;
	double end = now_s() + SECS;
	uint64_t i;
	void *p;

	CHECK_EQ(sl_dring_create(&e.to, 4096), 0);
	CHECK_EQ(sl_dring_create(&e.from, 4096), 0);
	e.slot_to = sl_dring_slot_open(&e.to, SL_DRING_HONOURED, 1);
	e.slot_from = sl_dring_slot_open(&e.from, SL_DRING_HONOURED, 1);
	CHECK_EQ(sl_dring_reader_init(&r, &e.from, e.slot_from), 0);
	sl_dring_writer_init(&w, &e.to);
	CHECK_EQ(pthread_create(&t, NULL, answer, &e), 0);
	for (i = 0; i < e.rounds || now_s() < end; i++) {
		CHECK_EQ(sl_dring_reserve(&w, 8, &p), 0);
		memcpy(p, &i, 8);
		sl_dring_submit(&w);
		/* Half of the time without the nap, so that it is armed at once. */
		if (i % 2)
			r.napped = r.pos;
		CHECK_EQ(sl_dring_wait(&r, 20 * 1000000000ll), 1);
		CHECK_EQ(sl_dring_peek(&r, rec, 1), 1);
		CHECK(!memcmp(sl_dring_payload(rec[0]), &i, 8));
		sl_dring_release(&r);
	}
	sl_dring_end(&w);
	pthread_join(t, NULL);
	CHECK_EQ(e.error, 0);
	CHECK_EQ(sl_dring_wait(&r, -1), 0);
	printf("# %llu rounds, %llu sleeps\n", (unsigned long long)i, (unsigned long long)r.sleeps);
	sl_dring_done(&e.to);
	sl_dring_done(&e.from);
}

TEST_MAIN()
