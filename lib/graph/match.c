/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* graph/match.c -- does an arrow take a block? */
#include "graph/graph.h"

static bool holds(const struct sl_term *t, unsigned int port, uint32_t class_no)
{
	if (t->port != port)
		return false;
	return t->kind == SL_TERM_PORT || (class_no >= t->lo && class_no <= t->hi);
}

/* Port 0, and every port whose blocks are of the arrow's type. */
static bool port_fits(const struct sl_stream *s, unsigned int port)
{
	const struct sl_port *p = s->from->type->ports;
	unsigned int i, type;

	if (!port)
		return true;
	for (i = 0; p && p[i].name; i++) {
		if (i + 1 != port)
			continue;
		type = p[i].type == SL_SAME ? s->from->in_type : p[i].type;
		return type == s->type;
	}
	return false;
}

static bool terms_take(const struct sl_tags *t, unsigned int port, uint32_t class_no)
{
	bool positive = false, taken = false, named = false;
	unsigned int i;

	for (i = 0; i < t->n_terms; i++) {
		const struct sl_term *e = &t->terms[i];

		if (e->negate) {
			if (holds(e, port, class_no))
				return false;
			named |= e->port == port;
		} else {
			positive = true;
			taken |= holds(e, port, class_no);
		}
	}
	return positive ? taken : named;
}

bool sl_stream_takes(const struct sl_stream *s, unsigned int port, uint32_t class_no)
{
	const struct sl_tags *t = &s->tags;
	const struct sl_node *from = s->from;
	unsigned int i;

	if (t->plain)
		return port == 0;
	if (t->any && !t->n_terms)
		return port_fits(s, port);
	if (t->any) {
		/* -*,!22->: all but those */
		for (i = 0; i < t->n_terms; i++)
			if (t->terms[i].negate && holds(&t->terms[i], port, class_no))
				return false;
		return port_fits(s, port);
	}
	if (!t->other)
		return terms_take(t, port, class_no);
	if (!port_fits(s, port))
		return false;
	for (i = 0; i < from->n_out; i++)
		if (from->out[i] != s && !from->out[i]->tags.other &&
		    sl_stream_takes(from->out[i], port, class_no))
			return false;
	return true;
}
