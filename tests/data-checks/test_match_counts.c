/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_match_counts -- the matcher against the counts that came with the shared data
 *
 *	occurrences.tsv		all occurrences, overlapping ones too
 *	match-counts.tsv	leftmost-first matches that do not overlap; derived
 *				here from all occurrences
 *
 * The data is expected in $SL_SHARED_DATA or ../shared/data, seen from the
 * project's root; without it the tests are skipped. Each count is taken in
 * every form of the automaton, over the whole text and over pieces of it.
 */
#include <errno.h>

#include "match/ac.h"
#include "test.h"

static const char *data_dir(void)
{
	const char *dir = getenv("SL_SHARED_DATA");

	return dir ? dir : "../shared/data";
}

static char *slurp(const char *folder, const char *name, size_t *n)
{
	char path[512];
	char *text;
	FILE *f;
	long len;

	snprintf(path, sizeof(path), "%s/%s/%s", data_dir(), folder, name);
	f = fopen(path, "rb");
	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	len = ftell(f);
	rewind(f);
	text = malloc((size_t)len + 1);
	*n = fread(text, 1, (size_t)len, f);
	text[*n] = '\0';
	fclose(f);
	return text;
}

/* Texts are named without their folder. */
static char *slurp_text(const char *name, size_t *n)
{
	static const char *const folders[] = { "haystacks", "captures/zeek", "captures/pcapplusplus" };
	unsigned int i;
	char *text;

	for (i = 0; i < 3; i++) {
		text = slurp(folders[i], name, n);
		if (text)
			return text;
	}
	return NULL;
}

static struct sl_patterns *load_list(const char *name)
{
	struct sl_patterns *ps = NULL;
	size_t n;
	char *text = slurp("patterns", name, &n);

	CHECK(text);
	CHECK_EQ(sl_patterns_parse(name, text, n, strstr(name, ".snort.") ? SL_PATTERNS_SNORT : SL_PATTERNS_RAW,
				   NULL, &ps), 0);
	free(text);
	return ps;
}

struct hits {
	const struct sl_patterns *ps;
	size_t base, n, cap;
	uint64_t *v;		/* start << 24 | pattern: sorts leftmost, then first */
};

static int take(void *arg, uint32_t pattern, size_t end)
{
	struct hits *h = arg;

	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 4096;
		h->v = realloc(h->v, h->cap * sizeof(*h->v));
		if (!h->v)
			abort();
	}
	h->v[h->n++] = (uint64_t)(h->base + end - h->ps->items[pattern].len) << 24 | pattern;
	return 0;
}

static int cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static struct hits all_hits(const struct sl_patterns *ps, unsigned int flags, const char *text,
			    size_t n, size_t piece)
{
	struct hits h = { .ps = ps };
	struct sl_ac_state st = { 0 };
	struct sl_ac *ac;
	size_t len;

	CHECK_EQ(sl_ac_new(ps, flags, &ac), 0);
	for (; h.base < n; h.base += len) {
		len = n - h.base < piece ? n - h.base : piece;
		sl_ac_scan(ac, &st, (const uint8_t *)text + h.base, len, take, &h);
	}
	sl_ac_free(ac);
	if (h.n)
		qsort(h.v, h.n, sizeof(*h.v), cmp);
	return h;
}

static const struct {
	unsigned int flags;
	size_t piece;
} ways[] = {
	{ 0, SIZE_MAX }, { 0, 1460 }, { 0, 37 }, { SL_AC_NO_SIMD, 65536 }, { SL_AC_NO_FILTER, 1460 },
	{ SL_AC_COMPACT, 4096 }, { SL_AC_NO_WIDE, 1460 },
};

#define N_WAYS (sizeof(ways) / sizeof(*ways))

/* Split a line at its tabs. */
static unsigned int fields(char *line, char **f, unsigned int max)
{
	unsigned int n = 0;

	for (; n < max; line++) {
		f[n++] = line;
		line = strchr(line, '\t');
		if (!line)
			break;
		*line = '\0';
	}
	return n;
}

TEST(occurrences)
{
	size_t len, n, i, w;
	char *table = slurp("patterns", "occurrences.tsv", &len), *line, *next, *f[8], *text;
	unsigned int rows = 0;

	if (!table)
		SKIP("no shared data (patterns/occurrences.tsv)");
	for (line = strchr(table, '\n') + 1; *line; line = next) {
		struct sl_patterns *ps;

		next = strchr(line, '\n');
		*next++ = '\0';
		CHECK_EQ(fields(line, f, 8), 8);
		ps = load_list(f[0]);
		CHECK_EQ(ps->n, atol(f[1]));
		CHECK_EQ(ps->shortest, atol(f[2]));
		CHECK_EQ(ps->longest, atol(f[3]));
		text = slurp_text(f[4], &n);
		CHECK(text);
		CHECK_EQ(n, atol(f[5]));
		for (w = 0; w < N_WAYS; w++) {
			struct hits h = all_hits(ps, ways[w].flags, text, n, ways[w].piece);
			bool *seen = calloc(ps->n, sizeof(*seen));
			long n_seen = 0;

			for (i = 0; i < h.n; i++) {
				uint32_t id = h.v[i] & 0xffffff;

				CHECK(!i || h.v[i] != h.v[i - 1]);
				CHECK(!memcmp(text + (h.v[i] >> 24), ps->items[id].bytes, ps->items[id].len));
				n_seen += !seen[id];
				seen[id] = true;
			}
			CHECK_EQ(h.n, atol(f[6]));
			CHECK_EQ(n_seen, atol(f[7]));
			free(seen);
			free(h.v);
		}
		sl_patterns_free(ps);
		free(text);
		rows++;
	}
	CHECK(rows >= 20);
	printf("# %u rows, %zu ways each\n", rows, N_WAYS);
	free(table);
}

/* The strings of a JSON array; only \" \\ \/ and \uXXXX below 0x80 are needed. */
static struct sl_patterns *json_patterns(const char *p)
{
	struct sl_patterns *ps = sl_patterns_new();
	char word[512];
	size_t n;

	for (p++; *p && *p != ']'; p++) {
		if (*p != '"')
			continue;
		for (p++, n = 0; *p != '"'; p++) {
			CHECK(*p && n < sizeof(word));
			if (*p != '\\') {
				word[n++] = *p;
				continue;
			}
			switch (*++p) {
			case 'u': {
				char digits[5] = { p[1], p[2], p[3], p[4] };
				unsigned long c = strtoul(digits, NULL, 16);

				CHECK(c < 0x80);
				word[n++] = (char)c;
				p += 4;
				break;
			}
			case 'n':
				word[n++] = '\n';
				break;
			case 't':
				word[n++] = '\t';
				break;
			default:
				word[n++] = *p;
			}
		}
		CHECK(sl_patterns_add(ps, word, n, 0, false) >= 0);
	}
	return ps;
}

TEST(leftmost_first)
{
	size_t len, n, i, w;
	char *table = slurp("patterns", "match-counts.tsv", &len), *line, *next, *f[5], *text;
	unsigned int rows = 0;

	if (!table)
		SKIP("no shared data (patterns/match-counts.tsv)");
	for (line = strchr(table, '\n') + 1; *line; line = next) {
		struct sl_patterns *ps;

		next = strchr(line, '\n');
		*next++ = '\0';
		CHECK_EQ(fields(line, f, 5), 5);
		ps = strncmp(f[4], "file:", 5) ? json_patterns(f[4]) : load_list(f[4] + 5);
		text = slurp_text(f[1], &n);
		CHECK(text);
		for (w = 0; w < N_WAYS; w++) {
			struct hits h = all_hits(ps, ways[w].flags, text, n, ways[w].piece);
			size_t free_from = 0;
			long count = 0;

			for (i = 0; i < h.n; i++) {
				size_t start = h.v[i] >> 24;

				if (start < free_from)
					continue;
				free_from = start + ps->items[h.v[i] & 0xffffff].len;
				count++;
			}
			if (count != atol(f[2]))
				test_fail(__FILE__, __LINE__, "%s: %ld matches, not %s", f[0], count, f[2]);
			free(h.v);
		}
		sl_patterns_free(ps);
		free(text);
		rows++;
	}
	CHECK(rows >= 40);
	printf("# %u rows, %zu ways each\n", rows, N_WAYS);
	free(table);
}

/* The list of words means the same in our own notation. */
TEST(lists_in_native_notation)
{
	static const char *const names[] = {
		"words-100.txt", "words-15000.txt", "dictionary-length-15.txt", "crs-lfi-os-files.txt",
	};
	unsigned int i, k;

	for (i = 0; i < 4; i++) {
		struct sl_patterns *ps = NULL, *raw;
		size_t n;
		char *text = slurp("patterns", names[i], &n);

		if (!text)
			SKIP("no shared data (patterns)");
		CHECK_EQ(sl_patterns_parse(names[i], text, n, SL_PATTERNS_NATIVE, NULL, &ps), 0);
		raw = load_list(names[i]);
		CHECK_EQ(ps->n, raw->n);
		for (k = 0; k < ps->n; k++) {
			CHECK_EQ(ps->items[k].len, raw->items[k].len);
			CHECK(!memcmp(ps->items[k].bytes, raw->items[k].bytes, ps->items[k].len));
		}
		sl_patterns_free(ps);
		sl_patterns_free(raw);
		free(text);
	}
}

TEST_MAIN()
