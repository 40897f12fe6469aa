/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/build.c -- from tree to graph: the order of the steps
 *
 * The steps are listed in graph/build.h. Between them stand the two rules about
 * errors: names come first, because a wrong name makes everything behind it
 * look wrong; and the shape of the graph is judged only when nothing else was.
 */
#include <errno.h>

#include "core/diag_impl.h"
#include "graph/build.h"

void *sl_build_alloc(struct sl_build *b, size_t size)
{
	void *p = sl_arena_alloc(b->arena, size ? size : 1);

	if (!p)
		longjmp(b->no_memory, 1);
	return p;
}

char *sl_build_strn(struct sl_build *b, const char *s, size_t len)
{
	char *p = sl_arena_strndup(b->arena, s, len);

	if (!p)
		longjmp(b->no_memory, 1);
	return p;
}

char *sl_build_printf(struct sl_build *b, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = sl_arena_vprintf(b->arena, fmt, ap);
	va_end(ap);
	if (!p)
		longjmp(b->no_memory, 1);
	return p;
}

void *sl_build_push(struct sl_build *b, void **items, unsigned int *n, size_t item_size)
{
	void *p = sl_arena_push(b->arena, items, n, item_size);

	if (!p)
		longjmp(b->no_memory, 1);
	return p;
}

char *sl_build_word(struct sl_build *b, const char *text, size_t len)
{
	char *w = sl_word_print(text, len), *p;

	if (!w)
		longjmp(b->no_memory, 1);
	p = sl_arena_strndup(b->arena, w, strlen(w));
	free(w);
	if (!p)
		longjmp(b->no_memory, 1);
	return p;
}

void sl_build_using(struct sl_build *b, const char *fmt, ...)
{
	const char **slot;
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = sl_arena_vprintf(b->arena, fmt, ap);
	va_end(ap);
	if (!p)
		longjmp(b->no_memory, 1);
	slot = sl_build_push(b, (void **)&b->g->using, &b->g->n_using, sizeof(*slot));
	*slot = p;
}

struct sl_diag_new *sl_build_in(struct sl_scope *s, struct sl_diag_new *d)
{
	for (; s && s->call; s = s->up)
		sl_err_also(d, s->call->type_span, "in this use of '%s'", s->def->st->name);
	return d;
}

void sl_build_in_since(struct sl_build *b, struct sl_scope *s, unsigned int before)
{
	struct sl_diag_new *const *items;
	unsigned int i, n;

	if (!s || !s->call || sl_diags_count(b->ds) <= before)
		return;
	items = sl_diags_sorted(b->ds, &n);
	for (i = 0; i < n; i++)
		if (items[i]->seq >= before)
			sl_build_in(s, items[i]);
}

/*
 * A word glued to a bar was perhaps meant as a class mark, which has no names: |http count.
 * Say so with the errors of its stage since there were `before`.
 */
void sl_build_bar_note(struct sl_build *b, const struct sl_tstage *st, unsigned int before)
{
	struct sl_diag_new *const *items;
	struct sl_span at = st->type_span;
	const char *next = st->n_args && !st->args[0].key ? st->args[0].value.text : NULL;
	unsigned int i, n;
	uint32_t no;

	if (!st->from_pipe || !at.src || !at.off || at.src->text[at.off - 1] != '|' || !next ||
	    !sl_type_find(next) || sl_diags_count(b->ds) <= before)
		return;
	if (sl_service_find(st->type, &no) && sl_proto_find(st->type, &no) && sl_icmp_find(st->type, &no))
		return;
	items = sl_diags_sorted(b->ds, &n);
	for (i = 0; i < n; i++)
		if (items[i]->seq >= before)
			sl_err_note(items[i], "a mark on a bar is a number; a name needs arrows: (...) -%s-> (%s)",
				    st->type, next);
}

bool sl_build_enough(struct sl_build *b)
{
	if (sl_diags_errors(b->ds) >= SL_ERRORS_MAX)
		b->too_big = true;
	return b->too_big;
}

static struct sl_source *hold(struct sl_build *b, struct sl_source *src)
{
	struct sl_source **slot;

	slot = sl_build_push(b, (void **)&b->g->sources, &b->g->n_sources, sizeof(*slot));
	*slot = sl_source_get(src);
	return src;
}

/* Values of -D: each has a source of its own, so that errors can show it. */
static void defines(struct sl_build *b)
{
	const char *const *d;

	for (d = b->o->defines; d && *d; d++) {
		const char *eq = strchr(*d, '=');
		struct sl_file *f = b->files;
		struct sl_source *src;
		struct sl_span key;
		struct sl_var *v = NULL;
		struct sl_near near;
		struct sl_diag_new *err;
		unsigned int i;
		char *name;

		src = sl_source_new("-D", *d, strlen(*d));
		if (!src)
			longjmp(b->no_memory, 1);
		hold(b, src);
		sl_source_put(src);
		key = (struct sl_span){ src, 0, eq ? (uint32_t)(eq - *d) : (uint32_t)strlen(*d) };
		name = sl_build_strn(b, *d, key.len);
		if (!eq || eq == *d) {
			err = sl_err(b->ds, "E108", key, "'%s' is not of the form name=value", *d);
			if (eq != *d)
				sl_err_fix(err, "%s=VALUE", name);
			continue;
		}
		for (i = 0; i < f->n_lets; i++)
			if (!strcmp(f->lets[i].name, name))
				v = &f->lets[i];
		if (!v) {
			sl_near_init(&near, name);
			for (i = 0; i < f->n_lets; i++)
				sl_near_add(&near, f->lets[i].name, 0);
			err = sl_err(b->ds, "E108", key, "the request has no parameter '%s'", name);
			sl_near_tell(&near, err, "", "");
			if (!near.n && f->n_lets)
				sl_err_note(err, "its first parameter is '%s'", f->lets[0].name);
			if (!f->n_lets)
				sl_err_note(err, "parameters are made by lines like: let %s = ...", name);
			continue;
		}
		v->value = (struct sl_tvalue){
			.kind = SL_V_WORD,
			.span = { src, key.len + 1, (uint32_t)strlen(eq + 1) },
			.text = sl_build_strn(b, eq + 1, strlen(eq + 1)),
			.text_len = strlen(eq + 1),
		};
		++*v->uses;
	}
}

static void release(struct sl_graph *g)
{
	unsigned int i;

	for (i = 0; i < g->n_nodes; i++) {
		struct sl_node *n = g->nodes[i];

		if (n->shared && n->type && n->type->release)
			n->type->release(n->shared);
		n->shared = NULL;
	}
}

void sl_graph_free(struct sl_graph *g)
{
	unsigned int i;

	if (!g)
		return;
	release(g);
	for (i = 0; i < g->n_sources; i++)
		sl_source_put(g->sources[i]);
	sl_arena_free(g->arena);
	free(g);
}

/* The nodes and streams that are left become the graph's. */
static void settle(struct sl_build *b)
{
	struct sl_graph *g = b->g;
	unsigned int i, n = 0;

	g->nodes = sl_build_alloc(b, b->n_nodes * sizeof(*g->nodes));
	for (i = 0; i < b->n_nodes; i++) {
		if (b->nodes[i]->gone)
			continue;
		b->nodes[i]->n.id = n;
		g->nodes[n++] = &b->nodes[i]->n;
	}
	g->n_nodes = n;
	g->streams = sl_build_alloc(b, b->n_streams * sizeof(*g->streams));
	for (i = 0, n = 0; i < b->n_streams; i++) {
		if (b->streams[i]->gone)
			continue;
		b->streams[i]->s.id = n;
		g->streams[n++] = &b->streams[i]->s;
	}
	g->n_streams = n;
}

static int build(struct sl_build *b, const struct sl_tree *t)
{
	unsigned int before = sl_diags_errors(b->ds);

	sl_files_load(b, t);
	defines(b);
	sl_expand(b, t);
	sl_wire(b);
	sl_names_report(b);
	sl_expand_forget(b);
	sl_supply_sources(b);
	sl_wire_dissolve(b);
	settle(b);
	sl_names_give(b);
	sl_wire_edges(b);
	sl_order_nodes(b);
	sl_bind_supply(b);
	sl_bind_check_files(b);
	sl_bind_check_clashes(b);
	sl_prepare_all(b);
	sl_tags_and_types(b);
	sl_names_streams(b);
	if (sl_diags_errors(b->ds) == before)
		sl_shape(b);
	return sl_diags_errors(b->ds) == before ? 0 : -EINVAL;
}

/* b lies on the heap, so that a jump finds it as it was left. */
static int build_guarded(struct sl_build *b, const struct sl_tree *t)
{
	if (setjmp(b->no_memory))
		return -ENOMEM;
	hold(b, t->src);
	return build(b, t);
}

int sl_graph_build(const struct sl_tree *t, const struct sl_build_opts *o,
		   struct sl_graph **out, struct sl_diags *ds)
{
	static const struct sl_build_opts plain;
	struct sl_build *b = calloc(1, sizeof(*b));
	struct sl_graph *g = calloc(1, sizeof(*g));
	struct sl_file *f;
	int r = -ENOMEM;

	if (!b || !g)
		goto done;
	b->o = o ? o : &plain;
	b->ds = ds;
	b->g = g;
	b->arena = g->arena = sl_arena_new();
	if (!b->arena)
		goto done;
	b->files_end = &b->files;
	r = build_guarded(b, t);
	for (f = b->files; f; f = f->next)
		sl_tree_free(f->owned);
	if (!r) {
		if (b->o->workers)
			g->workers = b->o->workers;
		*out = g;
		g = NULL;
	}
done:
	sl_graph_free(g);
	free(b);
	return r;
}
