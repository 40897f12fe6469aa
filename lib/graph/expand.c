/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/expand.c -- stages to nodes, macros expanded
 *
 * One walk over the pipelines in text order makes a node for each filter and
 * notes each arrow with its two ends; a reference stays one, because the name may
 * be declared further on. A macro is walked again for every use, in a scope of
 * its own; `in` and `out` become junctions, nodes that wire.c dissolves where it
 * can.
 *
 * The ends of a stage:
 *
 *	filter, ref	itself, for arrows in and out
 *	group		in: the first stages of its pipelines; out: the last ones
 *	with a fan	out: the last stages of the branches
 */
#include <unistd.h>

#include "graph/build.h"

static struct sl_ends walk(struct sl_build *b, struct sl_scope *s, const struct sl_tpipe *p,
			   const struct sl_place_of *place, struct sl_ends *tails);

struct sl_miss *sl_miss(struct sl_build *b, enum sl_miss_kind kind, const char *name, struct sl_span at,
			struct sl_scope *scope, const struct sl_tstage *st)
{
	struct sl_miss *m = &b->one_more;

	if (b->n_misses < SL_MISSES_MAX)
		m = sl_build_push(b, (void **)&b->misses, &b->n_misses, sizeof(*m));
	else
		b->too_big = true;

	m->kind = kind;
	m->name = name;
	m->at = at;
	m->scope = scope;
	m->st = st;
	return m;
}

struct sl_def *sl_def_find(const struct sl_build *b, const char *name)
{
	unsigned int i;

	for (i = 0; i < b->n_defs; i++)
		if (!strcmp(b->defs[i]->st->name, name))
			return b->defs[i];
	return NULL;
}

/* ---- values -------------------------------------------------------- */

static struct sl_var *var_find(struct sl_scope *s, const char *name)
{
	unsigned int i;

	for (i = 0; i < s->n_params; i++)
		if (!strcmp(s->params[i].name, name))
			return &s->params[i];
	for (i = 0; i < s->file->n_lets; i++)
		if (!strcmp(s->file->lets[i].name, name))
			return &s->file->lets[i];
	return NULL;
}

static struct sl_rvalue unknown(struct sl_span at)
{
	return (struct sl_rvalue){ .kind = SL_R_UNKNOWN, .text = "", .at = at };
}

static struct sl_rvalue resolve_var(struct sl_build *b, struct sl_scope *s, const char *name,
				    struct sl_span at, bool in_string)
{
	struct sl_var *v = var_find(s, name);
	struct sl_scope *in;
	struct sl_rvalue r;

	if (!v) {
		sl_miss(b, SL_MISS_VAR, name, at, s, NULL)->in_string = in_string;
		return unknown(at);
	}
	++*v->uses;
	if (!v->has_value)
		return unknown(at);
	if (v->busy) {
		struct sl_diag_new *d = sl_err(b->ds, "E108", at, "'%s' is made of itself", name);

		sl_err_also(d, v->at, "declared here");
		return unknown(at);
	}
	in = v->scope ? v->scope : v->file->scope;	/* a let knows the other lets of its file */
	if (b->resolve_depth >= SL_RESOLVE_MAX) {
		sl_err(b->ds, "E156", at, "more than %d variables within each other", SL_RESOLVE_MAX);
		return unknown(at);
	}
	v->busy = true;
	b->resolve_depth++;
	r = sl_resolve(b, in, &v->value);
	b->resolve_depth--;
	v->busy = false;
	return r;
}

/* Where ${name} stands in the text of a string. */
static struct sl_span span_in_string(struct sl_span at, const char *name, size_t len)
{
	const char *p, *end;

	if (!at.src)
		return at;
	p = at.src->text + at.off;
	end = p + at.len;
	for (; p + len + 2 < end; p++)
		if (p[0] == '$' && p[1] == '{' && !memcmp(p + 2, name, len) && p[len + 2] == '}')
			return (struct sl_span){ at.src, (uint32_t)(p + 2 - at.src->text), (uint32_t)len };
	return at;
}

static struct sl_rvalue resolve_string(struct sl_build *b, struct sl_scope *s, const struct sl_tvalue *v)
{
	struct sl_rvalue r = { .kind = SL_R_TEXT, .quoted = true, .at = v->span };
	const char *p = v->text, *end = v->text + v->text_len, *close;
	char *buf = NULL;
	size_t len = 0;
	FILE *f;

	if (!v->interp) {
		r.text = v->text;
		r.len = v->text_len;
		return r;
	}
	f = open_memstream(&buf, &len);
	if (!f)
		longjmp(b->no_memory, 1);
	while (p < end && ftell(f) <= SL_VALUE_MAX) {
		if (p[0] == '\\' && p + 1 < end && (p[1] == '$' || p[1] == '\\')) {
			putc(p[1], f);
			p += 2;
			continue;
		}
		close = p[0] == '$' && p + 1 < end && p[1] == '{' ?
			memchr(p, '}', (size_t)(end - p)) : NULL;
		if (close) {
			struct sl_rvalue part;
			char *name = sl_arena_strndup(b->arena, p + 2, (size_t)(close - p) - 2);

			if (!name) {
				fclose(f);
				free(buf);
				longjmp(b->no_memory, 1);
			}
			part = resolve_var(b, s, name, span_in_string(v->span, name, strlen(name)), true);
			if (part.kind == SL_R_TEXT)
				fwrite(part.text, 1, part.len, f);
			else
				r.kind = SL_R_UNKNOWN;
			if (part.kind == SL_R_LIST)
				sl_err(b->ds, "E122", v->span, "'%s' is a list and cannot be a part of a text",
				       name);
			p = close + 1;
			continue;
		}
		putc(*p++, f);
	}
	if (fclose(f)) {
		free(buf);
		longjmp(b->no_memory, 1);
	}
	r.text = sl_arena_strndup(b->arena, buf, len);
	r.len = len;
	free(buf);
	if (!r.text)
		longjmp(b->no_memory, 1);
	if (len > SL_VALUE_MAX) {
		sl_err(b->ds, "E156", v->span, "this text is longer than %d bytes", SL_VALUE_MAX);
		r.kind = SL_R_UNKNOWN;
	}
	return r;
}

struct sl_rvalue sl_resolve(struct sl_build *b, struct sl_scope *s, const struct sl_tvalue *v)
{
	struct sl_rvalue r = { .kind = SL_R_TEXT, .at = v->span };
	unsigned int i;

	if (++b->resolves > SL_RESOLVES_MAX) {
		if (b->resolves == SL_RESOLVES_MAX + 1)
			sl_err(b->ds, "E156", v->span, "the request has more than %u values", SL_RESOLVES_MAX);
		b->too_big = true;
		return unknown(v->span);
	}
	switch (v->kind) {
	case SL_V_VAR:
		return resolve_var(b, s, v->text, v->span, false);
	case SL_V_STRING:
		return resolve_string(b, s, v);
	case SL_V_RAW:
		r.quoted = true;
		/* fall through */
	case SL_V_WORD:
		r.text = v->text;
		r.len = v->text_len;
		return r;
	case SL_V_LIST:
		r.kind = SL_R_LIST;
		r.text = "";
		r.n_items = v->n_items;
		r.items = sl_build_alloc(b, v->n_items * sizeof(*r.items));
		for (i = 0; i < v->n_items; i++)
			r.items[i] = sl_resolve(b, s, &v->items[i]);
		return r;
	}
	return unknown(v->span);
}

/* ---- nodes --------------------------------------------------------- */

/* On a line of its own, as instances' state is: a filter may have parts that ask for it. */
static void *state_of(struct sl_build *b, const struct sl_filter_type *type)
{
	uintptr_t p = (uintptr_t)sl_build_alloc(b, type->state + 63);

	return (void *)((p + 63) & ~(uintptr_t)63);
}

struct sl_bnode *sl_build_node(struct sl_build *b, const struct sl_filter_type *type)
{
	struct sl_bnode *n = sl_build_alloc(b, sizeof(*n)), **slot;

	n->n.type = type;
	n->n.name = "";
	n->scope = &b->top;
	if (type)
		n->n.state = state_of(b, type);
	slot = sl_build_push(b, (void **)&b->nodes, &b->n_nodes, sizeof(*slot));
	*slot = n;
	return n;
}

/* False, and said once, when the request grew beyond all measure. */
static bool room(struct sl_build *b, struct sl_scope *s, struct sl_span at)
{
	if (sl_build_enough(b))
		return false;
	if (b->n_nodes < SL_NODES_MAX && b->n_arrows < SL_STREAMS_MAX)
		return true;
	sl_build_in(s, sl_err(b->ds, "E156", at, "the request has more than %d filters", SL_NODES_MAX));
	b->too_big = true;
	return false;
}

static struct sl_decl *declare(struct sl_build *b, struct sl_scope *s, const struct sl_tstage *st)
{
	struct sl_decl *d;
	unsigned int i;

	for (i = 0; i < s->n_decls; i++)
		if (!strcmp(s->decls[i].name, st->name)) {
			struct sl_diag_new *e;

			e = sl_err(b->ds, "E106", st->name_span, "'%s' is declared twice", st->name);
			sl_err_also(e, s->decls[i].at, "first here");
			sl_err_note(e, "to mean that one, write its name alone: %s", st->name);
			sl_build_in(s, e);
			return NULL;
		}
	d = sl_build_push(b, (void **)&s->decls, &s->n_decls, sizeof(*d));
	d->name = st->name;
	d->at = st->name_span;
	return d;
}

static struct sl_ends one_end(struct sl_build *b, struct sl_end e)
{
	struct sl_ends r = { 0 };

	r.e = sl_build_alloc(b, sizeof(*r.e));
	r.e[0] = e;
	r.n = 1;
	return r;
}

static void add_ends(struct sl_build *b, struct sl_ends *to, const struct sl_ends *from)
{
	unsigned int i;

	for (i = 0; i < from->n; i++) {
		struct sl_end *e = sl_build_push(b, (void **)&to->e, &to->n, sizeof(*e));

		*e = from->e[i];
	}
}

/*
 * In the pipe dialect an unknown first word may be a program: the whole stage,
 * as it was written, becomes the command of exec.
 */
static struct sl_bnode *program(struct sl_build *b, struct sl_scope *s, const struct sl_tstage *st,
				const char *word)
{
	const struct sl_filter_type *exec = sl_type_flagged(SL_F_PROCESS);
	struct sl_targ arg = { 0 };
	struct sl_span all = st->type_span;
	struct sl_bnode *n;

	if (!exec || !st->from_pipe || !st->type_span.src)
		return NULL;
	if (!sl_is_program(word, b->o->no_env))
		return NULL;
	if (st->n_args)
		all = sl_span_join(all, st->args[st->n_args - 1].span);
	arg.span = arg.value.span = all;
	arg.value.kind = SL_V_RAW;
	arg.value.text = sl_build_strn(b, all.src->text + all.off, all.len);
	arg.value.text_len = all.len;
	n = sl_build_node(b, exec);
	n->scope = s;
	n->st = st;
	n->n.span = st->type_span;
	sl_bind(b, n, &arg, 1);
	sl_build_using(b, "program %s (no filter is called '%s')", arg.value.text, word);
	return n;
}

/* ---- macros -------------------------------------------------------- */

struct sl_junction *sl_junction_of(struct sl_scope *macro, bool out, const char *name)
{
	unsigned int i;

	for (i = 0; i < macro->n_junctions; i++) {
		struct sl_junction *j = &macro->junctions[i];

		if (j->out == out && (name && j->name ? !strcmp(j->name, name) : name == j->name))
			return j;
	}
	return NULL;
}

static struct sl_bnode *junction(struct sl_build *b, struct sl_scope *s, const struct sl_tstage *st)
{
	bool out = st->ref[0] == 'o';
	struct sl_junction *j = sl_junction_of(s, out, st->input);

	if (!j) {
		j = sl_build_push(b, (void **)&s->junctions, &s->n_junctions, sizeof(*j));
		j->out = out;
		j->name = st->input;
		j->at = st->input ? st->input_span : st->ref_span;
		j->node = sl_build_node(b, sl_type_flagged(SL_F_JUNCTION));
		j->node->junction = true;
		j->node->junction_out = out;
		j->node->scope = s;
		j->node->st = st;
		j->node->n.span = st->span;
		j->node->brief_name = st->ref;
		j->node->n.name = sl_build_printf(b, "%s%s%s%s", s->prefix, st->ref,
						  st->input ? "." : "", st->input ? st->input : "");
	}
	return j->node;
}

/* The parameters of a def, with their defaults. */
static void macro_params(struct sl_build *b, struct sl_scope *m)
{
	const struct sl_tstmt *d = m->def->st;
	unsigned int i;

	m->n_params = d->n_params;
	m->params = sl_build_alloc(b, (d->n_params + 1) * sizeof(*m->params));
	for (i = 0; i < d->n_params; i++) {
		m->params[i].name = d->params[i].name;
		m->params[i].at = d->params[i].span;
		m->params[i].at.len = (uint32_t)strlen(d->params[i].name);
		m->params[i].scope = m;
		m->params[i].file = m->file;
		m->params[i].uses = &m->def->param_uses[i];
		m->params[i].value = d->params[i].def;
		m->params[i].has_value = d->params[i].has_default;
	}
}

/* Arguments of a use: by name or in order. */
static void macro_args(struct sl_build *b, struct sl_scope *caller, struct sl_scope *m,
		       const struct sl_tstage *st)
{
	const struct sl_tstmt *d = m->def->st;
	struct sl_span *given = sl_build_alloc(b, (d->n_params + 1) * sizeof(*given));
	bool bad = false;
	unsigned int i, k, pos = 0;
	struct sl_diag_new *e;

	macro_params(b, m);
	for (i = 0; i < st->n_args && !sl_build_enough(b); i++) {
		const struct sl_targ *a = &st->args[i];

		if (a->key) {
			for (k = 0; k < d->n_params && strcmp(d->params[k].name, a->key); k++)
				;
			if (k == d->n_params) {
				sl_resolve(b, caller, &a->value);
				sl_miss(b, SL_MISS_KEY, a->key, a->key_span, caller, st)->def = m->def;
				bad = true;
				continue;
			}
			++m->def->param_uses[k];
		} else {
			while (pos < d->n_params && given[pos].len)
				pos++;
			k = pos;
			if (k == d->n_params) {
				e = sl_err(b->ds, "E115", a->span, "'%s' takes %u argument%s", d->name,
					   d->n_params, d->n_params == 1 ? "" : "s");
				sl_err_label(e, "one too many");
				sl_err_also(e, d->name_span, "defined here");
				sl_build_in(caller, e);
				continue;
			}
		}
		if (given[k].len) {
			e = sl_err(b->ds, "E113", a->span, "'%s' is given twice", d->params[k].name);
			sl_err_also(e, given[k], "first here");
			sl_build_in(caller, e);
			continue;
		}
		given[k] = a->span;
		m->params[k].value = a->value;
		m->params[k].scope = caller;
		m->params[k].has_value = true;
	}
	for (i = 0; i < d->n_params; i++) {
		if (m->params[i].has_value || bad)
			continue;
		e = sl_err(b->ds, "E114", st->type_span, "'%s' needs '%s'", d->name, d->params[i].name);
		sl_err_label(e, "give it as %s=...", d->params[i].name);
		sl_err_also(e, d->params[i].span, "declared without a default here");
		sl_build_in(caller, e);
	}
}

static bool name_taken(const struct sl_scope *s, const char *name)
{
	unsigned int i;

	for (i = 0; i < s->n_decls; i++)
		if (!strcmp(s->decls[i].name, name))
			return true;
	return false;
}

static bool prefix_taken(const struct sl_build *b, const char *prefix)
{
	unsigned int i;

	for (i = 0; i < b->n_macros; i++)
		if (!strcmp(b->macros[i]->prefix, prefix))
			return true;
	return false;
}

/* "w/": the declared name, else the def's with -2, -3 for the next ones. */
static const char *macro_prefix(struct sl_build *b, struct sl_scope *s, const struct sl_tstage *st,
				struct sl_def *d)
{
	const char *base = st->name ? st->name : st->type, *p;
	unsigned int n = 1;

	/* within one scope uses come one after the other: go on counting */
	if (!st->name && d->turn_of == s)
		n = d->turn + 1;
	if (n == 1 && !st->name && name_taken(s, base))
		n = 2;
	for (;; n++) {
		p = n > 1 ? sl_build_printf(b, "%s%s-%u/", s->prefix, base, n)
			  : sl_build_printf(b, "%s%s/", s->prefix, base);
		if (!prefix_taken(b, p))
			break;
	}
	if (!st->name) {
		d->turn_of = s;
		d->turn = n;
	}
	return p;
}

static void walk_body(struct sl_build *b, struct sl_scope *m, const struct sl_place_of *place)
{
	struct sl_def *d = m->def;
	struct sl_ends tails;
	unsigned int i;

	d->active = true;
	for (i = 0; i < d->st->n_body && !b->too_big; i++)
		walk(b, m, &d->st->body[i], place, &tails);
	d->active = false;
}

static struct sl_scope *expand(struct sl_build *b, struct sl_scope *s, const struct sl_tstage *st,
			       struct sl_def *d, const struct sl_place_of *place)
{
	struct sl_scope *m, **slot;
	struct sl_diag_new *e;

	if (d->active || s->depth >= SL_EXPAND_MAX) {
		e = sl_err(b->ds, "E156", st->type_span, d->active ? "'%s' uses itself" :
			   "'%s' is used too deep within other macros", d->st->name);
		sl_err_label(e, "this would never end");
		sl_err_also(e, d->st->name_span, "defined here");
		return NULL;
	}
	m = sl_build_alloc(b, sizeof(*m));
	m->up = s;
	m->file = d->file;
	m->def = d;
	m->call = st;
	m->depth = s->depth + 1;
	m->prefix = macro_prefix(b, s, st, d);
	m->dry = s->dry;
	slot = sl_build_push(b, (void **)&b->macros, &b->n_macros, sizeof(*slot));
	*slot = m;
	macro_args(b, s, m, st);
	walk_body(b, m, place);
	return m;
}

/*
 * A def that nobody uses is walked too, without values, so that what is wrong in
 * it is not found only by the first who uses it.
 */
static void expand_dry(struct sl_build *b, struct sl_def *d)
{
	struct sl_scope *m = sl_build_alloc(b, sizeof(*m));

	m->file = d->file;
	m->def = d;
	m->depth = 1;
	m->prefix = sl_build_printf(b, "%s/", d->st->name);
	m->dry = true;
	macro_params(b, m);
	walk_body(b, m, NULL);
}

void sl_expand_forget(struct sl_build *b)
{
	unsigned int i;

	for (i = 0; i < b->n_nodes; i++)
		if (b->nodes[i]->scope->dry)
			b->nodes[i]->gone = true;
	for (i = 0; i < b->n_streams; i++)
		if (sl_bnode_of(b->streams[i]->s.from)->gone || sl_bnode_of(b->streams[i]->s.to)->gone)
			b->streams[i]->gone = true;
}

/* ---- stages -------------------------------------------------------- */

static struct sl_end filter_end(struct sl_build *b, struct sl_scope *s, const struct sl_tstage *st,
				const struct sl_place_of *place)
{
	const char *word;
	struct sl_end e = { .kind = SL_END_BAD, .scope = s, .at = st->span };
	const struct sl_filter_type *t = st->type ? sl_type_find(st->type) : NULL;
	struct sl_def *d = t || !st->type ? NULL : sl_def_find(b, st->type);
	struct sl_place_of here = { &st->place, s, place };
	struct sl_decl *decl = NULL;
	struct sl_bnode *n = NULL;
	unsigned int i, before;

	if (!st->type) {
		sl_err(b->ds, "E010", st->span, "expected a filter");
		return e;
	}
	if (!room(b, s, st->span))
		return e;
	if (st->place.space)
		place = &here;
	if (st->name)
		decl = declare(b, s, st);
	if (d) {
		struct sl_scope *m;

		d->uses += !s->dry;
		m = expand(b, s, st, d, place);
		/* the list may have moved while the macro was walked */
		for (i = 0; m && i < s->n_decls; i++)
			if (decl && !strcmp(s->decls[i].name, st->name))
				s->decls[i].macro = m;
		if (m) {
			e.kind = SL_END_MACRO;
			e.macro = m;
		}
		return e;
	}
	word = sl_pipe_program(st) ? sl_pipe_program(st) : st->type;
	if (sl_pipe_program(st))
		t = NULL;
	if (t) {
		n = sl_build_node(b, t);
		n->scope = s;
		n->st = st;
		n->n.span = st->type_span;
		before = sl_diags_count(b->ds);
		sl_bind(b, n, st->args, st->n_args);
		sl_build_bar_note(b, st, before);
	} else {
		n = program(b, s, st, word);
	}
	if (!n) {
		for (i = 0; i < st->n_args; i++)
			sl_resolve(b, s, &st->args[i].value);	/* counts uses, finds unset names */
		sl_miss(b, SL_MISS_FILTER, word, st->type_span, s, st);
		return e;
	}
	n->brief_name = st->name ? st->name : n->n.type->name;
	if (decl) {
		decl->node = n;
		n->n.named = true;
		n->n.name = sl_build_printf(b, "%s%s", s->prefix, st->name);
	}
	sl_options_place(b, n, place);
	e.kind = SL_END_NODE;
	e.node = n;
	return e;
}

static struct sl_end ref_end(struct sl_build *b, struct sl_scope *s, const struct sl_tstage *st)
{
	struct sl_end e = { .kind = SL_END_REF, .ref = st, .scope = s, .at = st->span };

	if (strcmp(st->ref, "in") && strcmp(st->ref, "out"))
		return e;
	if (!s->def) {
		struct sl_diag_new *d;

		d = sl_err(b->ds, "E155", st->ref_span, "'%s' stands outside of a def", st->ref);
		sl_err_label(d, "only a macro has an '%s'", st->ref);
		e.kind = SL_END_BAD;
		return e;
	}
	e.kind = SL_END_NODE;
	e.node = junction(b, s, st);
	return e;
}

static void note_arrow(struct sl_build *b, struct sl_scope *s, const struct sl_tlink *l,
		       const struct sl_ends *from, const struct sl_ends *to)
{
	struct sl_arrow *a;

	if (!room(b, s, l->span))
		return;
	a = sl_build_push(b, (void **)&b->arrows, &b->n_arrows, sizeof(*a));
	a->from = *from;
	a->to = *to;
	a->link = l;
	a->scope = s;
}

/* A name that stands alone: an arrow of one end, so that it is looked up. */
static void note_ref(struct sl_build *b, struct sl_scope *s, const struct sl_ends *ref)
{
	struct sl_arrow *a = sl_build_push(b, (void **)&b->arrows, &b->n_arrows, sizeof(*a));

	a->from = *ref;
	a->scope = s;
}

/* One stage with its fan: *heads take arrows, *tails give them. */
static void stage(struct sl_build *b, struct sl_scope *s, const struct sl_tstage *st,
		  const struct sl_place_of *place, struct sl_ends *heads, struct sl_ends *tails)
{
	struct sl_place_of here = { &st->place, s, place };
	unsigned int i;

	if (st->kind == SL_A_GROUP) {
		memset(heads, 0, sizeof(*heads));
		memset(tails, 0, sizeof(*tails));
		for (i = 0; i < st->n_group; i++) {
			struct sl_ends t, h = walk(b, s, &st->group[i], st->place.space ? &here : place, &t);

			add_ends(b, heads, &h);
			add_ends(b, tails, &t);
		}
		heads->many = tails->many = st->n_group > 1;
	} else {
		*heads = one_end(b, st->kind == SL_A_FILTER ? filter_end(b, s, st, place)
							    : ref_end(b, s, st));
		*tails = *heads;
	}
	if (st->has_fan) {
		struct sl_ends all = { .many = st->n_fan > 1 };

		for (i = 0; i < st->n_fan; i++) {
			const struct sl_tbranch *br = &st->fan[i];
			unsigned int slot = b->n_arrows;
			struct sl_ends t, h = { 0 };

			/* the arrow stands before the branch in the text: keep its place */
			note_arrow(b, s, &br->link, tails, &h);
			h = walk(b, s, br->rest, place, &t);
			if (slot < b->n_arrows)
				b->arrows[slot].to = h;
			add_ends(b, &all, &t);
		}
		*tails = all;
	}
}

static struct sl_ends walk(struct sl_build *b, struct sl_scope *s, const struct sl_tpipe *p,
			   const struct sl_place_of *place, struct sl_ends *tails)
{
	struct sl_ends heads = { 0 }, first = { 0 }, before = { 0 };
	unsigned int i;

	memset(tails, 0, sizeof(*tails));
	for (i = 0; i < p->n && !b->too_big; i++) {
		unsigned int slot = b->n_arrows;

		before = *tails;
		if (i)
			note_arrow(b, s, &p->links[i - 1], &before, &heads);
		stage(b, s, &p->stages[i], place, &heads, tails);
		if (i && slot < b->n_arrows)
			b->arrows[slot].to = heads;
		if (!i)
			first = heads;
	}
	if (p->n == 1 && p->stages[0].kind == SL_A_REF && !p->stages[0].has_fan && !b->too_big)
		note_ref(b, s, &first);
	return first;
}

void sl_expand(struct sl_build *b, const struct sl_tree *t)
{
	unsigned int i, pipes = 0;
	struct sl_ends tails;

	b->top.file = b->files;
	b->top.prefix = "";
	for (i = 0; i < t->n_stmts; i++) {
		const struct sl_tstmt *st = &t->stmts[i];

		if (st->kind == SL_S_SET)
			sl_options_set(b, &b->top, st->args, st->n_args);
		else if (st->kind == SL_S_PIPE)
			walk(b, &b->top, &st->pipe, NULL, &tails);
		pipes += st->kind == SL_S_PIPE;
	}
	/* only now is it known which defs nobody used; those of other files may wait */
	for (i = 0; i < b->n_defs && !b->too_big; i++)
		if (!b->defs[i]->uses && b->defs[i]->file == b->files)
			expand_dry(b, b->defs[i]);
	if (!pipes && b->o->need_source && t->n_stmts) {
		struct sl_diag_new *d = sl_err(b->ds, "E021", t->stmts[t->n_stmts - 1].span,
					       "there is no pipeline here");

		sl_err_label(d, "nothing follows that could run");
		sl_err_note(d, "for example: (tcp) -80-> (count)");
	}
}
