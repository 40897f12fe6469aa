/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * scan -- run a compiled set over the next piece of a stream
 *
 * Three ways of going on, chosen from byte to byte; all give the same hits:
 *
 *	seek	the filter looks for a place where a pattern could occur
 *	follow	the automaton runs from the root a little before such a place
 *	run	the automaton runs over everything, because seeking did not pay
 *
 *	from	to	when
 *	start	follow	the stream's state is not the root: finish what began earlier
 *	start	seek	it is
 *	seek	follow	a key passed the filter
 *	seek	run	too many keys needed a closer look
 *	follow	seek	the partial match the automaton is in began behind the key
 *	follow	run	following costs more than seeking saves
 *	run	seek	a good deal of text later, under the condition of follow
 *	any	follow	the keys at hand would stick out of the piece: to its end
 *
 * Two offsets make that exact. All occurrences that begin before `floor` have
 * been dealt with, and those that end at or before `told` and begin at or
 * behind `floor` have been reported. When the automaton, started at the root at
 * offset a, is at offset e in a state of depth d, then nothing that begins in
 * [a, e - d) goes on beyond e, so floor becomes e - d and told becomes e. The
 * automaton starts again at `floor` at the earliest, and its hits up to `told`
 * are old ones.
 *
 * The state left at the end is what the automaton alone would have reached: a
 * prefix of a pattern long enough to hold a key has passed the filter and was
 * followed to the end, a shorter one is met by the last few bytes, which are
 * always followed.
 *
 * In `run` the automaton is limited by the time from one table row to the next.
 * So it runs in four lanes, each in its own quarter of a stretch and each but
 * the first from the root; then lane by lane the beginning of the next quarter
 * is gone over with the true state until the longest partial match lies in that
 * quarter, at which point both would be in the same state. A stretch with a hit
 * in it is done again in one lane, to report in order.
 */
#include "match/ac_int.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* In cycles, roughly: what keeps a stretch of bad luck from costing too much. */
enum {
	COST_STEP	= 6,		/* one byte through the automaton */
	COST_FOLLOW	= 40,		/* beginning to follow */
	COST_DOUBT	= 12,		/* a closer look in vain */
	GAIN_SEEK	= 4,		/* a byte that was only sought over */
	CREDIT		= 4096,
};

#define SEEK_BYTES	4096		/* at most, before credit is looked at */
#define RUN_BYTES	4096		/* before seeking is tried again */
#define LANE_BYTES	128
#define MIN_BYTES	24		/* shorter pieces are not worth seeking in */

struct scan {
	const struct ac_dfa *d;
	const uint32_t *t;
	const uint8_t *cls;
	const uint8_t *p;
	size_t n;
	size_t told;
	sl_ac_hit *hit;
	void *arg;
	unsigned int lanes_off;		/* stretches to go in one lane */
	unsigned int lanes_wait;	/* the next such number */
};

/* The next state by a short row; s has AC_SPARSE. */
INLINE uint32_t step_short(const uint32_t *t, uint32_t s, uint32_t c)
{
	const uint32_t *row = t + (s & AC_OFFSET);
	uint32_t n = row[1], words = (n + 3) / 4, i, x, zero;

	for (i = 0; i < words; i++) {
		x = row[2 + i] ^ c * 0x01010101u;
		zero = (x - 0x01010101u) & ~x & 0x80808080u;
		/* The lowest zero byte is always marked right. */
		if (zero)
			return row[2 + words + i * 4 + (unsigned int)__builtin_ctz(zero) / 8];
	}
	return t[row[0] + c];
}

INLINE uint32_t step(const uint32_t *t, const uint8_t *cls, uint32_t s, uint8_t byte)
{
	if (__builtin_expect(s & AC_SPARSE, 0))
		return step_short(t, s, cls[byte]);
	return t[(s & AC_OFFSET) + cls[byte]];
}

INLINE uint32_t depth(const uint32_t *t, uint32_t s)
{
	return t[(ptrdiff_t)(s & AC_OFFSET) - 2];
}

/* Report all that ends at `end`. */
static bool report(struct scan *sc, uint32_t s, size_t end)
{
	const struct ac_dfa *d = sc->d;
	uint32_t o, i;

	if (end <= sc->told)
		return false;
	for (o = d->t[(ptrdiff_t)(s & AC_OFFSET) - 1]; o; o = d->outs[o].next)
		for (i = 0; i < d->outs[o].n; i++)
			if (sc->hit(sc->arg, d->ids[d->outs[o].first + i], end))
				return true;
	return false;
}

/* Through [e, end) in one lane. True: stopped. */
static bool run_one(struct scan *sc, uint32_t *state, size_t e, size_t end)
{
	const uint32_t *t = sc->t;
	const uint8_t *cls = sc->cls, *p = sc->p;
	uint32_t s = *state;

	while (e < end) {
		/* Plain states, nothing to report: the tight loop. */
		if (s < AC_SPARSE) {
			do {
				s = t[s + cls[p[e++]]];
			} while (s < AC_SPARSE && e < end);
		} else {
			s = step(t, cls, s, p[e++]);
		}
		if ((s & AC_MATCH) && report(sc, s, e))
			return true;
	}
	*state = s;
	return false;
}

/*
 * Through four quarters of LANE_BYTES at e. False: there is a hit somewhere,
 * nothing was done.
 */
static bool run_lanes(struct scan *sc, uint32_t *state, size_t e)
{
	const uint32_t *t = sc->t;
	const uint8_t *cls = sc->cls, *p = sc->p + e;
	uint32_t s0 = *state, s1 = 0, s2 = 0, s3 = 0, any = 0, lane[4], s;
	size_t i, k;

	for (i = 0; i < LANE_BYTES; i++) {
		s0 = step(t, cls, s0, p[i]);
		s1 = step(t, cls, s1, p[i + LANE_BYTES]);
		s2 = step(t, cls, s2, p[i + 2 * LANE_BYTES]);
		s3 = step(t, cls, s3, p[i + 3 * LANE_BYTES]);
		any |= s0 | s1 | s2 | s3;
	}
	if (any & AC_MATCH)
		return false;
	lane[1] = s1;
	lane[2] = s2;
	lane[3] = s3;
	for (s = s0, k = 1; k < 4; k++) {
		const uint8_t *q = p + k * LANE_BYTES;

		for (i = 0; depth(t, s) > i && i < LANE_BYTES; i++) {
			s = step(t, cls, s, q[i]);
			if (s & AC_MATCH)
				return false;
		}
		/* Caught up with; else the true state has come to the quarter's end itself. */
		if (i < LANE_BYTES || depth(t, s) <= i)
			s = lane[k];
	}
	*state = s;
	return true;
}

/* Through [e, end) as fast as the automaton goes. True: stopped. */
static bool run(struct scan *sc, uint32_t *state, size_t e, size_t end)
{
	while (end - e >= 4 * LANE_BYTES) {
		if (sc->lanes_off) {
			sc->lanes_off--;
		} else if (run_lanes(sc, state, e)) {
			sc->lanes_wait = 0;
			e += 4 * LANE_BYTES;
			continue;
		} else {
			sc->lanes_wait = sc->lanes_wait < 16 ? sc->lanes_wait * 2 + 1 : 31;
			sc->lanes_off = sc->lanes_wait;
		}
		if (run_one(sc, state, e, e + 4 * LANE_BYTES))
			return true;
		e += 4 * LANE_BYTES;
	}
	return run_one(sc, state, e, end);
}

/*
 * From e on until the partial match at hand begins behind `key`, or the piece
 * ends. *at is where that is. True: stopped.
 */
static bool follow(struct scan *sc, uint32_t *state, size_t e, size_t key, size_t *at)
{
	const uint32_t *t = sc->t;
	const uint8_t *cls = sc->cls, *p = sc->p;
	uint32_t s = *state;

	while (e < sc->n && (e <= key || e - depth(t, s) <= key)) {
		s = step(t, cls, s, p[e++]);
		if ((s & AC_MATCH) && report(sc, s, e))
			return true;
	}
	*state = s;
	*at = e;
	return false;
}

static bool scan_filtered(struct scan *sc, uint32_t *state)
{
	const struct ac_filter *f = sc->d->filter;
	size_t n = sc->n, q = 0, floor = 0, key, e, last, start, doubts, until;
	long credit = CREDIT;
	uint32_t s = *state;
	bool passed;

	if (s) {
		for (e = 0; e < n && depth(sc->t, s) > e; ) {
			s = step(sc->t, sc->cls, s, sc->p[e++]);
			if ((s & AC_MATCH) && report(sc, s, e))
				return true;
		}
		if (e == n) {
			*state = s;
			return false;
		}
		q = floor = e - depth(sc->t, s);
		sc->told = e;
	}
	for (;;) {
		key = q;
		passed = false;
		if (q + 4 <= n) {
			last = n - 4 - q > SEEK_BYTES ? q + SEEK_BYTES : n - 4;
			doubts = 0;
			passed = f->seek(f, sc->p, n, q, last, &key, &doubts);
			credit += (long)(key - q) * GAIN_SEEK - (long)doubts * COST_DOUBT;
			if (credit > CREDIT)
				credit = CREDIT;
			if (!passed && key + 4 <= n && credit >= 0) {
				q = key;
				continue;
			}
		}
		start = key > floor + f->back ? key - f->back : floor;
		s = 0;
		e = start;
		if (!passed && key + 4 > n) {
			/* The rest is too short for the filter. */
			if (run_one(sc, &s, e, n))
				return true;
			*state = s;
			return false;
		}
		if (credit >= 0 && follow(sc, &s, e, key, &e))
			return true;
		credit -= (long)(e - start) * COST_STEP + COST_FOLLOW;
		if (credit < 0 && e < n) {
			until = n - e > RUN_BYTES ? e + RUN_BYTES : n;
			if (run(sc, &s, e, until) || follow(sc, &s, until, key, &e))
				return true;
			/* Little, so that it stays short if nothing has changed. */
			credit = CREDIT / 4;
		}
		if (e == n) {
			*state = s;
			return false;
		}
		q = floor = e - depth(sc->t, s);
		if (e > sc->told)
			sc->told = e;
	}
}

static bool scan_dfa(const struct ac_dfa *d, uint32_t *state, const uint8_t *p, size_t n,
		     sl_ac_hit *hit, void *arg)
{
	struct scan sc = {
		.d = d, .t = d->t, .cls = d->cls, .p = p, .n = n, .hit = hit, .arg = arg,
	};

	if (!d->filter || n < MIN_BYTES)
		return run(&sc, state, 0, n);
	return scan_filtered(&sc, state);
}

bool sl_ac_scan(const struct sl_ac *ac, struct sl_ac_state *st, const uint8_t *p, size_t len,
		sl_ac_hit *hit, void *arg)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (!ac->dfa[i].t || !len)
			continue;
		if (scan_dfa(&ac->dfa[i], &st->s[i], p, len, hit, arg)) {
			*st = (struct sl_ac_state){ 0 };
			return true;
		}
	}
	return false;
}

struct first {
	uint32_t pattern;
	size_t end;
};

static int take_first(void *arg, uint32_t pattern, size_t end)
{
	struct first *f = arg;

	f->pattern = pattern;
	f->end = end;
	return 1;
}

bool sl_ac_find(const struct sl_ac *ac, struct sl_ac_state *st, const uint8_t *p, size_t len,
		uint32_t *pattern, size_t *end_off)
{
	struct first first = { 0 }, f;
	bool found = false;
	size_t n = len;
	int i;

	for (i = 0; i < 2 && n; i++) {
		if (!ac->dfa[i].t || !scan_dfa(&ac->dfa[i], &st->s[i], p, n, take_first, &f))
			continue;
		if (!found || f.end < first.end)
			first = f;
		found = true;
		n = f.end;
	}
	if (!found)
		return false;
	*st = (struct sl_ac_state){ 0 };
	if (pattern)
		*pattern = first.pattern;
	if (end_off)
		*end_off = first.end;
	return true;
}
