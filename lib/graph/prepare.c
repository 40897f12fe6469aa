/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/prepare.c -- filters look at their parameters, read rules, compile
 *
 * Once per node, before anything runs. A node whose parameters were wrong is left
 * out: it would only say the same again in other words.
 */
#include <errno.h>

#include "graph/build.h"

struct sl_prepare {
	struct sl_build *b;
	struct sl_bnode *n;
	struct sl_diag_new *last;	/* good until the next error, which replaces it */
	bool failed;
};

static const struct sl_bound *bound_of(const struct sl_prepare *p, const char *param)
{
	unsigned int i;

	for (i = 0; param && i < p->n->n.n_bound; i++)
		if (!strcmp(p->n->n.bound[i].param->name, param))
			return &p->n->n.bound[i];
	return NULL;
}

int sl_prepare_error(struct sl_prepare *p, const char *param, const char *code, const char *fmt, ...)
{
	const struct sl_bound *bound = bound_of(p, param);
	struct sl_span at = p->n->n.span;
	struct sl_diag_new *d;
	va_list ap;
	char *msg;

	if (bound && bound->value_span.src)
		at = bound->value_span;
	va_start(ap, fmt);
	msg = sl_arena_vprintf(p->b->arena, fmt, ap);
	va_end(ap);
	d = sl_err(p->b->ds, code, at, "%s", msg ? msg : "out of memory");
	sl_build_in(p->n->scope, d);
	p->last = d;
	p->failed = true;
	return -EINVAL;
}

int sl_prepare_hint(struct sl_prepare *p, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = sl_arena_vprintf(p->b->arena, fmt, ap);
	va_end(ap);
	if (p->last && text)
		sl_err_note(p->last, "%s", text);
	return -EINVAL;
}

int sl_prepare_fix(struct sl_prepare *p, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = sl_arena_vprintf(p->b->arena, fmt, ap);
	va_end(ap);
	if (p->last && text) {
		sl_err_label(p->last, "did you mean '%s'?", text);
		sl_err_fix(p->last, "%s", text);
	}
	return -EINVAL;
}

/* "(24 patterns)" behind what was supplied for this node. */
int sl_prepare_note(struct sl_prepare *p, const char *fmt, ...)
{
	struct sl_graph *g = p->b->g;
	unsigned int i, k;
	va_list ap;
	char *note;

	va_start(ap, fmt);
	note = sl_arena_vprintf(p->b->arena, fmt, ap);
	va_end(ap);
	if (!note)
		return -ENOMEM;
	for (i = 0; i < p->n->n.n_bound; i++) {
		const struct sl_bound *bound = &p->n->n.bound[i];
		char *said;

		if (bound->origin != SL_BY_SUPPLY || !bound->text)
			continue;
		said = sl_arena_printf(p->b->arena, "%s %s", bound->param->name, bound->text);
		for (k = 0; said && k < g->n_using; k++) {
			char *with;

			if (strcmp(g->using[k], said))
				continue;
			with = sl_arena_printf(p->b->arena, "%s (%s)", said, note);
			if (with)
				g->using[k] = with;
			return with ? 0 : -ENOMEM;
		}
	}
	return 0;
}

int sl_prepare_how(struct sl_prepare *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	p->n->n.how = sl_arena_vprintf(p->b->arena, fmt, ap);
	va_end(ap);
	return p->n->n.how ? 0 : -ENOMEM;
}

struct sl_diags *sl_prepare_diags(struct sl_prepare *p)
{
	return p->b->ds;
}

bool sl_prepare_env(const struct sl_prepare *p)
{
	return !p->b->o->no_env;
}

void sl_prepare_all(struct sl_build *b)
{
	struct sl_graph *g = b->g;
	unsigned int i;

	for (i = 0; i < g->n_nodes; i++) {
		struct sl_bnode *n = sl_bnode_of(g->nodes[i]);
		struct sl_prepare p = { .b = b, .n = n };
		unsigned int before = sl_diags_errors(b->ds);
		int r;

		if (!n->n.type || n->broken) {
			n->no_classes = true;
			continue;
		}
		if (!n->n.type->prepare) {
			n->n.prepared = true;
			continue;
		}
		r = n->n.type->prepare(&p, n->n.state, &n->n.shared);
		if (r == -ENOMEM && !p.failed)
			longjmp(b->no_memory, 1);
		if (r < 0 && sl_diags_errors(b->ds) == before)
			sl_err(b->ds, "E302", n->n.span, "'%s' cannot be set up: %s", n->n.type->name,
			       strerror(-r));
		if (r < 0 || sl_diags_errors(b->ds) != before) {
			n->broken = true;
			n->no_classes = true;
			continue;
		}
		n->n.prepared = true;
		/* without its files a filter does not know its names */
		n->no_classes = b->o->no_env && !n->n.shared;
	}
}
