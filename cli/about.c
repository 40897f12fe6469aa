/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * about.c -- the opening comment of a filter, by paragraphs
 *
 *	name -- brief			left out
 *
 *		(name arguments)	ABOUT_USAGE
 *
 *	in   ...			left out: the descriptor says it
 *	out  ...
 *
 *	Words.				ABOUT_TEXT, lines joined
 *
 *		(an example)		ABOUT_CODE, line by line, without the tab
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static bool is_table(const char *line)
{
	static const char *const head[] = { "in ", "out ", "tag ", "read ", "write ", "class " };

	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		if (!strncmp(line, head[i], strlen(head[i])) && (line[strlen(head[i])] == ' ' ||
		    strlen(head[i]) > 3))
			return true;
	return false;
}

void about_each(const char *type, void (*say)(void *arg, enum about kind, const char *text), void *arg)
{
	const char *text = sl_type_text(type);
	bool table_seen = false, first = true;
	char *copy, *line, *next, *para;

	copy = text ? strdup(text) : NULL;
	para = text ? malloc(strlen(text) + 1) : NULL;
	for (line = copy; para && line && *line; line = next) {
		bool code = *line == '\t', table = is_table(line);
		char *at = para;

		/* a paragraph: up to an empty line, or where code begins or ends */
		for (; line && *line && *line != '\n' && (*line == '\t') == code; line = next) {
			next = strchr(line, '\n');
			if (next)
				*next++ = '\0';
			if (at > para)
				*at++ = code ? '\n' : ' ';
			at = stpcpy(at, line + code);
		}
		*at = '\0';
		next = line && *line == '\n' ? line + 1 : line;
		if (at == para)
			continue;
		if (!first && !table)
			say(arg, !code ? ABOUT_TEXT : table_seen ? ABOUT_CODE : ABOUT_USAGE, para);
		table_seen |= table;
		first = false;
	}
	free(para);
	free(copy);
}
