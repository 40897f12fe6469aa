/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that are going to be written: made, claimed, emptied, cut, undone; and text on its way to them. */
#include "core/outfile.h"
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static char dir[] = "/tmp/test_target.XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[4][128];
	static unsigned int n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static void make(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "wb");

	CHECK(f && fwrite(text, 1, strlen(text), f) == strlen(text));
	fclose(f);
}

/* -1: not there */
static long size_of(const char *name)
{
	struct stat st;

	return stat(in_dir(name), &st) < 0 ? -1 : (long)st.st_size;
}

TEST(a_folder_to_work_in)
{
	CHECK(mkdtemp(dir));
}

TEST(emptied_at_the_beginning_not_when_opened)
{
	struct sl_target t;

	make("a", "older");
	CHECK_EQ(sl_target_open(&t, in_dir("a")), 0);
	CHECK(!t.made);
	CHECK_EQ(size_of("a"), 5);
	CHECK_EQ(sl_target_begin(&t), 0);
	CHECK_EQ(size_of("a"), 0);
	CHECK_EQ(write(t.fd, "new", 3), 3);
	CHECK_EQ(sl_target_begin(&t), 0);
	CHECK_EQ(size_of("a"), 3);
	CHECK_EQ(sl_target_close(&t), 0);
	CHECK_EQ(sl_target_close(&t), 0);
}

TEST(undone_when_nothing_ran)
{
	struct sl_target old, new, replaced;

	make("old", "older");
	CHECK_EQ(sl_target_open(&old, in_dir("old")), 0);
	CHECK_EQ(sl_target_open(&new, in_dir("new")), 0);
	CHECK_EQ(sl_target_open(&replaced, in_dir("replaced")), 0);
	CHECK(new.made);
	make("other", "somebody else's");
	CHECK_EQ(rename(in_dir("other"), in_dir("replaced")), 0);
	sl_target_undo(&old);
	sl_target_undo(&new);
	sl_target_undo(&replaced);
	sl_target_undo(&new);
	CHECK_EQ(size_of("old"), 5);
	CHECK_EQ(size_of("new"), -1);
	CHECK_EQ(size_of("replaced"), 15);
}

TEST(one_writer_under_any_name)
{
	struct sl_target a, b;

	CHECK_EQ(sl_target_open(&a, in_dir("one")), 0);
	CHECK_EQ(link(in_dir("one"), in_dir("two")), 0);
	CHECK_EQ(symlink("one", in_dir("three")), 0);
	CHECK_EQ(sl_target_open(&b, in_dir("one")), -EEXIST);
	CHECK_EQ(sl_target_open(&b, in_dir("two")), -EEXIST);
	CHECK_EQ(sl_target_open(&b, in_dir("three")), -EEXIST);
	CHECK(size_of("two") == 0 && size_of("three") == 0);
	CHECK_EQ(sl_target_close(&a), 0);
	CHECK_EQ(sl_target_open(&b, in_dir("three")), 0);
	CHECK_EQ(sl_target_close(&b), 0);
	/* what swallows all takes it from many */
	CHECK_EQ(sl_target_open(&a, "/dev/null"), 0);
	CHECK_EQ(sl_target_open(&b, "/dev/null"), 0);
	sl_target_close(&a);
	sl_target_close(&b);
}

TEST(what_is_read_is_not_emptied)
{
	struct sl_claim c = { .held = false };
	struct sl_target t;
	struct stat st;

	make("in", "read");
	CHECK_EQ(stat(in_dir("in"), &st), 0);
	CHECK_EQ(sl_target_open(&t, in_dir("in")), 0);
	sl_claim_read(&c, &st);
	CHECK_EQ(sl_target_begin(&t), -EDEADLK);
	CHECK_EQ(size_of("in"), 4);
	sl_claim_drop(&c);
	sl_claim_drop(&c);
	CHECK_EQ(sl_target_begin(&t), 0);
	CHECK_EQ(size_of("in"), 0);
	sl_target_close(&t);
}

TEST(paused_and_gone)
{
	struct sl_target t, more[8];

	CHECK_EQ(sl_target_open(&t, in_dir("p")), 0);
	CHECK_EQ(sl_target_begin(&t), 0);
	CHECK_EQ(write(t.fd, "ab", 2), 2);
	sl_target_pause(&t);
	CHECK_EQ(sl_target_resume(&t), 0);
	CHECK_EQ(write(t.fd, "cd", 2), 2);
	CHECK_EQ(size_of("p"), 4);
	sl_target_pause(&t);
	unlink(in_dir("p"));
	CHECK_EQ(sl_target_resume(&t), -ENOENT);
	/* New files may get the number of the one that has gone. */
	for (int i = 0; i < 8; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%d", i);
		CHECK_EQ(sl_target_open(&more[i], in_dir(name)), 0);
	}
	for (int i = 0; i < 8; i++)
		sl_target_undo(&more[i]);
	make("keeps-a-number", "");
	make("p", "another");
	if (sl_target_resume(&t) == 0)
		CHECK(t.fd >= 0);	/* it did get that number */
	else
		CHECK_EQ(t.fd, -1);
	CHECK_EQ(size_of("p"), 7);
	sl_target_close(&t);
}

TEST(marks_tell_what_is_in_the_file)
{
	char line[1000] = { 0 };
	struct sl_outfile o;
	struct rlimit before, small;
	uint64_t mark[100];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small = before;
	small.rlim_cur = 142300;
	setrlimit(RLIMIT_FSIZE, &small);
	CHECK_EQ(sl_outfile_open(&o, in_dir("full")), 0);
	for (int i = 0; i < 100; i++) {
		sl_outfile_put(&o, line, sizeof(line));
		mark[i] = sl_outfile_mark(&o);
	}
	CHECK_EQ(sl_outfile_batch(&o, mark, 100), 100);
	CHECK_EQ(size_of("full"), 100000);
	for (int i = 0; i < 100; i++) {
		sl_outfile_put(&o, line, sizeof(line));
		mark[i] = sl_outfile_mark(&o);
	}
	CHECK_EQ(sl_outfile_batch(&o, mark, 100), 42);
	CHECK_EQ(o.error, -EFBIG);
	CHECK_EQ(size_of("full"), 142000);
	/* Nothing more comes in, and nothing of it counts. */
	setrlimit(RLIMIT_FSIZE, &before);
	sl_outfile_put(&o, line, sizeof(line));
	mark[0] = sl_outfile_mark(&o);
	CHECK_EQ(sl_outfile_batch(&o, mark, 1), 0);
	CHECK_EQ(sl_outfile_done(&o), -EFBIG);
	CHECK_EQ(size_of("full"), 142000);
}

/* A text that could not be made ends the file behind the last whole one. */
TEST(text_that_failed)
{
	struct sl_outfile o;
	uint64_t mark[3];

	CHECK_EQ(sl_outfile_open(&o, in_dir("half")), 0);
	sl_outfile_put(&o, "whole\n", 6);
	mark[0] = sl_outfile_mark(&o);
	sl_outfile_put(&o, "ha", 2);
	sl_outfile_fail(&o, -ENOMEM);
	mark[1] = sl_outfile_mark(&o);
	sl_outfile_put(&o, "more\n", 5);
	mark[2] = sl_outfile_mark(&o);
	CHECK_EQ(sl_outfile_batch(&o, mark, 3), 1);
	CHECK_EQ(size_of("half"), 6);
	CHECK_EQ(sl_outfile_done(&o), -ENOMEM);
	CHECK_EQ(size_of("half"), 6);
}

TEST(nothing_written)
{
	struct sl_outfile o = { .used = 0 };

	CHECK_EQ(sl_outfile_done(&o), 0);
	sl_outfile_undo(&o);
	make("e", "older");
	CHECK_EQ(sl_outfile_open(&o, in_dir("e")), 0);
	CHECK_EQ(sl_outfile_done(&o), 0);
	CHECK_EQ(size_of("e"), 0);
	make("e", "older");
	CHECK_EQ(sl_outfile_open(&o, in_dir("e")), 0);
	sl_outfile_put(&o, "x", 1);
	sl_outfile_undo(&o);
	CHECK_EQ(size_of("e"), 5);
	CHECK(sl_outfile_open(&o, in_dir("no/such")) == -ENOENT);
	CHECK_EQ(sl_outfile_done(&o), -ENOENT);
}

TEST(the_folder_goes_away)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK_EQ(system(command), 0);
}

TEST_MAIN()
