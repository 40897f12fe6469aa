/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter -- find the places where it is worth running the automaton
 *
 * Each pattern of four or more bytes offers keys: `stride` neighbouring
 * four-byte windows, beginning at an offset of the pattern that is chosen for
 * being rare in traffic. As they are neighbours, testing every stride-th window
 * of the text meets one of them in each occurrence:
 *
 *	pattern   x-forwarded-host		stride 4, keys from offset 2
 *	            forw orwa rwar ward
 *	text      ..x-forwarded-host..
 *	tested    ^   ^   ^   ^			one of the four, here "rwar"
 *
 * The test is one look into a table of words: the key's hash is the index, and
 * in the word there is a bit for the two bytes that follow the key, so that it
 * takes six bytes in common to pass, or less at the end of a pattern, where
 * more bits are set. What passes gets a closer look, by another hash: the two
 * bytes before and the two behind must be ones that go with the key. So an occurrence begins at most `back` bytes before a key that
 * passes, and where none passes there is no occurrence. The filter may pass
 * too much, never too little; windows that stick out of the text at hand are
 * the caller's business.
 *
 * Without regard to case, keys and text are or'ed with 0x20 in each byte. That
 * makes a few other bytes equal, too, which only passes more.
 *
 * Patterns of one to three bytes have a table of their own, by the first two
 * bytes and a bit for the third, and everything in there passes.
 */
#include "match/ac_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where in a pattern its first key may stand. Far in, the automaton has to
 * start long before a key, so it must be worth it.
 */
#define MAX_OFFSET	4
#define MAX_OFFSET_COMMON 16		/* if everything before is commonplace */
#define MAX_KEYS	(1u << 18)	/* beyond, nearly everything would pass */
#define MAX_BITS	(1u << 14)	/* of the 2^19 of the largest table, for a longer stride */

/*
 * How common a byte is in traffic, as a power of two: text and HTTP headers
 * first, but binary protocols have their zeros. Only ratios matter.
 */
static unsigned int byte_weight(uint8_t c)
{
	static const uint8_t letters[26] = {
		/* a  b  c  d  e  f  g  h  i  j  k  l  m  n  o  p  q  r  s  t  u  v  w  x  y  z */
		10, 7, 9, 9, 11, 8, 8, 8, 10, 4, 6, 9, 8, 10, 10, 9, 4, 9, 9, 10, 8, 6, 7, 6, 7, 4,
	};

	if (c >= 'a' && c <= 'z')
		return letters[c - 'a'];
	if (c >= 'A' && c <= 'Z')
		return letters[c - 'A'] - 2;
	if (c >= '0' && c <= '9')
		return 8;
	switch (c) {
	case ' ':
		return 10;
	case '\0': case '\r': case '\n': case '.': case '-': case '/': case '=':
		return 9;
	case '"': case ':': case ',': case ';': case '<': case '>': case '_': case '&':
		return 8;
	case '%': case '\'': case '(': case ')': case '+': case '?': case '*': case '\t': case 0xff:
		return 7;
	}
	return c >= 0x80 ? 5 : 4;
}

/* What nearly every HTTP message holds: windows of it make poor keys. */
static const char common[] =
	"GET / HTTP/1.1\r\nHost: www.\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
	"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Firefox/\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
	"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"
	"Connection: keep-alive\r\nCookie: session\r\nReferer: https://www.\r\nPOST / HTTP/1.0\r\n"
	"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nServer: Apache nginx\r\n"
	"Last-Modified: Content-Type: text/html; charset=utf-8\r\nContent-Length: 0000\r\n"
	"Cache-Control: no-cache, no-store, max-age=0\r\nTransfer-Encoding: chunked\r\n"
	"Content-Type: application/json; application/x-www-form-urlencoded\r\n"
	"Set-Cookie: path=/; expires=\r\nVary: Accept-Encoding\r\n\r\n"
	"<!DOCTYPE html><html><head><title></title><meta name=\"content\" charset=\"utf-8\">"
	"<link rel=\"stylesheet\" href=\"/css\"><script type=\"text/javascript\" src=\".js\"></script>"
	"</head><body><div class=\"\"><a href=\"http://www. .com/\"></a></div><p><br><span>"
	" the and for that with this from have you are .html .php?id= index.\r\n";

struct maker {
	struct ac_filter *f;
	const struct ac_str *strs;
	uint32_t n;
	uint8_t *is_common;		/* by hash of the folded window */
};

static uint32_t window(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static uint32_t pair(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

#define COMMON_BITS	18
#define SHARED_BY	3		/* a window of so many patterns is taken for a word of the language */

static uint8_t *common_at(const struct maker *m, const uint8_t *p)
{
	return &m->is_common[(window(p) | 0x20202020) * AC_HASH >> (32 - COMMON_BITS)];
}

static bool is_common(const struct maker *m, const uint8_t *p)
{
	return *common_at(m, p) >= SHARED_BY;
}

/*
 * What is in many messages, and what the patterns themselves share: sets are full of
 * "select" and "script", and so is the traffic that they are meant for.
 */
static void learn_common(struct maker *m)
{
	uint32_t i, j;

	for (i = 0; i < m->n; i++)
		for (j = 0; j + 4 <= m->strs[i].len && j < 64; j++)
			if (*common_at(m, m->strs[i].b + j) < SHARED_BY)
				++*common_at(m, m->strs[i].b + j);
	for (i = 0; i + 4 < sizeof(common); i++)
		*common_at(m, (const uint8_t *)common + i) = SHARED_BY;
}

/* How often the key at p, with what follows it, may be met; `left` bytes are there. */
static double key_cost(const struct maker *m, const uint8_t *p, uint32_t left)
{
	unsigned int sum = 0, i;

	for (i = 0; i < 6; i++)
		sum += i < left ? byte_weight(p[i]) : 12;
	if (is_common(m, p))
		sum += left < 6 || is_common(m, p + 2) ? 12 : 3;
	return (double)(1ull << sum / 2) * (sum & 1 ? 1.5 : 1);
}

/* The offset of the first key: where the `stride` windows are rarest. */
static uint32_t choose(const struct maker *m, const struct ac_str *s)
{
	uint32_t last = s->len - 4 - (m->f->stride - 1), at, j, best = 0;
	double cost, least = 0;

	if (last > MAX_OFFSET_COMMON)
		last = MAX_OFFSET_COMMON;
	for (at = 0; at <= last; at++) {
		if (at > MAX_OFFSET && !is_common(m, s->b + best))
			break;
		cost = 0;
		for (j = at; j < at + m->f->stride; j++)
			cost += key_cost(m, s->b + j, s->len - j);
		if (!at || cost < least) {
			least = cost;
			best = at;
		}
	}
	return best;
}

/* The hashes a pair can have of which `known` bytes, the lower or the upper, are fixed. */
static uint64_t pair_set(uint32_t value, unsigned int known, bool upper, uint32_t fold)
{
	uint64_t set = 0;
	uint32_t other;

	if (!known)
		return UINT64_MAX;
	if (known == 2)
		return 1ull << ac_pair_hash((value | fold) & 0xffff);
	for (other = 0; other < 256; other++)
		set |= 1ull << ac_pair_hash(((upper ? value << 8 | other : value | other << 8) | fold) & 0xffff);
	return set;
}

/* The same for the bits of a word. */
static uint32_t follow_set(uint32_t value, unsigned int known, uint32_t fold)
{
	uint32_t set = 0, other;

	if (!known)
		return UINT32_MAX;
	if (known == 2)
		return 0x80000000u >> ac_follow_bit((value | fold) & 0xffff);
	for (other = 0; other < 256; other++)
		set |= 0x80000000u >> ac_follow_bit((value | other << 8 | fold) & 0xffff);
	return set;
}

static void add_long(struct ac_filter *f, const struct ac_str *s, uint32_t at)
{
	uint32_t left = s->len - at - 4, key = window(s->b + at) | f->fold, h = key * AC_HASH;
	unsigned int n_after = left < 2 ? left : 2;
	uint32_t after = n_after == 2 ? pair(s->b + at + 4) : n_after ? s->b[at + 4] : 0;
	struct ac_key *k;

	f->words[h >> f->shift] |= follow_set(after, n_after, f->fold);
	k = &f->keys[key * AC_HASH2 >> f->key_shift];
	k->after |= pair_set(after, n_after, false, f->fold);
	k->before |= at > 1 ? pair_set(pair(s->b + at - 2), 2, false, f->fold) :
		     pair_set(at ? s->b[0] : 0, at, true, f->fold);
	if (at > f->back)
		f->back = at;
}

static void add_short(struct ac_filter *f, const struct ac_str *s)
{
	uint32_t w = s->b[0] | (s->len > 1 ? (uint32_t)s->b[1] << 8 : 0) |
		     (s->len > 2 ? (uint32_t)s->b[2] << 16 : 0), c;

	if (s->len == 3) {
		w |= f->fold;
		f->shorts[ac_short_word(w)] |= 0x80000000u >> ac_short_bit(w);
	} else if (s->len == 2) {
		f->shorts[ac_short_word(w | f->fold)] = UINT32_MAX;
	} else {
		for (c = 0; c < 256; c++)
			f->shorts[ac_short_word((w | c << 8) | f->fold)] = UINT32_MAX;
	}
}

static unsigned int log2_above(uint64_t n)
{
	unsigned int k = 0;

	while (1ull << k < n)
		k++;
	return k;
}

/*
 * Bits that the table would have set, at most, with this stride. Patterns that
 * end soon after a key set many.
 */
static uint64_t bits_set(const struct maker *m, unsigned int stride)
{
	uint64_t sum = 0;
	uint32_t i, j, room;

	for (i = 0; i < m->n; i++) {
		if (m->strs[i].len < stride + 3)
			continue;
		for (j = 0; j < stride; j++) {
			room = m->strs[i].len - stride + 1 + j;
			sum += room >= 6 ? 1 : room == 5 ? 28 : 32;
		}
	}
	return sum;
}

int ac_filter_new(const struct ac_str *strs, uint32_t n, bool nocase, unsigned int flags,
		  struct ac_filter **out)
{
	struct maker m = { .strs = strs, .n = n };
	uint32_t i, j, shortest = UINT32_MAX, shorts = 0, at;
	unsigned int bits, key_bits;
	struct ac_filter *f;
	uint64_t n_keys;

	for (i = 0; i < n; i++) {
		if (strs[i].len < shortest)
			shortest = strs[i].len;
		shorts += strs[i].len < 4;
		/* Single bytes that are letters or the like are everywhere. */
		if (strs[i].len == 1 && byte_weight(strs[i].b[0]) >= 8)
			return 0;
	}
	f = calloc(1, sizeof(*f));
	m.f = f;
	m.is_common = calloc(1, 1 << COMMON_BITS);
	if (!f || !m.is_common)
		goto nomem;
	f->fold = nocase ? 0x20202020 : 0;
	f->stride = 4;
	while (f->stride > 1 && (shortest < f->stride + 3 || bits_set(&m, f->stride) > MAX_BITS))
		f->stride /= 2;
	n_keys = (uint64_t)(n - shorts) * f->stride;
	if (n_keys > MAX_KEYS) {
		ac_filter_free(f);
		free(m.is_common);
		return 0;
	}
	/* As small as keeps one bit in 64 or fewer set: 2 KiB to 64 KiB. */
	bits = log2_above(bits_set(&m, f->stride) * 64);
	bits = bits < 14 ? 14 : bits > 19 ? 19 : bits;
	key_bits = log2_above(n_keys * 4 + 2);
	f->shift = 32 - (bits - 5);
	f->key_shift = 32 - key_bits;
	f->keys = calloc((size_t)1 << key_bits, sizeof(*f->keys));
	f->words = calloc((size_t)1 << (bits - 5), sizeof(*f->words));
	if (shorts)
		f->shorts = calloc(1 << AC_SHORT_BITS, sizeof(*f->shorts));
	if (!f->keys || !f->words || (shorts && !f->shorts))
		goto nomem;
	f->memory = sizeof(*f) + ((size_t)1 << key_bits) * sizeof(*f->keys) + ((size_t)1 << bits) / 8 +
		    (shorts ? sizeof(*f->shorts) << AC_SHORT_BITS : 0);

	learn_common(&m);
	for (i = 0; i < n; i++) {
		if (strs[i].len < 4) {
			add_short(f, &strs[i]);
			continue;
		}
		at = choose(&m, &strs[i]);
		for (j = 0; j < f->stride; j++)
			add_long(f, &strs[i], at + j);
	}
	f->seek = ac_seek_choose(f, flags);
	free(m.is_common);
	*out = f;
	return 0;
nomem:
	ac_filter_free(f);
	free(m.is_common);
	return -ENOMEM;
}

void ac_filter_free(struct ac_filter *f)
{
	if (!f)
		return;
	free(f->words);
	free(f->shorts);
	free(f->keys);
	free(f);
}
