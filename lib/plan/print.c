/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/print.c -- a plan for people, and as a request
 *
 * Says where each filter runs and why, which streams cross a border and what that
 * costs, what was supplied, which wishes were not met and what was not chosen.
 * Everything comes from the annotated graph; nothing is decided here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/human.h"
#include "plan/plan.h"

static const char *text_or(const char *s, const char *other)
{
	return s && *s ? s : other;
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

/* "user"; with several threads "user/main", "user/workers" */
static void space_text(const struct sl_plan *p, const struct sl_node *n, char *buf, size_t size)
{
	const char *space = text_or(n->space, "?");

	if (p->workers > 1 && !n->in_kernel)
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
		sl_node_needs(n, join_need, &j);
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
		*borders += sl_is_border(g->streams[i]);
		*copies += g->streams[i]->copies;
	}
}

const char *sl_carried_words(const struct sl_stream *s, char *buf, size_t size)
{
	if (!s->need_bytes)
		return "all";
	if (s->need_bytes == 1)
		return s->need_headers ? "headers" : "none";
	snprintf(buf, size, "first %u%s", s->need_bytes, s->need_headers ? " and headers" : "");
	return buf;
}

/* "1 copy", and how much of a frame it is of */
static void per_block(const struct sl_stream *s, char *buf, size_t size)
{
	const char *of = "";
	char text[48], long_text[64];

	if (s->from->in_kernel && !s->to->in_kernel && s->need_bytes) {
		snprintf(long_text, sizeof(long_text), ", of its %s", sl_carried_words(s, text, sizeof(text)));
		of = s->need_bytes == 1 && !s->need_headers ? ", not of its bytes" :
		     s->need_bytes == 1 ? ", of headers if found" : long_text;
	}
	snprintf(buf, size, "%u %s%s", s->copies, s->copies == 1 ? "copy" : "copies", of);
}

static void print_borders(FILE *f, const struct sl_plan *p)
{
	const struct sl_graph *g = p->graph;
	size_t w_arrow = strlen("border"), w_how = strlen("how"), w_copies = strlen("per block");
	unsigned int borders, copies;
	char text[512];

	totals(g, &borders, &copies);
	fputc('\n', f);
	if (!borders && p->n_kernel) {
		fprintf(f, "0 borders: no packet leaves the kernel, %u copies\n", copies);
		return;
	}
	if (!borders) {
		fprintf(f, "0 borders: all streams stay in one thread, function calls, %u copies\n", copies);
		return;
	}
	for (unsigned int i = 0; i < g->n_streams; i++) {
		if (!sl_is_border(g->streams[i]))
			continue;
		arrow(g->streams[i], text, sizeof(text));
		max_width(&w_arrow, text);
		max_width(&w_how, g->streams[i]->carrier);
		per_block(g->streams[i], text, sizeof(text));
		max_width(&w_copies, text);
	}
	pad_to(f, "border", w_arrow + 2);
	pad_to(f, "how", w_how + 2);
	pad_to(f, "per block", w_copies + 2);
	fputs("options\n", f);
	for (unsigned int i = 0; i < g->n_streams; i++) {
		const struct sl_stream *s = g->streams[i];

		if (!sl_is_border(s))
			continue;
		arrow(s, text, sizeof(text));
		pad_to(f, text, w_arrow + 2);
		pad_to(f, s->carrier, w_how + 2);
		per_block(s, text, sizeof(text));
		pad_to(f, text, w_copies + 2);
		fprintf(f, "%s\n", text_or(s->opts, "–"));
	}
	fputs(p->n_kernel ? "(all else stays where it is: tail calls in the kernel, function calls in its thread, 0 copies)\n"
			  : "(all else stays in its thread: function calls, 0 copies)\n", f);
}

static void print_age(FILE *f, const struct sl_costs *c)
{
	int64_t days = (time(NULL) - c->file_time) / 86400;

	if (!c->file)
		fputs("the costs built in; 'streamline doctor --bench' measures this machine", f);
	else if (days < 1)
		fprintf(f, "%s, of today", c->file);
	else
		fprintf(f, "%s, %lld %s old", c->file, (long long)days, days == 1 ? "day" : "days");
}

/* Memory, carrier and rate of a plan with a part in the kernel. */
static void print_kernel(FILE *f, const struct sl_plan *p)
{
	const struct sl_plan_choice *c = &p->choice;
	char buf[32];

	fputc('\n', f);
	for (unsigned int i = 0; i < p->graph->n_nodes; i++) {
		const struct sl_node *n = p->graph->nodes[i];
		uint64_t bytes = sl_live_buffer(n);

		if (n->n_in || !n->in_kernel)
			continue;
		fprintf(f, "memory: %s of %s: ", p->ring, n->name);
		if (bytes)
			fprintf(f, "%s for each processor\n", sl_human_bytes(bytes, buf));
		else
			fputs("one of its usual size for each processor (buffer=)\n", f);
	}
	if (p->no_ring)
		fprintf(f, "carrier: %s, %s\n", p->ring, p->no_ring);
	fprintf(f, "expected: about %s frames/s of %.0f bytes before loss: %.0f ns for each in the kernel, "
		"%.0f in user space\n          (by ", sl_human_count((uint64_t)sl_plan_rate(p), buf),
		p->costs->frame_bytes, c->cost.kernel, c->cost.user);
	print_age(f, p->costs);
	fputs(")\n", f);
}

static void say_line(void *arg, const char *text)
{
	fprintf(arg, "not chosen: %s\n", text);
}

static void print_merged(FILE *f, const struct sl_node *n)
{
	fputs("merged:", f);
	for (unsigned int k = 0; k < n->n_stands_for; k++)
		fprintf(f, "%s %s", k ? "," : "", n->stands_for[k]);
	fprintf(f, " are one, (%s", n->type->name);
	for (unsigned int k = 0; k < n->n_bound; k++)
		if (n->bound[k].origin == SL_BY_REQUEST && n->bound[k].text)
			fprintf(f, " %s=%s", n->bound[k].param->name, n->bound[k].text);
	fputs(")\n", f);
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
	if (p->n_kernel)
		print_kernel(f, p);
	fputc('\n', f);
	for (unsigned int i = 0; i < g->n_nodes; i++)
		if (g->nodes[i]->how && !g->nodes[i]->in_kernel)
			fprintf(f, "way: %s: %s\n", g->nodes[i]->name, g->nodes[i]->how);
	for (unsigned int i = 0; i < g->n_nodes; i++)
		if (sl_wish_missed(g->nodes[i]))
			fprintf(f, "wish not met: %s@%s? runs in %s: %s\n", g->nodes[i]->name,
				g->nodes[i]->want_space, g->nodes[i]->space,
				text_or(g->nodes[i]->why, "it has no form for that space"));
	for (unsigned int i = 0; i < g->n_using; i++)
		fprintf(f, "supplied: %s\n", g->using[i]);
	for (unsigned int i = 0; i < g->n_nodes; i++)
		for (unsigned int k = 0; k < g->nodes[i]->n_stands_for; k++)
			if (!g->nodes[i]->merged)
				fprintf(f, "shared: %s is one with %s\n", g->nodes[i]->stands_for[k],
					g->nodes[i]->name);
	for (unsigned int i = 0; i < g->n_nodes; i++)
		if (g->nodes[i]->merged)
			print_merged(f, g->nodes[i]);
	for (unsigned int i = 0; i < p->n_notes; i++)
		fprintf(f, "no effect: %s\n", p->notes[i]);
	sl_plan_not_chosen(p, say_line, f);
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

static const struct sl_node *find_node(const struct sl_graph *g, const char *name)
{
	for (unsigned int i = 0; i < g->n_nodes; i++)
		if (!strcmp(g->nodes[i]->name, name))
			return g->nodes[i];
	for (unsigned int i = 0; i < g->n_nodes; i++)
		for (unsigned int k = 0; k < g->nodes[i]->n_stands_for; k++)
			if (!strcmp(g->nodes[i]->stands_for[k], name))
				return g->nodes[i];
	return NULL;
}

static void why_costs(FILE *f, const struct sl_plan *p, const struct sl_node *n)
{
	struct sl_cost_filter c = sl_costs_filter(p->costs, n->type->name);

	fprintf(f, "  costs       %g ns + %g ns/byte in user space", c.user.block_ns, c.user.byte_ns);
	if (n->type->kernel)
		fprintf(f, ", %g ns + %g ns/byte in the kernel", c.kernel.block_ns, c.kernel.byte_ns);
	if (n->n_out)
		fprintf(f, "; passes %.0f %%", c.pass * 100);
	fputs(" (the planner's table)\n", f);
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
	for (unsigned int i = 0; i < n->n_stands_for; i++)
		fprintf(f, "  stands for  %s, which %s\n", n->stands_for[i],
			n->merged ? "is merged into it" : "is the same at the same place");
	if (n->want_space)
		fprintf(f, "  asked for   @%s%s%s\n", n->want_space, n->wish ? "?" : "",
			sl_wish_missed(n) ? ": not met" : "");
	if (n->kernel_why)
		fprintf(f, "  rejected    the kernel: %s\n", n->kernel_why);
	why_costs(f, p, n);
	for (unsigned int i = 0; i < n->n_in; i++) {
		arrow(n->in[i], text, sizeof(text));
		fprintf(f, "  in          %s: %s, by %s, %u copies\n", text, sl_stream_type_name(n->in[i]->type),
			text_or(n->in[i]->carrier, "?"), n->in[i]->copies);
	}
	for (unsigned int i = 0; i < n->n_out; i++) {
		arrow(n->out[i], text, sizeof(text));
		fprintf(f, "  out         %s: %s, by %s, %u copies\n", text, sl_stream_type_name(n->out[i]->type),
			text_or(n->out[i]->carrier, "?"), n->out[i]->copies);
	}
	for (unsigned int i = 0; i < n->n_bound; i++)
		if (n->bound[i].text)
			fprintf(f, "  parameter   %s=%s, %s\n", n->bound[i].param->name, n->bound[i].text,
				sl_origin_name(n->bound[i].origin));
	if (n->how)
		fprintf(f, "  way         %s%s\n", n->how, n->in_kernel ? " (for what comes to user space)" : "");
	fputs("  needs       ", f);
	j.f = f;
	sl_node_needs(n, join_need, &j);
	fputs(j.any ? "\n" : "nothing\n", f);
	if (fclose(f)) {
		free(out);
		return NULL;
	}
	return out;
}
