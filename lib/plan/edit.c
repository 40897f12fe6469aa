/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan/edit.c -- what passes do to a graph */
#include <errno.h>
#include <string.h>

#include "plan/edit.h"

bool sl_same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

bool sl_same_parameters(const struct sl_node *a, const struct sl_node *b, unsigned int from)
{
	if (a->n_bound != b->n_bound)
		return false;
	for (unsigned int k = from; k < a->n_bound; k++)
		if (a->bound[k].param != b->bound[k].param || !sl_same_text(a->bound[k].text, b->bound[k].text))
			return false;
	return true;
}

bool sl_same_orders(const struct sl_node *a, const struct sl_node *b)
{
	return sl_same_text(a->want_space, b->want_space) && a->wish == b->wish &&
	       sl_same_text(a->place_opts, b->place_opts);
}

void sl_edit_drop_stream(struct sl_graph *g, struct sl_stream *s)
{
	struct sl_node *from = s->from;
	unsigned int k, n;

	for (k = n = 0; k < from->n_out; k++)
		if (from->out[k] != s)
			from->out[n++] = from->out[k];
	from->n_out = n;
	for (k = n = 0; k < g->n_streams; k++)
		if (g->streams[k] != s) {
			g->streams[n] = g->streams[k];
			g->streams[n]->id = n;
			n++;
		}
	g->n_streams = n;
}

void sl_edit_drop_node(struct sl_graph *g, struct sl_node *gone)
{
	unsigned int k, n;

	for (k = n = 0; k < g->n_nodes; k++)
		if (g->nodes[k] != gone) {
			g->nodes[n] = g->nodes[k];
			g->nodes[n]->id = n;
			n++;
		}
	for (k = n = 0; k < g->n_nodes; k++)
		if (g->sorted[k] != gone) {
			g->sorted[n] = g->sorted[k];
			g->sorted[n]->order = n;
			n++;
		}
	g->n_nodes = n;
	if (gone->shared && gone->type->release)
		gone->type->release(gone->shared);
	gone->shared = NULL;
}

int sl_edit_unite(struct sl_graph *g, struct sl_node *a, struct sl_node *b)
{
	struct sl_stream **out = sl_arena_alloc(g->arena, (a->n_out + b->n_out + 1) * sizeof(*out));
	const char **names = sl_arena_alloc(g->arena, (a->n_stands_for + b->n_stands_for + 1) * sizeof(*names));
	unsigned int k, n = a->n_stands_for;

	if (!out || !names)
		return -ENOMEM;
	for (k = 0; k < a->n_out; k++)
		out[k] = a->out[k];
	for (k = 0; k < b->n_out; k++) {
		out[a->n_out + k] = b->out[k];
		b->out[k]->from = a;
	}
	a->out = out;
	a->n_out += b->n_out;
	for (k = 0; k < n; k++)
		names[k] = a->stands_for[k];
	names[n++] = b->name;
	for (k = 0; k < b->n_stands_for; k++)
		names[n++] = b->stands_for[k];
	a->stands_for = names;
	a->n_stands_for = n;
	for (k = 0; k < g->n_nodes; k++)
		if (g->nodes[k]->classer == b)
			g->nodes[k]->classer = a;
	if (b->n_in)
		sl_edit_drop_stream(g, b->in[0]);
	sl_edit_drop_node(g, b);
	return 0;
}
