/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * streamline/diag.h -- errors as data
 *
 * The library never prints. What a person must read is collected in a
 * struct sl_diags that the caller owns and passes in; the command line (or
 * your program) turns it into text with sl_diags_format() or into JSON with
 * sl_diags_json(), or reads the fields.
 *
 * Texts inside a diagnostic belong to the sl_diags that holds it and live as
 * long as it does.
 */
#ifndef STREAMLINE_DIAG_H
#define STREAMLINE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in request text. line and col count from 1, in characters (UTF-8
 * code points); line 0 means "no place". len counts characters; 0 is the spot
 * before col, where something is missing (shown by one caret). */
struct sl_place {
	const char *file;	/* "<arg>", or the file's name as it was given */
	uint32_t line, col, len;
	const char *text;	/* the whole source line, no newline; or NULL */
};

/* Something said below a source line: "^^^^^ did you mean 'untcp'?" */
struct sl_label {
	struct sl_place place;
	const char *text;	/* may be "" for carets alone */
};

enum sl_severity {
	SL_ERROR,
	SL_WARNING,
};

/* One thing wrong. Read-only; fields may be added at the end. */
struct sl_diag {
	const char *code;		/* "E104"; `streamline explain E104` */
	enum sl_severity severity;
	const char *message;		/* one plain sentence, no full stop */
	const struct sl_label *labels;	/* the first one is the place of the error */
	unsigned int n_labels;
	/* Most likely fixes, best first: each is text that replaces what
	 * labels[0].place covers (len 0 there: to be inserted). */
	const char *const *fixes;
	unsigned int n_fixes;
	const char *const *notes;	/* the lines after '=', in order */
	unsigned int n_notes;
};

struct sl_diags;

/* An empty collection; NULL when memory is out. Free with sl_diags_free(),
 * which accepts NULL. */
struct sl_diags *sl_diags_new(void);
void sl_diags_free(struct sl_diags *ds);

/* How many were collected, and how many of them are errors. */
unsigned int sl_diags_count(const struct sl_diags *ds);
unsigned int sl_diags_errors(const struct sl_diags *ds);

/* The i-th, in order of place; NULL beyond the end. Borrowed. */
const struct sl_diag *sl_diags_get(const struct sl_diags *ds, unsigned int i);

/* All of them as people read them (rustc's shape), `colour` with ANSI colours.
 * At most ten are written out, the rest are counted. `outcome` is what the
 * summary at the end says happened, e.g. "nothing was started"; NULL: no summary.
 * Returns a heap string that the caller frees, or NULL when memory is out. */
char *sl_diags_format(const struct sl_diags *ds, bool colour, const char *outcome);

/* All of them as one JSON array: [{"code","severity","message","file","line",
 * "col","len","fixes":[...],"labels":[...],"notes":[...]}]. Caller frees. */
char *sl_diags_json(const struct sl_diags *ds);

/* The long form of an error code (a page with an example that produces it and
 * one that is right), or NULL for a code that does not exist. Static text. */
const char *sl_explain(const char *code);

/* Did you mean? The one of n words that is nearest to `got`, or NULL when none is
 * near enough to be a slip of the finger. */
const char *sl_nearest(const char *got, const char *const *words, size_t n);

/* All codes, sorted; NULL-terminated. Static. */
const char *const *sl_codes(void);

#endif
