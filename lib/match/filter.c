/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter -- find the places where it is worth running the automaton
 *
 * Each pattern of four or more bytes offers keys: `stride` neighbouring
 * four-byte windows, beginning at an offset of the pattern that is chosen for
 * being rare in traffic. All keys go into one hashed bitmap. As a pattern's
 * keys are neighbours, testing every stride-th window of the text meets one of
 * them in each occurrence:
 *
 *	pattern   x-forwarded-host		stride 4, keys from offset 2
 *	            forw orwa rwar ward
 *	text      ..x-forwarded-host..
 *	tested    ^   ^   ^   ^			one of the four, here "rwar"
 *
 * A tested window that is in the bitmap gets a closer look: it must be a key
 * exactly, and the two bytes before and behind it must be ones that go with
 * that key. So an occurrence begins at most `back` bytes before a key that
 * passes, and where none passes there is no occurrence. The filter may pass
 * too much, never too little; windows that stick out of the text at hand are
 * the caller's business.
 *
 * Without regard to case, keys and text are or'ed with 0x20 in each byte. That
 * makes a few other bytes equal, too, which only passes more.
 *
 * Patterns of one and two bytes, and those of three if they are many, go into
 * a second bitmap by their first two bytes, and everything in there passes.
 */
#include "match/ac_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OFFSET	8		/* where in a pattern its first key may stand */
#define MAX_KEYS	(1u << 18)	/* beyond, nearly everything would pass */
#define MAX_THREES	64		/* three-byte patterns cost 256 keys each */

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
	uint8_t *is_common;		/* 2^14 by hash of the folded window */
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

static uint64_t window_cost(const struct maker *m, const uint8_t *p)
{
	unsigned int sum = byte_weight(p[0]) + byte_weight(p[1]) + byte_weight(p[2]) + byte_weight(p[3]);

	if (m->is_common[(window(p) | 0x20202020) * AC_HASH >> 18])
		sum += 12;
	return 1ull << sum;
}

/* The offset of the first key: where the `stride` windows are rarest. */
static uint32_t choose(const struct maker *m, const struct ac_str *s)
{
	uint32_t last = s->len - 4 - (m->f->stride - 1), at, j, best = 0;
	uint64_t cost, least = UINT64_MAX;

	if (last > MAX_OFFSET)
		last = MAX_OFFSET;
	for (at = 0; at <= last; at++) {
		cost = 0;
		for (j = 0; j < m->f->stride; j++)
			cost += window_cost(m, s->b + at + j);
		if (cost < least) {
			least = cost;
			best = at;
		}
	}
	return best;
}

static void set_bit(uint32_t *bits, uint32_t i)
{
	bits[i >> 5] |= 1u << (i & 31);
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

static void add_key(struct ac_filter *f, uint32_t key, uint64_t before, uint64_t after)
{
	uint32_t h = key * AC_HASH, at = h >> f->key_shift;
	struct ac_key *k;

	if (f->bits)
		set_bit(f->bits, h >> f->shift);
	else
		f->bytes[h >> f->shift] = 1;
	while (f->keys[at].used && f->keys[at].key != key)
		at = (at + 1) & f->key_mask;
	k = &f->keys[at];
	k->used = 1;
	k->key = key;
	k->before |= before;
	k->after |= after;
}

static void add_long(struct ac_filter *f, const struct ac_str *s, uint32_t at)
{
	uint32_t left = s->len - at - 4;
	uint64_t before, after;

	before = at > 1 ? pair_set(pair(s->b + at - 2), 2, false, f->fold) :
		 pair_set(at ? s->b[0] : 0, at, true, f->fold);
	after = left > 1 ? pair_set(pair(s->b + at + 4), 2, false, f->fold) :
		pair_set(left ? s->b[at + 4] : 0, left, false, f->fold);
	add_key(f, window(s->b + at) | f->fold, before, after);
	if (at > f->back)
		f->back = at;
}

static void add_short(struct ac_filter *f, const struct ac_str *s)
{
	uint8_t w[4] = { s->b[0], s->len > 1 ? s->b[1] : 0 };
	unsigned int c;

	if (s->len > 1) {
		set_bit(f->pairs, (pair(w) | f->fold) & 0xffff);
		return;
	}
	for (c = 0; c < 256; c++) {
		w[1] = (uint8_t)c;
		set_bit(f->pairs, (pair(w) | f->fold) & 0xffff);
	}
}

static void add_three(struct ac_filter *f, const struct ac_str *s)
{
	uint8_t w[4] = { s->b[0], s->b[1], s->b[2] };
	unsigned int c;

	for (c = 0; c < 256; c++) {
		w[3] = (uint8_t)c;
		add_key(f, window(w) | f->fold, UINT64_MAX, UINT64_MAX);
	}
}

static unsigned int log2_above(uint64_t n)
{
	unsigned int k = 0;

	while (1ull << k < n)
		k++;
	return k;
}

int ac_filter_new(const struct ac_str *strs, uint32_t n, bool nocase, bool simd,
		  struct ac_filter **out)
{
	struct maker m = { .strs = strs, .n = n };
	uint32_t i, j, shortest = UINT32_MAX, shorts = 0, threes = 0, at;
	unsigned int bits, key_bits;
	struct ac_filter *f;
	uint64_t n_keys;

	for (i = 0; i < n; i++) {
		if (strs[i].len < shortest)
			shortest = strs[i].len;
		shorts += strs[i].len < 3;
		threes += strs[i].len == 3;
	}
	/* Single bytes that are letters or the like are everywhere. */
	for (i = 0; i < n; i++)
		if (strs[i].len == 1 && byte_weight(strs[i].b[0]) >= 8)
			return 0;

	f = calloc(1, sizeof(*f));
	m.f = f;
	m.is_common = calloc(1, 1 << 14);
	if (!f || !m.is_common)
		goto nomem;
	f->fold = nocase ? 0x20202020 : 0;
	f->stride = shortest >= 7 ? 4 : shortest >= 5 ? 2 : 1;
	if (threes > MAX_THREES) {
		shorts += threes;
		threes = 0;
	}
	n_keys = (uint64_t)(n - shorts - threes) * f->stride + threes * 256;
	if (n_keys > MAX_KEYS) {
		ac_filter_free(f);
		free(m.is_common);
		return 0;
	}
	/* Bitmap: 2 KiB to 64 KiB, so that 1 in 32 or fewer are set. Bytes: 4 KiB to 128 KiB. */
	bits = log2_above(n_keys * 32);
	bits = simd ? (bits < 14 ? 14 : bits > 19 ? 19 : bits) :
		      (bits < 12 ? 12 : bits > 17 ? 17 : bits);
	key_bits = log2_above(n_keys * 2 + 2);
	f->shift = 32 - bits;
	f->key_shift = 32 - key_bits;
	f->key_mask = (1u << key_bits) - 1;
	f->keys = calloc((size_t)1 << key_bits, sizeof(*f->keys));
	if (simd)
		f->bits = calloc((size_t)1 << (bits - 5), sizeof(*f->bits));
	else
		f->bytes = calloc(1, (size_t)1 << bits);
	if (shorts)
		f->pairs = calloc(1, 65536 / 8);
	if (!f->keys || (!f->bits && !f->bytes) || (shorts && !f->pairs))
		goto nomem;
	f->memory = sizeof(*f) + ((size_t)1 << key_bits) * sizeof(*f->keys) +
		    ((size_t)1 << bits) / (simd ? 8 : 1) + (shorts ? 65536 / 8 : 0);

	for (i = 0; i + 4 < sizeof(common); i++)
		m.is_common[(window((const uint8_t *)common + i) | 0x20202020) * AC_HASH >> 18] = 1;
	for (i = 0; i < n; i++) {
		if (strs[i].len < 3 || (strs[i].len == 3 && !threes)) {
			add_short(f, &strs[i]);
		} else if (strs[i].len == 3) {
			add_three(f, &strs[i]);
		} else {
			at = choose(&m, &strs[i]);
			for (j = 0; j < f->stride; j++)
				add_long(f, &strs[i], at + j);
		}
	}
	f->seek = ac_seek_choose(f);
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
	free(f->bits);
	free(f->bytes);
	free(f->pairs);
	free(f->keys);
	free(f);
}
