/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/draw.c -- a plan as a drawing: for a terminal, for Graphviz, for Mermaid
 *
 * The terminal's is a grid of cells. A filter stands in the column of its layer
 * (the longest way from a source) and in a row; so does every stream:
 *
 *	a filter's first stream goes on in the filter's row, each other one gets
 *	a row of its own below all that was drawn before; a filter stands in the
 *	row of the stream that reached it first
 *
 *	  pcapin ──> tcp ─┬─80────> untcp ─┬─> jsonout
 *	                  ├─443───> sni ───┘
 *	                  └─else──> count
 *
 * Hence: below a filter only what follows from it is drawn, so the trunks of
 * fan-outs (right after their column) never meet anything; a filter is above all
 * streams that join it later, so trunks of fan-ins (left of their column) only
 * go up. Two of those may overlap: they get lanes side by side, and where a
 * stream crosses a lane of others the cell says so (┼); nothing else gives that sign.
 *
 * A drawing that no screen could hold is not made: the arrows are listed then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/human.h"
#include "plan/plan.h"

#define INDENT	2
#define ROWS_MAX	200
#define COLS_MAX	200

enum { UP = 1, DOWN = 2, LEFT = 4, RIGHT = 8 };

struct cell {
	uint8_t lines;
	char text[5];		/* one character of UTF-8; "": see lines */
};

struct spot {			/* where a filter stands */
	unsigned int layer, row;
	unsigned int lane, last;	/* its fan-in's lane, and the lowest row that joins */
	bool placed, joined;
};

struct layer {
	unsigned int x;		/* of the names */
	unsigned int width;	/* of the longest name */
	unsigned int tag;	/* of the longest tag leaving it */
	unsigned int lanes;	/* of fan-ins, left of it */
	bool fan;		/* some filter in it has several streams leaving */
};

struct drawing {
	const struct sl_plan *plan;
	const struct sl_graph *g;
	struct spot *spot;	/* by node id */
	unsigned int *row;	/* by stream id */
	struct layer *layer;
	unsigned int n_layers, n_rows, n_cols;
	struct cell *cell;
};

/* ------------------------------------------------------------------ *
 * Places
 * ------------------------------------------------------------------ */

static void visit(struct drawing *d, const struct sl_node *n, unsigned int row)
{
	struct spot *at = &d->spot[n->id];

	at->placed = true;
	at->row = at->last = row;
	for (unsigned int i = 0; i < n->n_out; i++) {
		const struct sl_stream *s = n->out[i];
		struct spot *to = &d->spot[s->to->id];
		unsigned int r = i ? d->n_rows++ : row;

		d->row[s->id] = r;
		if (!to->placed) {
			visit(d, s->to, r);
			continue;
		}
		to->joined = true;
		if (r > to->last)
			to->last = r;
	}
}

static void find_layers(struct drawing *d)
{
	const struct sl_graph *g = d->g;

	for (unsigned int i = 0; i < g->n_nodes; i++) {
		const struct sl_node *n = g->sorted[i];
		unsigned int layer = 0;

		for (unsigned int k = 0; k < n->n_in; k++)
			if (d->spot[n->in[k]->from->id].layer + 1 > layer)
				layer = d->spot[n->in[k]->from->id].layer + 1;
		d->spot[n->id].layer = layer;
		if (layer + 1 > d->n_layers)
			d->n_layers = layer + 1;
	}
}

/* Fan-ins of one layer whose rows overlap get different lanes. */
static void find_lanes(struct drawing *d)
{
	const struct sl_graph *g = d->g;

	for (unsigned int i = 0; i < g->n_nodes; i++) {
		struct spot *a = &d->spot[i];

		if (!a->joined)
			continue;
		for (unsigned int k = 0; k < i; k++) {
			const struct spot *b = &d->spot[k];

			if (b->joined && b->layer == a->layer && b->row <= a->last &&
			    a->row <= b->last && b->lane >= a->lane)
				a->lane = b->lane + 1;
		}
		if (a->lane + 1 > d->layer[a->layer].lanes)
			d->layer[a->layer].lanes = a->lane + 1;
	}
}

static void grow(unsigned int *v, size_t to)
{
	if (to > *v)
		*v = (unsigned int)to;
}

static const char *tag_of(const struct sl_stream *s)
{
	return s->tags.text ? s->tags.text : "";
}

/*
 * Between two layers, from where the longest name ends:
 *
 *	blank, line, [trunk,] line, [tag, line, line,] [lane, line]..., '>', blank
 */
static unsigned int trunk_x(const struct layer *l)
{
	return l->x + l->width + 2;
}

static unsigned int tag_x(const struct layer *l)
{
	return l->x + l->width + (l->fan ? 4 : 3);
}

static unsigned int lane_x(const struct layer *l, unsigned int lane)
{
	return l->x - 2 - 2 * (l->lanes - lane);
}

static void find_columns(struct drawing *d)
{
	const struct sl_graph *g = d->g;
	unsigned int x = INDENT;

	for (unsigned int i = 0; i < g->n_nodes; i++) {
		const struct sl_node *n = g->nodes[i];
		struct layer *l = &d->layer[d->spot[i].layer];

		grow(&l->width, sl_text_width(n->name));
		l->fan |= n->n_out > 1;
		for (unsigned int k = 0; k < n->n_out; k++)
			grow(&l->tag, sl_text_width(tag_of(n->out[k])));
	}
	for (unsigned int i = 0; i < d->n_layers; i++) {
		struct layer *l = &d->layer[i];

		if (i)
			x = tag_x(l - 1) + (l[-1].tag ? l[-1].tag + 2 : 0) + 2 * l->lanes + 2;
		l->x = x;
	}
	d->n_cols = x + d->layer[d->n_layers - 1].width + 1;
}

/* ------------------------------------------------------------------ *
 * Cells
 * ------------------------------------------------------------------ */

static struct cell *cell(struct drawing *d, unsigned int row, unsigned int x)
{
	return &d->cell[(size_t)row * d->n_cols + x];
}

static void put_text(struct drawing *d, unsigned int row, unsigned int x, const char *s)
{
	while (*s && x < d->n_cols) {
		struct cell *c = cell(d, row, x++);
		unsigned int n = 0;

		do {
			if (n < sizeof(c->text) - 1)
				c->text[n++] = *s;
			s++;
		} while (((unsigned char)*s & 0xc0) == 0x80);
		c->text[n] = '\0';
	}
}

/* A line from the middle of one cell to the middle of another. */
static void across(struct drawing *d, unsigned int row, unsigned int from, unsigned int to)
{
	for (unsigned int x = from; x < to; x++) {
		cell(d, row, x)->lines |= RIGHT;
		cell(d, row, x + 1)->lines |= LEFT;
	}
}

static void down(struct drawing *d, unsigned int x, unsigned int from, unsigned int to)
{
	for (unsigned int r = from; r < to; r++) {
		cell(d, r, x)->lines |= DOWN;
		cell(d, r + 1, x)->lines |= UP;
	}
}

static void draw_stream(struct drawing *d, const struct sl_stream *s)
{
	const struct spot *from = &d->spot[s->from->id], *to = &d->spot[s->to->id];
	const struct layer *a = &d->layer[from->layer], *b = &d->layer[to->layer];
	unsigned int row = d->row[s->id], start, x;

	start = a->x + (unsigned int)sl_text_width(s->from->name) + 1;
	if (row != from->row) {
		start = trunk_x(a);
		down(d, start, from->row, row);
	}
	if (row == to->row) {
		across(d, row, start, b->x - 2);
		put_text(d, row, b->x - 2, ">");
	} else {
		x = lane_x(b, to->lane);
		across(d, row, start, x);
		down(d, x, to->row, row);
	}
	put_text(d, row, tag_x(a), tag_of(s));
}

static const char *glyph(uint8_t lines)
{
	static const char *const g[16] = {
		[0] = " ",
		[UP] = "│", [DOWN] = "│", [UP | DOWN] = "│",
		[LEFT] = "─", [RIGHT] = "─", [LEFT | RIGHT] = "─",
		[UP | LEFT] = "┘", [UP | RIGHT] = "└", [DOWN | LEFT] = "┐", [DOWN | RIGHT] = "┌",
		[UP | DOWN | LEFT] = "┤", [UP | DOWN | RIGHT] = "├",
		[LEFT | RIGHT | UP] = "┴", [LEFT | RIGHT | DOWN] = "┬",
		[UP | DOWN | LEFT | RIGHT] = "┼",
	};

	return g[lines & 15];
}

static void print_cells(FILE *f, struct drawing *d)
{
	for (unsigned int r = 0; r < d->n_rows; r++) {
		unsigned int end = d->n_cols;

		while (end && !cell(d, r, end - 1)->lines && !cell(d, r, end - 1)->text[0])
			end--;
		for (unsigned int x = 0; x < end; x++) {
			const struct cell *c = cell(d, r, x);

			fputs(c->text[0] ? c->text : glyph(c->lines), f);
		}
		fputc('\n', f);
	}
}

/* ------------------------------------------------------------------ *
 * Spaces
 * ------------------------------------------------------------------ */

static bool same_place(const struct sl_plan *p, const struct sl_node *a, const struct sl_node *b)
{
	return !strcmp(a->space ? a->space : "", b->space ? b->space : "") &&
	       (p->workers <= 1 || (a->shard == 1) == (b->shard == 1));
}

static void place_text(const struct sl_plan *p, const struct sl_node *n, char *buf, size_t size)
{
	const char *space = n->space ? n->space : "?";

	if (n->in_kernel)
		snprintf(buf, size, "kernel, %s", space);
	else if (p->workers <= 1)
		snprintf(buf, size, "%s, 1 thread", space);
	else if (n->shard == 1)
		snprintf(buf, size, "%s, %u workers", space, p->workers);
	else
		snprintf(buf, size, "%s, main thread", space);
}

static void costs(FILE *f, const struct sl_graph *g)
{
	unsigned int borders = 0, copies = 0;

	for (unsigned int i = 0; i < g->n_streams; i++) {
		borders += sl_is_border(g->streams[i]);
		copies += g->streams[i]->copies;
	}
	fprintf(f, "%u %s, %u %s\n", borders, borders == 1 ? "border" : "borders", copies,
		copies == 1 ? "copy" : "copies");
}

/*
 * One row: a bracket under the filters of each place. Two runs over the row: the
 * first says whether each text fits.
 */
static bool brackets(FILE *f, struct drawing *d, bool print)
{
	const struct sl_graph *g = d->g;
	unsigned int x = 0;
	char text[96];

	for (unsigned int i = 0; i < g->n_nodes; ) {
		const struct sl_node *first = g->sorted[i], *last = first;
		unsigned int from, to, room;

		while (++i < g->n_nodes && same_place(d->plan, first, g->sorted[i]))
			last = g->sorted[i];
		from = d->layer[d->spot[first->id].layer].x;
		to = d->layer[d->spot[last->id].layer].x + (unsigned int)sl_text_width(last->name);
		place_text(d->plan, first, text, sizeof(text));
		if (to - from < strlen(text) + 4)
			return false;
		if (!print)
			continue;
		room = to - from - 4 - (unsigned int)strlen(text);
		fprintf(f, "%*s└", (int)(from - x), "");
		for (unsigned int k = 0; k < room / 2; k++)
			fputs("─", f);
		fprintf(f, " %s ", text);
		for (unsigned int k = 0; k < room - room / 2; k++)
			fputs("─", f);
		fputs("┘", f);
		x = to;
	}
	if (print) {
		fputs("     ", f);
		costs(f, g);
	}
	return true;
}

/* Several rows: who is where, in words; of a list, how many are. */
static void legend(FILE *f, const struct drawing *d, bool listed)
{
	const struct sl_graph *g = d->g;
	unsigned int i, k, seen = 0;
	char text[96];

	fputc('\n', f);
	for (i = 0; i < g->n_nodes; i++) {
		const struct sl_node *n = g->nodes[i];
		unsigned int in_it = 0;

		for (k = 0; k < i && !same_place(d->plan, n, g->nodes[k]); k++)
			;
		if (k < i)
			continue;
		place_text(d->plan, n, text, sizeof(text));
		fprintf(f, "%*s%s: ", INDENT, "", text);
		for (k = i; k < g->n_nodes; k++)
			in_it += same_place(d->plan, n, g->nodes[k]);
		if (!seen && in_it == g->n_nodes) {
			fprintf(f, "all %u filters     ", in_it);
			costs(f, g);
			return;
		}
		seen += in_it;
		if (listed) {
			fprintf(f, "%u %s\n", in_it, in_it == 1 ? "filter" : "filters");
			continue;
		}
		for (k = i, in_it = 0; k < g->n_nodes; k++)
			if (same_place(d->plan, n, g->nodes[k]))
				fprintf(f, "%s%s", in_it++ ? ", " : "", g->nodes[k]->name);
		fputc('\n', f);
	}
	fprintf(f, "%*s", INDENT, "");
	costs(f, g);
}

/* One arrow a line, as SRL writes it; a filter that has none stands alone. */
static void list_arrows(FILE *f, const struct sl_graph *g)
{
	for (unsigned int i = 0; i < g->n_nodes; i++) {
		const struct sl_node *n = g->nodes[i];

		if (!n->n_in && !n->n_out)
			fprintf(f, "%*s%s\n", INDENT, "", n->name);
		for (unsigned int k = 0; k < n->n_out; k++) {
			const struct sl_stream *s = n->out[k];

			fprintf(f, "%*s%s ", INDENT, "", n->name);
			fprintf(f, *tag_of(s) ? "-%s->" : "%s>", tag_of(s));
			fprintf(f, " %s\n", s->to->name);
		}
	}
}

/* False: too large for a drawing. */
static bool lay_out(struct drawing *d)
{
	const struct sl_graph *g = d->g;

	find_layers(d);
	for (unsigned int i = 0; i < g->n_nodes; i++)
		if (!g->nodes[i]->n_in)
			visit(d, g->nodes[i], d->n_rows++);
	if (d->n_rows > ROWS_MAX)
		return false;
	find_lanes(d);
	find_columns(d);
	return d->n_cols <= COLS_MAX;
}

static bool draw_ascii(FILE *f, const struct sl_plan *p)
{
	const struct sl_graph *g = p->graph;
	struct drawing d = { .plan = p, .g = g };
	bool ok = false;

	if (!g->n_nodes)
		return true;
	d.spot = calloc(g->n_nodes, sizeof(*d.spot));
	d.row = calloc(g->n_streams + 1, sizeof(*d.row));
	d.layer = calloc(g->n_nodes, sizeof(*d.layer));
	if (!d.spot || !d.row || !d.layer)
		goto out;
	if (!lay_out(&d)) {
		list_arrows(f, g);
		legend(f, &d, true);
		ok = true;
		goto out;
	}
	d.cell = calloc((size_t)d.n_rows * d.n_cols, sizeof(*d.cell));
	if (!d.cell)
		goto out;
	for (unsigned int i = 0; i < g->n_streams; i++)
		draw_stream(&d, g->streams[i]);
	for (unsigned int i = 0; i < g->n_nodes; i++)
		put_text(&d, d.spot[i].row, d.layer[d.spot[i].layer].x, g->nodes[i]->name);
	print_cells(f, &d);
	if (d.n_rows == 1 && brackets(f, &d, false))
		brackets(f, &d, true);
	else
		legend(f, &d, false);
	ok = true;
out:
	free(d.spot);
	free(d.row);
	free(d.layer);
	free(d.cell);
	return ok;
}

/* ------------------------------------------------------------------ *
 * Graphviz and Mermaid
 * ------------------------------------------------------------------ */

struct dialect {
	const char *quote, *backslash, *line;
};

static const struct dialect dot = { "\\\"", "\\\\", "\\n" };
static const struct dialect mermaid = { "#quot;", "\\", "<br>" };

static void quoted(FILE *f, const char *s, const struct dialect *t)
{
	for (; *s; s++) {
		if (*s == '"')
			fputs(t->quote, f);
		else if (*s == '\\')
			fputs(t->backslash, f);
		else if ((unsigned char)*s >= ' ')
			fputc(*s, f);
	}
}

/* The name, the type where it is another word, and what the request set. */
static void label(FILE *f, const struct sl_node *n, const struct dialect *t)
{
	fputc('"', f);
	quoted(f, n->name, t);
	if (n->named && strcmp(n->name, n->type->name)) {
		fputs(": ", f);
		quoted(f, n->type->name, t);
	}
	for (unsigned int i = 0; i < n->n_bound; i++) {
		const struct sl_bound *b = &n->bound[i];

		if (b->origin == SL_BY_DEFAULT || !b->text)
			continue;
		fputs(t->line, f);
		quoted(f, b->param->name, t);
		fputc('=', f);
		quoted(f, b->text, t);
	}
	fputc('"', f);
}

/* Calls for each place: open, each of its filters, close. */
static void by_place(FILE *f, const struct sl_plan *p, bool is_dot)
{
	const struct sl_graph *g = p->graph;
	const struct dialect *t = is_dot ? &dot : &mermaid;
	unsigned int i, k, n = 0;
	char text[96];

	for (i = 0; i < g->n_nodes; i++) {
		for (k = 0; k < i && !same_place(p, g->nodes[i], g->nodes[k]); k++)
			;
		if (k < i)
			continue;
		place_text(p, g->nodes[i], text, sizeof(text));
		if (is_dot)
			fprintf(f, "\tsubgraph cluster_%u {\n\t\tlabel=\"%s\";\n", n++, text);
		else
			fprintf(f, "  subgraph s%u[\"%s\"]\n", n++, text);
		for (k = i; k < g->n_nodes; k++) {
			if (!same_place(p, g->nodes[i], g->nodes[k]))
				continue;
			fprintf(f, is_dot ? "\t\tn%u [label=" : "    n%u[", k);
			label(f, g->nodes[k], t);
			fputs(is_dot ? "];\n" : "]\n", f);
		}
		fputs(is_dot ? "\t}\n" : "  end\n", f);
	}
}

static void draw_dot(FILE *f, const struct sl_plan *p)
{
	const struct sl_graph *g = p->graph;

	fputs("digraph streamline {\n\trankdir=LR;\n\tnode [shape=box];\n", f);
	by_place(f, p, true);
	for (unsigned int i = 0; i < g->n_streams; i++) {
		const struct sl_stream *s = g->streams[i];

		fprintf(f, "\tn%u -> n%u", s->from->id, s->to->id);
		if (*tag_of(s)) {
			fputs(" [label=\"", f);
			quoted(f, tag_of(s), &dot);
			fputs("\"]", f);
		}
		fputs(";\n", f);
	}
	fputs("}\n", f);
}

static void draw_mermaid(FILE *f, const struct sl_plan *p)
{
	const struct sl_graph *g = p->graph;

	fputs("flowchart LR\n", f);
	by_place(f, p, false);
	for (unsigned int i = 0; i < g->n_streams; i++) {
		const struct sl_stream *s = g->streams[i];

		fprintf(f, "  n%u -->", s->from->id);
		if (*tag_of(s)) {
			fputs("|\"", f);
			quoted(f, tag_of(s), &mermaid);
			fputs("\"|", f);
		}
		fprintf(f, " n%u\n", s->to->id);
	}
}

char *sl_plan_draw(const struct sl_plan *p, enum sl_drawing kind)
{
	char *text = NULL;
	bool ok = true;
	size_t len;
	FILE *f;

	f = open_memstream(&text, &len);
	if (!f)
		return NULL;
	switch (kind) {
	case SL_DRAW_ASCII:
		ok = draw_ascii(f, p);
		break;
	case SL_DRAW_DOT:
		draw_dot(f, p);
		break;
	case SL_DRAW_MERMAID:
		draw_mermaid(f, p);
		break;
	}
	if (fclose(f) || !ok) {
		free(text);
		return NULL;
	}
	return text;
}
