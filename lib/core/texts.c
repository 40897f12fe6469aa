/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The long text of a bundled filter, by name. */
#include <string.h>

#include "core/texts.h"
#include "streamline/streamline.h"

const char *sl_type_text(const char *name)
{
	const struct sl_filter_text *t;

	for (t = sl_filter_texts; t->name; t++)
		if (strcmp(t->name, name) == 0)
			return t->text;
	return NULL;
}
