/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cli.h -- the command line: one table of verbs, one of flags
 *
 * Built on the public headers alone. Data goes to standard output, words for
 * people to standard error; where a verb's answer is words (plan, inspect), they
 * are its data. Verbs return the exit status.
 */
#ifndef SL_CLI_H
#define SL_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "streamline/streamline.h"

/* Exit statuses; with a matcher in the pipeline, see run.c. */
enum {
	EXIT_OK = 0,
	EXIT_RUN = 1,		/* failed while running */
	EXIT_CALL = 2,		/* the request or the call is wrong */
	EXIT_PLACE = 3,		/* no placement possible */
	EXIT_RIGHT = 4,		/* not permitted */
};

enum flag {
	F_READ, F_IFACE, F_FILE, F_DEFINE, F_WORKERS, F_JSON, F_NO_ENV, F_QUIET, F_EXPAND,
	F_DOT, F_MERMAID, F_SRL, F_WHY, F_PASSES, F_REPLAY, F_PLACEMENT, F_AS_WRITTEN, F_MAN, F_BENCH, F_CLEAN, F_HELP, N_FLAGS
};

struct flag_text {
	char letter;		/* 0: none */
	const char *name, *arg, *help;
};

extern const struct flag_text flag_texts[N_FLAGS];

/* What a call said. Arrays are NULL-terminated and belong to main(). */
struct call {
	const struct verb *verb;
	bool has[N_FLAGS];
	const char **read_files, **defines, **words;
	unsigned int n_read, n_defines, n_words;
	const char *iface, *file, *why, *placement;
	unsigned int workers;
};

struct verb {
	const char *name, *words, *brief;	/* words: what follows the flags */
	unsigned int flags;			/* 1 << enum flag */
	int (*main)(const struct call *c);
	bool hidden;
};

extern const struct verb verbs[];	/* ends with { } */
const struct verb *verb_find(const char *name);

int verb_run(const struct call *c);
int verb_check(const struct call *c);
int verb_plan(const struct call *c);
int verb_fmt(const struct call *c);
int verb_graph(const struct call *c);
int verb_inspect(const struct call *c);
int verb_explain(const struct call *c);
int verb_doctor(const struct call *c);
int verb_completion(const struct call *c);
int verb_complete(const struct call *c);
int verb_help(const struct call *c);

/* args.c: fills c from the words after the verb. 0, or an exit status after an
 * error was printed. */
int args_parse(struct call *c, int argc, char **argv);
void args_done(struct call *c);
void args_help(FILE *f, const struct verb *v);

/* request.c */
struct opened {
	struct sl_diags *ds;
	struct sl_request *req;
	struct sl_plan *plan;
	char *text;		/* of the file */
};

/* Find the request's text and parse it. 0, or an exit status with words in ds,
 * or printed where there is no request at all. */
int request_parse(const struct call *c, struct opened *o);
/* And plan it. `env`, `source`: see sl_options. */
int request_plan(const struct call *c, struct opened *o, bool no_env, bool open_source);
/* Parameters that `let` declares, for people. */
int request_help(const struct call *c);
void request_done(struct opened *o);

/* output.c */
void out_init(void);
bool out_colour(FILE *f);
/* Text with drawing characters: spelled in ASCII where the locale has no others. */
void out_text(FILE *f, const char *text);
/* All diagnostics, to standard error; as JSON where the call asks for it. */
void out_diags(const struct call *c, const struct sl_diags *ds, const char *outcome);
char *out_diags_json(const struct sl_diags *ds);	/* on one line; caller frees */
/* Errors of the command line itself: "streamline: no verb 'rnu'"; returns EXIT_CALL. */
int out_call_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int out_no_memory(void);
/* A heap string printed, a newline added where it lacks one, and freed; out_words()
 * by way of out_text(). NULL: no memory. Returns an exit status. */
int out_line(FILE *f, char *text);
int out_words(FILE *f, char *text);
/* Flushes standard output; `status`, or EXIT_RUN where it could not be written. */
int out_end(int status);

/* A string as JSON has it. */
void out_json_strn(FILE *f, const char *s, size_t n);
/* Options that have no effect in this plan, one a line. */
void out_notes(FILE *f, const struct sl_plan *p);

/* live.c: one line at the bottom of a terminal */
void live_show(const struct sl_stats *s);
void live_clear(void);

/* about.c: the opening comment of a filter, by paragraphs */
enum about { ABOUT_USAGE, ABOUT_TEXT, ABOUT_CODE };
void about_each(const char *type, void (*say)(void *arg, enum about kind, const char *text), void *arg);

/* man.c: streamline-filters(7) */
int man_filters(FILE *f);

/* inspect.c: groups of filters in the order of the list */
extern const char *const group_names[];
const char *group_title(const char *group);

#endif
