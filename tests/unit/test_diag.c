/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/arena.h"
#include "core/diag.h"

#include "lang.h"

static struct sl_source *src;
static struct sl_diags *ds;

static void begin(const char *text)
{
	sl_source_put(src);
	sl_diags_free(ds);
	src = sl_source_new("<arg>", text, strlen(text));
	ds = sl_diags_new();
}

static struct sl_span at(uint32_t off, uint32_t len)
{
	return (struct sl_span){ src, off, len };
}

static bool is(const char *outcome, const char *want)
{
	char *got = sl_diags_format(ds, false, outcome);
	bool same = got && !strcmp(got, want);

	if (!same)
		fprintf(stderr, "got:\n%s\nwant:\n%s\n", got ? got : "(null)", want);
	free(got);
	return same;
}

TEST(the_shape)
{
	struct sl_diag_new *d;

	begin("(tcp) -80-> (untpc) > (ac) > (pcapout)");
	d = sl_err(ds, "E104", at(13, 5), "no filter called '%s'", "untpc");
	sl_err_label(d, "did you mean 'untcp'?");
	sl_err_fix(d, "untcp");
	sl_err_note(d, "untcp puts TCP segments back into byte streams");
	sl_err_note(d, "see: streamline inspect 'un*'");
	CHECK(is("nothing was started",
		 "error[E104]: no filter called 'untpc'\n"
		 "  --> <arg>:1:14\n"
		 "   |\n"
		 " 1 | (tcp) -80-> (untpc) > (ac) > (pcapout)\n"
		 "   |              ^^^^^ did you mean 'untcp'?\n"
		 "   |\n"
		 "   = untcp puts TCP segments back into byte streams\n"
		 "   = see: streamline inspect 'un*'                        1 error, nothing was started\n"));
}

TEST(several_labels_on_a_line)
{
	struct sl_diag_new *d;

	begin("(rx eth0) > (tcp) -80->[bufer=4M] (untcp) > (null)");
	d = sl_err(ds, "E112", at(24, 5), "a stream has no option 'bufer'");
	sl_err_label(d, "did you mean 'buffer'?");
	sl_err_also(d, at(30, 2), "and '4M' has no unit");
	sl_err_note(d, "streams take: buffer, batch, drop, name, copy");
	CHECK(is(NULL,
		 "error[E112]: a stream has no option 'bufer'\n"
		 "  --> <arg>:1:25\n"
		 "   |\n"
		 " 1 | (rx eth0) > (tcp) -80->[bufer=4M] (untcp) > (null)\n"
		 "   |                         ^^^^^ did you mean 'buffer'?\n"
		 "   |                               ^^ and '4M' has no unit\n"
		 "   |\n"
		 "   = streams take: buffer, batch, drop, name, copy\n"));
}

TEST(no_place)
{
	struct sl_diag_new *d;

	begin("");
	d = sl_err(ds, "E301", (struct sl_span){ 0 }, "not permitted to capture on eth0");
	sl_err_note(d, "missing: CAP_NET_RAW (have: none)");
	CHECK(is(NULL, "error[E301]: not permitted to capture on eth0\n"
		       "   = missing: CAP_NET_RAW (have: none)\n"));
}

TEST(tabs_wide_letters_and_other_lines)
{
	struct sl_diag_new *d;

	begin("one\n\t\u00e9\u6f22x\n\033[31m");
	d = sl_err(ds, "E001", at(10, 1), "m");
	sl_err_label(d, "here");
	sl_err_also(d, at(0, 3), "there");
	CHECK_EQ(sl_diags_get(ds, 0)->labels[0].place.line, 2);
	CHECK_EQ(sl_diags_get(ds, 0)->labels[0].place.col, 4);
	sl_err(ds, "E002", at(12, 1), "bell \a");
	CHECK(is(NULL,
		 "error[E001]: m\n"
		 "  --> <arg>:2:4\n"
		 "   |\n"
		 " 2 |         \u00e9\u6f22x\n"
		 "   |            ^ here\n"
		 " 1 | one\n"
		 "   | ^^^ there\n"
		 "   |\n"
		 "   = see: streamline explain E001\n"
		 "\n"
		 "error[E002]: bell ?\n"
		 "  --> <arg>:3:1\n"
		 "   |\n"
		 " 3 | ?[31m\n"
		 "   | ^\n"
		 "   |\n"
		 "   = see: streamline explain E002\n"));
}

TEST(long_lines_are_shown_in_part)
{
	char *line = malloc(100001), *text;

	memset(line, 'x', 100000);
	line[100000] = '\0';
	line[50000] = '!';
	begin(line);
	sl_err_label(sl_err(ds, "E001", at(50000, 1), "%s", line), "this one");
	sl_err_also(sl_err(ds, "E002", at(50001, 40000), "long"), at(3, 1), "that one");
	text = sl_diags_format(ds, false, NULL);
	CHECK(strlen(text) < 3000);
	CHECK(strstr(text, "<arg>:1:50001"));
	CHECK(strstr(text, "^ this one") && strstr(text, "^ that one"));
	free(text);
	free(line);
}

TEST(sorted_counted_dropped)
{
	unsigned int i;
	char *text;

	begin("abcdefghijklmnopqrstuvwxyz");
	for (i = 0; i < 13; i++)
		sl_err(ds, "E001", at(25 - i, 1), "x");
	sl_err(ds, "E001", at(25, 1), "the same again");
	sl_warn(ds, "E002", at(25, 1), "another code");
	CHECK_EQ(sl_diags_count(ds), 14);
	CHECK_EQ(sl_diags_errors(ds), 13);
	CHECK_EQ(sl_diags_get(ds, 0)->labels[0].place.col, 14);
	CHECK(!sl_diags_get(ds, 14));
	text = sl_diags_format(ds, false, "nothing was started");
	CHECK(strstr(text, "13 errors and 1 warning (4 not shown), nothing was started"));
	free(text);
	sl_err_poison(ds, at(0, 5));
	sl_err(ds, "E003", at(2, 1), "a consequence");
	CHECK_EQ(sl_diags_count(ds), 14);
	/* nobody listens: nothing happens */
	sl_err_fix(sl_err(NULL, "E001", at(0, 1), "x"), "y");
}

TEST(json)
{
	struct sl_diag_new *d;
	char *text;

	begin("(a \"b\\\xff\")");
	d = sl_err(ds, "E004", at(3, 4), "say \"%s\"\n", "\xff\001");
	sl_err_fix(d, "c");
	text = sl_diags_json(ds);
	CHECK_STR(text, "[{\"code\":\"E004\",\"severity\":\"error\",\"message\":\"say \\\"\\ufffd\\u0001\\\"\\n\","
		  "\"file\":\"<arg>\",\"line\":1,\"col\":4,\"len\":4,\"fixes\":[\"c\"],"
		  "\"labels\":[{\"file\":\"<arg>\",\"line\":1,\"col\":4,\"len\":4,\"text\":\"\"}],\"notes\":[]}]");
	free(text);
	begin("");
	text = sl_diags_json(ds);
	CHECK_STR(text, "[]");
	free(text);
}

TEST(colour_is_no_carrier)
{
	char *plain, *colour, *w;
	const char *r;

	begin("(a) -80> (b)");
	sl_err_fix(sl_err(ds, "E012", at(4, 4), "broken"), "-80->");
	plain = sl_diags_format(ds, false, "x");
	colour = sl_diags_format(ds, true, "x");
	for (w = colour, r = colour; *r; r++) {
		if (*r == '\033')
			r = strchr(r, 'm');
		else
			*w++ = *r;
	}
	*w = '\0';
	CHECK_STR(plain, colour);
	CHECK(strstr(plain, "did you mean '-80->'?"));
	free(plain);
	free(colour);
}

TEST(nearest)
{
	static const char *const words[] = { "untcp", "tcp", "udp", "count", "pcapout", "pcapin" };

	CHECK_STR(sl_nearest("untpc", words, 6), "untcp");
	CHECK_STR(sl_nearest("conut", words, 6), "count");
	CHECK_STR(sl_nearest("TCP", words, 6), "tcp");
	CHECK_STR(sl_nearest("pcapot", words, 6), "pcapout");
	CHECK_STR(sl_nearest("pcapn", words, 6), "pcapin");
	CHECK_STR(sl_nearest("tp", words, 6), "tcp");
	CHECK_STR(sl_nearest("zebra", words, 6), NULL);
	CHECK_STR(sl_nearest("", words, 6), NULL);
}

TEST(arenas)
{
	struct sl_arena *a = sl_arena_new();
	unsigned int n = 0, i;
	int *items = NULL;

	for (i = 0; i < 5000; i++)
		*(int *)sl_arena_push(a, (void **)&items, &n, sizeof(int)) = (int)i;
	CHECK_EQ(n, 5000);
	for (i = 0; i < 5000; i++)
		CHECK_EQ(items[i], i);
	CHECK_STR(sl_arena_printf(a, "%d-%s", 5, "x"), "5-x");
	CHECK_STR(sl_arena_strndup(a, "abc", 2), "ab");
	CHECK(((char *)sl_arena_alloc(a, 100000))[99999] == 0);
	CHECK(!sl_arena_alloc(a, SIZE_MAX - 5));
	sl_arena_free(a);
	sl_arena_free(NULL);
}

/* The request of a page's section, unindented. */
static char *section(const char *page, const char *title)
{
	const char *p = strstr(page, title), *end;

	if (!p)
		return NULL;
	p = strstr(p, "\n\n    ") + 6;
	end = strstr(p, "\n\n");
	end = end ? end : strstr(p, "\nRight");
	return strndup(p, (size_t)(end - p));
}

TEST(every_code_has_a_page_that_is_true)
{
	const char *const *codes = sl_codes();
	size_t i;

	CHECK(codes[0]);
	for (i = 0; codes[i]; i++) {
		const char *page = sl_explain(codes[i]);
		char *wrong, *right;
		bool found = false;
		unsigned int j;

		CHECK(page && !strncmp(page, codes[i], 4));
		CHECK(!i || strcmp(codes[i - 1], codes[i]) < 0);
		CHECK(strstr(page, "\nWrong\n") && strstr(page, "\nRight\n") && strstr(page, "\nGo on with\n"));
		if (codes[i][1] != '0' || !strcmp(codes[i], "E005") || !strcmp(codes[i], "E020"))
			continue;
		wrong = section(page, "\nWrong\n");
		right = section(page, "\nRight\n");
		CHECK(wrong && right);
		/* the wrong request gets this error, the right one none */
		CHECK(!lang_parse(wrong));
		for (j = 0; j < sl_diags_count(lang_ds); j++)
			found |= !strcmp(sl_diags_get(lang_ds, j)->code, codes[i]);
		if (!found)
			test_fail(__FILE__, __LINE__, "%s: its wrong example says %s", codes[i],
				  sl_diags_get(lang_ds, 0)->code);
		sl_tree_free(lang_parse(right));
		CHECK_EQ(sl_diags_count(lang_ds), 0);
		free(wrong);
		free(right);
	}
	CHECK(!sl_explain("E999"));
	CHECK(sl_explain("e104"));
}

TEST_MAIN()
