/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * parse -- stages, links, fans, groups, pipelines
 *
 * Recursive descent, bounded to SL_DEPTH_MAX levels. After a stage the newline
 * rule is applied: a new line ends the pipeline unless the next thing is an
 * arrow, `}` or `@`. Inside the braces of a fan every branch begins with an
 * arrow, so there each line that begins with one is a new branch.
 */
#include "lang/parser.h"

#include <stdarg.h>

struct sl_span sl_p_span(const struct parser *p, uint32_t off, uint32_t end)
{
	struct sl_span at = { .src = p->src };
	size_t max = p->src->len_bytes;

	if (p->shift) {
		if (off > p->shift_at)
			off = (uint32_t)((int64_t)off + p->shift);
		if (end > p->shift_at)
			end = (uint32_t)((int64_t)end + p->shift);
	}
	if (off > max)
		off = (uint32_t)max;
	if (end > max)
		end = (uint32_t)max;
	at.off = off;
	at.len = end > off ? end - off : 0;
	return at;
}

struct sl_diag_new *sl_p_err(struct parser *p, const char *code, uint32_t off, uint32_t end,
			  const char *fmt, ...)
{
	struct sl_diag_new *d;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = sl_arena_vprintf(p->arena, fmt, ap);
	va_end(ap);
	if (!text)
		p->oom = true;
	if (++p->errors >= SL_PARSE_ERRORS_MAX)
		p->stop = true;
	d = sl_err(p->ds, code, sl_p_span(p, off, end), "%s", text ? text : "out of memory");
	return d;
}

char *sl_p_dup(struct parser *p, uint32_t off, uint32_t end)
{
	char *text = sl_arena_strndup(p->arena, p->s + off, end - off);

	if (!text)
		p->oom = true;
	return text;
}

void *sl_p_push(struct parser *p, void **items, unsigned int *n, size_t size)
{
	void *item = sl_arena_push(p->arena, items, n, size);

	if (!item)
		p->oom = true;
	return item;
}

bool sl_p_enter(struct parser *p)
{
	if (++p->depth <= SL_DEPTH_MAX)
		return true;
	sl_err_note(sl_p_err(p, "E020", p->pos, p->pos + 1, "brackets are nested too deep"),
		    "%d levels are the limit", SL_DEPTH_MAX);
	p->stop = true;
	return false;
}

static uint32_t char_len(const char *s)
{
	uint32_t len = 1;

	if ((unsigned char)*s >= 0xc0)
		while (((unsigned char)s[len] & 0xc0) == 0x80)
			len++;
	return len;
}

void sl_p_unknown(struct parser *p)
{
	uint32_t len;
	const char *ascii = sl_lex_lookalike(p->s + p->pos, &len);
	struct sl_diag_new *d;

	if (ascii) {
		d = sl_p_err(p, "E002", p->pos, p->pos + len,
			  *ascii ? "this letter only looks like '%s'" : "an invisible letter%s",
			  ascii);
		if (*ascii)
			sl_err_label(d, "in ASCII: '%s'", ascii);
		else
			sl_err_label(d, "remove it");
		sl_err_fix(d, "%s", ascii);
	} else {
		len = char_len(p->s + p->pos);
		if ((unsigned char)p->s[p->pos] < ' ')
			d = sl_p_err(p, "E001", p->pos, p->pos + len, "a control character (0x%02x)",
				  (unsigned int)(unsigned char)p->s[p->pos]);
		else
			d = sl_p_err(p, "E001", p->pos, p->pos + len, "'%.*s' cannot stand here",
				  (int)len, p->s + p->pos);
		sl_err_label(d, "remove it, or put text in quotes inside a filter");
		sl_err_fix(d, "%s", "");
	}
	p->pos += len;
}

/* --- panic ------------------------------------------------------------------- */

void sl_parse_panic(struct parser *p, bool in_fan)
{
	const char *s = p->s;
	unsigned int braces = 0;

	/* whoever gives up has said why; should one forget, nothing is accepted in silence */
	if (!p->errors && !p->oom)
		sl_p_err(p, "E010", p->pos, p->pos + 1, "this cannot be understood");

	while (p->pos < p->n) {
		char c = s[p->pos];

		if (c == '"' || c == '\'') {
			struct lex_string st;

			sl_lex_string(s, p->pos, 0, &st);
			p->pos = st.end > p->pos ? st.end : p->pos + 1;
			continue;
		}
		if (c == '#') {
			p->pos = sl_lex_inline(s, p->pos);
			continue;
		}
		if (c == '{')
			braces++;
		if (c == '}' && braces-- == 0)
			return;
		if (!braces && c == ';')
			return;
		if (!braces && c == '\n') {
			uint32_t next = sl_lex_all(s, p->pos);

			if (in_fan || !s[next] || (!sl_arrow_at(p, next) && s[next] != '@'))
				return;
			p->pos = next;
		}
		p->pos++;
	}
}

/* --- braces ------------------------------------------------------------------- */

static bool parse_fan(struct parser *p, struct sl_tstage *st)
{
	const char *s = p->s;
	uint32_t open = p->pos++;
	unsigned int depth;
	struct sl_diag_new *d;

	if (!sl_p_enter(p))
		return false;
	depth = p->depth;
	st->has_fan = true;
	for (;;) {
		struct sl_tbranch *b;
		uint32_t start;

		if (p->stop || p->oom)
			return false;
		p->depth = depth;
		p->pos = sl_lex_all(s, p->pos);
		if (s[p->pos] == ';') {
			p->pos++;
			continue;
		}
		if (s[p->pos] == '}')
			break;
		if (p->pos >= p->n) {
			d = sl_p_err(p, "E013", p->pos, p->pos, "this brace is not closed");
			sl_err_also(d, sl_p_span(p, open, open + 1), "opened here");
			sl_err_fix(d, "}");
			p->depth--;
			return true;
		}
		b = P_PUSH(p, st->fan, st->n_fan);
		if (!b)
			return false;
		start = p->pos;
		b->rest = sl_arena_alloc(p->arena, sizeof(*b->rest));
		if (!b->rest) {
			p->oom = true;
			return false;
		}
		if (!sl_arrow_at(p, p->pos) && !(lex_ident_start(s[p->pos]) &&
					      s[sl_lex_ident(s, p->pos)] == '-')) {
			if (s[p->pos] != '(' && s[p->pos] != '{' && !lex_ident_start(s[p->pos])) {
				sl_parse_no_atom(p);
				sl_parse_panic(p, true);
				continue;
			}
			d = sl_p_err(p, "E011", p->pos, p->pos, "a branch begins with an arrow");
			sl_err_label(d, "an arrow is missing here");
			sl_err_fix(d, "> ");
		} else if (!sl_parse_arrow(p, &b->link)) {
			sl_parse_no_atom(p);
			sl_parse_panic(p, true);
			continue;
		}
		if (s[sl_lex_all(s, p->pos)] == '[') {
			uint32_t opts = p->pos = sl_lex_all(s, p->pos);

			if (!sl_parse_opts(p, &b->link.opts, &b->link.n_opts)) {
				sl_parse_panic(p, true);
				continue;
			}
			b->link.opts_span = sl_p_span(p, opts, p->pos);
		}
		p->pos = sl_lex_all(s, p->pos);
		if (!sl_parse_pipe(p, b->rest, true)) {
			if (p->stop || p->oom)
				return false;
			sl_parse_panic(p, true);
		}
		b->span = sl_p_span(p, start, sl_lex_trim(s, start, p->pos));
	}
	if (!st->n_fan)
		sl_err_label(sl_p_err(p, "E021", open, p->pos + 1, "there is nothing in these braces"),
			     "a branch goes here, as in { -80-> (count) }");
	p->pos++;
	p->depth--;
	return true;
}

/* Pipelines within braces: a group, or the body of a def. p->pos is the '{'. */
bool sl_parse_block(struct parser *p, struct sl_tpipe **pipes, unsigned int *n, const char *what)
{
	const char *s = p->s;
	uint32_t open = p->pos++;
	unsigned int depth;
	struct sl_diag_new *d;

	if (!sl_p_enter(p))
		return false;
	depth = p->depth;
	for (;;) {
		struct sl_tpipe *pipe;
		uint32_t id;

		if (p->stop || p->oom)
			return false;
		p->depth = depth;
		p->pos = sl_lex_all(s, p->pos);
		if (s[p->pos] == ';') {
			p->pos++;
			continue;
		}
		if (s[p->pos] == '}')
			break;
		if (p->pos >= p->n) {
			d = sl_p_err(p, "E013", p->pos, p->pos, "this brace is not closed");
			sl_err_also(d, sl_p_span(p, open, open + 1), "opened here");
			sl_err_fix(d, "}");
			p->depth--;
			return true;
		}
		if (!*n && sl_arrow_whole(p, p->pos)) {
			d = sl_p_err(p, "E022", open, open + 1, "a fan needs a stage before it");
			sl_err_label(d, "these braces hold branches, but belong to no filter");
			sl_parse_panic(p, true);
			continue;
		}
		id = sl_lex_ident(s, p->pos);
		if (sl_lex_is_reserved(s + p->pos, id - p->pos) && id - p->pos == 3 &&
		    memcmp(s + p->pos, "out", 3) && memcmp(s + p->pos, "for", 3) &&
		    lex_blank(s[id])) {
			sl_err_label(sl_p_err(p, "E017", p->pos, id, "no '%.*s' inside %s",
					   (int)(id - p->pos), s + p->pos, what),
				     "write it outside of the braces");
			sl_parse_panic(p, false);
			continue;
		}
		pipe = P_PUSH(p, *pipes, *n);
		if (!pipe)
			return false;
		p->in_group = strcmp(what, "a def") != 0;
		if (!sl_parse_pipe(p, pipe, false)) {
			if (p->stop || p->oom)
				return false;
			sl_parse_panic(p, false);
		}
	}
	if (!*n)
		sl_err_label(sl_p_err(p, "E021", open, p->pos + 1, "there is nothing in these braces"),
			     "a pipeline goes here");
	p->pos++;
	p->depth--;
	return true;
}

static bool parse_stage(struct parser *p, struct sl_tstage *st)
{
	const char *s = p->s;
	uint32_t start = p->pos, next;

	if (s[start] == '(') {
		if (!sl_parse_filter(p, st, false))
			return false;
	} else if (s[start] == '{') {
		st->kind = SL_A_GROUP;
		if (!sl_parse_block(p, &st->group, &st->n_group, "a group"))
			return false;
	} else if (lex_ident_start(s[start])) {
		if (!sl_parse_ref(p, st))
			return false;
	} else {
		return sl_parse_no_atom(p);
	}
	if (st->kind != SL_A_REF) {
		next = sl_lex_all(s, p->pos);
		if (s[next] == '@') {
			p->pos = next;
			if (!sl_parse_place(p, &st->place, false))
				return false;
		} else if (lex_ident_start(s[p->pos]) && s[p->pos - 1] == ')' &&
			   sl_lex_is_space(s + p->pos, sl_lex_ident(s, p->pos) - p->pos)) {
			struct sl_diag_new *d = sl_p_err(p, "E011", p->pos, p->pos,
						      "'@' is missing before the name of a space");

			sl_err_label(d, "'@' is missing here");
			sl_err_fix(d, "@");
			if (!sl_parse_place(p, &st->place, true))
				return false;
		}
	}
	next = sl_lex_inline(s, p->pos);
	if (s[next] == '{') {
		p->pos = next;
		if (!parse_fan(p, st))
			return false;
		next = sl_lex_inline(s, p->pos);
		if (s[next] == '{') {
			sl_err_label(sl_p_err(p, "E022", next, next + 1, "a stage has one fan only"),
				     "put these branches into the first one");
			return false;
		}
	}
	st->span = sl_p_span(p, start, p->pos);
	return !p->oom;
}

/* --- pipelines ---------------------------------------------------------------------- */

/* An arrow is missing between what was read and the stage at `next`. */
static void missing_arrow(struct parser *p, uint32_t next, bool in_group)
{
	const char *s = p->s;
	uint32_t gap = next - p->pos;
	struct sl_diag_new *d;

	if (in_group && gap < 2) {
		/* heads of a group side by side: more likely two than one */
		d = sl_p_err(p, "E011", p->pos, p->pos, "';' or an arrow is missing between two stages");
		sl_err_label(d, "did you mean ';' here?");
		sl_err_fix(d, ";");
		sl_err_fix(d, " >");
	} else if (gap >= 2 && lex_blank(s[p->pos]) && lex_blank(s[p->pos + 1])) {
		/* the blanks on both sides of it are still there */
		d = sl_p_err(p, "E011", p->pos + 1, p->pos + 1, "an arrow is missing between two stages");
		sl_err_label(d, "did you mean '>' here?");
		sl_err_fix(d, ">");
	} else if (gap) {
		d = sl_p_err(p, "E011", next, next, "an arrow is missing between two stages");
		sl_err_label(d, "did you mean '>' here?");
		sl_err_fix(d, "> ");
	} else {
		d = sl_p_err(p, "E011", next, next, "an arrow is missing between two stages");
		sl_err_label(d, "did you mean '>' here?");
		sl_err_fix(d, "%s", p->tight ? ">" : " > ");
	}
}

enum after { AFTER_END, AFTER_LINK, AFTER_STAGE, AFTER_ERROR };

/* What follows a stage: a link at p->pos, the end, or a stage that lacks its arrow. */
static enum after after_stage(struct parser *p, bool in_fan, bool in_group)
{
	const char *s = p->s;

	for (;;) {
		uint32_t next = sl_lex_inline(s, p->pos), id;
		char c = s[next];
		struct sl_diag_new *d;

		if (p->stop || p->oom)
			return AFTER_ERROR;
		if (!c && next >= p->n)
			return AFTER_END;
		if (c == ';' || c == '}')
			return AFTER_END;
		if (c == '\n') {
			next = sl_lex_all(s, next);
			if (in_fan || next >= p->n || !sl_arrow_at(p, next))
				return AFTER_END;
			p->pos = next;
			return AFTER_LINK;
		}
		if (sl_arrow_at(p, next)) {
			p->pos = next;
			return AFTER_LINK;
		}
		id = sl_lex_ident(s, next);
		if (id > next && s[id] == '-') {
			struct sl_tlink link = { 0 };
			uint32_t keep = p->pos;

			/* `http->`: the dash before the tag is lost */
			p->pos = next;
			if (s[id + 1] == '>' && sl_parse_arrow(p, &link)) {
				p->pos = next;
				return AFTER_LINK;
			}
			p->pos = keep;
		}
		if (c == '(' || c == '{' || c == '[' || id > next) {
			missing_arrow(p, next, in_group);
			p->pos = next;
			return AFTER_STAGE;
		}
		if (c == ')' || c == ']') {
			if (!(p->extra_open && c == ')')) {
				d = sl_p_err(p, "E014", next, next + 1, "this '%c' closes nothing", c);
				sl_err_label(d, s[next - 1] == c ? "one is enough" : "remove it");
				sl_err_fix(d, "%s", "");
			}
			p->extra_open = false;
			p->pos = next + 1;
			continue;
		}
		if (c == '@') {
			struct sl_tplace place = { 0 };

			sl_p_err(p, "E022", next, next + 1, "there is a placement already");
			p->pos = next;
			if (!sl_parse_place(p, &place, false))
				return AFTER_ERROR;
			continue;
		}
		if (c == '"' || c == '\'') {
			struct lex_string st;

			sl_lex_string(s, next, 0, &st);
			d = sl_p_err(p, "E010", next, st.end, "text stands inside a filter's parentheses");
			sl_err_label(d, "not here");
			p->pos = st.end;
			return AFTER_ERROR;
		}
		p->pos = next;
		sl_p_unknown(p);
	}
}

/* `->buffer=4MiB] (x)`: the '[' is lost. */
static bool options_lost(const struct parser *p)
{
	const char *s = p->s;
	uint32_t i = sl_lex_ident(s, p->pos);

	if (i == p->pos || s[i] != '=')
		return false;
	for (; i < p->n && !strchr("(\n;{}>", s[i]); i++)
		if (s[i] == ']')
			return true;
	return false;
}

/* Links and stages after the first; a branch of a fan starts at its first stage. */
bool sl_parse_pipe(struct parser *p, struct sl_tpipe *pipe, bool in_fan)
{
	const char *s = p->s;
	uint32_t start = p->pos, end, arrow, arrow_end;
	bool in_group = p->in_group;
	struct sl_diag_new *d;

	p->in_group = false;
	for (;;) {
		struct sl_tstage *st = P_PUSH(p, pipe->stages, pipe->n);
		struct sl_tlink *link;
		unsigned int n_links;
		enum after after;

		if (!st || !parse_stage(p, st))
			return false;
		end = p->pos;
		after = after_stage(p, in_fan, in_group && pipe->n == 1);
		if (after == AFTER_END)
			break;
		if (after == AFTER_ERROR)
			return false;
		n_links = pipe->n - 1;
		link = P_PUSH(p, pipe->links, n_links);
		if (!link)
			return false;
		arrow = p->pos;
		if (after == AFTER_LINK && !sl_parse_arrow(p, link)) {
			if (!p->oom)
				sl_p_unknown(p);
			return false;
		}
		arrow_end = p->pos;
		p->pos = sl_lex_all(s, p->pos);
		if (options_lost(p)) {
			d = sl_p_err(p, "E014", p->pos, p->pos, "options need a bracket");
			sl_err_label(d, "'[' is missing here");
			sl_err_fix(d, "[");
			if (!sl_parse_args(p, &(struct args_at){ .close = ']', .open = p->pos,
					.from = p->pos, .virt = true }, &link->opts, &link->n_opts))
				return false;
		} else if (s[p->pos] == '[') {
			uint32_t opts = p->pos;

			if (!sl_parse_opts(p, &link->opts, &link->n_opts))
				return false;
			link->opts_span = sl_p_span(p, opts, p->pos);
		}
		p->pos = sl_lex_all(s, p->pos);
		if (p->pos >= p->n || strchr(";}", s[p->pos])) {
			d = sl_p_err(p, "E010", arrow, arrow_end, "this arrow leads to nothing");
			sl_err_label(d, "a filter must follow");
			return false;
		}
	}
	pipe->span = sl_p_span(p, start, end);
	return true;
}
