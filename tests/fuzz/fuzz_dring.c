/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_dring -- a ring that holds anything, read by both kinds of readers; and a
 * writer that is led about
 *
 * The first byte chooses. Even: the rest is a head page's numbers and the data of a
 * ring of 4 KiB; whatever they are, a reader stays inside, and what it gives is a
 * record by its own measure. Odd: the rest are orders to a writer, an honoured
 * and a lapped reader, which are held against a plain list of what was written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring/dring.h"

#define SIZE	4096u
#define LEN	(SL_DRING_DATA + SIZE + 4096u)
#define MUST(cond) do { if (!(cond)) { fprintf(stderr, "fuzz_dring: %s\n", #cond); abort(); } } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static void touch(const struct sl_dring_rec *rec)
{
	const uint8_t *p = sl_dring_payload(rec);

	for (uint32_t i = 0; i < rec->len; i++)
		sink += p[i];
}

static void read_anything(const uint8_t *data, size_t size)
{
	/* no more than a ring's bytes, so that the sanitizer sees a step outside */
	uint8_t *base = aligned_alloc(64, LEN);
	struct sl_dring_ctl *ctl = aligned_alloc(64, sizeof(*ctl));
	struct sl_dring_head *h = (struct sl_dring_head *)base;
	const struct sl_dring_rec *rec[8];
	struct sl_dring d;
	struct sl_dring_reader r;
	uint64_t num[4] = { 0 };
	int slot = -1;

	MUST(base && ctl);
	memset(base, 0, LEN);
	memset(ctl, 0, sizeof(*ctl));
	MUST(sl_dring_format(base, LEN, SIZE) == 0);
	memcpy(num, data, size < sizeof(num) ? size : sizeof(num));
	if (size > sizeof(num))
		memcpy(base + SL_DRING_DATA, data + sizeof(num),
		       size - sizeof(num) < SIZE + 4096 ? size - sizeof(num) : SIZE + 4096);
	MUST(sl_dring_wrap(&d, base, LEN, ctl) == 0);
	if (num[3] & 1)
		slot = sl_dring_slot_open(&d, num[3] & 2 ? SL_DRING_HONOURED : SL_DRING_LAPPED, 1);
	MUST(sl_dring_reader_init(&r, &d, slot) == 0);
	h->claim = num[0];
	h->head = num[1];
	h->seq = num[2];
	for (int i = 0; i < 64; i++) {
		int n = sl_dring_peek(&r, rec, 8);

		if (n < 0)
			break;
		for (int k = 0; k < n; k++) {
			const uint8_t *p = (const uint8_t *)rec[k];

			MUST(rec[k]->size == sl_dring_need(rec[k]->len) && rec[k]->size <= d.largest);
			if (r.honoured)
				MUST(p >= d.data && p + rec[k]->size <= base + LEN);
			touch(rec[k]);
		}
		if (n && r.honoured && num[3] & 4)
			sl_dring_release_to(&r, rec[n / 2]);
		sl_dring_release(&r);
		MUST(r.records + r.lost == r.expected - r.first);
		h->head += num[3] >> 8 & 0xff8;		/* it goes on */
		h->claim += num[3] >> 20 & 0xff8;
	}
	sl_dring_ended(&r);
	sl_dring_settle(&r);
	sl_dring_reader_done(&r);
	sl_dring_done(&d);
	free(ctl);
	free(base);
}

struct list {
	uint32_t len[4096];
	uint64_t n, published;
};

static void check(const struct list *l, const struct sl_dring_rec *rec)
{
	const uint8_t *p = sl_dring_payload(rec);

	MUST(rec->seq < l->published && rec->len == l->len[rec->seq]);
	for (uint32_t i = 0; i < rec->len; i++)
		MUST(p[i] == (uint8_t)(rec->seq * 5 + i));
}

static void fill(void *p, uint64_t seq, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		((uint8_t *)p)[i] = (uint8_t)(seq * 5 + i);
}

static void obey(const uint8_t *data, size_t size)
{
	static struct list l;
	const struct sl_dring_rec *rec[16];
	struct sl_dring d;
	struct sl_dring_writer w;
	struct sl_dring_reader held, lapped;
	uint64_t held_to = 0;		/* bytes in front of it are released */
	int slot;

	l.n = l.published = 0;
	MUST(sl_dring_create(&d, SIZE) == 0);
	slot = sl_dring_slot_open(&d, SL_DRING_HONOURED, 1);
	MUST(slot == 0);
	MUST(sl_dring_reader_init(&held, &d, slot) == 0);
	MUST(sl_dring_reader_init(&lapped, &d, -1) == 0);
	sl_dring_writer_init(&w, &d);
	for (size_t i = 0; i + 1 < size && l.n < 4096; i += 2) {
		uint32_t arg = data[i + 1];
		uint64_t before = w.next;
		int n, r;
		void *p;

		switch (data[i] % 8) {
		case 0:
		case 1:
		case 2:
			arg = arg * (data[i] % 8 == 2 ? 9 : 1);
			r = sl_dring_reserve(&w, arg, &p);
			if (sl_dring_need(arg) > d.largest) {
				MUST(r == -EMSGSIZE);
				break;
			}
			MUST(r == 0 || r == -EAGAIN);
			MUST((r == 0) == (before + sl_dring_need(arg) <= held_to + SIZE));
			if (r < 0) {
				l.published = l.n;
				break;
			}
			fill(p, l.n, arg);
			l.len[l.n++] = arg;
			/* reserving publishes when it must look for room */
			if (w.head == w.next - sl_dring_need(arg))
				l.published = l.n - 1;
			break;
		case 3:
			if (w.last && arg <= w.last->len) {
				sl_dring_trim(&w, arg);
				l.len[l.n - 1] = arg;
			}
			break;
		case 4:
			if (w.last) {
				sl_dring_cancel(&w);
				l.n--;
			}
			break;
		case 5:
			sl_dring_submit(&w);
			l.published = l.n;
			break;
		case 6:
			n = sl_dring_peek(&held, rec, 1 + (int)arg % 16);
			MUST(n >= 0);
			for (int k = 0; k < n; k++)
				check(&l, rec[k]);
			if (arg & 16 && n) {
				sl_dring_release_to(&held, rec[n - 1]);
				held_to = held.pos - rec[n - 1]->size;
			}
			if (arg & 32) {
				sl_dring_release(&held);
				held_to = held.pos;
			}
			break;
		case 7:
			n = sl_dring_peek(&lapped, rec, 1 + (int)arg % 16);
			MUST(n >= 0);
			for (int k = 0; k < n; k++)
				check(&l, rec[k]);
			sl_dring_release(&lapped);
			break;
		}
		MUST(d.head->claim >= w.next && d.head->claim <= held_to + SIZE);
		MUST(held.lost == 0);
		MUST(lapped.records + lapped.lost == lapped.expected);
	}
	sl_dring_end(&w);
	l.published = l.n;
	while (sl_dring_peek(&held, rec, 1) > 0)
		check(&l, rec[0]);
	while (sl_dring_peek(&lapped, rec, 1) > 0)
		check(&l, rec[0]);
	sl_dring_settle(&lapped);
	MUST(held.records == l.n && held.lost == 0);
	MUST(lapped.records + lapped.lost == l.n);
	MUST(sl_dring_ended(&held) && sl_dring_ended(&lapped));
	sl_dring_reader_done(&held);
	sl_dring_reader_done(&lapped);
	sl_dring_done(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 1)
		obey(data + 1, size - 1);
	else
		read_anything(data + 1, size - 1);
	return 0;
}
