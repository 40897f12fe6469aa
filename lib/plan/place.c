/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/place.c -- a space for every filter, a carrier for every stream
 *
 * What is in the kernel is chosen by place-kernel.c: its filters call each other, and what
 * leaves it crosses by a ring, one copy. All others run in user space. With one worker they
 * share a thread and streams are function calls. With workers=N the graph falls into three
 * parts:
 *
 *	0	sources, and what must see all blocks before they are spread
 *	1	filters whose state is per flow (SL_F_SHARD), one instance a worker
 *	2	what stands behind one that was spread, and is itself not per flow
 *
 * Streams between parts 0 and 1, and 1 and 2, are rings; the rest are calls. Neither
 * copies: these rings carry block pointers. Only to and from a process (exec) bytes go
 * through pipes, a copy each way.
 */
#include <string.h>

#include "plan/plan.h"

/* What comes from a process is one stream, in its own time: nothing to spread. */
static bool behind_process(const struct sl_node *n)
{
	for (unsigned int k = 0; k < n->n_in; k++)
		if (n->in[k]->from->type->flags & SL_F_PROCESS || n->in[k]->from->behind_process)
			return true;
	return false;
}

static unsigned int part_of(const struct sl_node *n)
{
	unsigned int part = 0;

	for (unsigned int k = 0; k < n->n_in; k++)
		if (n->in[k]->from->shard > part)
			part = n->in[k]->from->shard;
	if (!n->n_in || n->in_kernel || part == 2)
		return part;
	if (n->type->flags & SL_F_SHARD && !n->behind_process)
		return 1;
	return part == 1 ? 2 : 0;
}

static const char *why(const struct sl_node *n)
{
	if (n->type->flags & SL_F_PROCESS)
		return "a process of its own: each byte is copied to it and back";
	if (!n->n_in)
		return n->supplied ? "reads the file; supplied, as the request has no source"
				   : "brings data in from outside";
	if (!n->out_type && !n->n_out)
		return "writes to the outside";
	if (n->shard == 1)
		return "state is per flow: each worker has its own";
	if (n->shard == 2)
		return "sees all flows: stands behind the workers";
	if (!n->type->kernel)
		return "it has no form in another space; next to its neighbours no copy is needed";
	return "its packets are here already; next to its neighbours no copy is needed";
}

/* In a plan that has a part in the kernel. */
static const char *why_user(const struct sl_plan *p, const struct sl_node *n)
{
	const char *text;

	if (n->want_space && !strcmp(n->want_space, "user") && !n->wish)
		return "as asked for";
	if (n->kernel_why)
		text = sl_arena_printf(p->graph->arena, "%s", n->kernel_why);
	else if (p->choice.chosen_by_cost)
		text = "it has a kernel form, but costs less here";
	else
		text = "it has a kernel form; placed here as asked for";
	return text ? text : n->why;
}

/* Workers: the options win over the request, a place over a setting. */
static void choose_workers(struct sl_plan *p)
{
	struct sl_graph *g = p->graph;
	unsigned int here = 0;

	for (unsigned int k = 0; k < g->n_nodes; k++)
		if (g->nodes[k]->place_workers > here)
			here = g->nodes[k]->place_workers;
	p->workers = g->workers ? g->workers : here ? here : 1;
	p->workers_why = g->workers ? "as asked for" :
			 here ? "as asked for at one filter, for all that can be split by flow" :
			 "the default; workers=N splits by flow";
	if (p->workers > 256) {
		p->workers = 256;
		p->workers_why = "256 is the most";
	}
}

/* Between two filters of the kernel, and where it ends. */
static void carry_kernel(const struct sl_plan *p, struct sl_stream *s)
{
	if (s->to->in_kernel) {
		s->carrier = "tail call";
		s->copies = 0;
	} else {
		s->carrier = p->ring;
		s->copies = 1;
	}
}

int sl_place(struct sl_plan *p, struct sl_diags *ds)
{
	struct sl_graph *g = p->graph;
	bool spread = false;

	int r;

	r = sl_project(p);
	if (!r)
		r = sl_place_kernel(p, ds);
	if (r)
		return r;
	choose_workers(p);
	for (unsigned int k = 0; k < g->n_nodes; k++) {
		g->sorted[k]->behind_process = behind_process(g->sorted[k]);
		g->sorted[k]->shard = part_of(g->sorted[k]);
		spread |= g->sorted[k]->shard == 1;
	}
	if (p->workers > 1 && !spread) {
		p->workers = 1;
		p->workers_why = "no filter here can be split by flow";
	}
	p->threads = p->workers > 1 ? 1 + p->workers : 1;
	for (unsigned int k = 0; k < g->n_nodes; k++) {
		struct sl_node *n = g->sorted[k];

		if (p->workers == 1)
			n->shard = 0;
		if (n->in_kernel)
			continue;
		n->space = "user";
		n->why = p->n_kernel && n->shard != 1 ? why_user(p, n) : why(n);
	}
	sl_place_sockets(p);
	for (unsigned int k = 0; k < g->n_streams; k++) {
		struct sl_stream *s = g->streams[k];

		if ((s->from->type->flags | s->to->type->flags) & SL_F_PROCESS) {
			s->carrier = "pipe";
			s->copies = 1;
			continue;
		}
		if (s->from->in_kernel) {
			carry_kernel(p, s);
			continue;
		}
		s->carrier = s->from->shard != s->to->shard && (s->from->shard == 1 || s->to->shard == 1)
				     ? "ring" : "call";
		s->copies = 0;
	}
	return 0;
}
