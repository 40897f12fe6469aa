/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * diag -- collecting diagnostics
 *
 * A collection holds the sources that its places point into, and one arena with
 * all texts. Diagnostics are kept in the order in which they were made and
 * sorted when somebody looks: by source (in order of first mention), then by
 * place, then by age; those without a place come last.
 */
#include "core/diag_impl.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"

struct sl_diags {
	struct sl_arena *arena;
	struct sl_diag_new **items;
	unsigned int n, errors;
	bool sorted;
	struct sl_source **sources;
	unsigned int n_sources;
	struct sl_span *poisoned;
	unsigned int n_poisoned;
	/* the line that was copied last: errors often share one */
	const struct sl_source *line_src;
	size_t line_off;
	const char *line_text;
	bool keep_all;		/* see sl_diags_keep_all() */
};

/* Where texts of dropped diagnostics go; never written to. */
static struct sl_diag_new nowhere;

struct sl_source *sl_source_new(const char *name, const char *text, size_t len_bytes)
{
	struct sl_source *s = calloc(1, sizeof(*s));

	if (!s || len_bytes >= UINT32_MAX)
		goto fail;
	s->refs = 1;
	s->name = strdup(name ? name : "<arg>");
	s->text = malloc(len_bytes + 1);
	if (!s->name || !s->text)
		goto fail;
	if (len_bytes)
		memcpy(s->text, text, len_bytes);
	s->text[len_bytes] = '\0';
	s->len_bytes = len_bytes;
	return s;
fail:
	sl_source_put(s);
	return NULL;
}

struct sl_source *sl_source_get(struct sl_source *s)
{
	if (s)
		__atomic_fetch_add(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void sl_source_put(struct sl_source *s)
{
	/* a half-built one has no holder yet */
	if (!s || (s->refs && __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL)))
		return;
	free(s->name);
	free(s->text);
	free(s);
}

struct sl_span sl_span_join(struct sl_span a, struct sl_span b)
{
	if (!a.src)
		return b;
	if (b.src == a.src && b.off + b.len > a.off + a.len)
		a.len = b.off + b.len - a.off;
	return a;
}

struct sl_diags *sl_diags_new(void)
{
	struct sl_diags *ds = calloc(1, sizeof(*ds));

	if (!ds)
		return NULL;
	ds->arena = sl_arena_new();
	if (!ds->arena) {
		free(ds);
		return NULL;
	}
	return ds;
}

void sl_diags_free(struct sl_diags *ds)
{
	unsigned int i;

	if (!ds)
		return;
	for (i = 0; i < ds->n_sources; i++)
		sl_source_put(ds->sources[i]);
	sl_arena_free(ds->arena);
	free(ds);
}

unsigned int sl_diags_count(const struct sl_diags *ds)
{
	return ds ? ds->n : 0;
}

unsigned int sl_diags_errors(const struct sl_diags *ds)
{
	return ds ? ds->errors : 0;
}

static int by_place(const void *a, const void *b)
{
	const struct sl_diag_new *x = *(struct sl_diag_new *const *)a;
	const struct sl_diag_new *y = *(struct sl_diag_new *const *)b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->at.off != y->at.off)
		return x->at.off < y->at.off ? -1 : 1;
	return x->seq < y->seq ? -1 : 1;
}

struct sl_diag_new *const *sl_diags_sorted(const struct sl_diags *ds, unsigned int *n)
{
	struct sl_diags *mut = (struct sl_diags *)ds;	/* order is a cache */

	if (!ds->sorted && ds->n)
		qsort(ds->items, ds->n, sizeof(*ds->items), by_place);
	mut->sorted = true;
	*n = ds->n;
	return ds->items;
}

const struct sl_diag *sl_diags_get(const struct sl_diags *ds, unsigned int i)
{
	struct sl_diag_new *const *items;
	unsigned int n;

	if (!ds)
		return NULL;
	items = sl_diags_sorted(ds, &n);
	return i < n ? &items[i]->pub : NULL;
}

/* The rank of a source, which the collection holds from now on. */
static unsigned int source_rank(struct sl_diags *ds, struct sl_source *src)
{
	struct sl_source **slot;
	unsigned int i;

	if (!src)
		return UINT32_MAX;
	for (i = 0; i < ds->n_sources; i++)
		if (ds->sources[i] == src)
			return i;
	slot = sl_arena_push(ds->arena, (void **)&ds->sources, &ds->n_sources, sizeof(*slot));
	if (slot)
		*slot = sl_source_get(src);
	return i;
}

static uint32_t count_chars(const char *s, size_t len)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

static struct sl_place make_place(struct sl_diags *ds, struct sl_span at)
{
	struct sl_place place = { 0 };
	size_t start, end, off = at.off, i, len = at.len;
	const char *text;
	char *line;

	if (!at.src)
		return place;
	text = at.src->text;
	if (off > at.src->len_bytes)
		off = at.src->len_bytes;
	if (len > at.src->len_bytes - off)
		len = at.src->len_bytes - off;

	for (start = off; start > 0 && text[start - 1] != '\n'; start--)
		;
	for (end = off; end < at.src->len_bytes && text[end] != '\n'; end++)
		;
	place.line = 1;
	for (i = 0; i < start; i++)
		place.line += text[i] == '\n';
	place.col = count_chars(text + start, off - start) + 1;
	place.len = count_chars(text + off, len);
	if (ds->line_src != at.src || ds->line_off != start || !ds->line_text) {
		size_t keep = end;

		if (keep > start && text[keep - 1] == '\r')
			keep--;
		line = sl_arena_strndup(ds->arena, text + start, keep - start);
		for (i = 0; line && i < keep - start; i++)
			if (!line[i])
				line[i] = '?';	/* a zero byte must not end it */
		ds->line_text = line;
		ds->line_src = at.src;
		ds->line_off = start;
	}
	place.text = ds->line_text;
	place.file = ds->sources[source_rank(ds, at.src)]->name;
	return place;
}

static struct sl_label *add_label(struct sl_diag_new *d, struct sl_span at)
{
	struct sl_label *labels = (struct sl_label *)d->pub.labels;
	struct sl_label *l;

	l = sl_arena_push(d->ds->arena, (void **)&labels, &d->pub.n_labels, sizeof(*l));
	d->pub.labels = labels;
	if (l) {
		l->place = make_place(d->ds, at);
		l->text = "";
	}
	return l;
}

/* What happens while running happens more than once in one place; but not without end. */
#define KEEP_MOST	200

void sl_diags_keep_all(struct sl_diags *ds)
{
	ds->keep_all = true;
}

static bool is_dropped(const struct sl_diags *ds, const char *code, struct sl_span at)
{
	unsigned int i;

	if (ds->keep_all)
		return ds->n >= KEEP_MOST;
	if (!at.src)
		return false;
	for (i = 0; i < ds->n_poisoned; i++) {
		const struct sl_span *p = &ds->poisoned[i];

		if (p->src == at.src && at.off >= p->off && at.off < p->off + p->len)
			return true;
	}
	for (i = 0; i < ds->n; i++) {
		const struct sl_diag_new *d = ds->items[i];

		if (d->at.src == at.src && d->at.off == at.off && !strcmp(d->pub.code, code))
			return true;
	}
	return false;
}

static struct sl_diag_new *add(struct sl_diags *ds, const char *code, enum sl_severity severity,
			       struct sl_span at, const char *fmt, va_list ap)
{
	struct sl_diag_new *d, **slot;

	if (!ds || is_dropped(ds, code, at))
		return &nowhere;
	if (severity == SL_ERROR)
		ds->errors++;
	d = sl_arena_alloc(ds->arena, sizeof(*d));
	if (!d)
		return &nowhere;
	d->ds = ds;
	d->at = at;
	d->source = source_rank(ds, at.src);
	d->seq = ds->n;
	d->pub.code = code;
	d->pub.severity = severity;
	d->pub.message = sl_arena_vprintf(ds->arena, fmt, ap);
	if (!d->pub.message)
		d->pub.message = "out of memory while reporting";
	if (at.src && d->source >= ds->n_sources)
		d->at.src = NULL;	/* could not hold it */
	if (!add_label(d, d->at))
		return &nowhere;
	slot = sl_arena_push(ds->arena, (void **)&ds->items, &ds->n, sizeof(*slot));
	if (!slot)
		return &nowhere;
	*slot = d;
	ds->sorted = false;
	return d;
}

struct sl_diag_new *sl_err(struct sl_diags *ds, const char *code, struct sl_span at,
			   const char *fmt, ...)
{
	struct sl_diag_new *d;
	va_list ap;

	va_start(ap, fmt);
	d = add(ds, code, SL_ERROR, at, fmt, ap);
	va_end(ap);
	return d;
}

struct sl_diag_new *sl_warn(struct sl_diags *ds, const char *code, struct sl_span at,
			    const char *fmt, ...)
{
	struct sl_diag_new *d;
	va_list ap;

	va_start(ap, fmt);
	d = add(ds, code, SL_WARNING, at, fmt, ap);
	va_end(ap);
	return d;
}

void sl_err_label(struct sl_diag_new *d, const char *fmt, ...)
{
	struct sl_label *labels = (struct sl_label *)d->pub.labels;
	va_list ap;
	char *text;

	if (!d->ds)
		return;
	va_start(ap, fmt);
	text = sl_arena_vprintf(d->ds->arena, fmt, ap);
	va_end(ap);
	if (text)
		labels[0].text = text;
}

void sl_err_also(struct sl_diag_new *d, struct sl_span at, const char *fmt, ...)
{
	struct sl_label *l;
	va_list ap;

	if (!d->ds)
		return;
	if (at.src && source_rank(d->ds, at.src) >= d->ds->n_sources)
		return;
	l = add_label(d, at);
	if (!l)
		return;
	va_start(ap, fmt);
	l->text = sl_arena_vprintf(d->ds->arena, fmt, ap);
	va_end(ap);
	if (!l->text)
		l->text = "";
}

static void add_text(struct sl_diag_new *d, const char *const **list, unsigned int *n,
		     const char *fmt, va_list ap)
{
	const char **items = (const char **)*list;
	char *text = sl_arena_vprintf(d->ds->arena, fmt, ap);
	const char **slot;

	if (!text)
		return;
	slot = sl_arena_push(d->ds->arena, (void **)&items, n, sizeof(*slot));
	*list = items;
	if (slot)
		*slot = text;
}

void sl_err_fix(struct sl_diag_new *d, const char *fmt, ...)
{
	va_list ap;

	if (!d->ds)
		return;
	va_start(ap, fmt);
	add_text(d, &d->pub.fixes, &d->pub.n_fixes, fmt, ap);
	va_end(ap);
}

void sl_err_note(struct sl_diag_new *d, const char *fmt, ...)
{
	va_list ap;

	if (!d->ds)
		return;
	va_start(ap, fmt);
	add_text(d, &d->pub.notes, &d->pub.n_notes, fmt, ap);
	va_end(ap);
}

void sl_err_poison(struct sl_diags *ds, struct sl_span at)
{
	struct sl_span *p;

	if (!ds || !at.src || source_rank(ds, at.src) >= ds->n_sources)
		return;
	p = sl_arena_push(ds->arena, (void **)&ds->poisoned, &ds->n_poisoned, sizeof(*p));
	if (p)
		*p = at;
}
