/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* man.c -- streamline-filters(7), written from the descriptors */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* Text for roff: no line of it is taken for a request, no dash for a hyphen. */
static void roff(FILE *f, const char *s)
{
	bool start = true;

	for (; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			fputs("\\&", f);
		start = *s == '\n';
		switch (*s) {
		case '\\':
			fputs("\\e", f);
			break;
		case '-':
			fputs("\\-", f);
			break;
		case '~':
			fputs("\\(ti", f);
			break;
		case '^':
			fputs("\\(ha", f);
			break;
		case '\t':
			fputs("        ", f);
			break;
		default:
			fputc(*s, f);
		}
	}
}

static void capital(FILE *f, const char *s)
{
	if (*s >= 'a' && *s <= 'z')
		fputc(*s++ - 'a' + 'A', f);
	roff(f, s);
}

static void sentence(FILE *f, const char *s)
{
	capital(f, s);
	fputs(".\n", f);
}

static void code(FILE *f, const char *text)
{
	fputs(".RS 4\n.EX\n", f);
	roff(f, text);
	fputs("\n.EE\n.RE\n", f);
}

static void about(void *arg, enum about kind, const char *text)
{
	FILE *f = arg;

	switch (kind) {
	case ABOUT_USAGE:
	case ABOUT_CODE:
		code(f, text);
		break;
	case ABOUT_TEXT:
		fputs(".PP\n", f);
		roff(f, text);
		fputc('\n', f);
		break;
	}
}

static void only_usage(void *arg, enum about kind, const char *text)
{
	if (kind == ABOUT_USAGE)
		about(arg, kind, text);
}

static void all_but_usage(void *arg, enum about kind, const char *text)
{
	if (kind != ABOUT_USAGE)
		about(arg, kind, text);
}

static void types(FILE *f, unsigned int mask)
{
	static const char *const name[] = { "packets", "byte streams", "records" };
	bool any = false;

	if (mask & SL_SAME) {
		fputs("the same", f);
		return;
	}
	if ((mask & SL_ANY) == SL_ANY) {
		fputs("any stream", f);
		return;
	}
	for (unsigned int i = 0; i < 3; i++)
		if (mask & 1u << i) {
			fprintf(f, "%s%s", any ? ", " : "", name[i]);
			any = true;
		}
	if (!any)
		fputs("nothing", f);
}

static void bound(FILE *f, const char *what, const struct sl_param *p, uint64_t v)
{
	char *text = v ? sl_param_number(p, v) : NULL;

	if (text) {
		fputs(what, f);
		roff(f, text);
		fputs(".\n", f);
	}
	free(text);
}

static void param(FILE *f, const struct sl_param *p)
{
	char kind[256], *def = sl_param_default(p);

	fputs(".TP\n\\fB", f);
	roff(f, p->name);
	fputs("\\fR=\\fI", f);
	roff(f, sl_param_kind(p, kind, sizeof(kind)));
	fputs("\\fR\n", f);
	capital(f, p->help ? p->help : "");
	if (p->unit) {
		fputs(", in ", f);
		roff(f, p->unit);
	}
	fputs(".\n", f);
	if (p->pos)
		fprintf(f, "Position %u.\n", p->pos);
	if (p->required)
		fputs("Must be given.\n", f);
	if (p->supply)
		fputs("Supplied, and said so, when left out.\n", f);
	if (def && *def) {
		fputs("Default ", f);
		roff(f, def);
		fputs(".\n", f);
	}
	bound(f, "At least ", p, p->min);
	bound(f, "At most ", p, p->max);
	if (p->live)
		fputs("Live.\n", f);
	if (p->alias) {
		fputs("Also read as ", f);
		roff(f, p->alias);
		fputs("=.\n", f);
	}
	free(def);
}

static void filter(FILE *f, const struct sl_filter_type *t)
{
	fputs(".SS ", f);
	roff(f, t->name);
	fputs("\n", f);
	sentence(f, t->brief);
	about_each(t->name, only_usage, f);
	fputs(".PP\nTakes ", f);
	types(f, t->in);
	fputs("; gives ", f);
	types(f, t->out);
	fputs(".\n", f);
	about_each(t->name, all_but_usage, f);
	for (const struct sl_port *p = t->ports; p && p->name; p++) {
		fputs(".TP\n\\fB\\-", f);
		roff(f, p->name);
		fputs("\\->\\fR\n", f);
		roff(f, p->help ? p->help : "");
		fputs(" (", f);
		types(f, p->type);
		fputs(p->groups ? "); by group: \\fB\\-\\fIGROUP\\fB\\->\\fR\n" : ")\n", f);
	}
	if (t->params && t->params->name)
		fputs(".PP\nParameters:\n", f);
	for (const struct sl_param *p = t->params; p && p->name; p++)
		param(f, p);
	if (t->values && t->values->name)
		fputs(".PP\nValues in the report:\n", f);
	for (const struct sl_value *v = t->values; v && v->name; v++) {
		fputs(".TP\n\\fB", f);
		roff(f, v->name);
		fputs("\\fR\n", f);
		roff(f, v->help ? v->help : v->name);
		fputc('\n', f);
	}
	if (t->examples && *t->examples)
		fputs(".PP\nExamples:\n", f);
	for (const char *const *e = t->examples; e && *e; e++)
		code(f, *e);
	if (t->see_also && *t->see_also) {
		fputs(".PP\nSee also: ", f);
		roff(f, t->see_also);
		fputs("\n", f);
	}
}

static bool listed(const char *group)
{
	for (unsigned int i = 0; group_names[i]; i++)
		if (group && !strcmp(group, group_names[i]))
			return true;
	return false;
}

static void group(FILE *f, const char *name)
{
	bool any = false;

	for (const struct sl_filter_type *const *t = sl_types(); *t; t++) {
		if ((*t)->flags & SL_F_HIDDEN)
			continue;
		if (name ? !(*t)->group || strcmp((*t)->group, name) : listed((*t)->group))
			continue;
		if (!any) {
			fputs(".SH \"", f);
			for (const char *s = group_title(name); *s; s++)
				fputc(*s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s, f);
			fputs("\"\n", f);
		}
		any = true;
		filter(f, *t);
	}
}

int man_filters(FILE *f)
{
	fputs(".\\\" SPDX-License-Identifier: LGPL-2.1-or-later\n"
	      ".\\\" Written by \"streamline inspect --man\" from the filters' descriptors.\n"
	      ".TH STREAMLINE-FILTERS 7 \"\" \"Streamline\" \"Streamline\"\n"
	      ".SH NAME\n"
	      "streamline-filters \\- the filters that come with Streamline\n"
	      ".SH DESCRIPTION\n"
	      "A request joins filters by arrows, see\n"
	      ".BR srl (7).\n"
	      "This page holds every filter, by purpose.\n"
	      ".B streamline inspect\n"
	      ".I FILTER\n"
	      "shows one of them.\n"
	      "Every filter also counts blocks and bytes in, out, filtered, held and lost.\n", f);
	for (unsigned int i = 0; group_names[i]; i++)
		group(f, group_names[i]);
	group(f, NULL);
	fputs(".SH SEE ALSO\n"
	      ".BR streamline (1),\n"
	      ".BR streamline\\-inspect (1),\n"
	      ".BR srl (7)\n", f);
	return EXIT_OK;
}
