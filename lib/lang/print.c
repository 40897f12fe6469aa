/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * print -- a tree as canonical text, with or without the comments of its source
 *
 * Canonical: one statement a line, one blank between arguments, no commas, `>` for
 * the plain arrow, each branch of a fan on a line of its own, tabs for depth.
 *
 * With comments, the source is read again for them and each is put back when the
 * printer ends the line that it stood on, or begins the next thing after it. One
 * that stood within a statement that is now one line follows it. Empty lines
 * between statements are kept, one at most.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lang/parser.h"

struct comment {
	uint32_t off, end;
	bool own_line;		/* nothing but blanks before it */
};

struct printer {
	FILE *f;
	const struct sl_tree *t;
	unsigned int indent;
	bool keep;		/* comments and empty lines */
	struct comment *comments;
	unsigned int n_comments, next;
	uint32_t seen;		/* source up to here was printed */
	bool started;
};

static void put_pipe(struct printer *pr, const struct sl_tpipe *pipe);

/* --- words ------------------------------------------------------------------- */

static bool is_bare(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!lex_word_char(text[i]))
			return false;
	return len > 0;
}

static void put_string(FILE *f, const char *text, size_t len, bool interp)
{
	size_t i = 0;

	putc('"', f);
	while (i < len) {
		unsigned char c = (unsigned char)text[i];
		uint32_t n;

		if (interp && c == '\\' && i + 1 < len) {
			/* kept as it was written, see sl_parse_string() */
			putc('\\', f);
			putc(text[i + 1], f);
			i += 2;
			continue;
		}
		i++;
		if (c == '"' || (c == '\\' && !interp)) {
			fprintf(f, "\\%c", c);
		} else if (c == '$' && !interp && i < len &&
			   (text[i] == '{' || lex_ident_start(text[i]))) {
			fputs("\\$", f);
		} else if (c == '\n') {
			fputs("\\n", f);
		} else if (c == '\t') {
			fputs("\\t", f);
		} else if (c == '\r') {
			fputs("\\r", f);
		} else if (c < ' ' || c == 0x7f) {
			fprintf(f, "\\x%02x", c);
		} else if (c < 0x80) {
			putc(c, f);
		} else {
			n = sl_lex_utf8(text + i - 1, len - i + 1);
			if (n) {
				fwrite(text + i - 1, 1, n, f);
				i += n - 1;
			} else {
				fprintf(f, "\\x%02x", c);
			}
		}
	}
	putc('"', f);
}

char *sl_word_print(const char *text, size_t len)
{
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return NULL;
	if (is_bare(text, len))
		fwrite(text, 1, len, f);
	else
		put_string(f, text, len, false);
	if (fclose(f)) {
		free(out);
		return NULL;
	}
	return out;
}

static void put_value(struct printer *pr, const struct sl_tvalue *v)
{
	unsigned int i;

	switch (v->kind) {
	case SL_V_WORD:
		if (is_bare(v->text, v->text_len))
			fwrite(v->text, 1, v->text_len, pr->f);
		else	/* made by a program, not by the parser */
			put_string(pr->f, v->text, v->text_len, false);
		break;
	case SL_V_STRING:
		put_string(pr->f, v->text, v->text_len, v->interp);
		break;
	case SL_V_RAW:
		fprintf(pr->f, "'%s'", v->text);
		break;
	case SL_V_VAR:
		fprintf(pr->f, "$%s", v->text);
		break;
	case SL_V_LIST:
		putc('[', pr->f);
		for (i = 0; i < v->n_items; i++) {
			if (i)
				fputs(", ", pr->f);
			put_value(pr, &v->items[i]);
		}
		putc(']', pr->f);
		break;
	}
}

static void put_args(struct printer *pr, const struct sl_targ *args, unsigned int n, bool blank)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (i || blank)
			putc(' ', pr->f);
		if (args[i].key)
			fprintf(pr->f, "%s=", args[i].key);
		put_value(pr, &args[i].value);
	}
}

static void put_opts(struct printer *pr, const struct sl_targ *opts, unsigned int n)
{
	if (!n)
		return;
	putc('[', pr->f);
	put_args(pr, opts, n, false);
	putc(']', pr->f);
}

/* --- lines and comments -------------------------------------------------------- */

static void find_comments(struct printer *pr)
{
	const char *s = pr->t->src->text;
	uint32_t n = (uint32_t)pr->t->src->len_bytes, i = 0, room = 0;
	bool own = true;

	while (i < n) {
		struct lex_string st;

		if (s[i] == '\n') {
			own = true;
		} else if (s[i] == '"' || s[i] == '\'') {
			sl_lex_string(s, i, 0, &st);
			i = st.end > i ? st.end : i + 1;
			own = false;
			continue;
		} else if (s[i] == '#' && (!pr->t->pipe_dialect || !i || lex_blank(s[i - 1]) ||
					   s[i - 1] == '\n' || s[i - 1] == '|' || s[i - 1] == ';')) {
			struct comment *c;
			uint32_t end = i;

			while (end < n && s[end] != '\n')
				end++;
			if (pr->n_comments == room) {
				void *more;

				room = room ? room * 2 : 16;
				more = realloc(pr->comments, room * sizeof(*c));
				if (!more)
					return;		/* seen as an error of the stream */
				pr->comments = more;
			}
			c = &pr->comments[pr->n_comments++];
			c->off = i;
			c->end = sl_lex_trim(s, i, end);
			c->own_line = own;
			i = end;
			continue;
		} else if (!lex_blank(s[i])) {
			own = false;
		}
		i++;
	}
}

static void put_indent(struct printer *pr)
{
	unsigned int i;

	for (i = 0; i < pr->indent; i++)
		putc('\t', pr->f);
}

/* An empty line, if the source has one between what was printed and `off`. */
static void keep_gap(struct printer *pr, uint32_t off)
{
	const char *s = pr->t->src->text;
	unsigned int lines = 0;
	uint32_t i;

	for (i = off; i > pr->seen && (lex_blank(s[i - 1]) || s[i - 1] == '\n' || s[i - 1] == ';'); i--)
		lines += s[i - 1] == '\n';
	if (lines >= 2 && pr->started)
		putc('\n', pr->f);
}

static void put_comment(struct printer *pr, const struct comment *c)
{
	fwrite(pr->t->src->text + c->off, 1, c->end - c->off, pr->f);
	if (c->end > pr->seen)
		pr->seen = c->end;
	pr->started = true;
}

/* Begin something that stands at `off` of the source: what comes before it first. */
static void begin(struct printer *pr, uint32_t off)
{
	if (!pr->keep) {
		put_indent(pr);
		return;
	}
	while (pr->next < pr->n_comments && pr->comments[pr->next].off < off) {
		const struct comment *c = &pr->comments[pr->next++];

		keep_gap(pr, c->off);
		put_indent(pr);
		put_comment(pr, c);
		putc('\n', pr->f);
	}
	keep_gap(pr, off);
	put_indent(pr);
	pr->started = true;
}

/* End a line: comments up to `limit` belong to it. */
static void end_line(struct printer *pr, uint32_t limit)
{
	bool first = true;

	while (pr->keep && pr->next < pr->n_comments && pr->comments[pr->next].off < limit) {
		const struct comment *c = &pr->comments[pr->next];

		if (c->own_line && c->off >= pr->seen)
			break;
		pr->next++;
		if (first && !c->own_line) {
			putc(' ', pr->f);
		} else {
			putc('\n', pr->f);
			put_indent(pr);
		}
		put_comment(pr, c);
		first = false;
	}
	putc('\n', pr->f);
	pr->started = true;
}

/* The end of the source line that `end` lies on. */
static uint32_t line_end(const struct printer *pr, uint32_t end)
{
	const char *s = pr->t->src->text;

	if (!pr->keep)
		return 0;
	while (s[end] && s[end] != '\n')
		end++;
	return end;
}

/* Something from the source was printed whole: its line ends. */
static void end_of(struct printer *pr, const struct sl_span *span)
{
	uint32_t end = span->off + span->len;

	if (end > pr->seen)
		pr->seen = end;
	end_line(pr, line_end(pr, end));
}

/* --- stages ---------------------------------------------------------------------- */

static void put_link(struct printer *pr, const struct sl_tlink *l)
{
	unsigned int i;

	switch (l->kind) {
	case SL_LINK_PLAIN:
		putc('>', pr->f);
		break;
	case SL_LINK_DUPLEX:
		fputs("<>", pr->f);
		break;
	case SL_LINK_TAGGED:
		putc('-', pr->f);
		for (i = 0; i < l->n_tags; i++) {
			const struct sl_ttag *t = &l->tags[i];

			if (i)
				putc(',', pr->f);
			if (t->negate)
				putc('!', pr->f);
			switch (t->kind) {
			case SL_T_NUMBER:
				fprintf(pr->f, "%" PRIu64, t->lo);
				if (t->hi != t->lo)
					fprintf(pr->f, "..%" PRIu64, t->hi);
				break;
			case SL_T_NAME:
				if (t->quoted)
					put_string(pr->f, t->name, strlen(t->name), false);
				else
					fputs(t->name, pr->f);
				break;
			case SL_T_VAR:
				fprintf(pr->f, "$%s", t->name);
				break;
			case SL_T_ANY:
				putc('*', pr->f);
				break;
			case SL_T_ELSE:
				fputs("else", pr->f);
				break;
			}
		}
		fputs("->", pr->f);
		break;
	}
	put_opts(pr, l->opts, l->n_opts);
}

/* May these pipelines stand in one line? Not with fans, not with comments inside. */
static bool fits_one_line(const struct printer *pr, const struct sl_tpipe *pipes, unsigned int n)
{
	unsigned int i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < pipes[i].n; j++) {
			const struct sl_tstage *st = &pipes[i].stages[j];

			if (st->has_fan || (st->kind == SL_A_GROUP &&
					    !fits_one_line(pr, st->group, st->n_group)))
				return false;
		}
	}
	if (pr->keep && n && pr->next < pr->n_comments) {
		const struct sl_span *last = &pipes[n - 1].span;

		if (pr->comments[pr->next].off < last->off + last->len)
			return false;
	}
	return true;
}

static void put_block(struct printer *pr, const struct sl_tpipe *pipes, unsigned int n, uint32_t end)
{
	unsigned int i;

	putc('{', pr->f);
	end_line(pr, n ? pipes[0].span.off : end);
	pr->indent++;
	for (i = 0; i < n; i++) {
		begin(pr, pipes[i].span.off);
		put_pipe(pr, &pipes[i]);
		end_of(pr, &pipes[i].span);
	}
	while (pr->keep && pr->next < pr->n_comments && pr->comments[pr->next].off < end) {
		keep_gap(pr, pr->comments[pr->next].off);
		put_indent(pr);
		put_comment(pr, &pr->comments[pr->next++]);
		putc('\n', pr->f);
	}
	pr->indent--;
	put_indent(pr);
	putc('}', pr->f);
}

static void put_fan(struct printer *pr, const struct sl_tstage *st)
{
	uint32_t end = st->span.off + st->span.len;
	unsigned int i;

	fputs(" {", pr->f);
	end_line(pr, st->n_fan ? st->fan[0].span.off : end);
	pr->indent++;
	for (i = 0; i < st->n_fan; i++) {
		const struct sl_tbranch *b = &st->fan[i];

		begin(pr, b->span.off);
		put_link(pr, &b->link);
		putc(' ', pr->f);
		put_pipe(pr, b->rest);
		end_of(pr, &b->span);
	}
	while (pr->keep && pr->next < pr->n_comments && pr->comments[pr->next].off < end) {
		keep_gap(pr, pr->comments[pr->next].off);
		put_indent(pr);
		put_comment(pr, &pr->comments[pr->next++]);
		putc('\n', pr->f);
	}
	pr->indent--;
	put_indent(pr);
	putc('}', pr->f);
}

static void put_stage(struct printer *pr, const struct sl_tstage *st)
{
	unsigned int i;

	switch (st->kind) {
	case SL_A_FILTER:
		putc('(', pr->f);
		if (st->name)
			fprintf(pr->f, "%s: ", st->name);
		fputs(st->type, pr->f);
		put_args(pr, st->args, st->n_args, true);
		putc(')', pr->f);
		break;
	case SL_A_REF:
		fputs(st->ref, pr->f);
		if (st->input)
			fprintf(pr->f, ".%s", st->input);
		break;
	case SL_A_GROUP:
		if (fits_one_line(pr, st->group, st->n_group)) {
			fputs("{ ", pr->f);
			for (i = 0; i < st->n_group; i++) {
				if (i)
					fputs("; ", pr->f);
				put_pipe(pr, &st->group[i]);
			}
			fputs(" }", pr->f);
		} else {
			put_block(pr, st->group, st->n_group, st->span.off + st->span.len);
		}
		break;
	}
	if (st->place.space) {
		fprintf(pr->f, "@%s%s", st->place.space, st->place.wish ? "?" : "");
		put_opts(pr, st->place.opts, st->place.n_opts);
	}
	if (st->has_fan)
		put_fan(pr, st);
}

static void put_pipe(struct printer *pr, const struct sl_tpipe *pipe)
{
	unsigned int i;

	for (i = 0; i < pipe->n; i++) {
		if (i) {
			putc(' ', pr->f);
			put_link(pr, &pipe->links[i - 1]);
			putc(' ', pr->f);
		}
		put_stage(pr, &pipe->stages[i]);
	}
}

/* --- statements -------------------------------------------------------------------- */

static void put_stmt(struct printer *pr, const struct sl_tstmt *st)
{
	unsigned int i;

	switch (st->kind) {
	case SL_S_PIPE:
		put_pipe(pr, &st->pipe);
		break;
	case SL_S_DEF:
		fprintf(pr->f, "def %s(", st->name);
		for (i = 0; i < st->n_params; i++) {
			fprintf(pr->f, "%s%s", i ? ", " : "", st->params[i].name);
			if (st->params[i].has_default) {
				putc('=', pr->f);
				put_value(pr, &st->params[i].def);
			}
		}
		fputs(") ", pr->f);
		put_block(pr, st->body, st->n_body, st->span.off + st->span.len);
		break;
	case SL_S_LET:
		fprintf(pr->f, "let %s = ", st->name);
		put_value(pr, &st->value);
		break;
	case SL_S_USE:
		fputs("use ", pr->f);
		if (st->use_quoted)
			put_string(pr->f, st->name, strlen(st->name), false);
		else
			fputs(st->name, pr->f);
		break;
	case SL_S_SET:
		fputs("set", pr->f);
		put_args(pr, st->args, st->n_args, true);
		break;
	}
}

static char *print(const struct sl_tree *t, bool keep)
{
	struct printer pr = { .t = t, .keep = keep };
	char *text = NULL, *nl;
	size_t size = 0;
	unsigned int i;

	pr.f = open_memstream(&text, &size);
	if (!pr.f)
		return NULL;
	if (keep)
		find_comments(&pr);
	for (i = 0; i < t->n_stmts; i++) {
		begin(&pr, t->stmts[i].span.off);
		put_stmt(&pr, &t->stmts[i]);
		end_of(&pr, &t->stmts[i].span);
	}
	while (pr.next < pr.n_comments) {
		keep_gap(&pr, pr.comments[pr.next].off);
		put_comment(&pr, &pr.comments[pr.next++]);
		putc('\n', pr.f);
	}
	free(pr.comments);
	if (ferror(pr.f)) {
		fclose(pr.f);
		free(text);
		return NULL;
	}
	if (fclose(pr.f)) {
		free(text);
		return NULL;
	}
	nl = strchr(text, '\n');
	if (nl && !nl[1])
		*nl = '\0';
	return text;
}

char *sl_tree_print(const struct sl_tree *t)
{
	return print(t, false);
}

char *sl_tree_format(const struct sl_tree *t)
{
	return print(t, true);
}
