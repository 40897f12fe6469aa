/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/paths.c -- are the files that parameters name there, and may we?
 *
 * A courtesy: the filter opens them itself later, and may still fail then. Here the
 * error has a place in the text, all of them come at once, and nothing has
 * been started yet. Not done under --no-env.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/build.h"

/* The folder part, "." for none; *base points behind it. */
static char *folder_of(struct sl_build *b, const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');

	*base = slash ? slash + 1 : path;
	if (!slash)
		return sl_build_printf(b, ".");
	return sl_build_strn(b, path, slash == path ? 1 : (size_t)(slash - path));
}

static void near_files(struct sl_build *b, const char *path, struct sl_diag_new *d)
{
	const char *base;
	char *dir = folder_of(b, path, &base);
	struct sl_near near;
	struct dirent *e;
	DIR *h = opendir(dir);

	if (!h)
		return;
	sl_near_init(&near, base);
	while ((e = readdir(h)))
		if (e->d_name[0] != '.')
			sl_near_add(&near, sl_build_strn(b, e->d_name, strlen(e->d_name)), 0);
	closedir(h);
	if (near.n) {
		char *best = sl_build_printf(b, "%.*s%s", (int)(base - path), path, near.best[0].word);

		sl_err_label(d, "did you mean '%s'?", best);
		sl_err_fix(d, "%s", sl_build_word(b, best, strlen(best)));
	}
}

static struct sl_span place_of(const struct sl_bnode *n, const struct sl_bound *bound)
{
	return bound->value_span.src ? bound->value_span : n->n.span;
}

static void not_permitted(struct sl_build *b, struct sl_bnode *n, const struct sl_bound *bound,
			  const char *verb, const char *path, const char *capability)
{
	struct sl_diag_new *d;

	d = sl_err(b->ds, "E301", place_of(n, bound), "not permitted to %s '%s'", verb, path);
	sl_err_note(d, "missing: the right to %s it, for user %u, or %s", verb, (unsigned int)geteuid(), capability);
	sl_err_note(d, "see its rights: ls -l '%s'", path);
	sl_build_in(n->scope, d);
	n->broken = true;
}

static void check_in(struct sl_build *b, struct sl_bnode *n, const struct sl_bound *bound, const char *path)
{
	struct sl_diag_new *d;
	struct stat st;
	int fd, err = 0;

	/* opening tells most; but a pipe would block or lose its writer */
	if (stat(path, &st) < 0) {
		err = errno;
	} else if (S_ISDIR(st.st_mode)) {
		err = EISDIR;
	} else if (S_ISREG(st.st_mode)) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			err = errno;
		else
			close(fd);
	} else if (access(path, R_OK) < 0) {
		err = errno;
	}
	if (!err)
		return;
	if (err == EACCES || err == EPERM) {
		not_permitted(b, n, bound, "read", path, "CAP_DAC_READ_SEARCH");
		return;
	}
	d = sl_err(b->ds, "E201", place_of(n, bound), "cannot open '%s': %s", path, strerror(err));
	if (err == ENOENT)
		near_files(b, path, d);
	sl_build_in(n->scope, d);
	n->broken = true;
}

static void cannot_write(struct sl_build *b, struct sl_bnode *n, const struct sl_bound *bound,
			 const char *path, const char *why)
{
	struct sl_diag_new *d;

	d = sl_err(b->ds, "E206", place_of(n, bound), "cannot write '%s': %s", path, why);
	sl_build_in(n->scope, d);
	n->broken = true;
}

/* access() said no to the file, or to the folder that it would be made in. */
static void no_access(struct sl_build *b, struct sl_bnode *n, const struct sl_bound *bound,
		      const char *path, const char *what)
{
	if (errno == EACCES || errno == EPERM)
		not_permitted(b, n, bound, "write", what, "CAP_DAC_OVERRIDE");
	else
		cannot_write(b, n, bound, path, strerror(errno));
}

static void check_out(struct sl_build *b, struct sl_bnode *n, const struct sl_bound *bound, const char *path)
{
	const char *brace = strchr(path, '{'), *base;
	struct stat st;
	char *dir;

	/* of a name like dir/{class}.pcap only the part before the first { is known */
	dir = folder_of(b, brace ? sl_build_strn(b, path, (size_t)(brace - path)) : path, &base);
	if (stat(dir, &st) < 0)
		cannot_write(b, n, bound, path,
			     errno == ENOENT ? sl_build_printf(b, "there is no folder '%s'", dir) : strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		cannot_write(b, n, bound, path, sl_build_printf(b, "'%s' is not a folder", dir));
	else if (!brace && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		cannot_write(b, n, bound, path, "it is a folder");
	else if (!brace && stat(path, &st) == 0 && access(path, W_OK) < 0)
		no_access(b, n, bound, path, path);
	else if ((brace || stat(path, &st) < 0) && access(dir, W_OK | X_OK) < 0)
		no_access(b, n, bound, path, dir);
}

void sl_bind_check_files(struct sl_build *b)
{
	struct sl_graph *g = b->g;
	unsigned int i, k;

	if (b->o->no_env)
		return;
	for (i = 0; i < g->n_nodes; i++) {
		struct sl_bnode *n = sl_bnode_of(g->nodes[i]);

		for (k = 0; n->n.type && k < n->n.n_bound; k++) {
			const struct sl_bound *bound = &n->n.bound[k];
			const struct sl_param *p = bound->param;
			const char *path;

			if (p->type != SL_P_IN_FILE && p->type != SL_P_OUT_FILE)
				continue;
			path = *(const char **)((char *)n->n.state + p->off);
			if (!path || !*path || !strcmp(path, "-"))
				continue;
			if (p->type == SL_P_IN_FILE)
				check_in(b, n, bound, path);
			else
				check_out(b, n, bound, path);
		}
	}
}
