/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Data rings, one thread: sizes, wrapping, who may be overwritten, exact loss, what readers cannot do. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring/dring.h"
#include "test.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE	0x0010
#endif

#define SIZE	8192u
#define MS	1000000ll

static uint8_t byte_of(uint64_t seq, uint32_t i)
{
	return (uint8_t)(seq * 31 + i * 7 + 1);
}

static int put(struct sl_dring_writer *w, uint32_t len)
{
	uint64_t seq = w->seq;
	void *p;
	int r = sl_dring_reserve(w, len, &p);

	for (uint32_t i = 0; r == 0 && i < len; i++)
		((uint8_t *)p)[i] = byte_of(seq, i);
	return r;
}

static bool right(const struct sl_dring_rec *rec)
{
	const uint8_t *p = sl_dring_payload(rec);

	for (uint32_t i = 0; i < rec->len; i++)
		if (p[i] != byte_of(rec->seq, i))
			return false;
	return true;
}

/* All that is there; -1 when one is wrong. */
static int take(struct sl_dring_reader *r)
{
	const struct sl_dring_rec *rec[16];
	int n, all = 0;

	while ((n = sl_dring_peek(r, rec, 16)) > 0) {
		for (int i = 0; i < n; i++)
			if (!right(rec[i]))
				return -1;
		sl_dring_release(r);
		all += n;
	}
	return n < 0 ? n : all;
}

struct both {
	struct sl_dring d;
	struct sl_dring_writer w;
	struct sl_dring_reader r;
};

static void start(struct both *b, enum sl_dring_state kind)
{
	int slot;

	CHECK_EQ(sl_dring_create(&b->d, SIZE), 0);
	slot = sl_dring_slot_open(&b->d, kind, (uint32_t)getpid());
	CHECK_EQ(slot, 0);
	CHECK_EQ(sl_dring_reader_init(&b->r, &b->d, slot), 0);
	sl_dring_writer_init(&b->w, &b->d);
}

static void stop(struct both *b)
{
	sl_dring_reader_done(&b->r);
	sl_dring_done(&b->d);
}

TEST(sizes)
{
	struct sl_dring d;

	CHECK_EQ(sl_dring_create(&d, 1), 0);
	CHECK_EQ(d.size, SL_DRING_BYTES_MIN);
	sl_dring_done(&d);
	CHECK_EQ(sl_dring_create(&d, 5000), 0);
	CHECK_EQ(d.size, 8192);
	CHECK_EQ(d.largest, 4096);
	sl_dring_done(&d);
	CHECK_EQ(d.fd, -1);
	sl_dring_done(&d);
	CHECK_EQ(sl_dring_create(&d, SL_DRING_BYTES_MAX + 1), -EINVAL);
	sl_dring_done(&d);
}

TEST(first_and_last_byte_of_a_record)
{
	struct both b;

	start(&b, SL_DRING_HONOURED);
	CHECK_EQ(put(&b.w, 0), 0);
	CHECK_EQ(put(&b.w, 1), 0);
	CHECK_EQ(take(&b.r), 0);		/* not published */
	CHECK_EQ(sl_dring_submit(&b.w), 2);
	CHECK_EQ(sl_dring_submit(&b.w), 0);
	CHECK_EQ(take(&b.r), 2);
	CHECK_EQ(put(&b.w, 4096 - 16), 0);
	CHECK_EQ(put(&b.w, 4096 - 16 + 1), -EMSGSIZE);
	CHECK_EQ(put(&b.w, UINT32_MAX), -EMSGSIZE);
	sl_dring_submit(&b.w);
	CHECK_EQ(take(&b.r), 1);
	CHECK_EQ(b.r.records, 3);
	CHECK_EQ(b.r.lost, 0);
	stop(&b);
}

TEST(mapped_twice)
{
	struct both b;

	start(&b, SL_DRING_HONOURED);
	b.d.data[5] = 0x5a;
	CHECK_EQ(b.d.data[SIZE + 5], 0x5a);
	stop(&b);
}

TEST(around_many_times_with_every_length)
{
	struct both b;
	unsigned int seed = 1;
	uint64_t n = 0;

	start(&b, SL_DRING_HONOURED);
	while (n < 40000) {
		int batch = rand_r(&seed) % 9, k = 0;

		while (k < batch && put(&b.w, (uint32_t)(rand_r(&seed) % 700)) == 0)
			k++;
		n += (uint64_t)k;
		sl_dring_submit(&b.w);
		CHECK_EQ(take(&b.r), k);
	}
	CHECK_EQ(b.r.records, n);
	CHECK_EQ(b.r.lost, 0);
	stop(&b);
}

TEST(an_honoured_reader_is_never_overwritten)
{
	const struct sl_dring_rec *rec[64];
	struct both b;
	int n, wrote = 0;

	start(&b, SL_DRING_HONOURED);
	while (put(&b.w, 240) == 0)
		wrote++;
	CHECK_EQ(wrote, SIZE / 256);		/* to the last byte */
	CHECK_EQ(put(&b.w, 0), -EAGAIN);
	/* What did not fit was not reserved, and what had been is published. */
	n = sl_dring_peek(&b.r, rec, 64);
	CHECK_EQ(n, wrote);
	CHECK_EQ(put(&b.w, 0), -EAGAIN);	/* seen is not released */
	sl_dring_release_to(&b.r, rec[3]);
	CHECK_EQ(put(&b.w, 240), 0);
	CHECK_EQ(put(&b.w, 240), 0);
	CHECK_EQ(put(&b.w, 240), 0);
	CHECK_EQ(put(&b.w, 0), -EAGAIN);
	for (int i = 3; i < n; i++)
		CHECK(right(rec[i]));
	sl_dring_refuse(&b.w, 100);
	CHECK_EQ(b.d.head->full, 1);
	CHECK_EQ(b.d.head->full_bytes, 100);
	sl_dring_release(&b.r);
	CHECK_EQ(take(&b.r), 3);
	CHECK_EQ(b.r.lost, 0);
	stop(&b);
}

TEST(waiting_for_room_is_bounded)
{
	struct both b;
	void *p;

	start(&b, SL_DRING_HONOURED);
	while (put(&b.w, 240) == 0)
		;
	CHECK_EQ(sl_dring_wait_room(&b.w, 8, 2 * MS), -ETIMEDOUT);
	CHECK_EQ(b.d.head->wanted, 0);
	CHECK_EQ(sl_dring_wait_room(&b.w, 9000, 2 * MS), -EMSGSIZE);
	take(&b.r);
	CHECK_EQ(sl_dring_wait_room(&b.w, 8, 0), 0);
	CHECK_EQ(sl_dring_reserve(&b.w, 8, &p), 0);
	stop(&b);
}

TEST(a_lapped_reader_counts_exactly_what_it_missed)
{
	static const enum sl_dring_state kinds[] = { SL_DRING_LAPPED, SL_DRING_FREE };

	for (unsigned int k = 0; k < 2; k++) {
		struct both b;
		struct sl_dring seen = { .fd = -1 };
		unsigned int seed = 7;
		uint64_t n = 0;

		if (kinds[k] == SL_DRING_LAPPED) {
			start(&b, SL_DRING_LAPPED);
		} else {
			/* a stranger: another mapping, no control page */
			CHECK_EQ(sl_dring_create(&b.d, SIZE), 0);
			sl_dring_writer_init(&b.w, &b.d);
			CHECK_EQ(sl_dring_attach(&seen, b.d.fd, -1), 0);
			CHECK_EQ(sl_dring_reader_init(&b.r, &seen, -1), 0);
		}
		for (int round = 0; round < 3000; round++) {
			int burst = rand_r(&seed) % (round % 50 ? 8 : 200);

			for (int i = 0; i < burst; i++, n++)
				CHECK_EQ(put(&b.w, (uint32_t)(rand_r(&seed) % 300)), 0);
			sl_dring_submit(&b.w);
			CHECK(take(&b.r) >= 0);
			CHECK_EQ(b.r.records + b.r.lost, b.r.expected - b.r.first);
		}
		sl_dring_end(&b.w);
		sl_dring_settle(&b.r);
		CHECK(b.r.lost > 0);
		CHECK(b.r.records > n / 2);
		CHECK_EQ(b.r.records + b.r.lost, n);
		CHECK(sl_dring_ended(&b.r));
		sl_dring_reader_done(&b.r);
		sl_dring_done(&seen);
		sl_dring_done(&b.d);
	}
}

TEST(a_lapped_reader_holds_nobody_back)
{
	struct both b;

	start(&b, SL_DRING_LAPPED);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(put(&b.w, 240), 0);
	sl_dring_submit(&b.w);
	CHECK_EQ(take(&b.r), 0);
	CHECK_EQ(b.r.lost_bytes, 1000 * 256);
	CHECK_EQ(put(&b.w, 1), 0);
	sl_dring_submit(&b.w);
	CHECK_EQ(take(&b.r), 1);
	CHECK_EQ(b.r.lost, 1000);
	stop(&b);
}

TEST(a_large_record_is_copied_too)
{
	struct sl_dring d;
	struct sl_dring_writer w;
	struct sl_dring_reader r;

	CHECK_EQ(sl_dring_create(&d, 1 << 20), 0);
	sl_dring_writer_init(&w, &d);
	CHECK_EQ(sl_dring_reader_init(&r, &d, -1), 0);
	CHECK_EQ(put(&w, 10), 0);
	CHECK_EQ(put(&w, 300000), 0);
	CHECK_EQ(put(&w, 10), 0);
	sl_dring_submit(&w);
	CHECK_EQ(take(&r), 3);
	sl_dring_reader_done(&r);
	sl_dring_done(&d);
}

TEST(joining_late_begins_with_what_comes)
{
	struct both b;
	struct sl_dring_reader late, stranger;
	int slot;

	start(&b, SL_DRING_HONOURED);
	for (int i = 0; i < 5; i++)
		put(&b.w, 100);
	sl_dring_submit(&b.w);
	slot = sl_dring_slot_open(&b.d, SL_DRING_HONOURED, 1);
	CHECK_EQ(slot, 1);
	CHECK_EQ(sl_dring_reader_init(&late, &b.d, slot), 0);
	CHECK_EQ(sl_dring_reader_init(&stranger, &b.d, -1), 0);
	CHECK_EQ(take(&b.r), 5);
	for (int i = 0; i < 3; i++)
		put(&b.w, 100);
	sl_dring_submit(&b.w);
	CHECK_EQ(take(&late), 3);
	CHECK_EQ(take(&stranger), 3);
	CHECK_EQ(late.first, 5);
	CHECK_EQ(late.lost, 0);
	CHECK_EQ(stranger.lost, 0);
	sl_dring_reader_done(&late);
	sl_dring_reader_done(&stranger);
	stop(&b);
}

TEST(the_slot_of_a_dead_reader_frees_the_writer)
{
	struct both b;
	int second;

	start(&b, SL_DRING_HONOURED);
	second = sl_dring_slot_open(&b.d, SL_DRING_HONOURED, 1);
	CHECK_EQ(second, 1);
	while (put(&b.w, 240) == 0)
		;
	CHECK_EQ(take(&b.r), SIZE / 256);
	CHECK_EQ(put(&b.w, 240), -EAGAIN);
	sl_dring_slot_close(&b.d, second);
	CHECK_EQ(put(&b.w, 240), 0);
	CHECK_EQ(sl_dring_slot_open(&b.d, SL_DRING_HONOURED, 2), second);
	for (int i = 2; i < (int)SL_DRING_SLOTS; i++)
		CHECK_EQ(sl_dring_slot_open(&b.d, SL_DRING_LAPPED, 3), i);
	CHECK_EQ(sl_dring_slot_open(&b.d, SL_DRING_LAPPED, 3), -ENOSPC);
	stop(&b);
}

TEST(a_tail_of_nonsense_does_not_free_what_others_hold)
{
	struct both b;
	int second;

	start(&b, SL_DRING_HONOURED);
	second = sl_dring_slot_open(&b.d, SL_DRING_HONOURED, 1);
	b.d.ctl->reader[second].tail = UINT64_MAX / 2;
	while (put(&b.w, 240) == 0)
		;
	CHECK_EQ(b.w.next, SIZE);
	CHECK_EQ(take(&b.r), SIZE / 256);
	CHECK_EQ(put(&b.w, 240), 0);
	b.d.ctl->reader[second].tail = b.w.head - 3 * SIZE;
	while (put(&b.w, 240) == 0)
		;
	CHECK_EQ(put(&b.w, 0), -EAGAIN);
	stop(&b);
}

TEST(trim_and_cancel)
{
	const struct sl_dring_rec *rec[4];
	struct both b;
	void *p;

	start(&b, SL_DRING_HONOURED);
	CHECK_EQ(sl_dring_reserve(&b.w, 1000, &p), 0);
	memcpy(p, "abc", 3);
	sl_dring_trim(&b.w, 3);
	CHECK_EQ(sl_dring_reserve(&b.w, 500, &p), 0);
	sl_dring_cancel(&b.w);
	sl_dring_cancel(&b.w);			/* only the last one */
	CHECK_EQ(sl_dring_reserve(&b.w, 2, &p), 0);
	memcpy(p, "de", 2);
	sl_dring_trim(&b.w, 100);		/* never longer */
	CHECK_EQ(sl_dring_submit(&b.w), 2);
	CHECK_EQ(sl_dring_peek(&b.r, rec, 4), 2);
	CHECK_EQ(rec[0]->len, 3);
	CHECK_EQ(rec[0]->size, 24);
	CHECK(!memcmp(sl_dring_payload(rec[0]), "abc", 3));
	CHECK_EQ(rec[1]->len, 2);
	CHECK_EQ(rec[1]->seq, 1);
	stop(&b);
}

TEST(what_a_trim_gives_back_makes_no_record_too_large)
{
	struct both b;
	void *p;

	start(&b, SL_DRING_HONOURED);
	CHECK_EQ(sl_dring_reserve(&b.w, 4096 - 16, &p), 0);
	sl_dring_trim(&b.w, 0);
	CHECK_EQ(sl_dring_reserve(&b.w, 4096 + 8, &p), -EMSGSIZE);
	CHECK_EQ(sl_dring_wait_room(&b.w, 4096 + 8, 0), -EMSGSIZE);
	stop(&b);
}

TEST(one_bell_for_a_sleeper_none_for_who_is_awake)
{
	struct pollfd p = { .events = POLLIN };
	struct both b;

	start(&b, SL_DRING_HONOURED);
	p.fd = sl_dring_bell(&b.r);
	for (int i = 0; i < 10; i++) {
		put(&b.w, 10);
		sl_dring_submit(&b.w);
	}
	CHECK_EQ(b.w.rung, 0);
	CHECK(!sl_dring_arm(&b.r));		/* there is something */
	CHECK_EQ(take(&b.r), 10);
	CHECK(sl_dring_arm(&b.r));
	CHECK_EQ(poll(&p, 1, 0), 0);
	for (int i = 0; i < 10; i++) {
		put(&b.w, 10);
		sl_dring_submit(&b.w);
	}
	CHECK_EQ(b.w.rung, 1);
	CHECK_EQ(poll(&p, 1, 0), 1);
	sl_dring_disarm(&b.r);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(sl_dring_wait(&b.r, 0), 1);
	CHECK_EQ(take(&b.r), 10);
	CHECK_EQ(sl_dring_wait(&b.r, 2 * MS), -ETIMEDOUT);
	CHECK_EQ(b.d.ctl->waiting, 0);
	sl_dring_end(&b.w);
	CHECK_EQ(sl_dring_wait(&b.r, -1), 0);
	stop(&b);
}

TEST(the_reader_that_lets_go_rings_the_writer)
{
	struct both b;
	struct pollfd p = { .events = POLLIN };

	start(&b, SL_DRING_HONOURED);
	p.fd = b.d.room;
	while (put(&b.w, 240) == 0)
		;
	b.d.head->wanted = 512;			/* as wait_room does */
	for (int i = 1; i <= 4; i++) {
		const struct sl_dring_rec *rec[1];

		CHECK_EQ(sl_dring_peek(&b.r, rec, 1), 1);
		sl_dring_release(&b.r);
		CHECK_EQ(poll(&p, 1, 0), i >= 2);
	}
	sl_dring_slot_close(&b.d, 0);
	stop(&b);
}

/* The first tail of a slot may be older than the one it begins with, and a writer may sleep on it. */
TEST(slots_that_come_and_go_ring_a_writer_that_waits)
{
	struct both b;
	struct pollfd p = { .events = POLLIN };
	uint64_t n;
	int slot;

	start(&b, SL_DRING_HONOURED);
	p.fd = b.d.room;
	b.d.head->wanted = 512;
	slot = sl_dring_slot_open(&b.d, SL_DRING_HONOURED, 1);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(read(b.d.room, &n, sizeof(n)), sizeof(n));
	sl_dring_slot_close(&b.d, slot);
	CHECK_EQ(poll(&p, 1, 0), 1);
	stop(&b);
}

TEST(a_reader_cannot_write)
{
	struct both b;
	struct sl_dring d;
	int seals;

	start(&b, SL_DRING_HONOURED);
	seals = fcntl(b.d.fd, F_GET_SEALS);
	CHECK_EQ(seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL),
		 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
	CHECK_EQ(sl_dring_attach(&d, b.d.fd, -1), 0);
	CHECK(d.ctl == NULL);
	CHECK(mprotect(d.head, 4096, PROT_READ | PROT_WRITE) < 0);
	CHECK(mprotect(d.data, SIZE, PROT_READ | PROT_WRITE) < 0);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, b.d.fd, 0) == MAP_FAILED);
	CHECK(pwrite(b.d.fd, "x", 1, 0) < 0);
	CHECK(ftruncate(b.d.fd, 0) < 0);
	CHECK(fallocate(b.d.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0);
	CHECK(madvise(d.data, SIZE, MADV_REMOVE) < 0);
	CHECK_EQ(fcntl(b.d.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	/* The writer's own mapping still works. */
	CHECK_EQ(put(&b.w, 100), 0);
	sl_dring_submit(&b.w);
	CHECK_EQ(take(&b.r), 1);
	sl_dring_done(&d);
	stop(&b);
}

TEST(a_child_does_not_inherit_the_writers_mapping)
{
	struct both b;
	int status;
	pid_t pid;

	start(&b, SL_DRING_HONOURED);
	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct sl_dring d;
		unsigned char in;

		/* the hole first: its own mapping may come to lie there */
		if (mincore(b.d.head, 4096, &in) == 0 || errno != ENOMEM)
			_exit(1);
		_exit(sl_dring_attach(&d, b.d.fd, -1) < 0 ? 2 : 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	stop(&b);
}

TEST(not_a_ring)
{
	struct sl_dring d;
	struct sl_dring_head h = { .magic = SL_DRING_MAGIC, .size = SIZE, .spare = SIZE };
	int fd = memfd_create("x", MFD_ALLOW_SEALING);

	CHECK(fd >= 0);
	CHECK_EQ(sl_dring_attach(&d, fd, -1), -EBADMSG);
	CHECK_EQ(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
	CHECK_EQ(sl_dring_attach(&d, fd, -1), -EBADMSG);	/* too short */
	CHECK_EQ(ftruncate(fd, 4096 + SIZE), 0);
	CHECK_EQ(sl_dring_attach(&d, fd, -1), -EPERM);		/* may shrink under us */
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	CHECK_EQ(sl_dring_attach(&d, fd, fd), -EBADMSG);	/* no control page */
	CHECK_EQ(sl_dring_attach(&d, fd, -1), 0);
	sl_dring_done(&d);
	h.size = 12345;
	CHECK_EQ(pwrite(fd, &h, sizeof(h), 0), sizeof(h));
	CHECK_EQ(sl_dring_attach(&d, fd, -1), -EBADMSG);
	CHECK_EQ(sl_dring_attach(&d, -1, -1), -EBADF);
	close(fd);
}

/* Memory of the caller with real run-on bytes, as an eBPF map gives it. */
TEST(records_run_on_into_spare_bytes)
{
	size_t len = SL_DRING_DATA + SIZE + 4096;
	struct sl_dring_ctl *ctl = aligned_alloc(4096, 4096);
	uint8_t *base = aligned_alloc(4096, len);
	unsigned int seed = 3;
	struct both b;
	struct sl_dring_reader lapped;
	uint64_t n = 0;
	int slot;

	CHECK(base && ctl);
	memset(ctl, 0, 4096);
	memset(base, 0, len);
	CHECK_EQ(sl_dring_wrap(&b.d, base, len, ctl), -EBADMSG);
	CHECK_EQ(sl_dring_format(base, SL_DRING_DATA + SIZE, SIZE), -EINVAL);
	CHECK_EQ(sl_dring_format(base, len, SIZE), 0);
	CHECK_EQ(sl_dring_wrap(&b.d, base, len - 1, ctl), -EBADMSG);
	CHECK_EQ(sl_dring_wrap(&b.d, base, len, ctl), 0);
	CHECK_EQ(b.d.largest, 4096);
	slot = sl_dring_slot_open(&b.d, SL_DRING_HONOURED, 1);
	CHECK_EQ(sl_dring_reader_init(&b.r, &b.d, slot), 0);
	CHECK_EQ(sl_dring_reader_init(&lapped, &b.d, -1), 0);
	sl_dring_writer_init(&b.w, &b.d);
	while (n < 20000) {
		uint32_t l = (uint32_t)(rand_r(&seed) % (4096 - 16));

		if (put(&b.w, l) == 0) {
			n++;
			continue;
		}
		CHECK(take(&b.r) > 0);
		if (rand_r(&seed) % 2)
			CHECK(take(&lapped) >= 0);
	}
	sl_dring_submit(&b.w);
	CHECK(take(&b.r) >= 0);
	CHECK(take(&lapped) >= 0);
	sl_dring_settle(&lapped);
	CHECK_EQ(b.r.records, n);
	CHECK_EQ(lapped.records + lapped.lost, n);
	CHECK(lapped.records > 0);
	CHECK(lapped.lost > 0);
	sl_dring_reader_done(&lapped);
	stop(&b);
	free(base);
	free(ctl);
}

TEST(a_writer_that_takes_over_goes_on_where_the_other_stopped)
{
	struct both b;

	start(&b, SL_DRING_HONOURED);
	put(&b.w, 100);
	sl_dring_submit(&b.w);
	put(&b.w, 100);				/* never published */
	sl_dring_writer_init(&b.w, &b.d);
	put(&b.w, 50);
	sl_dring_submit(&b.w);
	CHECK_EQ(take(&b.r), 2);
	CHECK_EQ(b.r.lost, 0);
	stop(&b);
}

TEST_MAIN()
