/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tests/unit/lang.h -- parse a text, and look at the first error, in few words */
#ifndef SL_TESTS_LANG_H
#define SL_TESTS_LANG_H

#include "lang/tree.h"
#include "test.h"

static struct sl_diags *lang_ds;	/* of the last lang_parse() */

/* The tree, or NULL. What was said before is freed. */
__attribute__((unused))
static struct sl_tree *lang_parse_n(const char *text, size_t len)
{
	struct sl_source *src = sl_source_new("<arg>", text, len);
	struct sl_tree *t = NULL;

	sl_diags_free(lang_ds);
	lang_ds = sl_diags_new();
	sl_tree_parse(src, &t, lang_ds);
	sl_source_put(src);
	return t;
}

__attribute__((unused))
static struct sl_tree *lang_parse(const char *text)
{
	struct sl_tree *t = lang_parse_n(text, strlen(text));

	if (!t && getenv("TEST_LOUD")) {
		char *said = sl_diags_format(lang_ds, false, NULL);

		fputs(said, stderr);
		free(said);
	}
	return t;
}

/* "E012 1:7+4 [-80->]" of the first error, "" if the text parses. Static. */
__attribute__((unused))
static const char *lang_error(const char *text)
{
	static char buf[512];
	struct sl_tree *t = lang_parse_n(text, strlen(text));
	const struct sl_diag *d = sl_diags_get(lang_ds, 0);

	buf[0] = '\0';
	if (d)
		snprintf(buf, sizeof(buf), "%s %u:%u+%u%s%s%s", d->code, d->labels[0].place.line,
			 d->labels[0].place.col, d->labels[0].place.len, d->n_fixes ? " [" : "",
			 d->n_fixes ? d->fixes[0] : "", d->n_fixes ? "]" : "");
	sl_tree_free(t);
	sl_diags_free(lang_ds);
	lang_ds = NULL;
	return buf;
}

/* The canonical text, or "error". Static. */
__attribute__((unused))
static const char *lang_print(const char *text)
{
	static char buf[8192];
	struct sl_tree *t = lang_parse(text);
	char *p = t ? sl_tree_print(t) : NULL;

	snprintf(buf, sizeof(buf), "%s", p ? p : "error");
	free(p);
	sl_tree_free(t);
	sl_diags_free(lang_ds);
	lang_ds = NULL;
	return buf;
}

#endif
