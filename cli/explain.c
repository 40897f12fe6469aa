/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* explain.c -- the long form of an error code */
#include "cli.h"

#include <ctype.h>
#include <string.h>

/* The first line of a page is its title, "E104: ...". */
static int list(void)
{
	for (const char *const *code = sl_codes(); *code; code++) {
		const char *page = sl_explain(*code);

		printf("%.*s\n", (int)strcspn(page ? page : *code, "\n"), page ? page : *code);
	}
	return EXIT_OK;
}

/* One code, or all with NULL. */
static int explain_json(const char *only)
{
	unsigned int n = 0;

	if (!only)
		putchar('[');
	for (const char *const *code = sl_codes(); *code; code++) {
		const char *page = sl_explain(*code), *text;
		size_t title;

		if (!page || (only && strcmp(only, *code)))
			continue;
		title = strcspn(page, "\n");
		text = page + title + strspn(page + title, "\n");
		printf("%s{\"code\":\"%s\",\"title\":", n++ ? ",\n" : "", *code);
		page += strlen(*code) + strspn(page + strlen(*code), ": ");
		out_json_strn(stdout, page, strcspn(page, "\n"));
		fputs(",\"text\":", stdout);
		out_json_strn(stdout, text, strlen(text));
		putchar('}');
	}
	puts(only ? "" : "]");
	return EXIT_OK;
}

int verb_explain(const struct call *c)
{
	const char *page, *near;
	char code[16] = "";
	size_t n = 0;

	if (!c->n_words)
		return c->has[F_JSON] ? explain_json(NULL) : list();
	if (c->n_words > 1)
		return out_call_error("explain takes one code");
	for (const char *s = c->words[0]; *s && n < sizeof(code) - 1; s++)
		code[n++] = (char)toupper((unsigned char)*s);
	page = sl_explain(code);
	if (page && c->has[F_JSON])
		return explain_json(code);
	if (page) {
		fputs(page, stdout);
		if (*page && page[strlen(page) - 1] != '\n')
			putchar('\n');
		return EXIT_OK;
	}
	for (n = 0; sl_codes()[n]; n++)
		;
	near = sl_nearest(code, sl_codes(), n);
	if (near)
		out_call_error("no error has the code '%s'; did you mean '%s'?", c->words[0], near);
	else
		out_call_error("no error has the code '%s'", c->words[0]);
	fputs("  = see: streamline explain\n", stderr);
	return EXIT_CALL;
}
