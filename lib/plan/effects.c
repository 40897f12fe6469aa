/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/effects.c -- what becomes of the options on arrows and spaces
 *
 *	buffer	size of the ring, where the plan put one
 *	batch	most blocks a source brings in at once
 *	copy	never: a stream that copies is an error
 *	workers	threads, of the whole run wherever it stands
 *	drop	what a full ring does behind a source that cannot wait. All sources
 *		now can, and back-pressure makes them; so nothing is dropped
 *
 * What stays without effect in this plan is noted, so that nobody relies on it.
 */
#include <errno.h>
#include <string.h>

#include "plan/plan.h"

static void note(struct sl_plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note(struct sl_plan *p, const char *fmt, ...)
{
	struct sl_arena *a = p->graph->arena;
	const char **n;
	va_list ap;

	n = sl_arena_push(a, (void **)&p->notes, &p->n_notes, sizeof(*p->notes));
	if (!n)
		return;
	va_start(ap, fmt);
	*n = sl_arena_vprintf(a, fmt, ap);
	va_end(ap);
	if (!*n)
		p->n_notes--;
}

/* The arrow whose batch= counts for what leaves this source: the last one. */
static const struct sl_stream *batch_arrow(const struct sl_node *source)
{
	const struct sl_stream *last = NULL;

	for (unsigned int k = 0; k < source->n_out; k++)
		if (source->out[k]->batch)
			last = source->out[k];
	return last;
}

static void note_batches(struct sl_plan *p)
{
	const struct sl_graph *g = p->graph;
	bool heeded = false;

	for (unsigned int k = 0; k < g->n_streams; k++) {
		const struct sl_stream *s = g->streams[k], *last = batch_arrow(s->from);

		if (s->batch && s->from->n_in)
			note(p, "batch= on %s: the source's batches set the size there", s->name);
		else if (s->batch && s != last)
			note(p, "batch= on %s: a source has one size, that on %s", s->name, last->name);
	}
	for (unsigned int k = 0; k < g->n_nodes; k++)
		heeded |= !g->nodes[k]->n_in && !batch_arrow(g->nodes[k]);
	if (g->batch && !heeded)
		note(p, "set batch=: each source has its own size, by an arrow");
}

static void note_workers(struct sl_plan *p)
{
	const struct sl_graph *g = p->graph;

	if (p->workers == 1 && g->workers > 1)
		note(p, "workers=%u: %s", g->workers, p->workers_why);
	for (unsigned int k = 0; k < g->n_nodes; k++) {
		const struct sl_node *n = g->nodes[k];

		if (n->place_idle)
			note(p, "%s on %s: filters share the threads of the run", n->place_idle, n->name);
		if (!n->place_workers || n->place_workers == p->workers)
			continue;
		if (g->workers)
			note(p, "workers=%u on %s: the whole run was given %u", n->place_workers, n->name,
			     g->workers);
		else if (p->workers == 1)
			note(p, "workers=%u on %s: %s", n->place_workers, n->name, p->workers_why);
		else
			note(p, "workers=%u on %s: all share the most that is asked for, %u", n->place_workers,
			     n->name, p->workers);
	}
}

int sl_effects(struct sl_plan *p, struct sl_diags *ds)
{
	const struct sl_graph *g = p->graph;
	int r = 0;

	for (unsigned int k = 0; k < g->n_streams; k++) {
		const struct sl_stream *s = g->streams[k];
		bool ring = !strcmp(s->carrier, "ring");	/* that of workers */

		if (s->copy && s->copies) {
			struct sl_diag_new *d = sl_err(ds, "E144", s->span, "this stream copies, and copy=never forbids it");

			if (s->from->in_kernel)
				sl_err_label(d, "'%s' runs in the kernel: frames are copied once where they leave it",
					     s->from->name);
			else
				sl_err_label(d, "'%s' is a process: bytes go to it and come back by a pipe",
					     s->to->type->flags & SL_F_PROCESS ? s->to->name : s->from->name);
			r = -EINVAL;
		}
		if (s->buffer_bytes && !ring)
			note(p, "buffer= on %s: no ring there, streams in one thread are function calls", s->name);
		if (s->drop)
			note(p, "drop=%s on %s: nothing is dropped, as the source can wait", s->drop, s->name);
	}
	if (g->overflow && strcmp(g->overflow, "block"))
		note(p, "overflow=%s: nothing is dropped, as the sources can wait", g->overflow);
	if (g->buffer_bytes && p->workers == 1)
		note(p, "buffer=: no rings here, all runs in one thread");
	note_batches(p);
	note_workers(p);
	return r;
}

const char *sl_plan_note(const struct sl_plan *p, unsigned int i)
{
	return i < p->n_notes ? p->notes[i] : NULL;
}
