/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dring.c -- data rings: writing, reading, sleeping; see dring.h */
#include "ring/dring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define NAP_NS		20000ull	/* long enough for a batch, short beside a wake-up */
#define NAP_MAX_NS	10000000ull	/* of strangers, when nothing comes */
#define COPY_BYTES	65536u
#define AHEAD		1024u		/* bytes fetched ahead of a walk, */
#define AHEAD_MAX	512u		/* and no more of each record: some want only headers */

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif

/*
 * Lapped readers copy bytes that may be written at the same time, and find out
 * afterwards. The sanitizer knows neither that nor fences, so there they copy by
 * words that it does not see.
 */
#ifdef TSAN
#define FENCE(order)	__atomic_signal_fence(order)

__attribute__((no_sanitize("thread"), noinline))
static void copy_out(void *to, const void *from, size_t n)
{
	uint64_t *t = to;
	const volatile uint64_t *f = from;

	for (; n; n -= 8)
		*t++ = *f++;
}
#else
#define FENCE(order)	__atomic_thread_fence(order)

static void copy_out(void *to, const void *from, size_t n)
{
	memcpy(to, from, n);
}
#endif

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* When a wait of so long ends. UINT64_MAX: never. */
static uint64_t deadline(int64_t timeout_ns)
{
	return timeout_ns < 0 ? UINT64_MAX : now_ns() + (uint64_t)timeout_ns;
}

static int nap(uint64_t ns, uint64_t until)
{
	static _Thread_local bool exact;
	struct timespec t;

	if (!exact) {
		/* The default slack makes 20 us 70. */
		prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
		exact = true;
	}
	if (until != UINT64_MAX) {
		uint64_t now = now_ns();

		if (now >= until)
			return -ETIMEDOUT;
		if (ns > until - now)
			ns = until - now;
	}
	t = (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };
	return nanosleep(&t, NULL) < 0 ? -errno : 0;
}

/* Sleep until fd is readable. */
static int sleep_on(int fd, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct timespec t, *tp = NULL;
	int r;

	if (until != UINT64_MAX) {
		uint64_t now = now_ns(), ns = until > now ? until - now : 0;

		t = (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };
		tp = &t;
	}
	r = ppoll(&p, 1, tp, NULL);
	if (r < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

/* An eventfd that would overflow is readable already, so nothing is to be done about it. */
static void ring_bell(int fd)
{
	uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

static void drain_bell(int fd)
{
	uint64_t n;

	if (fd >= 0 && read(fd, &n, sizeof(n)) < 0)
		return;
}

/* ---- writer ---- */

void sl_dring_writer_init(struct sl_dring_writer *w, struct sl_dring *d)
{
	struct sl_dring_head *h = d->head;

	/* What was claimed and not written stays claimed; what was numbered and not published is missed. */
	*w = (struct sl_dring_writer){
		.d = d, .head = h->head, .next = h->head, .claim = h->claim, .seq = h->seq,
		.napped = UINT64_MAX,
	};
	__atomic_store_n(&h->wanted, 0, __ATOMIC_RELAXED);
}

static void wake(struct sl_dring_writer *w)
{
	struct sl_dring_ctl *c = w->d->ctl;
	uint32_t bits;

	/*
	 * seq_cst: pairs with the one in sl_dring_arm(). Either the bit is seen here,
	 * or the new head (or the end) there.
	 */
	if (!__atomic_load_n(&c->waiting, __ATOMIC_SEQ_CST))
		return;
	bits = __atomic_exchange_n(&c->waiting, 0, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < SL_DRING_SLOTS; i++) {
		if (bits & (1u << i)) {
			ring_bell(__atomic_load_n(&w->d->bell[i], __ATOMIC_RELAXED));
			w->rung++;
		}
	}
}

unsigned int sl_dring_submit(struct sl_dring_writer *w)
{
	struct sl_dring_head *h = w->d->head;
	unsigned int n;

	w->last = NULL;
	if (w->next == w->head)
		return 0;
	n = (unsigned int)(w->seq - h->seq);
	/* relaxed: carried by the release of head; a reader that sees more than its head is not wrong */
	__atomic_store_n(&h->seq, w->seq, __ATOMIC_RELAXED);
	w->head = w->next;
	if (!w->d->ctl) {
		/* release: pairs with the acquire in seen() */
		__atomic_store_n(&h->head, w->head, __ATOMIC_RELEASE);
		return n;
	}
	/*
	 * An exchange: release for seen(), and a full fence in front of the look at
	 * waiting, and at the slots the next time that there is no room.
	 */
	__atomic_exchange_n(&h->head, w->head, __ATOMIC_SEQ_CST);
	wake(w);
	return n;
}

/*
 * Up to where may be written: a ring's size behind the last of the honoured
 * readers. Without any, behind what is published, so that the slots are looked
 * at at least once around.
 */
static uint64_t limit(const struct sl_dring_writer *w)
{
	const struct sl_dring *d = w->d;
	uint64_t behind = 0;
	uint32_t n = d->ctl ? __atomic_load_n(&d->ctl->n_honoured, __ATOMIC_SEQ_CST) : 0;

	for (uint32_t i = 0; i < n && i < SL_DRING_SLOTS; i++) {
		const struct sl_dring_slot *s = &d->ctl->reader[i];
		uint64_t k;

		/* seq_cst: pairs with the exchange in slot_open and slot_close */
		if (__atomic_load_n(&s->state, __ATOMIC_SEQ_CST) != SL_DRING_HONOURED)
			continue;
		/* acquire (and more, see wait_room): pairs with the release of the tail */
		k = w->head - __atomic_load_n(&s->tail, __ATOMIC_SEQ_CST);
		if ((int64_t)k < 0)
			k = 0;		/* nonsense holds nobody back but its reader */
		if (k > behind)
			behind = k;
	}
	return behind > d->size ? w->head : w->head - behind + d->size;
}

int sl_dring_more(struct sl_dring_writer *w, uint64_t need)
{
	struct sl_dring *d = w->d;
	uint64_t lim, claim;

	if (need > d->largest)
		return -EMSGSIZE;
	/* What readers cannot see they cannot release. */
	sl_dring_submit(w);
	lim = limit(w);
	if (w->next + need > lim)
		return -EAGAIN;
	claim = w->next + need + sl_dring_stride(d->size);
	if (claim > lim)
		claim = lim;
	w->claim = claim;
	__atomic_store_n(&d->head->claim, claim, __ATOMIC_RELAXED);
	/* release: the claim is seen by who sees a byte written under it; pairs with the fence in whole() */
	FENCE(__ATOMIC_RELEASE);
	return 0;
}

void sl_dring_trim(struct sl_dring_writer *w, uint32_t len)
{
	struct sl_dring_rec *rec = w->last;

	if (!rec || len > rec->len)
		return;
	w->next -= rec->size;
	rec->size = (uint32_t)sl_dring_need(len);
	rec->len = len;
	w->next += rec->size;
}

void sl_dring_cancel(struct sl_dring_writer *w)
{
	if (!w->last)
		return;
	w->next -= w->last->size;
	w->seq--;
	w->last = NULL;
}

void sl_dring_refuse(struct sl_dring_writer *w, uint32_t len)
{
	struct sl_dring_head *h = w->d->head;

	__atomic_store_n(&h->full, h->full + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&h->full_bytes, h->full_bytes + len, __ATOMIC_RELAXED);
}

int sl_dring_wait_room(struct sl_dring_writer *w, uint32_t len, int64_t timeout_ns)
{
	struct sl_dring_head *h = w->d->head;
	uint64_t need = sl_dring_need(len), until;
	int r;

	if (need <= w->d->largest && need <= w->claim - w->next)
		return 0;
	r = sl_dring_more(w, need);
	if (r != -EAGAIN)
		return r;
	until = deadline(timeout_ns);
	for (;;) {
		if (w->napped != w->head) {
			/* It was writing a moment ago, so they are reading. */
			w->napped = w->head;
			w->naps++;
			r = nap(NAP_NS, until);
		} else {
			/* seq_cst: pairs with the one in set_tail(); either the tail is seen here or wanted there */
			__atomic_exchange_n(&h->wanted, w->next + need - w->d->size, __ATOMIC_SEQ_CST);
			r = sl_dring_more(w, need);
			if (r == -EAGAIN) {
				w->waits++;
				r = sleep_on(w->d->room, until);
				drain_bell(w->d->room);
			}
			__atomic_store_n(&h->wanted, 0, __ATOMIC_RELAXED);
		}
		if (need <= w->claim - w->next || sl_dring_more(w, need) == 0)
			return 0;
		if (r < 0)
			return r;
	}
}

void sl_dring_end(struct sl_dring_writer *w)
{
	sl_dring_submit(w);
	__atomic_exchange_n(&w->d->head->magic, SL_DRING_ENDED, __ATOMIC_SEQ_CST);
	if (w->d->ctl)
		wake(w);
}

/* ---- reader ---- */

int sl_dring_reader_init(struct sl_dring_reader *r, struct sl_dring *d, int slot)
{
	const struct sl_dring_head *h = d->head;

	*r = (struct sl_dring_reader){ .d = d, .slot = slot, .nap_ns = NAP_NS };
	if (slot >= (int)SL_DRING_SLOTS || (slot >= 0 && !d->ctl))
		return -EINVAL;
	if (slot >= 0)
		r->honoured = __atomic_load_n(&d->ctl->reader[slot].state, __ATOMIC_ACQUIRE) == SL_DRING_HONOURED;
	r->pos = r->honoured ? __atomic_load_n(&d->ctl->reader[slot].tail, __ATOMIC_ACQUIRE)
			     : __atomic_load_n(&h->head, __ATOMIC_ACQUIRE);
	r->tail = r->seen = r->napped = r->pos;
	/*
	 * The number of the record at pos: seq may be ahead of head, and corrects
	 * itself at the first record, which was published later than pos.
	 */
	if (r->pos)
		r->expected = __atomic_load_n(&h->seq, __ATOMIC_RELAXED);
	else
		r->joined = true;
	r->first = r->expected;
	if (!r->honoured) {
		r->copy_size = COPY_BYTES;
		r->copy = malloc(r->copy_size);
		if (!r->copy)
			return -ENOMEM;
	}
	return 0;
}

void sl_dring_reader_done(struct sl_dring_reader *r)
{
	free(r->copy);
	r->copy = NULL;
}

static uint64_t seen(const struct sl_dring_reader *r)
{
	/* acquire: pairs with the release of head in submit */
	return __atomic_load_n(&r->d->head->head, __ATOMIC_ACQUIRE);
}

/* Was what was copied from pos on still there while it was copied? */
static bool whole(const struct sl_dring_reader *r, uint64_t pos)
{
	/* acquire: orders the copy before the look at claim; pairs with the fence in more */
	FENCE(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&r->d->head->claim, __ATOMIC_RELAXED) - pos <= r->d->size;
}

static bool sound(const struct sl_dring_reader *r, const struct sl_dring_rec *rec)
{
	return rec->size == sl_dring_need(rec->len) && rec->size <= r->d->largest
	       && rec->size <= r->seen - r->pos;
}

/* A record is accepted. */
static int account(struct sl_dring_reader *r, const struct sl_dring_rec *rec)
{
	if (!r->joined) {
		r->joined = true;
		if (rec->seq < r->expected)
			r->first = r->expected = rec->seq;
	}
	if (rec->seq < r->expected)
		return -EBADMSG;
	r->lost += rec->seq - r->expected;
	r->expected = rec->seq + 1;
	r->records++;
	r->pos += rec->size;
	return 0;
}

/*
 * Where the next record lies is known only when this one's header is here, so a
 * walk over a batch would wait for one line after the other. Fetch in the order
 * of the bytes instead: at 64 and 512 bytes a reader then takes half to two
 * thirds of the time. No further than what is published: what is behind belongs
 * to the writer's core. Inlined by order: gcc takes a function that only fetches for
 * one without effect, and leaves out the call.
 */
__attribute__((always_inline))
static inline void fetch_ahead(const struct sl_dring_reader *r, const struct sl_dring_rec *rec)
{
	const char *p = (const char *)rec + AHEAD;
	uint32_t n = rec->size < AHEAD_MAX ? rec->size : AHEAD_MAX;

	if (r->seen - r->pos < AHEAD + n)
		return;
	for (uint32_t i = 0; i < n; i += 64)
		__builtin_prefetch(p + i);
}

static int peek_in_place(struct sl_dring_reader *r, const struct sl_dring_rec **rec, int n)
{
	int i;

	for (i = 0; i < n && r->pos != r->seen; i++) {
		rec[i] = (const struct sl_dring_rec *)sl_dring_at(r->d, r->pos);
		if (!sound(r, rec[i]))
			return i ? i : -EBADMSG;
		fetch_ahead(r, rec[i]);
		if (account(r, rec[i]) < 0)
			return i ? i : -EBADMSG;
	}
	return i;
}

/* It was overrun: what lies between is gone, or cannot be found. */
static void jump(struct sl_dring_reader *r)
{
	r->seen = seen(r);
	r->lost_bytes += r->seen - r->pos;
	r->pos = r->seen;
	/* Who is too slow does not nap on top of it. */
	r->napped = r->pos;
	r->nap_ns = NAP_NS / 2;
}

static int peek_by_copy(struct sl_dring_reader *r, const struct sl_dring_rec **rec, int n)
{
	size_t used = 0;
	int i;

	for (i = 0; i < n && r->pos != r->seen; i++) {
		const uint8_t *from = sl_dring_at(r->d, r->pos);
		struct sl_dring_rec h, *to;

		copy_out(&h, from, sizeof(h));
		if (!whole(r, r->pos)) {
			jump(r);
			break;
		}
		if (!sound(r, &h))
			return i ? i : -EBADMSG;
		if (h.size > r->copy_size - used) {
			uint8_t *p;

			if (i)
				break;
			p = realloc(r->copy, h.size);
			if (!p)
				return -ENOMEM;
			r->copy = p;
			r->copy_size = h.size;
		}
		to = (struct sl_dring_rec *)(r->copy + used);
		*to = h;
		copy_out(to + 1, from + sizeof(h), h.size - sizeof(h));
		if (!whole(r, r->pos)) {
			jump(r);
			break;
		}
		if (account(r, to) < 0)
			return i ? i : -EBADMSG;
		rec[i] = to;
		used += h.size;
	}
	return i;
}

int sl_dring_peek(struct sl_dring_reader *r, const struct sl_dring_rec **rec, int n)
{
	if (r->pos == r->seen) {
		r->seen = seen(r);
		if (r->pos == r->seen)
			return 0;
	}
	/* Nobody trusted moves head so far; what is not a ring must not be walked. */
	if (r->honoured && r->seen - r->pos > r->d->size)
		return -EBADMSG;
	return r->honoured ? peek_in_place(r, rec, n) : peek_by_copy(r, rec, n);
}

static void set_tail(struct sl_dring_reader *r, uint64_t to)
{
	struct sl_dring_slot *s;
	uint64_t old = r->tail, wanted;

	if (to == old)
		return;
	r->tail = to;
	if (r->slot < 0)
		return;
	s = &r->d->ctl->reader[r->slot];
	if (!r->honoured) {
		__atomic_store_n(&s->tail, to, __ATOMIC_RELAXED);
		return;
	}
	/*
	 * An exchange: release, so that the writer's acquire in limit() keeps its
	 * bytes behind our looks; and a full fence in front of the look at wanted,
	 * which pairs with the one in wait_room.
	 */
	__atomic_exchange_n(&s->tail, to, __ATOMIC_SEQ_CST);
	wanted = __atomic_load_n(&r->d->head->wanted, __ATOMIC_SEQ_CST);
	if (wanted - old - 1 < to - old)	/* old < wanted <= to */
		ring_bell(r->d->room);
}

void sl_dring_release(struct sl_dring_reader *r)
{
	set_tail(r, r->pos);
}

void sl_dring_release_to(struct sl_dring_reader *r, const struct sl_dring_rec *rec)
{
	uint64_t at = (uint64_t)((const uint8_t *)rec - r->d->data);

	if (r->honoured)
		set_tail(r, r->tail + ((at - r->tail) & (r->d->size - 1)));
}

static bool has_ended(const struct sl_dring_reader *r)
{
	/* seq_cst: pairs with the exchange in sl_dring_end() */
	return __atomic_load_n(&r->d->head->magic, __ATOMIC_SEQ_CST) == SL_DRING_ENDED;
}

bool sl_dring_ended(const struct sl_dring_reader *r)
{
	return has_ended(r) && seen(r) == r->pos;
}

void sl_dring_settle(struct sl_dring_reader *r)
{
	uint64_t seq;

	jump(r);
	seq = __atomic_load_n(&r->d->head->seq, __ATOMIC_RELAXED);
	if (seq > r->expected) {
		r->lost += seq - r->expected;
		r->expected = seq;
	}
}

/* ---- sleeping ---- */

bool sl_dring_arm(struct sl_dring_reader *r)
{
	if (r->slot < 0)
		return false;
	/* seq_cst: pairs with the one in wake(); either the bit is seen there or the head here */
	__atomic_fetch_or(&r->d->ctl->waiting, 1u << r->slot, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&r->d->head->head, __ATOMIC_SEQ_CST) == r->pos && !has_ended(r))
		return true;
	__atomic_fetch_and(&r->d->ctl->waiting, ~(1u << r->slot), __ATOMIC_RELAXED);
	return false;
}

void sl_dring_disarm(struct sl_dring_reader *r)
{
	/*
	 * A bell that is rung only after this is answered by a look in vain, later.
	 */
	__atomic_fetch_and(&r->d->ctl->waiting, ~(1u << r->slot), __ATOMIC_RELAXED);
	if (r->drain)
		r->drain(r->drain_arg);
	else
		drain_bell(r->d->bell[r->slot]);
	if (r->gap_ns)
		r->woken_ns = now_ns();
}

int sl_dring_bell(const struct sl_dring_reader *r)
{
	return r->slot < 0 ? -1 : r->d->bell[r->slot];
}

uint64_t sl_dring_nap_ns(struct sl_dring_reader *r)
{
	uint64_t read = r->pos - r->napped, since;

	r->napped = r->pos;
	if (r->slot < 0) {
		/* Nobody wakes it: it looks again, less and less often. */
		if (read)
			r->nap_ns = NAP_NS;
		else if (r->nap_ns < NAP_MAX_NS)
			r->nap_ns *= 2;
		return r->nap_ns < NAP_MAX_NS ? r->nap_ns : NAP_MAX_NS;
	}
	if (read) {
		/* Never so long that the ring could fill. */
		if (read > r->d->size / 16)
			r->slow = false;
		return r->slow ? r->gap_ns : NAP_NS;
	}
	if (r->gap_ns) {
		since = now_ns() - r->woken_ns;
		if (since < r->gap_ns) {
			r->slow = true;
			return r->gap_ns - since;
		}
	}
	r->slow = false;
	return 0;
}

int sl_dring_wait(struct sl_dring_reader *r, int64_t timeout_ns)
{
	uint64_t until = UINT64_MAX, ns;
	bool first = true;
	int e = 0;

	for (;;) {
		bool over = has_ended(r);

		if (seen(r) != r->pos)
			return 1;
		if (over)
			return 0;
		if (e < 0)
			return e;
		if (first) {
			first = false;
			until = deadline(timeout_ns);
		}
		ns = sl_dring_nap_ns(r);
		if (ns) {
			r->naps++;
			e = nap(ns, until);
		} else if (sl_dring_arm(r)) {
			r->sleeps++;
			e = sleep_on(r->d->bell[r->slot], until);
			sl_dring_disarm(r);
		}
	}
}
