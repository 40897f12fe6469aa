/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rings that nobody waits for: what is read is whole, and what is not read is counted. The
 * writer here moves claim, number and head as the kernel's programs do.
 */
#include "test.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kern/lapped.h"
#include "ring/layout.h"

#define SIZE	65536u
#define STRIDE	(SL_DRING_DATA + SIZE + SL_K_SPARE)
#define RINGS	2u

static uint8_t *mem;
static _Alignas(8) uint8_t copies[RINGS][SL_K_SPARE];

static struct sl_dring_head *head(unsigned int ring)
{
	return (struct sl_dring_head *)(mem + ring * STRIDE);
}

static struct sl_klapped *begin(void)
{
	struct sl_klapped *l = NULL;

	if (mem)
		munmap(mem, RINGS * STRIDE);
	mem = mmap(NULL, RINGS * STRIDE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(mem != MAP_FAILED);
	CHECK_EQ(sl_klapped_new(mem, RINGS, STRIDE, SIZE, &l), 0);
	return l;
}

static uint32_t len_of(uint64_t seq)
{
	return 8 + (uint32_t)(seq * 131 % 1500);
}

/* A frame of n bytes, all of them its number's last. */
static void put(unsigned int ring, uint64_t time_ns)
{
	struct sl_dring_head *h = head(ring);
	uint64_t pos = h->head, seq = h->seq;
	uint32_t n = len_of(seq);
	struct sl_dring_rec rec = { .seq = seq };
	struct sl_kframe f = { .time_ns = time_ns, .stored = n, .wire_len = n, .n_entries = 1 };
	struct sl_kentry e = { .len = n, .frame_len = n, .border = SL_K_SHARED };
	uint8_t *at = mem + ring * STRIDE + SL_DRING_DATA + (pos & (SIZE - 1));

	rec.size = (uint32_t)((sizeof(rec) + sizeof(f) + sizeof(e) + n + 7) & ~7u);
	rec.len = rec.size - (uint32_t)sizeof(rec);
	__atomic_store_n(&h->claim, pos + rec.size, __ATOMIC_SEQ_CST);
	memcpy(at, &rec, sizeof(rec));
	memcpy(at + sizeof(rec), &f, sizeof(f));
	memcpy(at + sizeof(rec) + sizeof(f), &e, sizeof(e));
	memset(at + sizeof(rec) + sizeof(f) + sizeof(e), (int)(seq & 255), n);
	__atomic_store_n(&h->seq, seq + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&h->head, pos + rec.size, __ATOMIC_RELEASE);
}

/* 1: a whole frame; 0: none; -2: it is not whole. */
static int get(struct sl_klapped *l, struct sl_klapped_head *h)
{
	int r;

	while ((r = sl_klapped_next(l, h)) == -ENOBUFS) {
		if (h->size > sizeof(copies[0]))
			return -2;
		sl_klapped_copy(l, h->ring, copies[h->ring]);
	}
	if (r != 1)
		return r;
	if (h->bytes < copies[h->ring] || h->bytes + h->frame->stored > copies[h->ring + 1])
		return -2;
	for (uint32_t i = 1; i < h->frame->stored; i++)
		if (h->bytes[i] != h->bytes[0])
			return -2;
	return h->n_entries == 1 && h->entries[0].frame_len == h->frame->stored ? 1 : -2;
}

TEST(in_order_of_time)
{
	struct sl_klapped *l = begin();
	struct sl_klapped_head h;

	CHECK(!sl_klapped_ready(l));
	for (uint64_t t = 0; t < 4000; t += 2) {
		put(t % 3 == 0, t);
		CHECK(sl_klapped_ready(l));
		put(t % 5 != 0, t + 1);
		CHECK_EQ(get(l, &h), 1);
		CHECK_EQ(h.frame->time_ns, t);
		CHECK_EQ(get(l, &h), 1);
		CHECK_EQ(h.frame->time_ns, t + 1);
		CHECK_EQ(get(l, &h), 0);
	}
	CHECK_EQ(sl_klapped_missed(l), 0);
	sl_klapped_free(l);
}

/* What lies in a copy when the other ring gets more is merged with that. */
TEST(in_order_of_time_by_the_hundred)
{
	struct sl_klapped *l = begin();
	struct sl_klapped_head h;
	uint64_t t = 0, read = 0;

	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int i = 0; i < 30; i++, t++)
			put(t * 7 % 11 < 3, t);
		for (unsigned int i = 0; i < 30 - (round % 8 == 0); i++, read++) {
			CHECK_EQ(get(l, &h), 1);
			CHECK_EQ(h.frame->time_ns, read);
		}
	}
	while (get(l, &h) == 1)
		CHECK_EQ(h.frame->time_ns, read++);
	CHECK_EQ(read, t);
	CHECK_EQ(sl_klapped_missed(l), 0);
	sl_klapped_free(l);
}

TEST(what_was_before_is_not_missed)
{
	struct sl_klapped *l = begin();
	struct sl_klapped_head h;

	sl_klapped_free(l);
	for (unsigned int i = 0; i < 1000; i++)
		put(0, i);
	CHECK_EQ(sl_klapped_new(mem, RINGS, STRIDE, SIZE, &l), 0);
	CHECK_EQ(get(l, &h), 0);
	put(0, 1);
	CHECK_EQ(get(l, &h), 1);
	CHECK_EQ(sl_klapped_missed(l), 0);
	sl_klapped_free(l);
}

/* Whether more comes after it or not. */
TEST(overtaken_before_it_looks)
{
	struct sl_klapped *l = begin();
	struct sl_klapped_head h;

	for (unsigned int i = 0; i < 1000; i++)
		put(0, i);
	CHECK_EQ(get(l, &h), 0);
	CHECK_EQ(sl_klapped_missed(l), 1000);
	put(0, 1);
	CHECK_EQ(get(l, &h), 1);
	CHECK_EQ(get(l, &h), 0);
	CHECK_EQ(sl_klapped_missed(l), 1000);
	sl_klapped_free(l);
}

TEST(overtaken_while_it_copies)
{
	struct sl_klapped *l = begin();
	struct sl_klapped_head h;

	for (unsigned int i = 0; i < 10; i++)
		put(0, i);
	CHECK_EQ(sl_klapped_next(l, &h), -ENOBUFS);
	for (unsigned int i = 0; i < 1000; i++)
		put(0, i);
	sl_klapped_copy(l, h.ring, copies[h.ring]);
	CHECK_EQ(get(l, &h), 0);
	CHECK_EQ(sl_klapped_missed(l), 1010);
	sl_klapped_free(l);
}

TEST(what_was_copied_stays)
{
	struct sl_klapped *l = begin();
	struct sl_klapped_head h;

	for (unsigned int i = 0; i < 10; i++)
		put(0, i);
	CHECK_EQ(get(l, &h), 1);
	for (unsigned int i = 0; i < 1000; i++)
		put(0, 10 + i);
	for (unsigned int i = 1; i < 10; i++) {
		CHECK_EQ(get(l, &h), 1);
		CHECK_EQ(h.frame->time_ns, i);
	}
	CHECK_EQ(get(l, &h), 0);
	CHECK_EQ(sl_klapped_missed(l), 1000);
	sl_klapped_free(l);
}

/* The writer stands still in the middle of a record, its number told and its head not. */
TEST(overtaken_while_it_writes)
{
	struct sl_klapped *l = begin();
	struct sl_klapped_head h;

	for (unsigned int i = 0; i < 500; i++)
		put(0, i);
	head(0)->claim += 512;
	head(0)->seq++;
	CHECK_EQ(get(l, &h), 0);
	head(0)->claim -= 512;
	head(0)->seq--;
	put(0, 1);
	CHECK_EQ(get(l, &h), 1);
	CHECK_EQ(sl_klapped_missed(l), 500);
	sl_klapped_free(l);
}

TEST(what_is_no_record_is_left)
{
	struct sl_klapped *l = begin();
	struct sl_klapped_head h;
	struct sl_dring_rec *rec = (struct sl_dring_rec *)(mem + SL_DRING_DATA);
	struct sl_kframe *f = (struct sl_kframe *)(rec + 1);

	put(0, 1);
	rec->size = 0;
	CHECK_EQ(get(l, &h), 0);
	CHECK_EQ(get(l, &h), 0);
	sl_klapped_free(l);
	l = begin();
	rec = (struct sl_dring_rec *)(mem + SL_DRING_DATA);
	f = (struct sl_kframe *)(rec + 1);
	put(0, 1);
	f->stored = 1u << 30;
	CHECK_EQ(get(l, &h), 0);
	put(0, 2);
	CHECK_EQ(get(l, &h), 1);
	sl_klapped_free(l);
}

/* Another process writes, now and then faster than anybody could read. */
TEST(all_are_read_or_counted)
{
	const uint64_t n = 40000;
	struct sl_klapped *l = begin();
	struct sl_klapped_head h;
	uint64_t read = 0;
	int status, r;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (uint64_t i = 0; i < n; i++) {
			put(i & 1, i);
			if (i % 20 == 0 && i % 4000 > 500)
				usleep(100);
		}
		_exit(0);
	}
	CHECK(pid > 0);
	status = -1;
	for (;;) {
		bool over = status < 0 && waitpid(pid, &status, WNOHANG) == pid;

		while ((r = get(l, &h)) != 0) {
			CHECK(r != -2);
			read += r == 1;
		}
		if (over)
			break;
	}
	while ((r = get(l, &h)) != 0)
		read += r == 1;
	CHECK_EQ(status, 0);
	printf("# %llu read, %llu missed\n", (unsigned long long)read, (unsigned long long)sl_klapped_missed(l));
	CHECK_EQ(read + sl_klapped_missed(l), n);
	CHECK(read > 0);
	sl_klapped_free(l);
}

TEST_MAIN()
