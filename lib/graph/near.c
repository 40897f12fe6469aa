/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/near.c -- the likeliest words for one with a slip
 *
 * sl_nearest() gives one word by letters alone. Here several candidates compete and the
 * caller knows more than letters: which filters take the argument that was
 * written, which parameters are still free. So each candidate has a cost by letters,
 * weighed by what fingers do, to which the caller adds its bias:
 *
 *	16	a letter left out, a letter doubled, two neighbours swapped
 *	24	a letter too many, a wrong letter
 *	 8	the other case
 *	+2	another first letter
 */
#include <ctype.h>
#include <limits.h>

#include "graph/build.h"

#define WORD_MAX 64

static int min_of(int a, int b)
{
	return a < b ? a : b;
}

static int change(char a, char b)
{
	if (a == b)
		return 0;
	return tolower((unsigned char)a) == tolower((unsigned char)b) ? 8 : 24;
}

/* What it takes to have written `got` for `want`. */
static int slip_cost(const char *got, size_t lg, const char *want, size_t lw)
{
	int rows[3][WORD_MAX + 1], *before = rows[0], *prev = rows[1], *cur = rows[2], *t;
	size_t i, j;

	for (j = 0; j <= lw; j++)
		prev[j] = (int)j * 16;
	for (i = 1; i <= lg; i++) {
		int extra = i > 1 && got[i - 1] == got[i - 2] ? 16 : 24;

		cur[0] = prev[0] + (i < lg && got[i - 1] == got[i] ? 16 : extra);
		for (j = 1; j <= lw; j++) {
			cur[j] = min_of(min_of(prev[j] + extra, cur[j - 1] + 16),
					prev[j - 1] + change(got[i - 1], want[j - 1]));
			if (i > 1 && j > 1 && got[i - 1] == want[j - 2] && got[i - 2] == want[j - 1] &&
			    got[i - 1] != want[j - 1])
				cur[j] = min_of(cur[j], before[j - 2] + 16);
		}
		t = before;
		before = prev;
		prev = cur;
		cur = t;
	}
	return prev[lw];
}

void sl_near_init(struct sl_near *n, const char *got)
{
	memset(n, 0, sizeof(*n));
	n->got = got;
}

void sl_near_add(struct sl_near *n, const char *word, int bias)
{
	size_t lg = strlen(n->got), lw = word ? strlen(word) : 0;
	unsigned int i;
	int cost, limit;

	if (!lg || !lw || lg > WORD_MAX || lw > WORD_MAX)
		return;
	for (i = 0; i < n->n; i++)
		if (!strcmp(n->best[i].word, word))
			return;
	limit = lw <= 3 ? 24 : lw <= 6 ? 32 : 48;
	cost = slip_cost(n->got, lg, word, lw);
	/* a word in which nothing is left of the other is no likeness */
	if (cost > limit || cost >= (int)(lg < lw ? lg : lw) * 24)
		return;
	cost += bias + (n->got[0] != word[0] ? 2 : 0);
	for (i = 0; i < n->n && n->best[i].cost <= cost; i++)
		;
	if (i == SL_NEAR_MAX)
		return;
	if (n->n < SL_NEAR_MAX)
		n->n++;
	memmove(&n->best[i + 1], &n->best[i], (n->n - 1 - i) * sizeof(n->best[0]));
	n->best[i].word = word;
	n->best[i].cost = cost;
}

void sl_near_tell(const struct sl_near *n, struct sl_diag_new *d, const char *before, const char *after)
{
	unsigned int i;

	if (!n->n)
		return;
	if (n->n > 1 && n->best[1].cost == n->best[0].cost)
		sl_err_label(d, "did you mean '%s' or '%s'?", n->best[0].word, n->best[1].word);
	else
		sl_err_label(d, "did you mean '%s'?", n->best[0].word);
	for (i = 0; i < n->n; i++)
		sl_err_fix(d, "%s%s%s", before, n->best[i].word, after);
}
