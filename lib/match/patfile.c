/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * patfile -- sets of byte patterns and the files they are kept in
 *
 * The notation is in patfile.h. The reader goes line by line and never looks
 * back: a line is either good and adds one pattern, or bad and adds one error,
 * and the next line is read in any case. Each line is decoded into one scratch
 * buffer, which is large enough because no notation makes bytes longer.
 *
 * Duplicates are found through an open-addressing table of item numbers, at
 * most half full, keyed by the bytes (folded for nocase), group and case; groups
 * through another one by their names.
 */
#include "match/patfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"

#define MAX_FILE_BYTES (1ull << 30)
#define MAX_ERRORS 100		/* then the rest of the file is not worth reading */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_word0(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_word(uint8_t c)
{
	return is_word0(c) || (c >= '0' && c <= '9') || c == '-';
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* ---- the set ---- */

struct sl_patterns *sl_patterns_new(void)
{
	struct sl_patterns *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	ps->arena = sl_arena_new();
	ps->index_mask = 63;
	ps->index = calloc(64, sizeof(*ps->index));
	ps->group_mask = 63;
	ps->group_index = calloc(64, sizeof(*ps->group_index));
	if (!ps->arena || !ps->index || !ps->group_index || sl_patterns_group(ps, "match", 5) < 0) {
		sl_patterns_free(ps);
		return NULL;
	}
	return ps;
}

void sl_patterns_free(struct sl_patterns *ps)
{
	if (!ps)
		return;
	sl_arena_free(ps->arena);
	free(ps->items);
	free(ps->groups);
	free(ps->index);
	free(ps->group_index);
	free(ps);
}

/* Room for one more element; the array doubles. */
static int grow(void **items, unsigned int n, unsigned int *cap, size_t size)
{
	unsigned int want = *cap ? *cap * 2 : 16;
	void *p;

	if (n < *cap)
		return 0;
	if (want < *cap)
		return -ENOMEM;
	p = realloc(*items, want * size);
	if (!p)
		return -ENOMEM;
	*items = p;
	*cap = want;
	return 0;
}

static uint32_t item_hash(const uint8_t *p, size_t len, unsigned int group, bool nocase)
{
	uint64_t h = 0xcbf29ce484222325u ^ ((uint64_t)group << 1 | nocase);
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (nocase ? fold(p[i]) : p[i])) * 0x100000001b3u;
	return (uint32_t)(h ^ h >> 32);
}

static bool group_is(const struct sl_patterns *ps, unsigned int g, const char *name, size_t len)
{
	return !strncmp(ps->groups[g], name, len) && !ps->groups[g][len];
}

/* The place of a name in the table, or the free one where it would be. */
static uint32_t group_slot(const struct sl_patterns *ps, const char *name, size_t len)
{
	uint32_t at = item_hash((const uint8_t *)name, len, 0, false) & ps->group_mask;

	while (ps->group_index[at] && !group_is(ps, ps->group_index[at] - 1, name, len))
		at = (at + 1) & ps->group_mask;
	return at;
}

static int groups_double(struct sl_patterns *ps)
{
	uint32_t mask = ps->group_mask * 2 + 1;
	uint32_t *index = calloc((size_t)mask + 1, sizeof(*index));

	if (!index)
		return -ENOMEM;
	free(ps->group_index);
	ps->group_index = index;
	ps->group_mask = mask;
	for (unsigned int g = 0; g < ps->n_groups; g++)
		index[group_slot(ps, ps->groups[g], strlen(ps->groups[g]))] = g + 1;
	return 0;
}

int sl_patterns_group(struct sl_patterns *ps, const char *name, size_t len)
{
	unsigned int i;
	uint32_t at;
	char *copy;

	if (!len || !is_word0((uint8_t)name[0]))
		return -EINVAL;
	for (i = 1; i < len; i++)
		if (!is_word((uint8_t)name[i]))
			return -EINVAL;
	/* Files keep their groups together: often it is the latest again. */
	if (ps->n_groups && group_is(ps, ps->n_groups - 1, name, len))
		return (int)ps->n_groups - 1;
	at = group_slot(ps, name, len);
	if (ps->group_index[at])
		return (int)ps->group_index[at] - 1;
	if (ps->n_groups >= ps->group_mask / 2) {
		if (groups_double(ps) < 0)
			return -ENOMEM;
		at = group_slot(ps, name, len);
	}
	if (grow((void **)&ps->groups, ps->n_groups, &ps->cap_groups, sizeof(*ps->groups)) < 0)
		return -ENOMEM;
	copy = sl_arena_strndup(ps->arena, name, len);
	if (!copy)
		return -ENOMEM;
	ps->groups[ps->n_groups] = copy;
	ps->group_index[at] = ++ps->n_groups;
	return (int)ps->n_groups - 1;
}

/* Take back the newest group. No probe goes past its slot for another one. */
static void drop_group(struct sl_patterns *ps)
{
	const char *name = ps->groups[ps->n_groups - 1];

	ps->group_index[group_slot(ps, name, strlen(name))] = 0;
	ps->n_groups--;
}

static bool item_is(const struct sl_pattern *it, const uint8_t *p, size_t len,
		    unsigned int group, bool nocase)
{
	size_t i;

	if (it->len != len || it->group != group || it->nocase != nocase)
		return false;
	if (!nocase)
		return !memcmp(it->bytes, p, len);
	for (i = 0; i < len; i++)
		if (fold(it->bytes[i]) != fold(p[i]))
			return false;
	return true;
}

static int index_double(struct sl_patterns *ps)
{
	uint32_t mask = ps->index_mask * 2 + 1, i, at;
	uint32_t *index = calloc((size_t)mask + 1, sizeof(*index));

	if (!index)
		return -ENOMEM;
	for (i = 0; i < ps->n; i++) {
		const struct sl_pattern *it = &ps->items[i];

		at = item_hash(it->bytes, it->len, it->group, it->nocase) & mask;
		while (index[at])
			at = (at + 1) & mask;
		index[at] = i + 1;
	}
	free(ps->index);
	ps->index = index;
	ps->index_mask = mask;
	return 0;
}

int sl_patterns_add(struct sl_patterns *ps, const void *bytes, size_t len,
		    unsigned int group, bool nocase)
{
	struct sl_pattern *it;
	uint8_t *copy;
	uint32_t at;

	if (!len || len > SL_PATTERN_MAX_BYTES || group >= ps->n_groups)
		return -EINVAL;
	if (ps->n >= ps->index_mask / 2 && index_double(ps) < 0)
		return -ENOMEM;
	at = item_hash(bytes, len, group, nocase) & ps->index_mask;
	for (; ps->index[at]; at = (at + 1) & ps->index_mask)
		if (item_is(&ps->items[ps->index[at] - 1], bytes, len, group, nocase))
			return (int)ps->index[at] - 1;

	if (ps->n >= INT32_MAX / 2 ||
	    grow((void **)&ps->items, ps->n, &ps->cap, sizeof(*ps->items)) < 0)
		return -ENOMEM;
	copy = sl_arena_alloc(ps->arena, len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, bytes, len);
	it = &ps->items[ps->n];
	*it = (struct sl_pattern){
		.bytes = copy, .len = (uint32_t)len, .group = group, .nocase = nocase,
	};
	ps->index[at] = ++ps->n;
	ps->bytes += len;
	if (!ps->shortest || it->len < ps->shortest)
		ps->shortest = it->len;
	if (it->len > ps->longest)
		ps->longest = it->len;
	return (int)ps->n - 1;
}

/* ---- the reader ---- */

struct reader {
	struct sl_patterns *ps;
	struct sl_diags *ds;
	const char *name;
	const uint8_t *text;
	size_t len;
	struct sl_source *src;	/* made with the first error: files can be large */
	unsigned int errors;
	uint32_t line;
	bool nocase;		/* the switch */
	int failed;		/* memory is out */
	uint8_t *buf;		/* the pattern being decoded */
	size_t n;
};

static struct sl_span span_at(struct reader *r, const uint8_t *p, size_t len)
{
	struct sl_span at = { .len = (uint32_t)len };

	if (!r->src)
		r->src = sl_source_new(r->name, (const char *)r->text, r->len);
	at.src = r->src;
	at.off = r->src ? (uint32_t)(p - r->text) : 0;
	return at;
}

/* The errors of decoding; a line yields at most one. */
#define BAD(r, p, len, ...) \
	(bad_line(r) ? sl_err((r)->ds, "E204", span_at(r, p, len), __VA_ARGS__) : NULL)

static bool bad_line(struct reader *r)
{
	r->errors++;
	return r->ds;
}

static void note_bar(struct sl_diag_new *d, bool native)
{
	if (!d)
		return;
	sl_err_note(d, "bytes in hex stand between two bars, as in |0d 0a|; a bar itself is written %s",
		    native ? "\\|" : "|7c|");
	if (native)
		sl_err_note(d, "a list in which every line is meant as it stands is loaded raw");
}

/* |0d 0a|: *at stands on the opening bar and is moved behind the closing one. */
static bool decode_hex(struct reader *r, const uint8_t **at, const uint8_t *end, bool native)
{
	const uint8_t *open = *at, *p = open + 1, *digit = NULL;
	const uint8_t *shut = p < end ? memchr(p, '|', (size_t)(end - p)) : NULL;
	size_t before = r->n;
	struct sl_diag_new *d;
	int hi = 0, v;

	if (!shut) {
		d = BAD(r, open, 1, "this | is never closed");
		if (d)
			sl_err_fix(d, native ? "\\|" : "|7c|");
		note_bar(d, native);
		return false;
	}
	for (; p < shut; p++) {
		if (is_blank(*p)) {
			if (digit)
				break;
			continue;
		}
		v = hex_value(*p);
		if (v < 0) {
			if (*p > ' ' && *p < 0x7f)
				d = BAD(r, p, 1, "'%c' is not a hex digit", *p);
			else
				d = BAD(r, p, 1, "byte 0x%02x is not a hex digit", *p);
			note_bar(d, native);
			return false;
		}
		if (digit) {
			r->buf[r->n++] = (uint8_t)(hi << 4 | v);
			digit = NULL;
		} else {
			hi = v;
			digit = p;
		}
	}
	if (digit) {
		BAD(r, digit, 1, "half a byte: hex digits come in pairs");
		return false;
	}
	if (r->n == before) {
		note_bar(BAD(r, open, (size_t)(shut - open) + 1, "no byte between the bars"), native);
		return false;
	}
	*at = shut + 1;
	return true;
}

/* A backslash and what follows. */
static bool decode_escape(struct reader *r, const uint8_t **at, const uint8_t *end, bool native)
{
	const uint8_t *p = *at;
	uint8_t c;
	int hi, lo;

	if (p + 1 == end) {
		struct sl_diag_new *d = BAD(r, p, 1, "nothing follows the backslash");

		if (d)
			sl_err_fix(d, "\\\\");
		return false;
	}
	c = p[1];
	*at = p + 2;
	if (native) {
		switch (c) {
		case 'n':
			c = '\n';
			break;
		case 'r':
			c = '\r';
			break;
		case 't':
			c = '\t';
			break;
		case '0':
			c = '\0';
			break;
		case 'x':
			hi = p + 2 < end ? hex_value(p[2]) : -1;
			lo = p + 3 < end ? hex_value(p[3]) : -1;
			if (hi < 0 || lo < 0) {
				BAD(r, p, 2, "\\x needs two hex digits");
				return false;
			}
			c = (uint8_t)(hi << 4 | lo);
			*at = p + 4;
			break;
		}
	}
	r->buf[r->n++] = c;
	return true;
}

/* Decode until the end or, when `quote` is set, a closing quote; *at is left there. */
static bool decode(struct reader *r, const uint8_t **at, const uint8_t *end, bool native, bool quote)
{
	const uint8_t *p = *at;

	while (p < end && !(quote && *p == '"')) {
		if (*p == '|') {
			if (!decode_hex(r, &p, end, native))
				return false;
		} else if (*p == '\\') {
			if (!decode_escape(r, &p, end, native))
				return false;
		} else {
			r->buf[r->n++] = *p++;
		}
	}
	*at = p;
	return true;
}

static void add(struct reader *r, const uint8_t *p, const uint8_t *end, unsigned int group, bool nocase)
{
	unsigned int before = r->ps->n;
	int i;

	if (!r->n) {
		BAD(r, p, end > p ? (size_t)(end - p) : 1, "this pattern is empty");
		return;
	}
	if (r->n > SL_PATTERN_MAX_BYTES) {
		BAD(r, p, 1, "this pattern has %zu bytes; at most %d are possible", r->n,
		    SL_PATTERN_MAX_BYTES);
		return;
	}
	i = sl_patterns_add(r->ps, r->buf, r->n, group, nocase);
	if (i < 0)
		r->failed = i;
	else if (r->ps->n != before)
		r->ps->items[i].line = r->line;
}

static const uint8_t *skip_blanks(const uint8_t *p, const uint8_t *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

static bool word_is(const uint8_t *p, const uint8_t *end, const char *word)
{
	return (size_t)(end - p) == strlen(word) && !memcmp(p, word, strlen(word));
}

/* A line that only switches: nocase, nocase on, nocase off. */
static bool is_switch(struct reader *r, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *arg;

	if (end - p < 6 || memcmp(p, "nocase", 6) || (p + 6 < end && !is_blank(p[6])))
		return false;
	arg = skip_blanks(p + 6, end);
	if (arg == end || word_is(arg, end, "on"))
		r->nocase = true;
	else if (word_is(arg, end, "off"))
		r->nocase = false;
	else
		return false;
	return true;
}

/*
 * What may stand before a pattern: `group:`, `group nocase:` or `nocase:`, each
 * with a blank or the line's end behind the colon. Returns the pattern's start,
 * which is p when there is nothing of the kind.
 */
static const uint8_t *read_head(struct reader *r, const uint8_t *p, const uint8_t *end,
				unsigned int *group, bool *nocase)
{
	const uint8_t *q = p, *name_end, *word;
	bool flag = false;
	int g = 0;

	if (q == end || !is_word0(*q))
		return p;
	while (q < end && is_word(*q))
		q++;
	name_end = q;
	word = skip_blanks(q, end);
	if (word > q && end - word >= 6 && !memcmp(word, "nocase", 6)) {
		q = word + 6;
		flag = true;
	}
	if (q == end || *q != ':' || (q + 1 < end && !is_blank(q[1])))
		return p;
	if (!flag && word_is(p, name_end, "nocase")) {
		flag = true;
	} else {
		g = sl_patterns_group(r->ps, (const char *)p, (size_t)(name_end - p));
		if (g < 0) {
			r->failed = g;
			return p;
		}
	}
	*group = (unsigned int)g;
	*nocase |= flag;
	return skip_blanks(q + 1, end);
}

/* Blanks at the end are dropped, but not one that a backslash protects. */
static const uint8_t *trim_end(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *q = end, *s;

	while (q > p && is_blank(q[-1]))
		q--;
	for (s = q; s > p && s[-1] == '\\'; )
		s--;
	return (q - s) % 2 && q < end ? q + 1 : q;
}

static void read_native(struct reader *r, const uint8_t *p, const uint8_t *end)
{
	unsigned int group = 0, groups = r->ps->n_groups;
	bool nocase = r->nocase;
	const uint8_t *start, *head;
	unsigned int errors = r->errors;

	p = skip_blanks(p, end);
	if (p == end || *p == '#')
		return;
	end = trim_end(p, end);
	if (is_switch(r, p, end))
		return;
	head = p;
	p = read_head(r, p, end, &group, &nocase);
	if (r->failed)
		return;
	if (p == end) {
		struct sl_diag_new *d = BAD(r, head, (size_t)(end - head),
					    "a group's name, but no pattern behind it");
		if (d) {
			sl_err_fix(d, "\"%.*s\"", (int)(end - head), head);
			sl_err_note(d, "to look for the text itself, put it in quotes");
		}
		goto bad;
	}
	start = p;
	if (*p != '"') {
		if (decode(r, &p, end, true, false))
			add(r, start, end, group, nocase);
		goto bad;
	}
	p++;
	if (!decode(r, &p, end, true, true))
		goto bad;
	if (p == end) {
		struct sl_diag_new *d = BAD(r, start, 1, "this quote is never closed");

		if (d)
			sl_err_fix(d, "\\\"");
		goto bad;
	}
	p = skip_blanks(p + 1, end);
	if (word_is(p, end, "nocase"))
		nocase = true;
	else if (p < end) {
		struct sl_diag_new *d = BAD(r, p, (size_t)(end - p),
					    "after the closing quote only nocase may follow");
		if (d)
			sl_err_note(d, "a quote that is part of the pattern is written \\\"");
		goto bad;
	}
	add(r, start, end, group, nocase);
bad:
	/* A bad line leaves no group behind. */
	if (r->errors != errors && r->ps->n_groups != groups)
		drop_group(r->ps);
}

static void read_line(struct reader *r, const uint8_t *p, const uint8_t *end,
		      enum sl_pattern_syntax syntax)
{
	const uint8_t *start = p;

	r->n = 0;
	switch (syntax) {
	case SL_PATTERNS_NATIVE:
		read_native(r, p, end);
		break;
	case SL_PATTERNS_SNORT:
		if (p < end && decode(r, &p, end, false, false))
			add(r, start, end, 0, false);
		break;
	case SL_PATTERNS_RAW:
		if (p == end)
			break;
		r->n = (size_t)(end - p);
		memcpy(r->buf, p, r->n);
		add(r, start, end, 0, false);
		break;
	}
}

int sl_patterns_parse(const char *name, const void *text, size_t len,
		      enum sl_pattern_syntax syntax, struct sl_diags *ds, struct sl_patterns **out)
{
	struct reader r = { .ds = ds, .name = name, .text = text, .len = len };
	const uint8_t *p = text, *end = p + len, *eol, *next;
	size_t room = 0;
	int ret = -ENOMEM;

	/* Places are counted in 32 bits. */
	if (len > UINT32_MAX - 1) {
		if (ds)
			sl_err(ds, "E204", (struct sl_span){ 0 }, "%s has more than 4 GiB", name);
		return -EFBIG;
	}
	r.ps = sl_patterns_new();
	if (!r.ps)
		goto out;
	if (syntax == SL_PATTERNS_NATIVE && len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	for (; p < end; p = next) {
		eol = memchr(p, '\n', (size_t)(end - p));
		next = eol ? eol + 1 : end;
		if (!eol)
			eol = end;
		r.line++;
		if (eol > p && eol[-1] == '\r')
			eol--;
		if ((size_t)(eol - p) > room || !r.buf) {
			free(r.buf);
			room = (size_t)(eol - p) * 2 + 256;
			r.buf = malloc(room);
			if (!r.buf)
				goto out;
		}
		read_line(&r, p, eol, syntax);
		if (r.failed) {
			ret = r.failed;
			goto out;
		}
		if (r.errors >= MAX_ERRORS)
			break;
	}
	if (r.errors) {
		ret = -EINVAL;
		goto out;
	}
	*out = r.ps;
	r.ps = NULL;
	ret = 0;
out:
	sl_patterns_free(r.ps);
	sl_source_put(r.src);
	free(r.buf);
	return ret;
}

/*
 * A whole file or what comes out of a pipe, which does not tell its size. A device
 * may never end and is refused (-ENXIO), so is what is too large (-EFBIG).
 */
static int read_all(const char *path, uint8_t **text, size_t *len)
{
	size_t n = 0, cap = 1 << 16;
	uint8_t *buf = NULL, *bigger;
	struct stat st;
	ssize_t got;
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		ret = -errno;
		goto fail;
	}
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		ret = -ENXIO;
		goto fail;
	}
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > MAX_FILE_BYTES) {
		ret = -EFBIG;
		goto fail;
	}
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		cap = (size_t)st.st_size + 1;
	for (;;) {
		if (n == cap || !buf) {
			if (buf)
				cap *= 2;
			bigger = realloc(buf, cap);
			if (!bigger) {
				ret = -ENOMEM;
				goto fail;
			}
			buf = bigger;
		}
		got = read(fd, buf + n, cap - n);
		if (got < 0) {
			if (errno == EINTR)
				continue;
			ret = -errno;
			goto fail;
		}
		if (!got)
			break;
		n += (size_t)got;
		if (n > MAX_FILE_BYTES) {
			ret = -EFBIG;
			goto fail;
		}
	}
	close(fd);
	*text = buf;
	*len = n;
	return 0;
fail:
	free(buf);
	close(fd);
	return ret;
}

int sl_patterns_load(const char *path, enum sl_pattern_syntax syntax, struct sl_span at,
		     struct sl_diags *ds, struct sl_patterns **out)
{
	uint8_t *text = NULL;
	size_t len = 0;
	int ret;

	ret = read_all(path, &text, &len);
	if (ret < 0) {
		if (ds && ret == -ENXIO)
			sl_err(ds, "E204", at, "'%s' is a device: patterns are read from a file or a pipe", path);
		else if (ds && ret == -EFBIG)
			sl_err(ds, "E204", at, "'%s' has more than 1 GiB, too much for a pattern file", path);
		else if (ds)
			sl_err(ds, "E201", at, "cannot read the pattern file '%s': %s", path,
			       strerror(-ret));
		return ret;
	}
	ret = sl_patterns_parse(path, text, len, syntax, ds, out);
	free(text);
	return ret;
}
