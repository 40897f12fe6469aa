/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main.c -- the table of verbs */
#include "cli.h"

#include <signal.h>
#include <string.h>

#define F(flag)	(1u << (F_##flag))
#define REQUEST	(F(READ) | F(IFACE) | F(FILE) | F(DEFINE) | F(WORKERS) | F(JSON) | F(REPLAY) | F(PLACEMENT) | F(AS_WRITTEN))

const struct verb verbs[] = {
	{ "run", "'REQUEST'", "run a request here; Ctrl-C drains and reports",
	  REQUEST | F(QUIET), verb_run, false },
	{ "check", "'REQUEST'", "do all that run does short of moving data",
	  REQUEST | F(NO_ENV) | F(QUIET), verb_check, false },
	{ "plan", "'REQUEST'", "show where each filter runs, why, and what it costs",
	  REQUEST | F(NO_ENV) | F(SRL) | F(WHY) | F(PASSES), verb_plan, false },
	{ "graph", "'REQUEST'", "draw a request",
	  REQUEST | F(DOT) | F(MERMAID), verb_graph, false },
	{ "fmt", "'REQUEST'", "print a request in its canonical form",
	  F(FILE) | F(DEFINE) | F(EXPAND), verb_fmt, false },
	{ "inspect", "[FILTER|PATTERN]", "explain filters; without a name, list them by purpose",
	  F(FILE) | F(JSON) | F(MAN), verb_inspect, false },
	{ "explain", "[CODE]", "explain an error code; without a code, list them",
	  F(JSON), verb_explain, false },
	{ "doctor", "[SECONDS]", "tell what works on this machine, and what to do about the rest",
	  F(JSON) | F(BENCH) | F(CLEAN), verb_doctor, false },
	{ "completion", "bash|zsh|fish", "print a completion script for a shell",
	  0, verb_completion, false },
	{ "help", "[VERB]", "explain a verb", 0, verb_help, false },
	{ "complete", "-- WORD...", "candidates for the last word, for completion scripts",
	  0, verb_complete, true },
	{ 0 }
};

const struct verb *verb_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

static int bare(FILE *f)
{
	fputs("streamline: I/O as one pipeline of filters\n"
	      "\n"
	      "  streamline run -r in.pcap '(tcp) -80-> (untcp) > (ac) > (pcapout)'\n"
	      "  streamline run -r in.pcap '(bpf \"udp port 53\") > (print)'\n"
	      "  streamline plan -r in.pcap '(tcp) { -80-> (web: count); -else-> (rest: count) }'\n"
	      "\n"
	      "verbs: run, check, plan, graph, fmt, inspect, explain, doctor (streamline help VERB)\n"
	      "filters: streamline inspect     the language: man srl\n"
	      "first steps: README.md, man streamline\n", f);
	return EXIT_OK;
}

static int list_verbs(FILE *f)
{
	fputs("streamline VERB [FLAGS] ...\n\n", f);
	for (const struct verb *v = verbs; v->name; v++)
		if (!v->hidden)
			fprintf(f, "  %-11s %-18s %s\n", v->name, v->words, v->brief);
	fputs("\n  streamline help VERB     flags of a verb\n"
	      "  streamline --version\n"
	      "\n"
	      "exit status: 0 ok, 1 failed while running, 2 request or call wrong,\n"
	      "             3 no placement possible, 4 not permitted\n"
	      "             where a filter looks for matches: 0 some, 1 none, 2 trouble\n", f);
	return EXIT_OK;
}

static int no_verb(const char *name)
{
	const char *names[32], *near;
	size_t n = 0;

	for (const struct verb *v = verbs; v->name && n < 32; v++)
		if (!v->hidden)
			names[n++] = v->name;
	near = sl_nearest(name, names, n);
	if (strchr(name, '(') || strchr(name, '{'))
		out_call_error("a request follows a verb: streamline run '%s'", name);
	else if (near)
		out_call_error("no verb '%s'; did you mean '%s'?", name, near);
	else
		out_call_error("no verb '%s'", name);
	fputs("  = see: streamline help\n", stderr);
	return EXIT_CALL;
}

int verb_help(const struct call *c)
{
	const struct verb *v;

	if (!c->n_words)
		return list_verbs(stdout);
	v = verb_find(c->words[0]);
	if (!v)
		return no_verb(c->words[0]);
	args_help(stdout, v);
	return EXIT_OK;
}

static int call_verb(const struct verb *v, int argc, char **argv)
{
	struct call c = { .verb = v };
	int r;

	r = args_parse(&c, argc, argv);
	if (!r && c.has[F_HELP] && c.file)
		r = request_help(&c);
	else if (!r && c.has[F_HELP])
		args_help(stdout, v);
	else if (!r)
		r = v->main(&c);
	args_done(&c);
	return r;
}

int main(int argc, char **argv)
{
	const struct verb *v;

	signal(SIGPIPE, SIG_IGN);
	out_init();
	if (argc < 2)
		return out_end(bare(stdout));
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return out_end(list_verbs(stdout));
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("streamline %s\n", sl_version());
		return out_end(EXIT_OK);
	}
	v = verb_find(argv[1]);
	if (!v)
		return no_verb(argv[1]);
	return out_end(call_verb(v, argc - 2, argv + 2));
}
