/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json.c -- JSON, written
 *
 * Invariants: buf, when there, ends in a NUL at buf[len]; once `failed` is set
 * nothing is written any more, so half a text is never taken for a whole one.
 */
#include "core/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool room(struct sl_json *j, size_t more)
{
	size_t cap = j->cap ? j->cap : 256;
	char *p;

	if (j->failed)
		return false;
	if (j->len + more + 1 <= j->cap)
		return true;
	while (cap < j->len + more + 1)
		cap *= 2;
	p = realloc(j->buf, cap);
	if (!p) {
		j->failed = true;
		return false;
	}
	j->buf = p;
	j->cap = cap;
	return true;
}

void sl_json_put(struct sl_json *j, const char *bytes, size_t len_bytes)
{
	if (!room(j, len_bytes))
		return;
	memcpy(j->buf + j->len, bytes, len_bytes);
	j->len += len_bytes;
	j->buf[j->len] = '\0';
}

static void puts_(struct sl_json *j, const char *s)
{
	sl_json_put(j, s, strlen(s));
}

static void value(struct sl_json *j)
{
	if (j->comma)
		sl_json_put(j, ",", 1);
	j->comma = true;
}

void sl_json_open(struct sl_json *j, char bracket)
{
	value(j);
	sl_json_put(j, &bracket, 1);
	j->comma = false;
}

void sl_json_close(struct sl_json *j, char bracket)
{
	sl_json_put(j, &bracket, 1);
	j->comma = true;
}

/*
 * Length of the UTF-8 character at s, or 0 when there is none: a stray or
 * missing continuation, a longer form than needed, a surrogate, or a number
 * beyond U+10FFFF.
 */
static size_t utf8_len(const uint8_t *s, size_t left)
{
	uint8_t lo = 0x80, hi = 0xbf;
	size_t n, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (left < n)
		return 0;
	if (s[0] == 0xe0)
		lo = 0xa0;
	else if (s[0] == 0xed)
		hi = 0x9f;
	else if (s[0] == 0xf0)
		lo = 0x90;
	else if (s[0] == 0xf4)
		hi = 0x8f;
	if (s[1] < lo || s[1] > hi)
		return 0;
	for (i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static void put_escaped(struct sl_json *j, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	char esc[6] = { '\\', 'u', '0', '0', 0, 0 };

	switch (c) {
	case '"':
		puts_(j, "\\\"");
		break;
	case '\\':
		puts_(j, "\\\\");
		break;
	case '\n':
		puts_(j, "\\n");
		break;
	case '\r':
		puts_(j, "\\r");
		break;
	case '\t':
		puts_(j, "\\t");
		break;
	default:
		esc[4] = hex[c >> 4];
		esc[5] = hex[c & 15];
		sl_json_put(j, esc, sizeof(esc));
	}
}

static void put_string(struct sl_json *j, const uint8_t *s, size_t len)
{
	size_t i = 0, plain = 0, n;

	sl_json_put(j, "\"", 1);
	while (i < len) {
		uint8_t c = s[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c < 0x7f) {
			i++;
			continue;
		}
		n = utf8_len(s + i, len - i);
		if (n > 1) {
			i += n;
			continue;
		}
		sl_json_put(j, (const char *)s + plain, i - plain);
		if (n)
			put_escaped(j, c);
		else
			puts_(j, "\\ufffd");
		plain = ++i;
	}
	sl_json_put(j, (const char *)s + plain, len - plain);
	sl_json_put(j, "\"", 1);
}

void sl_json_key(struct sl_json *j, const char *key)
{
	value(j);
	put_string(j, (const uint8_t *)key, strlen(key));
	sl_json_put(j, ":", 1);
	j->comma = false;
}

void sl_json_strn(struct sl_json *j, const void *s, size_t len_bytes)
{
	value(j);
	put_string(j, s, len_bytes);
}

void sl_json_str(struct sl_json *j, const char *s)
{
	if (s)
		sl_json_strn(j, s, strlen(s));
	else
		sl_json_null(j);
}

void sl_json_u64(struct sl_json *j, uint64_t v)
{
	char buf[24], *p = buf + sizeof(buf);

	value(j);
	do {
		*--p = (char)('0' + v % 10);
	} while (v /= 10);
	sl_json_put(j, p, (size_t)(buf + sizeof(buf) - p));
}

void sl_json_i64(struct sl_json *j, int64_t v)
{
	if (v >= 0) {
		sl_json_u64(j, (uint64_t)v);
		return;
	}
	value(j);
	sl_json_put(j, "-", 1);
	j->comma = false;
	sl_json_u64(j, -(uint64_t)v);
}

/* The fewest digits that read back as the same number. */
void sl_json_double(struct sl_json *j, double v)
{
	char buf[40], *comma;
	int digits;

	if (!isfinite(v)) {
		sl_json_null(j);
		return;
	}
	for (digits = 6; digits <= 17; digits++) {
		snprintf(buf, sizeof(buf), "%.*g", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	comma = strchr(buf, ',');	/* some locales */
	if (comma)
		*comma = '.';
	value(j);
	puts_(j, buf);
}

void sl_json_bool(struct sl_json *j, bool v)
{
	value(j);
	puts_(j, v ? "true" : "false");
}

void sl_json_null(struct sl_json *j)
{
	value(j);
	puts_(j, "null");
}

void sl_json_raw(struct sl_json *j, const char *json)
{
	value(j);
	puts_(j, json);
}

void sl_json_kstr(struct sl_json *j, const char *key, const char *s)
{
	sl_json_key(j, key);
	sl_json_str(j, s);
}

void sl_json_ku64(struct sl_json *j, const char *key, uint64_t v)
{
	sl_json_key(j, key);
	sl_json_u64(j, v);
}

void sl_json_kbool(struct sl_json *j, const char *key, bool v)
{
	sl_json_key(j, key);
	sl_json_bool(j, v);
}

void sl_json_reset(struct sl_json *j)
{
	j->len = 0;
	j->comma = false;
	j->failed = false;
}

char *sl_json_take(struct sl_json *j)
{
	char *text;

	room(j, 0);
	if (j->failed) {
		sl_json_free(j);
		return NULL;
	}
	j->buf[j->len] = '\0';
	text = j->buf;
	*j = (struct sl_json){ 0 };
	return text;
}

void sl_json_free(struct sl_json *j)
{
	free(j->buf);
	*j = (struct sl_json){ 0 };
}
