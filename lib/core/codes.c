/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codes -- the pages of `streamline explain`, found by code */
#include "core/codes.h"

#include <pthread.h>
#include <string.h>

#include "streamline/diag.h"

#define CODES_MAX 128

static const struct sl_code *const tables[] = { sl_codes_lang, sl_codes_graph, sl_codes_run };
static const char *names[CODES_MAX + 1];
static pthread_once_t once = PTHREAD_ONCE_INIT;

const char *sl_explain(const char *code)
{
	const struct sl_code *c;
	size_t i;

	if (!code)
		return NULL;
	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (c = tables[i]; c->code; c++)
			if (!strcasecmp(c->code, code))
				return c->page;
	return NULL;
}

/* The tables are in order, and so are the codes within each. */
static void collect(void)
{
	const struct sl_code *c;
	size_t i, n = 0;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (c = tables[i]; c->code && n < CODES_MAX; c++)
			names[n++] = c->code;
}

const char *const *sl_codes(void)
{
	pthread_once(&once, collect);
	return names;
}
