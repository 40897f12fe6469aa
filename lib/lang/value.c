/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * value -- values, strings, lists, and the arguments within brackets
 *
 * Inside brackets a new line is a blank. A closing bracket that is missing shows
 * only when something turns up that cannot stand there, often an arrow whose
 * first half was read as a word; sl_parse_missing_close() then looks back for the
 * place where the bracket should have been, and parsing goes on from there.
 */
#include "lang/parser.h"

/* How far back a missing bracket is looked for: keeps hostile input linear. */
#define LOOK_MAX 4096

/* --- brackets that are missing -------------------------------------------- */

/*
 * `(regex a(b)*d")`: an opening quote is lost, and what was text is read as
 * brackets. Told by a quote further on that can only be a closing one.
 */
static bool lost_opening(struct parser *p, const struct args_at *at)
{
	const char *s = p->s;
	uint32_t i = p->pos, start = p->pos;
	struct sl_diag_new *d;

	while (s[i] && !strchr("\"'\n", s[i]))
		i++;
	if ((s[i] != '"' && s[i] != '\'') || strchr(" =(,[", s[i - 1]) ||
	    !strchr(" ),]", s[i + 1]))
		return false;
	/* back over the words before, up to one that is an argument of its own */
	while (start > at->from && !strchr("\n=\"'", s[start - 1]))
		start--;
	while (start < p->pos && (lex_blank(s[start]) || s[start] == ','))
		start++;
	d = sl_p_err(p, "E003", start, i + 1, "this text has no opening quote");
	sl_err_label(d, "did you mean %c%.*s ?", s[i], (int)(i + 1 - start), s + start);
	sl_err_fix(d, "%c%.*s", s[i], (int)(i + 1 - start), s + start);
	p->pos = i + 1;
	return true;
}

/*
 * A closing bracket is missing: say where it should have been and go on from
 * there. That is before an arrow that leads to a stage, before a placement, at
 * the end of the line unless the next one goes on with arguments, else here.
 */
bool sl_parse_missing_close(struct parser *p, const struct args_at *at)
{
	const char *s = p->s;
	uint32_t limit = p->pos, i = at->from, spot, word = at->from;
	struct sl_diag_new *d;

	if (s[limit] == '(' && lost_opening(p, at)) {
		while (s[p->pos] && s[p->pos] != '\n' && s[p->pos] != at->close)
			p->pos++;
		if (s[p->pos] == at->close)
			p->pos++;
		return true;
	}
	if (at->close == ']' && !at->virt) {
		/* `[cpu=[[2,3]]`: what is missing here is too much there */
		for (i = at->open + 1; i + 1 < limit && limit - i < LOOK_MAX; i++) {
			if (s[i] != '[' || s[i + 1] != '[')
				continue;
			d = sl_p_err(p, "E014", i + 1, i + 2, "this bracket is opened twice");
			sl_err_label(d, "one '[' is enough");
			sl_err_fix(d, "%s", "");
			p->pos = sl_lex_trim(s, at->from, limit);
			return true;
		}
		i = at->from;
	}
	spot = at->from;

	if (limit - i > LOOK_MAX)
		i = limit;
	for (; i < limit; i++) {
		if (s[i] == '"' || s[i] == '\'') {
			struct lex_string st;

			sl_lex_string(s, i, 0, &st);
			i = st.end - 1;
			word = st.end;
			if (st.end <= limit)
				spot = st.end;
			continue;
		}
		if (s[i] == '#') {
			while (i + 1 < limit && s[i + 1] != '\n')
				i++;
			continue;
		}
		if (!lex_word_char(s[i]))
			word = i + 1;
		if ((s[i] == '-' || s[i] == '>' || s[i] == '<') && i > at->open && sl_arrow_whole(p, i))
			break;
		if (s[i] == '@' && (i > word || i == at->from)) {
			uint32_t to = sl_lex_ident(s, i + 1);

			if (sl_lex_is_space(s + i + 1, to - i - 1))
				break;
		}
		if (s[i] == '\n') {
			uint32_t next = sl_lex_all(s, i), to = sl_lex_word(s, next);

			/* the next line goes on with key=value, or closes: go on */
			while (lex_blank(s[to]))
				to++;
			if (s[to] != '=' && s[next] != at->close && s[next] != ',' &&
			    s[next] != '"' && s[next] != '\'')
				break;
		}
		if (!lex_blank(s[i]) && s[i] != '\n')
			spot = i + 1;
	}
	if (limit - at->from > LOOK_MAX)
		spot = sl_lex_trim(s, at->from, limit);
	d = sl_p_err(p, "E013", spot, spot, at->close == ')' ? "a filter's parenthesis is not closed"
							  : "a bracket is not closed");
	sl_err_label(d, "'%c' is missing here", at->close);
	if (!at->virt)
		sl_err_also(d, sl_p_span(p, at->open, at->open + 1), "opened here");
	sl_err_fix(d, "%c", at->close);
	p->pos = spot;
	return true;
}

/* --- values ------------------------------------------------------------------ */

/* Would this touch the value before it? */
static bool touches(char c)
{
	return lex_word_char(c) || (c && strchr("\"'$[", c));
}

static void missing_blank(struct parser *p)
{
	struct sl_diag_new *d = sl_p_err(p, "E016", p->pos, p->pos,
					 "a blank is missing between two values");

	sl_err_label(d, "here");
	sl_err_fix(d, " ");
}

static bool parse_list(struct parser *p, struct sl_tvalue *v, const struct args_at *outer)
{
	struct args_at at = { .close = ']', .open = p->pos, .from = p->pos + 1 };
	const char *s = p->s;
	uint32_t start = p->pos;
	struct sl_diag_new *d;

	if (!sl_p_enter(p))
		return false;
	v->kind = SL_V_LIST;
	p->pos++;
	for (;;) {
		struct sl_tvalue *item;
		uint32_t next;
		char c;

		p->pos = sl_lex_all(s, p->pos);
		c = s[p->pos];
		if (c == ']') {
			p->pos++;
			break;
		}
		if (c == ',') {
			d = sl_p_err(p, "E016", p->pos, p->pos + 1, "nothing stands before this comma");
			sl_err_label(d, "one comma is enough");
			sl_err_fix(d, "%s", "");
			p->pos++;
			continue;
		}
		next = p->pos;
		if (lex_word_char(c)) {
			next = sl_lex_word(s, next);
			/* a key: this is not the list's any more */
			if (s[next] == '=')
				c = '\0';
		}
		if (!c || (!lex_word_char(c) && !strchr("\"'$[", c))) {
			uint32_t len;

			if (s[p->pos] == '(' || s[p->pos] == ')' || !sl_lex_lookalike(s + p->pos, &len)) {
				if (s[at.open + 1] == '[' && outer) {
					/* "[[": one of the two is too many */
					d = sl_p_err(p, "E014", at.open + 1, at.open + 2,
						  "this bracket is opened twice");
					sl_err_label(d, "one '[' is enough");
					sl_err_fix(d, "%s", "");
					p->pos = at.from;
				} else {
					at.from = at.from > p->pos ? p->pos : at.from;
					sl_parse_missing_close(p, &at);
				}
				break;
			}
			sl_p_unknown(p);
			continue;
		}
		item = P_PUSH(p, v->items, v->n_items);
		if (!item || !sl_parse_value(p, item, &at))
			return false;
		at.from = p->pos;
		p->pos = sl_lex_all(s, p->pos);
		c = s[p->pos];
		if (c == ',') {
			uint32_t comma = p->pos++;

			p->pos = sl_lex_all(s, p->pos);
			if (s[p->pos] == ']') {
				d = sl_p_err(p, "E016", comma, comma + 1, "nothing follows this comma");
				sl_err_fix(d, "%s", "");
			}
			continue;
		}
		if (c == ']' || !c || strchr("()>{};", c))
			continue;
		if (touches(c) && s[sl_lex_word(s, p->pos)] != '=') {
			d = sl_p_err(p, "E016", at.from, at.from, "a comma is missing in this list");
			sl_err_label(d, "',' is missing here");
			sl_err_fix(d, ",");
		}
	}
	p->depth--;
	v->span = sl_p_span(p, start, p->pos);
	return !p->stop;
}

/* A word, with whatever cannot stand in one reported and taken along. */
static bool parse_word(struct parser *p, struct sl_tvalue *v)
{
	const char *s = p->s;
	uint32_t start = p->pos, end = sl_lex_word(s, start), bad;
	struct sl_diag_new *d;

	bad = end;
	while ((s[bad] == '{' && s[sl_lex_ident(s, bad + 1)] == '}' && s[bad + 1] != '}') ||
	       (s[bad] == '}' && bad > end) || lex_word_char(s[bad]) || (unsigned char)s[bad] >= 0x80 ||
	       (s[bad] && strchr("\\`$", s[bad])) || (s[bad] && (unsigned char)s[bad] < ' ' &&
						     !strchr("\t\r\n", s[bad])))
		bad++;
	if (bad > end) {
		uint32_t len;
		const char *ascii = sl_lex_lookalike(s + end, &len);

		if (ascii) {
			d = sl_p_err(p, "E002", end, end + len,
				  "this letter only looks like '%s'", ascii);
			sl_err_label(d, "in ASCII: '%s'", ascii);
			sl_err_fix(d, "%s", ascii);
		} else if (s[end] == '$' && s[end + 1] == '$') {
			d = sl_p_err(p, "E001", end, end + 1, "this '$' is there twice");
			sl_err_label(d, "one is enough");
			sl_err_fix(d, "%s", "");
		} else if (s[end] == '$' && lex_ident_start(s[end + 1]) && end > start) {
			uint32_t id = sl_lex_ident(s, end + 1);

			d = sl_p_err(p, "E001", start, bad, "a variable within a word needs quotes");
			sl_err_label(d, "did you mean \"%.*s${%.*s}%.*s\"?", (int)(end - start),
				     s + start, (int)(id - end - 1), s + end + 1, (int)(bad - id),
				     s + id);
			sl_err_fix(d, "\"%.*s${%.*s}%.*s\"", (int)(end - start), s + start,
				   (int)(id - end - 1), s + end + 1, (int)(bad - id), s + id);
		} else {
			d = sl_p_err(p, "E001", start, bad, "letters like these need quotes");
			sl_err_label(d, "did you mean \"%.*s\"?", (int)(bad - start), s + start);
			if (memchr(s + start, '\\', bad - start))
				sl_err_fix(d, "'%.*s'", (int)(bad - start), s + start);
			else
				sl_err_fix(d, "\"%.*s\"", (int)(bad - start), s + start);
		}
		end = bad;
	}
	v->kind = SL_V_WORD;
	v->text = sl_p_dup(p, start, end);
	v->text_len = end - start;
	v->span = sl_p_span(p, start, end);
	p->pos = end;
	return !p->oom;
}

bool sl_parse_value(struct parser *p, struct sl_tvalue *v, const struct args_at *at)
{
	const char *s = p->s;
	uint32_t start = p->pos, end;

	memset(v, 0, sizeof(*v));
	switch (s[start]) {
	case '"':
	case '\'':
		if (!sl_parse_string(p, v, at && at->close == ']' ? LEX_LIST : 0, start))
			return false;
		if ((s[p->pos - 1] == '"' || s[p->pos - 1] == '\'') && touches(s[p->pos]))
			missing_blank(p);
		return true;
	case '[':
		return parse_list(p, v, at);
	case '$':
		end = sl_lex_ident(s, start + 1);
		if (end > start + 1 && !lex_word_char(s[end])) {
			v->kind = SL_V_VAR;
			v->text = sl_p_dup(p, start + 1, end);
			v->text_len = end - start - 1;
			v->span = sl_p_span(p, start, end);
			p->pos = end;
			if (s[end] == '$')
				missing_blank(p);
			return !p->oom;
		}
		/* fall through */
	default:
		return parse_word(p, v);
	}
}

/* --- arguments ----------------------------------------------------------------- */

static bool all_positional(const struct sl_targ *args, unsigned int from, unsigned int n)
{
	for (; from < n; from++)
		if (args[from].key)
			return false;
	return true;
}

/*
 * A quote right behind a word: `rules"x"` lacks its '=', in `rules=x"` and
 * `tcp port 80"` the opening quote is lost.
 */
static void stray_quote(struct parser *p, uint32_t word, struct sl_targ *args, unsigned int n)
{
	const char *s = p->s;
	uint32_t quote = p->pos, start = word, i, len;
	struct lex_string st;
	struct sl_diag_new *d;
	char q = s[quote];

	sl_lex_string(s, quote, 0, &st);
	if (!st.open && !st.doubled && sl_lex_is_name(s + word, quote - word) &&
	    (st.end == quote + 2 || !strchr(" ),]", s[quote + 1]))) {
		struct sl_tvalue v;

		d = sl_p_err(p, "E016", quote, quote, "'=' is missing between a key and its value");
		sl_err_label(d, "'=' is missing here");
		sl_err_fix(d, "=");
		sl_parse_string(p, &v, 0, quote);
		return;
	}
	/* back to the value of the last key, else to the first argument */
	for (i = n; i > 0 && !args[i - 1].key; i--)
		;
	if (n && i > 0 && all_positional(args, i, n))
		start = args[i - 1].value.span.off;
	else if (n)
		start = args[0].span.off;
	if (start > word)
		start = word;
	len = quote - start;
	d = sl_p_err(p, "E003", start, quote + 1, "this text has no opening quote");
	sl_err_label(d, "did you mean %c%.*s%c ?", q, (int)len, s + start, q);
	sl_err_fix(d, "%c%.*s%c", q, (int)len, s + start, q);
	p->pos = quote + 1;
}

/* What may not touch the end of a value. */
static void after_value(struct parser *p, uint32_t start, struct sl_targ *args, unsigned int n,
			const struct args_at *at)
{
	const char *s = p->s;
	char c = s[p->pos], last = s[p->pos - 1];
	struct sl_diag_new *d;

	if (last == ']' && touches(c)) {
		missing_blank(p);
	} else if ((c == '"' || c == '\'') && lex_word_char(last)) {
		stray_quote(p, start, args, n);
	} else if (c == '[' && lex_word_char(last)) {
		const char *sp = memchr(s + start, '@', p->pos - start);
		struct sl_tvalue v;

		if (sp && sl_lex_is_space(sp + 1, (size_t)(s + p->pos - sp - 1)) && at->close == ')')
			return;		/* a ')' is missing: seen at the next step */
		if (at->close == ')' && lost_opening(p, at))
			return;
		d = sl_p_err(p, "E016", p->pos, p->pos, "'=' is missing between a key and its value");
		sl_err_label(d, "'=' is missing here");
		sl_err_fix(d, "=");
		memset(&v, 0, sizeof(v));
		parse_list(p, &v, at);
	}
}

static bool value_ends(char c, const struct args_at *at)
{
	return !c || c == ',' || c == at->close || strchr(")]}{;>", c) ||
	       (!at->close && c == '\n');
}

static uint32_t skip(const struct parser *p, const struct args_at *at)
{
	return at->close ? sl_lex_all(p->s, p->pos) : sl_lex_inline(p->s, p->pos);
}

static bool parse_arg(struct parser *p, const struct args_at *at, struct sl_targ **args,
		      unsigned int *n)
{
	const char *s = p->s;
	uint32_t start = p->pos, end = start, eq;
	struct sl_targ *a = P_PUSH(p, *args, *n);
	struct sl_diag_new *d;

	if (!a)
		return false;
	/* `args` may move while values are parsed: they have arrays of their own */
	if (lex_word_char(s[start]))
		end = sl_lex_word(s, start);
	eq = end;
	if (end > start) {
		p->pos = end;
		eq = skip(p, at);
		p->pos = start;
	}
	if (end == start || s[eq] != '=') {
		if (!sl_parse_value(p, &a->value, at))
			return false;
		a->span = a->value.span;
		after_value(p, start, *args, *n - 1, at);
		return true;
	}

	a->key_span = sl_p_span(p, start, end);
	a->key = sl_p_dup(p, start, end);
	if (!a->key)
		return false;
	if (!sl_lex_is_type(s + start, end - start)) {
		d = sl_p_err(p, "E016", start, end, "'%s' cannot be a key", a->key);
		sl_err_label(d, "keys have letters, digits, '_' and '-'");
	}
	p->pos = eq + 1;
	if (s[p->pos] == '=') {
		d = sl_p_err(p, "E016", p->pos, p->pos + 1, "this '=' is there twice");
		sl_err_label(d, "one is enough");
		sl_err_fix(d, "%s", "");
		p->pos++;
	}
	p->pos = sl_lex_all(s, p->pos);
	if (value_ends(s[p->pos], at)) {
		d = sl_p_err(p, "E016", start, eq + 1, "'%s' has no value", a->key);
		sl_err_label(d, "a value is missing behind '='");
		a->value.kind = SL_V_WORD;
		a->value.text = "";
		return true;
	}
	start = p->pos;
	if (!sl_parse_value(p, &a->value, at))
		return false;
	a->span = sl_span_join(a->key_span, a->value.span);
	after_value(p, start, *args, *n, at);
	end = p->pos;
	if (a->value.kind == SL_V_WORD && s[end] == '=') {
		uint32_t to = sl_lex_word(s, end + 1);
		const char *space = eq + 1 < start ? a->key : NULL;

		if (space) {
			/* `rules= nocase=on`: the value was forgotten */
			d = sl_p_err(p, "E016", a->key_span.off, eq + 1, "'%s' has no value", a->key);
			sl_err_label(d, "a value is missing behind '='");
			p->pos = start;
			return true;
		}
		d = sl_p_err(p, "E016", start, to, "a value with '=' in it needs quotes");
		sl_err_label(d, "did you mean \"%.*s\"?", (int)(to - start), s + start);
		sl_err_fix(d, "\"%.*s\"", (int)(to - start), s + start);
		p->pos = to;
	}
	return true;
}

/* A bracket of the other kind turned up. False: it was not ours, a close is missing. */
static bool wrong_bracket(struct parser *p, const struct args_at *at, struct sl_targ *args,
			  unsigned int n)
{
	const char *s = p->s;
	uint32_t next = sl_lex_inline(s, p->pos + 1), i, spot;
	struct sl_diag_new *d;
	char c = s[p->pos];

	if (c == ')' && at->close == ']') {
		/* `[a=1)`: the wrong one, unless a ')' of an outer level is met too early */
		d = sl_p_err(p, "E013", p->pos, p->pos + 1, "'[' is closed by ')'");
		sl_err_label(d, "did you mean ']'?");
		sl_err_also(d, sl_p_span(p, at->open, at->open + 1), "opened here");
		sl_err_fix(d, "]");
		p->pos++;
		return true;
	}
	if (p->pos && s[p->pos - 1] == ']') {
		d = sl_p_err(p, "E014", p->pos, p->pos + 1, "this ']' closes nothing");
		sl_err_label(d, "one is enough");
		sl_err_fix(d, "%s", "");
		p->pos++;
		return false;
	}
	if (s[next] == ')' || s[next] == ',' || lex_word_char(s[next]) ||
	    memchr(s + at->from, ',', p->pos - at->from)) {
		/* a list without its beginning: `ports=80, 443]` */
		for (i = n; i > 0 && !args[i - 1].key; i--)
			;
		spot = i > 0 ? args[i - 1].value.span.off : n ? args[0].span.off : p->pos;
		d = sl_p_err(p, "E014", spot, spot, "a list is closed but not opened");
		sl_err_label(d, "'[' is missing here");
		sl_err_also(d, sl_p_span(p, p->pos, p->pos + 1), "to go with this");
		sl_err_fix(d, "[");
		p->pos++;
		return false;
	}
	d = sl_p_err(p, "E013", p->pos, p->pos + 1, "'(' is closed by ']'");
	sl_err_label(d, "did you mean ')'?");
	sl_err_fix(d, ")");
	p->pos++;
	return true;
}

bool sl_parse_args(struct parser *p, const struct args_at *where, struct sl_targ **args,
		unsigned int *n)
{
	struct args_at at = *where;
	const char *s = p->s;
	struct sl_diag_new *d;
	bool comma = false;	/* one was read, no argument since */
	uint32_t comma_at = 0;

	for (;;) {
		uint32_t before = p->pos;
		char c;

		if (p->stop || p->oom)
			return false;
		p->pos = comma ? sl_lex_all(s, p->pos) : skip(p, &at);
		c = s[p->pos];
		if (at.close && c == at.close) {
			if (comma) {
				d = sl_p_err(p, "E016", comma_at, comma_at + 1,
					  "nothing follows this comma");
				sl_err_fix(d, "%s", "");
			}
			p->pos++;
			return true;
		}
		if (!at.close && (!c || strchr("\n;}", c))) {
			if (comma)
				sl_err_fix(sl_p_err(p, "E016", comma_at, comma_at + 1,
						    "nothing follows this comma"), "%s", "");
			return true;
		}
		if (c == ',') {
			if (comma || (at.close != ')' && !*n)) {
				d = sl_p_err(p, "E016", p->pos, p->pos + 1,
					  "nothing stands before this comma");
				sl_err_label(d, "arguments are not skipped: name the one you mean");
				sl_err_fix(d, "%s", "");
			}
			comma = true;
			comma_at = p->pos++;
			continue;
		}
		if (c == '=') {
			d = sl_p_err(p, "E016", p->pos, p->pos + 1, "there is no key before this '='");
			if (before == p->pos && !*n) {
				sl_err_label(d, "arguments follow after a blank");
				sl_err_fix(d, " ");
			} else {
				sl_err_fix(d, "%s", "");
			}
			p->pos++;
			continue;
		}
		if (c == '[' && at.close == ']' && p->pos == at.open + 1 && !*n) {
			uint32_t i = sl_lex_word(s, p->pos + 1);

			if (s[i] == '=') {
				d = sl_p_err(p, "E014", p->pos, p->pos + 1,
					  "this bracket is opened twice");
				sl_err_label(d, "one '[' is enough");
				sl_err_fix(d, "%s", "");
				p->pos++;
				continue;
			}
		}
		if (c == '[' && p->pos == before && lex_word_char(s[before - 1]) && at.close)
			return sl_parse_missing_close(p, &at);
		if (at.close && (c == ')' || c == ']')) {
			if (wrong_bracket(p, &at, *args, *n))
				return true;
			continue;
		}
		if (!c || (strchr("><({};)]", c) &&
			   !(c == '{' && s[sl_lex_ident(s, p->pos + 1)] == '}'))) {
			if (at.close)
				return sl_parse_missing_close(p, &at);
			sl_p_unknown(p);
			return false;
		}
		if (c == '-' && at.close && sl_arrow_whole(p, p->pos))
			return sl_parse_missing_close(p, &at);
		comma = false;
		if (!parse_arg(p, &at, args, n))
			return false;
		if (p->pos == before)	/* cannot be: but never turn in place */
			return false;
	}
}

/*
 * Behind options: `[cpu=2,3]]` has lost the '[' of its list, `[cpu=2]]` has one
 * ']' too many.
 */
void sl_parse_after_opts(struct parser *p, const struct sl_targ *opts, unsigned int n)
{
	struct sl_diag_new *d;

	if (p->s[p->pos] != ']')
		return;
	if (n > 1 && !opts[n - 1].key) {
		while (n > 1 && !opts[n - 1].key)
			n--;
		if (opts[n - 1].key) {
			struct sl_span at = opts[n - 1].value.span;

			p->errors++;
			at.len = 0;
			d = sl_err(p->ds, "E014", at, "a list is closed but not opened");
			sl_err_label(d, "'[' is missing here");
			sl_err_also(d, sl_p_span(p, p->pos, p->pos + 1), "to go with this");
			sl_err_fix(d, "[");
			p->pos++;
			return;
		}
	}
	d = sl_p_err(p, "E014", p->pos, p->pos + 1, "this ']' closes nothing");
	sl_err_label(d, "one is enough");
	sl_err_fix(d, "%s", "");
	p->pos++;
}
