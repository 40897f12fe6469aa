/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/socket.c -- which filters a source's packet socket does the work of, in advance
 *
 * Where a live source is not in the kernel, its packets come by a packet socket, and the
 * kernel copies each of them into the socket's ring. If all of them go to one filter that selects
 * by a classic program, the socket runs that program first. The filter keeps its place
 * and looks again; so nothing depends on what the socket does but what is copied.
 *
 * Not with several workers, where each has a filter of its own to be counted at; and not for
 * who asked for user space, or for no programs in the kernel.
 */
#include <string.h>

#include "kern/ask.h"
#include "plan/plan.h"

/* Can sockets choose by programs of ours here? */
static bool sockets_choose(const struct sl_plan *p)
{
	const struct sl_kernel_caps *caps;

	if (p->graph->kernel_off || (p->placement && !strcmp(p->placement, "user")))
		return false;
	caps = p->no_env ? NULL : sl_kernel_probe();
	return !caps || (caps->works[SL_CAP_BPF] && caps->works[SL_CAP_PACKET]);
}

/* The one that gets all packets of a live source in user space, and nobody else does; NULL: there is none. */
static struct sl_node *behind(const struct sl_node *source)
{
	struct sl_node *n;

	if (!(source->type->flags & SL_F_LIVE) || source->in_kernel || !sl_live_by_socket(source) ||
	    source->n_out != 1 || !source->out[0]->tags.plain)
		return NULL;
	n = source->out[0]->to;
	if (n->in_kernel || n->shard || (n->want_space && !strcmp(n->want_space, "user")))
		return NULL;
	return n->type->flags & SL_F_SELECT ? n : NULL;
}

void sl_place_sockets(struct sl_plan *p)
{
	struct sl_graph *g = p->graph;

	for (unsigned int k = 0; k < g->n_nodes; k++)
		g->nodes[k]->in_socket = false;
	for (unsigned int k = 0; k < g->n_nodes; k++) {
		struct sl_node *n = behind(g->nodes[k]);

		if (!n || n->in_socket || !sockets_choose(p) ||
		    !sl_kernel_ask_classic(n->type, n->state, n->shared))
			continue;
		n->in_socket = true;
		n->why = "selected in the socket: what it screens out is not copied";
	}
}
