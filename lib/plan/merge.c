/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/merge.c -- two filters in a row become one that does what both do
 *
 *	(bpf "ip") > (bpf "port 80")	=>	(bpf "(ip) and (port 80)")
 *	(slice 128) > (slice 64)	=>	(slice 64)
 *	(tcp) > (tcp)			=>	(tcp)
 *
 * Whether there is such a filter, its type says (sl_filter_type.merge), by the value of its
 * first parameter; the others must be the same in both. A selection that is
 * written twice is that selection.
 *
 * It takes more that nobody sees the difference:
 *
 *	- the arrow between is the only one out of the first and the only one into the second, takes
 *	  all (no tag), and has no options
 *	- neither has a name that the request gave it: who names a filter wants its counts
 *	- both are ordered into the same space, or neither is
 *
 * The one that is left has the row of both in the ledger, and the names of both: bpf+bpf-2. What
 * came between them is counted nowhere any more.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/edit.h"
#include "plan/plan.h"

enum { TEXT_MAX = 4096 };

/* Is the arrow of no use but to lead from the one to the other? */
static bool only_between(const struct sl_stream *s)
{
	return s->from->n_out == 1 && s->to->n_in == 1 && s->tags.plain && !s->opts && !s->to->type->inputs &&
	       !s->from->type->ports;
}

static bool may_be_one(const struct sl_node *a, const struct sl_node *b)
{
	return a->type == b->type && a->n_in && only_between(b->in[0]) && !a->named && !b->named && !a->supplied &&
	       !a->shared && !b->shared && sl_same_orders(a, b);
}

/* The first parameter of n becomes this text. */
static int set_first(struct sl_graph *g, struct sl_node *n, const char *text)
{
	struct sl_bound *b = &n->bound[0];
	void *to = (char *)n->state + b->param->off;
	char *word = NULL, *end;
	unsigned long long v;

	switch (b->param->type) {
	case SL_P_STRING:
		text = sl_arena_strndup(g->arena, text, strlen(text));
		word = text ? sl_word_print(text, strlen(text)) : NULL;
		*(const char **)to = text;
		text = word;
		break;
	case SL_P_U32:
	case SL_P_COUNT:
		v = strtoull(text, &end, 10);
		if (*end)
			return -EINVAL;
		if (b->param->type == SL_P_U32)
			*(uint32_t *)to = (uint32_t)v;
		else
			*(uint64_t *)to = v;
		break;
	default:
		return -EINVAL;
	}
	b->text = text ? sl_arena_strndup(g->arena, text, strlen(text)) : NULL;
	b->origin = SL_BY_REQUEST;
	free(word);
	return b->text ? 0 : -ENOMEM;
}

/* Names: a+b, found by either. */
static int join_names(struct sl_graph *g, struct sl_node *a, const struct sl_node *b)
{
	const char **names = sl_arena_alloc(g->arena, (a->n_stands_for + 2) * sizeof(*names));
	char *both = sl_arena_printf(g->arena, "%s+%s", a->name, b->name);
	unsigned int n = 0;

	if (!names || !both)
		return -ENOMEM;
	if (!a->merged)
		names[n++] = a->name;
	for (unsigned int k = 0; k < a->n_stands_for; k++)
		names[n++] = a->stands_for[k];
	a->stands_for = names;
	a->n_stands_for = n;
	a->name = both;
	a->merged = true;
	return 0;
}

/* 1: they became one; 0: they can't. */
static int merge(struct sl_graph *g, struct sl_node *a, struct sl_node *b)
{
	char text[TEXT_MAX];
	int r;

	if (!may_be_one(a, b))
		return 0;
	if (a->type->flags & SL_F_SELECT && sl_same_parameters(a, b, 0)) {
		r = 0;
	} else {
		if (!a->type->merge || !a->n_bound || !sl_same_parameters(a, b, 1) ||
		    a->type->merge(a->state, b->state, text, sizeof(text)))
			return 0;
		r = set_first(g, a, text);
	}
	if (!r)
		r = join_names(g, a, b);
	if (!r)
		r = sl_edit_unite(g, a, b);
	return r ? r : 1;
}

int sl_merge(struct sl_plan *p)
{
	struct sl_graph *g = p->graph;
	int n = 0, r = 0;

	for (unsigned int k = 0; k < g->n_nodes && r >= 0; ) {
		struct sl_node *a = g->sorted[k];

		r = a->n_out == 1 ? merge(g, a, a->out[0]->to) : 0;
		if (r > 0)
			n++;		/* and perhaps with the next one too */
		else
			k++;
	}
	return r < 0 ? r : n;
}
