/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kern/kernel.c -- see kernel.h, ask.h, objects.h */
#include "kern/kernel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/ask.h"
#include "kern/objects.h"
#include "net/ifaces.h"

const struct sl_kernel_object *sl_kernel_object(const char *name)
{
	for (const struct sl_kernel_object *o = sl_kernel_objects; o->name; o++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

static int add(struct sl_kernel *k, const char *name, const void *data, size_t size, int kind)
{
	struct sl_kernel_item *i = calloc(1, sizeof(*i) + size);

	if (!i) {
		k->failed = true;
		return -ENOMEM;
	}
	snprintf(i->name, sizeof(i->name), "%s", name);
	i->kind = kind;
	i->size = size;
	i->data = i + 1;
	memcpy(i->data, data, size);
	i->next = k->items;
	k->items = i;
	return 0;
}

int sl_kernel_set(struct sl_kernel *k, const char *name, const void *value, size_t size)
{
	return add(k, name, value, size, SL_ITEM_VARIABLE);
}

int sl_kernel_table(struct sl_kernel *k, const char *map, const void *data, size_t size)
{
	return add(k, map, data, size, SL_ITEM_TABLE);
}

int sl_kernel_entries(struct sl_kernel *k, const char *map, uint32_t n)
{
	return add(k, map, &n, sizeof(n), SL_ITEM_ENTRIES);
}

enum sl_kernel_hook sl_kernel_hook(const struct sl_kernel *k)
{
	return k->where.hook;
}

int sl_kernel_form(struct sl_kernel *k, const char *name)
{
	snprintf(k->form, sizeof(k->form), "%s", name);
	return 0;
}

bool sl_kernel_link(const struct sl_kernel *k, unsigned int link)
{
	return link < SL_KERNEL_LINKS && k->where.links[link / 64] >> link % 64 & 1;
}

/*
 * Compiled as well, so that what the compiler does not take is known when the plan asks. What
 * it takes for one hook, it takes for the other.
 */
int sl_kernel_classic(struct sl_kernel *k, unsigned int link, const void *insns, unsigned int n)
{
	const struct sl_cbpf_target t = { .hook = SL_CBPF_SKB, .win = 256, .stack = -SL_CBPF_STACK };
	struct sl_kernel_classic **at = &k->classic, *c;
	unsigned int n_body;
	struct bpf_insn *body;
	const char *why = NULL;
	int r = sl_cbpf_compile(insns, n, &t, &body, &n_body, &why);

	if (r < 0)
		return r == -ENOMEM ? r : sl_kernel_refuse(k, "%s", why);
	free(body);
	while (*at)
		at = &(*at)->next;
	c = calloc(1, sizeof(*c) + n * sizeof(*c->insns));
	if (!c) {
		k->failed = true;
		return -ENOMEM;
	}
	c->link = (uint16_t)link;
	c->n = n;
	c->insns = (struct sl_cbpf_insn *)(c + 1);
	memcpy(c->insns, insns, n * sizeof(*c->insns));
	*at = c;
	return 0;
}

int sl_kernel_refuse(struct sl_kernel *k, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(k->why, sizeof(k->why), fmt, ap);
	va_end(ap);
	return -ENOTSUP;
}

int sl_kernel_bind(struct sl_kernel *k, const struct sl_filter_type *t, const void *state,
		   const void *shared, const struct sl_kernel_where *where)
{
	int r;

	*k = (struct sl_kernel){ .where.links = { 1 << 1 } };
	if (where)
		k->where = *where;
	snprintf(k->form, sizeof(k->form), "%s", t->name);
	if (!t->kernel)
		return sl_kernel_refuse(k, "it has no kernel form");
	r = t->kernel(k, state, shared);
	if (r < 0)
		return r;
	if (k->failed)
		return -ENOMEM;
	if (!(t->flags & SL_F_LIVE) && !sl_kernel_object(k->form))
		return sl_kernel_refuse(k, "its kernel form '%s' is not in this library", k->form);
	return 0;
}

void sl_kernel_done(struct sl_kernel *k)
{
	struct sl_kernel_item *i, *next;
	struct sl_kernel_classic *c, *after;

	for (i = k->items; i; i = next) {
		next = i->next;
		free(i);
	}
	for (c = k->classic; c; c = after) {
		after = c->next;
		free(c);
	}
	*k = (struct sl_kernel){ 0 };
}

int sl_kernel_ask_at(const struct sl_filter_type *t, const void *state, const void *shared,
		     enum sl_kernel_hook hook, char *why, size_t size)
{
	const struct sl_kernel_where where = { .links = { 1 << 1 }, .hook = hook };
	struct sl_kernel k;
	int r = sl_kernel_bind(&k, t, state, shared, &where);

	if (r < 0)
		snprintf(why, size, "%s", r == -ENOMEM ? "out of memory" : k.why);
	sl_kernel_done(&k);
	return r;
}

int sl_kernel_ask(const struct sl_filter_type *t, const void *state, const void *shared,
		  char *why, size_t size)
{
	return sl_kernel_ask_at(t, state, shared, SL_KERNEL_TC, why, size);
}

bool sl_kernel_ask_classic(const struct sl_filter_type *t, const void *state, const void *shared)
{
	struct sl_kernel k;
	bool is = !sl_kernel_bind(&k, t, state, shared, NULL) && k.classic && !k.items;

	sl_kernel_done(&k);
	return is;
}

bool sl_kernel_ask_links(const char *devices)
{
	struct sl_iface i;
	char name[16];
	size_t len;

	for (const char *at = devices; *at; at += len + (at[len] == ',')) {
		len = strcspn(at, ",");
		if (!len)
			continue;
		if (len >= sizeof(name))
			return false;
		snprintf(name, sizeof(name), "%.*s", (int)len, at);
		if (sl_iface_get(name, &i) || (i.link != SL_LINK_ETHERNET && i.link != SL_LINK_RAW))
			return false;
	}
	return *devices;
}
