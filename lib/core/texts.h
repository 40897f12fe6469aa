/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/texts.h -- the opening comments of the bundled filters (made by tools/filter-texts) */
#ifndef SL_CORE_TEXTS_H
#define SL_CORE_TEXTS_H

#include <stddef.h>

struct sl_filter_text {
	const char *name;
	const char *text;
};

extern const struct sl_filter_text sl_filter_texts[];	/* sorted; ends with a NULL name */

#endif
