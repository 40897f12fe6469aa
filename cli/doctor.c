/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor.c -- the verb that looks at the machine */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BENCH_S		8.0
#define BENCH_S_MOST	600.0

static int bench(const struct call *c, struct sl_diags *ds, char **out)
{
	double seconds = BENCH_S;
	char *end;

	if (c->n_words) {
		seconds = strtod(c->words[0], &end);
		if (end == c->words[0] || *end || !(seconds > 0 && seconds <= BENCH_S_MOST))
			return out_call_error("'%s' is no number of seconds: up to %g", c->words[0], BENCH_S_MOST);
	}
	if (isatty(STDERR_FILENO) && !c->has[F_JSON])
		fprintf(stderr, "measuring, %.0f s ...\n", seconds);
	return sl_doctor_bench(NULL, seconds, c->has[F_JSON], out, ds);
}

int verb_doctor(const struct call *c)
{
	struct sl_diags *ds;
	char *out = NULL;
	int r;

	if (c->has[F_BENCH] && c->has[F_CLEAN])
		return out_call_error("doctor does one of: --bench, --clean");
	if (c->n_words > (c->has[F_BENCH] ? 1 : 0))
		return out_call_error("doctor takes no '%s'", c->words[c->n_words - 1]);
	if (!c->has[F_BENCH] && !c->has[F_CLEAN])
		return c->has[F_JSON] ? out_line(stdout, sl_doctor_json()) : out_words(stdout, sl_doctor_text());
	ds = sl_diags_new();
	if (!ds)
		return out_no_memory();
	r = c->has[F_BENCH] ? bench(c, ds, &out) : sl_doctor_clean(c->has[F_JSON], &out, ds);
	if (r <= 0)
		out_diags(c, ds, NULL);
	if (out)
		out_words(stdout, out);
	sl_diags_free(ds);
	return r > 0 ? r : r == -ENOMEM ? out_no_memory() :
	       r == -EPERM || r == -EACCES ? EXIT_RIGHT : r ? EXIT_RUN : EXIT_OK;
}
