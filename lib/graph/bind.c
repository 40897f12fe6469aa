/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/bind.c -- arguments to parameters, parameters to the state of a filter
 *
 * Each node has a state as its descriptor lays it out, filled with defaults and
 * then with what the request says; it is the template of all instances. Beside it
 * stands how each value is written in SRL, which is what plans and prints show.
 */
#include <errno.h>

#include "graph/build.h"
#include "lang/units.h"

static unsigned int n_params(const struct sl_filter_type *t)
{
	unsigned int n = 0;

	while (t->params && t->params[n].name)
		n++;
	return n;
}

static void *field(struct sl_bnode *n, const struct sl_param *p)
{
	return (char *)n->n.state + p->off;
}

static bool is_text(const struct sl_param *p)
{
	return p->type == SL_P_STRING || p->type == SL_P_IN_FILE || p->type == SL_P_OUT_FILE;
}

/* ---- defaults ------------------------------------------------------ */

static void set_default(struct sl_build *b, struct sl_bnode *n, const struct sl_param *p,
			struct sl_bound *bound)
{
	unsigned long long whole = p->def > 0 ? (unsigned long long)p->def : 0;
	void *to = field(n, p);
	char buf[64];

	switch (p->type) {
	case SL_P_U32:
		*(uint32_t *)to = (uint32_t)p->def;
		bound->text = sl_build_printf(b, "%s", sl_print_count(whole, buf));
		break;
	case SL_P_COUNT:
		*(uint64_t *)to = (uint64_t)p->def;
		bound->text = sl_build_printf(b, "%s", sl_print_count(whole, buf));
		break;
	case SL_P_SIZE:
		*(uint64_t *)to = (uint64_t)p->def;
		bound->text = sl_build_printf(b, "%s", sl_print_size(whole, buf));
		break;
	case SL_P_TIME:
		*(int64_t *)to = (int64_t)p->def;
		bound->text = sl_build_printf(b, "%s", sl_print_time((int64_t)p->def, buf));
		break;
	case SL_P_RATIO:
		*(double *)to = p->def;
		bound->text = sl_build_printf(b, "%s", sl_print_ratio(p->def, buf));
		break;
	case SL_P_SWITCH:
		*(bool *)to = p->def != 0;
		bound->text = p->def != 0 ? "on" : "off";
		break;
	case SL_P_STRING:
	case SL_P_IN_FILE:
	case SL_P_OUT_FILE:
		*(const char **)to = p->def_text;
		bound->text = p->def_text ? sl_build_word(b, p->def_text, strlen(p->def_text)) : NULL;
		break;
	case SL_P_CHOICE:
		*(int *)to = (int)p->def;
		bound->text = p->choices[(int)p->def];
		break;
	case SL_P_BITRATE:
		*(uint64_t *)to = (uint64_t)p->def;
		bound->text = sl_build_printf(b, "%llubps", whole);
		break;
	case SL_P_BYTERATE:
		*(uint64_t *)to = (uint64_t)p->def;
		bound->text = sl_build_printf(b, "%lluB/s", whole);
		break;
	case SL_P_PKTRATE:
		*(uint64_t *)to = (uint64_t)p->def;
		bound->text = sl_build_printf(b, "%llupps", whole);
		break;
	}
}

/* ---- values -------------------------------------------------------- */

static void not_a_choice(struct sl_build *b, const struct sl_param *p, const char *text, struct sl_span at)
{
	const char *const *c;
	struct sl_diag_new *d;
	struct sl_near near;
	char *all = NULL;

	d = sl_err(b->ds, "E124", at, "'%s' cannot be '%s'", p->name, text);
	sl_near_init(&near, text);
	for (c = p->choices; *c; c++) {
		sl_near_add(&near, *c, 0);
		all = sl_build_printf(b, "%s%s%s", all ? all : "", all ? ", " : "", *c);
	}
	sl_near_tell(&near, d, "", "");
	sl_err_note(d, "it can be: %s", all ? all : "");
}

/* A bound of a number as SRL, with its unit. */
static char *bound_text(struct sl_build *b, const struct sl_param *p, uint64_t v)
{
	char buf[64];

	switch (p->type) {
	case SL_P_SIZE:
		return sl_build_printf(b, "%s", sl_print_size(v, buf));
	case SL_P_TIME:
		return sl_build_printf(b, "%s", sl_print_time((int64_t)v, buf));
	case SL_P_BITRATE:
		return sl_build_printf(b, "%llubps", (unsigned long long)v);
	case SL_P_BYTERATE:
		return sl_build_printf(b, "%lluB/s", (unsigned long long)v);
	case SL_P_PKTRATE:
		return sl_build_printf(b, "%llupps", (unsigned long long)v);
	default:
		return sl_build_printf(b, "%llu", (unsigned long long)v);
	}
}

static int in_range(struct sl_build *b, const struct sl_param *p, uint64_t v, struct sl_span at)
{
	uint64_t max = p->max ? p->max : p->type == SL_P_U32 ? UINT32_MAX : UINT64_MAX;
	struct sl_diag_new *d;

	if (v >= p->min && v <= max)
		return 0;
	if (p->max)
		d = sl_err(b->ds, "E123", at, "'%s' is from %s to %s", p->name, bound_text(b, p, p->min),
			   bound_text(b, p, max));
	else if (v < p->min)
		d = sl_err(b->ds, "E123", at, "'%s' is at least %s", p->name, bound_text(b, p, p->min));
	else
		d = sl_err(b->ds, "E123", at, "'%s' is at most %s", p->name, bound_text(b, p, max));
	sl_err_fix(d, "%s", bound_text(b, p, v < p->min ? p->min : max));
	return -EINVAL;
}

static int bind_value(struct sl_build *b, struct sl_bnode *n, const struct sl_param *p,
		      struct sl_bound *bound, const struct sl_rvalue *v)
{
	char *text = sl_build_strn(b, v->text, v->len);
	void *to = field(n, p);
	uint64_t u = 0;
	int64_t t = 0;
	double ratio;
	bool on;
	int i;

	if (strlen(text) != v->len) {
		sl_err(b->ds, "E122", v->at, "'%s' cannot hold a zero byte", p->name);
		return -EINVAL;
	}
	if (is_text(p)) {
		if (!*text && p->type != SL_P_STRING) {
			sl_err(b->ds, "E122", v->at, "'%s' needs the name of a file", p->name);
			return -EINVAL;
		}
		*(const char **)to = text;
		bound->text = sl_build_word(b, text, v->len);
		return 0;
	}
	bound->text = text;
	switch (p->type) {
	case SL_P_U32:
	case SL_P_COUNT:
		if (sl_parse_count(text, v->at, p->name, &u, b->ds) || in_range(b, p, u, v->at))
			return -EINVAL;
		break;
	case SL_P_SIZE:
		if (sl_parse_size(text, v->at, p->name, &u, b->ds) || in_range(b, p, u, v->at))
			return -EINVAL;
		break;
	case SL_P_TIME:
		if (sl_parse_time(text, v->at, p->name, &t, b->ds) ||
		    in_range(b, p, t < 0 ? 0 : (uint64_t)t, v->at))
			return -EINVAL;
		*(int64_t *)to = t;
		return 0;
	case SL_P_RATIO:
		if (sl_parse_ratio(text, v->at, p->name, &ratio, b->ds))
			return -EINVAL;
		*(double *)to = ratio;
		return 0;
	case SL_P_SWITCH:
		if (sl_parse_switch(text, v->at, p->name, &on, b->ds))
			return -EINVAL;
		*(bool *)to = on;
		bound->text = on ? "on" : "off";
		return 0;
	case SL_P_CHOICE:
		for (i = 0; p->choices[i]; i++)
			if (!strcmp(p->choices[i], text)) {
				*(int *)to = i;
				return 0;
			}
		not_a_choice(b, p, text, v->at);
		return -EINVAL;
	case SL_P_BITRATE:
		if (sl_parse_bitrate(text, v->at, p->name, &u, b->ds) || in_range(b, p, u, v->at))
			return -EINVAL;
		break;
	case SL_P_BYTERATE:
		if (sl_parse_byterate(text, v->at, p->name, &u, b->ds) || in_range(b, p, u, v->at))
			return -EINVAL;
		break;
	case SL_P_PKTRATE:
		if (sl_parse_pktrate(text, v->at, p->name, &u, b->ds) || in_range(b, p, u, v->at))
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	if (p->type == SL_P_U32)
		*(uint32_t *)to = (uint32_t)u;
	else
		*(uint64_t *)to = u;
	return 0;
}

int sl_bind_text(struct sl_build *b, struct sl_bnode *n, unsigned int i, const struct sl_rvalue *v)
{
	struct sl_bound *bound = &n->n.bound[i];
	const struct sl_param *p = bound->param;
	unsigned int before = sl_diags_count(b->ds);
	struct sl_diag_new *d;
	int r;

	if (v->kind == SL_R_UNKNOWN) {
		n->broken = true;
		return -EINVAL;
	}
	if (v->kind == SL_R_LIST) {
		d = sl_err(b->ds, "E122", v->at, "'%s' takes one value, not a list", p->name);
		sl_build_in(n->scope, d);
		n->broken = true;
		return -EINVAL;
	}
	r = bind_value(b, n, p, bound, v);
	if (r) {
		n->broken = true;
		sl_build_in_since(b, n->scope, before);
	}
	return r;
}

/* ---- arguments ----------------------------------------------------- */

static char *all_params(struct sl_build *b, const struct sl_filter_type *t)
{
	char *s = NULL;
	unsigned int i;

	for (i = 0; i < n_params(t); i++)
		s = sl_build_printf(b, "%s%s%s", s ? s : "", s ? ", " : "", t->params[i].name);
	return s;
}

static void no_such_param(struct sl_build *b, struct sl_bnode *n, const struct sl_targ *args,
			  unsigned int n_args, const struct sl_targ *a)
{
	const struct sl_filter_type *t = n->n.type;
	unsigned int i, k;
	struct sl_diag_new *d;
	struct sl_near near;
	char *all;

	d = sl_err(b->ds, "E111", a->key_span, "'%s' has no parameter '%s'", t->name, a->key);
	sl_near_init(&near, a->key);
	for (i = 0; i < n_params(t); i++) {
		int bias = 0;

		for (k = 0; k < n_args; k++)
			if (args[k].key && !strcmp(args[k].key, t->params[i].name))
				bias = 9;
		sl_near_add(&near, t->params[i].name, bias);
	}
	for (i = 0; i < n_params(t); i++)
		if (t->params[i].alias)
			sl_near_add(&near, t->params[i].alias, 9);
	sl_near_tell(&near, d, "", "");
	all = all_params(b, t);
	if (all)
		sl_err_note(d, "%s takes: %s", t->name, all);
	else
		sl_err_note(d, "%s takes no parameters", t->name);
	sl_build_in(n->scope, d);
	n->broken = n->bad_args = true;
}

static void too_many(struct sl_build *b, struct sl_bnode *n, const struct sl_targ *a, unsigned int places)
{
	const struct sl_filter_type *t = n->n.type;
	struct sl_diag_new *d;
	struct sl_near near;
	unsigned int i;
	char *all;

	if (!n_params(t))
		d = sl_err(b->ds, "E115", a->span, "'%s' takes no parameters", t->name);
	else if (!places)
		d = sl_err(b->ds, "E115", a->span, "'%s' takes its parameters by name", t->name);
	else
		d = sl_err(b->ds, "E115", a->span, "'%s' takes %u value%s without a name", t->name, places,
			   places == 1 ? "" : "s");
	sl_err_label(d, "one too many");
	if (a->value.kind == SL_V_WORD) {
		sl_near_init(&near, a->value.text);
		for (i = 0; i < n_params(t); i++)
			sl_near_add(&near, t->params[i].name, 0);
		for (i = 0; i < n_params(t) && near.n; i++)
			if (!strcmp(t->params[i].name, near.best[0].word)) {
				sl_err_label(d, "did you mean %s=...?", near.best[0].word);
				sl_err_fix(d, t->params[i].type == SL_P_SWITCH ? "%s=on" : "%s=",
					   near.best[0].word);
			}
	}
	all = all_params(b, t);
	if (all)
		sl_err_note(d, "%s takes: %s", t->name, all);
	sl_build_in(n->scope, d);
	n->broken = n->bad_args = true;
}

static int by_key(const struct sl_filter_type *t, const char *key)
{
	unsigned int i;

	for (i = 0; i < n_params(t); i++)
		if (!strcmp(t->params[i].name, key) || (t->params[i].alias && !strcmp(t->params[i].alias, key)))
			return (int)i;
	return -1;
}

static int by_place(const struct sl_filter_type *t, unsigned int pos)
{
	unsigned int i;

	for (i = 0; i < n_params(t); i++)
		if (t->params[i].pos == pos)
			return (int)i;
	return -1;
}

void sl_bind(struct sl_build *b, struct sl_bnode *n, const struct sl_targ *args, unsigned int n_args)
{
	const struct sl_filter_type *t = n->n.type;
	unsigned int i, pos = 0, places = 0;

	n->n.n_bound = n_params(t);
	n->n.bound = sl_build_alloc(b, n->n.n_bound * sizeof(*n->n.bound));
	for (i = 0; i < n->n.n_bound; i++) {
		n->n.bound[i].param = &t->params[i];
		set_default(b, n, &t->params[i], &n->n.bound[i]);
		if (t->params[i].pos > places)
			places = t->params[i].pos;
	}
	for (i = 0; i < n_args && !sl_build_enough(b); i++) {
		const struct sl_targ *a = &args[i];
		struct sl_rvalue v = sl_resolve(b, n->scope, &a->value);
		struct sl_bound *bound;
		int k;

		if (a->key) {
			k = by_key(t, a->key);
			if (k < 0) {
				no_such_param(b, n, args, n_args, a);
				continue;
			}
		} else {
			k = by_place(t, ++pos);
			if (k < 0) {
				too_many(b, n, a, places);
				continue;
			}
		}
		bound = &n->n.bound[k];
		if (bound->origin == SL_BY_REQUEST) {
			struct sl_diag_new *d;

			d = sl_err(b->ds, "E113", a->span, "'%s' is given twice", bound->param->name);
			sl_err_also(d, bound->span, "first here");
			sl_build_in(n->scope, d);
			n->broken = true;
			continue;
		}
		bound->origin = SL_BY_REQUEST;
		bound->span = a->span;
		bound->value_span = v.at;
		sl_bind_text(b, n, (unsigned int)k, &v);
	}
}

/* ---- what was left out --------------------------------------------- */

static void left_out(struct sl_build *b, struct sl_bnode *n, unsigned int i)
{
	struct sl_bound *bound = &n->n.bound[i];
	const struct sl_param *p = bound->param;
	struct sl_diag_new *d;
	char *buf;

	if (bound->origin != SL_BY_DEFAULT || (is_text(p) && p->def_text && !p->supply))
		return;
	if (p->supply) {
		struct sl_rvalue v = { .kind = SL_R_TEXT };

		buf = sl_build_alloc(b, 4096);
		if (p->supply(buf, 4096) == 0) {
			v.text = p->type == SL_P_OUT_FILE ? sl_spare_name(b, bound, buf) : buf;
			v.len = strlen(v.text);
			v.at = n->n.span;
			bound->origin = SL_BY_SUPPLY;
			if (sl_bind_text(b, n, i, &v) == 0)
				sl_build_using(b, "%s %s", p->name, bound->text);
			return;
		}
	}
	if (!p->required || n->bad_args)
		return;
	d = sl_err(b->ds, "E114", n->n.span, "'%s' needs '%s'", n->n.type->name, p->name);
	if (p->pos)
		sl_err_label(d, "write (%s %s)", n->n.type->name,
			     p->type == SL_P_IN_FILE || p->type == SL_P_OUT_FILE ? "FILE" : "VALUE");
	else
		sl_err_label(d, "write (%s %s=...)", n->n.type->name, p->name);
	if (p->help)
		sl_err_note(d, "%s: %s", p->name, p->help);
	sl_build_in(n->scope, d);
	n->broken = true;
}

void sl_bind_supply(struct sl_build *b)
{
	struct sl_graph *g = b->g;
	unsigned int i, k;

	for (i = 0; i < g->n_nodes; i++) {
		struct sl_bnode *n = sl_bnode_of(g->nodes[i]);

		for (k = 0; n->n.type && k < n->n.n_bound; k++)
			left_out(b, n, k);
	}
}
