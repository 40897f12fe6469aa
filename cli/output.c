/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* output.c -- all that the command prints goes through here */
#include "cli.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool utf8;

void out_init(void)
{
	setlocale(LC_CTYPE, "");
	utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
}

bool out_colour(FILE *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(f)) && !(no && *no) && term && strcmp(term, "dumb");
}

static const struct {
	const char *glyph, *ascii;
} spelled[] = {
	{ "─", "-" }, { "│", "|" }, { "┌", "+" }, { "┐", "+" }, { "└", "+" }, { "┘", "+" },
	{ "├", "+" }, { "┤", "+" }, { "┬", "+" }, { "┴", "+" }, { "┼", "+" }, { "·", "|" },
	{ "–", "-" }, { "…", "..." }, { "═", "=" },
};

void out_text(FILE *f, const char *s)
{
	if (utf8) {
		fputs(s, f);
		return;
	}
	while (*s) {
		unsigned int i, n = sizeof(spelled) / sizeof(spelled[0]);

		for (i = 0; i < n; i++)
			if (!strncmp(s, spelled[i].glyph, strlen(spelled[i].glyph)))
				break;
		if (i < n) {
			fputs(spelled[i].ascii, f);
			s += strlen(spelled[i].glyph);
		} else {
			fputc(*s++, f);
		}
	}
}

char *out_diags_json(const struct sl_diags *ds)
{
	char *text = sl_diags_json(ds);

	/* outside of strings only, where JSON has no raw newline */
	for (char *s = text; s && (s = strchr(s, '\n')); )
		*s = ' ';
	return text;
}

void out_diags(const struct call *c, const struct sl_diags *ds, const char *outcome)
{
	char *text;

	if (!ds || !sl_diags_count(ds))
		return;
	if (c->has[F_QUIET] && !sl_diags_errors(ds))
		return;
	if (c->has[F_JSON]) {
		text = out_diags_json(ds);
		if (text)
			fprintf(stderr, "{\"event\":\"diagnostics\",\"diagnostics\":%s}\n", text);
	} else {
		text = sl_diags_format(ds, out_colour(stderr), outcome);
		if (text) {
			size_t len = strlen(text);

			out_text(stderr, text);
			if (len && text[len - 1] != '\n')
				fputc('\n', stderr);
		}
	}
	if (!text)
		out_no_memory();
	free(text);
}

int out_call_error(const char *fmt, ...)
{
	va_list ap;

	fputs("streamline: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_CALL;
}

int out_no_memory(void)
{
	fputs("streamline: out of memory\n", stderr);
	return EXIT_RUN;
}

static int put_line(FILE *f, char *text, void (*put)(FILE *f, const char *text))
{
	size_t len;

	if (!text)
		return out_no_memory();
	len = strlen(text);
	put(f, text);
	if (!len || text[len - 1] != '\n')
		fputc('\n', f);
	free(text);
	return EXIT_OK;
}

static void put_plain(FILE *f, const char *text)
{
	fputs(text, f);
}

int out_line(FILE *f, char *text)
{
	return put_line(f, text, put_plain);
}

int out_words(FILE *f, char *text)
{
	return put_line(f, text, out_text);
}

void out_json_strn(FILE *f, const char *s, size_t n)
{
	fputc('"', f);
	for (; n; s++, n--) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if (*s == '\n')
			fputs("\\n", f);
		else if ((unsigned char)*s < ' ')
			fprintf(f, "\\u%04x", *s);
		else
			fputc(*s, f);
	}
	fputc('"', f);
}

void out_notes(FILE *f, const struct sl_plan *p)
{
	const char *note;

	for (unsigned int i = 0; (note = sl_plan_note(p, i)); i++) {
		fputs("no effect: ", f);
		out_text(f, note);
		fputc('\n', f);
	}
}

int out_end(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		fprintf(stderr, "streamline: can't write to standard output: %s\n", strerror(errno));
	return status ? status : EXIT_RUN;
}
