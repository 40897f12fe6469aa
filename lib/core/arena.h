/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/arena.h -- memory that is freed all at once */
#ifndef SL_CORE_ARENA_H
#define SL_CORE_ARENA_H

#include <stddef.h>
#include <stdarg.h>

struct sl_arena;

struct sl_arena *sl_arena_new(void);
void sl_arena_free(struct sl_arena *a);			/* accepts NULL */

/* Zeroed, aligned for anything; NULL when memory is out. */
void *sl_arena_alloc(struct sl_arena *a, size_t size);
char *sl_arena_strndup(struct sl_arena *a, const char *s, size_t len);
char *sl_arena_vprintf(struct sl_arena *a, const char *fmt, va_list ap);
char *sl_arena_printf(struct sl_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Grow an array by one and return the new, zeroed element: *items and *n are updated. */
void *sl_arena_push(struct sl_arena *a, void **items, unsigned int *n, size_t item_size);

#endif
