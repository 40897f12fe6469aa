/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * brace -- braces that are missing or doubled
 *
 * A lost brace shows only far behind its place, often at the end of the file, and
 * everything between is read wrongly. So the braces are counted before parsing.
 * When they do not match, places where one may have been lost are tried in order
 * of likelihood: each is mended in a copy and parsed for a trial, and the first
 * that parses is believed, else the one that leaves the fewest errors. The error
 * is reported there, and parsing goes on with that copy.
 *
 * What tells the place: a brace that was deleted leaves its blanks behind (two in
 * a row, one at the end of a line, an empty line); else indentation; else the
 * first arrow behind a group, the end behind a fan.
 */
#include "lang/parser.h"

#include <limits.h>
#include <stdlib.h>

#define CANDIDATES_MAX 48
#define TRY_BYTES_MAX 32768

struct candidate {
	uint32_t at;
	bool remove;		/* the brace at `at`; else insert one there */
	const char *fix;	/* what to insert, or "" */
};

struct braces {
	uint32_t open[SL_DEPTH_MAX];	/* openers not closed yet */
	unsigned int n_open;
	bool deep;
	bool stray;			/* a '}' without '{' was met ... */
	uint32_t stray_at;		/* ... here */
	struct candidate cand[CANDIDATES_MAX];
	unsigned int n_cand;
};

/* Behind strings and comments; else one further. */
static uint32_t step(const char *s, uint32_t i)
{
	if (s[i] == '#')
		return sl_lex_inline(s, i);
	if (s[i] == '"' || s[i] == '\'') {
		struct lex_string st;

		/*
		 * Right behind a word a quote has lost its partner before it; but
		 * -"tag"-> and !"tag" begin with one.
		 */
		if (i && lex_word_char(s[i - 1]) && s[i - 1] != '-' && s[i - 1] != '!')
			return i + 1;
		sl_lex_string(s, i, 0, &st);
		return st.end > i ? st.end : i + 1;
	}
	return i + 1;
}

static void count(const struct parser *p, struct braces *b)
{
	const char *s = p->s;
	uint32_t i;

	for (i = 0; i < p->n; i = step(s, i)) {
		if (s[i] == '{') {
			if (b->n_open < SL_DEPTH_MAX)
				b->open[b->n_open++] = i;
			else
				b->deep = true;
		} else if (s[i] == '}') {
			if (b->n_open) {
				b->n_open--;
			} else if (!b->stray) {
				b->stray = true;
				b->stray_at = i;
			}
		}
	}
}

static void offer(struct braces *b, uint32_t at, bool remove, const char *fix)
{
	unsigned int i;

	for (i = 0; i < b->n_cand; i++)
		if (b->cand[i].at == at && b->cand[i].remove == remove)
			return;
	if (b->n_cand < CANDIDATES_MAX)
		b->cand[b->n_cand++] = (struct candidate){ at, remove, fix };
}

static uint32_t line_start(const char *s, uint32_t i)
{
	while (i && s[i - 1] != '\n')
		i--;
	return i;
}

static uint32_t indent(const char *s, uint32_t line)
{
	uint32_t i = line;

	while (lex_blank(s[i]))
		i++;
	return i - line;
}

/* Two braces of a kind side by side: the second may be one too many. */
static void offer_doubled(const struct parser *p, struct braces *b, char brace)
{
	uint32_t i;

	for (i = 0; i < p->n; i = step(p->s, i))
		if (p->s[i] == brace && p->s[i + 1] == brace)
			offer(b, i + 1, true, "");
}

/* Exactly two blanks at i, with text on both sides? */
static bool two_blanks(const char *s, uint32_t i)
{
	return s[i] == ' ' && s[i + 1] == ' ' && !lex_blank(s[i + 2]) && s[i + 2] &&
	       s[i + 2] != '\n' && i && !lex_blank(s[i - 1]) && s[i - 1] != '\n';
}

static void offer_closes(const struct parser *p, struct braces *b)
{
	const char *s = p->s, *fix = p->tight ? "}" : " }";
	uint32_t open = b->open[b->n_open - 1], first = b->open[0];
	uint32_t i, line, base = indent(s, line_start(s, open)), before;
	bool one_line = !memchr(s + open, '\n', p->n - open) ||
			sl_lex_all(s, (uint32_t)((const char *)memchr(s + open, '\n', p->n - open) - s)) >= p->n;
	bool group;

	/* blanks that were left behind */
	for (i = first + 1; i < p->n; i = step(s, i)) {
		if (two_blanks(s, i) && strchr(">-@<};#", s[i + 2]))
			offer(b, i + 1, false, "}");
		if (!lex_blank(s[i]))
			continue;
		if (s[i + 1] == '\n' || i + 1 == p->n)
			offer(b, i + 1, false, "}");
	}
	for (i = first + 1; i < p->n; i = step(s, i)) {
		if (s[i] != '\n')
			continue;
		/* `} > (x)` at the start of a line leaves ` > (x)` */
		line = i + 1;
		before = indent(s, line);
		if (before && s[line] == ' ' && before <= base + 1 && strchr(">-<", s[line + before]) &&
		    s[line + before] && s[line + before] != '\n')
			offer(b, line + before - 1, false, "}");
	}
	/* an empty line, or the end of the lines that are indented deeper */
	for (i = open + 1; i < p->n; i = step(s, i)) {
		uint32_t next;

		if (s[i] != '\n')
			continue;
		line = i + 1;
		next = sl_lex_all(s, line);
		if (next < p->n && indent(s, line_start(s, next)) > base)
			continue;
		if (s[line + indent(s, line)] == '\n' || line + indent(s, line) >= p->n) {
			offer(b, line + indent(s, line), false, "}");
			continue;
		}
		if (next < p->n && s[next] != '}' && strchr("->@", s[next]))
			offer(b, next, false, "} ");
		else if (next < p->n && s[next] != '}')
			offer(b, sl_lex_trim(s, open + 1, i), false, fix);
	}
	/* a group is followed by an arrow, a fan is mostly the end */
	for (before = open; before && lex_blank(s[before - 1]); before--)
		;
	group = !before || !(strchr(")]}", s[before - 1]) || lex_ident_char(s[before - 1]) ||
			     s[before - 1] == '?');
	if (!group && one_line)
		offer(b, sl_lex_trim(s, open + 1, p->n), false, fix);
	if (group) {
		uint32_t last = open;

		for (i = open + 1; i < p->n; i = step(s, i))
			if (s[i] == ';')
				last = i;
		for (i = last + 1; i < p->n; i = step(s, i))
			if (s[i] == '>' || s[i] == '-' || s[i] == '<')
				offer(b, sl_lex_trim(s, open + 1, i), false, fix);
	}
	offer(b, sl_lex_trim(s, open + 1, p->n), false, fix);
	for (i = open + 1; i < p->n; i = step(s, i))
		if (s[i] == '\n')
			offer(b, sl_lex_trim(s, open + 1, i), false, fix);
}

static void offer_opens(const struct parser *p, struct braces *b)
{
	const char *s = p->s, *fix = p->tight ? "{" : " {";
	uint32_t end = b->stray_at, i, line, start;
	uint32_t base = indent(s, line_start(s, end));

	for (i = 0; i < end; i = step(s, i)) {
		uint32_t prev = sl_lex_trim(s, 0, i);

		/* between a stage and its branches, a def and its body */
		if (two_blanks(s, i) && (strchr("-><", s[i + 2]) || !strncmp(s + i + 2, "in", 2) ||
					 (prev && strchr(">", s[prev - 1]))))
			offer(b, i + 1, false, "{");
		/* at the end of a line that deeper ones follow */
		if (lex_blank(s[i]) && s[i + 1] == '\n' &&
		    indent(s, line_start(s, sl_lex_all(s, i))) > base)
			offer(b, i + 1, false, "{");
	}
	/* a group at the start of a line leaves its blank there */
	line = line_start(s, end);
	for (i = line; ; i = line_start(s, i - 1)) {
		if (indent(s, i) == 1 && (s[i + 1] == '(' || lex_ident_start(s[i + 1])))
			offer(b, i, false, "{");
		if (s[i] == '\n' && indent(s, i + 1) > base)
			offer(b, i, false, "{");	/* its own line, now empty */
		if (!i)
			break;
	}
	/* at the end of the line that is indented less than the next */
	for (i = 0; i < end; i = step(s, i)) {
		uint32_t here = indent(s, line_start(s, i));

		if (s[i] == '\n' && here <= base &&
		    indent(s, line_start(s, sl_lex_all(s, i))) > here)
			offer(b, sl_lex_trim(s, 0, i), false, fix);
	}
	/* before the arrows of this line, or before the line itself */
	start = line_start(s, end);
	if (memchr(s + start, ';', end - start) && s[start] == '(' && p->tight)
		offer(b, start, false, "{");
	for (i = start; i < end; i = step(s, i)) {
		if (s[i] == '-' && i && (lex_blank(s[i - 1]) || strchr(")]}", s[i - 1])))
			offer(b, sl_lex_trim(s, 0, i), false, fix);
		if (s[i] == '>' && lex_blank(s[i + 1]) && s[i + 2] == '(')
			offer(b, i + 1, false, fix);
	}
	for (i = 0; i < start; i = step(s, i))
		if (s[i] == '-' && i && sl_lex_trim(s, 0, i) && strchr(")]}", s[sl_lex_trim(s, 0, i) - 1]))
			offer(b, sl_lex_trim(s, 0, i), false, fix);
	offer(b, start + indent(s, start), false, "{ ");
	offer(b, end, true, "");
}

static char *mended(struct parser *p, const struct candidate *c, uint32_t *len)
{
	uint32_t add = (uint32_t)strlen(c->fix), skip = c->remove ? 1 : 0;
	char *copy = malloc((size_t)p->n + add + 1);

	if (!copy) {
		p->oom = true;
		return NULL;
	}
	memcpy(copy, p->s, c->at);
	memcpy(copy + c->at, c->fix, add);
	memcpy(copy + c->at + add, p->s + c->at + skip, p->n - c->at - skip + 1);
	*len = p->n + add - skip;
	return copy;
}

/* How bad a text is: its unmatched braces first, then the errors of a trial. */
static unsigned int badness(struct parser *p, const char *text, uint32_t len)
{
	struct parser view = { .s = text, .n = len };
	struct braces b = { 0 };
	unsigned int errors;

	count(&view, &b);
	errors = sl_parse_dry_run(text, len);
	if (errors == UINT_MAX) {
		p->oom = true;
		return UINT_MAX;
	}
	return errors + (b.n_open + b.stray) * 100;
}

static const struct candidate *choose(struct parser *p, struct braces *b)
{
	const struct candidate *best = NULL;
	unsigned int i, least = UINT_MAX;

	if (p->n > TRY_BYTES_MAX)
		return b->n_cand ? &b->cand[0] : NULL;
	for (i = 0; i < b->n_cand && !p->oom; i++) {
		uint32_t len;
		char *text = mended(p, &b->cand[i], &len);
		unsigned int bad;

		if (!text)
			return NULL;
		bad = badness(p, text, len);
		free(text);
		if (bad < least) {
			least = bad;
			best = &b->cand[i];
		}
		if (!bad)
			break;
	}
	return best;
}

static void report(struct parser *p, const struct braces *b, const struct candidate *c)
{
	struct sl_diag_new *d;

	if (c->remove) {
		d = sl_p_err(p, "E014", c->at, c->at + 1, p->s[c->at] == '{' ?
			  "this brace is opened twice" : "this '}' closes nothing");
		sl_err_label(d, "one '%c' is enough", p->s[c->at]);
	} else if (b->stray) {
		d = sl_p_err(p, "E014", c->at, c->at, "a brace is closed but not opened");
		sl_err_label(d, "'{' is missing here");
		sl_err_also(d, sl_p_span(p, b->stray_at, b->stray_at + 1), "to go with this");
	} else {
		uint32_t open = b->open[b->n_open - 1];

		d = sl_p_err(p, "E013", c->at, c->at, "a brace is not closed");
		sl_err_label(d, "'}' is missing here");
		sl_err_also(d, sl_p_span(p, open, open + 1), "opened here");
	}
	sl_err_fix(d, "%s", c->fix);
}

/*
 * False when parsing should not go on: memory is out, or the braces are beyond
 * repair. *copy is the text that is parsed from now on, if it was mended.
 */
bool sl_brace_mend(struct parser *p, char **copy)
{
	struct braces *b = calloc(1, sizeof(*b));
	const struct candidate *c;
	uint32_t len;
	bool go_on = true;

	if (!b) {
		p->oom = true;
		return false;
	}
	count(p, b);
	if (b->deep || (!b->n_open && !b->stray))
		goto out;
	/* counting is a guess, too: what parses is right */
	if (p->n <= TRY_BYTES_MAX && sl_parse_dry_run(p->s, p->n) == 0)
		goto out;

	if (b->stray) {
		offer_doubled(p, b, '}');
		offer_opens(p, b);
	} else {
		offer_doubled(p, b, '{');
		offer_closes(p, b);
	}
	c = choose(p, b);
	if (!c) {
		go_on = !p->oom;
		goto out;
	}
	report(p, b, c);
	*copy = mended(p, c, &len);
	if (!*copy) {
		go_on = false;
		goto out;
	}
	p->s = *copy;
	p->n = len;
	p->shift_at = c->at;
	p->shift = c->remove ? 1 : -(int32_t)strlen(c->fix);
out:
	free(b);
	return go_on;
}
