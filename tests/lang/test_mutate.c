/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_mutate -- one slip in a good request
 *
 * Each request below is damaged in one place at a time, in every way that the
 * grammar can notice: an arrow broken, a bracket or quote missing or doubled, a
 * keyword misspelt. Promised: none is accepted, the first error points at the
 * damage in at least 95 of 100, and its first fix gives back the request in at
 * least 90 of 100 (the same text, or text that means the same, as `->` for `>`).
 *
 * SRL_MUTATE=1 in the environment prints every miss.
 */
#include "lang/tree.h"

#include "test.h"
#include "requests.h"

struct tally {
	unsigned int n, accepted, pointed, restored;
};

static struct tally total;
static bool loud;

static bool parses(const char *text, size_t len, struct sl_tree **tree, struct sl_diags *ds)
{
	struct sl_source *src = sl_source_new("<arg>", text, len);
	int r = sl_tree_parse(src, tree, ds);

	sl_source_put(src);
	return r == 0;
}

static size_t offset_of(const char *text, const struct sl_place *at)
{
	uint32_t line = 1, col = 1;
	size_t i = 0;

	while (text[i] && (line < at->line || (line == at->line && col < at->col))) {
		if (text[i] == '\n') {
			line++;
			col = 1;
		} else if (((unsigned char)text[i + 1] & 0xc0) != 0x80) {
			col++;
		}
		i++;
	}
	return i;
}

static size_t bytes_of(const char *text, uint32_t chars)
{
	size_t i = 0;

	while (chars-- && text[i])
		for (i++; ((unsigned char)text[i] & 0xc0) == 0x80; i++)
			;
	return i;
}

/* Does the text with the first fix mean what the base means? */
static bool restores(const char *text, const struct sl_diag *d, const char *base)
{
	size_t at = offset_of(text, &d->labels[0].place);
	size_t len = bytes_of(text + at, d->labels[0].place.len);
	struct sl_tree *a = NULL, *b = NULL;
	char fixed[4096];
	bool same = false;
	int n;

	if (!d->n_fixes)
		return false;
	n = snprintf(fixed, sizeof(fixed), "%.*s%s%s", (int)at, text, d->fixes[0], text + at + len);
	if (!strcmp(fixed, base))
		return true;
	if (parses(fixed, (size_t)n, &a, NULL) && parses(base, strlen(base), &b, NULL))
		same = sl_tree_equal(a, b);
	sl_tree_free(a);
	sl_tree_free(b);
	return same;
}

/* Replace len bytes at `at` of the base by `with`, and judge what is said. */
static void mutate(struct tally *t, const char *base, size_t at, size_t len, const char *with)
{
	char text[4096];
	struct sl_diags *ds = sl_diags_new();
	struct sl_tree *tree = NULL;
	bool pointed = false, restored = false, accepted = false;
	int n;

	n = snprintf(text, sizeof(text), "%.*s%s%s", (int)at, base, with, base + at + len);
	if (parses(text, (size_t)n, &tree, ds)) {
		accepted = true;
	} else {
		const struct sl_diag *d = sl_diags_get(ds, 0);
		size_t from = offset_of(text, &d->labels[0].place);
		size_t to = from + bytes_of(text + from, d->labels[0].place.len);

		/* the place touches what was damaged */
		pointed = from <= at + strlen(with) + 1 && to + 1 >= at;
		restored = restores(text, d, base);
	}
	t->n++;
	t->accepted += accepted;
	t->pointed += pointed;
	t->restored += restored;
	total.n++;
	total.accepted += accepted;
	total.pointed += pointed;
	total.restored += restored;
	if (loud && !(pointed && restored)) {
		char *said = sl_diags_format(ds, false, NULL);

		fprintf(stderr, "#### %s%s: at %zu, %.*s -> %s\n%s\n%s\n", accepted ? "ACCEPTED" : "",
			pointed ? "not restored" : "not pointed", at, (int)len, base + at, with, text,
			said ? said : "");
		free(said);
	}
	sl_tree_free(tree);
	sl_diags_free(ds);
}

static void sum_up(const char *kind, const struct tally *t)
{
	printf("# %-10s %4u damaged, %u accepted, pointed at %.1f %%, restored %.1f %%\n", kind, t->n,
	       t->accepted, t->n ? 100.0 * t->pointed / t->n : 0, t->n ? 100.0 * t->restored / t->n : 0);
}

/* In a string or a comment at `at`? Both quotes themselves count as inside, too. */
static char inside(const char *base, size_t at)
{
	char q = 0;
	size_t i;

	for (i = 0; i < at; i++) {
		if (q && base[i] == q)
			q = 0;
		else if (!q && strchr("\"'", base[i]))
			q = base[i];
		else if (!q && base[i] == '#')
			q = '\n';
		if (q == '\n' && base[i] == '\n')
			q = 0;
	}
	return q;
}

TEST(bases_are_right)
{
	size_t i;

	loud = getenv("SRL_MUTATE") != NULL;
	for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		struct sl_diags *ds = sl_diags_new();
		struct sl_tree *tree = NULL;

		if (!parses(bases[i], strlen(bases[i]), &tree, ds))
			puts(sl_diags_format(ds, false, ""));
		CHECK(tree);
		sl_tree_free(tree);
		sl_diags_free(ds);
	}
}

TEST(brackets_missing_or_doubled)
{
	struct tally t = { 0 };
	size_t i, j;

	for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		for (j = 0; bases[i][j]; j++) {
			char twice[3] = { bases[i][j], bases[i][j], '\0' };

			if (!strchr("()[]{}", bases[i][j]) || inside(bases[i], j))
				continue;
			mutate(&t, bases[i], j, 1, "");
			mutate(&t, bases[i], j, 1, twice);
		}
	}
	sum_up("brackets", &t);
	CHECK(t.n >= 250);
}

TEST(quotes_missing_or_doubled)
{
	struct tally t = { 0 };
	size_t i, j;

	for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		for (j = 0; bases[i][j]; j++) {
			char twice[3] = { bases[i][j], bases[i][j], '\0' };
			char in = inside(bases[i], j);

			if (!strchr("\"'", bases[i][j]) || (in && in != bases[i][j]))
				continue;
			mutate(&t, bases[i], j, 1, "");
			mutate(&t, bases[i], j, 1, twice);
		}
	}
	sum_up("quotes", &t);
	CHECK(t.n >= 50);
}

TEST(arrows_broken)
{
	static const char *const plain[] = {
		">>", "=>", "- >", "-", "<", "~>", "", "->>", "-->", "> >", "|", "\u2192", "-->>",
	};
	struct tally t = { 0 };
	size_t i, j, k;

	for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		const char *b = bases[i];

		for (j = 0; b[j]; j++) {
			char text[128];
			size_t end, len;

			if (inside(b, j))
				continue;
			if (b[j] == '>' && (!j || !strchr("-<", b[j - 1]))) {
				for (k = 0; k < sizeof(plain) / sizeof(plain[0]); k++) {
					/* where a line begins with it, the rest is a statement */
					if (!*plain[k] && (b[j + 1] == '\n' || j < 3 || b[j - 2] == ' '))
						continue;
					mutate(&t, b, j, 1, plain[k]);
				}
			}
			if (b[j] == '<' && b[j + 1] == '>') {
				mutate(&t, b, j, 2, "<");
				mutate(&t, b, j, 2, "<<>");
				mutate(&t, b, j, 2, "<>>");
				mutate(&t, b, j, 2, "><");
				mutate(&t, b, j, 2, "< >");
			}
			if (b[j] == '-' && b[j + 1] == '>' && j && b[j - 1] == ' ') {
				mutate(&t, b, j, 2, "- >");
				mutate(&t, b, j, 2, "-->");
				mutate(&t, b, j, 2, "->>");
				mutate(&t, b, j, 2, "-");
				mutate(&t, b, j, 2, ">-");
				mutate(&t, b, j, 2, "=>");
			}
			if (b[j] != '-' || b[j + 1] == '>' || !strchr(" \n\t)", j ? b[j - 1] : ' '))
				continue;
			for (end = j + 1; b[end] && strncmp(b + end, "->", 2) && b[end] != '\n'; end++)
				;
			if (b[end] != '-')
				continue;
			len = end - j - 1;
			/* the tagged arrow is [j, end + 2) */
#define TAGGED(fmt) do { snprintf(text, sizeof(text), fmt, (int)len, b + j + 1); \
			 mutate(&t, b, j, end + 2 - j, text); } while (0)
			TAGGED("-%.*s>");
			/* at the start of a line a name without its dash begins a statement */
			if (strchr("0123456789!*$\"", b[j + 1]) || b[j - 1] == ')' || b[j - 2] == ')')
				TAGGED("%.*s->");
			TAGGED("-%.*s-");
			TAGGED("--%.*s->");
			TAGGED("-%.*s-->");
			TAGGED("-%.*s->>");
			TAGGED("-%.*s >");
			TAGGED("-%.*s- >");
			TAGGED("-%.*s>-");
			TAGGED("=%.*s=>");
			TAGGED("-%.*s=>");
			TAGGED("\u2013%.*s\u2192");
			TAGGED("-%.*s,->");
			if (len && b[j + 1] != '!')
				TAGGED("-,%.*s->");
		}
	}
	sum_up("arrows", &t);
	CHECK(t.n >= 500);
}

TEST(keywords_misspelt)
{
	static const char *const words[] = { "def", "let", "use", "set" };
	struct tally t = { 0 };
	size_t i, j, k, w;

	for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		for (j = 0; bases[i][j]; j++) {
			for (w = 0; w < 4; w++) {
				const char *kw = words[w];
				char text[8];

				if ((j && bases[i][j - 1] != '\n') || strncmp(bases[i] + j, kw, 3) ||
				    bases[i][j + 3] != ' ')
					continue;
				for (k = 0; k < 3; k++) {
					snprintf(text, sizeof(text), "%.*s%s", (int)k, kw, kw + k + 1);
					mutate(&t, bases[i], j, 3, text);
					snprintf(text, sizeof(text), "%.*s%c%s", (int)k, kw, kw[k], kw + k);
					mutate(&t, bases[i], j, 3, text);
					if (k == 2)
						continue;
					snprintf(text, sizeof(text), "%s", kw);
					text[k] = kw[k + 1];
					text[k + 1] = kw[k];
					mutate(&t, bases[i], j, 3, text);
				}
			}
		}
	}
	sum_up("keywords", &t);
	CHECK(t.n >= 50);
}

TEST(small_signs)
{
	struct tally t = { 0 };
	size_t i, j;

	for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		const char *b = bases[i];

		for (j = 0; b[j]; j++) {
			if (inside(b, j))
				continue;
			if (b[j] == '=')
				mutate(&t, b, j, 1, "==");
			if (b[j] == '=' && strchr("\"[", b[j + 1]))
				mutate(&t, b, j, 1, "");
			if (b[j] == ',')
				mutate(&t, b, j, 1, ",,");
			if (b[j] == '@') {
				mutate(&t, b, j, 1, "@@");
				mutate(&t, b, j, 1, "");
			}
			if (b[j] == '!')
				mutate(&t, b, j, 1, "!!");
			if (b[j] == '?')
				mutate(&t, b, j, 1, "??");
			if (b[j] == '.' && b[j + 1] == '.') {
				mutate(&t, b, j, 2, ".");
				mutate(&t, b, j, 2, "...");
			}
			if (b[j] == '.' && j && b[j - 1] == 'j')
				mutate(&t, b, j, 1, "..");
			if (b[j] == ':' && b[j + 1] == ' ')
				mutate(&t, b, j, 1, "::");
			if (b[j] == '$')
				mutate(&t, b, j, 1, "$$");
			if (b[j] == ' ' && j && b[j - 1] == ')')
				mutate(&t, b, j, 1, "\u00a0");
		}
	}
	sum_up("signs", &t);
	CHECK(t.n >= 50);
}

TEST(rates_are_kept)
{
	sum_up("all", &total);
	CHECK(total.n >= 600);
	CHECK_EQ(total.accepted, 0);
	CHECK(total.pointed * 100 >= total.n * 95);
	CHECK(total.restored * 100 >= total.n * 90);
}

TEST_MAIN()
