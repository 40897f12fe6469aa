/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/effects.c -- what becomes of the options on arrows and spaces
 *
 *	buffer	size of the ring, where the plan put one
 *	batch	most blocks a source brings in at once
 *	copy	never: a stream that copies is an error
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

int sl_effects(struct sl_plan *p, struct sl_diags *ds)
{
	const struct sl_graph *g = p->graph;
	int r = 0;

	for (unsigned int k = 0; k < g->n_streams; k++) {
		const struct sl_stream *s = g->streams[k];
		bool ring = !strcmp(s->carrier, "ring");

		if (s->copy && s->copies) {
			struct sl_diag_new *d = sl_err(ds, "E144", s->span, "this stream copies, and copy=never forbids it");

			sl_err_label(d, "'%s' is a process: bytes go to it and come back by a pipe",
				     s->to->type->flags & SL_F_PROCESS ? s->to->name : s->from->name);
			r = -EINVAL;
		}
		if (s->buffer_bytes && !ring)
			note(p, "buffer= on %s: no ring there, streams in one thread are function calls", s->name);
		if (s->drop)
			note(p, "drop=%s on %s: nothing is dropped, as the source can wait", s->drop, s->name);
		if (s->batch && s->from->n_in)
			note(p, "batch= on %s: the source's batches set the size there", s->name);
	}
	if (g->overflow && strcmp(g->overflow, "block"))
		note(p, "overflow=%s: nothing is dropped, as the sources can wait", g->overflow);
	if (g->buffer_bytes && p->workers == 1)
		note(p, "buffer=: no rings here, all runs in one thread");
	for (unsigned int k = 0; k < g->n_nodes; k++)
		if (g->nodes[k]->place_opts && strcmp(g->nodes[k]->place_opts, "[]") &&
		    !g->nodes[k]->place_workers)
			note(p, "%s on %s: filters share the thread that runs the request", g->nodes[k]->place_opts,
			     g->nodes[k]->name);
	return r;
}
