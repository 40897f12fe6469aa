/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/echo.c -- does a request capture what it sends itself?
 *
 * What a filter sends out of an interface (SL_F_SENDS) a tap on that interface sees again,
 * unless it looks at one direction alone. That may be meant, but not where arrows lead from
 * the tap to the filter: then each packet is sent, seen and sent again, without end. The
 * way may lead over several taps and filters. It is told as a warning, as what the
 * arrows choose by may yet end it.
 *
 * A loopback interface gives back what is sent on it, whatever the direction.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

static bool names(const char *list, const char *dev)
{
	size_t n = strlen(dev);

	if (!strcmp(list, "any"))
		return true;
	for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
		if (strcspn(at, ",") == n && !memcmp(at, dev, n))
			return true;
	return false;
}

/* Does the live source `rx` see what `tx` sends? */
static bool hears(const struct sl_node *rx, const struct sl_node *tx)
{
	const char *dev = sl_live_device(tx);

	if (!(rx->type->flags & SL_F_LIVE) || !(tx->type->flags & SL_F_SENDS) || !names(sl_live_device(rx), dev))
		return false;
	return sl_live_sees_out(rx) || !strcmp(dev, "lo");
}

/* Mark all that packets of n come to, by arrows and by wire. */
static void spread(const struct sl_graph *g, const struct sl_node *n, bool *reached)
{
	if (reached[n->id])
		return;
	reached[n->id] = true;
	for (unsigned int i = 0; i < n->n_out; i++)
		spread(g, n->out[i]->to, reached);
	for (unsigned int i = 0; i < g->n_nodes; i++)
		if (hears(g->nodes[i], n))
			spread(g, g->nodes[i], reached);
}

int sl_echo(const struct sl_graph *g, struct sl_diags *ds)
{
	bool *reached = calloc(g->n_nodes + 1, sizeof(*reached));

	if (!reached)
		return -ENOMEM;
	for (unsigned int i = 0; i < g->n_nodes; i++) {
		const struct sl_node *rx = g->nodes[i], *tx = NULL;
		struct sl_diag_new *d;

		if (!(rx->type->flags & SL_F_LIVE))
			continue;
		memset(reached, 0, g->n_nodes * sizeof(*reached));
		spread(g, rx, reached);
		for (unsigned int k = 0; k < g->n_nodes && !tx; k++)
			if (reached[k] && hears(rx, g->nodes[k]))
				tx = g->nodes[k];
		if (!tx)
			continue;
		d = sl_warn(ds, "E158", rx->span, "'%s' captures what '%s' sends, and it is sent again", rx->name, tx->name);
		sl_err_label(d, "sees both directions of %s", sl_live_device(tx));
		sl_err_also(d, tx->span, "sends on %s", sl_live_device(tx));
		if (strcmp(sl_live_device(tx), "lo"))
			sl_err_note(d, "to capture only what comes in: (%s %s direction=in)", rx->type->name,
				    sl_live_device(rx));
		else
			sl_err_note(d, "what is sent on lo comes in there: another interface is needed");
	}
	free(reached);
	return 0;
}
