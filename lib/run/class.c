/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run/class.c -- what the class of a block means to the filter that it reached */
#include <stdio.h>

#include "run/run.h"

/* The node that gave the blocks on an arrow their class, and whether it has names for them. */
static const struct sl_node *classer_of(const struct sl_stream *s, bool *groups)
{
	const struct sl_filter_type *t;

	for (unsigned int k = 0; k < s->tags.n_terms; k++) {
		const struct sl_term *t = &s->tags.terms[k];

		if (t->port && s->from->type->ports) {
			*groups = s->from->type->ports[t->port - 1].groups;
			return s->from;
		}
	}
	if (!s->from->classer)
		return NULL;
	t = s->from->classer->type;
	*groups = t->class == SL_CLASS_GROUP || (t->class == SL_CLASS_NUMBER && t->class_name);
	return s->from->classer;
}

unsigned int sl_in_type(const struct sl_filter *f)
{
	return sl_inst(f)->node->in_type;
}

enum sl_class_type sl_class_kind(const struct sl_filter *f)
{
	const struct sl_node *n = sl_inst(f)->node, *c;
	bool groups = false;

	c = n->n_in ? classer_of(n->in[0], &groups) : NULL;
	if (!c)
		return SL_CLASS_NONE;
	return groups ? SL_CLASS_GROUP : c->type->class;
}

const char *sl_class_text(const struct sl_filter *f, const struct sl_block *b, char *buf, size_t size)
{
	const struct sl_node *n = sl_inst(f)->node, *c;
	bool groups = false;

	c = n->n_in ? classer_of(n->in[0], &groups) : NULL;
	if (groups && c && c->type->class_name)
		return c->type->class_name(c->shared, b->class, buf, size);
	snprintf(buf, size, "%u", b->class);
	return buf;
}
