/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/project.c -- how much of a frame is wanted behind each stream
 *
 * A filter says what it reads of frames (sl_filter_type.need); a stream needs the most
 * that any filter reads that its blocks can reach:
 *
 *	all		its first N bytes		its headers		nothing
 *	need_bytes 0	need_bytes N			need_bytes 1,		need_bytes 1
 *							need_headers
 *
 * and of the middle two both at once. A filter that cuts (SL_F_CUT) is a projection by
 * itself: in front of it no more than its N bytes are needed, whatever reads them behind it, and behind
 * it there are no more. So a `slice` anywhere shortens the copy at the border.
 *
 * Only that copy is cut by it: block pointers stay as they are, so lengths, classes and counts
 * are the same for every placement. Where only headers are read, the kernel cuts a frame that
 * it finds the payload of at the payload; any other frame it copies whole, for nobody knows
 * how long its headers are.
 */
#include <errno.h>

#include "plan/plan.h"

enum { NOTHING = 1 };		/* need_bytes counts from 1, as 0 stands for all */
#define ALL	UINT32_MAX

struct need {
	uint32_t bytes;
	bool headers;
};

static struct need of_filter(const struct sl_node *n)
{
	if (n->in_type != SL_PACKET || n->type->need == SL_NEED_ALL)
		return (struct need){ ALL, false };
	return (struct need){ NOTHING, n->type->need == SL_NEED_HEADERS };
}

/* What is left of frames behind a filter that cuts; ALL: it does not. */
static uint32_t cut_of(const struct sl_node *n)
{
	const struct sl_param *p = n->type->params;

	if (!(n->type->flags & SL_F_CUT) || !p || p->type != SL_P_U32)
		return ALL;
	return *(const uint32_t *)((const char *)n->state + p->off);
}

static struct need cut(struct need a, uint32_t most)
{
	if (a.bytes >= most || (a.headers && most <= SL_HEADERS_BYTES))
		return (struct need){ most, false };
	return a;
}

int sl_project(struct sl_plan *p)
{
	struct sl_graph *g = p->graph;
	struct need *need = sl_arena_alloc(g->arena, (g->n_nodes + 1) * sizeof(*need));
	uint32_t *left = sl_arena_alloc(g->arena, (g->n_nodes + 1) * sizeof(*left));	/* of frames behind it */

	if (!need || !left)
		return -ENOMEM;
	for (unsigned int k = 0; k < g->n_nodes; k++) {
		const struct sl_node *n = g->sorted[k];
		uint32_t most = n->n_in ? 0 : ALL, own = cut_of(n);

		for (unsigned int i = 0; i < n->n_in; i++)
			if (left[n->in[i]->from->id] > most)
				most = left[n->in[i]->from->id];
		left[n->id] = own < most ? own : most;
	}
	for (unsigned int k = g->n_nodes; k-- > 0; ) {
		const struct sl_node *n = g->sorted[k];
		struct need most = of_filter(n);

		for (unsigned int i = 0; i < n->n_out; i++) {
			struct need behind = need[n->out[i]->to->id];

			if (n->in_type == SL_PACKET && n->out[i]->type == SL_RECORD)
				continue;	/* made of what n reads, with bytes of their own */
			most.bytes = behind.bytes > most.bytes ? behind.bytes : most.bytes;
			most.headers |= behind.headers;
		}
		need[n->id] = cut(most, cut_of(n));
	}
	for (unsigned int k = 0; k < g->n_streams; k++) {
		struct sl_stream *s = g->streams[k];
		struct need here = cut(need[s->to->id], left[s->from->id]);

		s->need_bytes = here.bytes == ALL ? 0 : here.bytes;
		s->need_headers = here.headers && here.bytes != ALL;
	}
	return 0;
}
