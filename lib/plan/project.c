/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/project.c -- how much of a frame is wanted behind each stream
 *
 * A filter says what it reads of frames (sl_filter_type.need); a stream needs the most
 * that any filter reads that its blocks can reach. Only the copy at the border of the
 * kernel is cut by it: block pointers stay as they are, so lengths, classes and counts are
 * the same for every placement. Where only headers are read the kernel may cut a frame
 * that it has found the payload of, at the payload; any other frame it copies whole,
 * for nobody knows how long its headers are.
 */
#include <errno.h>

#include "plan/plan.h"

/* need_bytes counts from 1, as 0 stands for all. */
enum { NOTHING = 1 };

int sl_project(struct sl_plan *p)
{
	struct sl_graph *g = p->graph;
	enum sl_need *need = sl_arena_alloc(g->arena, (g->n_nodes + 1) * sizeof(*need));

	if (!need)
		return -ENOMEM;
	for (unsigned int k = g->n_nodes; k-- > 0; ) {
		const struct sl_node *n = g->sorted[k];
		enum sl_need most = n->in_type == SL_PACKET ? n->type->need : SL_NEED_ALL;

		for (unsigned int i = 0; i < n->n_out; i++) {
			enum sl_need behind = need[n->out[i]->to->id];

			if (behind < most)	/* the enum begins with the most */
				most = behind;
		}
		need[n->id] = most;
	}
	for (unsigned int k = 0; k < g->n_streams; k++) {
		struct sl_stream *s = g->streams[k];

		s->need_bytes = need[s->to->id] == SL_NEED_NONE ? NOTHING : 0;
		s->need_headers = need[s->to->id] == SL_NEED_HEADERS;
	}
	return 0;
}
