/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stmt -- statements and the file
 *
 * A name at the start of a statement that is followed by another word is a
 * misspelt keyword if it is one slip away from one; which one is told by what
 * follows. In `let` and `set` the values are read as inside brackets (no arrow
 * can follow there), so -5ms and a-b.pcap need no quotes.
 */
#include "lang/parser.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

static bool at_end(const struct parser *p, uint32_t pos)
{
	return pos >= p->n || strchr(";\n}", p->s[pos]);
}

/* Nothing may follow a statement but its end. */
static bool finish(struct parser *p, const char *what)
{
	uint32_t next = sl_lex_inline(p->s, p->pos), end = next;
	struct sl_diag_new *d;

	if (at_end(p, next))
		return true;
	while (!at_end(p, end) && p->s[end] != '#')
		end++;
	end = sl_lex_trim(p->s, next, end);
	d = sl_p_err(p, "E017", next, end, "nothing may follow %s", what);
	sl_err_label(d, "a new statement needs a new line or ';'");
	return false;
}

static bool stmt_name(struct parser *p, struct sl_tstmt *st, const char *what)
{
	const char *s = p->s;
	uint32_t start, end;

	start = p->pos = sl_lex_all(s, p->pos);
	end = sl_lex_ident(s, start);
	if (end == start) {
		sl_err_label(sl_p_err(p, "E017", start, at_end(p, start) ? start : start + 1,
				   "'%s' needs a name", what),
			     "names have letters, digits and '_'");
		return false;
	}
	st->name = sl_p_dup(p, start, end);
	st->name_span = sl_p_span(p, start, end);
	p->pos = end;
	if (sl_lex_is_reserved(s + start, end - start)) {
		sl_err_label(sl_p_err(p, "E019", start, end, "'%s' is a word of the language", st->name),
			     "choose another name");
	}
	return !p->oom;
}

/* The comment at `pos` if there is one, without '#': [*from, *to). */
static bool comment_at(const char *s, uint32_t pos, uint32_t *from, uint32_t *to)
{
	while (lex_blank(s[pos]))
		pos++;
	if (s[pos] != '#' || s[pos + 1] == '!')
		return false;
	for (pos++; s[pos] == ' ' || s[pos] == '\t'; pos++)
		;
	*from = pos;
	while (s[pos] && s[pos] != '\n')
		pos++;
	*to = sl_lex_trim(s, *from, pos);
	return *to > *from;
}

/* The help of a let: the comment behind it, else the lines of comment above it. */
static const char *help_of(struct parser *p, uint32_t start, uint32_t end)
{
	const char *s = p->s;
	uint32_t from, to, line, top;
	char *help, *w;

	if (s[end] == ';')
		end++;
	if (comment_at(s, end, &from, &to))
		return sl_p_dup(p, from, to);
	for (line = start; line && lex_blank(s[line - 1]); line--)
		;
	if (line && s[line - 1] != '\n')
		return NULL;
	for (top = line; top;) {
		uint32_t up = top - 1;

		while (up && s[up - 1] != '\n')
			up--;
		if (!comment_at(s, up, &from, &to))
			break;
		top = up;
	}
	if (top == line)
		return NULL;
	w = help = sl_arena_alloc(p->arena, line - top + 1);
	if (!help) {
		p->oom = true;
		return NULL;
	}
	while (top < line) {
		comment_at(s, top, &from, &to);
		if (w > help)
			*w++ = ' ';
		memcpy(w, s + from, to - from);
		w += to - from;
		while (s[top] != '\n')
			top++;
		top++;
	}
	return help;
}

static bool parse_let(struct parser *p, struct sl_tstmt *st, uint32_t start)
{
	struct args_at at = { .close = 0, .open = start, .from = start };
	const char *s = p->s;
	struct sl_diag_new *d;
	uint32_t next, value;

	st->kind = SL_S_LET;
	if (!stmt_name(p, st, "let"))
		return false;
	next = sl_lex_inline(s, p->pos);
	if (s[next] != '=') {
		bool end = at_end(p, next);

		if (next - p->pos >= 2 && !end)
			next = p->pos + 1;
		d = sl_p_err(p, "E017", next, next, "'let %s' lacks its '='", st->name);
		sl_err_label(d, "'=' is missing here");
		if (end)
			return false;
		sl_err_fix(d, next == p->pos + 1 && lex_blank(s[next]) ? "=" : "= ");
		p->pos = next;
	} else {
		p->pos = next + 1;
		if (s[p->pos] == '=') {
			d = sl_p_err(p, "E017", p->pos, p->pos + 1, "this '=' is there twice");
			sl_err_label(d, "one is enough");
			sl_err_fix(d, "%s", "");
			p->pos++;
		}
	}
	p->pos = sl_lex_all(s, p->pos);
	value = p->pos;
	if (!s[value] || (!lex_word_char(s[value]) && !strchr("\"'[$", s[value]) &&
			  (unsigned char)s[value] < 0x80)) {
		d = sl_p_err(p, "E017", next, next + (s[next] == '='), "'let %s' has no value", st->name);
		sl_err_label(d, "a value is missing behind '='");
		return false;
	}
	if (!sl_parse_value(p, &st->value, &at))
		return false;
	next = sl_lex_inline(s, p->pos);
	if (st->value.kind == SL_V_WORD && (s[next] == '"' || s[next] == '\'') && next == p->pos) {
		d = sl_p_err(p, "E003", value, next + 1, "this text has no opening quote");
		sl_err_label(d, "did you mean %c%.*s?", s[next], (int)(next + 1 - value), s + value);
		sl_err_fix(d, "%c%.*s", s[next], (int)(next + 1 - value), s + value);
		p->pos = next + 1;
	} else if (st->value.kind == SL_V_LIST && s[next] == ']') {
		d = sl_p_err(p, "E014", next, next + 1, "this ']' closes nothing");
		sl_err_label(d, "one is enough");
		sl_err_fix(d, "%s", "");
		p->pos = next + 1;
	} else if (!at_end(p, next)) {
		uint32_t end = next;

		while (!at_end(p, end) && s[end] != '#')
			end++;
		end = sl_lex_trim(s, next, end);
		if (s[end - 1] == ']' && st->value.kind == SL_V_WORD) {
			d = sl_p_err(p, "E014", value, value, "a list is closed but not opened");
			sl_err_label(d, "'[' is missing here");
			sl_err_fix(d, "[");
		} else if (end > next && (s[end - 1] == '"' || s[end - 1] == '\'') &&
			   st->value.kind == SL_V_WORD) {
			d = sl_p_err(p, "E003", value, end, "this text has no opening quote");
			sl_err_label(d, "did you mean %c%.*s?", s[end - 1], (int)(end - value),
				     s + value);
			sl_err_fix(d, "%c%.*s", s[end - 1], (int)(end - value), s + value);
		} else if (st->value.kind != SL_V_WORD) {
			d = sl_p_err(p, "E017", p->pos, end, "'let' takes one value");
			sl_err_label(d, "a new statement needs a new line or ';', a comment '#'");
		} else {
			d = sl_p_err(p, "E017", value, end, "'let' takes one value");
			sl_err_label(d, "did you mean \"%.*s\"?", (int)(end - value), s + value);
			sl_err_fix(d, "\"%.*s\"", (int)(end - value), s + value);
		}
		return false;
	}
	st->help = help_of(p, start, p->pos);
	return !p->oom;
}

static bool parse_use(struct parser *p, struct sl_tstmt *st)
{
	const char *s = p->s;
	uint32_t start;
	struct sl_tvalue v;
	struct sl_diag_new *d;

	st->kind = SL_S_USE;
	start = p->pos = sl_lex_all(s, p->pos);
	if (s[start] == '"' || s[start] == '\'') {
		if (!sl_parse_string(p, &v, 0, start))
			return false;
		st->use_quoted = true;
	} else if (lex_word_char(s[start]) || (unsigned char)s[start] >= 0x80) {
		if (!sl_parse_value(p, &v, NULL))
			return false;
		if (s[p->pos] == '"' || s[p->pos] == '\'') {
			uint32_t end = p->pos + 1;

			d = sl_p_err(p, "E003", start, end, "this text has no opening quote");
			sl_err_label(d, "did you mean %c%.*s?", s[end - 1], (int)(end - start),
				     s + start);
			sl_err_fix(d, "%c%.*s", s[end - 1], (int)(end - start), s + start);
			p->pos = end;
		}
	} else {
		sl_err_label(sl_p_err(p, "E017", start, start, "'use' needs a file or a library"),
			     "as in use \"lib/http.srl\" or use http");
		return false;
	}
	st->name = v.text;
	st->name_span = v.span;
	if (!st->name[0])
		sl_err_label(sl_p_err(p, "E017", start, p->pos, "'use' needs a file or a library"),
			     "this name is empty");
	return finish(p, "'use'");
}

static bool parse_set(struct parser *p, struct sl_tstmt *st, uint32_t start)
{
	struct args_at at = { .close = 0, .open = start, .from = p->pos };
	const char *s = p->s;
	struct sl_diag_new *d;
	unsigned int i;

	st->kind = SL_S_SET;
	p->pos = sl_lex_all(s, p->pos);
	if (!sl_parse_args(p, &at, &st->args, &st->n_args))
		return false;
	if (!st->n_args) {
		sl_err_label(sl_p_err(p, "E017", start, p->pos, "'set' needs settings"),
			     "as in set buffer=16MiB");
		return false;
	}
	for (i = 0; i < st->n_args && !p->stop; i++) {
		const struct sl_targ *a = &st->args[i];
		const char *text = a->value.text ? a->value.text : "";
		uint32_t from = a->value.span.off, to = from + a->value.span.len;
		size_t letters = strspn(text, "abcdefghijklmnopqrstuvwxyz_");

		if (a->key || p->errors)
			continue;
		if (i + 1 < st->n_args && !a[1].key && a->value.kind == SL_V_WORD) {
			uint32_t second = a[1].value.span.off;

			to = second + a[1].value.span.len;
			d = sl_p_err(p, "E017", from, to, "a setting is written key=value");
			sl_err_label(d, "did you mean '%s=%.*s'?", text, (int)(to - second),
				     s + second);
			sl_err_fix(d, "%s=%.*s", text, (int)(to - second), s + second);
			i++;
			continue;
		}
		d = sl_p_err(p, "E017", from, to, "a setting is written key=value");
		if (a->value.kind == SL_V_WORD && letters && lex_digit(text[letters])) {
			sl_err_label(d, "did you mean '%.*s=%s'?", (int)letters, text, text + letters);
			sl_err_fix(d, "%.*s=%s", (int)letters, text, text + letters);
		} else {
			sl_err_label(d, "'=' is missing");
		}
	}
	return true;
}

static bool parse_params(struct parser *p, struct sl_tstmt *st, uint32_t open)
{
	struct args_at at = { .close = ')', .open = open, .from = p->pos };
	const char *s = p->s;
	struct sl_diag_new *d;
	bool comma = false;

	for (;;) {
		struct sl_tparam *par;
		uint32_t start, end, next;

		if (p->stop || p->oom)
			return false;
		start = p->pos = sl_lex_all(s, p->pos);
		if (s[start] == ')') {
			p->pos++;
			if (comma) {
				d = sl_p_err(p, "E017", start, start, "nothing follows the comma");
				sl_err_label(d, "a parameter is missing, or the comma is too much");
			}
			return true;
		}
		if (s[start] == ',') {
			if (comma || !st->n_params) {
				d = sl_p_err(p, "E017", start, start + 1,
					  "nothing stands before this comma");
				sl_err_fix(d, "%s", "");
			}
			comma = true;
			p->pos++;
			continue;
		}
		if (!s[start] || s[start] == '{' || s[start] == '}' || s[start] == ';')
			return sl_parse_missing_close(p, &at);
		end = sl_lex_ident(s, start);
		if (end == start) {
			d = sl_p_err(p, s[start] == '(' ? "E014" : "E017", start, start + 1,
				  s[start] == '(' ? "this parenthesis is opened twice"
						  : "expected the name of a parameter");
			sl_err_label(d, "parameters are name or name=default");
			if (s[start] != '(')
				return false;
			sl_err_fix(d, "%s", "");
			p->pos++;
			continue;
		}
		comma = false;
		par = P_PUSH(p, st->params, st->n_params);
		if (!par)
			return false;
		par->name = sl_p_dup(p, start, end);
		if (sl_lex_is_reserved(s + start, end - start))
			sl_err_label(sl_p_err(p, "E019", start, end, "'%s' is a word of the language",
					   par->name), "choose another name");
		p->pos = end;
		next = sl_lex_all(s, end);
		if (s[next] == '=') {
			p->pos = next + 1;
			if (s[p->pos] == '=') {
				d = sl_p_err(p, "E017", p->pos, p->pos + 1, "this '=' is there twice");
				sl_err_fix(d, "%s", "");
				p->pos++;
			}
			p->pos = sl_lex_all(s, p->pos);
			if (!s[p->pos] || strchr(",){}", s[p->pos])) {
				sl_err_label(sl_p_err(p, "E017", start, next + 1, "'%s' has no default",
						   par->name),
					     "a value is missing behind '='");
				continue;
			}
			par->has_default = true;
			next = p->pos;
			if (!sl_parse_value(p, &par->def, &at))
				return false;
			if (p->pos == next) {
				sl_p_unknown(p);
				return false;
			}
		}
		par->span = sl_p_span(p, start, p->pos);
		at.from = p->pos;
	}
}

static bool parse_def(struct parser *p, struct sl_tstmt *st)
{
	const char *s = p->s;
	struct sl_diag_new *d;
	uint32_t next, open;

	st->kind = SL_S_DEF;
	if (!stmt_name(p, st, "def"))
		return false;
	next = sl_lex_inline(s, p->pos);
	open = next;
	if (s[next] == '(') {
		p->pos = next + 1;
		if (!parse_params(p, st, open))
			return false;
	} else if (s[next] == '{') {
		d = sl_p_err(p, "E017", p->pos, p->pos, "the parameters of '%s' are missing", st->name);
		sl_err_label(d, "write () when there are none");
		sl_err_fix(d, "()");
	} else if (lex_ident_start(s[next]) || s[next] == ')') {
		d = sl_p_err(p, "E014", next, next, "a parenthesis is closed but not opened");
		sl_err_label(d, "'(' is missing here");
		sl_err_fix(d, "(");
		p->pos = next;
		if (!parse_params(p, st, open))
			return false;
	} else {
		d = sl_p_err(p, "E017", p->pos - (uint32_t)strlen(st->name ? st->name : ""),
			     next + (next < p->n && s[next] != '\n'),
			     "expected the parameters of '%s' in parentheses", st->name);
		sl_err_label(d, "as in def %s(port=80) { ... }", st->name);
		return false;
	}
	next = sl_lex_inline(s, p->pos);
	if (s[next] == ')') {
		d = sl_p_err(p, "E014", next, next + 1, "this ')' closes nothing");
		sl_err_label(d, "one is enough");
		sl_err_fix(d, "%s", "");
		p->pos = next + 1;
		next = sl_lex_inline(s, p->pos);
	}
	while ((unsigned char)s[next] >= 0x80 && !p->stop) {
		p->pos = next;
		sl_p_unknown(p);
		next = sl_lex_inline(s, p->pos);
	}
	if (s[next] == '\n' && s[sl_lex_all(s, next)] == '{') {
		uint32_t brace = sl_lex_all(s, next);

		d = sl_p_err(p, "E017", brace, brace + 1, "the body of '%s' begins on the line of its name",
			  st->name);
		sl_err_label(d, "move this brace up");
		next = brace;
	}
	if (s[next] != '{') {
		d = sl_p_err(p, "E017", p->pos, p->pos, "the body of '%s' is missing", st->name);
		sl_err_label(d, "as in { in > (tcp) > out }");
		return false;
	}
	p->pos = next;
	if (!sl_parse_block(p, &st->body, &st->n_body, "a def"))
		return false;
	return finish(p, "the body of a def");
}

/* --- keywords --------------------------------------------------------------------- */

/* Which keyword was meant by the word at [start, end), going by what follows it. */
static const char *keyword_meant(struct parser *p, uint32_t start, uint32_t end)
{
	static const char *const orders[4][4] = {
		{ "def", "let", "set", "use" },		/* web( */
		{ "let", "set", "def", "use" },		/* iface = */
		{ "set", "let", "def", "use" },		/* buffer=16MiB */
		{ "use", "def", "set", "let" },		/* http, "lib/x.srl" */
	};
	const char *s = p->s;
	uint32_t next = end, id, after;
	unsigned int shape, i;
	char word[16];

	while (lex_blank(s[next]))
		next++;
	if (next == end || end - start >= sizeof(word))
		return NULL;
	memcpy(word, s + start, end - start);
	word[end - start] = '\0';
	id = sl_lex_ident(s, next);
	after = id;
	while (lex_blank(s[after]))
		after++;
	if (s[next] == '"' || s[next] == '\'')
		shape = 3;
	else if (id == next || sl_arrow_whole(p, id))
		return NULL;
	else if (s[after] == '(')
		shape = 0;
	else if (s[after] == '=')
		shape = after > id ? 1 : 2;
	else
		shape = 3;
	for (i = 0; i < 4; i++) {
		const char *kw = orders[shape][i];

		/* by its shape a `use` is only told from words by a likeness */
		if (sl_nearest(word, &kw, 1))
			return kw;
	}
	return NULL;
}

static bool parse_keyword(struct parser *p, struct sl_tstmt *st, const char *kw, uint32_t start)
{
	switch (kw[0]) {
	case 'd':
		return parse_def(p, st);
	case 'l':
		return parse_let(p, st, start);
	case 'u':
		return parse_use(p, st);
	default:
		return parse_set(p, st, start);
	}
}

static bool parse_stmt(struct parser *p, struct sl_tstmt *st)
{
	static const char *const keywords[] = { "def", "let", "set", "use" };
	const char *s = p->s;
	uint32_t start = p->pos, end = sl_lex_ident(s, start), next, tag;
	struct sl_diag_new *d;
	const char *kw;
	size_t i;

	if (end > start) {
		for (i = 0; i < 4; i++)
			if (end - start == 3 && !memcmp(s + start, keywords[i], 3)) {
				p->pos = end;
				return parse_keyword(p, st, keywords[i], start);
			}
		kw = keyword_meant(p, start, end);
		if (kw && !sl_lex_is_reserved(s + start, end - start)) {
			d = sl_p_err(p, "E018", start, end, "'%.*s' begins no statement",
				  (int)(end - start), s + start);
			sl_err_label(d, "did you mean '%s'?", kw);
			sl_err_fix(d, "%s", kw);
			sl_err_note(d, "statements begin with def, let, use, set, or with a stage");
			p->pos = end;
			return parse_keyword(p, st, kw, start);
		}
		next = end;
		while (lex_blank(s[next]))
			next++;
		tag = next + 1;
		while (s[next] == '=' && lex_ident_char(s[tag]))
			tag++;
		if (s[next] == '=' && s[next + 1] != '>' &&
		    !(tag > next + 1 && (s[tag] == '=' || s[tag] == '-') && s[tag + 1] == '>')) {
			uint32_t cut = start;

			for (i = 0; i < 4; i++)
				if (end - start > 3 && !memcmp(s + start, keywords[i], 3))
					cut = start + 3;
			d = sl_p_err(p, "E017", cut, cut, "a name gets its value by 'let'");
			if (cut > start) {
				sl_err_label(d, "a blank is missing here");
				sl_err_fix(d, " ");
			} else {
				sl_err_label(d, "'let' is missing here");
				sl_err_fix(d, "let ");
			}
			return false;
		}
	}
	st->kind = SL_S_PIPE;
	return sl_parse_pipe(p, &st->pipe, false);
}

bool sl_parse_file(struct parser *p, struct sl_tree *tree)
{
	const char *s = p->s;

	if (!strncmp(s, "\xef\xbb\xbf", 3))
		p->pos = 3;
	for (;;) {
		struct sl_tstmt *st;
		uint32_t start;

		if (p->stop || p->oom)
			return false;
		p->depth = 0;
		p->extra_open = false;
		p->pos = sl_lex_all(s, p->pos);
		if (p->pos >= p->n)
			break;
		if (s[p->pos] == ';') {
			p->pos++;
			continue;
		}
		if (s[p->pos] == '}') {
			struct sl_diag_new *d = sl_p_err(p, "E014", p->pos, p->pos + 1,
						      "this '}' closes nothing");

			sl_err_label(d, "remove it");
			sl_err_fix(d, "%s", "");
			p->pos++;
			continue;
		}
		st = P_PUSH(p, tree->stmts, tree->n_stmts);
		if (!st)
			return false;
		start = p->pos;
		if (!parse_stmt(p, st)) {
			if (p->stop || p->oom)
				return false;
			sl_parse_panic(p, false);
			if (p->pos == start)
				p->pos++;
		}
		st->span = sl_p_span(p, start, sl_lex_trim(s, start, p->pos));
	}
	if (!tree->n_stmts && !p->errors) {
		struct sl_diag_new *d = sl_p_err(p, "E021", 0, 0, "there is nothing to run here");

		sl_err_label(d, "a request is at least one filter");
		sl_err_note(d, "for example: (tcp) -80-> (count)");
	}
	return !p->errors;
}

unsigned int sl_parse_dry_run(const char *text, uint32_t len)
{
	struct sl_tree tree = { 0 };
	struct parser p = { 0 };
	unsigned int errors = UINT_MAX;

	p.src = sl_source_new("", text, len);
	p.ds = sl_diags_new();
	p.arena = sl_arena_new();
	if (p.src && p.ds && p.arena) {
		p.s = p.src->text;
		p.n = len;
		sl_arrow_learn_style(&p);
		sl_parse_file(&p, &tree);
		if (!p.oom)
			errors = p.errors;
	}
	sl_arena_free(p.arena);
	sl_diags_free(p.ds);
	sl_source_put(p.src);
	return errors;
}

/* --- the whole -------------------------------------------------------------------- */

/* Bytes that are no text are an error of their own; nothing else is looked at then. */
static bool check_bytes(struct parser *p)
{
	uint32_t i = 0, len;

	while (i < p->n && p->errors < 10) {
		if (!p->s[i]) {
			sl_p_err(p, "E001", i, i + 1, "a zero byte within the text");
			i++;
			continue;
		}
		len = sl_lex_utf8(p->s + i, p->n - i);
		if (!len) {
			sl_err_label(sl_p_err(p, "E005", i, i + 1, "this byte (0x%02x) is not UTF-8",
					   (unsigned int)(unsigned char)p->s[i]),
				     "requests are written in UTF-8");
			while (++i < p->n && ((unsigned char)p->s[i] & 0xc0) == 0x80)
				;
			continue;
		}
		i += len;
	}
	return !p->errors;
}

int sl_tree_parse(struct sl_source *src, struct sl_tree **out, struct sl_diags *ds)
{
	struct parser p = { .src = src, .ds = ds };
	struct sl_tree *tree = calloc(1, sizeof(*tree));
	char *copy = NULL;
	int r = -ENOMEM;

	if (!tree)
		return -ENOMEM;
	tree->arena = p.arena = sl_arena_new();
	if (!p.arena)
		goto fail;
	tree->src = sl_source_get(src);
	p.s = src->text;
	p.n = (uint32_t)src->len_bytes;

	if (src->len_bytes > SL_TEXT_MAX) {
		sl_err_note(sl_p_err(&p, "E020", 0, 0, "this request is too long"),
			    "%u bytes are the limit", SL_TEXT_MAX);
	} else if (check_bytes(&p)) {
		sl_arrow_learn_style(&p);
		if (sl_pipe_detect(&p) >= 0)
			sl_pipe_parse(&p, tree);
		else if (sl_brace_mend(&p, &copy))
			sl_parse_file(&p, tree);
	}
	free(copy);
	if (p.oom)
		goto fail;
	if (p.errors) {
		r = -EINVAL;
		goto fail;
	}
	*out = tree;
	return 0;
fail:
	sl_tree_free(tree);
	return r;
}

void sl_tree_free(struct sl_tree *t)
{
	if (!t)
		return;
	sl_source_put(t->src);
	sl_arena_free(t->arena);
	free(t);
}
