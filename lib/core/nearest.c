/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nearest -- did you mean?
 *
 * Damerau-Levenshtein in its restricted form (no part is edited twice), counted
 * in half steps: a letter added, lost or changed and two neighbours swapped cost
 * two, a letter in the other case costs one.
 */
#include "core/diag.h"

#include <ctype.h>
#include <string.h>

#define LEN_MAX 64

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	a = a < b ? a : b;
	return a < c ? a : c;
}

static unsigned int change(char a, char b)
{
	if (a == b)
		return 0;
	return tolower((unsigned char)a) == tolower((unsigned char)b) ? 1 : 2;
}

static unsigned int distance(const char *a, size_t la, const char *b, size_t lb)
{
	unsigned int rows[3][LEN_MAX + 1];
	unsigned int *before = rows[0], *prev = rows[1], *cur = rows[2], *t;
	size_t i, j;

	for (j = 0; j <= lb; j++)
		prev[j] = (unsigned int)j * 2;
	for (i = 1; i <= la; i++) {
		cur[0] = (unsigned int)i * 2;
		for (j = 1; j <= lb; j++) {
			cur[j] = min3(prev[j] + 2, cur[j - 1] + 2,
				      prev[j - 1] + change(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    a[i - 1] != b[j - 1] && before[j - 2] + 2 < cur[j])
				cur[j] = before[j - 2] + 2;
		}
		t = before;
		before = prev;
		prev = cur;
		cur = t;
	}
	return prev[lb];
}

const char *sl_nearest(const char *got, const char *const *words, size_t n)
{
	size_t got_len = strlen(got), i;
	unsigned int best = 0;
	const char *found = NULL;

	if (!got_len || got_len > LEN_MAX)
		return NULL;
	for (i = 0; i < n; i++) {
		size_t len, longer, slips;
		unsigned int d;

		if (!words[i])
			continue;
		len = strlen(words[i]);
		if (!len || len > LEN_MAX)
			continue;
		longer = len > got_len ? len : got_len;
		/* one slip in a short word, one more for every four letters */
		slips = 1 + (longer > 3 ? (longer - 2) / 4 : 0);
		if ((len > got_len ? len - got_len : got_len - len) > slips)
			continue;
		d = distance(got, got_len, words[i], len);
		/* a word in which nothing is left of the other is no likeness */
		if ((d > slips * 2 || d >= (len < got_len ? len : got_len) * 2) &&
		    strcasecmp(got, words[i]))
			continue;
		if (!found || d < best ||
		    (d == best && found[0] != got[0] && words[i][0] == got[0])) {
			best = d;
			found = words[i];
		}
	}
	return found;
}
