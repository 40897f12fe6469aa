/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arena -- memory that is freed all at once
 *
 * A list of chunks; requests are cut from the newest one. A request that is
 * bigger than a quarter chunk gets a chunk of its own, put behind the newest
 * so that the room left there is not lost.
 */
#include "core/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 16384
#define ALIGN (_Alignof(max_align_t))

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(max_align_t) char mem[];
};

struct sl_arena {
	struct chunk *chunks;	/* newest first */
};

static struct chunk *chunk_new(size_t size)
{
	struct chunk *c;

	if (size > SIZE_MAX - sizeof(*c))
		return NULL;
	c = calloc(1, sizeof(*c) + size);
	if (c)
		c->size = size;
	return c;
}

struct sl_arena *sl_arena_new(void)
{
	return calloc(1, sizeof(struct sl_arena));
}

void sl_arena_free(struct sl_arena *a)
{
	struct chunk *c, *next;

	if (!a)
		return;
	for (c = a->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

void *sl_arena_alloc(struct sl_arena *a, size_t size)
{
	struct chunk *c = a->chunks;
	void *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGN - 1) & ~(ALIGN - 1);
	if (!size)
		size = ALIGN;

	if (size > CHUNK / 4) {
		struct chunk *own = chunk_new(size);

		if (!own)
			return NULL;
		own->used = size;
		if (c) {
			own->next = c->next;
			c->next = own;
		} else {
			a->chunks = own;
		}
		return own->mem;
	}
	if (!c || c->size - c->used < size) {
		c = chunk_new(CHUNK);
		if (!c)
			return NULL;
		c->next = a->chunks;
		a->chunks = c;
	}
	p = c->mem + c->used;
	c->used += size;
	return p;
}

char *sl_arena_strndup(struct sl_arena *a, const char *s, size_t len)
{
	char *p = sl_arena_alloc(a, len + 1);

	if (p && len)
		memcpy(p, s, len);
	return p;
}

char *sl_arena_vprintf(struct sl_arena *a, const char *fmt, va_list ap)
{
	va_list again;
	char *p = NULL;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	if (len >= 0)
		p = sl_arena_alloc(a, (size_t)len + 1);
	if (p)
		vsnprintf(p, (size_t)len + 1, fmt, again);
	va_end(again);
	return p;
}

char *sl_arena_printf(struct sl_arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = sl_arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

/*
 * The array has no field for its capacity: it is the next power of two from
 * four on, so the array is moved exactly when the count is one.
 */
void *sl_arena_push(struct sl_arena *a, void **items, unsigned int *n, size_t item_size)
{
	unsigned int count = *n;
	bool full = count == 0 || (count >= 4 && (count & (count - 1)) == 0);
	char *p = *items;

	if (full) {
		size_t room = count ? (size_t)count * 2 : 4;

		if (room > SIZE_MAX / 2 / item_size)
			return NULL;
		p = sl_arena_alloc(a, room * item_size);
		if (!p)
			return NULL;
		if (count)
			memcpy(p, *items, count * item_size);
		*items = p;
	}
	*n = count + 1;
	return memset(p + (size_t)count * item_size, 0, item_size);
}
