/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stage -- filters, references, placements
 *
 * A filter that lacks its '(' is known by the ')' that follows its words; words
 * without any parenthesis are told to stand in some.
 */
#include "lang/parser.h"

/* --- filters ------------------------------------------------------------------ */

static void learn_name(struct parser *p, uint32_t off, uint32_t end)
{
	if (sl_lex_is_reserved(p->s + off, end - off))
		sl_err_label(sl_p_err(p, "E019", off, end, "'%.*s' is a word of the language",
				   (int)(end - off), p->s + off),
			     "choose another name");
}

static bool open_is_missing(const struct parser *p, uint32_t pos);

/* `name:` and the filter's name. False when there is none: reported. */
static bool parse_head(struct parser *p, struct sl_tstage *st, uint32_t open, bool *closed)
{
	const char *s = p->s;
	uint32_t start = p->pos, end = sl_lex_word(s, start), colon;
	struct sl_diag_new *d;

	if (end == start) {
		if (s[start] == '"' || s[start] == '\'') {
			struct lex_string str;

			sl_lex_string(s, start, 0, &str);
			d = sl_p_err(p, "E010", start, str.end, "a filter's name has no quotes");
			if (!str.open && sl_lex_is_type(s + start + 1, str.end - start - 2)) {
				sl_err_label(d, "did you mean %.*s ?", (int)(str.end - start - 2),
					     s + start + 1);
				sl_err_fix(d, "%.*s", (int)(str.end - start - 2), s + start + 1);
			}
			p->pos = str.end;
			return true;
		}
		if ((unsigned char)s[start] >= 0x80) {
			sl_p_unknown(p);
			return true;
		}
		d = sl_p_err(p, "E010", start, start < p->n ? start + 1 : start,
			  "expected a filter's name%s", start < p->n ? "" : ", found the end");
		sl_err_also(d, sl_p_span(p, open, open + 1), "inside this parenthesis");
		return false;
	}

	for (colon = start; colon < end && s[colon] != ':'; colon++)
		;
	if (colon < end && sl_lex_is_name(s + start, colon - start)) {
		uint32_t type = colon + 1;

		if (type == end)
			type = sl_lex_all(s, type);
		if (s[type] == ':') {
			d = sl_p_err(p, "E016", type, type + 1, "this ':' is there twice");
			sl_err_label(d, "one is enough");
			sl_err_fix(d, "%s", "");
			type = sl_lex_all(s, type + 1);
		}
		if (lex_digit(s[type]) && type == colon + 1) {
			d = sl_p_err(p, "E010", start, end, "'%.*s' is no filter's name",
				  (int)(end - start), s + start);
			sl_err_label(d, "did you mean '%.*s %.*s'?", (int)(colon - start), s + start,
				     (int)(end - colon), s + colon);
			sl_err_fix(d, "%.*s %.*s", (int)(colon - start), s + start,
				   (int)(end - colon), s + colon);
			p->pos = end;
			return true;
		}
		st->name = sl_p_dup(p, start, colon);
		st->name_span = sl_p_span(p, start, colon);
		learn_name(p, start, colon);
		start = type;
		end = sl_lex_word(s, start);
		if (end == start) {
			d = sl_p_err(p, "E010", colon + 1, colon + 1,
				  "expected a filter's name after '%s:'", st->name);
			sl_err_label(d, "which filter is '%s'?", st->name);
			p->pos = start;
			return true;
		}
	}
	st->type = sl_p_dup(p, start, end);
	st->type_span = sl_p_span(p, start, end);
	p->pos = end;
	if (!sl_lex_is_type(s + start, end - start)) {
		uint32_t at;

		for (at = start; at < end && s[at] != '@'; at++)
			;
		if (s[end] == '>' || s[end] == '<')
			return true;	/* a parenthesis is missing: seen at the next step */
		if (at < end && at > start && s[sl_lex_inline(s, end)] == ')') {
			d = sl_p_err(p, "E010", at, sl_lex_inline(s, end) + 1,
				     "a placement stands behind the parenthesis");
			sl_err_label(d, "did you mean ')%.*s'?", (int)(end - at), s + at);
			sl_err_fix(d, ")%.*s", (int)(end - at), s + at);
			return true;
		}
		if (at < end && at > start && !open_is_missing(p, end)) {
			d = sl_p_err(p, "E013", at, at, "a filter's parenthesis is not closed");
			sl_err_label(d, "')' is missing here");
			sl_err_also(d, sl_p_span(p, open, open + 1), "opened here");
			sl_err_fix(d, ")");
			p->pos = at;
			*closed = true;
			return true;
		}
		d = sl_p_err(p, "E010", start, end, "'%s' is no filter's name", st->type);
		sl_err_label(d, "names have letters, digits, '_' and '-'");
	} else if (sl_lex_is_reserved(s + start, end - start)) {
		sl_err_label(sl_p_err(p, "E019", start, end, "'%s' is a word of the language", st->type),
			     "it cannot name a filter");
	}
	return true;
}

/* A filter whose '(' is at p->pos, or, if `virt`, missing before it. */
bool sl_parse_filter(struct parser *p, struct sl_tstage *st, bool virt)
{
	const char *s = p->s;
	uint32_t open = p->pos, head;
	bool closed = false;	/* the ')' was missing right behind the name */
	struct args_at at = { .close = ')', .open = open, .virt = virt };
	struct sl_diag_new *d;

	st->kind = SL_A_FILTER;
	if (!virt)
		p->pos++;
	p->pos = sl_lex_all(s, p->pos);
	if (s[p->pos] == '(') {
		d = sl_p_err(p, "E014", p->pos, p->pos + 1, "this parenthesis is opened twice");
		sl_err_label(d, "one '(' is enough");
		sl_err_fix(d, "%s", "");
		p->extra_open = true;
		at.open = p->pos++;
		p->pos = sl_lex_all(s, p->pos);
	}
	if (s[p->pos] == ')') {
		d = sl_p_err(p, "E010", open, p->pos + 1, "there is no filter in these parentheses");
		sl_err_label(d, "a filter's name goes here, as in (tcp)");
		p->pos++;
		return true;
	}
	head = p->pos;
	if (!parse_head(p, st, open, &closed))
		return false;
	if (closed)
		return true;
	at.from = sl_lex_ident(s, head) > head ? sl_lex_ident(s, head) : p->pos;
	if (s[p->pos] == '"' || s[p->pos] == '\'' || s[p->pos] == '$') {
		d = sl_p_err(p, "E016", p->pos, p->pos, "a blank is missing before this value");
		sl_err_label(d, "here");
		sl_err_fix(d, " ");
	} else if (s[p->pos] == '[') {
		return sl_parse_missing_close(p, &at);
	}
	return sl_parse_args(p, &at, &st->args, &st->n_args);
}

/* --- placement ------------------------------------------------------------------ */

bool sl_parse_opts(struct parser *p, struct sl_targ **opts, unsigned int *n)
{
	struct args_at at = { .close = ']', .open = p->pos, .from = p->pos + 1 };

	p->pos++;
	if (!sl_parse_args(p, &at, opts, n))
		return false;
	sl_parse_after_opts(p, *opts, *n);
	return true;
}

/* `@xdp?[cpu=2]` at p->pos, which is the '@' (or, if `virt`, right behind it). */
bool sl_parse_place(struct parser *p, struct sl_tplace *place, bool virt)
{
	const char *s = p->s;
	uint32_t start = p->pos, name, end, next;
	struct sl_diag_new *d;

	if (!virt)
		p->pos++;
	if (s[p->pos] == '@') {
		d = sl_p_err(p, "E001", p->pos, p->pos + 1, "this '@' is there twice");
		sl_err_label(d, "one is enough");
		sl_err_fix(d, "%s", "");
		p->pos++;
	}
	name = p->pos;
	end = sl_lex_ident(s, name);
	if (end == name) {
		next = name;
		while (lex_blank(s[next]))
			next++;
		d = sl_p_err(p, "E010", next > name ? name : start, next > name ? next : name,
			  "expected the name of a space right after '@'");
		if (lex_ident_start(s[next])) {
			sl_err_fix(d, "%s", "");
			p->pos = next;
			return sl_parse_place(p, place, true);
		}
		sl_err_note(d, "as in (tcp)@kernel or (tcp)@xdp?");
		return true;
	}
	next = end;
	while (lex_blank(s[next]))
		next++;
	if (s[next] == '=' && s[next + 1] != '>') {
		/* `@usercpu=2]`: the '[' is lost */
		uint32_t cut;

		for (cut = end; cut > name && !sl_lex_is_space(s + name, cut - name); cut--)
			;
		if (cut > name) {
			d = sl_p_err(p, "E014", cut, cut, "options need a bracket");
			sl_err_label(d, "'[' is missing here");
			sl_err_fix(d, "[");
			place->space = sl_p_dup(p, name, cut);
			p->pos = cut;
			return sl_parse_args(p, &(struct args_at){ .close = ']', .open = cut,
				.from = cut, .virt = true }, &place->opts, &place->n_opts);
		}
	}
	place->space = sl_p_dup(p, name, end);
	place->space_span = sl_p_span(p, name, end);
	p->pos = end;
	if (s[p->pos] == '?') {
		place->wish = true;
		p->pos++;
	}
	if (s[p->pos] == '?') {
		d = sl_p_err(p, "E001", p->pos, p->pos + 1, "this '?' is there twice");
		sl_err_label(d, "one is enough");
		sl_err_fix(d, "%s", "");
		p->pos++;
	}
	next = sl_lex_inline(s, p->pos);
	if (s[next] == '[') {
		p->pos = next;
		if (!sl_parse_opts(p, &place->opts, &place->n_opts))
			return false;
	}
	place->span = sl_p_span(p, start, p->pos);
	return !p->oom;
}

/* --- atoms ------------------------------------------------------------------------ */

/* Does a ')' that nobody opened follow the words at pos? Then its '(' was before them. */
static bool open_is_missing(const struct parser *p, uint32_t pos)
{
	const char *s = p->s;
	uint32_t i = pos;

	while (i < p->n && i - pos < 4096) {
		char c = s[i];

		if (c == ')')
			return true;
		if (c == '"' || c == '\'') {
			struct lex_string st;

			sl_lex_string(s, i, 0, &st);
			if (st.open && i > pos && lex_word_char(s[i - 1]))
				st.end = i + 1;
			i = st.end;
			continue;
		}
		if (strchr("({};><\n#", c))
			return false;
		i++;
	}
	return false;
}

/* Words without parentheses that were meant as a filter: `rx eth0`. Their end. */
bool sl_parse_looks_bare(struct parser *p, uint32_t pos, uint32_t *end)
{
	const char *s = p->s;
	uint32_t i = sl_lex_ident(s, pos), next = i, last = i;

	while (lex_blank(s[next]))
		next++;
	if (next == i || (!lex_ident_char(s[next]) && !strchr("\"'$/", s[next])) || !s[next] ||
	    sl_arrow_at(p, next))
		return false;
	for (i = next; i < p->n; i++) {
		if (s[i] == '"' || s[i] == '\'') {
			struct lex_string st;

			sl_lex_string(s, i, 0, &st);
			i = st.end - 1;
			last = st.end;
			continue;
		}
		if (strchr("(){};><\n#|", s[i]))
			break;
		if (s[i] == '-' && (sl_arrow_whole(p, i) || !lex_word_char(s[i + 1])))
			break;
		if (!lex_blank(s[i]))
			last = i + 1;
	}
	*end = last;
	return true;
}

bool sl_parse_ref(struct parser *p, struct sl_tstage *st)
{
	const char *s = p->s;
	uint32_t start = p->pos, end = sl_lex_ident(s, start), next;
	struct sl_diag_new *d;

	if (open_is_missing(p, start)) {
		d = sl_p_err(p, "E014", start, start, "a parenthesis is closed but not opened");
		sl_err_label(d, "'(' is missing here");
		sl_err_fix(d, "(");
		return sl_parse_filter(p, st, true);
	}
	if (sl_parse_looks_bare(p, start, &next)) {
		d = sl_p_err(p, "E010", start, next, "a filter stands in parentheses");
		sl_err_label(d, "did you mean (%.*s) ?", (int)(next - start), s + start);
		sl_err_fix(d, "(%.*s)", (int)(next - start), s + start);
		p->pos = next;
		st->kind = SL_A_FILTER;
		return true;
	}
	st->kind = SL_A_REF;
	st->ref = sl_p_dup(p, start, end);
	st->ref_span = sl_p_span(p, start, end);
	if (sl_lex_is_reserved(s + start, end - start) && strcmp(st->ref ? st->ref : "", "in") &&
	    strcmp(st->ref ? st->ref : "", "out")) {
		sl_err_label(sl_p_err(p, "E019", start, end, "'%s' is a word of the language", st->ref),
			     "a stage is expected here");
		return false;
	}
	p->pos = end;
	if (s[end] == '.') {
		start = end + 1;
		if (s[start] == '.') {
			d = sl_p_err(p, "E001", start, start + 1, "this '.' is there twice");
			sl_err_label(d, "one is enough");
			sl_err_fix(d, "%s", "");
			start++;
		}
		end = sl_lex_ident(s, start);
		if (end == start) {
			sl_err_label(sl_p_err(p, "E010", start - 1, start,
					   "expected the name of an input after '.'"),
				     "as in %s.left", st->ref ? st->ref : "j");
			p->pos = start;
			return true;
		}
		st->input = sl_p_dup(p, start, end);
		st->input_span = sl_p_span(p, start, end);
		p->pos = end;
	}
	if (s[p->pos] == '@') {
		d = sl_p_err(p, "E022", p->pos, p->pos + 1, "a placement belongs to a filter or a group");
		sl_err_label(d, "write it where '%s' is declared", st->ref ? st->ref : "it");
		return false;
	}
	return !p->oom;
}

/* What stands where a stage should: nothing of use. */
bool sl_parse_no_atom(struct parser *p)
{
	const char *s = p->s;
	char c = s[p->pos];
	struct sl_diag_new *d;

	if (!c || strchr("\n;}", c)) {
		d = sl_p_err(p, "E010", p->pos, p->pos + (c == '}'), "expected a filter, found %s",
			  !c ? "the end" : c == '}' ? "'}'" : "the end of the statement");
		sl_err_label(d, "a filter such as (count) is missing");
	} else if (c == ')' || c == ']') {
		d = sl_p_err(p, "E014", p->pos, p->pos + 1, "this '%c' closes nothing", c);
		sl_err_fix(d, "%s", "");
		p->pos++;
	} else if (sl_arrow_at(p, p->pos)) {
		struct sl_tlink link = { 0 };
		uint32_t start = p->pos;
		unsigned int errors = p->errors;

		sl_parse_arrow(p, &link);
		if (p->errors == errors) {
			d = sl_p_err(p, "E010", start, p->pos > start ? p->pos : start + 1,
				     "expected a filter, found an arrow");
			sl_err_label(d, "a pipeline begins with a filter, and one stands between "
					"two arrows");
			sl_err_fix(d, "%s", "");
		}
	} else if (c == '"' || c == '\'') {
		struct lex_string st;

		sl_lex_string(s, p->pos, 0, &st);
		d = sl_p_err(p, "E010", p->pos, st.end, "expected a filter, found text");
		sl_err_label(d, "text stands inside a filter's parentheses");
		p->pos = st.end;
	} else if (c == '[') {
		d = sl_p_err(p, "E010", p->pos, p->pos + 1, "expected a filter, found '['");
		sl_err_label(d, "options follow an arrow or a placement");
	} else if ((unsigned char)c >= 0x80 || (unsigned char)c < ' ' || strchr("\\`", c)) {
		sl_p_unknown(p);
		return false;
	} else {
		d = sl_p_err(p, "E010", p->pos, p->pos + 1, "expected a filter, found '%c'", c);
		sl_err_label(d, "filters stand in parentheses: (tcp)");
	}
	return false;
}
