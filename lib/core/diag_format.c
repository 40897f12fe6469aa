/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * diag_format -- diagnostics as text for people and as JSON
 *
 *	error[E104]: no filter called 'untpc'
 *	  --> <arg>:1:14
 *	   |
 *	 1 | (tcp) -80-> (untpc) > (ac) > (pcapout)
 *	   |              ^^^^^ did you mean 'untcp'?
 *	   |
 *	   = untcp puts TCP segments back into byte streams
 *	   = see: streamline inspect 'un*'            1 error, nothing was started
 *
 * Each label has a line of its own below its source line, in the order in which
 * the labels were added. Carets are placed by columns of the terminal, not by
 * bytes: tabs are widened, wide letters count two, marks that combine none. Bytes
 * that could steer a terminal are never passed on.
 */
#include "core/diag_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITTEN_MAX 10
#define TAB 8
#define TEXT_COLS 600		/* longer texts are cut */
#define SHOWN_WHOLE 400		/* bytes of a source line; of longer ones ... */
#define SHOWN_CHARS 160		/* ... this many characters, ... */
#define SHOWN_BEFORE 60		/* ... beginning this far before the label */
#define SUMMARY_COL 86		/* the summary ends here when there is room */

#define BOLD "\033[1m"
#define RED "\033[1;31m"
#define YELLOW "\033[1;33m"
#define BLUE "\033[1;34m"
#define PLAIN "\033[0m"

struct out {
	FILE *f;
	bool colour;
};

static void colour(struct out *o, const char *code)
{
	if (o->colour)
		fputs(code, o->f);
}

/* One code point; a broken byte gives U+FFFD. Returns the bytes it took. */
static size_t decode(const char *s, uint32_t *cp)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t len, i;

	if (u[0] < 0x80) {
		*cp = u[0];
		return 1;
	}
	len = u[0] >= 0xf0 && u[0] < 0xf5 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc2 ? 2 : 1;
	*cp = 0xfffd;
	if (u[0] >= 0xf5 || len == 1)
		return 1;
	for (i = 1; i < len; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 1;
	*cp = u[0] & (0xff >> (len + 1));
	for (i = 1; i < len; i++)
		*cp = *cp << 6 | (u[i] & 0x3f);
	return len;
}

static unsigned int width(uint32_t cp)
{
	static const struct { uint32_t lo, hi; } none[] = {
		{ 0x300, 0x36f }, { 0x200b, 0x200f }, { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f },
	}, wide[] = {
		{ 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0xa4cf }, { 0xac00, 0xd7a3 },
		{ 0xf900, 0xfaff }, { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 },
		{ 0x1f300, 0x1f64f }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
	};
	size_t i;

	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (cp >= none[i].lo && cp <= none[i].hi)
			return 0;
	for (i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		if (cp >= wide[i].lo && cp <= wide[i].hi)
			return 2;
	return 1;
}

static bool steers(uint32_t cp)
{
	return cp < 0x20 || cp == 0x7f || (cp >= 0x80 && cp < 0xa0) ||
	       (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

/* Text on one line; returns its width in columns. */
static size_t put_text(FILE *f, const char *s)
{
	size_t col = 0;

	while (*s) {
		uint32_t cp;
		size_t len = decode(s, &cp);

		if (col > TEXT_COLS) {
			fputs("\u2026", f);
			return col + 1;
		}
		if (cp == '\t') {
			size_t to = (col / TAB + 1) * TAB;

			for (; col < to; col++)
				putc(' ', f);
		} else if (steers(cp)) {
			putc('?', f);
			col++;
		} else if (cp == 0xfffd) {
			fputs("\xef\xbf\xbd", f);
			col++;
		} else {
			fwrite(s, 1, len, f);
			col += width(cp);
		}
		s += len;
	}
	return col;
}

/* Columns of the terminal before character number `chars` (from 0) of a line. */
static size_t column_of(const char *s, uint32_t chars)
{
	size_t col = 0;

	for (; *s && chars; chars--) {
		uint32_t cp;
		size_t len = decode(s, &cp);

		col = cp == '\t' ? (col / TAB + 1) * TAB : col + (steers(cp) ? 1 : width(cp));
		s += len;
	}
	return col + chars;
}

static void gutter(struct out *o, unsigned int digits, uint32_t line)
{
	colour(o, BLUE);
	if (line)
		fprintf(o->f, " %*u |", (int)digits, line);
	else
		fprintf(o->f, " %*s |", (int)digits, "");
	colour(o, PLAIN);
}

/*
 * The part of a source line that is shown: all of it, or, of a line that nobody
 * wants to see whole, what stands around a label.
 */
struct view {
	const char *text;
	size_t bytes;		/* of text that are shown */
	uint32_t skipped;	/* characters before it */
	bool cut_front, cut_back;
};

static size_t chars_of(const char *s, size_t bytes)
{
	size_t i, n = 0;

	for (i = 0; i < bytes; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

static const char *behind(const char *s, size_t chars)
{
	for (; *s && chars; chars--)
		for (s++; ((unsigned char)*s & 0xc0) == 0x80; s++)
			;
	return s;
}

static struct view view_of(const struct sl_place *p)
{
	struct view v = { .text = p->text, .bytes = strlen(p->text) };

	if (v.bytes <= SHOWN_WHOLE)
		return v;
	if (p->col > SHOWN_BEFORE) {
		v.skipped = p->col - SHOWN_BEFORE;
		v.text = behind(p->text, v.skipped);
		v.cut_front = true;
	}
	v.bytes = (size_t)(behind(v.text, SHOWN_CHARS) - v.text);
	v.cut_back = v.text[v.bytes] != '\0';
	return v;
}

static bool in_view(const struct view *v, const struct sl_place *p)
{
	return p->col > v->skipped && p->col <= v->skipped + chars_of(v->text, v->bytes) + 1;
}

static void put_label(struct out *o, unsigned int digits, const struct sl_diag *d, unsigned int i,
		      const struct view *v, const char *shown)
{
	const struct sl_label *l = &d->labels[i];
	uint32_t col = l->place.col - 1 - v->skipped + (v->cut_front ? 1 : 0);
	size_t from, to, end;

	from = column_of(shown, col);
	to = column_of(shown, col + l->place.len);
	/* a place that goes on over the end of its line has carets up to there */
	end = column_of(shown, (uint32_t)chars_of(shown, strlen(shown)));
	if (to > end && end > from)
		to = end;
	if (to <= from)
		to = from + 1;

	gutter(o, digits, 0);
	fprintf(o->f, " %*s", (int)from, "");
	colour(o, i ? BLUE : d->severity == SL_ERROR ? RED : YELLOW);
	for (; from < to; from++)
		putc('^', o->f);
	if (l->text[0]) {
		putc(' ', o->f);
		put_text(o->f, l->text);
	} else if (i == 0 && d->n_fixes && d->fixes[0][0]) {
		fputs(" did you mean '", o->f);
		put_text(o->f, d->fixes[0]);
		fputs("'?", o->f);
	}
	colour(o, PLAIN);
	putc('\n', o->f);
}

static bool same_line(const struct sl_place *a, const struct sl_place *b)
{
	return a->line == b->line && a->file && b->file && !strcmp(a->file, b->file);
}

/* A source line, and below it those labels in its view that nobody wrote yet. */
static void put_line(struct out *o, unsigned int digits, const struct sl_diag *d, unsigned int i,
		     uint64_t *written)
{
	const struct sl_place *p = &d->labels[i].place;
	struct view v = view_of(p);
	char shown[SHOWN_WHOLE * 4 + 16];
	unsigned int j;

	snprintf(shown, sizeof(shown), "%s%.*s%s", v.cut_front ? "\u2026" : "", (int)v.bytes, v.text,
		 v.cut_back ? "\u2026" : "");
	gutter(o, digits, p->line);
	if (shown[0]) {
		putc(' ', o->f);
		put_text(o->f, shown);
	}
	putc('\n', o->f);
	for (j = i; j < d->n_labels && j < 64; j++) {
		if (*written & 1ULL << j || !same_line(&d->labels[j].place, p) ||
		    !in_view(&v, &d->labels[j].place))
			continue;
		put_label(o, digits, d, j, &v, shown);
		*written |= 1ULL << j;
	}
}

/* Source lines with their labels; a line is written once, where its first label stands. */
static void put_labels(struct out *o, unsigned int digits, const struct sl_diag *d)
{
	uint64_t written = 0;
	unsigned int i;

	for (i = 0; i < d->n_labels && i < 64; i++) {
		const struct sl_place *p = &d->labels[i].place;

		if (!p->line || !p->text || written & 1ULL << i)
			continue;
		if (i && p->file && d->labels[0].place.file &&
		    strcmp(p->file, d->labels[0].place.file)) {
			colour(o, BLUE);
			fprintf(o->f, " %*s::: ", (int)digits, "");
			colour(o, PLAIN);
			put_text(o->f, p->file);
			fprintf(o->f, ":%u:%u\n", p->line, p->col);
		}
		put_line(o, digits, d, i, &written);
	}
}

static void put_summary(struct out *o, size_t used, unsigned int errors, unsigned int warnings,
			unsigned int more, const char *outcome)
{
	char text[160];
	int len = 0;

	if (errors)
		len = snprintf(text, sizeof(text), "%u error%s", errors, errors == 1 ? "" : "s");
	if (warnings && len >= 0 && (size_t)len < sizeof(text))
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%s%u warning%s",
				len ? " and " : "", warnings, warnings == 1 ? "" : "s");
	if (more && len >= 0 && (size_t)len < sizeof(text))
		len += snprintf(text + len, sizeof(text) - (size_t)len, " (%u not shown)", more);
	if (len >= 0 && (size_t)len < sizeof(text))
		len += snprintf(text + len, sizeof(text) - (size_t)len, ", %s", outcome);
	if (used && used + (size_t)len + 3 > SUMMARY_COL) {
		putc('\n', o->f);
		used = 0;
	}
	if ((size_t)len + used < SUMMARY_COL)
		fprintf(o->f, "%*s", (int)(SUMMARY_COL - used - (size_t)len), "");
	colour(o, BOLD);
	fputs(text, o->f);
	colour(o, PLAIN);
	putc('\n', o->f);
}

/* Returns the columns used by the last line, which is left open if it is a note. */
static size_t put_diag(struct out *o, const struct sl_diag *d)
{
	const struct sl_place *at = &d->labels[0].place;
	unsigned int digits = 1, i;
	uint32_t top = 0;
	size_t used = 0;

	for (i = 0; i < d->n_labels; i++)
		if (d->labels[i].place.line > top)
			top = d->labels[i].place.line;
	for (; top >= 10; top /= 10)
		digits++;

	colour(o, d->severity == SL_ERROR ? RED : YELLOW);
	fprintf(o->f, "%s[%s]", d->severity == SL_ERROR ? "error" : "warning", d->code);
	colour(o, PLAIN);
	colour(o, BOLD);
	fputs(": ", o->f);
	put_text(o->f, d->message);
	colour(o, PLAIN);
	putc('\n', o->f);

	if (at->line) {
		colour(o, BLUE);
		fprintf(o->f, " %*s--> ", (int)digits, "");
		colour(o, PLAIN);
		put_text(o->f, at->file ? at->file : "<arg>");
		fprintf(o->f, ":%u:%u\n", at->line, at->col);
	}
	if (top || at->text) {
		gutter(o, digits, 0);
		putc('\n', o->f);
		put_labels(o, digits, d);
		gutter(o, digits, 0);
		putc('\n', o->f);
	}
	if (!d->n_notes) {
		/* every error leads on to something */
		colour(o, BLUE);
		fprintf(o->f, " %*s = ", (int)digits, "");
		colour(o, PLAIN);
		used = digits + 4 + (size_t)fprintf(o->f, "see: streamline explain %s", d->code);
	}
	for (i = 0; i < d->n_notes; i++) {
		if (i)
			putc('\n', o->f);
		colour(o, BLUE);
		fprintf(o->f, " %*s = ", (int)digits, "");
		colour(o, PLAIN);
		used = digits + 4 + put_text(o->f, d->notes[i]);
	}
	return used;
}

char *sl_diags_format(const struct sl_diags *ds, bool with_colour, const char *outcome)
{
	struct sl_diag_new *const *items;
	struct out o = { .colour = with_colour };
	unsigned int n = 0, i, shown, errors = sl_diags_errors(ds);
	char *text = NULL;
	size_t size = 0, used = 0;

	o.f = open_memstream(&text, &size);
	if (!o.f)
		return NULL;
	items = ds ? sl_diags_sorted(ds, &n) : NULL;
	shown = n < WRITTEN_MAX ? n : WRITTEN_MAX;
	for (i = 0; i < shown; i++) {
		if (i)
			fputs(used ? "\n\n" : "\n", o.f);
		used = put_diag(&o, &items[i]->pub);
	}
	if (n && outcome)
		put_summary(&o, used, errors, n > errors ? n - errors : 0, n - shown, outcome);
	else if (used)
		putc('\n', o.f);
	if (!outcome && n > shown)
		fprintf(o.f, "\n%u more not shown\n", n - shown);
	if (ferror(o.f) || fclose(o.f)) {
		free(text);
		return NULL;
	}
	return text;
}

static void json_string(FILE *f, const char *s)
{
	if (!s) {
		fputs("null", f);
		return;
	}
	putc('"', f);
	while (*s) {
		uint32_t cp;
		size_t len = decode(s, &cp);

		if (cp == '"' || cp == '\\')
			fprintf(f, "\\%c", (char)cp);
		else if (cp == '\n')
			fputs("\\n", f);
		else if (cp == '\t')
			fputs("\\t", f);
		else if (cp < 0x20 || cp == 0x7f || cp == 0xfffd)
			fprintf(f, "\\u%04x", (unsigned int)cp);
		else
			fwrite(s, 1, len, f);
		s += len;
	}
	putc('"', f);
}

static void json_strings(FILE *f, const char *key, const char *const *items, unsigned int n)
{
	unsigned int i;

	fprintf(f, ",\"%s\":[", key);
	for (i = 0; i < n; i++) {
		if (i)
			putc(',', f);
		json_string(f, items[i]);
	}
	putc(']', f);
}

static void json_place(FILE *f, const struct sl_place *p)
{
	fputs("\"file\":", f);
	json_string(f, p->file);
	fprintf(f, ",\"line\":%u,\"col\":%u,\"len\":%u", p->line, p->col, p->len);
}

char *sl_diags_json(const struct sl_diags *ds)
{
	struct sl_diag_new *const *items;
	unsigned int n = 0, i, j;
	char *text = NULL;
	size_t size = 0;
	FILE *f;

	f = open_memstream(&text, &size);
	if (!f)
		return NULL;
	items = ds ? sl_diags_sorted(ds, &n) : NULL;
	putc('[', f);
	for (i = 0; i < n; i++) {
		const struct sl_diag *d = &items[i]->pub;

		fprintf(f, "%s{\"code\":\"%s\",\"severity\":\"%s\",\"message\":", i ? ",\n " : "",
			d->code, d->severity == SL_ERROR ? "error" : "warning");
		json_string(f, d->message);
		putc(',', f);
		json_place(f, &d->labels[0].place);
		json_strings(f, "fixes", d->fixes, d->n_fixes);
		fputs(",\"labels\":[", f);
		for (j = 0; j < d->n_labels; j++) {
			fputs(j ? ",{" : "{", f);
			json_place(f, &d->labels[j].place);
			fputs(",\"text\":", f);
			json_string(f, d->labels[j].text);
			putc('}', f);
		}
		putc(']', f);
		json_strings(f, "notes", d->notes, d->n_notes);
		putc('}', f);
	}
	putc(']', f);
	if (ferror(f) || fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}
