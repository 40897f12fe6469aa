/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* request.c -- from the words of a call to a request and its plan */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX	(16u << 20)	/* bytes; more is no request */

static char *read_all(FILE *f)
{
	size_t len = 0, cap = 4096, got;
	char *buf = malloc(cap + 1), *p;

	while (buf && (got = fread(buf + len, 1, cap - len, f)) > 0) {
		len += got;
		if (len < cap)
			continue;
		if (cap > REQUEST_MAX) {
			errno = EFBIG;
			break;
		}
		p = realloc(buf, (cap *= 2) + 1);
		if (!p) {
			free(buf);
			return NULL;
		}
		buf = p;
	}
	if (!buf)
		return NULL;
	if (ferror(f) || len > REQUEST_MAX) {
		free(buf);
		return NULL;
	}
	if (memchr(buf, '\0', len)) {
		errno = EINVAL;
		free(buf);
		return NULL;
	}
	buf[len] = '\0';
	return buf;
}

static int read_file(const char *name, char **text)
{
	FILE *f = strcmp(name, "-") ? fopen(name, "re") : stdin;

	errno = f ? 0 : errno;
	*text = f ? read_all(f) : NULL;
	if (!*text && errno == EINVAL)
		out_call_error("%s holds a zero byte: that is no request", name);
	else if (!*text)
		out_call_error("can't read the request from %s: %s", name,
			       strerror(errno ? errno : ENOMEM));
	if (f && f != stdin)
		fclose(f);
	return *text ? 0 : EXIT_CALL;
}

static char *join(const char *const *words)
{
	size_t len = 1;
	char *text, *at;

	for (unsigned int i = 0; words[i]; i++)
		len += strlen(words[i]) + 1;
	text = at = malloc(len);
	if (!text)
		return NULL;
	*text = '\0';
	for (unsigned int i = 0; words[i]; i++) {
		if (i)
			*at++ = ' ';
		at = stpcpy(at, words[i]);
	}
	return text;
}

static int find_text(const struct call *c, struct opened *o)
{
	const char *verb = c->verb->name;

	if (c->file && c->n_words)
		return out_call_error("two requests: one in %s, one in the call: '%s'", c->file, c->words[0]);
	if (!c->file && !c->n_words) {
		out_call_error("%s wants a request: streamline %s '(pcapin in.pcap) > (count)', or -f FILE",
			       verb, verb);
		return EXIT_CALL;
	}
	if (c->file)
		return read_file(c->file, &o->text);
	o->text = join(c->words);
	return o->text ? 0 : out_no_memory();
}

static int status_of(int r)
{
	switch (r) {
	case -ENOSPC:
		return EXIT_PLACE;
	case -EPERM:
	case -EACCES:
		return EXIT_RIGHT;
	case -ENOMEM:
		return out_no_memory();
	default:
		return EXIT_CALL;
	}
}

int request_parse(const struct call *c, struct opened *o)
{
	const char *name = !c->file ? NULL : strcmp(c->file, "-") ? c->file : "<stdin>";
	int r;

	memset(o, 0, sizeof(*o));
	o->ds = sl_diags_new();
	if (!o->ds)
		return out_no_memory();
	r = find_text(c, o);
	if (r)
		return r;
	r = sl_parse(o->text, name, &o->req, o->ds);
	return r < 0 ? status_of(r) : 0;
}

int request_plan(const struct call *c, struct opened *o, bool no_env, bool open_source)
{
	struct sl_options opts = {
		.size = sizeof(opts),
		.read_files = c->read_files,
		.iface = c->iface,
		.defines = c->defines,
		.workers = c->workers,
		.no_env = no_env,
		.open_source = open_source,
		.replay = c->has[F_REPLAY],
		.placement = c->placement,
		.as_written = c->has[F_EXPAND] || c->has[F_AS_WRITTEN],
		.passes = c->has[F_PASSES],
	};
	int r;

	r = request_parse(c, o);
	if (r)
		return r;
	r = sl_plan_new(o->req, &opts, &o->plan, o->ds);
	return r < 0 ? status_of(r) : 0;
}

void request_done(struct opened *o)
{
	sl_plan_free(o->plan);
	sl_request_free(o->req);
	sl_diags_free(o->ds);
	free(o->text);
}

/* ------------------------------------------------------------------ *
 * What a file declares by "let"
 * ------------------------------------------------------------------ */

/* The next string of flat JSON, unescaped in place; NULL at the end. null: "". */
static char *next_string(char **at)
{
	char *s = strpbrk(*at, "\"n"), *to;

	if (!s)
		return NULL;
	if (*s == 'n') {
		*at = s + strlen("null");
		return s + strlen(s);
	}
	to = ++s;
	for (*at = s; **at && **at != '"'; ++*at) {
		if (**at != '\\') {
			*to++ = **at;
			continue;
		}
		switch (*++*at) {
		case 'n':
		case 't':
		case 'r':
			*to++ = ' ';
			break;
		case 'u':	/* control characters only */
			*at += 4;
			break;
		default:
			*to++ = **at;
		}
	}
	*at += **at == '"';
	*to = '\0';
	return s;
}

int request_help(const struct call *c)
{
	char *json = NULL, *at, *key, *value;
	struct opened o;
	int r;

	r = request_parse(c, &o);
	if (r) {
		out_diags(c, o.ds, NULL);
		goto out;
	}
	json = sl_request_params_json(o.req);
	if (!json) {
		r = out_no_memory();
		goto out;
	}
	if (c->has[F_JSON]) {
		puts(json);
		goto out;
	}
	printf("streamline %s -f %s [-D NAME=VALUE]...\n\n", c->verb->name, c->file);
	at = json;
	if (!strchr(json, '{'))
		puts("  The file declares no parameters.");
	while ((key = next_string(&at)) && (value = next_string(&at))) {
		if (!strcmp(key, "name"))
			printf("  -D %s=", value);
		else if (!strcmp(key, "default"))
			printf("%s", value);
		else
			printf("%s%s\n", *value ? "    " : "", value);
	}
out:
	free(json);
	request_done(&o);
	return r;
}
