/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of costs: what is built in, what a file replaces, what is refused. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan/costs.h"
#include "test.h"

static struct sl_costs *table(void)
{
	struct sl_costs *c = sl_costs_new();

	CHECK(c);
	return c;
}

static int read_text(struct sl_costs *c, const char *text, char *why, size_t size)
{
	*why = '\0';
	return sl_costs_parse(c, text, strlen(text), why, size);
}

TEST(built_in)
{
	struct sl_costs *c = table();
	struct sl_cost_filter f = sl_costs_filter(c, "tcp");

	CHECK(f.user.block_ns > 0 && f.kernel.block_ns > 0);
	CHECK(f.pass > 0 && f.pass < 1);
	f = sl_costs_filter(c, "nobody-knows-it");
	CHECK(f.user.block_ns > 0 && f.pass == 1);
	f = sl_costs_filter(c, "print");
	CHECK(f.user.block_ns > 100 && f.kernel.block_ns > 0);
	CHECK(sl_costs_border(c, "arena") && sl_costs_border(c, "array"));
	CHECK(sl_costs_border(c, "ringbuf") && sl_costs_border(c, "afxdp") && sl_costs_border(c, "tpacket"));
	CHECK(!sl_costs_border(c, "pigeon"));
	CHECK(c->call_ns > 0 && c->tail_call_ns > 0 && c->crossing_ns > 0 && c->frame_bytes > 60);
	sl_costs_free(c);
}

TEST(a_file_replaces_lines)
{
	struct sl_costs *c = table();
	double was = sl_costs_filter(c, "tcp").user.block_ns;
	char why[160];

	CHECK_EQ(read_text(c, "# mine\nfilter tcp kernel 2.5ns 0.01ns/B  # quick\n\nframe 1500B\nstream call 3ns",
			   why, sizeof(why)), 0);
	CHECK(sl_costs_filter(c, "tcp").kernel.block_ns == 2.5);
	CHECK(sl_costs_filter(c, "tcp").kernel.byte_ns == 0.01);
	CHECK(sl_costs_filter(c, "tcp").user.block_ns == was);
	CHECK(c->frame_bytes == 1500 && c->call_ns == 3);
	CHECK_EQ(read_text(c, "filter every user 1ns 0ns/B", why, sizeof(why)), 0);
	CHECK(sl_costs_filter(c, "every").user.block_ns == 1);
	sl_costs_free(c);
}

TEST(printed_and_read_again)
{
	struct sl_costs *c = table(), *again = calloc(1, sizeof(*again));
	char why[160], *one = sl_costs_print(c), *two;

	CHECK(again && one);
	CHECK_EQ(read_text(again, one, why, sizeof(why)), 0);
	two = sl_costs_print(again);
	CHECK_STR(one, two);
	CHECK_EQ(again->n_filters, c->n_filters);
	free(one);
	free(two);
	sl_costs_free(c);
	sl_costs_free(again);
}

TEST(refused_whole_with_the_line)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "frame 100B\nfilter tcp user 4ns", "line 2: '' is not a time for each byte, such as 0.06ns/B" },
		{ "filter tcp user 4 0ns/B", "line 1: '4' is not a time for each block, such as 4ns" },
		{ "filter tcp user -4ns 0ns/B", "line 1: '-4ns' is not a time for each block, such as 4ns" },
		{ "filter tcp user 1e3ns 0ns/B", "line 1: '1e3ns' is not a time for each block, such as 4ns" },
		{ "filter tcp user .5ns 0ns/B", "line 1: '.5ns' is not a time for each block, such as 4ns" },
		{ "filter tcp user 5.ns 0ns/B", "line 1: '5.ns' is not a time for each block, such as 4ns" },
		{ "filter tcp user nanns 0ns/B", "line 1: 'nanns' is not a time for each block, such as 4ns" },
		{ "filter tcp user 2000000000ns 0ns/B",
		  "line 1: '2000000000ns' is not a time for each block, such as 4ns" },
		{ "filter tcp pass 1.01", "line 1: '1.01' is not a share from 0 to 1" },
		{ "filter tcp pass 50%", "line 1: '50%' is not a share from 0 to 1" },
		{ "filter tcp pass 1 pass 1", "line 1: 'pass' is not one of: user, kernel, pass; each once" },
		{ "filter TCP pass 1", "line 1: 'TCP' is no name" },
		{ "filter", "line 1: '' is no name" },
		{ "\n\nfilter tcp pass 1\nfilter tcp pass 1", "line 4: filter tcp has a line already" },
		{ "border arena write 1ns 0ns/B", "line 1: a border has 'read' behind what it costs to write" },
		{ "border * write 1ns 0ns/B read 1ns 0ns/B", "line 1: '*' is no name" },
		{ "border arena write 1ns 0ns/B read 1ns 0ns/B 2", "line 1: '2' is too much" },
		{ "stream trickle 2ns", "line 1: 'trickle' is not one of: call, tail-call, crossing" },
		{ "stream call 2ns\nstream call 2ns", "line 2: stream call has a line already" },
		{ "frame 0B", "line 1: '0B' is not a size from 1B to 65535B" },
		{ "frame 100000B", "line 1: '100000B' is not a size from 1B to 65535B" },
		{ "frame 10B\nframe 10B", "line 2: frame has a line already" },
		{ "filters tcp", "line 1: 'filters' is not one of: filter, border, stream, frame" },
	};
	struct sl_costs *c = table();
	char *before = sl_costs_print(c), *after, why[160];

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(read_text(c, bad[i].text, why, sizeof(why)), -EINVAL);
		CHECK_STR(why, bad[i].why);
	}
	CHECK_EQ(sl_costs_parse(c, "frame 10B\n\0\n", 12, why, sizeof(why)), -EINVAL);
	CHECK_STR(why, "line 2: it holds a zero byte");
	after = sl_costs_print(c);
	CHECK_STR(before, after);
	free(before);
	free(after);
	sl_costs_free(c);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(name, "w");

	CHECK(f);
	fputs(text, f);
	fclose(f);
	CHECK(!chmod(name, mode));
}

TEST(files)
{
	char dir[] = "/tmp/sl-costs-XXXXXX", name[64], want[96], why[160];
	struct sl_costs *c = table();
	char *file;

	CHECK(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/costs", dir);
	CHECK_EQ(sl_costs_read(c, name, why, sizeof(why)), -ENOENT);
	write_file(name, "frame 77B\n", 0644);
	CHECK_EQ(sl_costs_read(c, name, why, sizeof(why)), 0);
	CHECK(c->frame_bytes == 77);
	CHECK_STR(c->file, name);
	CHECK(c->file_time > 0);
	write_file(name, "frame 78B\n", 0666);
	CHECK_EQ(sl_costs_read(c, name, why, sizeof(why)), -EPERM);
	CHECK_STR(why, "others could have written it");
	write_file(name, "frame\n", 0644);
	CHECK_EQ(sl_costs_read(c, name, why, sizeof(why)), -EINVAL);
	CHECK(c->frame_bytes == 77);
	CHECK_EQ(sl_costs_read(c, dir, why, sizeof(why)), -EINVAL);	/* no file */
	setenv("XDG_CACHE_HOME", dir, 1);
	snprintf(want, sizeof(want), "%s/streamline/costs", dir);
	file = sl_costs_file();
	CHECK_STR(file, want);
	free(file);
	setenv("XDG_CACHE_HOME", "relative", 1);
	file = sl_costs_file();
	CHECK(file && *file == '/');
	free(file);
	unlink(name);
	rmdir(dir);
	sl_costs_free(c);
}

TEST_MAIN()
