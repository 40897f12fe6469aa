/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * equal -- do two trees say the same?
 *
 * Spans do not count, nor does the notation (bars or brackets): the bars' tree is
 * the brackets' tree.
 */
#include <string.h>

#include "lang/tree.h"

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_value(const struct sl_tvalue *a, const struct sl_tvalue *b)
{
	unsigned int i;

	if (a->kind != b->kind || a->interp != b->interp || a->n_items != b->n_items)
		return false;
	if (a->kind == SL_V_LIST) {
		for (i = 0; i < a->n_items; i++)
			if (!same_value(&a->items[i], &b->items[i]))
				return false;
		return true;
	}
	return a->text_len == b->text_len && !memcmp(a->text, b->text, a->text_len);
}

static bool same_args(const struct sl_targ *a, unsigned int na, const struct sl_targ *b,
		      unsigned int nb)
{
	unsigned int i;

	if (na != nb)
		return false;
	for (i = 0; i < na; i++)
		if (!same_text(a[i].key, b[i].key) || !same_value(&a[i].value, &b[i].value))
			return false;
	return true;
}

static bool same_link(const struct sl_tlink *a, const struct sl_tlink *b)
{
	unsigned int i;

	if (a->kind != b->kind || a->n_tags != b->n_tags)
		return false;
	for (i = 0; i < a->n_tags; i++) {
		const struct sl_ttag *x = &a->tags[i], *y = &b->tags[i];

		if (x->kind != y->kind || x->negate != y->negate || x->quoted != y->quoted ||
		    x->lo != y->lo || x->hi != y->hi || !same_text(x->name, y->name))
			return false;
	}
	return same_args(a->opts, a->n_opts, b->opts, b->n_opts);
}

static bool same_pipe(const struct sl_tpipe *a, const struct sl_tpipe *b);

static bool same_pipes(const struct sl_tpipe *a, unsigned int na, const struct sl_tpipe *b,
		       unsigned int nb)
{
	unsigned int i;

	if (na != nb)
		return false;
	for (i = 0; i < na; i++)
		if (!same_pipe(&a[i], &b[i]))
			return false;
	return true;
}

static bool same_stage(const struct sl_tstage *a, const struct sl_tstage *b)
{
	unsigned int i;

	if (a->kind != b->kind || !same_text(a->name, b->name) || !same_text(a->type, b->type) ||
	    !same_text(a->ref, b->ref) || !same_text(a->input, b->input) ||
	    a->has_fan != b->has_fan || a->n_fan != b->n_fan ||
	    !same_args(a->args, a->n_args, b->args, b->n_args) ||
	    !same_pipes(a->group, a->n_group, b->group, b->n_group))
		return false;
	if (!same_text(a->place.space, b->place.space) || a->place.wish != b->place.wish ||
	    !same_args(a->place.opts, a->place.n_opts, b->place.opts, b->place.n_opts))
		return false;
	for (i = 0; i < a->n_fan; i++)
		if (!same_link(&a->fan[i].link, &b->fan[i].link) ||
		    !same_pipe(a->fan[i].rest, b->fan[i].rest))
			return false;
	return true;
}

static bool same_pipe(const struct sl_tpipe *a, const struct sl_tpipe *b)
{
	unsigned int i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (!same_stage(&a->stages[i], &b->stages[i]) ||
		    (i && !same_link(&a->links[i - 1], &b->links[i - 1])))
			return false;
	return true;
}

static bool same_stmt(const struct sl_tstmt *a, const struct sl_tstmt *b)
{
	unsigned int i;

	if (a->kind != b->kind || !same_text(a->name, b->name))
		return false;
	switch (a->kind) {
	case SL_S_PIPE:
		return same_pipe(&a->pipe, &b->pipe);
	case SL_S_LET:
		return same_value(&a->value, &b->value);
	case SL_S_USE:
		return a->use_quoted == b->use_quoted;
	case SL_S_SET:
		return same_args(a->args, a->n_args, b->args, b->n_args);
	case SL_S_DEF:
		if (a->n_params != b->n_params)
			return false;
		for (i = 0; i < a->n_params; i++)
			if (!same_text(a->params[i].name, b->params[i].name) ||
			    a->params[i].has_default != b->params[i].has_default ||
			    (a->params[i].has_default &&
			     !same_value(&a->params[i].def, &b->params[i].def)))
				return false;
		return same_pipes(a->body, a->n_body, b->body, b->n_body);
	}
	return false;
}

bool sl_tree_equal(const struct sl_tree *a, const struct sl_tree *b)
{
	unsigned int i;

	if (a->n_stmts != b->n_stmts)
		return false;
	for (i = 0; i < a->n_stmts; i++)
		if (!same_stmt(&a->stmts[i], &b->stmts[i]))
			return false;
	return true;
}
