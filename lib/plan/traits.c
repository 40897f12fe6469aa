/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan/traits.c -- what a plan as a whole does that a front end must know */
#include <string.h>

#include "plan/plan.h"

const char *sl_version(void)
{
	return SL_VERSION;
}

/* A file parameter says where the data goes; without one the flag alone does. */
static bool writes_stdout(const struct sl_node *n)
{
	bool has_file = false;

	for (unsigned int k = 0; k < n->n_bound; k++) {
		if (n->bound[k].param->type != SL_P_OUT_FILE)
			continue;
		has_file = true;
		if (n->bound[k].text && !strcmp(n->bound[k].text, "-"))
			return true;
	}
	return !has_file && n->type->flags & SL_F_STDOUT;
}

bool sl_plan_stdout(const struct sl_plan *p)
{
	for (unsigned int k = 0; k < p->graph->n_nodes; k++)
		if (writes_stdout(p->graph->nodes[k]))
			return true;
	return false;
}

bool sl_plan_matcher(const struct sl_plan *p)
{
	for (unsigned int k = 0; k < p->graph->n_nodes; k++)
		if (p->graph->nodes[k]->type->flags & SL_F_MATCHER)
			return true;
	return false;
}
