/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_ac -- the matcher against plain comparison, at any cuts
 *
 *	byte 0		form of the automaton
 *	byte 1		seed of the cuts
 *	byte 2		how often the text is repeated (it makes long texts cheap)
 *	then patterns	length (low 6 bits; 0x40: without case), bytes; length 0 ends
 *	then the text
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "match/ac.h"

#define MUST(cond) do { if (!(cond)) { fprintf(stderr, "fuzz_ac: %s\n", #cond); abort(); } } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct hits {
	size_t base, n;
	size_t last[2];
	const struct sl_patterns *ps;
	const uint8_t *text;
	size_t len;
};

static uint8_t low(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool same(const struct sl_pattern *it, const uint8_t *p)
{
	uint32_t i;

	for (i = 0; i < it->len; i++)
		if (it->nocase ? low(it->bytes[i]) != low(p[i]) : it->bytes[i] != p[i])
			return false;
	return true;
}

/* Each hit is true, and as they come in order, equal numbers mean equal sets. */
static int take(void *arg, uint32_t pattern, size_t end)
{
	struct hits *h = arg;
	const struct sl_pattern *it = &h->ps->items[pattern];

	end += h->base;
	MUST(pattern < h->ps->n);
	MUST(end <= h->len && end >= it->len);
	MUST(end >= h->last[it->nocase]);
	MUST(same(it, h->text + end - it->len));
	h->last[it->nocase] = end;
	h->n++;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned int forms[] = {
		0, SL_AC_NO_SIMD, SL_AC_NO_FILTER, SL_AC_COMPACT, SL_AC_COMPACT | SL_AC_NO_FILTER,
		SL_AC_COMPACT | SL_AC_NO_SIMD, SL_AC_NO_WIDE,
	};
	struct sl_patterns *ps = sl_patterns_new();
	struct sl_ac_state st = { 0 };
	struct hits h = { .ps = ps };
	struct sl_ac *ac = NULL;
	size_t at = 3, want = 0, i, len, part;
	uint32_t rnd;
	uint8_t *text, *piece;
	unsigned int k;

	if (!ps || size < 4)
		goto out;
	while (at < size && data[at]) {
		len = data[at] & 0x3f;
		if (!len || len > size - at - 1)
			break;
		sl_patterns_add(ps, data + at + 1, len, 0, data[at] & 0x40);
		at += 1 + len;
	}
	at += at < size;
	part = size - at;
	h.len = part * (1 + data[2]);
	if (h.len > 20000)
		h.len = 20000;
	text = malloc(h.len + 1);
	MUST(text);
	for (i = 0; i < h.len; i++)
		text[i] = data[at + i % part];
	h.text = text;

	for (i = 0; i < h.len; i++)
		for (k = 0; k < ps->n; k++)
			want += ps->items[k].len <= h.len - i && same(&ps->items[k], text + i);

	MUST(sl_ac_new(ps, forms[data[0] % 7], &ac) == 0);
	rnd = data[1] * 2654435761u + 1;
	for (; h.base < h.len; h.base += len) {
		rnd = rnd * 1664525u + 1013904223u;
		len = data[1] ? 1 + (rnd >> 8) % (1u << (rnd >> 28)) : h.len;
		if (len > h.len - h.base)
			len = h.len - h.base;
		/* A block of its own, so that a sanitizer sees reads beyond it. */
		piece = malloc(len);
		MUST(piece);
		memcpy(piece, text + h.base, len);
		MUST(!sl_ac_scan(ac, &st, piece, len, take, &h));
		free(piece);
	}
	MUST(h.n == want);
	free(text);
out:
	sl_ac_free(ac);
	sl_patterns_free(ps);
	return 0;
}
