/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/early.c -- selections move towards the source
 *
 *	(rx eth0) > (ip) > (bpf "port 80")	=>	(rx eth0) > (bpf "port 80") > (ip)
 *
 * where that is cheaper by the table of costs: what drops most for least comes first. Two
 * filters that follow each other, X and then the selection S, change places when nobody sees
 * it, neither in what comes out nor in any value that is published:
 *
 *	X			S				where
 *	passes all on		any selection			anywhere
 *	(SL_F_JUNCTION)
 *	a selection without	a selection without values;	all sources are live, interfaces
 *	values			not both give a class		of Ethernet or bare IP, on which
 *								both decide (.decides)
 *
 * So ip, ip6 and bpf go past each other; tcp, vlan and others that publish what they could
 * not read do not, as they would meet other packets. Nothing goes past a filter that changes
 * packets (slice: what it cuts off the selection may have to read), counts them (count, stats,
 * flows), chooses by their number (head, sample, rate), or shows, saves or sends them. From a
 * file, or any interface, packets of other links may come: one that X drops S might lose.
 *
 * Besides, nothing else hangs on the arrow between, neither filter has a name that the request
 * gave it (its counts are wanted where it stands) or an order of a space, and both could run
 * where the other can.
 */
#include <errno.h>
#include <string.h>

#include "kern/ask.h"
#include "plan/edit.h"
#include "plan/plan.h"

static bool publishes(const struct sl_node *n)
{
	return n->type->values && n->type->values[0].name;
}

static bool classes(const struct sl_node *n)
{
	return n->type->class != SL_CLASS_NONE || n->type->class_find;
}

static bool decides(const struct sl_node *n)
{
	return !n->type->decides || n->type->decides(n->state);
}

static bool is_selection(const struct sl_node *n)
{
	return n->type->flags & SL_F_SELECT && !n->type->ports && !n->type->inputs && n->in_type == SL_PACKET;
}

/* Tags that ask for the class alone, and of no sibling. */
static bool by_class(const struct sl_tags *t)
{
	for (unsigned int k = 0; k < t->n_terms; k++)
		if (t->terms[k].kind != SL_TERM_CLASS || t->terms[k].port)
			return false;
	return t->plain || (t->n_terms && !t->any && !t->other);
}

/* Come only live packets to n, of Ethernet or bare IP? Without an environment: of Ethernet. */
static bool only_live(const struct sl_plan *p, const struct sl_node *n)
{
	if (p->replay)
		return false;
	if (!n->n_in)
		return n->type->flags & SL_F_LIVE && (p->no_env || sl_kernel_ask_links(sl_live_device(n)));
	for (unsigned int k = 0; k < n->n_in; k++)
		if (!only_live(p, n->in[k]->from))
			return false;
	return true;
}

static bool arrows_allow(const struct sl_node *x, const struct sl_node *s)
{
	const struct sl_stream *between = s->in[0];

	if (x->n_out != 1 || s->n_in != 1 || between->opts || !by_class(&between->tags))
		return false;
	/* the arrow with the tag becomes the one behind both: then that has no tag of its own */
	return between->tags.plain || (!classes(s) && s->n_out == 1 && s->out[0]->tags.plain);
}

static bool commute(const struct sl_plan *p, const struct sl_node *x, const struct sl_node *s)
{
	if (!x->n_in || !is_selection(s) || x->named || s->named || x->want_space || s->want_space ||
	    x->type->inputs || !x->type->kernel != !s->type->kernel ||
	    (x->type->flags & SL_F_SHARD) != (s->type->flags & SL_F_SHARD) || !arrows_allow(x, s))
		return false;
	if (x->type->flags & SL_F_JUNCTION)
		return true;
	return is_selection(x) && !publishes(x) && !publishes(s) && !(classes(x) && classes(s)) && decides(x) &&
	       decides(s) && only_live(p, x);
}

/* ns for what comes to the first of two. */
static double cost(const struct sl_plan *p, const struct sl_node *first, const struct sl_node *second)
{
	struct sl_cost_filter a = sl_costs_filter(p->costs, first->type->name);
	struct sl_cost_filter b = sl_costs_filter(p->costs, second->type->name);
	const struct sl_cost *x = first->type->kernel ? &a.kernel : &a.user;
	const struct sl_cost *y = second->type->kernel ? &b.kernel : &b.user;
	double bytes = p->costs->frame_bytes;

	return x->block_ns + x->byte_ns * bytes + a.pass * (y->block_ns + y->byte_ns * bytes);
}

/* x > s becomes s > x: x's arrows in go to s, s's arrows out leave x, and the one between turns round. */
static void swap(struct sl_graph *g, struct sl_node *x, struct sl_node *s)
{
	struct sl_stream *between = s->in[0], **in = s->in, **out = x->out;
	unsigned int order = x->order;
	struct sl_tags tags = between->tags;

	if (!tags.plain) {
		between->tags = s->out[0]->tags;
		s->out[0]->tags = tags;
	}
	s->in = x->in;
	s->n_in = x->n_in;
	x->out = s->out;
	x->n_out = s->n_out;
	for (unsigned int k = 0; k < s->n_in; k++)
		s->in[k]->to = s;
	for (unsigned int k = 0; k < x->n_out; k++)
		x->out[k]->from = x;
	x->in = in;
	x->n_in = 1;
	s->out = out;
	s->n_out = 1;
	between->from = s;
	between->to = x;
	x->order = s->order;
	s->order = order;
	g->sorted[x->order] = x;
	g->sorted[s->order] = s;
	/* whose class what comes behind carries: of the two, that of the one that gives one */
	if (classes(x)) {
		s->classer = s->in[0]->from->classer;
		for (unsigned int k = 1; k < s->n_in; k++)
			if (s->in[k]->from->classer != s->classer)
				s->classer = NULL;
	} else {
		x->classer = s->classer;
	}
}

int sl_early(struct sl_plan *p)
{
	struct sl_graph *g = p->graph;
	int n = 0;

	/* each move makes the sum of all costs less, so there is an end */
	for (unsigned int k = 0; k < g->n_nodes; k++) {
		struct sl_node *x = g->sorted[k], *s = x->n_out == 1 ? x->out[0]->to : NULL;

		if (!s || !commute(p, x, s) || cost(p, s, x) >= cost(p, x, s) - 1e-9)
			continue;
		swap(g, x, s);
		n++;
		k = (unsigned int)-1;
	}
	return n;
}
