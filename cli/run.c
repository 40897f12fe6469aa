/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run.c -- the verb "run"
 *
 * The first SIGINT or SIGTERM stops the sources: what is under way drains, and
 * the report follows. The second one ends the process at once, unless it comes
 * with the first: timeout(1) sends its signal to the process and to its group.
 *
 * Exit status: that of cli.h; with a matcher in the pipeline grep's, 0 for a
 * match, 1 for none, 2 for trouble.
 */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIVE_MS	200
#define SAME_MS	100	/* signals so close together are one */

static struct sl_run *volatile running;
static volatile sig_atomic_t stopped;
static struct timespec stopped_at;	/* both signals are blocked where it is used */

static bool with_first(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - stopped_at.tv_sec) * 1000 + (now.tv_nsec - stopped_at.tv_nsec) / 1000000 < SAME_MS;
}

static void on_signal(int sig)
{
	if (!stopped) {
		stopped = 1;
		clock_gettime(CLOCK_MONOTONIC, &stopped_at);
		if (running)
			sl_run_stop(running);
	} else if (!with_first()) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
}

static void catch_signals(struct sl_run *r)
{
	struct sigaction sa = { .sa_handler = on_signal };

	running = r;
	sigemptyset(&sa.sa_mask);
	sigaddset(&sa.sa_mask, SIGINT);
	sigaddset(&sa.sa_mask, SIGTERM);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

static void introduce(const struct sl_plan *p)
{
	char *using = sl_plan_using(p);

	if (using && *using) {
		out_text(stderr, "using: ");
		out_text(stderr, using);
		fputc('\n', stderr);
	}
	free(using);
	out_notes(stderr, p);
	fputc('\n', stderr);
	out_words(stderr, sl_plan_draw(p, SL_DRAW_ASCII));
	fputc('\n', stderr);
	fflush(stderr);
}

/* People hear of things when they happen; in JSON they stand together at the end. */
static void tell_news(const struct call *c, struct sl_run *r)
{
	struct sl_diags *news = c->has[F_JSON] ? NULL : sl_run_news(r);

	if (!news)
		return;
	live_clear();
	out_diags(c, news, NULL);
	sl_diags_free(news);
}

static int work(const struct call *c, struct sl_run *r)
{
	bool live = isatty(STDERR_FILENO) && !c->has[F_QUIET] && !c->has[F_JSON];
	struct sl_stats s;
	uint64_t before = 0;
	int ret;

	while ((ret = sl_run_step(r, live ? LIVE_MS : 1000)) > 0) {
		sl_run_stats(r, &s);
		tell_news(c, r);
		/* It came back early and nothing moved: it waits for a program to take or feed. */
		if (s.in_blocks == before)
			usleep(20000);
		before = s.in_blocks;
		if (!live)
			continue;
		live_show(&s);
	}
	live_clear();
	return ret;
}

static void report(const struct call *c, const struct sl_plan *p, const struct sl_run *r)
{
	if (c->has[F_JSON]) {
		fflush(stdout);
		out_line(sl_plan_stdout(p) ? stderr : stdout, sl_run_report_json(r));
		return;
	}
	if (c->has[F_QUIET])
		return;
	out_words(stderr, sl_run_ledger_text(r));
	out_words(stderr, sl_run_summary(r));
}

/* What the filters that look for matches found. */
static uint64_t matches(const struct sl_run *r)
{
	const struct sl_filter_type *t;
	struct sl_ledger_row l;
	uint64_t n = 0;

	for (unsigned int i = 0; !sl_run_filter(r, i, &l); i++) {
		t = sl_type_find(l.type);
		if (!t || !(t->flags & SL_F_MATCHER))
			continue;
		for (unsigned int k = 0; k < l.n_values; k++)
			if (!strcmp(l.values[k].name, "matched"))
				n += l.values[k].n;
	}
	return n;
}

static int judge(const struct sl_plan *p, const struct sl_run *r, int ret)
{
	bool matcher = sl_plan_matcher(p);
	char *why = NULL;

	if (sl_run_verify(r, &why) < 0) {
		fprintf(stderr, "streamline: the ledger does not add up: %s\n", why ? why : "?");
		free(why);
		return matcher ? EXIT_CALL : EXIT_RUN;
	}
	if (ret < 0)
		return matcher ? EXIT_CALL : EXIT_RUN;
	return matcher && !matches(r) ? EXIT_RUN : EXIT_OK;
}

/* As often as the kernel refuses a filter, once more without it there. */
static int set_up(const struct call *c, struct opened *o, struct sl_run **r)
{
	struct sl_diags *why;
	int ret, again;

	for (;;) {
		sl_diags_free(o->ds);
		o->ds = sl_diags_new();
		why = sl_diags_new();
		if (!o->ds || !why) {
			sl_diags_free(why);
			return out_no_memory(), -ENOMEM;
		}
		ret = sl_run_new(o->plan, r, o->ds);
		again = ret == -EAGAIN ? sl_plan_again(o->plan, why) : -ENOENT;
		if (!again)
			out_diags(c, why, NULL);
		sl_diags_free(why);
		if (again)
			return ret;
		if (!c->has[F_QUIET] && !c->has[F_JSON])
			introduce(o->plan);
	}
}

int verb_run(const struct call *c)
{
	struct sl_run *r = NULL;
	struct opened o;
	int ret;

	ret = request_plan(c, &o, false, false);
	if (ret) {
		out_diags(c, o.ds, "nothing was started");
		goto out;
	}
	out_diags(c, o.ds, NULL);
	if (!c->has[F_QUIET] && !c->has[F_JSON])
		introduce(o.plan);
	ret = set_up(c, &o, &r);
	if (ret < 0) {
		if (o.ds)
			out_diags(c, o.ds, "nothing was started");
		ret = ret == -EPERM || ret == -EACCES ? EXIT_RIGHT :
		      ret == -EINVAL || sl_plan_matcher(o.plan) ? EXIT_CALL : EXIT_RUN;
		goto out;
	}
	if (sl_diags_count(o.ds))
		out_diags(c, o.ds, NULL);
	catch_signals(r);
	ret = work(c, r);
	out_diags(c, sl_run_diags(r), NULL);
	report(c, o.plan, r);
	ret = judge(o.plan, r, ret);
out:
	running = NULL;
	sl_run_free(r);
	request_done(&o);
	return ret;
}
