/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tests/unit/test.h -- the smallest harness that is enough
 *
 *	TEST(adds_up)
 *	{
 *		CHECK_EQ(1 + 1, 2);
 *		if (!have_data)
 *			SKIP("no data here");
 *	}
 *	TEST_MAIN()
 *
 * Tests register themselves and run in the order of the file. One line is
 * printed for each: "ok NAME", "not ok NAME: FILE:LINE why", "ok NAME # skip
 * why"; a plan line ends the output. A failed CHECK is reported once and ends
 * its test. With arguments, only the tests named by them run.
 */
#ifndef SL_TESTS_TEST_H
#define SL_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
	struct test_case *next;
};

static struct test_case *test_first, **test_last = &test_first;
static const char *test_name;
static jmp_buf test_end;

__attribute__((noreturn, format(printf, 3, 4), unused))
static void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("not ok %s: %s:%d ", test_name, file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	longjmp(test_end, 1);
}

__attribute__((noreturn, unused))
static void test_skip(const char *why)
{
	printf("ok %s # skip %s\n", test_name, why);
	longjmp(test_end, 2);
}

#define TEST(name_)								\
	static void test_##name_(void);						\
	__attribute__((constructor)) static void test_add_##name_(void)		\
	{									\
		static struct test_case t = { #name_, test_##name_, NULL };	\
										\
		*test_last = &t;						\
		test_last = &t.next;						\
	}									\
	static void test_##name_(void)

#define CHECK(cond)								\
	do {									\
		if (!(cond))							\
			test_fail(__FILE__, __LINE__, "%s", #cond);		\
	} while (0)

/* Integers of any kind; printed signed. */
#define CHECK_EQ(a, b)								\
	do {									\
		long long a_ = (long long)(a), b_ = (long long)(b);		\
										\
		if (a_ != b_)							\
			test_fail(__FILE__, __LINE__, "%s is %lld, not %s (%lld)", #a, a_, #b, b_); \
	} while (0)

#define CHECK_STR(a, b)								\
	do {									\
		const char *a_ = (a), *b_ = (b);				\
										\
		if (!a_ || !b_ ? a_ != b_ : strcmp(a_, b_) != 0)		\
			test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a, \
				  a_ ? a_ : "(null)", b_ ? b_ : "(null)");	\
	} while (0)

#define SKIP(why) test_skip(why)

/* An emulated machine is so many times slower (SL_SLOW): long tests do less there. At least 1. */
static inline unsigned int test_slow(void)
{
	const char *s = getenv("SL_SLOW");
	double times = s ? atof(s) : 1;

	return times > 1 ? (unsigned int)times : 1;
}

#define TEST_MAIN()								\
	int main(int argc, char **argv)						\
	{									\
		static int n, failed;						\
		static struct test_case *t;					\
										\
		setvbuf(stdout, NULL, _IOLBF, 0);				\
		for (t = test_first; t; t = t->next) {				\
			bool wanted = argc < 2;					\
			int r;							\
										\
			for (int i = 1; i < argc; i++)				\
				wanted |= !strcmp(argv[i], t->name);		\
			if (!wanted)						\
				continue;					\
			n++;							\
			test_name = t->name;					\
			r = setjmp(test_end);					\
			if (!r) {						\
				t->run();					\
				printf("ok %s\n", t->name);			\
			} else if (r == 1) {					\
				failed++;					\
			}							\
		}								\
		printf("1..%d\n", n);						\
		return failed ? 1 : 0;						\
	}

#endif
