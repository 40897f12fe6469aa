/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/print.c -- a plan for people, for programs, and as a request
 *
 * Says where each filter runs and why, which streams cross a border and what that
 * costs, what was supplied, which wishes were not met and what was not chosen.
 * Everything comes from the annotated graph; nothing is decided here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/human.h"
#include "core/json.h"
#include "plan/plan.h"

static bool is_border(const struct sl_stream *s)
{
	return s->carrier && strcmp(s->carrier, "call");
}

static const char *type_name(unsigned int type)
{
	switch (type) {
	case SL_PACKET:
		return "packet";
	case SL_BYTES:
		return "bytes";
	case SL_RECORD:
		return "record";
	default:
		return "";
	}
}

/* "kernel" is met by "tc:eth0", "xdp" by "xdp:eth0" */
static bool wish_missed(const struct sl_node *n)
{
	size_t len;

	if (!n->wish || !n->want_space || !n->space)
		return false;
	if (!n->in_kernel || !strcmp(n->want_space, "user"))
		return strcmp(n->want_space, n->space) != 0;
	len = strlen(n->want_space);
	return strcmp(n->want_space, "kernel") && (strncmp(n->space, n->want_space, len) || n->space[len] != ':');
}

/* What a node needs of the machine: calls say(arg, text) for each. */
static void needs(const struct sl_node *n, void (*say)(void *arg, const char *text), void *arg)
{
	char buf[4200];

	for (unsigned int i = 0; i < n->n_bound; i++) {
		const struct sl_bound *b = &n->bound[i];
		bool in = b->param->type == SL_P_IN_FILE;

		if ((!in && b->param->type != SL_P_OUT_FILE) || !b->text || !*b->text)
			continue;
		if (!strcmp(b->text, "-"))
			snprintf(buf, sizeof(buf), in ? "standard input" : "standard output");
		else
			snprintf(buf, sizeof(buf), "%s %s", in ? "read" : "write", b->text);
		say(arg, buf);
	}
}

/* ------------------------------------------------------------------ *
 * Table
 * ------------------------------------------------------------------ */

static void pad_to(FILE *f, const char *s, size_t width)
{
	size_t w = sl_text_width(s);

	fprintf(f, "%s%*s", s, (int)(w < width ? width - w : 0), "");
}

struct joined {
	FILE *f;
	const char *sep;
	bool any;
};

static void join_need(void *arg, const char *text)
{
	struct joined *j = arg;

	fprintf(j->f, "%s%s", j->any ? j->sep : "", text);
	j->any = true;
}

static const char *text_or(const char *s, const char *other)
{
	return s && *s ? s : other;
}

/* "user"; with several threads "user/main", "user/workers" */
static void space_text(const struct sl_plan *p, const struct sl_node *n, char *buf, size_t size)
{
	const char *space = text_or(n->space, "?");

	if (p->workers > 1)
		snprintf(buf, size, "%s/%s", space, n->shard == 1 ? "workers" : "main");
	else
		snprintf(buf, size, "%s", space);
}

static void max_width(size_t *w, const char *s)
{
	size_t n = sl_text_width(s);

	if (n > *w)
		*w = n;
}

static void print_filters(FILE *f, const struct sl_plan *p)
{
	size_t w_name = strlen("filter"), w_space = strlen("space"), w_why = strlen("why");
	const struct sl_graph *g = p->graph;
	char space[64];

	for (unsigned int i = 0; i < g->n_nodes; i++) {
		space_text(p, g->nodes[i], space, sizeof(space));
		max_width(&w_name, g->nodes[i]->name);
		max_width(&w_space, space);
		max_width(&w_why, text_or(g->nodes[i]->why, ""));
	}
	pad_to(f, "filter", w_name + 2);
	pad_to(f, "space", w_space + 2);
	pad_to(f, "why", w_why + 2);
	fputs("needs\n", f);
	for (unsigned int i = 0; i < g->n_nodes; i++) {
		const struct sl_node *n = g->nodes[i];
		struct joined j = { f, ", ", false };

		space_text(p, n, space, sizeof(space));
		pad_to(f, n->name, w_name + 2);
		pad_to(f, space, w_space + 2);
		pad_to(f, text_or(n->why, ""), w_why + 2);
		needs(n, join_need, &j);
		fputs(j.any ? "\n" : "–\n", f);
	}
}

static void arrow(const struct sl_stream *s, char *buf, size_t size)
{
	if (s->tags.text && *s->tags.text)
		snprintf(buf, size, "%s -%s-> %s", s->from->name, s->tags.text, s->to->name);
	else
		snprintf(buf, size, "%s > %s", s->from->name, s->to->name);
}

static void totals(const struct sl_graph *g, unsigned int *borders, unsigned int *copies)
{
	*borders = *copies = 0;
	for (unsigned int i = 0; i < g->n_streams; i++) {
		*borders += is_border(g->streams[i]);
		*copies += g->streams[i]->copies;
	}
}

static void print_borders(FILE *f, const struct sl_plan *p)
{
	const struct sl_graph *g = p->graph;
	size_t w_arrow = strlen("border"), w_how = strlen("how");
	unsigned int borders, copies;
	char text[512];

	totals(g, &borders, &copies);
	fputc('\n', f);
	if (!borders) {
		fprintf(f, "0 borders: all streams stay in one thread, function calls, %u copies\n", copies);
		return;
	}
	for (unsigned int i = 0; i < g->n_streams; i++) {
		if (!is_border(g->streams[i]))
			continue;
		arrow(g->streams[i], text, sizeof(text));
		max_width(&w_arrow, text);
		max_width(&w_how, g->streams[i]->carrier);
	}
	pad_to(f, "border", w_arrow + 2);
	pad_to(f, "how", w_how + 2);
	fputs("per block  options\n", f);
	for (unsigned int i = 0; i < g->n_streams; i++) {
		const struct sl_stream *s = g->streams[i];

		if (!is_border(s))
			continue;
		arrow(s, text, sizeof(text));
		pad_to(f, text, w_arrow + 2);
		pad_to(f, s->carrier, w_how + 2);
		snprintf(text, sizeof(text), "%u %s", s->copies, s->copies == 1 ? "copy" : "copies");
		pad_to(f, text, strlen("per block  "));
		fprintf(f, "%s\n", text_or(s->opts, "–"));
	}
	fputs("(all else stays in its thread: function calls, 0 copies)\n", f);
}

/* What was possible and was left: calls say() for each. */
static void not_chosen(const struct sl_plan *p, void (*say)(void *arg, const char *text), void *arg)
{
	const struct sl_graph *g = p->graph;
	bool shared = false;
	char buf[256];

	for (unsigned int i = 0; i < g->n_nodes; i++)
		shared |= (g->nodes[i]->type->flags & SL_F_SHARD) && g->nodes[i]->in_type;
	if (p->workers > 1)
		snprintf(buf, sizeof(buf), "one thread: %u workers %s", p->workers,
			 text_or(p->workers_why, "were asked for"));
	else
		snprintf(buf, sizeof(buf), "several workers: %s",
			 shared ? "one is the default; workers=N or -j N splits by flow, by 2 more borders"
				: "no filter here can be split by flow");
	say(arg, buf);
	say(arg, "spaces other than user: no filter here has a form for them");
}

static void say_line(void *arg, const char *text)
{
	fprintf(arg, "not chosen: %s\n", text);
}

char *sl_plan_text(const struct sl_plan *p)
{
	const struct sl_graph *g = p->graph;
	char *text = NULL;
	size_t len;
	FILE *f;

	f = open_memstream(&text, &len);
	if (!f)
		return NULL;
	print_filters(f, p);
	print_borders(f, p);
	fputc('\n', f);
	for (unsigned int i = 0; i < g->n_nodes; i++)
		if (wish_missed(g->nodes[i]))
			fprintf(f, "wish not met: %s@%s? runs in %s: %s\n", g->nodes[i]->name,
				g->nodes[i]->want_space, g->nodes[i]->space,
				text_or(g->nodes[i]->why, "it has no form for that space"));
	for (unsigned int i = 0; i < g->n_using; i++)
		fprintf(f, "supplied: %s\n", g->using[i]);
	for (unsigned int i = 0; i < p->n_notes; i++)
		fprintf(f, "no effect: %s\n", p->notes[i]);
	not_chosen(p, say_line, f);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

char *sl_plan_using(const struct sl_plan *p)
{
	char *text = NULL;
	size_t len;
	FILE *f;

	f = open_memstream(&text, &len);
	if (!f)
		return NULL;
	for (unsigned int i = 0; i < p->graph->n_using; i++)
		fprintf(f, "%s%s", i ? " · " : "", p->graph->using[i]);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

char *sl_plan_srl(const struct sl_plan *p, bool all)
{
	return sl_graph_print(p->graph, all);
}

unsigned int sl_plan_filters(const struct sl_plan *p)
{
	return p->graph->n_nodes;
}

unsigned int sl_plan_streams(const struct sl_plan *p)
{
	return p->graph->n_streams;
}

/* ------------------------------------------------------------------ *
 * One filter
 * ------------------------------------------------------------------ */

static const char *origin_text(enum sl_origin o)
{
	static const char *const text[] = { "by default", "from the request", "supplied" };

	return text[o];
}

static const struct sl_node *find_node(const struct sl_graph *g, const char *name)
{
	for (unsigned int i = 0; i < g->n_nodes; i++)
		if (!strcmp(g->nodes[i]->name, name))
			return g->nodes[i];
	return NULL;
}

char *sl_plan_why(const struct sl_plan *p, const char *name)
{
	const struct sl_node *n = find_node(p->graph, name);
	struct joined j = { NULL, ", ", false };
	char space[64], text[512];
	char *out = NULL;
	size_t len;
	FILE *f;

	if (!n)
		return NULL;
	f = open_memstream(&out, &len);
	if (!f)
		return NULL;
	space_text(p, n, space, sizeof(space));
	fprintf(f, "%s (%s) runs in %s: %s\n", n->name, n->type->name, space, text_or(n->why, "?"));
	if (n->supplied)
		fputs("  supplied    the request does not name it\n", f);
	if (n->want_space)
		fprintf(f, "  asked for   @%s%s%s\n", n->want_space, n->wish ? "?" : "",
			wish_missed(n) ? ": not met" : "");
	fputs("  rejected    spaces other than user: no form for them\n", f);
	for (unsigned int i = 0; i < n->n_in; i++) {
		arrow(n->in[i], text, sizeof(text));
		fprintf(f, "  in          %s: %s, by %s, %u copies\n", text, type_name(n->in[i]->type),
			text_or(n->in[i]->carrier, "?"), n->in[i]->copies);
	}
	for (unsigned int i = 0; i < n->n_out; i++) {
		arrow(n->out[i], text, sizeof(text));
		fprintf(f, "  out         %s: %s, by %s, %u copies\n", text, type_name(n->out[i]->type),
			text_or(n->out[i]->carrier, "?"), n->out[i]->copies);
	}
	for (unsigned int i = 0; i < n->n_bound; i++)
		if (n->bound[i].text)
			fprintf(f, "  parameter   %s=%s, %s\n", n->bound[i].param->name, n->bound[i].text,
				origin_text(n->bound[i].origin));
	fputs("  needs       ", f);
	j.f = f;
	needs(n, join_need, &j);
	fputs(j.any ? "\n" : "nothing\n", f);
	if (fclose(f)) {
		free(out);
		return NULL;
	}
	return out;
}

/* ------------------------------------------------------------------ *
 * JSON
 * ------------------------------------------------------------------ */

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
	sl_json_ku64(j, "shard", n->shard);
	sl_json_key(j, "asked");
	if (n->want_space) {
		sl_json_open(j, '{');
		sl_json_kstr(j, "space", n->want_space);
		sl_json_kbool(j, "wish", n->wish);
		sl_json_kbool(j, "met", !wish_missed(n));
		sl_json_close(j, '}');
	} else {
		sl_json_null(j);
	}
	sl_json_kstr(j, "in", type_name(n->in_type));
	sl_json_kstr(j, "out", type_name(n->out_type));
	sl_json_key(j, "parameters");
	sl_json_open(j, '[');
	for (unsigned int i = 0; i < n->n_bound; i++) {
		sl_json_open(j, '{');
		sl_json_kstr(j, "name", n->bound[i].param->name);
		sl_json_kstr(j, "value", n->bound[i].text);
		sl_json_kstr(j, "origin", origin_text(n->bound[i].origin));
		sl_json_close(j, '}');
	}
	sl_json_close(j, ']');
	sl_json_key(j, "needs");
	sl_json_open(j, '[');
	needs(n, json_need, j);
	sl_json_close(j, ']');
	sl_json_close(j, '}');
}

static void json_stream(struct sl_json *j, const struct sl_stream *s)
{
	sl_json_open(j, '{');
	sl_json_kstr(j, "name", s->name);
	sl_json_kstr(j, "from", s->from->name);
	sl_json_kstr(j, "to", s->to->name);
	sl_json_kstr(j, "tag", s->tags.text ? s->tags.text : "");
	if (s->to->type->inputs)
		sl_json_kstr(j, "input", s->to->type->inputs[s->input]);
	sl_json_kstr(j, "type", type_name(s->type));
	sl_json_kstr(j, "carrier", s->carrier);
	sl_json_kbool(j, "border", is_border(s));
	sl_json_ku64(j, "copies", s->copies);
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
	not_chosen(p, json_need, &j);
	sl_json_close(&j, ']');
	sl_json_key(&j, "no_effect");
	sl_json_open(&j, '[');
	for (unsigned int i = 0; i < p->n_notes; i++)
		json_need(&j, p->notes[i]);
	sl_json_close(&j, ']');
	sl_json_close(&j, '}');
	return sl_json_take(&j);
}
