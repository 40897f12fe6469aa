/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor/report.c -- findings, as text and as JSON; doctor --clean */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/diag.h"
#include "core/human.h"
#include "core/json.h"
#include "doctor/doctor.h"
#include "kern/sweep.h"
#include "plan/costs.h"
#include "streamline/streamline.h"

struct sl_finding *sl_found(struct sl_findings *fs, const char *group, const char *what, enum sl_works works,
			    const char *fmt, ...)
{
	static _Thread_local struct sl_finding spare;
	struct sl_finding *more = fs->failed ? NULL : realloc(fs->all, (fs->n + 1) * sizeof(*more)), *f = &spare;
	va_list ap;

	if (more) {
		fs->all = more;
		f = &more[fs->n++];
	} else {
		fs->failed = true;
	}
	*f = (struct sl_finding){ .group = group, .works = works };
	snprintf(f->what, sizeof(f->what), "%s", what);
	va_start(ap, fmt);
	vsnprintf(f->found, sizeof(f->found), fmt, ap);
	va_end(ap);
	return f;
}

void sl_todo(struct sl_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->todo, sizeof(f->todo), fmt, ap);
	va_end(ap);
}

/* ---- costs -------------------------------------------------------------------- */

static void costs(struct sl_findings *fs)
{
	struct sl_costs *c = sl_costs_new();
	char *file = sl_costs_file(), why[200], age[SL_HUMAN];
	struct sl_finding *f;
	int r = c && file ? sl_costs_read(c, file, why, sizeof(why)) : -ENOENT;

	if (!r) {
		double old = difftime(time(NULL), (time_t)c->file_time);

		f = sl_found(fs, "costs", "table", SL_WORKS_YES, "measured %s ago: %s",
			     sl_human_seconds(old > 0 ? old : 0, age), file);
		if (old > 90 * 86400.0)
			sl_todo(f, "streamline doctor --bench measures again");
	} else if (r == -ENOENT) {
		f = sl_found(fs, "costs", "table", SL_WORKS_INFO, "built in; nothing was measured on this machine");
		sl_todo(f, "streamline doctor --bench");
	} else {
		f = sl_found(fs, "costs", "table", SL_WORKS_NO, "built in; %s %s: %s", file,
			     r == -EINVAL ? "is wrong" : "cannot be used", why);
		sl_todo(f, "remove it, or streamline doctor --bench, or see to HOME and XDG_CACHE_HOME");
	}
	sl_costs_free(c);
	free(file);
}

/* ---- printing ------------------------------------------------------------------- */

static int look(struct sl_findings *fs)
{
	sl_doctor_system(fs);
	sl_doctor_nics(fs);
	costs(fs);
	return fs->failed ? -ENOMEM : 0;
}

char *sl_doctor_text(void)
{
	static const char *const marks[] = {
		[SL_WORKS_NO] = "no", [SL_WORKS_YES] = "ok", [SL_WORKS_INFO] = "", [SL_WORKS_UNKNOWN] = "?",
	};
	struct sl_findings fs = { 0 };
	const char *group = "";
	char *text = NULL;
	size_t len;
	FILE *out;

	if (look(&fs)) {
		free(fs.all);
		return NULL;
	}
	out = open_memstream(&text, &len);
	for (unsigned int i = 0; out && i < fs.n; i++) {
		const struct sl_finding *f = &fs.all[i];

		if (strcmp(group, f->group))
			fprintf(out, "%s%s\n", *group ? "\n" : "", f->group);
		group = f->group;
		fprintf(out, "  %-3s %-23s %s\n", marks[f->works], f->what, f->found);
		if (*f->todo)
			fprintf(out, "  %-3s %-23s = %s\n", "", "", f->todo);
	}
	free(fs.all);
	if (out && fclose(out)) {
		free(text);
		text = NULL;
	}
	return text;
}

char *sl_doctor_json(void)
{
	static const char *const words[] = {
		[SL_WORKS_NO] = "no", [SL_WORKS_YES] = "yes", [SL_WORKS_INFO] = "info", [SL_WORKS_UNKNOWN] = "unknown",
	};
	struct sl_findings fs = { 0 };
	struct sl_json j = { 0 };

	if (look(&fs)) {
		free(fs.all);
		return NULL;
	}
	sl_json_open(&j, '{');
	sl_json_kstr(&j, "version", sl_version());
	sl_json_key(&j, "findings");
	sl_json_open(&j, '[');
	for (unsigned int i = 0; i < fs.n; i++) {
		const struct sl_finding *f = &fs.all[i];

		sl_json_open(&j, '{');
		sl_json_kstr(&j, "group", f->group);
		sl_json_kstr(&j, "what", f->what);
		sl_json_kstr(&j, "works", words[f->works]);
		sl_json_kstr(&j, "found", f->found);
		sl_json_kstr(&j, "to_do", *f->todo ? f->todo : NULL);
		sl_json_close(&j, '}');
	}
	sl_json_close(&j, ']');
	sl_json_close(&j, '}');
	free(fs.all);
	return sl_json_take(&j);
}

/* ---- doctor --clean ------------------------------------------------------------------ */

struct words {
	struct sl_json j;		/* an array */
	FILE *out;
};

static void note(void *arg, const char *words)
{
	struct words *w = arg;

	sl_json_str(&w->j, words);
	fprintf(w->out, "took away %s\n", words);
}

static int sweep(struct words *w, struct sl_swept *s, struct sl_diags *ds)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	char why[300] = "", folder[256];
	int r = sl_sweep_filters(s, note, w, why, sizeof(why)), e;

	if (r == -EPERM || r == -EACCES) {
		struct sl_diag_new *d = sl_err(ds, "E301", (struct sl_span){ 0 },
					       "not permitted to look for taps that were left: %s", why);

		sl_err_note(d, "missing: CAP_SYS_ADMIN, CAP_NET_ADMIN");
		sl_err_note(d, "once:  sudo streamline doctor --clean");
	} else if (r < 0) {
		sl_err(ds, "E302", (struct sl_span){ 0 }, "cannot look for taps that were left: %s", why);
	}
	snprintf(folder, sizeof(folder), "/run/streamline");
	for (int i = 0; i < 2; i++) {
		e = sl_sweep_sockets(folder, s, note, w, why, sizeof(why));
		if (e < 0)
			sl_err(ds, e == -EPERM || e == -EACCES ? "E301" : "E302", (struct sl_span){ 0 },
			       "cannot clean %s", why);
		if (e < 0 && !r)
			r = e;
		if (!runtime || *runtime != '/')
			break;
		snprintf(folder, sizeof(folder), "%s/streamline", runtime);
	}
	return r;
}

int sl_doctor_clean(bool json, char **out, struct sl_diags *ds)
{
	struct sl_swept s = { 0 };
	struct words w = { 0 };
	char *text = NULL, *all;
	size_t len;
	int r;

	w.out = open_memstream(&text, &len);
	if (!w.out)
		return -ENOMEM;
	sl_json_open(&w.j, '{');
	sl_json_key(&w.j, "took_away");
	sl_json_open(&w.j, '[');
	r = sweep(&w, &s, ds);
	sl_json_close(&w.j, ']');
	sl_json_ku64(&w.j, "in_use", s.alive);
	sl_json_close(&w.j, '}');
	all = sl_json_take(&w.j);
	if (!r && !s.filters && !s.sockets)
		fprintf(w.out, "nothing was left\n");
	if (s.alive)
		fprintf(w.out, "in use, left alone: %u\n", s.alive);
	if (fclose(w.out) || !all) {
		free(text);
		free(all);
		return -ENOMEM;
	}
	*out = json ? all : text;
	free(json ? text : all);
	return r;
}
