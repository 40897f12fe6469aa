/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* graph/programs.c -- stages of the pipe dialect that are programs, not filters */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/registry.h"
#include "graph/build.h"

/* Is there such a program? */
static bool program_exists(const char *name)
{
	const char *path = getenv("PATH"), *p, *end;
	char buf[4096];

	if (strchr(name, '/'))
		return access(name, X_OK) == 0;
	for (p = path ? path : "/usr/bin:/bin"; *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, ':');
		if (snprintf(buf, sizeof(buf), "%.*s/%s", (int)(end - p), p, name) < (int)sizeof(buf) &&
		    access(buf, X_OK) == 0)
			return true;
	}
	return false;
}

/* Would this word, read as a filter, be a slip of a filter's name? */
static bool near_a_filter(const char *name)
{
	const struct sl_filter_type *const *t;
	struct sl_near near;

	sl_near_init(&near, name);
	for (t = sl_types(); *t; t++)
		if (!((*t)->flags & SL_F_HIDDEN))
			sl_near_add(&near, (*t)->name, 0);
	return near.n > 0;
}

bool sl_is_program(const char *word, bool no_env)
{
	return no_env ? !near_a_filter(word) : program_exists(word);
}

const char *sl_pipe_program(const struct sl_tstage *st)
{
	if (!st->from_pipe || !st->n_args || !st->type_span.src ||
	    st->args[0].span.off != st->type_span.off)
		return NULL;
	return st->args[0].value.text;
}

/* The stage as it was written, first word to last argument, is the command. */
static void to_exec(struct sl_tree *t, struct sl_tstage *st, const struct sl_filter_type *exec)
{
	struct sl_span all = st->type_span;
	struct sl_targ *arg = sl_arena_alloc(t->arena, sizeof(*arg));

	if (st->n_args)
		all = sl_span_join(all, st->args[st->n_args - 1].span);
	if (!arg)
		return;
	arg->span = arg->value.span = all;
	arg->value.kind = SL_V_RAW;
	arg->value.text = sl_arena_strndup(t->arena, all.src->text + all.off, all.len);
	arg->value.text_len = all.len;
	if (!arg->value.text)
		return;
	st->type = exec->name;
	st->args = arg;
	st->n_args = 1;
	st->from_pipe = false;
}

void sl_tree_programs(struct sl_tree *t)
{
	const struct sl_filter_type *exec = sl_type_flagged(SL_F_PROCESS);

	for (unsigned int i = 0; exec && t->pipe_dialect && i < t->n_stmts; i++) {
		struct sl_tpipe *p = &t->stmts[i].pipe;

		if (t->stmts[i].kind != SL_S_PIPE)
			continue;
		for (unsigned int k = 0; k < p->n; k++) {
			struct sl_tstage *st = &p->stages[k];

			if (st->kind == SL_A_FILTER && st->from_pipe && st->type_span.src &&
			    (sl_pipe_program(st) ||
			     (!sl_type_find(st->type) && program_exists(st->type))))
				to_exec(t, st, exec);
		}
	}
}
