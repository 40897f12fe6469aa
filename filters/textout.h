/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * textout.h -- what print and jsonout share: lines for blocks, and their count
 *
 * A batch's lines are put, each with a mark behind it, and written at its end. A
 * sink holds the blocks until then: those whose line is in the file are done, the
 * others lost. Where blocks go on they have left by then, and only the lines are
 * counted.
 *
 * After a failed write nothing more is written. It is told once, but for a reader
 * that has gone: whoever was to read it has seen enough.
 */
#ifndef FILTERS_TEXTOUT_H
#define FILTERS_TEXTOUT_H

#include "core/outfile.h"
#include "filter.h"

struct textout {
	struct sl_outfile out;
	const char *file;
	const char *what;		/* "lines" */
	const char *lost;		/* why nothing is written any more; NULL: it is */
	struct sl_count *written;
};

struct textout_batch {
	unsigned int n;
	struct sl_block *b[SL_BATCH_MAX];	/* NULL: went on */
	uint64_t mark[SL_BATCH_MAX];
};

static inline int textout_open(struct sl_filter *f, struct textout *t)
{
	int r = sl_outfile_open(&t->out, t->file);

	if (r < 0)
		return sl_fail(f, "E206", "can't write to %s: %s",
			       strcmp(t->file, "-") ? t->file : "standard output", sl_target_why(r));
	return 0;
}

static inline void textout_failed(struct sl_filter *f, struct textout *t, int err)
{
	t->lost = sl_target_loss(err);
	if (err != -EPIPE)
		sl_trouble(f, sl_target_full(err) ? "E207" : err == -EDEADLK ? "E206" : "E302", true,
			   "can't write to %s: %s (%llu %s were written)",
			   strcmp(t->file, "-") ? t->file : "standard output", sl_target_why(err),
			   (unsigned long long)t->written->n, t->what);
	if (!sl_has_output(f))
		sl_finished(f);
}

/* The text of a block was put, maybe none; b is NULL when it went on. */
static inline void textout_mark(struct textout *t, struct textout_batch *v, struct sl_block *b)
{
	v->b[v->n] = b;
	v->mark[v->n++] = sl_outfile_mark(&t->out);
}

/* Write the batch. Returns how many lines could not be. */
static inline unsigned int textout_batch(struct sl_filter *f, struct textout *t, struct textout_batch *v)
{
	uint64_t end = t->out.whole;		/* of the batch before */
	unsigned int good = sl_outfile_batch(&t->out, v->mark, v->n), missed = 0;

	if (t->out.error)
		t->lost = sl_target_loss(t->out.error);
	for (unsigned int i = 0; i < v->n; i++) {
		bool text = v->mark[i] > end;

		end = v->mark[i];
		if (i < good && text)
			sl_count(t->written);
		missed += i >= good;
		if (v->b[i] && i < good)
			sl_done(f, v->b[i]);
		else if (v->b[i])
			sl_lose(f, v->b[i], t->lost);
	}
	v->n = 0;
	if (t->out.error)
		textout_failed(f, t, t->out.error);
	return missed;
}

/* In flush(): the file is whole. */
static inline void textout_end(struct sl_filter *f, struct textout *t)
{
	bool own = strcmp(t->file, "-");
	int r = sl_outfile_done(&t->out);

	if (r < 0 && !t->lost)
		textout_failed(f, t, r);
	if (own && !r)
		sl_saved(f, "%s: %llu %s", t->file, (unsigned long long)t->written->n, t->what);
}

static inline void textout_close(struct sl_filter *f, struct textout *t)
{
	if (sl_aborted(f))
		sl_outfile_undo(&t->out);
	else
		sl_outfile_done(&t->out);
}

#endif
