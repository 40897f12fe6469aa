/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/costs.c -- the table of costs: read, printed, asked
 *
 * Lines of words. The reader is strict, for the file in the cache steers what runs in the
 * kernel: unknown words, numbers out of bounds, a line given twice in one text and words
 * left over are errors with their line, and an error leaves the table as it was.
 */
#include "plan/costs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_MAX		1e9
#define FRAME_MAX	65535
#define WORDS_MAX	16

struct reader {
	struct sl_costs *c;
	unsigned int line;
	const char *word[WORDS_MAX];	/* of the line, NUL-terminated */
	unsigned int n, at;
	char *why;
	size_t size;
	/* seen in this text */
	bool filter[SL_COSTS_FILTERS], border[SL_COSTS_BORDERS], call, tail_call, crossing, frame;
};

static int wrong(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int wrong(struct reader *r, const char *fmt, ...)
{
	int n = snprintf(r->why, r->size, "line %u: ", r->line);
	va_list ap;

	if (n > 0 && (size_t)n < r->size) {
		va_start(ap, fmt);
		vsnprintf(r->why + n, r->size - (size_t)n, fmt, ap);
		va_end(ap);
	}
	return -EINVAL;
}

/* The next word, "" at the end of the line. */
static const char *next(struct reader *r)
{
	return r->at < r->n ? r->word[r->at++] : "";
}

static bool is(const struct reader *r, const char *word)
{
	return r->at < r->n && !strcmp(r->word[r->at], word);
}

/* Digits with at most one dot between them, then `unit`. */
static bool number(const char *word, const char *unit, double max, double *out)
{
	const char *p = word;
	double v = 0, unit_of = 1;
	unsigned int digits = 0;
	bool dot = false;

	for (; (*p >= '0' && *p <= '9') || (*p == '.' && !dot); p++) {
		if (*p == '.') {
			if (!digits)
				return false;
			dot = true;
			continue;
		}
		if (++digits > 15)
			return false;
		v = v * 10 + (*p - '0');
		if (dot)
			unit_of *= 10;
	}
	if (!digits || p[-1] == '.' || strcmp(p, unit) || v / unit_of > max)
		return false;
	*out = v / unit_of;
	return true;
}

static int cost(struct reader *r, struct sl_cost *out)
{
	const char *w = next(r);

	if (!number(w, "ns", NS_MAX, &out->block_ns))
		return wrong(r, "'%.40s' is not a time for each block, such as 4ns", w);
	w = next(r);
	if (!number(w, "ns/B", NS_MAX, &out->byte_ns))
		return wrong(r, "'%.40s' is not a time for each byte, such as 0.06ns/B", w);
	return 0;
}

static int name(struct reader *r, bool star, char out[SL_COSTS_NAME])
{
	const char *w = next(r), *p;

	if (star && !strcmp(w, "*"))
		return strcpy(out, w), 0;
	for (p = w; (*p >= 'a' && *p <= 'z') || (p > w && ((*p >= '0' && *p <= '9') || strchr("-_", *p))); p++)
		if (!*p)
			break;
	if (*p || p == w || p - w >= SL_COSTS_NAME)
		return wrong(r, "'%.40s' is no name", w);
	memcpy(out, w, (size_t)(p - w) + 1);
	return 0;
}

static int read_filter(struct reader *r)
{
	struct sl_costs *c = r->c;
	struct sl_cost_filter f = { 0 };
	unsigned int i;
	int e = name(r, true, f.name);

	while (!e && r->at < r->n) {
		if (is(r, "user") && !f.has_user) {
			next(r);
			f.has_user = true;
			e = cost(r, &f.user);
		} else if (is(r, "kernel") && !f.has_kernel) {
			next(r);
			f.has_kernel = true;
			e = cost(r, &f.kernel);
		} else if (is(r, "pass") && !f.has_pass) {
			const char *w;

			next(r);
			w = next(r);
			f.has_pass = true;
			if (!number(w, "", 1, &f.pass))
				e = wrong(r, "'%.40s' is not a share from 0 to 1", w);
		} else {
			e = wrong(r, "'%.40s' is not one of: user, kernel, pass; each once", r->word[r->at]);
		}
	}
	if (e)
		return e;
	for (i = 0; i < c->n_filters && strcmp(c->filter[i].name, f.name); i++)
		;
	if (i == SL_COSTS_FILTERS)
		return wrong(r, "more than %u filters", SL_COSTS_FILTERS);
	if (r->filter[i])
		return wrong(r, "filter %s has a line already", f.name);
	r->filter[i] = true;
	if (i == c->n_filters) {
		c->filter[c->n_filters++] = f;
		return 0;
	}
	if (f.has_user)
		c->filter[i].user = f.user;
	if (f.has_kernel)
		c->filter[i].kernel = f.kernel;
	if (f.has_pass)
		c->filter[i].pass = f.pass;
	c->filter[i].has_user |= f.has_user;
	c->filter[i].has_kernel |= f.has_kernel;
	c->filter[i].has_pass |= f.has_pass;
	return 0;
}

static int read_border(struct reader *r)
{
	struct sl_costs *c = r->c;
	struct sl_cost_border b = { 0 };
	unsigned int i;
	int e = name(r, false, b.name);

	if (!e && strcmp(next(r), "write"))
		e = wrong(r, "a border has 'write' behind its name");
	if (!e)
		e = cost(r, &b.write);
	if (!e && strcmp(next(r), "read"))
		e = wrong(r, "a border has 'read' behind what it costs to write");
	if (!e)
		e = cost(r, &b.read);
	if (e)
		return e;
	for (i = 0; i < c->n_borders && strcmp(c->border[i].name, b.name); i++)
		;
	if (i == SL_COSTS_BORDERS)
		return wrong(r, "more than %u borders", SL_COSTS_BORDERS);
	if (r->border[i])
		return wrong(r, "border %s has a line already", b.name);
	r->border[i] = true;
	c->n_borders += i == c->n_borders;
	c->border[i] = b;
	return 0;
}

static int read_stream(struct reader *r)
{
	const char *what = next(r), *w = next(r);
	bool *seen = !strcmp(what, "call") ? &r->call : !strcmp(what, "tail-call") ? &r->tail_call :
		     !strcmp(what, "crossing") ? &r->crossing : NULL;
	double ns;

	if (!seen)
		return wrong(r, "'%.40s' is not one of: call, tail-call, crossing", what);
	if (*seen)
		return wrong(r, "stream %s has a line already", what);
	if (!number(w, "ns", NS_MAX, &ns))
		return wrong(r, "'%.40s' is not a time, such as 2ns", w);
	*seen = true;
	*(seen == &r->call ? &r->c->call_ns : seen == &r->tail_call ? &r->c->tail_call_ns
								   : &r->c->crossing_ns) = ns;
	return 0;
}

static int read_frame(struct reader *r)
{
	const char *w = next(r);
	double bytes;

	if (r->frame)
		return wrong(r, "frame has a line already");
	if (!number(w, "B", FRAME_MAX, &bytes) || bytes < 1)
		return wrong(r, "'%.40s' is not a size from 1B to %dB", w, FRAME_MAX);
	r->frame = true;
	r->c->frame_bytes = bytes;
	return 0;
}

/* A line without its end and its comment. */
static int read_line(struct reader *r, char *line)
{
	const char *what;
	int e;

	r->n = r->at = 0;
	for (char *p = strtok_r(line, " \t", &line); p; p = strtok_r(NULL, " \t", &line)) {
		if (r->n == WORDS_MAX)
			return wrong(r, "too many words");
		r->word[r->n++] = p;
	}
	if (!r->n)
		return 0;
	what = next(r);
	e = !strcmp(what, "filter") ? read_filter(r) :
	    !strcmp(what, "border") ? read_border(r) :
	    !strcmp(what, "stream") ? read_stream(r) :
	    !strcmp(what, "frame") ? read_frame(r) :
	    wrong(r, "'%.40s' is not one of: filter, border, stream, frame", what);
	if (!e && r->at < r->n)
		e = wrong(r, "'%.40s' is too much", r->word[r->at]);
	return e;
}

int sl_costs_parse(struct sl_costs *c, const char *text, size_t len, char *why, size_t size)
{
	struct reader *r = calloc(1, sizeof(*r));
	struct sl_costs *copy = malloc(sizeof(*copy));
	char *own = strndup(text, len), *line, *rest = own;
	int e = -ENOMEM;

	if (!r || !copy || !own) {
		snprintf(why, size, "out of memory");
		goto out;
	}
	*copy = *c;
	r->c = copy;
	r->why = why;
	r->size = size;
	e = 0;
	if (strlen(own) != len) {
		for (size_t i = 0; i < strlen(own); i++)
			r->line += own[i] == '\n';
		r->line++;
		e = wrong(r, "it holds a zero byte");
	}
	while (!e && (line = strsep(&rest, "\n"))) {
		r->line++;
		line[strcspn(line, "#")] = '\0';
		e = read_line(r, line);
	}
	if (!e)
		*c = *copy;
out:
	free(own);
	free(copy);
	free(r);
	return e;
}

struct sl_costs *sl_costs_new(void)
{
	struct sl_costs *c = calloc(1, sizeof(*c));
	char why[160];

	if (c && sl_costs_parse(c, sl_costs_text, strlen(sl_costs_text), why, sizeof(why))) {
		free(c);	/* out of memory: a test reads the text */
		c = NULL;
	}
	return c;
}

void sl_costs_free(struct sl_costs *c)
{
	if (!c)
		return;
	free(c->file);
	free(c);
}

/* ---- files ------------------------------------------------------------ */

char *sl_costs_file(void)
{
	const char *dir = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
	char *file = NULL;
	int n;

	if (dir && *dir == '/')
		n = asprintf(&file, "%s/streamline/costs", dir);
	else if (!geteuid())
		n = asprintf(&file, "/var/cache/streamline/costs");
	else if (home && *home == '/')
		n = asprintf(&file, "%s/.cache/streamline/costs", home);
	else
		return NULL;
	return n < 0 ? NULL : file;
}

static int read_fd(struct sl_costs *c, int fd, const char *file, char *why, size_t size)
{
	struct stat st;
	size_t len = 0;
	char *text;
	ssize_t n;
	int e = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > SL_COSTS_FILE_MAX)
		return snprintf(why, size, "it is no file of at most %u bytes", SL_COSTS_FILE_MAX), -EINVAL;
	if ((st.st_uid && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
		return snprintf(why, size, "others could have written it"), -EPERM;
	text = malloc(SL_COSTS_FILE_MAX + 1);
	if (!text)
		return snprintf(why, size, "out of memory"), -ENOMEM;
	while (!e && len <= SL_COSTS_FILE_MAX && (n = read(fd, text + len, SL_COSTS_FILE_MAX + 1 - len))) {
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			e = -errno;
	}
	if (e)
		snprintf(why, size, "%s", strerror(-e));
	else if (len > SL_COSTS_FILE_MAX)
		snprintf(why, size, "it grows"), e = -EINVAL;
	else
		e = sl_costs_parse(c, text, len, why, size);
	free(text);
	if (!e) {
		free(c->file);
		c->file = strdup(file);
		c->file_time = st.st_mtime;
	}
	return e;
}

int sl_costs_read(struct sl_costs *c, const char *file, char *why, size_t size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), e;

	if (fd < 0) {
		e = errno == ENOTDIR ? -ENOENT : -errno;
		snprintf(why, size, "%s", strerror(-e));
		return e;
	}
	*why = '\0';
	e = read_fd(c, fd, file, why, size);
	if (e && !*why)
		snprintf(why, size, "%s", strerror(-e));
	close(fd);
	return e;
}

/* ---- printing, asking --------------------------------------------------- */

/* Shortest decimal that reads back the same: no exponent, at most 15 digits. */
static void put_number(FILE *f, double v, const char *unit)
{
	char buf[64];
	double again;

	for (int digits = 0; digits < 15; digits++) {
		snprintf(buf, sizeof(buf), "%.*f", digits, v);
		if (number(buf, "", 1e15, &again) && again == v)
			break;
	}
	fprintf(f, " %s%s", buf, unit);
}

static void put_cost(FILE *f, const char *what, const struct sl_cost *c)
{
	fprintf(f, " %s", what);
	put_number(f, c->block_ns, "ns");
	put_number(f, c->byte_ns, "ns/B");
}

char *sl_costs_print(const struct sl_costs *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fputs("frame", f);
	put_number(f, c->frame_bytes, "B");
	fputs("\nstream call", f);
	put_number(f, c->call_ns, "ns");
	fputs("\nstream tail-call", f);
	put_number(f, c->tail_call_ns, "ns");
	fputs("\nstream crossing", f);
	put_number(f, c->crossing_ns, "ns");
	fputc('\n', f);
	for (unsigned int i = 0; i < c->n_borders; i++) {
		fprintf(f, "border %s", c->border[i].name);
		put_cost(f, "write", &c->border[i].write);
		put_cost(f, "read", &c->border[i].read);
		fputc('\n', f);
	}
	for (unsigned int i = 0; i < c->n_filters; i++) {
		const struct sl_cost_filter *x = &c->filter[i];

		fprintf(f, "filter %s", x->name);
		if (x->has_user)
			put_cost(f, "user", &x->user);
		if (x->has_kernel)
			put_cost(f, "kernel", &x->kernel);
		if (x->has_pass) {
			fputs(" pass", f);
			put_number(f, x->pass, "");
		}
		fputc('\n', f);
	}
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static const struct sl_cost_filter *find(const struct sl_costs *c, const char *name)
{
	for (unsigned int i = 0; i < c->n_filters; i++)
		if (!strcmp(c->filter[i].name, name))
			return &c->filter[i];
	return NULL;
}

struct sl_cost_filter sl_costs_filter(const struct sl_costs *c, const char *name)
{
	static const struct sl_cost_filter plain = { .pass = 1 };
	const struct sl_cost_filter *x = find(c, name), *any = find(c, "*");
	struct sl_cost_filter f = x ? *x : plain;

	if (!any)
		any = &plain;
	if (!f.has_user)
		f.user = any->user;
	if (!f.has_kernel)
		f.kernel = any->kernel;
	if (!f.has_pass)
		f.pass = any->pass;
	return f;
}

const struct sl_cost_border *sl_costs_border(const struct sl_costs *c, const char *name)
{
	for (unsigned int i = 0; i < c->n_borders; i++)
		if (!strcmp(c->border[i].name, name))
			return &c->border[i];
	return NULL;
}
