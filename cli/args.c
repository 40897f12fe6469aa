/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * args.c -- flags
 *
 * One table serves parsing, help, completion and the search for what was meant.
 * Flags may stand anywhere before "--"; a flag that a verb has not is refused.
 */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct flag_text flag_texts[N_FLAGS] = {
	[F_READ]	= { 'r', "read", "FILE", "read packets from FILE where the request has no source; may be repeated" },
	[F_IFACE]	= { 'i', "interface", "DEV", "read packets from device DEV where the request has no source" },
	[F_FILE]	= { 'f', "file", "FILE", "take the request from FILE (\"-\": standard input)" },
	[F_DEFINE]	= { 'D', "define", "K=V", "set what the request declares by \"let K = ...\"; may be repeated" },
	[F_WORKERS]	= { 'j', "workers", "N", "spread flows over N threads" },
	[F_REPLAY]	= { 0, "replay", NULL, "bring the packets of -r through the kernel's programs, as if they were live" },
	[F_PLACEMENT]	= { 0, "placement", "P", "\"user\", \"max\" (all that can in the kernel), or the number of a legal placement" },
	[F_AS_WRITTEN]	= { 0, "as-written", NULL, "rewrite nothing: each filter of the request does its own work" },
	[F_JSON]	= { 0, "json", NULL, "answer in JSON" },
	[F_NO_ENV]	= { 0, "no-env", NULL, "look at no file, device or right of this machine" },
	[F_QUIET]	= { 'q', "quiet", NULL, "print errors only" },
	[F_EXPAND]	= { 0, "expand", NULL, "write out macros, defaults and what is supplied" },
	[F_DOT]		= { 0, "dot", NULL, "for Graphviz" },
	[F_MERMAID]	= { 0, "mermaid", NULL, "for Mermaid" },
	[F_SRL]		= { 0, "srl", NULL, "print the plan as a request" },
	[F_WHY]		= { 0, "why", "FILTER", "tell all about the placing of one filter" },
	[F_PASSES]	= { 0, "passes", NULL, "print the request after each pass that changed it" },
	[F_MAN]		= { 0, "man", NULL, "print streamline-filters(7)" },
	[F_BENCH]	= { 0, "bench", NULL, "measure for SECONDS (8) what filters and rings cost here; plans go by it then" },
	[F_CLEAN]	= { 0, "clean", NULL, "take away what captures left that were killed" },
	[F_HELP]	= { 'h', "help", NULL, "explain this verb, or the parameters of the file" },
};

static bool takes(const struct verb *v, unsigned int flag)
{
	return v->flags & 1u << flag || flag == F_HELP;
}

static int by_letter(const struct verb *v, char letter)
{
	for (int i = 0; i < N_FLAGS; i++)
		if (flag_texts[i].letter == letter && takes(v, i))
			return i;
	return -1;
}

static int by_name(const struct verb *v, const char *name, size_t len)
{
	for (int i = 0; i < N_FLAGS; i++)
		if (takes(v, i) && strlen(flag_texts[i].name) == len &&
		    !strncmp(flag_texts[i].name, name, len))
			return i;
	return -1;
}

static int unknown(const struct verb *v, const char *arg)
{
	const char *names[N_FLAGS], *near, *eq = strchr(arg, '=');
	size_t n = 0, len = eq ? (size_t)(eq - arg) : strlen(arg);
	char *name = strndup(arg, len);

	for (unsigned int i = 0; i < N_FLAGS; i++)
		if (takes(v, i))
			names[n++] = flag_texts[i].name;
	near = name && len > 2 && name[1] == '-' ? sl_nearest(name + 2, names, n) : NULL;
	if (near)
		out_call_error("%s has no flag '%s'; did you mean '--%s'?", v->name, name, near);
	else
		out_call_error("%s has no flag '%s'", v->name, name ? name : arg);
	fprintf(stderr, "  = see: streamline %s --help\n", v->name);
	free(name);
	return EXIT_CALL;
}

static int workers(struct call *c, const char *value)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno || end == value || *end || *value == '-' || n < 1 || n > 64)
		return out_call_error("'%s' is no number of workers: 1 to 64", value);
	c->workers = (unsigned int)n;
	return 0;
}

static int once(const char **to, const char *value, const char *name)
{
	if (*to)
		return out_call_error("--%s is given twice: '%s' and '%s'", name, *to, value);
	*to = value;
	return 0;
}

static int set(struct call *c, int flag, const char *value)
{
	c->has[flag] = true;
	switch (flag) {
	case F_READ:
		c->read_files[c->n_read++] = value;
		return 0;
	case F_DEFINE:
		if (!strchr(value, '=') || *value == '=')
			return out_call_error("-D takes name=value, not '%s'", value);
		c->defines[c->n_defines++] = value;
		return 0;
	case F_IFACE:
		return once(&c->iface, value, "interface");
	case F_FILE:
		return once(&c->file, value, "file");
	case F_PLACEMENT:
		return once(&c->placement, value, "placement");
	case F_WHY:
		return once(&c->why, value, "why");
	case F_WORKERS:
		return workers(c, value);
	default:
		return 0;
	}
}

/* One argument that begins with '-'; *i moves on where its value is the next one. */
static int parse_flag(struct call *c, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *value = NULL;
	bool is_long = arg[1] == '-';
	int flag;

	if (is_long) {
		size_t len = strcspn(arg + 2, "=");

		flag = by_name(c->verb, arg + 2, len);
		if (arg[2 + len])
			value = arg + 3 + len;
	} else {
		flag = by_letter(c->verb, arg[1]);
		if (arg[2])
			value = arg + 2;
	}
	if (flag < 0)
		return unknown(c->verb, arg);
	if (!flag_texts[flag].arg) {
		if (!value)
			return set(c, flag, NULL);
		if (is_long)
			return out_call_error("--%s takes no value", flag_texts[flag].name);
		return unknown(c->verb, arg);
	}
	if (!value) {
		if (*i + 1 >= argc)
			return out_call_error("%s wants a value: %s", arg, flag_texts[flag].arg);
		value = argv[++*i];
	}
	return set(c, flag, value);
}

int args_parse(struct call *c, int argc, char **argv)
{
	bool flags = true;
	int i, r;

	c->read_files = calloc((size_t)argc + 1, sizeof(*c->read_files));
	c->defines = calloc((size_t)argc + 1, sizeof(*c->defines));
	c->words = calloc((size_t)argc + 1, sizeof(*c->words));
	if (!c->read_files || !c->defines || !c->words)
		return out_no_memory();
	for (i = 0; i < argc; i++) {
		if (flags && !strcmp(argv[i], "--")) {
			flags = false;
		} else if (flags && argv[i][0] == '-' && argv[i][1]) {
			r = parse_flag(c, argc, argv, &i);
			if (r)
				return r;
		} else {
			c->words[c->n_words++] = argv[i];
		}
	}
	return 0;
}

void args_done(struct call *c)
{
	free(c->read_files);
	free(c->defines);
	free(c->words);
}

void args_help(FILE *f, const struct verb *v)
{
	fprintf(f, "streamline %s%s%s%s\n\n  %s\n\n", v->name, v->flags ? " [FLAGS]" : "",
		*v->words ? " " : "", v->words, v->brief);
	for (unsigned int i = 0; i < N_FLAGS; i++) {
		const struct flag_text *t = &flag_texts[i];
		char left[40], letter[8] = "    ";

		if (!takes(v, i))
			continue;
		if (t->letter)
			snprintf(letter, sizeof(letter), "-%c, ", t->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, t->name, t->arg ? " " : "",
			 t->arg ? t->arg : "");
		fprintf(f, "  %-24s  %s\n", left, t->help);
	}
	fprintf(f, "\nSee streamline-%s(1).\n", v->name);
}
