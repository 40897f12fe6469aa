/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report.c -- the ledger as a table, as JSON and as one line
 *
 * Built from the public rows alone, so whatever is printed here is what a program
 * gets from sl_run_filter() and sl_run_stream(). Loss is printed even when it is 0.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/human.h"
#include "core/json.h"
#include "streamline/streamline.h"

/* ------------------------------------------------------------------ *
 * Table
 * ------------------------------------------------------------------ */

#define COLS	14
#define CELL	24

/* Cells are owned by the table; text columns are set flush left, numbers right. */
struct table {
	char *(*cell)[COLS];
	unsigned int n_rows, n_cols;
	unsigned int n_text;		/* the first so many columns are text */
	bool failed;
};

static char **row(struct table *t)
{
	void *p = realloc(t->cell, (t->n_rows + 1) * sizeof(*t->cell));

	if (!p) {
		t->failed = true;
		return NULL;
	}
	t->cell = p;
	memset(t->cell[t->n_rows], 0, sizeof(*t->cell));
	return t->cell[t->n_rows++];
}

static void set(struct table *t, char **r, unsigned int col, const char *text)
{
	if (r && !(r[col] = strdup(text)))
		t->failed = true;
}

static void set_u64(struct table *t, char **r, unsigned int col, uint64_t v)
{
	char buf[CELL];

	snprintf(buf, sizeof(buf), "%llu", (unsigned long long)v);
	set(t, r, col, buf);
}

static void set_tally(struct table *t, char **r, unsigned int col, struct sl_tally v)
{
	set_u64(t, r, col, v.blocks);
	set_u64(t, r, col + 1, v.bytes);
}

/* Of the time that the run took; with workers it may be more than 100 %. */
static void set_share(struct table *t, char **r, unsigned int col, double part, double all)
{
	char buf[CELL];

	snprintf(buf, sizeof(buf), "%.0f%%", all > 0 ? 100 * part / all : 0);
	set(t, r, col, buf);
}

static void widths(const struct table *t, size_t *w)
{
	memset(w, 0, COLS * sizeof(*w));
	for (unsigned int i = 0; i < t->n_rows; i++)
		for (unsigned int c = 0; c < t->n_cols; c++) {
			size_t n = t->cell[i][c] ? sl_text_width(t->cell[i][c]) : 0;

			if (n > w[c])
				w[c] = n;
		}
}

static void print_row(FILE *f, const struct table *t, unsigned int i, const size_t *w)
{
	size_t owed = 0;	/* blanks that are printed only before more text */

	for (unsigned int c = 0; c < t->n_cols; c++) {
		const char *s = t->cell[i][c] ? t->cell[i][c] : "";
		size_t pad = w[c] - sl_text_width(s);

		owed += (c ? 2 : 0) + (c < t->n_text ? 0 : pad);
		if (*s) {
			fprintf(f, "%*s%s", (int)owed, "", s);
			owed = 0;
		}
		owed += c < t->n_text ? pad : 0;
	}
	fputc('\n', f);
}

static void table_free(struct table *t)
{
	for (unsigned int i = 0; i < t->n_rows; i++)
		for (unsigned int c = 0; c < t->n_cols; c++)
			free(t->cell[i][c]);
	free(t->cell);
}

/* ------------------------------------------------------------------ *
 * Ledger
 * ------------------------------------------------------------------ */

static void filter_table(FILE *f, const struct sl_run *r, bool *failed)
{
	static const char *const group[] = { "in", "out", "filtered", "held", "lost" };
	struct table t = { .n_cols = 13, .n_text = 2 };
	struct sl_ledger_row l;
	struct sl_stats st;
	size_t w[COLS];
	char **c;

	sl_run_stats(r, &st);
	c = row(&t);
	set(&t, c, 0, "filter");
	set(&t, c, 1, "space");
	for (unsigned int i = 0; i < 5; i++) {
		set(&t, c, 2 + 2 * i, "blocks");
		set(&t, c, 3 + 2 * i, "bytes");
	}
	set(&t, c, 12, "busy");
	for (unsigned int i = 0; !sl_run_filter(r, i, &l); i++) {
		c = row(&t);
		set_share(&t, c, 12, (double)l.busy_ns, st.elapsed_s * 1e9);
		set(&t, c, 0, l.name);
		set(&t, c, 1, l.space);
		set_tally(&t, c, 2, l.in);
		set_tally(&t, c, 4, l.out);
		set_tally(&t, c, 6, l.filtered);
		set_tally(&t, c, 8, l.held);
		set_tally(&t, c, 10, l.lost);
	}
	if (!t.failed) {
		size_t at, col = 0;

		widths(&t, w);
		/* what a pair of columns counts stands over its right end */
		at = w[0] + 2 + w[1];
		for (unsigned int i = 0; i < 5; i++) {
			at += 2 + w[2 + 2 * i] + 2 + w[3 + 2 * i];
			fprintf(f, "%*s", (int)(at - col), group[i]);
			col = at;
		}
		fputc('\n', f);
		for (unsigned int i = 0; i < t.n_rows; i++)
			print_row(f, &t, i, w);
	}
	*failed |= t.failed;
	table_free(&t);
}

static void stream_table(FILE *f, const struct sl_run *r, bool *failed)
{
	struct table t = { .n_cols = 4, .n_text = 2 };
	struct sl_ledger_stream s;
	size_t w[COLS];
	char **c, *text;
	unsigned int i;

	c = row(&t);
	set(&t, c, 0, "stream");
	set(&t, c, 1, "carrier");
	set(&t, c, 2, "blocks");
	set(&t, c, 3, "bytes");
	for (i = 0; !sl_run_stream(r, i, &s); i++) {
		bool tag = s.tag && *s.tag;

		c = row(&t);
		if (asprintf(&text, "%s %s%s%s %s", s.from, tag ? "-" : "", tag ? s.tag : "",
			     tag ? "->" : ">", s.to) < 0) {
			t.failed = true;
			break;
		}
		set(&t, c, 0, text);
		free(text);
		set(&t, c, 1, s.carrier);
		set_tally(&t, c, 2, s.moved);
	}
	if (!t.failed && i) {
		widths(&t, w);
		fputc('\n', f);
		for (unsigned int k = 0; k < t.n_rows; k++)
			print_row(f, &t, k, w);
	}
	*failed |= t.failed;
	table_free(&t);
}

static void values(FILE *f, const struct sl_run *r)
{
	struct sl_ledger_row l;
	bool first = true;

	for (unsigned int i = 0; !sl_run_filter(r, i, &l); i++) {
		if (!l.n_values)
			continue;
		if (first)
			fputc('\n', f);
		first = false;
		fprintf(f, "%s:", l.name);
		for (unsigned int k = 0; k < l.n_values; k++)
			fprintf(f, "%s %s %llu", k ? "," : "", l.values[k].name,
				(unsigned long long)l.values[k].n);
		fputc('\n', f);
	}
}

static void losses(FILE *f, const struct sl_run *r)
{
	struct sl_tally sum = { 0 };
	struct sl_ledger_row l;

	fputc('\n', f);
	for (unsigned int i = 0; !sl_run_filter(r, i, &l); i++) {
		sum.blocks += l.lost.blocks;
		sum.bytes += l.lost.bytes;
		for (unsigned int k = 0; k < l.n_reasons; k++)
			fprintf(f, "lost by %s: %llu blocks, %llu bytes: %s\n", l.name,
				(unsigned long long)l.reasons[k].lost.blocks,
				(unsigned long long)l.reasons[k].lost.bytes, l.reasons[k].reason);
	}
	fprintf(f, "lost in all: %llu blocks, %llu bytes\n", (unsigned long long)sum.blocks,
		(unsigned long long)sum.bytes);
}

char *sl_run_ledger_text(const struct sl_run *r)
{
	bool failed = false;
	char *text = NULL;
	size_t len;
	FILE *f;

	f = open_memstream(&text, &len);
	if (!f)
		return NULL;
	filter_table(f, r, &failed);
	stream_table(f, r, &failed);
	values(f, r);
	losses(f, r);
	if (fclose(f) || failed) {
		free(text);
		return NULL;
	}
	return text;
}

/* ------------------------------------------------------------------ *
 * JSON
 * ------------------------------------------------------------------ */

static void json_tally(struct sl_json *j, const char *key, struct sl_tally t)
{
	sl_json_key(j, key);
	sl_json_open(j, '{');
	sl_json_ku64(j, "blocks", t.blocks);
	sl_json_ku64(j, "bytes", t.bytes);
	sl_json_close(j, '}');
}

static void json_filter(struct sl_json *j, const struct sl_ledger_row *l)
{
	sl_json_open(j, '{');
	sl_json_kstr(j, "name", l->name);
	sl_json_kstr(j, "type", l->type);
	sl_json_kstr(j, "space", l->space);
	json_tally(j, "in", l->in);
	json_tally(j, "out", l->out);
	json_tally(j, "filtered", l->filtered);
	json_tally(j, "held", l->held);
	sl_json_key(j, "lost");
	sl_json_open(j, '{');
	sl_json_ku64(j, "blocks", l->lost.blocks);
	sl_json_ku64(j, "bytes", l->lost.bytes);
	sl_json_key(j, "reasons");
	sl_json_open(j, '{');
	for (unsigned int k = 0; k < l->n_reasons; k++)
		sl_json_ku64(j, l->reasons[k].reason, l->reasons[k].lost.blocks);
	sl_json_close(j, '}');
	sl_json_close(j, '}');
	sl_json_key(j, "values");
	sl_json_open(j, '{');
	for (unsigned int k = 0; k < l->n_values; k++)
		sl_json_ku64(j, l->values[k].name, l->values[k].n);
	sl_json_close(j, '}');
	sl_json_close(j, '}');
}

char *sl_run_report_json(const struct sl_run *r)
{
	struct sl_json j = { 0 };
	struct sl_ledger_stream s;
	struct sl_ledger_row l;
	struct sl_stats stats;

	sl_run_stats(r, &stats);
	sl_json_open(&j, '{');
	sl_json_kstr(&j, "event", "report");
	sl_json_key(&j, "elapsed_s");
	sl_json_double(&j, stats.elapsed_s);
	sl_json_key(&j, "filters");
	sl_json_open(&j, '[');
	for (unsigned int i = 0; !sl_run_filter(r, i, &l); i++)
		json_filter(&j, &l);
	sl_json_close(&j, ']');
	sl_json_key(&j, "streams");
	sl_json_open(&j, '[');
	for (unsigned int i = 0; !sl_run_stream(r, i, &s); i++) {
		sl_json_open(&j, '{');
		sl_json_kstr(&j, "from", s.from);
		sl_json_kstr(&j, "to", s.to);
		sl_json_kstr(&j, "tag", s.tag ? s.tag : "");
		sl_json_kstr(&j, "carrier", s.carrier);
		sl_json_ku64(&j, "blocks", s.moved.blocks);
		sl_json_ku64(&j, "bytes", s.moved.bytes);
		sl_json_close(&j, '}');
	}
	sl_json_close(&j, ']');
	sl_json_close(&j, '}');
	return sl_json_take(&j);
}

/* ------------------------------------------------------------------ *
 * Summary
 * ------------------------------------------------------------------ */

#define NAMED	3	/* files named in the summary; the rest are counted */

char *sl_run_summary(const struct sl_run *r)
{
	char a[SL_HUMAN], b[SL_HUMAN], *text = NULL;
	unsigned int errors, n_saved = 0;
	struct sl_ledger_row l;
	struct sl_stats stats;
	const char *saved;
	size_t len;
	FILE *f;

	f = open_memstream(&text, &len);
	if (!f)
		return NULL;
	sl_run_stats(r, &stats);
	errors = sl_diags_errors(sl_run_diags(r));
	if (errors)
		fprintf(f, "drained after %u error%s. ", errors, errors == 1 ? "" : "s");
	else
		fputs("drained. ", f);
	fprintf(f, "%s · %s blocks, ", sl_human_seconds(stats.elapsed_s, a),
		sl_human_count(stats.in_blocks, b));
	fprintf(f, "%s read", sl_human_bytes(stats.in_bytes, a));
	for (unsigned int i = 0; !sl_run_filter(r, i, &l); i++)
		for (unsigned int k = 0; k < l.n_values; k++)
			if (!strcmp(l.values[k].name, "matched"))
				fprintf(f, " · %s matched by %s", sl_human_count(l.values[k].n, a), l.name);
	for (; (saved = sl_run_saved(r, n_saved)); n_saved++)
		if (n_saved < NAMED)
			fprintf(f, " · %s%s", n_saved ? "" : "saved ", saved);
	if (n_saved > NAMED)
		fprintf(f, " · and %u more", n_saved - NAMED);
	fprintf(f, " · lost %s", sl_human_count(stats.lost_blocks, a));
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}
