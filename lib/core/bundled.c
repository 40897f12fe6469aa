/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of bundled filters, made from filters/list.h. */
#include "core/registry.h"

#define SL_FILTER(x)	extern const struct sl_filter_type sl_##x##_type;
#define SL_IO(x)	SL_FILTER(x)
#include "../../filters/list.h"
#undef SL_FILTER

#define SL_FILTER(x)	&sl_##x##_type,

const struct sl_filter_type *const sl_bundled[] = {
#include "../../filters/list.h"
	NULL
};
