/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inspect.c -- the reference of filters, from their descriptors */
#include "cli.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

const char *const group_names[] = { "source", "select", "streams", "match", "look", "flow", "save", NULL };

const char *group_title(const char *group)
{
	static const char *const title[] = {
		"sources", "select and classify", "streams", "find", "look and count",
		"steer and change", "save",
	};

	for (unsigned int i = 0; group_names[i]; i++)
		if (group && !strcmp(group, group_names[i]))
			return title[i];
	return "others";
}

static bool hidden(const struct sl_filter_type *t)
{
	return t->flags & SL_F_HIDDEN;
}

static void types_text(unsigned int mask, char *buf, size_t size)
{
	static const char *const name[] = { "packet", "bytes", "record" };
	size_t at = 0;

	if (mask & SL_SAME) {
		snprintf(buf, size, "the same");
		return;
	}
	snprintf(buf, size, mask ? "" : "nothing");
	if ((mask & SL_ANY) == SL_ANY) {
		snprintf(buf, size, "any");
		return;
	}
	for (unsigned int i = 0; i < 3 && at < size; i++)
		if (mask & 1u << i)
			at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", name[i]);
}

/* ------------------------------------------------------------------ *
 * List
 * ------------------------------------------------------------------ */

static bool in_group(const struct sl_filter_type *t, const char *group)
{
	if (group)
		return t->group && !strcmp(t->group, group);
	for (unsigned int i = 0; group_names[i]; i++)
		if (t->group && !strcmp(t->group, group_names[i]))
			return false;
	return true;
}

static bool matches(const struct sl_filter_type *t, const char *pattern)
{
	return !hidden(t) && (!pattern || !fnmatch(pattern, t->name, 0));
}

static unsigned int list(const char *pattern)
{
	const struct sl_filter_type *const *t;
	unsigned int n = 0;
	bool last = false;

	for (unsigned int i = 0; !last; i++) {
		unsigned int here = 0;

		last = !group_names[i];
		for (t = sl_types(); *t; t++) {
			if (!matches(*t, pattern) || !in_group(*t, group_names[i]))
				continue;
			if (!here++)
				printf("%s%s\n", n ? "\n" : "", group_title(group_names[i]));
			printf("  %-12s %s\n", (*t)->name, (*t)->brief);
			n++;
		}
	}
	return n;
}

/* ------------------------------------------------------------------ *
 * One filter
 * ------------------------------------------------------------------ */

static void inspect_param(const struct sl_param *p, int w_name, int w_kind)
{
	char kind[256], *def = sl_param_default(p);
	char *min = sl_param_number(p, p->min), *max = sl_param_number(p, p->max);
	char name[80];

	snprintf(name, sizeof(name), "%s%s", p->name, p->required ? "*" : "");
	printf("    %-*s  %-*s  %s", w_name, name, w_kind, sl_param_kind(p, kind, sizeof(kind)),
	       p->help ? p->help : "");
	if (p->unit)
		printf(", in %s", p->unit);
	if (p->pos)
		printf("  [position %u]", p->pos);
	if (p->supply)
		fputs("  supplied when left out", stdout);
	else if (def && *def)
		printf("  default %s", def);
	if (p->min && p->max)
		printf("  %s to %s", min, max);
	else if (p->min)
		printf("  at least %s", min);
	else if (p->max)
		printf("  at most %s", max);
	if (p->live)
		fputs("  live", stdout);
	if (p->alias)
		printf("  (also %s=)", p->alias);
	putchar('\n');
	free(def);
	free(min);
	free(max);
}

static void inspect_params(const struct sl_filter_type *t)
{
	int w_name = 0, w_kind = 0, n;
	bool required = false;
	char kind[256];

	if (!t->params || !t->params->name)
		return;
	for (const struct sl_param *p = t->params; p->name; p++) {
		n = (int)strlen(p->name) + p->required;
		w_name = n > w_name ? n : w_name;
		n = (int)strlen(sl_param_kind(p, kind, sizeof(kind)));
		w_kind = n > w_kind ? n : w_kind;
		required |= p->required;
	}
	printf("  parameters%s\n", required ? "  (* must be given)" : "");
	for (const struct sl_param *p = t->params; p->name; p++)
		inspect_param(p, w_name, w_kind);
}

static void wrap(const char *text, const char *indent)
{
	size_t col = 0, word;

	for (; *text; text += word) {
		text += strspn(text, " ");
		word = strcspn(text, " ");
		if (col && col + 1 + word > 88) {
			putchar('\n');
			col = 0;
		}
		if (!col)
			fputs(indent, stdout);
		printf("%s%.*s", col ? " " : "", (int)word, text);
		col += (col ? 1 : strlen(indent)) + word;
	}
	putchar('\n');
}

static void inspect_about(void *arg, enum about kind, const char *text)
{
	bool *any = arg;
	size_t n;

	if (kind == ABOUT_USAGE)
		return;
	if (!*any)
		puts("  about");
	else
		putchar('\n');
	*any = true;
	if (kind == ABOUT_TEXT) {
		wrap(text, "    ");
		return;
	}
	for (; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		printf("        %.*s\n", (int)n, text);
	}
}

static void inspect_one(const struct sl_filter_type *t)
{
	static const char *const class[] = {
		[SL_CLASS_PORT] = "port: a number or a name of the service list, e.g. -80->, -http->",
		[SL_CLASS_PROTO] = "IP protocol: a number or a name, e.g. -tcp->",
		[SL_CLASS_ICMP] = "ICMP type, e.g. -8->",
		[SL_CLASS_NUMBER] = "number, e.g. -1->",
		[SL_CLASS_GROUP] = "a name of the filter's own",
	};
	char in[64], out[64];
	bool about = false;

	types_text(t->in, in, sizeof(in));
	types_text(t->out, out, sizeof(out));
	printf("%s %s ", t->name, sl_version());
	out_text(stdout, "–");
	printf(" %s    [%s]\n", t->brief, t->group ? t->group : "other");
	printf("  in   %-24s out  %s\n", in, out);
	if (t->class != SL_CLASS_NONE)
		printf("  class  %s\n", class[t->class]);
	for (const struct sl_port *p = t->ports; p && p->name; p++) {
		types_text(p->type, out, sizeof(out));
		printf("  tag  -%s->  %s (%s)%s\n", p->name, p->help ? p->help : "", out,
		       p->groups ? "; or a group: -GROUP->" : "");
	}
	for (const char *const *i = t->inputs; i && *i; i++)
		printf("%s.%s%s", i == t->inputs ? "  inputs  " : ", ", *i, i[1] ? "" : "\n");
	printf("  runs in  %suser%s\n", t->kernel || t->flags & SL_F_LIVE ? "kernel, " : "", t->flags & SL_F_SHARD ? " (workers may share the flows)" : "");
	inspect_params(t);
	if (t->values && t->values->name) {
		puts("  values");
		for (const struct sl_value *v = t->values; v->name; v++)
			printf("    %-12s %s\n", v->name, v->help ? v->help : "");
	}
	if (t->flags & SL_F_MATCHER)
		puts("  exit status  0: matched, 1: nothing matched, 2: trouble");
	for (const char *const *e = t->examples; e && *e; e++)
		printf("  example   %s\n", *e);
	about_each(t->name, inspect_about, &about);
	printf("  see also  %s%sstreamline-filters(7)\n", t->see_also ? t->see_also : "",
	       t->see_also && *t->see_also ? ", " : "");
}

static int not_found(const char *name)
{
	const struct sl_filter_type *const *t = sl_types();
	const char **names, *near = NULL;
	size_t n = 0;

	while (t[n])
		n++;
	names = calloc(n + 1, sizeof(*names));
	if (names) {
		for (n = 0; t[n]; n++)
			names[n] = t[n]->name;
		near = sl_nearest(name, names, n);
	}
	if (near)
		out_call_error("no filter called '%s'; did you mean '%s'?", name, near);
	else
		out_call_error("no filter called '%s'", name);
	fputs("  = see: streamline inspect\n", stderr);
	free(names);
	return EXIT_CALL;
}

static int inspect_json(const char *pattern)
{
	const struct sl_filter_type *one = pattern ? sl_type_find(pattern) : NULL;
	const struct sl_filter_type *const *t;
	unsigned int n = 0;
	char *json;

	if (one)
		return out_line(stdout, sl_type_json(one));
	for (t = sl_types(); *t; t++) {
		if (!matches(*t, pattern))
			continue;
		json = sl_type_json(*t);
		if (!json)
			return out_no_memory();
		printf("%s%s", n++ ? ",\n" : "[", json);
		free(json);
	}
	if (!n)
		return not_found(pattern);
	puts("]");
	return EXIT_OK;
}

/* Defs of a request file; false: it has none of this name. */
static bool inspect_defs(const struct call *c, int *status)
{
	struct call file = *c;
	char *text = NULL;
	struct opened o;
	int r;

	file.n_words = 0;
	*status = request_parse(&file, &o);
	out_diags(c, o.ds, *status ? "nothing was printed" : NULL);
	r = *status ? 0 : sl_request_defs(o.req, c->words[0], c->has[F_JSON], &text);
	if (text && *text) {
		*status = out_line(stdout, text);
	} else if (text) {
		printf("%s defines nothing\n", c->file);
		free(text);
	} else if (r == -ENOMEM) {
		*status = out_no_memory();
	}
	request_done(&o);
	return r != -ENOENT;
}

int verb_inspect(const struct call *c)
{
	int r;

	const char *pattern = c->words[0];
	const struct sl_filter_type *one;

	if (c->has[F_MAN])
		return man_filters(stdout);
	if (c->n_words > 1)
		return out_call_error("inspect takes one name or pattern, quoted: 'un*'");
	if (c->file && inspect_defs(c, &r))
		return r;
	if (c->has[F_JSON])
		return inspect_json(pattern);
	one = pattern ? sl_type_find(pattern) : NULL;
	if (one)
		inspect_one(one);
	else if (!list(pattern))
		return not_found(pattern);
	return EXIT_OK;
}
