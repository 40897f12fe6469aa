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
 * Between pieces AC_MATCH has no meaning left in a state, so there it says that
 * seeking lately cost more than it saved. The next piece then starts with `run`
 * and tries seeking on its last sixteenth only.
 *
 * In `run` the automaton is limited by the time from one table row to the next.
 * So it runs in several lanes, each in its own part of a stretch and each but
 * the first from the root, and they write down where they hit. Then, lane by
 * lane, the beginning of the next part is gone over with the true state until
 * the longest partial match lies in that part, which is where both states are
 * the same; the hits up to there are those of the true state, the others those
 * of the lane.
 */
#include "match/ac_int.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* In cycles, roughly: what keeps a stretch of bad luck from costing too much. */
enum {
	COST_STEP	= 6,		/* one byte through the automaton */
	COST_FOLLOW	= 40,		/* beginning to follow */
	COST_DOUBT	= 6,		/* a closer look */
	GAIN_SEEK	= 2,		/* a byte that was only sought over */
	CREDIT		= 4096,
};

#define RUN_BYTES	4096		/* before seeking is tried again */
#ifndef LANES
#define LANES		4
#define LANE_BYTES	64
#endif
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
	o = d->t[(ptrdiff_t)(s & AC_OFFSET) - 1];
	if (o & AC_ONE)
		return sc->hit(sc->arg, o & ~AC_ONE, end);
	for (; o; o = d->outs[o].next)
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

/* What a lane met: positions in the lane, and the states there. */
struct lane_hits {
	uint32_t n;
	uint32_t at[LANE_BYTES];
	uint32_t state[LANE_BYTES];
};

/* All lanes through their parts, in step. `full`: the set has no short rows. */
INLINE void lanes_step(const struct scan *sc, const uint8_t *p, uint32_t *state,
		       struct lane_hits *hits, bool full)
{
	const uint32_t *t = sc->t;
	const uint8_t *cls = sc->cls;
	uint32_t s[LANES], n[LANES] = { 0 }, i;
	unsigned int k;

	memcpy(s, state, sizeof(s));
	for (i = 0; i < LANE_BYTES; i++) {
#pragma GCC unroll 8
		for (k = 0; k < LANES; k++) {
			uint8_t byte = p[i + k * LANE_BYTES];

			s[k] = full ? t[(s[k] & AC_OFFSET) + cls[byte]] : step(t, cls, s[k], byte);
			/* Written always, kept only if it is a hit: no branch to mispredict. */
			hits[k].at[n[k]] = i;
			hits[k].state[n[k]] = s[k];
			n[k] += s[k] >> 31;
		}
	}
	memcpy(state, s, sizeof(s));
	for (k = 0; k < LANES; k++)
		hits[k].n = n[k];
}

/* Through LANES * LANE_BYTES from e on. True: stopped. */
static bool run_lanes(struct scan *sc, uint32_t *state, size_t e)
{
	const uint32_t *t = sc->t;
	struct lane_hits hits[LANES];
	uint32_t lane[LANES] = { *state }, s = 0, i, h;
	unsigned int k;

	if (sc->d->all_full)
		lanes_step(sc, sc->p + e, lane, hits, true);
	else
		lanes_step(sc, sc->p + e, lane, hits, false);
	for (k = 0; k < LANES; k++, e += LANE_BYTES) {
		/* The true state goes ahead until the lane's is the same. */
		for (i = 0; k && depth(t, s) > i && i < LANE_BYTES; ) {
			s = step(t, sc->cls, s, sc->p[e + i++]);
			if ((s & AC_MATCH) && report(sc, s, e + i))
				return true;
		}
		for (h = 0; h < hits[k].n; h++)
			if (hits[k].at[h] >= i && report(sc, hits[k].state[h], e + hits[k].at[h] + 1))
				return true;
		if (!k || depth(t, s) <= i)
			s = lane[k];
	}
	*state = s;
	return false;
}

/* Through [e, end) as fast as the automaton goes. True: stopped. */
static bool run(struct scan *sc, uint32_t *state, size_t e, size_t end)
{
	for (; end - e >= LANES * LANE_BYTES; e += LANES * LANE_BYTES)
		if (run_lanes(sc, state, e))
			return true;
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
	size_t until;

	/* It cannot begin behind the key before that has been passed. */
	for (until = key < sc->n ? key + 1 : sc->n; e < until; ) {
		s = step(t, cls, s, p[e++]);
		if ((s & AC_MATCH) && report(sc, s, e))
			return true;
	}
	while (e < sc->n && e - depth(t, s) <= key) {
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
	size_t n = sc->n, q = 0, floor = 0, key, e, last, next, start, until;
	struct ac_places places;
	uint32_t s = *state;
	bool poor = false;
	const long first = n < 4 * CREDIT ? CREDIT / 8 + (long)n / 4 : CREDIT;
	long credit = first;
	unsigned int i;

	if (s) {
		e = s & AC_MATCH ? n - n / 16 : 0;
		if (run(sc, &s, 0, e))
			return true;
		while (e < n && depth(sc->t, s) > e) {
			s = step(sc->t, sc->cls, s, sc->p[e++]);
			if ((s & AC_MATCH) && report(sc, s, e))
				return true;
		}
		if (e == n)
			goto out;
		q = floor = e - depth(sc->t, s);
		sc->told = e;
	}
	/* What a key at `last` needs is there. */
	while (q + 4 <= n) {
		last = q + (AC_SEEK_MAX - 1) * f->stride;
		next = f->seek(f, sc->p, n, q, last < n - 4 ? last : n - 4, &places);
		credit += (long)(next - q) * GAIN_SEEK - (long)places.doubts * COST_DOUBT;
		if (credit > CREDIT)
			credit = CREDIT;
		for (i = 0; i < places.n || credit < 0; i++) {
			/* Out of credit with all places done, the next key stands for one. */
			key = i < places.n ? q + places.at[i] : next;
			if (key < floor)
				continue;
			s = 0;
			e = start = key > floor + f->back ? key - f->back : floor;
			if (credit >= 0 && follow(sc, &s, e, key, &e))
				return true;
			credit -= (long)(e - start) * COST_STEP + COST_FOLLOW;
			if (credit < 0 && e < n) {
				until = n - e > RUN_BYTES ? e + RUN_BYTES : n;
				if (run(sc, &s, e, until) || follow(sc, &s, until, key, &e))
					return true;
				/* Little, so that it stays short if nothing has changed. */
				credit = CREDIT / 4;
				poor = true;
			}
			if (e == n)
				goto out;
			floor = e - depth(sc->t, s);
			if (e > sc->told)
				sc->told = e;
		}
		q = next > floor ? next : floor;
	}
	/* The rest is too short for the filter. */
	s = 0;
	if (run_one(sc, &s, q > floor + f->back ? q - f->back : floor, n))
		return true;
out:
	*state = (s & ~AC_MATCH) | (poor || credit < first ? AC_MATCH : 0);
	return false;
}

static bool scan_dfa(const struct ac_dfa *d, uint32_t *state, const uint8_t *p, size_t n,
		     sl_ac_hit *hit, void *arg)
{
	struct scan sc = {
		.d = d, .t = d->t, .cls = d->cls, .p = p, .n = n, .hit = hit, .arg = arg,
	};

	if (d->filter && n >= MIN_BYTES)
		return scan_filtered(&sc, state);
	if (run(&sc, state, 0, n))
		return true;
	*state &= ~AC_MATCH;
	return false;
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
