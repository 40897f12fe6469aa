/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/codes.h -- how the page of an error code is written
 *
 * A page is one PAGE() in the file of its range, in order of codes:
 *
 *	PAGE("E012", "an arrow is broken",
 *	     "What it means, in two or three plain sentences.\n",
 *	     "a request that gets this error\n",
 *	     "the same request done right\n",
 *	     "a command to go on with")
 *
 * Lines of text are kept below 79 columns by hand; requests stand in lines of
 * their own and are indented here.
 */
#ifndef SL_CORE_CODES_H
#define SL_CORE_CODES_H

#include <stddef.h>

struct sl_code {
	const char *code, *page;
};

#define PAGE(code_, title, text, wrong, right, next)			\
	{ code_, code_ ": " title "\n\n" text				\
	  "\nWrong\n\n    " wrong "\nRight\n\n    " right		\
	  "\nGo on with\n\n    " next "\n" }

extern const struct sl_code sl_codes_lang[], sl_codes_graph[], sl_codes_run[];

#endif
