/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/registry.h -- the filter types that this process knows
 *
 * The bundled ones come from filters/list.h by way of a table that the build
 * makes (sl_bundled); core names none of them. Applications and plug-ins add
 * theirs with sl_register() (streamline.h). Registered types are never removed.
 */
#ifndef SL_CORE_REGISTRY_H
#define SL_CORE_REGISTRY_H

#include "streamline/filter.h"

extern const struct sl_filter_type *const sl_bundled[];	/* NULL-terminated, sorted; made by the build from filters/list.h */

const struct sl_filter_type *sl_type_find(const char *name);
/* All, sorted by name, NULL-terminated; good until the next sl_register(). */
const struct sl_filter_type *const *sl_types(void);
/* The bundled one that has this flag: for what the language itself stands for (-r, programs,
 * junctions), so that nobody needs its name. NULL: the build has none. */
const struct sl_filter_type *sl_type_flagged(unsigned int flag);

#endif
