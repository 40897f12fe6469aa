/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/registry.c -- the filter types that this process knows
 *
 * One sorted, NULL-terminated array, made on first use from the bundled table and
 * grown by sl_register(). Readers get the array itself; an old one is left in
 * place when it grows, because somebody may still be walking it. That costs a few
 * hundred bytes for each registration and nothing else.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/registry.h"
#include "streamline/streamline.h"

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct sl_filter_type *const *registry;	/* sorted; NULL: not made yet */

/* Arrays that were outgrown: kept reachable, so that no leak checker complains. */
struct old_array {
	struct old_array *next;
	const struct sl_filter_type *types[];
};
static struct old_array *registry_all;

static int by_name(const void *a, const void *b)
{
	const struct sl_filter_type *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Replace the array by one with `extra` in it (NULL: the bundled ones alone). Locked. */
static int registry_grow(const struct sl_filter_type *extra)
{
	const struct sl_filter_type *const *from = registry ? registry : sl_bundled;
	struct old_array *a;
	size_t n = 0;

	while (from[n])
		n++;
	a = malloc(sizeof(*a) + (n + 2) * sizeof(*a->types));
	if (!a)
		return -ENOMEM;
	memcpy(a->types, from, n * sizeof(*a->types));
	if (extra)
		a->types[n++] = extra;
	a->types[n] = NULL;
	qsort(a->types, n, sizeof(*a->types), by_name);
	a->next = registry_all;
	registry_all = a;
	__atomic_store_n(&registry, a->types, __ATOMIC_RELEASE);
	return 0;
}

const struct sl_filter_type *const *sl_types(void)
{
	static const struct sl_filter_type *const none[] = { NULL };
	const struct sl_filter_type *const *r = __atomic_load_n(&registry, __ATOMIC_ACQUIRE);

	if (!r) {
		pthread_mutex_lock(&registry_lock);
		if (!registry)
			registry_grow(NULL);
		r = registry ? registry : none;
		pthread_mutex_unlock(&registry_lock);
	}
	return r;
}

const struct sl_filter_type *sl_type_find(const char *name)
{
	const struct sl_filter_type *const *t = sl_types();
	size_t lo = 0, hi = 0;

	while (t[hi])
		hi++;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(name, t[mid]->name);

		if (c == 0)
			return t[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct sl_filter_type *sl_type_flagged(unsigned int flag)
{
	for (unsigned int i = 0; sl_bundled[i]; i++)
		if (sl_bundled[i]->flags & flag)
			return sl_bundled[i];
	return NULL;
}

static bool name_ok(const char *s)
{
	if (!s || !(*s >= 'a' && *s <= 'z'))
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '_' || *s == '-'))
			return false;
	return true;
}

int sl_register(const struct sl_filter_type *type, unsigned int abi)
{
	int r;

	if (abi != SL_FILTER_ABI)
		return -ENOTSUP;
	if (!type || !name_ok(type->name) || !type->brief || (!type->work && !type->pull))
		return -EINVAL;
	if (sl_type_find(type->name))
		return -EEXIST;
	pthread_mutex_lock(&registry_lock);
	r = registry_grow(type);
	pthread_mutex_unlock(&registry_lock);
	return r;
}
