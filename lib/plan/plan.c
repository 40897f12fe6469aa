/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/plan.c -- the way from text to plan, as programs call it
 *
 * A request is the tree; a plan owns the graph made of it and holds nothing of
 * the request, so either may be freed first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "plan/plan.h"

int sl_parse(const char *text, const char *name, struct sl_request **out, struct sl_diags *ds)
{
	struct sl_request *q = calloc(1, sizeof(*q));
	struct sl_source *src = sl_source_new(name ? name : "<arg>", text, strlen(text));
	int r = -ENOMEM;

	if (q && src)
		r = sl_tree_parse(src, &q->tree, ds);
	sl_source_put(src);
	if (r) {
		free(q);
		return r;
	}
	*out = q;
	return 0;
}

void sl_request_free(struct sl_request *q)
{
	if (!q)
		return;
	sl_tree_free(q->tree);
	free(q);
}

char *sl_request_print(const struct sl_request *q)
{
	sl_tree_programs(q->tree);
	return sl_tree_print(q->tree);
}

char *sl_request_format(const struct sl_request *q)
{
	sl_tree_programs(q->tree);
	return sl_tree_format(q->tree);
}

/* The value of a let as it stands in the text. */
static void json_default(struct sl_json *j, const struct sl_tvalue *v)
{
	if (v->kind == SL_V_WORD || ((v->kind == SL_V_STRING || v->kind == SL_V_RAW) && !v->interp))
		sl_json_strn(j, v->text, v->text_len);
	else if (v->span.src)
		sl_json_strn(j, v->span.src->text + v->span.off, v->span.len);
	else
		sl_json_null(j);
}

char *sl_request_params_json(const struct sl_request *q)
{
	struct sl_json j = { 0 };
	unsigned int i;

	sl_json_open(&j, '[');
	for (i = 0; i < q->tree->n_stmts; i++) {
		const struct sl_tstmt *st = &q->tree->stmts[i];

		if (st->kind != SL_S_LET)
			continue;
		sl_json_open(&j, '{');
		sl_json_kstr(&j, "name", st->name);
		sl_json_key(&j, "default");
		json_default(&j, &st->value);
		sl_json_kstr(&j, "help", st->help);
		sl_json_close(&j, '}');
	}
	sl_json_close(&j, ']');
	return sl_json_take(&j);
}

/* read_file and then read_files, as one list. */
static int all_files(const struct sl_options *o, const char ***out)
{
	unsigned int n = 0, k = 0;
	const char **files;

	while (o->read_files && o->read_files[n])
		n++;
	files = calloc(n + 2, sizeof(*files));
	if (!files)
		return -ENOMEM;
	if (o->read_file)
		files[k++] = o->read_file;
	if (n)
		memcpy(files + k, o->read_files, n * sizeof(*files));
	*out = files;
	return 0;
}

/* Costs as built in, and what was measured here over them. */
static int find_costs(struct sl_plan *p)
{
	struct sl_arena *a = p->graph->arena;
	char why[160] = "";
	char *file;
	int r;

	p->costs = sl_costs_new();
	if (!p->costs)
		return -ENOMEM;
	file = p->no_env ? NULL : sl_costs_file();
	if (!file)
		return 0;
	r = sl_costs_read(p->costs, file, why, sizeof(why));
	if (r < 0 && r != -ENOENT)
		p->costs_why = sl_arena_printf(a, "%s: %s", file, why);
	free(file);
	return 0;
}

/* Is this all that is wrong: spaces that can't run what they were ordered to (E141), rights
 * that are missing (E301)? */
static bool only(const char *code, const struct sl_diags *ds, unsigned int from)
{
	unsigned int i, n = 0;
	const struct sl_diag *d;

	for (i = 0; (d = sl_diags_get(ds, i)); i++) {
		if (d->severity != SL_ERROR)
			continue;
		if (strcmp(d->code, code))
			return false;
		n++;
	}
	return n && !from;
}

static int keep_pass(struct sl_plan *p, const char *name)
{
	struct sl_arena *a = p->graph->arena;
	char *srl = sl_graph_print(p->graph, false);
	const char **to = srl ? sl_arena_push(a, (void **)&p->passes, &p->n_passes, sizeof(*to)) : NULL;
	size_t len = srl ? strlen(srl) : 0;

	if (to)
		*to = sl_arena_printf(a, "# %s\n%s%s", name, srl, len && srl[len - 1] == '\n' ? "" : "\n");
	free(srl);
	return to && *to ? 0 : -ENOMEM;
}

/* as_written: no pass is run, and what is kept is the request. */
static int rewrite(struct sl_plan *p, bool as_written, bool keep)
{
	static const struct {
		const char *name;
		int (*pass)(struct sl_plan *p);
	} passes[] = {
		{ "share: prefixes that were written twice", sl_share },
		{ "early: selections towards the source", sl_early },
		{ "merge: two in a row that one can do", sl_merge },
	};
	int r = keep ? keep_pass(p, "as written") : 0;

	for (unsigned int k = 0; !as_written && r >= 0 && k < sizeof(passes) / sizeof(passes[0]); k++) {
		r = passes[k].pass(p);
		if (r > 0 && keep)
			r = keep_pass(p, passes[k].name);
	}
	return r < 0 ? r : 0;
}

int sl_plan_new(const struct sl_request *q, const struct sl_options *o, struct sl_plan **out,
		struct sl_diags *ds)
{
	struct sl_options opts = { .size = sizeof(opts) };
	const char **files = NULL;
	struct sl_build_opts b = { 0 };
	unsigned int before = sl_diags_errors(ds);
	struct sl_plan *p;
	int r;

	if (o)
		memcpy(&opts, o, o->size < sizeof(opts) ? o->size : sizeof(opts));
	r = all_files(&opts, &files);
	if (r < 0)
		return r;
	b.read_files = files;
	b.iface = opts.iface;
	b.replay = opts.replay;
	b.defines = opts.defines;
	b.use_path = opts.use_path;
	b.workers = opts.workers;
	b.no_env = opts.no_env;
	b.need_source = !opts.open_source;

	p = calloc(1, sizeof(*p));
	if (!p) {
		free(files);
		return -ENOMEM;
	}
	p->refs = 1;
	p->workers = p->threads = 1;
	p->no_env = opts.no_env;
	p->replay = opts.replay;
	r = sl_graph_build(q->tree, &b, &p->graph, ds);
	free(files);
	if (r == -EINVAL && only("E141", ds, before))
		r = -ENOSPC;
	if (r == -EINVAL && only("E301", ds, before))
		r = -EPERM;
	if (!r)
		r = find_costs(p);
	if (!r && opts.placement) {
		p->placement = sl_arena_printf(p->graph->arena, "%s", opts.placement);
		r = p->placement ? 0 : -ENOMEM;
	}
	if (!r)
		r = rewrite(p, opts.as_written, opts.passes);
	if (!r)
		r = sl_place(p, ds);
	if (!r)
		r = sl_effects(p, ds);
	if (!r)
		r = sl_echo(p->graph, ds);
	if (r < 0) {
		sl_plan_free(p);
		return r;
	}
	*out = p;
	return 0;
}

char *sl_plan_passes(const struct sl_plan *p)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (unsigned int k = 0; k < p->n_passes; k++)
		fputs(p->passes[k], f);
	if (p->n_passes == 1)
		fputs("# no pass changed it\n", f);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

int sl_plan_reject(struct sl_plan *p, const char *name, const char *words)
{
	struct sl_diags *aside;
	struct sl_node *n = NULL;
	int r;

	for (unsigned int k = 0; k < p->graph->n_nodes && !n; k++)
		if (!strcmp(p->graph->nodes[k]->name, name))
			n = p->graph->nodes[k];
	if (!n || !n->in_kernel)
		return -ENOENT;
	if (!n->n_in)
		return -ENOSPC;
	aside = sl_diags_new();
	n->rejected = sl_arena_printf(p->graph->arena, "%s", words);
	r = aside && n->rejected ? sl_place(p, aside) : -ENOMEM;
	if (r == -ENOSPC) {		/* an order stands against it */
		n->rejected = NULL;
		sl_place(p, aside);
	}
	if (!r) {
		p->n_notes = 0;
		p->notes = NULL;
		r = sl_effects(p, aside);
	}
	sl_diags_free(aside);
	return r;
}

int sl_plan_again(struct sl_plan *p, struct sl_diags *ds)
{
	const char *name = p->refused;
	int r = name ? sl_plan_reject(p, name, p->refused_words) : -ENOENT;

	p->refused = NULL;
	for (unsigned int k = 0; !r && k < p->graph->n_nodes; k++) {
		const struct sl_node *n = p->graph->nodes[k];

		if (!strcmp(n->name, name))
			sl_warn(ds, "E302", n->span, "'%s' runs in user space: the kernel refused it: %s", name,
				p->refused_words);
	}
	return r;
}

int sl_check(const struct sl_request *q, const struct sl_options *o, struct sl_diags *ds)
{
	struct sl_plan *p;
	int r = sl_plan_new(q, o, &p, ds);

	if (r < 0)
		return r;
	sl_plan_free(p);
	return 0;
}

struct sl_plan *sl_plan_get(struct sl_plan *p)
{
	__atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);
	return p;
}

void sl_plan_free(struct sl_plan *p)
{
	if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL))
		return;
	sl_costs_free(p->costs);
	sl_graph_free(p->graph);
	free(p);
}
