/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "core/json.h"

static char *text_of(const char *bytes, size_t len)
{
	struct sl_json j = { 0 };

	sl_json_strn(&j, bytes, len);
	return sl_json_take(&j);
}

#define CHECK_TEXT(bytes, want)						\
	do {								\
		char *got_ = text_of(bytes, sizeof(bytes) - 1);		\
									\
		CHECK_STR(got_, want);					\
		free(got_);						\
	} while (0)

TEST(objects_and_commas)
{
	struct sl_json j = { 0 };
	char *s;

	sl_json_open(&j, '{');
	sl_json_kstr(&j, "a", "b");
	sl_json_key(&j, "list");
	sl_json_open(&j, '[');
	sl_json_u64(&j, 0);
	sl_json_i64(&j, -12);
	sl_json_i64(&j, INT64_MIN);
	sl_json_u64(&j, UINT64_MAX);
	sl_json_open(&j, '{');
	sl_json_close(&j, '}');
	sl_json_open(&j, '[');
	sl_json_close(&j, ']');
	sl_json_close(&j, ']');
	sl_json_kbool(&j, "yes", true);
	sl_json_kstr(&j, "none", NULL);
	sl_json_key(&j, "raw");
	sl_json_raw(&j, "[1]");
	sl_json_close(&j, '}');
	s = sl_json_take(&j);
	CHECK_STR(s, "{\"a\":\"b\",\"list\":[0,-12,-9223372036854775808,18446744073709551615,{},[]],"
		     "\"yes\":true,\"none\":null,\"raw\":[1]}");
	free(s);
}

TEST(escapes)
{
	CHECK_TEXT("plain", "\"plain\"");
	CHECK_TEXT("", "\"\"");
	CHECK_TEXT("a\"b\\c\n\r\t", "\"a\\\"b\\\\c\\n\\r\\t\"");
	CHECK_TEXT("\x00\x1f\x7f", "\"\\u0000\\u001f\\u007f\"");
	CHECK_TEXT("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8a", "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8a\"");
}

TEST(bytes_that_are_not_utf8)
{
	CHECK_TEXT("a\xff" "b", "\"a\\ufffdb\"");
	CHECK_TEXT("\xc3", "\"\\ufffd\"");
	CHECK_TEXT("\xc0\xaf", "\"\\ufffd\\ufffd\"");
	CHECK_TEXT("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	CHECK_TEXT("\xe0\x80\x80z", "\"\\ufffd\\ufffd\\ufffdz\"");
	CHECK_TEXT("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	CHECK_TEXT("\xe2\x82", "\"\\ufffd\\ufffd\"");
}

TEST(numbers_with_a_point)
{
	struct sl_json j = { 0 };

	sl_json_double(&j, 0.1);
	CHECK_STR(j.buf, "0.1");
	sl_json_reset(&j);
	sl_json_double(&j, 1.0 / 3);
	CHECK(strtod(j.buf, NULL) == 1.0 / 3);
	sl_json_reset(&j);
	sl_json_double(&j, 0.0 / 0.0);
	CHECK_STR(j.buf, "null");
	sl_json_free(&j);
}

TEST(long_texts_grow)
{
	struct sl_json j = { 0 };
	char *s;

	sl_json_open(&j, '[');
	for (unsigned int i = 0; i < 5000; i++)
		sl_json_str(&j, "\x01");
	sl_json_close(&j, ']');
	s = sl_json_take(&j);
	CHECK_EQ(strlen(s), 5000 * 9 + 1);
	free(s);
}

TEST_MAIN()
