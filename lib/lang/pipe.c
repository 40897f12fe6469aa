/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pipe -- the notation with bars
 *
 *	pcapin trace.pcap | tcp | sourceport |80 inspect
 *
 * A request is read this way when a bar stands outside of all brackets and what
 * comes before it is no bracket. Words and quotes are as in the shell; a class
 * mark is glued to its bar. What is written here is linear: branches, names and
 * placement need the notation with brackets, and are told so (E023).
 *
 * The tree that comes out is that of `(pcapin trace.pcap) > (tcp) > ...`. Whether
 * an identifier names a filter or a program is not known here: from_pipe is set
 * and the words are kept. A first word that cannot be a filter's name, ./prog or
 * /usr/bin/x, is turned into (exec ./prog ...) at once.
 */
#include "lang/parser.h"

int64_t sl_pipe_detect(const struct parser *p)
{
	const char *s = p->s;
	unsigned int depth = 0;
	uint32_t i = sl_lex_all(s, 0), last;
	char before = '\0';

	if (s[i] == '(' || s[i] == '{' || s[i] == '|')
		return -1;
	while (i < p->n) {
		char c = s[i];

		if (c == '#' && (!i || lex_blank(s[i - 1]) || s[i - 1] == '\n')) {
			i = sl_lex_inline(s, i);
			continue;
		}
		last = i;
		if (c == '"' || c == '\'') {
			struct lex_string st;

			sl_lex_string(s, i, 0, &st);
			i = st.open || st.end <= i ? i + 1 : st.end;
		} else {
			if (strchr("([{", c))
				depth++;
			else if (strchr(")]}", c) && depth)
				depth--;
			else if (c == '|' && !depth)
				return before == ')' || before == '}' || before == ']' ?
					-1 : (int64_t)i;
			i++;
		}
		if (!lex_blank(c) && c != '\n')
			before = s[last];
	}
	return -1;
}

static bool ends_word(char c)
{
	return !c || lex_blank(c) || c == '\n' || c == '|' || c == ';';
}

/* A class mark behind the bar at p->pos: 80, !22, 80,443, 8000..8010, *. */
static bool pipe_tags(struct parser *p, struct sl_tlink *link)
{
	const char *s = p->s;
	uint32_t start = p->pos, end = start, from;
	struct sl_tlink arrow = { 0 };
	struct sl_diag_new *d;
	struct parser sub;
	struct sl_source *src;
	char *text;

	if (!lex_digit(s[start]) && !(s[start] == '!' && !ends_word(s[start + 1])) &&
	    !(s[start] == '*' && ends_word(s[start + 1])))
		return true;
	while (!ends_word(s[end]))
		end++;
	/* read it as the arrow that it stands for */
	text = sl_arena_printf(p->arena, "-%.*s->", (int)(end - start), s + start);
	if (!text) {
		p->oom = true;
		return false;
	}
	src = sl_source_new("", text, strlen(text));
	sub = *p;
	sub.ds = NULL;
	sub.errors = 0;
	sub.src = src;
	sub.s = src ? src->text : NULL;
	sub.n = (uint32_t)strlen(text);
	sub.pos = 0;
	if (!src) {
		p->oom = true;
		return false;
	}
	if (!sl_parse_arrow(&sub, &arrow) || sub.errors || sub.pos != sub.n) {
		d = sl_p_err(p, "E015", start, end, "'%.*s' is no class mark", (int)(end - start), s + start);
		sl_err_label(d, "as in |80, |80,443, |8000..8010 or |!22");
	}
	p->oom |= sub.oom;
	for (from = 0; from < arrow.n_tags; from++)
		arrow.tags[from].span = sl_p_span(p, start, end);
	sl_source_put(src);
	link->kind = SL_LINK_TAGGED;
	link->tags = arrow.tags;
	link->n_tags = arrow.n_tags;
	p->pos = end;
	return !p->oom;
}

/* Things of the other notation, which cannot be said with bars. */
static bool not_here(struct parser *p, uint32_t start, uint32_t end)
{
	const char *s = p->s;
	struct sl_diag_new *d = NULL;

	if (strchr("(){}", s[start]) || (s[start] == '[' && s[end - 1] != ']')) {
		d = sl_p_err(p, "E023", start, start + 1, "brackets and bars do not mix");
		sl_err_label(d, "write the whole request as (a) > (b)");
	} else if (s[start] == '>' || s[start] == '<' ||
		   (s[start] == '-' && end > start + 1 && s[end - 1] == '>')) {
		d = sl_p_err(p, "E023", start, end, "arrows and bars do not mix");
		if (s[start] == '-' && end - start > 3 && s[end - 2] == '-') {
			sl_err_label(d, "did you mean '|%.*s'?", (int)(end - start - 3), s + start + 1);
			sl_err_fix(d, "|%.*s", (int)(end - start - 3), s + start + 1);
		} else {
			sl_err_label(d, "did you mean '|'?");
			sl_err_fix(d, "|");
		}
	} else {
		return false;
	}
	sl_err_note(d, "bars make straight pipelines; branches, placement and names need brackets");
	return true;
}

/* The end of the word at i; a quote that is not closed ends with its line. */
static uint32_t word_end(const char *s, uint32_t i)
{
	while (!ends_word(s[i])) {
		char q = s[i++];

		if (q == '\\' && s[i] && s[i] != '\n')
			i++;
		if (q != '"' && q != '\'')
			continue;
		while (s[i] && s[i] != q && s[i] != '\n') {
			if (q == '"' && s[i] == '\\' && s[i + 1] && s[i + 1] != '\n')
				i++;
			i++;
		}
		if (s[i] == q)
			i++;
	}
	return i;
}

/* One word of the shell at p->pos into `v`. False: an error, or memory is out. */
static bool pipe_word(struct parser *p, struct sl_tvalue *v, uint32_t start)
{
	const char *s = p->s;
	uint32_t i = p->pos, end;
	struct sl_diag_new *d;
	bool quoted = false;
	char *out;
	size_t n = 0;

	memset(v, 0, sizeof(*v));
	/* a whole quoted word is a string of ours, with its escapes and ${name} */
	if (s[i] == '"' || s[i] == '\'') {
		struct lex_string st;

		sl_lex_string(s, i, 0, &st);
		if (st.open || ends_word(s[st.end])) {
			if (st.open) {
				for (end = i; s[end] && s[end] != '\n' && s[end] != '|'; end++)
					;
				end = sl_lex_trim(s, i + 1, end);
				d = sl_p_err(p, "E003", i, end, "this text has no closing quote");
				sl_err_label(d, "did you mean %.*s%c ?", (int)(end - i), s + i, s[i]);
				sl_err_fix(d, "%.*s%c", (int)(end - i), s + i, s[i]);
				p->pos = end;
				v->kind = SL_V_STRING;
				v->text = "";
				return true;
			}
			return sl_parse_string(p, v, 0, i);
		}
	}
	if (s[i] == '$') {
		end = sl_lex_ident(s, i + 1);
		if (end > i + 1 && ends_word(s[end])) {
			v->kind = SL_V_VAR;
			v->text = sl_p_dup(p, i + 1, end);
			v->text_len = end - i - 1;
			v->span = sl_p_span(p, i, end);
			p->pos = end;
			return !p->oom;
		}
	}
	out = sl_arena_alloc(p->arena, word_end(s, i) - i + 1);
	if (!out) {
		p->oom = true;
		return false;
	}
	while (!ends_word(s[i])) {
		if (s[i] == '"' || s[i] == '\'') {
			char q = s[i];
			uint32_t from = i++;

			quoted = true;
			while (s[i] && s[i] != q && s[i] != '\n') {
				if (q == '"' && s[i] == '\\' && (s[i + 1] == '"' || s[i + 1] == '\\'))
					i++;
				out[n++] = s[i++];
			}
			if (s[i] != q) {
				uint32_t close = from + 1;

				while (s[close] && s[close] != '\n' && s[close] != '|')
					close++;
				close = sl_lex_trim(s, from + 1, close);
				d = sl_p_err(p, "E003", from, close, "this text has no closing quote");
				sl_err_label(d, "did you mean %.*s%c ?", (int)(close - from), s + from, q);
				sl_err_fix(d, "%.*s%c", (int)(close - from), s + from, q);
				i = close;
				break;
			}
			i++;
			continue;
		}
		if (s[i] == '\\' && s[i + 1] && s[i + 1] != '\n') {
			quoted = true;
			i++;
		}
		out[n++] = s[i++];
	}
	out[n] = '\0';
	v->text = out;
	v->text_len = n;
	v->span = sl_p_span(p, start, i);
	/* what brackets would not take as a bare word is text */
	v->kind = quoted || !n || sl_lex_word(out, 0) != n ? SL_V_STRING : SL_V_WORD;
	p->pos = i;
	return true;
}

static bool pipe_arg(struct parser *p, struct sl_tstage *st)
{
	const char *s = p->s;
	bool program = !strcmp(st->type, "exec") && st->from_pipe && st->n_args;
	uint32_t start = p->pos, key = sl_lex_ident(s, start);
	struct sl_targ *a = P_PUSH(p, st->args, st->n_args);

	if (!a)
		return false;
	if (key > start)
		while (lex_ident_char(s[key]) || (s[key] == '-' && s[key + 1] != '='))
			key++;
	if (key > start && s[key] == '=' && !program && !ends_word(s[key + 1])) {
		a->key = sl_p_dup(p, start, key);
		a->key_span = sl_p_span(p, start, key);
		p->pos = key + 1;
	}
	if (!pipe_word(p, &a->value, p->pos))
		return false;
	a->span = a->key ? sl_span_join(a->key_span, a->value.span) : a->value.span;
	return !p->oom;
}

static bool pipe_stage(struct parser *p, struct sl_tstage *st)
{
	const char *s = p->s;
	uint32_t start = p->pos, end;
	struct sl_tvalue first;
	struct sl_diag_new *d;

	for (end = start; !ends_word(s[end]); end++)
		;
	if (not_here(p, start, end))
		return false;
	if (!pipe_word(p, &first, start))
		return false;
	st->kind = SL_A_FILTER;
	st->from_pipe = true;
	st->type_span = first.span;
	if (first.kind == SL_V_WORD && sl_lex_is_type(first.text, first.text_len)) {
		st->type = first.text;
		if (sl_lex_is_reserved(first.text, first.text_len)) {
			d = sl_p_err(p, "E023", start, p->pos, "'%s' cannot be said with bars", st->type);
			sl_err_label(d, "write the whole request as (a) > (b)");
			return false;
		}
	} else {
		const char *at = memchr(s + start, '@', end - start);
		struct sl_targ *a;

		if (at && sl_lex_is_type(s + start, (size_t)(at - s) - start) &&
		    sl_lex_is_space(at + 1, (size_t)(s + end - at - 1 - (s[end - 1] == '?')))) {
			d = sl_p_err(p, "E023", (uint32_t)(at - s), end,
				  "placement cannot be said with bars");
			sl_err_label(d, "write the whole request as (a)@xdp > (b)");
			return false;
		}
		st->type = "exec";
		a = P_PUSH(p, st->args, st->n_args);
		if (!a)
			return false;
		a->value = first;
		a->span = first.span;
	}
	for (;;) {
		while (lex_blank(s[p->pos]))
			p->pos++;
		if (s[p->pos] == '#')
			p->pos = sl_lex_inline(s, p->pos);
		if (!s[p->pos] || strchr("\n|;", s[p->pos]))
			break;
		for (end = p->pos; !ends_word(s[end]); end++)
			;
		if (not_here(p, p->pos, end))
			return false;
		if (p->stop || !pipe_arg(p, st))
			return false;
	}
	st->span = sl_p_span(p, start, sl_lex_trim(s, start, p->pos));
	return !p->oom;
}

/* The bar at p->pos, with its class mark. */
static bool pipe_bar(struct parser *p, struct sl_tlink *link)
{
	const char *s = p->s;
	uint32_t bar = p->pos, next;
	struct sl_diag_new *d;

	next = bar + 1;
	while (lex_blank(s[next]))
		next++;
	if (s[next] == '|') {
		d = sl_p_err(p, "E012", bar, next + 1, "this bar is there twice");
		sl_err_label(d, "did you mean '|'?");
		sl_err_fix(d, "|");
		p->pos = bar = next;
	}
	p->pos = bar + 1;
	link->kind = SL_LINK_PLAIN;
	if (!pipe_tags(p, link))
		return false;
	link->span = sl_p_span(p, bar, p->pos);
	next = sl_lex_all(s, p->pos);
	if (link->kind == SL_LINK_PLAIN && lex_digit(s[next]) && next > p->pos && s[next - 1] != '\n') {
		uint32_t end = next;

		while (!ends_word(s[end]))
			end++;
		d = sl_p_err(p, "E012", bar, end, "a class mark is glued to its bar");
		sl_err_label(d, "did you mean '|%.*s'?", (int)(end - next), s + next);
		sl_err_fix(d, "|%.*s", (int)(end - next), s + next);
		p->pos = end;
		next = sl_lex_all(s, end);
	}
	if (next >= p->n || s[next] == '|' || s[next] == ';') {
		d = sl_p_err(p, "E010", bar, p->pos, "this bar leads to nothing");
		sl_err_label(d, "a filter or a program must follow");
		return false;
	}
	p->pos = next;
	return true;
}

static bool pipe_line(struct parser *p, struct sl_tpipe *pipe)
{
	const char *s = p->s;
	uint32_t start = p->pos, end;

	for (;;) {
		struct sl_tstage *st = P_PUSH(p, pipe->stages, pipe->n);
		struct sl_tlink *link;
		unsigned int n_links;

		if (!st || !pipe_stage(p, st))
			return false;
		end = p->pos;
		if (s[p->pos] == '\n' && s[sl_lex_all(s, p->pos)] == '|')
			p->pos = sl_lex_all(s, p->pos);
		if (s[p->pos] != '|')
			break;
		n_links = pipe->n - 1;
		link = P_PUSH(p, pipe->links, n_links);
		if (!link || !pipe_bar(p, link))
			return false;
	}
	pipe->span = sl_p_span(p, start, sl_lex_trim(s, start, end));
	return true;
}

bool sl_pipe_parse(struct parser *p, struct sl_tree *tree)
{
	const char *s = p->s;

	tree->pipe_dialect = true;
	for (;;) {
		struct sl_tstmt *st;

		if (p->stop || p->oom)
			return false;
		p->pos = sl_lex_all(s, p->pos);
		if (p->pos >= p->n)
			break;
		if (s[p->pos] == ';') {
			p->pos++;
			continue;
		}
		st = P_PUSH(p, tree->stmts, tree->n_stmts);
		if (!st)
			return false;
		st->kind = SL_S_PIPE;
		if (!pipe_line(p, &st->pipe)) {
			if (p->oom)
				return false;
			while (s[p->pos] && s[p->pos] != '\n' && s[p->pos] != ';')
				p->pos++;
		}
		st->span = st->pipe.span;
	}
	return !p->errors;
}
