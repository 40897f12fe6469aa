/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arrow -- links between stages, whole and broken
 *
 *	>  ->  <>  -80->  -80,443,8000..8010->  -!22->  -"odd name"->  - $port ->
 *
 * A whole arrow is read by strict rules. When they fail, the loose reader takes
 * everything at this place that could have been meant as an arrow: punctuation
 * P1, a core of tags, punctuation P2. From the core the arrow is spelt anew, which
 * is the fix; the place of the error is all that was taken, no more.
 */
#include "lang/parser.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct arrow {
	uint32_t end;
	enum sl_link_kind kind;
	struct sl_ttag *tags;
	unsigned int n_tags;
};

static bool punct(char c)
{
	return c && strchr("-><=~", c);
}

static uint32_t blanks(const char *s, uint32_t i)
{
	while (lex_blank(s[i]))
		i++;
	return i;
}

static bool tag_char(char c)
{
	return lex_ident_char(c) || (c && strchr(".!*$", c));
}

/* A number of a tag: 80, 8_080, 0x1f. The word is [from, to) and nothing else. */
static bool tag_number(const char *s, uint32_t from, uint32_t to, uint64_t *out)
{
	char buf[40];
	uint32_t i;
	size_t n = 0;
	char *end;

	if (from >= to || !lex_digit(s[from]) || s[to - 1] == '_')
		return false;
	for (i = from; i < to; i++) {
		if (s[i] == '_')
			continue;
		if (n + 1 >= sizeof(buf))
			return false;
		buf[n++] = s[i];
	}
	buf[n] = '\0';
	errno = 0;
	*out = strtoull(buf, &end, buf[0] == '0' && buf[1] == 'x' ? 16 : 10);
	return !*end && !errno && end[-1] != 'x';
}

/* One tag at *pos by strict rules. `t` NULL: only look. */
static bool strict_tag(struct parser *p, uint32_t *pos, struct sl_ttag *t)
{
	struct sl_ttag scratch;
	const char *s = p->s;
	uint32_t i = *pos, from, to;

	if (!t)
		t = &scratch;
	memset(t, 0, sizeof(*t));
	if (s[i] == '*') {
		t->kind = SL_T_ANY;
		t->span = sl_p_span(p, *pos, i + 1);
		*pos = i + 1;
		return true;
	}
	if (s[i] == '!') {
		t->negate = true;
		i = blanks(s, i + 1);
	}
	if (s[i] == '"' || s[i] == '\'') {
		struct lex_string st;

		sl_lex_string(s, i, LEX_TAG, &st);
		if (st.open || st.doubled || st.end <= i + 2)
			return false;
		t->kind = SL_T_NAME;
		t->quoted = true;
		if (t != &scratch) {
			struct parser sub = *p;
			struct sl_tvalue v;

			sub.pos = i;
			if (!sl_parse_string(&sub, &v, LEX_TAG, i)) {
				p->oom |= sub.oom;
				return false;
			}
			p->errors = sub.errors;
			p->stop = sub.stop;
			t->name = v.text;
		}
		i = st.end;
	} else if (s[i] == '$') {
		to = sl_lex_ident(s, i + 1);
		if (to == i + 1)
			return false;
		t->kind = SL_T_VAR;
		if (t != &scratch)
			t->name = sl_p_dup(p, i + 1, to);
		i = to;
	} else {
		from = i;
		while (lex_ident_char(s[i]))
			i++;
		if (i == from)
			return false;
		if (tag_number(s, from, i, &t->lo)) {
			uint32_t dots = blanks(s, i);

			t->kind = SL_T_NUMBER;
			t->hi = t->lo;
			if (s[dots] == '.' && s[dots + 1] == '.') {
				from = i = blanks(s, dots + 2);
				while (lex_ident_char(s[i]))
					i++;
				if (!tag_number(s, from, i, &t->hi) || t->hi < t->lo)
					return false;
			}
		} else if (i - from == 4 && !memcmp(s + from, "else", 4)) {
			if (t->negate)
				return false;	/* not even the rest: nothing */
			t->kind = SL_T_ELSE;
		} else {
			uint32_t d;
			bool digits = true;

			for (d = from; d < i; d++)
				digits &= lex_digit(s[d]) || s[d] == '_';
			if (digits)
				return false;	/* too big, or 80_ */
			t->kind = SL_T_NAME;
			if (t != &scratch)
				t->name = sl_p_dup(p, from, i);
		}
		if (s[i] == '.')
			return false;
	}
	t->span = sl_p_span(p, *pos, i);
	*pos = i;
	return true;
}

/* A whole arrow at pos; tags are kept when `keep`. */
static bool strict_arrow(struct parser *p, uint32_t pos, struct arrow *a, bool keep)
{
	const char *s = p->s;
	uint32_t i = pos;
	uint32_t len;

	memset(a, 0, sizeof(*a));
	if (s[i] == '>') {
		a->kind = SL_LINK_PLAIN;
		i++;
	} else if (s[i] == '<' && s[i + 1] == '>') {
		a->kind = SL_LINK_DUPLEX;
		i += 2;
	} else if (s[i] == '-' && s[i + 1] == '>') {
		a->kind = SL_LINK_PLAIN;
		i += 2;
	} else if (s[i] == '-') {
		a->kind = SL_LINK_TAGGED;
		for (;;) {
			struct sl_ttag *t = NULL;

			i = blanks(s, i + 1);
			if (keep) {
				t = P_PUSH(p, a->tags, a->n_tags);
				if (!t)
					return false;
			}
			if (!strict_tag(p, &i, t))
				return false;
			i = blanks(s, i);
			if (s[i] != ',')
				break;
		}
		if (s[i] != '-' || s[i + 1] != '>')
			return false;
		i += 2;
	} else {
		return false;
	}
	a->end = i;
	i = blanks(s, i);
	/* `> >`, `->>`, `> -80->`: one arrow too many is a broken one */
	if (punct(s[i]) || (sl_lex_lookalike(s + i, &len) && punct(*sl_lex_lookalike(s + i, &len))))
		return false;
	return true;
}

uint32_t sl_arrow_whole(struct parser *p, uint32_t pos)
{
	struct arrow a;
	uint32_t i;

	if (!strict_arrow(p, pos, &a, false))
		return 0;
	i = sl_lex_all(p->s, a.end);
	if (p->s[i] && !strchr("({[", p->s[i]) && !lex_ident_start(p->s[i]))
		return 0;
	return a.end;
}

void sl_arrow_learn_style(struct parser *p)
{
	unsigned int blank = 0, none = 0;
	uint32_t i;

	p->n_gt = p->n_dash_gt = 0;
	for (i = 0; i < p->n; i++) {
		char before = i ? p->s[i - 1] : ' ';
		bool dash = p->s[i] == '-' && p->s[i + 1] == '>';

		if (p->s[i] == '>' && !punct(before) && !punct(p->s[i + 1]))
			p->n_gt++;
		else if (dash && (lex_blank(before) || strchr(")}]", before)))
			p->n_dash_gt++;
		if (p->s[i] == '>' && i + 1 < p->n) {
			if (lex_blank(p->s[i + 1]))
				blank++;
			else if (p->s[i + 1] == '(')
				none++;
		}
	}
	p->tight = none > blank;
}

const char *sl_arrow_plain(const struct parser *p)
{
	return p->n_dash_gt > p->n_gt ? "->" : ">";
}

/* --- the loose reader ---------------------------------------------------- */

#define PART_MAX 40

struct loose {
	uint32_t end;
	bool lookalike;
	char p1[PART_MAX], p2[PART_MAX];	/* in ASCII, blanks left out */
	unsigned int n1, n2;
	bool p1_blank;			/* there are blanks within P1 */
	uint32_t core, core_end;	/* core_end == core: no tags */
};

/* Punctuation of arrows from *pos on, blanks between included. */
static bool loose_punct(const char *s, uint32_t *pos, struct loose *l, char *out,
			unsigned int *n, bool *blank)
{
	uint32_t i = *pos, len, next;
	bool any = false;

	for (;;) {
		const char *ascii;

		next = blanks(s, i);
		if (punct(s[next]) || (s[next] == '|' && s[next + 1] != '|')) {
			/* `<` and `>` of `|` style slips count as they are */
			if (*n + 2 < PART_MAX)
				out[(*n)++] = s[next];
			len = 1;
		} else {
			ascii = sl_lex_lookalike(s + next, &len);
			if (!ascii || !punct(*ascii))
				break;
			if (*n + 3 < PART_MAX) {
				memcpy(out + *n, ascii, strlen(ascii));
				*n += (unsigned int)strlen(ascii);
			}
			l->lookalike = true;
		}
		if (any && next > i && blank)
			*blank = true;
		any = true;
		i = next + len;
		*pos = i;
	}
	out[*n] = '\0';
	return any;
}

/* One word of a core at i: its end, or i. Strings end where they plausibly do. */
static uint32_t core_word(const char *s, uint32_t i)
{
	if (s[i] == '!' && (s[i + 1] == '"' || s[i + 1] == '\''))
		i++;
	if (s[i] == '"' || s[i] == '\'') {
		struct lex_string st;

		sl_lex_string(s, i, LEX_TAG, &st);
		return !st.open && s[st.end] == s[st.end - 1] ? st.end + 1 : st.end;
	}
	while (tag_char(s[i]))
		i++;
	return i;
}

/* `odd name"->`: a tag that lost its opening quote. The end of it, or 0. */
static uint32_t lost_opening(const char *s, uint32_t i)
{
	if (!lex_ident_start(s[i]) && s[i] != '!')
		return 0;
	while (s[i] && !strchr("\"'(){}[];>\n,", s[i]))
		i++;
	return (s[i] == '"' || s[i] == '\'') && s[i + 1] == '-' && s[i + 2] == '>' ? i + 1 : 0;
}

static void loose_core(const char *s, struct loose *l, uint32_t *pos)
{
	uint32_t i = *pos, next, end;

	l->core = l->core_end = i;
	end = lost_opening(s, i);
	if (end) {
		*pos = l->core_end = end;
		return;
	}
	for (;;) {
		next = blanks(s, i);
		if (s[next] == ',') {
			i = l->core_end = next + 1;
			continue;
		}
		end = core_word(s, next);
		if (end == next)
			break;
		/* a second word belongs here after a comma, or if its dash is glued to it */
		if (next > i && i > l->core && s[i - 1] != ',' && s[i - 1] != '.' &&
		    s[next] != '.' && s[end] != '-' && s[end] != ',')
			break;
		i = l->core_end = end;
	}
	*pos = l->core_end;
}

static bool starts_atom(const char *s, uint32_t i)
{
	i = blanks(s, i);
	return s[i] == '(' || s[i] == '{' || s[i] == '[' || lex_ident_start(s[i]);
}

static bool loose_arrow(const struct parser *p, uint32_t pos, struct loose *l)
{
	const char *s = p->s;
	uint32_t i = pos, after, behind_p1;
	bool want_core;

	memset(l, 0, sizeof(*l));
	loose_punct(s, &i, l, l->p1, &l->n1, &l->p1_blank);
	behind_p1 = l->end = i;

	after = blanks(s, i);
	if (!l->n1)
		want_core = true;
	else if (l->p1[l->n1 - 1] == '>')
		want_core = lex_digit(s[i]);
	else
		want_core = l->p1[l->n1 - 1] != '<';
	if (!want_core || (!tag_char(s[after]) && s[after] != '"' && s[after] != '\'' &&
			   s[after] != ','))
		return l->n1 > 0;

	i = after;
	loose_core(s, l, &i);
	l->end = i;
	if (loose_punct(s, &i, l, l->p2, &l->n2, NULL))
		l->end = i;
	if (l->n1 && !l->n2 && !starts_atom(s, l->end) && lex_ident_start(s[l->core])) {
		/* `(a) - web`: the word is where the arrow leads */
		l->core = l->core_end = l->end = behind_p1;
	}
	if (!l->n1) {
		bool glued = s[l->core_end] == '-' ||
			     (l->n2 && ((unsigned char)s[l->core_end] & 0x80));

		/* `80->`, `http->`; but `web -> x` lacks the arrow before web */
		if (!l->n2 || (!glued && lex_ident_start(s[l->core])))
			return false;
		if (lex_ident_start(s[l->core]) && l->p2[0] == '-' && l->n2 == 1 &&
		    !starts_atom(s, l->end))
			return false;
	}
	return true;
}

/* Spell one tag right, if it is clear what it should be. */
static bool mend_tag(struct parser *p, uint32_t from, uint32_t to, char *out, size_t room)
{
	const char *s = p->s;
	struct parser sub = *p;
	char buf[128];
	bool negate = false;
	size_t n = 0, len, i;
	char *text, *dots;
	uint32_t at = 0;

	while (from < to && lex_blank(s[from]))
		from++;
	while (to > from && lex_blank(s[to - 1]))
		to--;
	if (to - from + 4 > sizeof(buf) || to == from)
		return false;
	for (i = from; i < to; i++) {
		if (s[i] == '!')
			negate = true;
		else
			buf[n++] = s[i];
	}
	/* quotes that are there twice, or once */
	while (n > 2 && strchr("\"'$", buf[0]) && buf[1] == buf[0]) {
		memmove(buf, buf + 1, n);
		n--;
	}
	while (n > 2 && (buf[n - 1] == '"' || buf[n - 1] == '\'') && buf[n - 2] == buf[n - 1])
		n--;
	if (n > 1 && n + 2 < sizeof(buf) && strchr("\"'", buf[n - 1]) && !strchr("\"'", buf[0])) {
		memmove(buf + 1, buf, n);
		buf[0] = buf[n++];
	}
	if (n && (buf[0] == '"' || buf[0] == '\'') && (n == 1 || buf[n - 1] != buf[0])) {
		buf[n] = buf[0];
		n++;
	}
	buf[n] = '\0';
	if (n > 1 && buf[0] == '*' && strspn(buf, "*") == n)
		buf[1] = '\0';
	text = buf;
	/* 8000.8010, 8000...8010, 8010..8000, 8000.., ..8010 */
	dots = buf[0] == '"' || buf[0] == '\'' ? NULL : strchr(buf, '.');
	if (dots) {
		char lo[64], hi[64];
		uint64_t a, b;
		char *h = dots + strspn(dots, ".");

		snprintf(lo, sizeof(lo), "%.*s", (int)(dots - buf), buf);
		snprintf(hi, sizeof(hi), "%.60s", h);
		if (!lo[0] || !hi[0]) {
			text = lo[0] ? lo : hi;
			snprintf(buf, sizeof(buf), "%s", text);
		} else if (tag_number(lo, 0, (uint32_t)strlen(lo), &a) &&
			   tag_number(hi, 0, (uint32_t)strlen(hi), &b)) {
			snprintf(buf, sizeof(buf), "%.60s..%.60s", b < a ? hi : lo, b < a ? lo : hi);
		}
		text = buf;
	}
	len = (size_t)snprintf(out, room, "%s%s", negate && text[0] != '*' ? "!" : "", text);
	if (len >= room)
		return false;
	/* what comes out must be a tag */
	sub.s = out;
	sub.n = (uint32_t)len;
	return strict_tag(&sub, &at, NULL) && at == len;
}

/* The arrow that was meant, or NULL when that is unclear. */
static char *mend_arrow(struct parser *p, const struct loose *l)
{
	const char *s = p->s;
	char *out, tag[160];
	size_t room, n = 0;
	uint32_t from = l->core, i;
	bool any = false, bang = false;

	if (l->core_end == l->core) {
		/* `<` alone is a slip for `>`, unless the text goes both ways elsewhere */
		if (strchr(l->p1, '<') && strncmp(l->p1, "<-", 2) &&
		    (strcmp(l->p1, "<") || strstr(s, "<>")))
			return sl_arena_printf(p->arena, "<>");
		if (!l->p1_blank && !l->lookalike &&
		    (!strcmp(l->p1, "-->") || !strcmp(l->p1, "->>") || !strcmp(l->p1, "-")))
			return sl_arena_printf(p->arena, "->");
		/* `- >` counts itself as one that is written '>' */
		if (!strcmp(l->p1, "->") && p->n_gt <= (l->p1_blank ? 1 : 0))
			return sl_arena_printf(p->arena, "->");
		return sl_arena_printf(p->arena, "%s", sl_arrow_plain(p));
	}
	room = (size_t)(l->core_end - l->core) * 2 + 16;
	out = sl_arena_alloc(p->arena, room);
	if (!out) {
		p->oom = true;
		return NULL;
	}
	out[n++] = '-';
	if (lost_opening(s, from) == l->core_end) {
		if (!mend_tag(p, from, l->core_end, tag, sizeof(tag)))
			return NULL;
		return sl_arena_printf(p->arena, "-%s->", tag);
	}
	for (i = from; i <= l->core_end; i++) {
		bool end = i == l->core_end || s[i] == ',';

		if (!end && (s[i] == '"' || s[i] == '\'')) {
			i = core_word(s, i) - 1;
			continue;
		}
		/* two words side by side have lost their comma */
		if (!end && lex_blank(s[i]) && i > from && tag_char(s[i - 1]) && s[i - 1] != '.') {
			uint32_t next = blanks(s, i);

			end = next < l->core_end && tag_char(s[next]) && s[next] != '.';
		}
		/* `!22!80`: so have these */
		if (s[i] == '!' && i < l->core_end && i > from && lex_ident_char(s[i - 1]))
			end = bang = true;
		if (!end)
			continue;
		if (blanks(s, from) < i) {
			size_t len;

			if (!mend_tag(p, from, i, tag, sizeof(tag)))
				return NULL;
			len = strlen(tag);
			if (n + len + 4 > room)
				return NULL;
			if (any)
				out[n++] = ',';
			memcpy(out + n, tag, len);
			n += len;
			any = true;
		}
		from = bang ? i : i + 1;
		bang = false;
	}
	if (!any)
		return sl_arena_printf(p->arena, "%s", sl_arrow_plain(p));
	memcpy(out + n, "->", 3);
	return out;
}

static void report(struct parser *p, uint32_t pos, const struct loose *l)
{
	bool framed = !strcmp(l->p1, "-") && !strcmp(l->p2, "->") &&
		      p->s[l->end - 1] == '>' && p->s[l->end - 2] == '-';
	char *fix = mend_arrow(p, l);
	struct sl_diag_new *d;

	if (l->lookalike) {
		d = sl_p_err(p, "E002", pos, l->end,
			  "this looks like an arrow, but is not made of '-' and '>'");
		if (fix)
			sl_err_label(d, "in ASCII: %s", fix);
	} else if (framed) {
		bool several = memchr(p->s + l->core, ',', l->core_end - l->core) != NULL;

		d = sl_p_err(p, "E015", pos, l->end, several ? "a tag of this arrow is empty or wrong"
							  : "this is no tag for an arrow");
		if (fix)
			sl_err_label(d, "did you mean '%s'?", fix);
		sl_err_note(d, "tags are numbers, ranges 8000..8010, names, !22, *, else; "
			    "odd names go in quotes");
	} else {
		d = sl_p_err(p, "E012", pos, l->end, "this arrow is broken");
		if (fix)
			sl_err_label(d, "did you mean '%s'?", fix);
		if (strncmp(l->p1, "<-", 2) == 0)
			sl_err_note(d, "data runs from left to right: turn the stages round");
		else
			sl_err_note(d, "arrows are > or -> for all blocks, -80-> for some, "
				    "<> for both ways");
	}
	if (fix) {
		sl_err_fix(d, "%s", fix);
		if (!strcmp(fix, ">"))
			sl_err_fix(d, "->");
		else if (!strcmp(fix, "->"))
			sl_err_fix(d, ">");
	}
}

bool sl_arrow_at(const struct parser *p, uint32_t pos)
{
	uint32_t len;
	const char *ascii;
	struct loose l;

	if (punct(p->s[pos]) || p->s[pos] == '|')
		return true;
	ascii = sl_lex_lookalike(p->s + pos, &len);
	if (ascii && punct(*ascii))
		return true;
	/* `80->`: nothing else begins with a digit here */
	if (lex_digit(p->s[pos]) || (p->s[pos] && strchr("!*$,", p->s[pos])))
		return loose_arrow(p, pos, &l);
	/* `"odd name"->` */
	if (p->s[pos] == '"' || p->s[pos] == '\'') {
		struct lex_string st;

		sl_lex_string(p->s, pos, LEX_TAG, &st);
		return !st.open && p->s[st.end] == '-' && loose_arrow(p, pos, &l);
	}
	return false;
}

bool sl_parse_arrow(struct parser *p, struct sl_tlink *link)
{
	uint32_t pos = p->pos;
	struct arrow a;
	struct loose l;

	if (strict_arrow(p, pos, &a, true)) {
		link->kind = a.kind;
		link->tags = a.tags;
		link->n_tags = a.n_tags;
		link->span = sl_p_span(p, pos, a.end);
		p->pos = a.end;
		return true;
	}
	if (p->oom || !loose_arrow(p, pos, &l))
		return false;
	report(p, pos, &l);
	link->kind = l.core_end > l.core ? SL_LINK_TAGGED : SL_LINK_PLAIN;
	link->span = sl_p_span(p, pos, l.end);
	p->pos = l.end;
	return true;
}
