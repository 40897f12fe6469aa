/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/wire.c -- noted arrows to streams
 *
 * An arrow between groups becomes a stream from each open end on its left to each
 * head on its right. Ends that are sinks have none, and are left out when there
 * are others.
 *
 * A junction J stands for `in` or `out` of a macro. It can go when the arrows on
 * one side of it select nothing: A > J -80-> b is A -80-> b, A -80-> J > b too.
 * The exception is `else`, which speaks of its siblings: moved to A it gets new
 * ones. Where both sides select, or else forbids it, J stays, and is the filter pass.
 */
#include "graph/build.h"

/* ---- ends ---------------------------------------------------------- */

/* A reference to what it names; a reference that names nothing is noted and BAD. */
static void look_up(struct sl_build *b, struct sl_end *e)
{
	unsigned int i;

	if (e->kind != SL_END_REF)
		return;
	for (i = 0; i < e->scope->n_decls; i++) {
		struct sl_decl *d = &e->scope->decls[i];

		if (strcmp(d->name, e->ref->ref))
			continue;
		d->uses++;
		e->node = d->node;
		e->macro = d->macro;
		e->kind = d->node ? SL_END_NODE : d->macro ? SL_END_MACRO : SL_END_BAD;
		return;
	}
	sl_miss(b, SL_MISS_NODE, e->ref->ref, e->ref->ref_span, e->scope, e->ref);
	e->kind = SL_END_BAD;
}

struct sl_bstream *sl_build_stream(struct sl_build *b, struct sl_bnode *from, struct sl_bnode *to)
{
	struct sl_bstream *s = sl_build_alloc(b, sizeof(*s)), **slot;

	s->s.from = &from->n;
	s->s.to = &to->n;
	s->s.name = "";
	s->scope = &b->top;
	s->plain = true;
	slot = sl_build_push(b, (void **)&b->streams, &b->n_streams, sizeof(*slot));
	*slot = s;
	return s;
}

static void not_an_input(struct sl_build *b, const struct sl_end *e, const char *who,
			 const char *const *names, unsigned int n)
{
	const struct sl_tstage *st = e->ref;
	struct sl_diag_new *d;
	struct sl_near near;
	unsigned int i;

	d = sl_err(b->ds, "E109", st->input_span, n ? "'%s' has no input '%s'" :
		   "'%s' has no named inputs", who, st->input);
	sl_near_init(&near, st->input);
	for (i = 0; i < n; i++)
		sl_near_add(&near, names[i], 0);
	sl_near_tell(&near, d, "", "");
	if (!n)
		sl_err_note(d, "write the name alone: %s", st->ref);
	for (i = 0; i < n; i++)
		sl_err_note(d, "input: %s", names[i]);
	sl_build_in(e->scope, d);
}

/* The node that an arrow into `e` reaches, and which input of it; NULL after an error. */
static struct sl_bnode *into(struct sl_build *b, const struct sl_arrow *a, const struct sl_end *e,
			     unsigned int *input)
{
	const char *in = e->ref ? e->ref->input : NULL;
	struct sl_diag_new *d;
	const char **names = NULL;
	unsigned int i, n = 0;

	*input = 0;
	if (e->kind == SL_END_MACRO) {
		struct sl_scope *m = e->macro;
		struct sl_junction *j = sl_junction_of(m, false, in);

		if (j) {
			j->uses++;
			return j->node;
		}
		for (i = 0; i < m->n_junctions; i++)
			if (!m->junctions[i].out && m->junctions[i].name) {
				const char **slot = sl_build_push(b, (void **)&names, &n, sizeof(*slot));

				*slot = m->junctions[i].name;
			}
		if (in) {
			not_an_input(b, e, e->ref->ref, names, n);
			return NULL;
		}
		d = sl_err(b->ds, "E154", a->link->span, "nothing can flow into '%s'", m->def->st->name);
		sl_err_label(d, n ? "say which input it goes to" : "this arrow leads nowhere");
		sl_err_also(d, m->def->st->name_span, "its def uses no 'in'");
		sl_build_in(a->scope, d);
		return NULL;
	}
	if (e->node->junction && e->node->scope == a->scope) {
		if (e->node->junction_out)
			return e->node;
		d = sl_err(b->ds, "E155", e->at, "nothing flows into 'in': it is where the macro's input comes from");
		sl_build_in(a->scope, d);
		return NULL;
	}
	if (!e->node->n.type->in) {
		d = sl_err(b->ds, "E154", a->link->span, "nothing can flow into '%s'", e->node->brief_name);
		sl_err_label(d, "'%s' is a source", e->node->n.type->name);
		sl_err_note(d, "a source stands at the beginning: start a pipeline of its own with it");
		sl_build_in(a->scope, d);
		return NULL;
	}
	if (!e->node->n.type->inputs) {
		if (!in)
			return e->node;
		not_an_input(b, e, e->node->brief_name, NULL, 0);
		return NULL;
	}
	for (n = 0; e->node->n.type->inputs[n]; n++)
		if (in && !strcmp(e->node->n.type->inputs[n], in)) {
			*input = n;
			return e->node;
		}
	if (in) {
		not_an_input(b, e, e->node->brief_name, e->node->n.type->inputs, n);
		return NULL;
	}
	if (n > 1) {
		d = sl_err(b->ds, "E109", e->at, "'%s' has several inputs: say which one", e->node->brief_name);
		for (i = 0; i < n; i++)
			sl_err_note(d, "input: %s", e->node->n.type->inputs[i]);
		sl_build_in(a->scope, d);
		return NULL;
	}
	return e->node;
}

/* ---- tags ---------------------------------------------------------- */

static bool number_of(const char *s, const char *end, uint64_t *out)
{
	char buf[32], *stop;

	if (s == end || (size_t)(end - s) >= sizeof(buf) || *s < '0' || *s > '9')
		return false;
	memcpy(buf, s, (size_t)(end - s));
	buf[end - s] = '\0';
	*out = strtoull(buf, &stop, 0);
	return !*stop;
}

/* A tag that came as a value: 80, 8000..8080, http, !22, *, else */
static void tag_of_value(struct sl_build *b, struct sl_bstream *s, const struct sl_ttag *t,
			 const struct sl_rvalue *v)
{
	const char *p = v->text, *dots;
	struct sl_rtag *r;
	unsigned int i;

	if (v->kind == SL_R_LIST) {
		for (i = 0; i < v->n_items; i++)
			tag_of_value(b, s, t, &v->items[i]);
		return;
	}
	r = sl_build_push(b, (void **)&s->tags, &s->n_tags, sizeof(*r));
	r->at = v->at;
	r->shown = t->span;
	r->negate = t->negate;
	r->name = sl_build_strn(b, v->text, v->len);
	r->kind = SL_T_NAME;
	if (v->kind == SL_R_UNKNOWN) {
		r->unknown = true;
		return;
	}
	r->quoted = v->quoted;
	if (!v->quoted && *p == '!') {
		r->negate = !r->negate;
		r->name = ++p;
	}
	if (v->quoted)
		return;
	dots = strstr(r->name, "..");
	if (!strcmp(r->name, "*")) {
		r->kind = SL_T_ANY;
	} else if (!strcmp(r->name, "else")) {
		r->kind = SL_T_ELSE;
	} else if (number_of(r->name, strchr(r->name, '\0'), &r->lo)) {
		r->kind = SL_T_NUMBER;
		r->hi = r->lo;
	} else if (dots && number_of(r->name, dots, &r->lo) &&
		   number_of(dots + 2, strchr(dots, '\0'), &r->hi)) {
		r->kind = SL_T_NUMBER;
	}
}

static void tags_of_link(struct sl_build *b, struct sl_scope *scope, const struct sl_tlink *l,
			 struct sl_bstream *s)
{
	unsigned int i;

	s->plain = l->kind == SL_LINK_PLAIN;
	for (i = 0; i < l->n_tags; i++) {
		const struct sl_ttag *t = &l->tags[i];
		struct sl_rtag *r;

		if (t->kind == SL_T_VAR) {
			struct sl_tvalue var = { .kind = SL_V_VAR, .span = t->span, .text = t->name };
			struct sl_rvalue v;

			if (t->negate && var.span.len) {	/* the ! stands before */
				var.span.off++;
				var.span.len--;
			}
			v = sl_resolve(b, scope, &var);
			tag_of_value(b, s, t, &v);
			continue;
		}
		r = sl_build_push(b, (void **)&s->tags, &s->n_tags, sizeof(*r));
		r->kind = t->kind;
		r->negate = t->negate;
		r->quoted = t->quoted;
		r->lo = t->lo;
		r->hi = t->hi;
		r->name = t->name;
		r->at = r->shown = t->span;
		if (t->negate && r->at.len > 1) {
			r->at.off++;
			r->at.len--;
		}
	}
}

/* ---- arrows -------------------------------------------------------- */

/* One arrow between two nodes, with these tags (of `like`). */
static struct sl_bstream *join(struct sl_build *b, const struct sl_arrow *a, struct sl_bnode *from,
			       struct sl_bnode *to, unsigned int input, const struct sl_bstream *like)
{
	struct sl_bstream *s = sl_build_stream(b, from, to);
	struct sl_stream made = like->s;

	made.from = &from->n;
	made.to = &to->n;
	made.input = input;
	made.span = a->link->span;
	*s = *like;
	s->s = made;
	s->scope = a->scope;
	return s;
}

/* Arrows out of a macro: tags that are names of its outs lead from there. */
static void out_of_macro(struct sl_build *b, const struct sl_arrow *a, struct sl_scope *m,
			 struct sl_bnode *to, unsigned int input, const struct sl_bstream *like)
{
	struct sl_junction *out = sl_junction_of(m, true, NULL), *j;
	struct sl_bstream rest = *like, one, *s;
	struct sl_diag_new *d;
	unsigned int i, k;
	bool missed = false;

	rest.tags = NULL;
	rest.n_tags = 0;
	for (i = 0; i < like->n_tags; i++) {
		const struct sl_rtag *t = &like->tags[i];
		struct sl_rtag *slot;

		if (t->unknown)
			return;
		if (t->kind == SL_T_ANY) {
			for (k = 0; k < m->n_junctions; k++)
				if (m->junctions[k].out && m->junctions[k].name) {
					one = *like;
					one.plain = true;
					one.n_tags = 0;
					m->junctions[k].uses++;
					join(b, a, m->junctions[k].node, to, input, &one);
				}
		}
		j = t->kind == SL_T_NAME && !t->negate ? sl_junction_of(m, true, t->name) : NULL;
		if (j) {
			one = *like;
			one.plain = true;
			one.n_tags = 0;
			j->uses++;
			join(b, a, j->node, to, input, &one);
			continue;
		}
		if (t->kind == SL_T_NAME && !out) {
			struct sl_miss *miss = sl_miss(b, SL_MISS_OUT, t->name, t->at, a->scope, NULL);

			miss->macro = m;
			miss->def = m->def;
			missed = true;
			continue;
		}
		slot = sl_build_push(b, (void **)&rest.tags, &rest.n_tags, sizeof(*slot));
		*slot = *t;
	}
	if ((like->n_tags && !rest.n_tags) || missed)
		return;
	if (!out) {
		if (like->n_tags == 1 && like->tags[0].kind == SL_T_ANY && m->n_junctions)
			return;
		d = sl_err(b->ds, "E153", a->link->span, "nothing comes out of '%s' here", m->def->st->name);
		sl_err_also(d, m->def->st->name_span, "its def uses no 'out'");
		for (k = 0; k < m->n_junctions; k++)
			if (m->junctions[k].out)
				sl_err_note(d, "it offers: -%s->", m->junctions[k].name);
		sl_build_in(a->scope, d);
		return;
	}
	out->uses++;
	s = join(b, a, out->node, to, input, &rest);
	s->from_macro = m;
}

static bool is_sink(const struct sl_end *e)
{
	return e->kind == SL_END_NODE && !e->node->junction && sl_gives_nothing(e->node->n.type);
}

static bool may_leave(struct sl_build *b, const struct sl_arrow *a, const struct sl_end *e)
{
	struct sl_diag_new *d;

	if (e->kind == SL_END_NODE && e->node->junction_out && e->node->scope == a->scope) {
		d = sl_err(b->ds, "E155", e->at, "nothing flows out of 'out': it is where the macro's output goes");
		sl_build_in(a->scope, d);
		return false;
	}
	if (e->ref && e->ref->input && e->kind != SL_END_BAD && strcmp(e->ref->ref, "in")) {
		d = sl_err(b->ds, "E109", e->ref->input_span, "'%s.%s' is an input: nothing leaves it",
			   e->ref->ref, e->ref->input);
		sl_err_note(d, "an arrow leaves the filter: %s -TAG-> ...", e->ref->ref);
		sl_build_in(a->scope, d);
		return false;
	}
	return true;
}

static void nothing_leaves(struct sl_build *b, const struct sl_arrow *a)
{
	const struct sl_end *e = &a->from.e[0];
	struct sl_diag_new *d;

	if (a->from.n > 1) {
		d = sl_err(b->ds, "E153", a->link->span, "nothing is left to flow here");
		sl_err_label(d, "every branch before it ended in a sink");
	} else {
		d = sl_err(b->ds, "E153", a->link->span, "nothing comes out of '%s'", e->node->brief_name);
		sl_err_label(d, "'%s' is a sink", e->node->n.type->name);
		sl_err_note(d, "let the filter before it feed both: ... { > (%s); > ... }",
			    e->node->n.type->name);
	}
	sl_build_in(a->scope, d);
}

/* What this arrow brings is not known: nothing is said about it further on. */
static void taint(struct sl_arrow *a)
{
	unsigned int k, i;

	for (k = 0; k < a->to.n; k++) {
		struct sl_end *e = &a->to.e[k];

		if (e->kind == SL_END_NODE)
			e->node->tainted = true;
		for (i = 0; e->kind == SL_END_MACRO && i < e->macro->n_junctions; i++)
			if (!e->macro->junctions[i].out)
				e->macro->junctions[i].node->tainted = true;
	}
}

static void wire(struct sl_build *b, struct sl_arrow *a)
{
	struct sl_bstream like = { .plain = true };
	unsigned int i, k, sinks = 0, input;
	bool bad = false;

	for (i = 0; i < a->from.n; i++) {
		look_up(b, &a->from.e[i]);
		sinks += is_sink(&a->from.e[i]);
		bad |= a->from.e[i].kind == SL_END_BAD;
	}
	if (!a->link)
		return;
	for (k = 0; k < a->to.n; k++)
		look_up(b, &a->to.e[k]);
	if (a->link->kind == SL_LINK_DUPLEX) {
		struct sl_diag_new *d = sl_err(b->ds, "E143", a->link->span, "'<>' is not there yet");

		sl_err_label(d, "streams in both directions come later");
		sl_err_note(d, "one direction works: write '>'");
		sl_build_in(a->scope, d);
		taint(a);
		return;
	}
	tags_of_link(b, a->scope, a->link, &like);
	sl_options_arrow(b, a->scope, a->link, &like);
	if (a->from.n && sinks == a->from.n && !bad) {
		nothing_leaves(b, a);
		taint(a);
		return;
	}
	for (i = 0; i < a->from.n; i++) {
		struct sl_end *f = &a->from.e[i];

		if (f->kind == SL_END_BAD || !may_leave(b, a, f)) {
			taint(a);
			continue;
		}
		if (is_sink(f))
			continue;
		for (k = 0; k < a->to.n && !b->too_big; k++) {
			struct sl_bnode *to;

			if (a->to.e[k].kind == SL_END_BAD)
				continue;
			to = into(b, a, &a->to.e[k], &input);
			if (!to)
				continue;
			if (b->n_streams >= SL_STREAMS_MAX) {
				sl_err(b->ds, "E156", a->link->span, "the request has more than %d arrows",
				       SL_STREAMS_MAX);
				b->too_big = true;
			} else if (f->kind == SL_END_MACRO) {
				unsigned int before = b->n_streams;

				out_of_macro(b, a, f->macro, to, input, &like);
				if (b->n_streams == before)
					to->tainted = true;
			} else {
				join(b, a, f->node, to, input, &like);
			}
		}
	}
}

void sl_wire(struct sl_build *b)
{
	unsigned int i;

	for (i = 0; i < b->n_arrows && !sl_build_enough(b); i++)
		wire(b, &b->arrows[i]);
}

/* ---- junctions ----------------------------------------------------- */

static bool is_else(const struct sl_bstream *s)
{
	unsigned int i;

	for (i = 0; i < s->n_tags; i++)
		if (s->tags[i].kind == SL_T_ELSE)
			return true;
	return false;
}

struct around {			/* a junction with its arrows */
	struct sl_bnode *j;
	bool outs_plain, ins_plain, outs_else;
	unsigned int n_in, n_out;
};

/* Does a source of J have other arrows, and an else among them? */
static void siblings(const struct sl_build *b, const struct sl_bnode *j, bool *any, bool *other)
{
	unsigned int i, k;

	*any = *other = false;
	for (i = 0; i < b->n_streams; i++) {
		const struct sl_bstream *in = b->streams[i];

		if (in->gone || in->s.to != &j->n)
			continue;
		for (k = 0; k < b->n_streams; k++) {
			const struct sl_bstream *s = b->streams[k];

			if (s->gone || s == in || s->s.from != in->s.from || s->s.to == &j->n)
				continue;
			*any = true;
			*other |= is_else(s);
		}
	}
}

static struct around look_around(const struct sl_build *b, struct sl_bnode *j)
{
	struct around a = { .j = j, .outs_plain = true, .ins_plain = true };
	unsigned int i;

	for (i = 0; i < b->n_streams; i++) {
		const struct sl_bstream *s = b->streams[i];

		if (s->gone)
			continue;
		if (s->s.to == &j->n) {
			a.n_in++;
			a.ins_plain &= s->plain;
		}
		if (s->s.from == &j->n) {
			a.n_out++;
			a.outs_plain &= s->plain;
			a.outs_else |= is_else(s);
		}
	}
	return a;
}

static bool may_dissolve(const struct sl_build *b, const struct around *a)
{
	bool any, other;

	siblings(b, a->j, &any, &other);
	if (!a->n_out)
		return !other;
	if (!a->n_in || a->outs_plain)
		return a->outs_plain;
	return a->ins_plain && (!any || (!other && !a->outs_else));
}

/* i and o become one arrow. */
static struct sl_bstream *merge(struct sl_build *b, const struct sl_bstream *i, const struct sl_bstream *o)
{
	const struct sl_bstream *tags = o->plain ? i : o;
	struct sl_bstream *s = sl_build_alloc(b, sizeof(*s));

	*s = *tags;
	s->s.from = i->s.from;
	s->s.to = o->s.to;
	s->s.input = o->s.input;
	s->s.buffer_bytes = o->s.buffer_bytes ? o->s.buffer_bytes : i->s.buffer_bytes;
	s->s.batch = o->s.batch ? o->s.batch : i->s.batch;
	s->s.drop = o->s.drop ? o->s.drop : i->s.drop;
	s->s.copy = o->s.copy ? o->s.copy : i->s.copy;
	s->s.opts = o->s.opts ? o->s.opts : i->s.opts;
	if (!s->named && (i->named || o->named)) {
		s->named = true;
		s->s.name = o->named ? o->s.name : i->s.name;
		s->name_at = o->named ? o->name_at : i->name_at;
	}
	return s;
}

/* Two arrays of streams, of which one is filled from the other in turn. */
struct turns {
	struct sl_bstream **now, **next;
	unsigned int size;
};

static void room_for(struct sl_build *b, struct turns *t, unsigned int n)
{
	if (t->size >= n)
		return;
	t->size = n + n / 2 + 64;
	t->now = sl_build_alloc(b, t->size * sizeof(*t->now));
	t->next = sl_build_alloc(b, t->size * sizeof(*t->next));
	memcpy(t->now, b->streams, b->n_streams * sizeof(*t->now));
	b->streams = t->now;
}

static void dissolve(struct sl_build *b, struct turns *t, const struct around *a)
{
	struct sl_bnode *j = a->j;
	struct sl_bstream **old;
	unsigned int n = b->n_streams, i, k, out = 0;

	room_for(b, t, n + a->n_in * a->n_out);
	old = t->now;
	for (i = 0; i < n && j->tainted; i++)
		if (old[i]->s.from == &j->n)
			sl_bnode_of(old[i]->s.to)->tainted = true;
	for (i = 0; i < n; i++) {
		struct sl_bstream *in = old[i];

		if (in->gone || in->s.from == &j->n)
			continue;
		if (in->s.to != &j->n) {
			t->next[out++] = in;
			continue;
		}
		for (k = 0; k < n; k++)
			if (!old[k]->gone && old[k]->s.from == &j->n)
				t->next[out++] = merge(b, in, old[k]);
	}
	t->now = t->next;
	t->next = old;
	b->streams = t->now;
	b->n_streams = out;
	j->gone = true;
}

void sl_wire_dissolve(struct sl_build *b)
{
	struct turns t = { 0 };
	unsigned int i;

	for (i = 0; i < b->n_nodes; i++) {
		struct around a;

		if (!b->nodes[i]->junction || b->nodes[i]->gone)
			continue;
		a = look_around(b, b->nodes[i]);
		if (may_dissolve(b, &a) && b->n_streams + a.n_in * a.n_out <= SL_STREAMS_MAX)
			dissolve(b, &t, &a);
	}
}

/* ---- edges --------------------------------------------------------- */

void sl_wire_edges(struct sl_build *b)
{
	struct sl_graph *g = b->g;
	unsigned int i;

	for (i = 0; i < g->n_streams; i++) {
		g->streams[i]->from->n_out++;
		g->streams[i]->to->n_in++;
	}
	for (i = 0; i < g->n_nodes; i++) {
		struct sl_node *n = g->nodes[i];

		n->out = sl_build_alloc(b, n->n_out * sizeof(*n->out));
		n->in = sl_build_alloc(b, n->n_in * sizeof(*n->in));
		n->n_out = n->n_in = 0;
	}
	for (i = 0; i < g->n_streams; i++) {
		struct sl_stream *s = g->streams[i];

		s->from->out[s->from->n_out++] = s;
		s->to->in[s->to->n_in++] = s;
	}
}
