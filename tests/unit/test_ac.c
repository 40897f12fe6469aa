/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_ac -- the matcher against plain comparison, in every form it can take */
#include <errno.h>

#include "match/ac.h"
#include "test.h"

static uint64_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

/* Occurrences, packed so that they sort by end and then pattern. */
struct hits {
	uint64_t *v;
	size_t n, cap;
	size_t base;		/* offset of the piece at hand */
	size_t last[2];		/* order is checked, too */
	const struct sl_patterns *ps;
};

static void hits_add(struct hits *h, uint32_t pattern, size_t end)
{
	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 256;
		h->v = realloc(h->v, h->cap * sizeof(*h->v));
		if (!h->v)
			abort();
	}
	h->v[h->n++] = (uint64_t)end << 24 | pattern;
}

static int take(void *arg, uint32_t pattern, size_t end)
{
	struct hits *h = arg;
	bool nocase = h->ps->items[pattern].nocase;

	end += h->base;
	if (end < h->last[nocase])
		test_fail(__FILE__, __LINE__, "offset %zu after %zu", end, h->last[nocase]);
	h->last[nocase] = end;
	hits_add(h, pattern, end);
	return 0;
}

static int cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint8_t low(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool same(const struct sl_pattern *it, const uint8_t *p)
{
	uint32_t i;

	if (!it->nocase)
		return !memcmp(it->bytes, p, it->len);
	for (i = 0; i < it->len; i++)
		if (low(it->bytes[i]) != low(p[i]))
			return false;
	return true;
}

static void naive(const struct sl_patterns *ps, const uint8_t *p, size_t n, struct hits *h)
{
	size_t at;
	unsigned int i;

	for (at = 0; at < n; at++)
		for (i = 0; i < ps->n; i++)
			if (ps->items[i].len <= n - at && same(&ps->items[i], p + at))
				hits_add(h, i, at + ps->items[i].len);
	if (h->n)
		qsort(h->v, h->n, sizeof(*h->v), cmp);
}

/* Scan in pieces that end at cuts[], and compare. */
static void expect(const struct sl_ac *ac, const struct sl_patterns *ps, const uint8_t *p,
		   const size_t *cuts, unsigned int n_cuts, const struct hits *want)
{
	struct sl_ac_state st = { 0 };
	struct hits got = { .ps = ps };
	unsigned int i;
	uint8_t *piece;
	size_t len;

	for (i = 0; i < n_cuts; i++) {
		/* A copy of its own, so that a sanitizer sees reads beyond it. */
		len = cuts[i] - got.base;
		piece = malloc(len ? len : 1);
		memcpy(piece, p + got.base, len);
		CHECK(!sl_ac_scan(ac, &st, piece, len, take, &got));
		free(piece);
		got.base = cuts[i];
	}
	if (got.n)
		qsort(got.v, got.n, sizeof(*got.v), cmp);
	for (i = 0; i < got.n && i < want->n; i++)
		if (got.v[i] != want->v[i])
			test_fail(__FILE__, __LINE__, "hit %u is pattern %u to %zu, not %u to %zu", i,
				  (unsigned int)(got.v[i] & 0xffffff), (size_t)(got.v[i] >> 24),
				  (unsigned int)(want->v[i] & 0xffffff), (size_t)(want->v[i] >> 24));
	CHECK_EQ(got.n, want->n);
	free(got.v);
}

static const unsigned int forms[] = {
	0, SL_AC_NO_WIDE, SL_AC_NO_SIMD, SL_AC_NO_FILTER, SL_AC_COMPACT, SL_AC_COMPACT | SL_AC_NO_FILTER,
	SL_AC_COMPACT | SL_AC_NO_SIMD,
};

/* The whole, all cuts into two (short texts), single bytes, random cuts. */
static void check_text(const struct sl_patterns *ps, const uint8_t *p, size_t n)
{
	struct hits want = { .ps = ps };
	struct sl_ac *ac;
	size_t *cuts = calloc(n + 2, sizeof(*cuts)), i, k;
	unsigned int f, round;

	naive(ps, p, n, &want);
	for (f = 0; f < sizeof(forms) / sizeof(*forms); f++) {
		CHECK_EQ(sl_ac_new(ps, forms[f], &ac), 0);
		cuts[0] = n;
		expect(ac, ps, p, cuts, 1, &want);
		for (i = 0; n <= 80 && i <= n; i++) {
			cuts[0] = i;
			cuts[1] = n;
			expect(ac, ps, p, cuts, 2, &want);
		}
		for (round = 0; round < 4; round++) {
			static const uint32_t sizes[] = { 1, 8, 100, 1500 };

			for (i = 0, k = 0; i < n; ) {
				i += round ? 1 + rnd(sizes[round]) : 1;
				cuts[k++] = i < n ? i : n;
			}
			expect(ac, ps, p, cuts, (unsigned int)k, &want);
		}
		sl_ac_free(ac);
	}
	free(want.v);
	free(cuts);
}

static struct sl_patterns *set_of(const char *const *words, bool nocase)
{
	struct sl_patterns *ps = sl_patterns_new();

	for (; *words; words++)
		sl_patterns_add(ps, *words, strlen(*words), 0, nocase);
	return ps;
}

#define SET(nocase, ...) set_of((const char *const []){ __VA_ARGS__, NULL }, nocase)

static void check_string(struct sl_patterns *ps, const char *text)
{
	check_text(ps, (const uint8_t *)text, strlen(text));
	sl_patterns_free(ps);
}

TEST(overlapping)
{
	check_string(SET(false, "he", "she", "his", "hers"), "ushers and his heroes: she, hershe");
	check_string(SET(false, "a", "aa", "aaa", "aaaa", "aaaaaaaa"), "aaaaaaaaaaaabaaaaaaaaabaaa");
	check_string(SET(false, "abcd", "bcde", "cdef", "abcdefgh"), "xxabcdefghyyabcdefgabcdefgh");
	check_string(SET(false, "abcdefg", "bcdefgh", "efghijklmn"),
		     "....abcdefghijklmn....bcdefghi..abcdefghijklm...........");
}

TEST(without_case)
{
	check_string(SET(true, "Union Select", "SELECT", "[x]"), "uNiOn SeLeCt * {X} [X] `select");
	check_string(SET(true, "abcdefgh", "@[`{"), "ABCDefgh aBcDeFgH @[`{ `{@[ @[@[");
}

TEST(case_mixed)
{
	struct sl_patterns *ps = SET(false, "Select", "GET ", "passwd");

	sl_patterns_add(ps, "select", 6, 0, true);
	sl_patterns_add(ps, "PASSWD", 6, 0, true);
	check_string(ps, "GET /etc/passwd?q=SELECT+Select+select get Passwd");
}

TEST(nothing_to_find)
{
	struct sl_ac_state st = { 0 };
	struct sl_patterns *ps = sl_patterns_new();
	struct hits h = { .ps = ps };
	struct sl_ac *ac;

	CHECK_EQ(sl_ac_new(ps, 0, &ac), 0);
	CHECK(!sl_ac_scan(ac, &st, (const uint8_t *)"some text", 9, take, &h));
	CHECK(!sl_ac_find(ac, &st, (const uint8_t *)"some text", 9, NULL, NULL));
	CHECK(!sl_ac_scan(ac, &st, NULL, 0, take, &h));
	CHECK(sl_ac_memory(ac) > 0);
	sl_ac_free(ac);
	sl_ac_free(NULL);
	sl_patterns_free(ps);
}

TEST(single_bytes)
{
	struct sl_patterns *ps = sl_patterns_new();
	uint8_t all[512];
	unsigned int i;

	for (i = 0; i < 512; i++)
		all[i] = (uint8_t)(i * 7);
	for (i = 0; i < 256; i++) {
		uint8_t c = (uint8_t)i;

		CHECK_EQ(sl_patterns_add(ps, &c, 1, 0, false), i);
	}
	check_text(ps, all, sizeof(all));
	sl_patterns_free(ps);
	check_string(SET(false, "\x01", "\x7f\x02"), "no\x01pe \x01\x01 \x7f\x02 and a good deal of text \x01");
}

TEST(groups_share_bytes)
{
	struct sl_patterns *ps = SET(false, "same");
	int g = sl_patterns_group(ps, "other", 5);

	CHECK_EQ(sl_patterns_add(ps, "same", 4, (unsigned int)g, false), 1);
	CHECK_EQ(sl_patterns_add(ps, "same", 4, 0, false), 0);
	check_string(ps, "the same, and the same once more");
}

TEST(long_pattern)
{
	struct sl_patterns *ps = sl_patterns_new();
	uint8_t text[9000], pat[2188];
	size_t i;

	for (i = 0; i < sizeof(pat); i++)
		pat[i] = (uint8_t)('a' + rnd(3));
	for (i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)('a' + rnd(3));
	memcpy(text + 1000, pat, sizeof(pat));
	memcpy(text + 4000, pat, sizeof(pat) - 1);
	memcpy(text + 6500, pat, sizeof(pat));
	sl_patterns_add(ps, pat, sizeof(pat), 0, false);
	sl_patterns_add(ps, pat, 700, 0, true);
	sl_patterns_add(ps, pat + 1500, 600, 0, false);
	check_text(ps, text, sizeof(text));
	sl_patterns_free(ps);
}

TEST(stops_where_told)
{
	struct sl_patterns *ps = SET(false, "needle", "hay");
	struct sl_ac_state st = { 0 };
	uint32_t pattern = 9;
	size_t end = 0;
	struct sl_ac *ac;

	sl_patterns_add(ps, "NEE", 3, 0, true);
	CHECK_EQ(sl_ac_new(ps, 0, &ac), 0);
	CHECK(!sl_ac_find(ac, &st, (const uint8_t *)"..... needl", 11, &pattern, &end) || pattern == 2);
	memset(&st, 0, sizeof(st));
	CHECK(sl_ac_find(ac, &st, (const uint8_t *)"____ needle in hay", 18, &pattern, &end));
	CHECK_EQ(pattern, 2);
	CHECK_EQ(end, 8);
	CHECK_EQ(st.s[0], 0);
	CHECK_EQ(st.s[1], 0);
	CHECK(sl_ac_find(ac, &st, (const uint8_t *)"all of it is hay, and this was it", 33, &pattern, &end));
	CHECK_EQ(pattern, 1);
	CHECK_EQ(end, 16);
	/* Cut by a border. */
	CHECK(!sl_ac_find(ac, &st, (const uint8_t *)"the first piece ends with ha", 28, &pattern, &end));
	CHECK(sl_ac_find(ac, &st, (const uint8_t *)"y", 1, &pattern, &end));
	CHECK_EQ(pattern, 1);
	CHECK_EQ(end, 1);
	sl_ac_free(ac);
	sl_patterns_free(ps);
}

/* Few letters and short patterns: partial matches everywhere. */
TEST(random_small_alphabet)
{
	unsigned int round, i, n, letters, shortest, spread;
	uint8_t text[700], pat[40];
	struct sl_patterns *ps;
	size_t len, k;

	for (round = 0; round < 400; round++) {
		static const uint8_t alphabet[] = "abABc\xe1\0@z";

		ps = sl_patterns_new();
		letters = 2 + rnd(8);
		shortest = 1 + round % 8;
		spread = 1 + rnd(12);
		n = 1 + rnd(12);
		for (i = 0; i < n; i++) {
			len = shortest + rnd(spread);
			for (k = 0; k < len; k++)
				pat[k] = alphabet[rnd(letters)];
			sl_patterns_add(ps, pat, len, 0, rnd(2) && round % 3);
		}
		len = round % 4 ? 1 + rnd(60) : rnd(sizeof(text));
		for (k = 0; k < len; k++)
			text[k] = alphabet[rnd(letters)];
		check_text(ps, text, len);
		sl_patterns_free(ps);
	}
}

/*
 * Long texts that change character: clean, with whole and cut-off patterns,
 * hostile, so that all ways of going on follow each other.
 */
TEST(random_long)
{
	static const unsigned int shortest[] = { 2, 3, 4, 5, 7, 9 };
	unsigned int round, i, n;
	size_t len = 40000, k, m, stretch;
	uint8_t *text = malloc(len), pat[64];
	struct sl_patterns *ps;

	for (round = 0; round < 12; round++) {
		bool nocase = round % 2;

		ps = sl_patterns_new();
		n = round < 6 ? 20 : 150;
		for (i = 0; i < n; i++) {
			m = shortest[round % 6] + rnd(i % 10 ? 14 : 50);
			for (k = 0; k < m; k++)
				pat[k] = (uint8_t)("etaoinQ-"[rnd(8)]);
			sl_patterns_add(ps, pat, m, 0, nocase);
		}
		for (k = 0; k < len; ) {
			unsigned int kind = rnd(4);

			for (stretch = k + rnd(6000); k < len && k < stretch; ) {
				const struct sl_pattern *it = &ps->items[rnd(ps->n)];

				if (kind == 0 || (kind == 1 && rnd(30))) {
					text[k++] = (uint8_t)(' ' + rnd(90));
					continue;
				}
				if (kind == 2 && rnd(3)) {
					text[k++] = (uint8_t)("etaoinQ-"[rnd(8)]);
					continue;
				}
				m = rnd(3) ? it->len : rnd(it->len);
				if (m > len - k)
					m = len - k;
				memcpy(text + k, it->bytes, m);
				if (nocase && m)
					text[k + rnd((uint32_t)m)] ^= 0x20;
				k += m;
			}
		}
		check_text(ps, text, len);
		sl_patterns_free(ps);
	}
	free(text);
}

TEST_MAIN()
