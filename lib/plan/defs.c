/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan/defs.c -- the macros that a request defines, for people and as JSON */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "plan/plan.h"

struct words {			/* each once, in the order of the text */
	const char **w;
	unsigned int n;
	bool failed;
};

struct ends {			/* what a body mentions; "": plain in or out */
	struct words in, out, filters;
};

static void word_add(struct words *l, const char *word)
{
	const char **w;

	for (unsigned int i = 0; i < l->n; i++)
		if (!strcmp(l->w[i], word))
			return;
	w = realloc(l->w, (l->n + 1) * sizeof(*w));
	if (!w) {
		l->failed = true;
		return;
	}
	l->w = w;
	l->w[l->n++] = word;
}

static void find_ends(struct ends *e, const struct sl_tpipe *p)
{
	for (unsigned int i = 0; i < p->n; i++) {
		const struct sl_tstage *st = &p->stages[i];

		if (st->kind == SL_A_FILTER && st->type)
			word_add(&e->filters, st->type);
		else if (st->kind == SL_A_REF && !strcmp(st->ref, "in"))
			word_add(&e->in, st->input ? st->input : "");
		else if (st->kind == SL_A_REF && !strcmp(st->ref, "out"))
			word_add(&e->out, st->input ? st->input : "");
		for (unsigned int k = 0; k < st->n_group; k++)
			find_ends(e, &st->group[k]);
		for (unsigned int k = 0; k < st->n_fan; k++)
			if (st->fan[k].rest)
				find_ends(e, st->fan[k].rest);
	}
}

static unsigned int line_of(const struct sl_span *at)
{
	unsigned int line = 1;

	for (uint32_t i = 0; i < at->off; i++)
		line += at->src->text[i] == '\n';
	return line;
}

static void print_words(FILE *f, const char *head, const struct words *l, const char *fmt)
{
	for (unsigned int i = 0; i < l->n; i++) {
		fputs(i ? ", " : head, f);
		if (*l->w[i])
			fprintf(f, fmt, l->w[i]);
		else
			fputs("plain", f);
	}
	if (l->n)
		fputc('\n', f);
}

static void print_def(FILE *f, const struct sl_tstmt *st, const struct ends *e)
{
	const char *text = st->span.src->text + st->span.off, *end = text + st->span.len, *next;

	fprintf(f, "%s    def of %s, line %u\n", st->name, st->span.src->name, line_of(&st->span));
	print_words(f, "  in       ", &e->in, ".%s");
	print_words(f, "  out      ", &e->out, "-%s->");
	if (st->n_params)
		fputs("  parameters\n", f);
	for (unsigned int i = 0; i < st->n_params; i++) {
		const struct sl_tparam *p = &st->params[i];

		if (p->has_default)
			fprintf(f, "    %-12s default %.*s\n", p->name, (int)p->def.span.len,
				p->def.span.src->text + p->def.span.off);
		else
			fprintf(f, "    %-12s must be given\n", p->name);
	}
	print_words(f, "  filters  ", &e->filters, "%s");
	fputs("  text\n", f);
	for (; text < end; text = next + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		if (!next)
			next = end;
		fprintf(f, "    %.*s\n", (int)(next - text), text);
	}
}

static void json_words(struct sl_json *j, const char *key, const struct words *l)
{
	sl_json_key(j, key);
	sl_json_open(j, '[');
	for (unsigned int i = 0; i < l->n; i++)
		sl_json_str(j, l->w[i]);
	sl_json_close(j, ']');
}

static void json_def(struct sl_json *j, const struct sl_tstmt *st, const struct ends *e)
{
	sl_json_open(j, '{');
	sl_json_kstr(j, "name", st->name);
	sl_json_kstr(j, "file", st->span.src->name);
	sl_json_ku64(j, "line", line_of(&st->span));
	json_words(j, "in", &e->in);
	json_words(j, "out", &e->out);
	sl_json_key(j, "parameters");
	sl_json_open(j, '[');
	for (unsigned int i = 0; i < st->n_params; i++) {
		const struct sl_tparam *p = &st->params[i];

		sl_json_open(j, '{');
		sl_json_kstr(j, "name", p->name);
		sl_json_kbool(j, "required", !p->has_default);
		sl_json_key(j, "default");
		if (p->has_default)
			sl_json_strn(j, p->def.span.src->text + p->def.span.off, p->def.span.len);
		else
			sl_json_null(j);
		sl_json_close(j, '}');
	}
	sl_json_close(j, ']');
	json_words(j, "filters", &e->filters);
	sl_json_key(j, "text");
	sl_json_strn(j, st->span.src->text + st->span.off, st->span.len);
	sl_json_close(j, '}');
}

int sl_request_defs(const struct sl_request *q, const char *name, bool json, char **out)
{
	struct sl_json j = { 0 };
	char *text = NULL;
	bool failed = false;
	unsigned int n = 0;
	size_t len;
	FILE *f;

	f = open_memstream(&text, &len);
	if (!f)
		return -ENOMEM;
	sl_json_open(&j, '[');
	for (unsigned int i = 0; i < q->tree->n_stmts; i++) {
		const struct sl_tstmt *st = &q->tree->stmts[i];
		struct ends e = { 0 };

		if (st->kind != SL_S_DEF || (name && strcmp(name, st->name)))
			continue;
		for (unsigned int k = 0; k < st->n_body; k++)
			find_ends(&e, &st->body[k]);
		failed |= e.in.failed || e.out.failed || e.filters.failed;
		if (n++)
			fputc('\n', f);
		if (json)
			json_def(&j, st, &e);
		else
			print_def(f, st, &e);
		free(e.in.w);
		free(e.out.w);
		free(e.filters.w);
	}
	sl_json_close(&j, ']');
	failed |= fclose(f) != 0;
	if (json) {
		free(text);
		text = sl_json_take(&j);
	} else {
		free(sl_json_take(&j));
	}
	if (failed || !text) {
		free(text);
		return -ENOMEM;
	}
	if (name && !n) {
		free(text);
		return -ENOENT;
	}
	*out = text;
	return 0;
}
