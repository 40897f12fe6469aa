/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lang/parser.h"

#include "test.h"

static struct lex_string scan(const char *s, uint32_t pos)
{
	struct lex_string st;

	sl_lex_string(s, pos, 0, &st);
	return st;
}

TEST(words_and_blanks)
{
	CHECK_EQ(sl_lex_word("a-b:8080/x?y rest", 0), 12);
	CHECK_EQ(sl_lex_ident("web-1", 0), 3);
	CHECK_EQ(sl_lex_ident("1web", 0), 0);
	CHECK_EQ(sl_lex_inline("  # text\nx", 0), 8);
	CHECK_EQ(sl_lex_all("  # text\n\t x", 0), 11);
	CHECK_EQ(sl_lex_trim("ab \n ", 0, 5), 2);
	CHECK(sl_lex_is_name("a_1", 3) && !sl_lex_is_name("a-1", 3) && !sl_lex_is_name("", 0));
	CHECK(sl_lex_is_type("FPL-2", 5));
	CHECK(sl_lex_is_reserved("else", 4) && !sl_lex_is_reserved("els", 3));
}

TEST(closed_strings)
{
	CHECK_EQ(scan("\"a b\" c", 0).end, 5);
	CHECK_EQ(scan("\"a\\\" b\" c", 0).end, 7);
	CHECK_EQ(scan("'a\\' c", 0).end, 4);
	CHECK(!scan("\"a\" \"b\"", 0).open);
	CHECK(!scan("\"\")", 0).open);
}

TEST(open_strings_end_where_they_should)
{
	struct lex_string st;

	/* before the parenthesis that an arrow follows, not before one within */
	st = scan("\"a(b|c)*d) > (x)", 0);
	CHECK(st.open);
	CHECK_EQ(st.end, 9);
	/* before the next key */
	st = scan("\"/etc/x.ac nocase=on) > (x)", 0);
	CHECK(st.open);
	CHECK_EQ(st.end, 10);
	/* before another string's opening quote */
	st = scan("\"/etc/x.ac) > (y \"/tmp/a\")", 0);
	CHECK(st.open);
	CHECK_EQ(st.end, 10);
	/* at the end of the line */
	st = scan("\"lib/x.srl  \nlet a = b", 0);
	CHECK(st.open);
	CHECK_EQ(st.end, 10);
	CHECK(scan("\"\"tcp port 80\")", 0).doubled);
}

TEST(look_alikes)
{
	uint32_t len = 0;

	CHECK_STR(sl_lex_lookalike("\u2192x", &len), "->");
	CHECK_EQ(len, 3);
	CHECK_STR(sl_lex_lookalike("\u2013", &len), "-");
	CHECK_STR(sl_lex_lookalike("\u201c", &len), "\"");
	CHECK_STR(sl_lex_lookalike("\u00e9", &len), NULL);
	CHECK_STR(sl_lex_lookalike("-", &len), NULL);
}

TEST(utf8)
{
	CHECK_EQ(sl_lex_utf8("a", 1), 1);
	CHECK_EQ(sl_lex_utf8("\u00e9", 2), 2);
	CHECK_EQ(sl_lex_utf8("\U0001f600", 4), 4);
	CHECK_EQ(sl_lex_utf8("\xc0\x80", 2), 0);		/* longer than needed */
	CHECK_EQ(sl_lex_utf8("\xed\xa0\x80", 3), 0);	/* half of a pair */
	CHECK_EQ(sl_lex_utf8("\xe9", 1), 0);
	CHECK_EQ(sl_lex_utf8("\xf5\x80\x80\x80", 4), 0);
}

TEST_MAIN()
