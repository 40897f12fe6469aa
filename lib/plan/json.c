/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan/json.c -- a plan for programs; the keys are in streamline-plan(1) */
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "plan/plan.h"

static void totals(const struct sl_graph *g, unsigned int *borders, unsigned int *copies)
{
	*borders = *copies = 0;
	for (unsigned int i = 0; i < g->n_streams; i++) {
		*borders += sl_is_border(g->streams[i]);
		*copies += g->streams[i]->copies;
	}
}

static void json_need(void *arg, const char *text)
{
	sl_json_str(arg, text);
}

static void json_node(struct sl_json *j, const struct sl_node *n)
{
	sl_json_open(j, '{');
	sl_json_kstr(j, "name", n->name);
	sl_json_kstr(j, "type", n->type->name);
	sl_json_kbool(j, "supplied", n->supplied);
	sl_json_kstr(j, "space", n->space);
	sl_json_kstr(j, "why", n->why);
	sl_json_kbool(j, "in_kernel", n->in_kernel);
	sl_json_kstr(j, "kernel_why", n->kernel_why);
	sl_json_kbool(j, "in_socket", n->in_socket);
	sl_json_ku64(j, "shard", n->shard);
	sl_json_key(j, "stands_for");
	sl_json_open(j, '[');
	for (unsigned int i = 0; i < n->n_stands_for; i++)
		sl_json_str(j, n->stands_for[i]);
	sl_json_close(j, ']');
	sl_json_key(j, "asked");
	if (n->want_space) {
		sl_json_open(j, '{');
		sl_json_kstr(j, "space", n->want_space);
		sl_json_kbool(j, "wish", n->wish);
		sl_json_kbool(j, "met", !sl_wish_missed(n));
		sl_json_close(j, '}');
	} else {
		sl_json_null(j);
	}
	sl_json_kstr(j, "in", sl_stream_type_name(n->in_type));
	sl_json_kstr(j, "out", sl_stream_type_name(n->out_type));
	sl_json_key(j, "parameters");
	sl_json_open(j, '[');
	for (unsigned int i = 0; i < n->n_bound; i++) {
		sl_json_open(j, '{');
		sl_json_kstr(j, "name", n->bound[i].param->name);
		sl_json_kstr(j, "value", n->bound[i].text);
		sl_json_kstr(j, "origin", sl_origin_name(n->bound[i].origin));
		sl_json_close(j, '}');
	}
	sl_json_close(j, ']');
	sl_json_kstr(j, "way", n->how);
	sl_json_key(j, "needs");
	sl_json_open(j, '[');
	sl_node_needs(n, json_need, j);
	sl_json_close(j, ']');
	sl_json_close(j, '}');
}

static void json_stream(struct sl_json *j, const struct sl_stream *s)
{
	char text[48];

	sl_json_open(j, '{');
	sl_json_kstr(j, "name", s->name);
	sl_json_kstr(j, "from", s->from->name);
	sl_json_kstr(j, "to", s->to->name);
	sl_json_kstr(j, "tag", s->tags.text ? s->tags.text : "");
	if (s->to->type->inputs)
		sl_json_kstr(j, "input", s->to->type->inputs[s->input]);
	sl_json_kstr(j, "type", sl_stream_type_name(s->type));
	sl_json_kstr(j, "carrier", s->carrier);
	sl_json_kbool(j, "border", sl_is_border(s));
	sl_json_ku64(j, "copies", s->copies);
	sl_json_kstr(j, "bytes", !s->from->in_kernel || s->to->in_kernel ? NULL :
		     sl_carried_words(s, text, sizeof(text)));
	sl_json_close(j, '}');
}

/* What was chosen between, and what it is expected to cost. */
static void json_kernel(struct sl_json *j, const struct sl_plan *p)
{
	const struct sl_plan_choice *c = &p->choice;

	sl_json_key(j, "kernel");
	if (!p->n_kernel) {
		sl_json_null(j);
		return;
	}
	sl_json_open(j, '{');
	sl_json_kstr(j, "ring", p->ring);
	sl_json_kstr(j, "no_ring", p->no_ring);
	sl_json_ku64(j, "filters", p->n_kernel);
	sl_json_ku64(j, "placements", c->placements);
	sl_json_kbool(j, "cheapest", c->chosen_by_cost && c->proven);
	sl_json_key(j, "ns");
	sl_json_double(j, c->cost.total);
	sl_json_key(j, "kernel_ns");
	sl_json_double(j, c->cost.kernel);
	sl_json_key(j, "user_ns");
	sl_json_double(j, c->cost.user);
	sl_json_key(j, "carried");
	sl_json_double(j, c->cost.carried);
	sl_json_ku64(j, "frames_per_s", (uint64_t)sl_plan_rate(p));
	sl_json_kstr(j, "costs", p->costs->file ? p->costs->file : "built in");
	sl_json_close(j, '}');
}

char *sl_plan_json(const struct sl_plan *p)
{
	const struct sl_graph *g = p->graph;
	unsigned int borders, copies;
	struct sl_json j = { 0 };
	char *srl;

	totals(g, &borders, &copies);
	sl_json_open(&j, '{');
	sl_json_kstr(&j, "event", "plan");
	srl = sl_plan_srl(p, false);
	sl_json_kstr(&j, "srl", srl);
	free(srl);
	sl_json_ku64(&j, "workers", p->workers);
	sl_json_ku64(&j, "threads", p->threads);
	sl_json_ku64(&j, "borders", borders);
	sl_json_ku64(&j, "copies", copies);
	json_kernel(&j, p);
	sl_json_key(&j, "using");
	sl_json_open(&j, '[');
	for (unsigned int i = 0; i < g->n_using; i++)
		sl_json_str(&j, g->using[i]);
	sl_json_close(&j, ']');
	sl_json_key(&j, "filters");
	sl_json_open(&j, '[');
	for (unsigned int i = 0; i < g->n_nodes; i++)
		json_node(&j, g->nodes[i]);
	sl_json_close(&j, ']');
	sl_json_key(&j, "streams");
	sl_json_open(&j, '[');
	for (unsigned int i = 0; i < g->n_streams; i++)
		json_stream(&j, g->streams[i]);
	sl_json_close(&j, ']');
	sl_json_key(&j, "not_chosen");
	sl_json_open(&j, '[');
	sl_plan_not_chosen(p, json_need, &j);
	sl_json_close(&j, ']');
	sl_json_key(&j, "no_effect");
	sl_json_open(&j, '[');
	for (unsigned int i = 0; i < p->n_notes; i++)
		json_need(&j, p->notes[i]);
	sl_json_close(&j, ']');
	sl_json_close(&j, '}');
	return sl_json_take(&j);
}
