/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_patfile -- the three notations, what they refuse, and where */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "match/patfile.h"
#include "test.h"

static struct sl_patterns *ps;

static void load(const char *text, enum sl_pattern_syntax syntax)
{
	sl_patterns_free(ps);
	ps = NULL;
	CHECK_EQ(sl_patterns_parse("<test>", text, strlen(text), syntax, NULL, &ps), 0);
}

static void is(unsigned int i, const char *group, const char *bytes, size_t len, bool nocase)
{
	CHECK(i < ps->n);
	CHECK_STR(ps->groups[ps->items[i].group], group);
	CHECK_EQ(ps->items[i].len, len);
	CHECK(!memcmp(ps->items[i].bytes, bytes, len));
	CHECK_EQ(ps->items[i].nocase, nocase);
}

#define IS(i, group, literal, nocase) is(i, group, literal, sizeof(literal) - 1, nocase)

TEST(groups)
{
	load("one\nsqli: union select\nhttp://x\nshell:\tcmd.exe\nsqli: or 1=1\n# comment\n"
	     "  # another\n\n   \nmatch: two\n_a-9: z\n9a: not a group\n", SL_PATTERNS_NATIVE);
	CHECK_EQ(ps->n, 8);
	IS(0, "match", "one", false);
	IS(1, "sqli", "union select", false);
	IS(2, "match", "http://x", false);
	IS(3, "shell", "cmd.exe", false);
	IS(4, "sqli", "or 1=1", false);
	IS(5, "match", "two", false);
	IS(6, "_a-9", "z", false);
	IS(7, "match", "9a: not a group", false);
	CHECK_EQ(ps->n_groups, 4);
	CHECK_STR(ps->groups[0], "match");
	CHECK_STR(ps->groups[1], "sqli");
	CHECK_STR(ps->groups[2], "shell");
	CHECK_EQ(ps->items[0].line, 1);
	CHECK_EQ(ps->items[5].line, 10);
	CHECK_EQ(ps->shortest, 1);
	CHECK_EQ(ps->longest, 15);
}

TEST(bytes)
{
	load("|0d 0A|x|41|\n|0d0a|\na\\r\\n\\t\\0\\x7f\\|\\\\\\#\\:\\\"\\q\n\\# no comment\n"
	     "g: \\:x\nUser-Agent\\: x\nx # y\nsay \"hi\"\n\xff\xe1\n", SL_PATTERNS_NATIVE);
	CHECK_EQ(ps->n, 9);
	IS(0, "match", "\r\nxA", false);
	IS(1, "match", "\r\n", false);
	IS(2, "match", "a\r\n\t\0\x7f|\\#:\"q", false);
	IS(3, "match", "# no comment", false);
	IS(4, "g", ":x", false);
	IS(5, "match", "User-Agent: x", false);
	IS(6, "match", "x # y", false);
	IS(7, "match", "say \"hi\"", false);
	IS(8, "match", "\xff\xe1", false);
}

TEST(blanks_and_quotes)
{
	load("  a b \t\n\"  a b \"\n\\ c\\ \ng: \" |41| \\\" \"\n\"#\"\nd\\\\  \n", SL_PATTERNS_NATIVE);
	CHECK_EQ(ps->n, 6);
	IS(0, "match", "a b", false);
	IS(1, "match", "  a b ", false);
	IS(2, "match", " c ", false);
	IS(3, "g", " A \" ", false);
	IS(4, "match", "#", false);
	IS(5, "match", "d\\", false);
}

TEST(nocase)
{
	load("a\ng nocase: b\nnocase: c\ng: \"d\" nocase\nnocase\ne\nnocase off\nf\nnocase on\nh\n"
	     "nocase  off \n\"nocase\"\nnocase maybe\ni nocase\n", SL_PATTERNS_NATIVE);
	CHECK_EQ(ps->n, 10);
	IS(0, "match", "a", false);
	IS(1, "g", "b", true);
	IS(2, "match", "c", true);
	IS(3, "g", "d", true);
	IS(4, "match", "e", true);
	IS(5, "match", "f", false);
	IS(6, "match", "h", true);
	IS(7, "match", "nocase", false);
	IS(8, "match", "nocase maybe", false);
	IS(9, "match", "i nocase", false);
}

TEST(duplicates)
{
	load("a\na\n\"a\"\ng: a\n|61|\nnocase\na\nA\nAb\naB\n", SL_PATTERNS_NATIVE);
	CHECK_EQ(ps->n, 4);
	IS(0, "match", "a", false);
	IS(1, "g", "a", false);
	IS(2, "match", "a", true);
	IS(3, "match", "Ab", true);
}

TEST(line_ends)
{
	load("\xef\xbb\xbf" "a\r\nb\n\r\nc", SL_PATTERNS_NATIVE);
	CHECK_EQ(ps->n, 3);
	IS(0, "match", "a", false);
	IS(2, "match", "c", false);
	CHECK_EQ(ps->items[2].line, 4);
	load("", SL_PATTERNS_NATIVE);
	CHECK_EQ(ps->n, 0);
	CHECK_EQ(ps->n_groups, 1);
}

TEST(snort)
{
	load("|0D 0A|Cookie\\: \n#!/bin/sh\n \nReferer: \nsay \"hi\"\\;\n\n", SL_PATTERNS_SNORT);
	CHECK_EQ(ps->n, 5);
	IS(0, "match", "\r\nCookie: ", false);
	IS(1, "match", "#!/bin/sh", false);
	IS(2, "match", " ", false);
	IS(3, "match", "Referer: ", false);
	IS(4, "match", "say \"hi\";", false);
}

TEST(raw)
{
	load("a | b\n # \\n \"\r\nnocase\n\ng: x\n", SL_PATTERNS_RAW);
	CHECK_EQ(ps->n, 4);
	IS(0, "match", "a | b", false);
	IS(1, "match", " # \\n \"", false);
	IS(2, "match", "nocase", false);
	IS(3, "match", "g: x", false);
}

/* One error per bad line, at its line and column. */
TEST(bad_lines)
{
	static const struct {
		const char *line;
		uint32_t col;
	} bad[] = {
		{ "abc |0d", 5 },		/* never closed */
		{ "x|0d 0|", 6 },		/* half a byte */
		{ "x|0 d|", 3 },
		{ "x|0g|", 4 },
		{ "x||y", 2 },
		{ "g: ", 1 },			/* a group alone */
		{ "abc\\", 4 },
		{ "a\\x4", 2 },
		{ "\"abc", 1 },
		{ "\"abc\" def", 7 },
		{ "\"\"", 1 },
		{ "Ani-Shell | India", 11 },
	};
	unsigned int i, n = sizeof(bad) / sizeof(*bad);
	struct sl_patterns *none = NULL;
	struct sl_diags *ds = sl_diags_new();
	char text[1024] = "good\n";

	for (i = 0; i < n; i++) {
		strcat(text, bad[i].line);
		strcat(text, "\nfine\n");
	}
	CHECK_EQ(sl_patterns_parse("list", text, strlen(text), SL_PATTERNS_NATIVE, ds, &none), -EINVAL);
	CHECK(!none);
	CHECK_EQ(sl_diags_errors(ds), n);
	for (i = 0; i < n; i++) {
		const struct sl_diag *d = sl_diags_get(ds, i);

		CHECK_STR(d->code, "E204");
		CHECK_STR(d->labels[0].place.file, "list");
		CHECK_EQ(d->labels[0].place.line, 2 + 2 * i);
		CHECK_EQ(d->labels[0].place.col, bad[i].col);
	}
	sl_diags_free(ds);
	/* Without a collection they are still refused. */
	CHECK_EQ(sl_patterns_parse("list", "|", 1, SL_PATTERNS_NATIVE, NULL, &none), -EINVAL);
}

TEST(limits)
{
	struct sl_patterns *set = sl_patterns_new();
	char *big = calloc(1, SL_PATTERN_MAX_BYTES + 1);
	unsigned int i;

	CHECK_EQ(sl_patterns_add(set, big, SL_PATTERN_MAX_BYTES + 1, 0, false), -EINVAL);
	CHECK_EQ(sl_patterns_add(set, big, SL_PATTERN_MAX_BYTES, 0, false), 0);
	CHECK_EQ(sl_patterns_add(set, big, 0, 0, false), -EINVAL);
	CHECK_EQ(sl_patterns_add(set, "x", 1, 1, false), -EINVAL);
	CHECK_EQ(sl_patterns_group(set, "a b", 3), -EINVAL);
	CHECK_EQ(sl_patterns_group(set, "", 0), -EINVAL);
	CHECK_EQ(sl_patterns_group(set, "match", 5), 0);
	CHECK_EQ(sl_patterns_group(set, "matchx", 6), 1);
	/* The table of duplicates grows. */
	for (i = 0; i < 5000; i++)
		CHECK_EQ(sl_patterns_add(set, &i, sizeof(i), 0, false), i + 1);
	for (i = 0; i < 5000; i++)
		CHECK_EQ(sl_patterns_add(set, &i, sizeof(i), 0, false), i + 1);
	sl_patterns_free(set);
	sl_patterns_free(NULL);
	free(big);
}

TEST(a_hundred_thousand_groups)
{
	enum { N = 100000 };
	char *text = malloc(N * 64), *p = text;
	struct timespec t0, t1;

	for (unsigned int i = 0; i < N; i++)
		p += sprintf(p, "g%u: x%u\n", i, i);
	for (unsigned int i = 0; i < N; i += 2)
		p += sprintf(p, "g%u nocase: y%u\n", i, i);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	load(text, SL_PATTERNS_NATIVE);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	free(text);
	CHECK_EQ(ps->n_groups, N + 1);
	CHECK_EQ(ps->n, N + N / 2);
	CHECK_EQ(ps->items[N + 7].group, 15);
	/* a quadratic search takes minutes; the bound is for slow machines and sanitizers */
	CHECK(t1.tv_sec - t0.tv_sec < 5);
}

TEST(a_bad_line_leaves_no_group)
{
	struct sl_patterns *set = NULL;

	/* the second b: makes the group that the first one took back */
	CHECK_EQ(sl_patterns_parse("<test>", "a: x\nb:\nb: |\n", 12, SL_PATTERNS_NATIVE, NULL, &set), -EINVAL);
	CHECK(!set);
	load("a: x\nb: y\na: z\nb: w\n", SL_PATTERNS_NATIVE);
	CHECK_EQ(ps->n_groups, 3);
	IS(2, "a", "z", false);
	IS(3, "b", "w", false);
}

TEST(devices_pipes_and_giants)
{
	char path[] = "/tmp/sl-patfile-XXXXXX";
	struct sl_diags *ds = sl_diags_new();
	struct sl_patterns *set = NULL;
	struct sl_span nowhere = { 0 };
	int fd = mkstemp(path), p[2];

	CHECK_EQ(sl_patterns_load("/dev/zero", SL_PATTERNS_RAW, nowhere, ds, &set), -ENXIO);
	CHECK_STR(sl_diags_get(ds, 0)->code, "E204");
	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, (1 << 30) + 1), 0);	/* a hole */
	close(fd);
	CHECK_EQ(sl_patterns_load(path, SL_PATTERNS_RAW, nowhere, ds, &set), -EFBIG);
	CHECK_STR(sl_diags_get(ds, 1)->code, "E204");
	unlink(path);
	CHECK_EQ(sl_diags_errors(ds), 2);
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(write(p[1], "one\ntwo\n", 8), 8);
	close(p[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", p[0]);
	CHECK_EQ(sl_patterns_load(path, SL_PATTERNS_RAW, nowhere, ds, &set), 0);
	CHECK_EQ(set->n, 2);
	close(p[0]);
	sl_patterns_free(set);
	sl_diags_free(ds);
}

TEST(files)
{
	char path[] = "/tmp/sl-patfile-XXXXXX";
	struct sl_diags *ds = sl_diags_new();
	struct sl_patterns *set = NULL;
	struct sl_span nowhere = { 0 };
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "g: a\nb\n", 7), 7);
	close(fd);
	CHECK_EQ(sl_patterns_load(path, SL_PATTERNS_NATIVE, nowhere, ds, &set), 0);
	CHECK_EQ(set->n, 2);
	sl_patterns_free(set);
	unlink(path);
	CHECK_EQ(sl_patterns_load(path, SL_PATTERNS_NATIVE, nowhere, ds, &set), -ENOENT);
	CHECK_EQ(sl_diags_errors(ds), 1);
	CHECK_STR(sl_diags_get(ds, 0)->code, "E201");
	sl_diags_free(ds);
	sl_patterns_free(ps);
	ps = NULL;
}

TEST_MAIN()
