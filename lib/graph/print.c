/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/print.c -- a graph as SRL
 *
 * Each node is written once, where the walk first comes to it: a chain goes on
 * inline, several arrows become a fan. Where the walk comes to a node again it writes its
 * name. So a node that is named somewhere carries its name, and so does one
 * whose name would not come out the same by itself, because it stood in
 * another place or inside a macro.
 *
 * Names within macros hold signs that SRL has no room for: w/untcp is written
 * w_untcp.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

struct printer {
	const struct sl_graph *g;
	FILE *out;
	bool all;
	bool *done;		/* by id: was written */
	bool *say;		/* by id: with its name */
	bool *planned;		/* by id: seen by plan() */
	char **name;		/* by id: as it is written, where it is */
	unsigned int *turn;	/* ids in the order in which they are written */
	unsigned int n_turn;
};

static bool hidden(const struct printer *p, const struct sl_node *n)
{
	return n->supplied && !p->all;
}

static unsigned int visible_in(const struct printer *p, const struct sl_node *n)
{
	unsigned int i, k = 0;

	for (i = 0; i < n->n_in; i++)
		k += !hidden(p, n->in[i]->from);
	return k;
}

/* A name in the letters that SRL has, and unlike all that were made before. */
static char *plain_name(const struct printer *p, const struct sl_node *n)
{
	size_t len = strlen(n->name);
	char *name = malloc(len + p->n_turn + 2), *c;
	unsigned int i;
	bool taken;

	if (!name)
		return NULL;
	memcpy(name, n->name, len + 1);
	for (c = name; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')))
			*c = '_';
	do {
		taken = false;
		for (i = 0; i < p->g->n_nodes && !taken; i++)
			taken = p->name[i] && !strcmp(p->name[i], name);
		if (taken)
			strcat(name, "_");
	} while (taken);
	return name;
}

/* ---- which names must be written ------------------------------------ */

static void plan_node(struct printer *p, const struct sl_node *n)
{
	unsigned int i;

	p->planned[n->id] = true;
	p->turn[p->n_turn++] = n->id;
	for (i = 0; i < n->n_out; i++) {
		if (p->planned[n->out[i]->to->id])
			p->say[n->out[i]->to->id] = true;
		else
			plan_node(p, n->out[i]->to);
	}
}

/* How many nodes of each type got their name by themselves so far. */
struct count_of {
	const struct sl_filter_type *type;
	unsigned int n;
};

static bool said(const struct printer *p, const char *name)
{
	unsigned int i;

	for (i = 0; i < p->g->n_nodes; i++)
		if (p->name[i] && !strcmp(p->name[i], name))
			return true;
	return false;
}

/*
 * Would the node get its name by itself, behind those before it? Names that are
 * written have no '-', so they can only take the first of a type's names.
 */
static bool same_by_itself(const struct printer *p, const struct sl_node *n, struct count_of *counts)
{
	unsigned int i, k;
	char buf[300];

	for (i = 0; counts[i].type && counts[i].type != n->type; i++)
		;
	k = counts[i].n + 1;
	if (k == 1 && said(p, n->type->name))
		k = 2;
	if (k > 1)
		snprintf(buf, sizeof(buf), "%s-%u", n->type->name, k);
	else
		snprintf(buf, sizeof(buf), "%s", n->type->name);
	if (strcmp(buf, n->merged ? n->stands_for[0] : n->name))
		return false;
	counts[i].type = n->type;
	counts[i].n = k;
	return true;
}

static bool say_name(struct printer *p, unsigned int id)
{
	p->say[id] = true;
	p->name[id] = plain_name(p, p->g->nodes[id]);
	return p->name[id] != NULL;
}

static bool plan(struct printer *p)
{
	const struct sl_graph *g = p->g;
	struct count_of *counts;
	unsigned int i;
	bool ok = true;

	for (i = 0; i < g->n_nodes; i++) {
		const struct sl_node *n = g->nodes[i];

		p->say[i] = n->named || strchr(n->name, '/') || n->type->inputs;
	}
	for (i = 0; i < g->n_nodes; i++)
		if (!hidden(p, g->nodes[i]) && !p->planned[i] && !visible_in(p, g->nodes[i]))
			plan_node(p, g->nodes[i]);
	for (i = 0; i < g->n_nodes; i++)
		if (!hidden(p, g->nodes[i]) && !p->planned[i])
			plan_node(p, g->nodes[i]);
	for (i = 0; i < p->n_turn; i++)
		if (p->say[p->turn[i]] && !say_name(p, p->turn[i]))
			return false;
	counts = calloc(p->n_turn + 1, sizeof(*counts));
	if (!counts)
		return false;
	for (i = 0; i < p->n_turn && ok; i++)
		if (!p->say[p->turn[i]] && !same_by_itself(p, g->nodes[p->turn[i]], counts))
			ok = say_name(p, p->turn[i]);
	free(counts);
	return ok;
}

/* ---- writing --------------------------------------------------------- */

static void put_args(struct printer *p, const struct sl_node *n)
{
	unsigned int i, pos = 0;

	for (i = 0; i < n->n_bound; i++) {
		const struct sl_bound *b = &n->bound[i];
		bool show = b->origin == SL_BY_REQUEST || (n->supplied && b->origin == SL_BY_SUPPLY) || p->all;

		if (!show || !b->text)
			continue;
		/* the next one in place needs no name, if those before it were written */
		if (b->param->pos && b->param->pos == pos + 1) {
			fprintf(p->out, " %s", b->text);
			pos++;
		} else {
			fprintf(p->out, " %s=%s", b->param->name, b->text);
		}
	}
}

static void put_filter(struct printer *p, const struct sl_node *n)
{
	putc('(', p->out);
	if (p->say[n->id]) {
		fputs(p->name[n->id], p->out);
		fputs(": ", p->out);
	}
	fputs(n->type->name, p->out);
	put_args(p, n);
	putc(')', p->out);
	if (n->want_space)
		fprintf(p->out, "@%s%s%s", n->want_space, n->wish ? "?" : "", n->place_opts ? n->place_opts : "");
}

static void put_arrow(struct printer *p, const struct sl_stream *s)
{
	if (s->tags.plain || !*s->tags.text)
		putc('>', p->out);
	else
		fprintf(p->out, "-%s->", s->tags.text);
	if (s->opts)
		fputs(s->opts, p->out);
	putc(' ', p->out);
}

static void put_chain(struct printer *p, const struct sl_node *n, unsigned int depth);

static void put_target(struct printer *p, const struct sl_stream *s, unsigned int depth)
{
	put_arrow(p, s);
	if (p->done[s->to->id]) {
		fputs(p->name[s->to->id], p->out);
		if (s->to->type->inputs)
			fprintf(p->out, ".%s", s->to->type->inputs[s->input]);
		return;
	}
	if (s->to->type->inputs) {	/* written on its own, further down */
		fputs(p->name[s->to->id], p->out);
		fprintf(p->out, ".%s", s->to->type->inputs[s->input]);
		return;
	}
	put_chain(p, s->to, depth);
}

static void put_chain(struct printer *p, const struct sl_node *n, unsigned int depth)
{
	unsigned int i, k;

	put_filter(p, n);
	p->done[n->id] = true;
	if (n->n_out == 1) {
		putc(' ', p->out);
		put_target(p, n->out[0], depth);
		return;
	}
	if (!n->n_out)
		return;
	fputs(" {\n", p->out);
	for (i = 0; i < n->n_out; i++) {
		for (k = 0; k <= depth; k++)
			fputs("  ", p->out);
		put_target(p, n->out[i], depth + 1);
		putc('\n', p->out);
	}
	for (k = 0; k < depth; k++)
		fputs("  ", p->out);
	putc('}', p->out);
}

static void put_settings(struct printer *p)
{
	const struct sl_graph *g = p->g;

	if (!g->workers && !g->buffer_bytes && !g->batch && !g->overflow && !g->kernel_off)
		return;
	fputs("set", p->out);
	if (g->workers)
		fprintf(p->out, " workers=%u", g->workers);
	if (g->buffer_bytes)
		fprintf(p->out, " buffer=%lluB", (unsigned long long)g->buffer_bytes);
	if (g->batch)
		fprintf(p->out, " batch=%llu", (unsigned long long)g->batch);
	if (g->overflow)
		fprintf(p->out, " overflow=%s", g->overflow);
	if (g->kernel_off)
		fputs(" kernel=off", p->out);
	putc('\n', p->out);
}

static bool put_graph(struct printer *p)
{
	unsigned int i;

	if (!plan(p))
		return false;
	put_settings(p);
	for (i = 0; i < p->n_turn; i++) {
		const struct sl_node *n = p->g->nodes[p->turn[i]];

		if (p->done[n->id])
			continue;
		put_chain(p, n, 0);
		putc('\n', p->out);
	}
	return true;
}

char *sl_graph_print(const struct sl_graph *g, bool all)
{
	unsigned int n = g->n_nodes + 1, i;
	struct printer p = { .g = g, .all = all };
	char *text = NULL;
	size_t len = 0;
	bool ok = false;

	p.done = calloc(n, 3 * sizeof(bool));
	p.turn = calloc(n, sizeof(*p.turn));
	p.name = calloc(n, sizeof(*p.name));
	p.out = open_memstream(&text, &len);
	if (p.done && p.turn && p.name && p.out) {
		p.say = p.done + n;
		p.planned = p.say + n;
		ok = put_graph(&p);
	}
	if (p.out && fclose(p.out))
		ok = false;
	for (i = 0; p.name && i < n; i++)
		free(p.name[i]);
	free(p.name);
	free(p.done);
	free(p.turn);
	if (!ok) {
		free(text);
		return NULL;
	}
	/* a single line stands alone */
	if (len && strchr(text, '\n') == text + len - 1)
		text[len - 1] = '\0';
	return text;
}
