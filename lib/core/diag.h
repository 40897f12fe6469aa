/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/diag.h -- how the library itself makes diagnostics
 *
 * Codes, one page each, live in core/codes.c; their ranges:
 *
 *	E0xx	letters and grammar		E13x	types, classes, tags
 *	E10x	names				E14x	spaces and placement
 *	E11x	parameters and options		E15x	shape of the graph
 *	E12x	values and units		E2xx	files and environment
 *						E3xx	rights and running
 */
#ifndef SL_CORE_DIAG_H
#define SL_CORE_DIAG_H

#include "streamline/diag.h"

/*
 * A piece of source text. Sources are counted: trees, graphs and diagnostics
 * that point into one hold it.
 */
struct sl_source {
	unsigned int refs;
	char *name;		/* "<arg>", "web.srl" */
	char *text;		/* NUL-terminated */
	size_t len_bytes;
};

struct sl_source *sl_source_new(const char *name, const char *text, size_t len_bytes);
struct sl_source *sl_source_get(struct sl_source *s);
void sl_source_put(struct sl_source *s);

/* Where a token stands: bytes [off, off + len) of src. src NULL: nowhere. */
struct sl_span {
	struct sl_source *src;	/* borrowed */
	uint32_t off, len;
};

/* The span from the start of a to the end of b (same source). */
struct sl_span sl_span_join(struct sl_span a, struct sl_span b);

/*
 * Start an error at `at`; the message is printf's. Returns a handle for the
 * calls below, never NULL (out of memory falls back to a static one). Handles
 * are good until the next sl_err()/sl_warn() on the same collection. A second
 * error of the same code at the same place is dropped, and so are errors whose
 * place lies inside one that is marked as poisoned.
 */
struct sl_diag_new;
struct sl_diag_new *sl_err(struct sl_diags *ds, const char *code, struct sl_span at,
			   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
struct sl_diag_new *sl_warn(struct sl_diags *ds, const char *code, struct sl_span at,
			    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* From now on a second error of one code in one place is kept too (the first 200 are). */
void sl_diags_keep_all(struct sl_diags *ds);

/* Text beside the carets of the main place. */
void sl_err_label(struct sl_diag_new *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Another place with its own carets and text. */
void sl_err_also(struct sl_diag_new *d, struct sl_span at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A fix: text that replaces the main place. Call in order of likelihood. */
void sl_err_fix(struct sl_diag_new *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A line after '='. */
void sl_err_note(struct sl_diag_new *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Errors at places inside `at` are dropped from now on: what is said there
 * already explains them. */
void sl_err_poison(struct sl_diags *ds, struct sl_span at);

/*
 * Did you mean? Of the n words in `words` the one nearest to `got` by
 * Damerau-Levenshtein distance (case is a half step), or NULL when none is
 * near enough to be a slip of the finger. Ties: shared first letter, then order.
 */
const char *sl_nearest(const char *got, const char *const *words, size_t n);

#endif
