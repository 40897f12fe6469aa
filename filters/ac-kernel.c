/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ac-kernel.c -- the automaton that ac's kernel form goes through
 *
 * All prefixes in lower case, as a tree whose missing branches are filled in from
 * the longest suffix that is in the tree too (Aho-Corasick). A row has an entry for each
 * class of bytes: those in no prefix share class 0. Entries are the next row's place, with
 * AC_HIT where a prefix ends or a suffix of what was read is one.
 */
#include <stdlib.h>
#include <string.h>

#include "ac-kernel.h"
#include "screen.h"

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Classes of bytes; gives how many. */
static uint32_t classify(const struct screen_rules *r, uint8_t classes[256])
{
	uint32_t n = 1;

	memset(classes, 0, 256);
	for (unsigned int i = 0; i < r->n_patterns; i++) {
		for (unsigned int j = 0; j < r->prefix[i].len; j++) {
			uint8_t c = lower(r->prefix[i].bytes[j]);

			/* 255 different ones at most: upper case has none of its own */
			if (!classes[c])
				classes[c] = (uint8_t)n++;
		}
	}
	for (int c = 'A'; c <= 'Z'; c++)
		classes[c] = classes[c + 32];
	return n;
}

/* Rows of n entries; next rows are numbers, 0 for none. Gives how many rows, 0: too many. */
static uint32_t grow(const struct screen_rules *r, const uint8_t classes[256], uint32_t n, uint32_t *t,
		     uint8_t *hit)
{
	uint32_t rows = 1;

	for (unsigned int i = 0; i < r->n_patterns; i++) {
		uint32_t at = 0;

		for (unsigned int j = 0; j < r->prefix[i].len; j++) {
			uint32_t *next = &t[at * n + classes[lower(r->prefix[i].bytes[j])]];

			if (!*next) {
				if ((rows + 1) * n > AC_ENTRIES_MAX)
					return 0;
				*next = rows++;
			}
			at = *next;
		}
		hit[at] = 1;
	}
	return rows;
}

/* Fill in what is missing, row by row in the order of their depth. */
static void fill(uint32_t *t, uint8_t *hit, uint32_t *fail, uint32_t *queue, uint32_t n)
{
	uint32_t head = 0, tail = 0;

	for (uint32_t c = 0; c < n; c++)
		if (t[c])
			queue[tail++] = t[c];
	while (head < tail) {
		uint32_t row = queue[head++];

		hit[row] |= hit[fail[row]];
		for (uint32_t c = 0; c < n; c++) {
			uint32_t *next = &t[row * n + c], other = t[fail[row] * n + c];

			if (*next) {
				fail[*next] = other;
				queue[tail++] = *next;
			} else {
				*next = other;
			}
		}
	}
}

int ac_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct screen_rules *r = shared;
	uint32_t *t = calloc(AC_ENTRIES_MAX, sizeof(*t)), *fail = calloc(AC_ENTRIES_MAX, 8), rows, n, entries = 16;
	uint8_t *hit = calloc(AC_ENTRIES_MAX, 1), classes[256];
	int err = -1;

	(void)state;
	if (!r) {
		err = sl_kernel_refuse(k, "its patterns are not known yet");
		goto out;
	}
	if (!t || !fail || !hit) {
		err = sl_kernel_refuse(k, "no memory for its automaton");
		goto out;
	}
	n = classify(r, classes);
	rows = grow(r, classes, n, t, hit);
	if (!rows) {
		err = sl_kernel_refuse(k, "%u patterns are too many for the cache", r->n_patterns);
		goto out;
	}
	fill(t, hit, fail, fail + AC_ENTRIES_MAX, n);
	for (uint32_t i = 0; i < rows * n; i++)
		t[i] = t[i] * n | (hit[t[i]] ? AC_HIT : 0);
	while (entries < rows * n)
		entries *= 2;
	n = entries - 1;
	err = sl_kernel_set(k, "mask", &n, sizeof(n));
	if (!err)
		err = sl_kernel_set(k, "classes", classes, sizeof(classes));
	if (!err)
		err = sl_kernel_table(k, "automaton", t, entries * sizeof(*t));
out:
	free(t);
	free(fail);
	free(hit);
	return err;
}
