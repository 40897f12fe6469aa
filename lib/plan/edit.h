/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan/edit.h -- what passes do to a graph; ids and order stay whole */
#ifndef SL_PLAN_EDIT_H
#define SL_PLAN_EDIT_H

#include "graph/graph.h"

/* Both NULL, or both the same. */
bool sl_same_text(const char *a, const char *b);
/* Of two nodes of one type: parameters from number `from` on. */
bool sl_same_parameters(const struct sl_node *a, const struct sl_node *b, unsigned int from);
/* Are both ordered into the same space, in the same words? */
bool sl_same_orders(const struct sl_node *a, const struct sl_node *b);

void sl_edit_drop_stream(struct sl_graph *g, struct sl_stream *s);
void sl_edit_drop_node(struct sl_graph *g, struct sl_node *gone);

/*
 * a takes over from b, whose one arrow in, if any, goes with it: its arrows out, behind a's own; its
 * name, which a stands for; its class. 0 or -ENOMEM.
 */
int sl_edit_unite(struct sl_graph *g, struct sl_node *a, struct sl_node *b);

#endif
