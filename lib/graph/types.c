/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/types.c -- order, types of streams, shape
 *
 * Nodes are sorted so that each comes behind those that feed it, the text
 * deciding among equals. In that order types and classes flow from the sources on:
 * what a filter gives is known before anybody asks.
 */
#include "graph/build.h"

const char *sl_type_words(unsigned int types)
{
	switch (types) {
	case SL_PACKET:
		return "packets";
	case SL_BYTES:
		return "byte streams";
	case SL_RECORD:
		return "records";
	case SL_PACKET | SL_BYTES:
		return "packets or byte streams";
	case SL_PACKET | SL_RECORD:
		return "packets or records";
	case SL_BYTES | SL_RECORD:
		return "byte streams or records";
	default:
		return "anything";
	}
}

/* ---- order --------------------------------------------------------- */

/* Among the nodes that could not be sorted every one has one of them before it. */
static void report_circle(struct sl_build *b, const unsigned int *left)
{
	struct sl_graph *g = b->g;
	unsigned int *seen = sl_build_alloc(b, g->n_nodes * sizeof(*seen));
	struct sl_stream **back = sl_build_alloc(b, g->n_nodes * sizeof(*back));
	struct sl_stream *last = NULL;
	struct sl_node *n = NULL, *m;
	struct sl_diag_new *d;
	unsigned int i, steps;
	char *way;

	for (i = 0; i < g->n_nodes && !n; i++)
		if (left[i])
			n = g->nodes[i];
	while (n && !seen[n->id]) {
		seen[n->id] = 1;
		for (i = 0; i < n->n_in && !left[n->in[i]->from->id]; i++)
			;
		if (i == n->n_in)
			return;
		back[n->id] = n->in[i];
		n = n->in[i]->from;
	}
	if (!n)
		return;
	way = sl_build_printf(b, "%s", n->name);
	m = n;
	steps = 0;
	do {
		if (!last || back[m->id]->id > last->id)
			last = back[m->id];
		m = back[m->id]->from;
		if (++steps < 12)
			way = sl_build_printf(b, "%s > %s", m->name, way);
		else if (steps == 12)
			way = sl_build_printf(b, "... > %s", way);
	} while (m != n);
	d = sl_err(b->ds, "E151", last->span, "the pipeline runs in a circle");
	sl_err_label(d, "this arrow closes it");
	sl_err_note(d, "the way round: %s", way);
	sl_err_note(d, "a block would never leave it; circles are not there yet");
	sl_build_in(sl_bstream_of(last)->scope, d);
}

void sl_order_nodes(struct sl_build *b)
{
	struct sl_graph *g = b->g;
	unsigned int *left = sl_build_alloc(b, (g->n_nodes + 1) * sizeof(*left));
	unsigned int *waits = sl_build_alloc(b, (g->n_nodes + 1) * sizeof(*waits));
	unsigned int n = 0, i, k, from = 0;

	g->sorted = sl_build_alloc(b, g->n_nodes * sizeof(*g->sorted));
	for (i = 0; i < g->n_nodes; i++) {
		left[i] = 1;
		waits[i] = g->nodes[i]->n_in;
	}
	while (n < g->n_nodes) {
		struct sl_node *next;

		for (i = from; i < g->n_nodes && (!left[i] || waits[i]); i++)
			;
		if (i == g->n_nodes)
			break;
		next = g->nodes[i];
		left[i] = 0;
		next->order = n;
		g->sorted[n++] = next;
		from = i;
		for (k = 0; k < next->n_out; k++) {
			unsigned int id = next->out[k]->to->id;

			if (!--waits[id] && id < from)
				from = id;
		}
	}
	if (n == g->n_nodes)
		return;
	report_circle(b, left);
	for (i = 0; i < g->n_nodes; i++) {
		if (!left[i])
			continue;
		sl_bnode_of(g->nodes[i])->tainted = true;
		for (k = 0; k < g->nodes[i]->n_out; k++)
			sl_bstream_of(g->nodes[i]->out[k])->type_unknown = true;
		g->nodes[i]->order = n;
		g->sorted[n++] = g->nodes[i];
	}
}

/* ---- the shortest way between two types ---------------------------- */

static bool needs_nothing(const struct sl_filter_type *t)
{
	const struct sl_param *p;

	for (p = t->params; p && p->name; p++)
		if (p->required && !p->supply)
			return false;
	return true;
}

/*
 * Filters that turn `from` into one of the types in `want`, as " (untcp) >".
 * There are three types, so a breadth-first search over them is three rounds.
 */
static char *way_between(struct sl_build *b, unsigned int from, unsigned int want)
{
	const struct sl_filter_type *const *all = sl_types(), *const *t;
	char *way[SL_RECORD + 1] = { NULL };
	unsigned int round, type;

	way[from] = "";
	for (round = 0; round < 3; round++) {
		char *next[SL_RECORD + 1] = { NULL };

		for (type = 1; type <= SL_RECORD; type <<= 1) {
			for (t = all; way[type] && *t; t++) {
				unsigned int out = (*t)->out;

				if (((*t)->flags & SL_F_HIDDEN) || !((*t)->in & type) || !(*t)->work ||
				    (*t)->pull || out == SL_SAME || !out || out > SL_RECORD || way[out] ||
				    next[out] || !needs_nothing(*t))
					continue;
				next[out] = sl_build_printf(b, "%s (%s) >", way[type], (*t)->name);
			}
		}
		for (type = 1; type <= SL_RECORD; type <<= 1) {
			if (!next[type])
				continue;
			way[type] = next[type];
			if (want & type)
				return way[type];
		}
	}
	return NULL;
}

/* The line of the request with the way put in behind the arrow. */
static void tell_way(struct sl_build *b, struct sl_diag_new *d, const struct sl_stream *s,
		     unsigned int from, unsigned int want)
{
	char *way = way_between(b, from, want);
	const char *text, *start, *end, *cut;
	struct sl_span at = s->span;

	if (!way) {
		sl_err_note(d, "no filter turns %s into %s", sl_type_words(from), sl_type_words(want));
		return;
	}
	if (!at.src) {		/* from a source that was supplied: before the first filter */
		at = s->to->span;
		if (!at.src)
			return;
		text = at.src->text;
		for (start = text + at.off; start > text && start[-1] != '\n' && *start != '('; start--)
			;
		cut = start;
	} else {
		text = at.src->text;
		cut = text + at.off + at.len;
		sl_err_fix(d, "%.*s%s", (int)at.len, text + at.off, way);
	}
	for (start = cut; start > text && start[-1] != '\n'; start--)
		;
	while (start < cut && (*start == ' ' || *start == '\t'))
		start++;
	end = strchrnul(cut, '\n');
	if (s->span.src)
		sl_err_note(d, "shortest way between them:  %.*s%s%s%.*s", (int)(cut - start), start, way,
			    *cut == ' ' ? "" : " ", (int)(end - cut), cut);
	else
		sl_err_note(d, "shortest way between them:  %.*s%s %.*s", (int)(cut - start), start, way + 1,
			    (int)(end - cut), cut);
}

/* ---- types and classes, from the sources on ------------------------ */

static void misfit(struct sl_build *b, struct sl_bnode *n, const struct sl_bstream *s)
{
	const struct sl_node *from = s->s.from;
	const char *tags = s->s.tags.n_terms && s->s.tags.terms[0].port ? s->s.tags.text : NULL;
	struct sl_diag_new *d;

	if (!s->s.span.src) {
		d = sl_err(b->ds, "E131", n->n.span, "these two do not fit");
		sl_err_label(d, "'%s' takes %s, and the source gives %s", n->n.type->name,
			     sl_type_words(n->n.type->in), sl_type_words(s->s.type));
	} else {
		d = sl_err(b->ds, "E131", s->s.span, "these two do not fit");
		sl_err_label(d, "'%s' gives %s%s%s%s, '%s' takes %s", from->type->name,
			     sl_type_words(s->s.type), tags ? " on -" : "", tags ? tags : "", tags ? "->" : "",
			     n->n.type->name, sl_type_words(n->n.type->in));
	}
	tell_way(b, d, &s->s, s->s.type, n->n.type->in);
	sl_build_in(s->scope, d);
}

static void meeting(struct sl_build *b, struct sl_bnode *n, const struct sl_bstream *s,
		    const struct sl_bstream *first)
{
	struct sl_diag_new *d;

	d = sl_err(b->ds, "E131", s->s.span.src ? s->s.span : n->n.span, "%s and %s meet at '%s'",
		   sl_type_words(first->s.type), sl_type_words(s->s.type), n->n.name);
	sl_err_label(d, "this arrow brings %s", sl_type_words(s->s.type));
	if (first->s.span.src)
		sl_err_also(d, first->s.span, "this one brings %s", sl_type_words(first->s.type));
	sl_err_note(d, "give each of them a '%s' of its own", n->n.type->name);
	sl_build_in(s->scope, d);
}

/* Two streams that meet: do their blocks carry the same kind of class? */
static const struct sl_node *common_classer(const struct sl_node *a, const struct sl_node *b)
{
	enum sl_class_type kind = sl_node_class(a);

	if (a == b)
		return a;
	if (kind != sl_node_class(b) || kind == SL_CLASS_GROUP || kind == SL_CLASS_NUMBER)
		return NULL;
	return a;
}

static void inputs_of(struct sl_build *b, struct sl_bnode *n)
{
	const struct sl_bstream *first = NULL;
	unsigned int i;

	n->type_unknown = n->class_unknown = n->tainted;
	for (i = 0; i < n->n.n_in; i++) {
		const struct sl_bstream *s = sl_bstream_of(n->n.in[i]);

		n->class_unknown |= s->class_unknown;
		n->n.classer = i ? common_classer(n->n.classer, s->classer) : s->classer;
		if (s->type_unknown || s->broken) {
			n->type_unknown = true;
			continue;
		}
		if (!(s->s.type & n->n.type->in)) {
			misfit(b, n, s);
			n->type_unknown = true;
		} else if (first && first->s.type != s->s.type) {
			meeting(b, n, s, first);
			n->type_unknown = true;
		} else if (!first) {
			first = s;
			n->n.in_type = s->s.type;
		}
	}
	/* a head without a source, or what an error hides: the likeliest */
	if (!n->n.in_type && n->n.type->in)
		n->n.in_type = n->n.type->in & SL_PACKET ? SL_PACKET :
			       n->n.type->in & SL_BYTES ? SL_BYTES : SL_RECORD;
}

void sl_tags_and_types(struct sl_build *b)
{
	struct sl_graph *g = b->g;
	unsigned int i, k;

	for (i = 0; i < g->n_nodes; i++) {
		struct sl_bnode *n = sl_bnode_of(g->sorted[i]);
		const struct sl_filter_type *t = n->n.type;

		inputs_of(b, n);
		n->n.out_type = t->out == SL_SAME ? n->n.in_type : t->out;
		if (t->out != SL_SAME)
			n->type_unknown = false;
		if (t->class != SL_CLASS_NONE) {
			n->n.classer = &n->n;
			n->class_unknown = false;
		}
		for (k = 0; k < n->n.n_out; k++)
			sl_tags_of(b, sl_bstream_of(n->n.out[k]));
	}
}

/* ---- shape --------------------------------------------------------- */

void sl_shape(struct sl_build *b)
{
	struct sl_graph *g = b->g;
	unsigned int i;

	for (i = 0; i < g->n_nodes && g->n_nodes > 1; i++) {
		struct sl_node *n = g->nodes[i];
		struct sl_diag_new *d;

		if (n->n_in || n->n_out || (!n->named && n->type->in))
			continue;
		d = sl_err(b->ds, "E157", n->span, "'%s' is not connected", n->name);
		sl_err_label(d, "no arrow leads here, none leaves");
		if (n->named)
			sl_err_note(d, "lead one to it: ... > %s", n->name);
		sl_build_in(sl_bnode_of(n)->scope, d);
	}
}
