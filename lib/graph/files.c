/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/files.c -- the files of a request: the text itself and what it uses
 *
 * `use "lib/x.srl"` is relative to the file that says it, `use x` is x.srl in the
 * library path. Only defs come in, and each file once, however it is named. A
 * used file may use others.
 */
#include <errno.h>
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "core/datadir.h"
#include "graph/build.h"

#define USE_MAX		(4u << 20)	/* bytes of a used file */
#define FILES_MAX	64

static struct sl_file *file_add(struct sl_build *b, const struct sl_tree *t, const char *path)
{
	struct sl_file *f = sl_build_alloc(b, sizeof(*f));
	const char *slash = strrchr(path, '/');

	f->tree = t;
	f->src = t ? t->src : NULL;
	f->dir = slash ? sl_build_strn(b, path, (size_t)(slash - path) + 1) : "";
	f->scope = sl_build_alloc(b, sizeof(*f->scope));
	f->scope->file = f;
	f->scope->prefix = "";
	*b->files_end = f;
	b->files_end = &f->next;
	return f;
}

/* 0 and a source; or -errno. */
static int read_source(const char *path, struct sl_source **out, struct stat *st)
{
	struct sl_source *src = NULL;
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t n;
	int r = 0;

	if (!f)
		return -errno;
	if (fstat(fileno(f), st) < 0) {
		r = -errno;
		goto done;
	}
	if (S_ISDIR(st->st_mode)) {
		r = -EISDIR;
		goto done;
	}
	if (!S_ISREG(st->st_mode) && !S_ISFIFO(st->st_mode)) {
		r = -EINVAL;
		goto done;
	}
	if (st->st_size > USE_MAX) {
		r = -EFBIG;
		goto done;
	}
	text = malloc(USE_MAX);
	if (!text) {
		r = -ENOMEM;
		goto done;
	}
	n = fread(text, 1, USE_MAX, f);
	if (ferror(f)) {
		r = -EIO;
		goto done;
	}
	src = sl_source_new(path, text, n);
	if (src)
		*out = src;
	else
		r = -ENOMEM;
done:
	free(text);
	fclose(f);
	return r;
}

static void near_in_folder(struct sl_near *near, struct sl_build *b, const char *dir, const char *suffix)
{
	DIR *d = opendir(*dir ? dir : ".");
	struct dirent *e;
	size_t ls = strlen(suffix);

	if (!d)
		return;
	while ((e = readdir(d))) {
		size_t l = strlen(e->d_name);

		if (l > ls && !strcmp(e->d_name + l - ls, suffix))
			sl_near_add(near, sl_build_strn(b, e->d_name, l - ls), 0);
	}
	closedir(d);
}

/* Folders of `use word`: those of the options, then where the data lies. */
static const char *use_folder(struct sl_build *b, unsigned int i)
{
	const char *const *p = b->o->use_path;
	const char *dir;
	unsigned int n = 0;

	for (; p && p[n]; n++)
		if (n == i)
			return p[n];
	dir = sl_datadir(i - n);
	return dir ? sl_build_printf(b, "%s/srl", dir) : NULL;
}

/* Open what a `use` names. Returns 0 with *path and *src, or an errno after telling. */
static int use_open(struct sl_build *b, struct sl_file *from, const struct sl_tstmt *st,
		    char **path, struct sl_source **src, struct stat *sb)
{
	struct sl_diag_new *d;
	struct sl_near near;
	const char *dir, *base, *slash;
	unsigned int i;
	char *w;
	int r = -ENOENT;

	if (st->use_quoted) {
		*path = st->name[0] == '/' ? sl_build_printf(b, "%s", st->name)
					   : sl_build_printf(b, "%s%s", from->dir, st->name);
		r = read_source(*path, src, sb);
		if (!r)
			return 0;
		if (r == -ENOMEM)
			longjmp(b->no_memory, 1);
		d = sl_err(b->ds, "E107", st->name_span, "cannot use '%s': %s", *path, strerror(-r));
		if (r == -ENOENT) {
			slash = strrchr(st->name, '/');
			base = slash ? slash + 1 : st->name;
			slash = strrchr(*path, '/');
			dir = slash ? sl_build_strn(b, *path, (size_t)(slash - *path) + 1) : "";
			sl_near_init(&near, base);
			near_in_folder(&near, b, dir, "");
			if (near.n) {
				sl_err_label(d, "did you mean '%s'?", near.best[0].word);
				w = sl_build_printf(b, "%.*s%s", (int)(base - st->name), st->name,
						    near.best[0].word);
				sl_err_fix(d, "\"%s\"", w);
			}
		}
		return r;
	}
	for (i = 0; (dir = use_folder(b, i)); i++) {
		*path = sl_build_printf(b, "%s/%s.srl", dir, st->name);
		r = read_source(*path, src, sb);
		if (r != -ENOENT && r != -ENOTDIR)
			break;
	}
	if (!r)
		return 0;
	if (r == -ENOMEM)
		longjmp(b->no_memory, 1);
	if (r != -ENOENT && r != -ENOTDIR) {
		sl_err(b->ds, "E107", st->name_span, "cannot use '%s': %s", *path, strerror(-r));
		return r;
	}
	d = sl_err(b->ds, "E107", st->name_span, "no library file is called '%s'", st->name);
	sl_near_init(&near, st->name);
	for (i = 0; (dir = use_folder(b, i)); i++)
		near_in_folder(&near, b, dir, ".srl");
	sl_near_tell(&near, d, "", "");
	for (i = 0; (dir = use_folder(b, i)); i++)
		sl_err_note(d, "looked for %s/%s.srl", dir, st->name);
	return r;
}

static void use(struct sl_build *b, struct sl_file *from, const struct sl_tstmt *st)
{
	struct sl_source *src = NULL, **slot;
	struct sl_tree *t = NULL;
	unsigned int n = 0;
	struct sl_file *f;
	struct stat sb;
	char *path = NULL;
	int r;

	for (f = b->files; f; f = f->next)
		n++;
	if (n >= FILES_MAX) {
		sl_err(b->ds, "E156", st->name_span, "more than %d files", FILES_MAX);
		return;
	}
	if (use_open(b, from, st, &path, &src, &sb))
		return;
	for (f = b->files; f; f = f->next)
		if (f->ino == (uint64_t)sb.st_ino && f->dev == (uint64_t)sb.st_dev && f->ino) {
			sl_source_put(src);
			return;
		}
	slot = sl_build_push(b, (void **)&b->g->sources, &b->g->n_sources, sizeof(*slot));
	*slot = src;
	f = file_add(b, NULL, path);
	f->src = src;
	f->dev = (uint64_t)sb.st_dev;
	f->ino = (uint64_t)sb.st_ino;
	r = sl_tree_parse(src, &t, b->ds);
	if (r == -ENOMEM)
		longjmp(b->no_memory, 1);
	f->tree = f->owned = t;
}

static void let(struct sl_build *b, struct sl_file *f, const struct sl_tstmt *st)
{
	struct sl_diag_new *d;
	struct sl_var *v;
	unsigned int i;

	for (i = 0; i < f->n_lets; i++)
		if (!strcmp(f->lets[i].name, st->name)) {
			d = sl_err(b->ds, "E106", st->name_span, "'%s' is set twice", st->name);
			sl_err_also(d, f->lets[i].at, "first here");
			return;
		}
	v = sl_build_push(b, (void **)&f->lets, &f->n_lets, sizeof(*v));
	v->name = st->name;
	v->at = st->name_span;
	v->value = st->value;
	v->file = f;
	v->has_value = true;
	v->uses = sl_build_alloc(b, sizeof(*v->uses));
}

static void def(struct sl_build *b, struct sl_file *f, const struct sl_tstmt *st)
{
	struct sl_def *other = sl_def_find(b, st->name), *d, **slot;
	struct sl_diag_new *e;
	unsigned int i, k;

	if (other) {
		e = sl_err(b->ds, other->file == f ? "E106" : "E107", st->name_span,
			   "there are two defs called '%s'", st->name);
		sl_err_label(e, other->file == f ? "the second one" : "one is here");
		sl_err_also(e, other->st->name_span, other->file == f ? "the first one" :
			    "and one is here");
		return;
	}
	if (sl_type_find(st->name)) {
		e = sl_err(b->ds, "E107", st->name_span, "'%s' is a filter already", st->name);
		sl_err_label(e, "give the def another name");
		return;
	}
	for (i = 0; i < st->n_params; i++)
		for (k = 0; k < i; k++)
			if (!strcmp(st->params[i].name, st->params[k].name)) {
				e = sl_err(b->ds, "E106", st->params[i].span,
					   "'%s' has two parameters called '%s'", st->name,
					   st->params[i].name);
				sl_err_also(e, st->params[k].span, "the first one");
			}
	d = sl_build_alloc(b, sizeof(*d));
	d->st = st;
	d->file = f;
	d->param_uses = sl_build_alloc(b, (st->n_params + 1) * sizeof(*d->param_uses));
	slot = sl_build_push(b, (void **)&b->defs, &b->n_defs, sizeof(*slot));
	*slot = d;
}

/* What a file brings with it. Others that it uses come behind it in the list. */
static void load(struct sl_build *b, struct sl_file *f)
{
	const struct sl_tree *t = f->tree;
	unsigned int i;

	for (i = 0; t && i < t->n_stmts && !sl_build_enough(b); i++) {
		const struct sl_tstmt *st = &t->stmts[i];

		if (f->n_lets + b->n_defs >= SL_NAMES_MAX || st->n_params >= SL_NAMES_MAX) {
			sl_err(b->ds, "E156", st->span, "more than %d names are declared", SL_NAMES_MAX);
			b->too_big = true;
			return;
		}

		switch (st->kind) {
		case SL_S_USE:
			use(b, f, st);
			break;
		case SL_S_LET:
			let(b, f, st);
			break;
		case SL_S_DEF:
			def(b, f, st);
			break;
		case SL_S_SET:
		case SL_S_PIPE:
			break;
		}
	}
}

void sl_files_load(struct sl_build *b, const struct sl_tree *t)
{
	struct sl_file *f = file_add(b, t, t->src->name);
	struct stat sb;

	if (t->src->name[0] != '<' && stat(t->src->name, &sb) == 0) {
		f->dev = (uint64_t)sb.st_dev;
		f->ino = (uint64_t)sb.st_ino;
	}
	for (; f; f = f->next)
		load(b, f);
}
