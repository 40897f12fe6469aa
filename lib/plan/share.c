/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/share.c -- a prefix that is written twice becomes one
 *
 *	(rx eth0) > (tcp) -80-> (a)		(rx eth0) > (tcp) {
 *	(rx eth0) > (tcp) -443-> (b)	=>	  -80-> (a)
 *						  -443-> (b)
 *						}
 *
 * Two nodes become one when both are live sources or selections (SL_F_SELECT: they look at
 * a block and nothing else, and keep nothing), of the same type with the same parameters
 * and the same order of a space, and what reaches them is the same arrow twice. Such
 * two always pass the same blocks with the same class. That the output is the same takes
 * more:
 *
 *	- no arrow out of either is `else`: what it takes depends on its siblings, which
 *	  would become others
 *	- what is behind the one and what is behind the other meet nowhere, not in a filter
 *	  and not on standard output: what comes first there could change
 *	- the arrows into them have no options, which would have to be those of one
 *
 * A source that is no live one is left alone: that a file is read twice shows in what the
 * run says it has read. The node that is left stands for the other one, whose name it is
 * found by; the streams keep their names.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/edit.h"
#include "plan/plan.h"

static bool same_tags(const struct sl_tags *a, const struct sl_tags *b)
{
	return a->plain == b->plain && a->any == b->any && a->other == b->other && a->n_terms == b->n_terms &&
	       sl_same_text(a->text, b->text);
}

static bool same_arrow(const struct sl_node *a, const struct sl_node *b)
{
	const struct sl_stream *x, *y;

	if (a->n_in != b->n_in || a->n_in > 1)
		return false;
	if (!a->n_in)
		return true;
	x = a->in[0];
	y = b->in[0];
	return x->from == y->from && x->input == y->input && same_tags(&x->tags, &y->tags) && !x->opts && !y->opts;
}

static bool has_else(const struct sl_node *n)
{
	for (unsigned int k = 0; k < n->n_out; k++)
		if (n->out[k]->tags.other)
			return true;
	return false;
}

static bool to_stdout(const struct sl_node *n)
{
	if (n->type->flags & SL_F_STDOUT)
		return true;
	for (unsigned int k = 0; k < n->n_bound; k++)
		if (n->bound[k].param->type == SL_P_OUT_FILE && sl_same_text(n->bound[k].text, "-"))
			return true;
	return false;
}

/* Mark what is behind n, in the order of the graph. Returns whether some of it writes to
 * standard output. */
static bool mark(const struct sl_graph *g, const struct sl_node *n, bool *marked)
{
	bool out = false;

	memset(marked, 0, g->n_nodes * sizeof(*marked));
	marked[n->id] = true;
	for (unsigned int k = n->order; k < g->n_nodes; k++) {
		const struct sl_node *at = g->sorted[k];

		for (unsigned int i = 0; i < at->n_in; i++)
			marked[at->id] |= marked[at->in[i]->from->id];
		out |= marked[at->id] && to_stdout(at);
	}
	return out;
}

static bool meet(const struct sl_graph *g, const struct sl_node *a, const struct sl_node *b, bool *marks)
{
	bool *behind_a = marks, *behind_b = marks + g->n_nodes, both;

	both = mark(g, a, behind_a);
	both &= mark(g, b, behind_b);
	for (unsigned int k = 0; !both && k < g->n_nodes; k++)
		both = behind_a[k] && behind_b[k];
	return both;
}

static bool are_one(const struct sl_graph *g, const struct sl_node *a, const struct sl_node *b, bool *marks)
{
	return a->type == b->type && a->type->flags & (a->n_in ? SL_F_SELECT : SL_F_LIVE) && same_arrow(a, b) &&
	       sl_same_parameters(a, b, 0) && sl_same_orders(a, b) && a->classer != b && !has_else(a) && !has_else(b) &&
	       !meet(g, a, b, marks);
}

/* One pair, the first by order; 1 if there was one. */
static int share_one(struct sl_graph *g, bool *marks)
{
	for (unsigned int i = 0; i < g->n_nodes; i++) {
		struct sl_node *a = g->sorted[i];

		if (!(a->type->flags & (SL_F_SELECT | SL_F_LIVE)))
			continue;
		/* of a selection only siblings can be the same */
		for (unsigned int k = 0; a->n_in == 1 && k < a->in[0]->from->n_out; k++) {
			struct sl_node *b = a->in[0]->from->out[k]->to;

			if (b->order > a->order && are_one(g, a, b, marks))
				return sl_edit_unite(g, a, b) ? -ENOMEM : 1;
		}
		for (unsigned int k = i + 1; !a->n_in && k < g->n_nodes; k++)
			if (!g->sorted[k]->n_in && are_one(g, a, g->sorted[k], marks))
				return sl_edit_unite(g, a, g->sorted[k]) ? -ENOMEM : 1;
	}
	return 0;
}

int sl_share(struct sl_plan *p)
{
	struct sl_graph *g = p->graph;
	bool *marks = calloc(g->n_nodes + 1, 2 * sizeof(*marks));
	int n = 0, r = marks ? 1 : -ENOMEM;

	while (r > 0) {
		r = share_one(g, marks);
		n += r > 0;
	}
	free(marks);
	return r < 0 ? r : n;
}
