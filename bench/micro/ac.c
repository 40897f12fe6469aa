/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench/micro/ac -- how fast the matcher is alone, on one core
 *
 *	ac [-m] [-b BYTES] [PATTERN-FILE native|snort|raw [TEXT]]
 *
 * Without a file: 10 to 10,000 made-up patterns of 4 to 30 bytes, over made-up
 * HTTP: clean, where each occurrence has lost its last byte, with a pattern every
 * hundred bytes or so, and hostile, which is nothing but patterns that lack their
 * last byte. Text is given in pieces of BYTES (1460). Prints GB/s (best of five), hits per KiB, memory and
 * the time to compile; -m also with AVX2 only, without SIMD, and without the filter.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "match/ac.h"

#define TEXT_BYTES	(8u << 20)

static uint64_t seed = 42;

static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Words with the letters of English, so that traffic and patterns share pieces. */
static size_t word(char *to, unsigned int max)
{
	static const char vowels[] = "aeiouea", others[] = "bcdfghjklmnpqrstvwxyzrstlnd";
	unsigned int n = 2 + rnd(max - 1), i, v = rnd(2);

	for (i = 0; i < n; i++, v = !v)
		to[i] = v ? vowels[rnd(sizeof(vowels) - 1)] : others[rnd(sizeof(others) - 1)];
	return n;
}

static void make_pattern(char *to, size_t *len)
{
	static const char *const joints[] = { "/", "=", "%20", "(", " ", "-", ".php?", "../", "_", "'" };
	size_t want = 4 + rnd(27), n = 0;

	while (n < want) {
		if (n || rnd(2)) {
			const char *j = joints[rnd(10)];

			memcpy(to + n, j, strlen(j));
			n += strlen(j);
		}
		n += word(to + n, 8);
	}
	*len = want;
}

/* Requests and responses, of words drawn from a vocabulary of 4,000. */
static void make_http(char *to, size_t n)
{
	static char words[4000][16];
	static const char *const heads[] = {
		"GET /", "POST /", "Host: www.", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) ",
		"Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8 ", "Accept-Encoding: gzip, deflate ",
		"Referer: http://www.", "Cookie: session=", "HTTP/1.1 200 OK\r\nServer: nginx\r\nX-",
		"Content-Type: text/html; charset=utf-8\r\nContent-Length: 1", "<p class=\"", "<a href=\"/",
		"<div id=\"", "", "", "",
	};
	static const char *const seps[] = { " ", " ", " ", "/", ".", ", ", "=", "&", "-", "\">" };
	size_t at = 0, len, i;

	for (i = 0; i < 4000; i++)
		words[i][word(words[i], 10)] = '\0';
	while (at < n) {
		char line[512];
		unsigned int k = 3 + rnd(10);

		len = (size_t)sprintf(line, "%s", heads[rnd(16)]);
		while (k--)
			len += (size_t)sprintf(line + len, "%s%s", words[rnd(1 + rnd(4000))], seps[rnd(10)]);
		len += (size_t)sprintf(line + len, "\r\n");
		if (len > n - at)
			len = n - at;
		memcpy(to + at, line, len);
		at += len;
	}
}

/* A whole pattern about every 100 bytes. */
static void plant(char *to, size_t n, const struct sl_patterns *ps)
{
	size_t at;

	for (at = rnd(200); at < n; at += 1 + rnd(200)) {
		const struct sl_pattern *it = &ps->items[rnd(ps->n)];

		if (it->len <= n - at)
			memcpy(to + at, it->bytes, it->len);
	}
}

static void make_hostile(char *to, size_t n, const struct sl_patterns *ps)
{
	size_t at = 0, len;

	while (at < n) {
		const struct sl_pattern *it = &ps->items[rnd(ps->n)];

		len = it->len - 1;
		if (len > n - at)
			len = n - at;
		memcpy(to + at, it->bytes, len);
		at += len;
	}
}

static int spoil(void *arg, uint32_t pattern, size_t end)
{
	(void)pattern;
	((char *)arg)[end - 1] = '~';
	return 0;
}

/* No pattern has a '~', so what is left are partial matches. */
static void clean(char *text, size_t n, const struct sl_patterns *ps)
{
	struct sl_ac_state st = { 0 };
	struct sl_ac *ac;

	if (sl_ac_new(ps, SL_AC_NO_FILTER, &ac) < 0)
		return;
	sl_ac_scan(ac, &st, (const uint8_t *)text, n, spoil, text);
	sl_ac_free(ac);
}

static int count(void *arg, uint32_t pattern, size_t end)
{
	(void)pattern;
	(void)end;
	++*(uint64_t *)arg;
	return 0;
}

static size_t piece = 1460;

static double gb_per_s(const struct sl_ac *ac, const char *text, size_t n, uint64_t *hits)
{
	double best = 0, t;
	int round;

	for (round = 0; round < 5; round++) {
		struct sl_ac_state st = { 0 };
		size_t at, len;

		*hits = 0;
		t = now_s();
		for (at = 0; at < n; at += len) {
			len = n - at < piece ? n - at : piece;
			sl_ac_scan(ac, &st, (const uint8_t *)text + at, len, count, hits);
		}
		t = (double)n / (now_s() - t) / 1e9;
		best = t > best ? t : best;
	}
	return best;
}

static int measure(const struct sl_patterns *ps, const char *set, const char *kind, const char *text,
		   size_t n, unsigned int flags)
{
	uint64_t hits = 0;
	struct sl_ac *ac;
	double t = now_s(), speed;
	int ret = sl_ac_new(ps, flags, &ac);

	if (ret < 0) {
		fprintf(stderr, "ac: %s\n", strerror(-ret));
		return 1;
	}
	t = now_s() - t;
	speed = gb_per_s(ac, text, n, &hits);
	printf("%-22s %-9s %-10s %7.2f GB/s %9.3f hits/KiB %8.2f MiB %7.1f ms\n", set, kind,
	       flags & SL_AC_NO_FILTER ? "no filter" : flags & SL_AC_NO_WIDE ? "avx2" : flags & SL_AC_NO_SIMD ? "no simd" : "all", speed,
	       (double)hits * 1024 / (double)n, (double)sl_ac_memory(ac) / (1 << 20), t * 1e3);
	sl_ac_free(ac);
	return 0;
}

static int all_forms(const struct sl_patterns *ps, const char *set, const char *kind, const char *text,
		     size_t n, bool more)
{
	return measure(ps, set, kind, text, n, 0) ||
	       (more && measure(ps, set, kind, text, n, SL_AC_NO_WIDE)) ||
	       (more && measure(ps, set, kind, text, n, SL_AC_NO_SIMD)) ||
	       (more && measure(ps, set, kind, text, n, SL_AC_NO_FILTER));
}

static char *read_text(const char *path, size_t *n)
{
	char *text = malloc(64u << 20);
	FILE *f = fopen(path, "rb");

	if (!f || !text) {
		perror(path);
		exit(1);
	}
	*n = fread(text, 1, 64u << 20, f);
	fclose(f);
	return text;
}

int main(int argc, char **argv)
{
	static const unsigned int sizes[] = { 10, 100, 1000, 10000 };
	struct sl_patterns *ps = NULL;
	bool more = false;
	char *text, name[64];
	size_t n = TEXT_BYTES;
	unsigned int i, k;
	int ret = 0;

	for (; argc > 1 && argv[1][0] == '-'; argc--, argv++) {
		if (!strcmp(argv[1], "-m")) {
			more = true;
		} else if (!strcmp(argv[1], "-b") && argc > 2) {
			piece = strtoul(argv[2], NULL, 0);
			argc--;
			argv++;
		}
	}
	if (!piece)
		piece = 1460;
	text = malloc(n);
	if (!text)
		return 1;
	if (argc > 2) {
		enum sl_pattern_syntax syntax = !strcmp(argv[2], "snort") ? SL_PATTERNS_SNORT :
						!strcmp(argv[2], "raw") ? SL_PATTERNS_RAW : SL_PATTERNS_NATIVE;

		if (sl_patterns_load(argv[1], syntax, (struct sl_span){ 0 }, NULL, &ps) < 0) {
			fprintf(stderr, "ac: cannot load %s\n", argv[1]);
			free(text);
			return 1;
		}
		snprintf(name, sizeof(name), "%u from file", ps->n);
		if (argc > 3) {
			free(text);
			text = read_text(argv[3], &n);
			ret = all_forms(ps, name, "text", text, n, more);
		} else {
			make_http(text, n);
			ret = all_forms(ps, name, "http", text, n, more);
			make_hostile(text, n, ps);
			ret |= all_forms(ps, name, "hostile", text, n, more);
		}
		sl_patterns_free(ps);
		free(text);
		return ret;
	}
	for (i = 0; i < 4 && !ret; i++) {
		ps = sl_patterns_new();
		if (!ps)
			break;
		for (k = 0; k < sizes[i]; k++) {
			char pat[64];
			size_t len;

			make_pattern(pat, &len);
			sl_patterns_add(ps, pat, len, 0, false);
		}
		snprintf(name, sizeof(name), "%u of %u..%u", ps->n, ps->shortest, ps->longest);
		make_http(text, n);
		clean(text, n, ps);
		ret = all_forms(ps, name, "clean", text, n, more);
		plant(text, n, ps);
		ret |= all_forms(ps, name, "1% hits", text, n, more);
		make_hostile(text, n, ps);
		ret |= all_forms(ps, name, "hostile", text, n, more);
		sl_patterns_free(ps);
	}
	free(text);
	return ret;
}
