/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lang.h"

static const char *format(const char *text)
{
	static char buf[8192];
	struct sl_tree *t = lang_parse(text);
	char *p = t ? sl_tree_format(t) : NULL;

	snprintf(buf, sizeof(buf), "%s", p ? p : "error");
	free(p);
	sl_tree_free(t);
	return buf;
}

/* print, parse, compare, print again */
static bool survives(const char *text)
{
	struct sl_tree *t = lang_parse(text), *back;
	char *once, *twice;
	bool ok;

	if (!t)
		return false;
	once = sl_tree_print(t);
	back = lang_parse(once);
	twice = back ? sl_tree_print(back) : NULL;
	ok = back && sl_tree_equal(t, back) && !strcmp(once, twice);
	free(once);
	free(twice);
	sl_tree_free(t);
	sl_tree_free(back);
	return ok;
}

TEST(print_and_parse_are_inverse)
{
	CHECK(survives("(a \"q\\\"\\\\\\n\\t\\x01\\xff$ \\$x \\u{1f600}\" '$x\\' \"\")"));
	CHECK(survives("(a \"${x}\\$y\\\\${z}\\x24{n}\")"));
	CHECK(survives("(a) -\"odd \\$x\\n\",!\"b\"-> (b) -$c,*-> d.e <> { (f); { (g); (h) } > (i) }@x?[a=1 b]"));
	CHECK(survives("(a) { > (b) { -1-> (c); > (d) } > (e); -x->[drop=oldest] f } > (g)"));
	CHECK(survives("pcapin a,b.pcap | 'odd prog' x=\"a b\" |80,!22 c"));
	CHECK(survives("use \"a\\\"b\"\nlet x = [a, \"b\", [$c]]\nset a=1 b=\"x y\"\n"
		       "def w(a, b=\"c d\", e=[1]) { in.x > (t) > out.y\n(u) > (v) { -1-> (k) } }\n"));
}

TEST(one_line_has_no_newline)
{
	CHECK_STR(format("(a)\n"), "(a)");
	CHECK_STR(format("(a);(b)"), "(a)\n(b)\n");
}

TEST(comments_stay)
{
	CHECK_STR(format("#!/usr/bin/x -f\n# top\n\n\n(a) >  (b)  # why\n# own\n(c)\n\n# last\n"),
		  "#!/usr/bin/x -f\n# top\n\n(a) > (b) # why\n# own\n(c)\n\n# last\n");
	CHECK_STR(format("(a) { # open\n # one\n -1-> (b) # two\n\n -2-> (c)\n # three\n} > (d) # four"),
		  "(a) { # open\n\t# one\n\t-1-> (b) # two\n\n\t-2-> (c)\n\t# three\n} > (d) # four\n");
	CHECK_STR(format("(a) > # one\n  (b) # two\n(c)"), "(a) > (b) # one\n# two\n(c)\n");
	CHECK_STR(format("{ (a) # x\n (b) } > (c)"), "{\n\t(a) # x\n\t(b)\n} > (c)\n");
	CHECK_STR(format("def w() { # d\n in > out # e\n} # f"),
		  "def w() { # d\n\tin > out # e\n} # f\n");
	CHECK_STR(format("a | b # c"), "(a) > (b) # c");
}

TEST(words_are_quoted_when_they_must_be)
{
	char *w = sl_word_print("a.pcap", 6);

	CHECK_STR(w, "a.pcap");
	free(w);
	w = sl_word_print("tcp port 80", 11);
	CHECK_STR(w, "\"tcp port 80\"");
	free(w);
	w = sl_word_print("${x}", 4);
	CHECK_STR(w, "\"\\${x}\"");
	free(w);
	w = sl_word_print("", 0);
	CHECK_STR(w, "\"\"");
	free(w);
}

TEST(different_trees_differ)
{
	static const char *const texts[] = {
		"(a)", "(b)", "(a x)", "(a 'x')", "(a \"x\")", "(a k=x)", "(a)@u", "(a)@u?", "(n: a)",
		"(a) > (b)", "(a) <> (b)", "(a) -1-> (b)", "(a) -1..2-> (b)", "(a) -!1-> (b)",
		"(a) -x-> (b)", "(a) -\"x\"-> (b)", "(a) >[k=1] (b)", "(a) { > (b) }", "{ (a); (b) }",
		"a", "a.b", "let a = b", "use a", "use \"a\"", "set a=b", "def a() { b }", "def a(c) { b }",
	};
	size_t i, j, n = sizeof(texts) / sizeof(texts[0]);

	for (i = 0; i < n; i++) {
		for (j = 0; j < n; j++) {
			struct sl_tree *x = lang_parse(texts[i]), *y = lang_parse(texts[j]);

			CHECK(x && y);
			CHECK_EQ(sl_tree_equal(x, y), i == j);
			sl_tree_free(x);
			sl_tree_free(y);
		}
	}
}

TEST_MAIN()
