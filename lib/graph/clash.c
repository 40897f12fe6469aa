/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/clash.c -- does an output lie where something else reads or writes?
 *
 * A file that a filter writes must be nobody else's: not read by a filter of the
 * request, not the request itself, not written twice; the same holds for standard
 * output. Two names are one file when device and number are the same; of a file
 * that is not there yet, those of its folder, and the name in it. Devices
 * (/dev/null) may be shared. Of names with {...} only the run knows what they mean:
 * the sinks watch those themselves.
 */
#include <sys/stat.h>

#include "graph/build.h"

struct place {
	struct sl_bnode *n;		/* NULL: a file of the request */
	const struct sl_bound *bound;
	const char *path;
	bool out, is_stdout;
	uint64_t dev, ino;
	const char *base;		/* in that folder; NULL: dev and ino are the file's */
};

struct places {
	struct place *p;
	unsigned int n;
};

static struct place *place_add(struct sl_build *b, struct places *all, struct place p)
{
	struct place *slot = sl_build_push(b, (void **)&all->p, &all->n, sizeof(*slot));

	*slot = p;
	return slot;
}

/* Fills in which file it is; false where it can't clash. */
static bool locate(struct sl_build *b, struct place *p)
{
	const char *slash = strrchr(p->path, '/');
	struct stat st;
	char *dir;

	if (stat(p->path, &st) == 0) {
		if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
			return false;
		p->dev = (uint64_t)st.st_dev;
		p->ino = (uint64_t)st.st_ino;
		return true;
	}
	if (!p->out)
		return false;
	dir = !slash ? sl_build_printf(b, ".") :
	      sl_build_strn(b, p->path, slash == p->path ? 1 : (size_t)(slash - p->path));
	if (stat(dir, &st) < 0)
		return false;
	p->dev = (uint64_t)st.st_dev;
	p->ino = (uint64_t)st.st_ino;
	p->base = slash ? slash + 1 : p->path;
	return true;
}

static bool same(const struct place *a, const struct place *b)
{
	if (a->is_stdout || b->is_stdout)
		return a->is_stdout && b->is_stdout;
	return a->dev == b->dev && a->ino == b->ino && !a->base == !b->base &&
	       (!a->base || !strcmp(a->base, b->base));
}

static void collect(struct sl_build *b, struct places *all)
{
	struct sl_graph *g = b->g;

	for (struct sl_file *f = b->files; f; f = f->next)
		if (f->ino && !b->o->no_env)
			place_add(b, all, (struct place){ .path = f->src->name, .dev = f->dev, .ino = f->ino });
	for (unsigned int i = 0; i < g->n_nodes; i++) {
		struct sl_bnode *n = sl_bnode_of(g->nodes[i]);
		bool has_file = false;

		if (!n->n.type || n->broken)
			continue;
		for (unsigned int k = 0; k < n->n.n_bound; k++) {
			const struct sl_bound *bound = &n->n.bound[k];
			enum sl_param_type type = bound->param->type;
			struct place p = { .n = n, .bound = bound, .out = type == SL_P_OUT_FILE };

			if (type != SL_P_IN_FILE && type != SL_P_OUT_FILE)
				continue;
			has_file |= p.out;
			p.path = *(const char **)((char *)n->n.state + bound->param->off);
			if (!p.path || !*p.path)
				continue;
			p.is_stdout = p.out && !strcmp(p.path, "-");
			if (!p.is_stdout && (b->o->no_env || !strcmp(p.path, "-") || strchr(p.path, '{') ||
					     !locate(b, &p)))
				continue;
			place_add(b, all, p);
		}
		if (n->n.type->flags & SL_F_STDOUT && !has_file)
			place_add(b, all, (struct place){ .n = n, .path = "-", .out = true, .is_stdout = true });
	}
}

static struct sl_span span_of(const struct place *p)
{
	return p->bound && p->bound->value_span.src ? p->bound->value_span : p->n->n.span;
}

static void clash(struct sl_build *b, const struct place *p, const struct place *other)
{
	const char *what = p->is_stdout ? "to standard output" : sl_build_printf(b, "'%s'", p->path);
	struct sl_diag_new *d;

	if (!other->n) {
		d = sl_err(b->ds, "E206", span_of(p), "cannot write %s: the request stands in it", what);
		sl_err_label(d, "'%s' would write over the request itself", p->n->n.name);
	} else {
		d = sl_err(b->ds, "E206", span_of(p), "cannot write %s: '%s' %s it", what,
			   other->n->n.name, other->out ? "writes" : "reads");
		sl_err_label(d, other->out ? "'%s' writes the same" : "'%s' reads this very file", other->n->n.name);
		if (span_of(other).src)
			sl_err_also(d, span_of(other), other->out ? "written here" : "read here");
		if (p->is_stdout)
			sl_err_note(d, "give one of them a file, or lead both streams into one filter");
	}
	sl_build_in(p->n->scope, d);
	p->n->broken = true;
}

/* The first of those that this one must not meet: of two writers the later one errs. */
void sl_bind_check_clashes(struct sl_build *b)
{
	struct places all = { 0 };

	collect(b, &all);
	for (unsigned int i = 0; i < all.n && !sl_build_enough(b); i++) {
		const struct place *p = &all.p[i];

		for (unsigned int k = 0; p->out && k < all.n; k++) {
			const struct place *other = &all.p[k];

			if (k == i || (other->out && k > i) || !same(p, other))
				continue;
			clash(b, p, other);
			break;
		}
	}
}

/* Is there such a file, or does the request write to one of this name? */
static bool taken(struct sl_build *b, const struct sl_bound *but, const char *name)
{
	struct stat st;

	if (!b->o->no_env && lstat(name, &st) == 0)
		return true;
	for (unsigned int i = 0; i < b->g->n_nodes; i++) {
		const struct sl_node *n = b->g->nodes[i];

		for (unsigned int k = 0; n->type && k < n->n_bound; k++) {
			const struct sl_bound *bound = &n->bound[k];
			const char *path;

			if (bound == but || bound->param->type != SL_P_OUT_FILE)
				continue;
			path = *(const char **)((char *)n->state + bound->param->off);
			if (path && !strcmp(path, name))
				return true;
		}
	}
	return false;
}

const char *sl_spare_name(struct sl_build *b, const struct sl_bound *of, const char *name)
{
	const char *dot = strrchr(name, '.'), *free_name = name;

	if (!dot)
		dot = name + strlen(name);
	for (unsigned int i = 2; taken(b, of, free_name) && i < SL_NODES_MAX; i++)
		free_name = sl_build_printf(b, "%.*s-%u%s", (int)(dot - name), name, i, dot);
	return free_name;
}
