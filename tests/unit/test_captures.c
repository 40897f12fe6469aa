/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Capture files through the whole library: those of other projects (in ../shared/data,
 * skipped when absent) give their origin's packet count, and what happens to files
 * while a run reads or writes them. The ledger adds up in the end, every time.
 */
#include "cap/cap.h"
#include "cap_make.h"
#include "streamline/streamline.h"
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA "../shared/data/"

struct result {
	int refused;		/* while parsing or planning */
	int r;
	char code[8];		/* of the first diagnostic, refused or run */
	char message[512];
	uint64_t in, out, lost;	/* blocks: in of the first filter, out of the last, lost by both */
};

static void note(struct result *res, const struct sl_diags *ds)
{
	const struct sl_diag *d = sl_diags_get(ds, 0);

	if (!d)
		return;
	snprintf(res->code, sizeof(res->code), "%s", d->code);
	snprintf(res->message, sizeof(res->message), "%s", d->message);
}

/* `between` is called after a step, once. */
static struct result run(const char *text, void (*between)(void *), void *arg)
{
	struct result res = { 0 };
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q = NULL;
	struct sl_plan *p = NULL;
	struct sl_run *r = NULL;
	struct sl_ledger_row row;
	char *why = NULL;

	res.refused = sl_parse(text, NULL, &q, ds) < 0 || sl_plan_new(q, NULL, &p, ds) < 0 ||
		      sl_run_new(p, &r, ds) < 0;
	if (!res.refused) {
		if (between) {
			res.r = sl_run_step(r, 0);
			between(arg);
		}
		res.r = sl_run_wait(r);
		for (unsigned int i = 0; sl_run_filter(r, i, &row) == 0; i++) {
			if (!i)
				res.in = row.in.blocks;
			res.out = row.out.blocks;
			res.lost += row.lost.blocks;
		}
		if (sl_run_verify(r, &why) < 0)
			test_fail(__FILE__, __LINE__, "%s: %s", text, why);
		note(&res, sl_run_diags(r));
	} else {
		note(&res, ds);
	}
	sl_run_free(r);
	sl_plan_free(p);
	sl_request_free(q);
	sl_diags_free(ds);
	return res;
}

TEST(shared_captures_give_their_packet_counts)
{
	FILE *list = fopen(DATA "FILES.tsv", "r");
	unsigned int files = 0, refused = 0, damaged = 0;
	char line[2048];

	if (!list)
		SKIP("no ../shared/data here");
	CHECK(fgets(line, sizeof(line), list));
	while (fgets(line, sizeof(line), list)) {
		char text[sizeof(line) + 64], *field[5] = { line }, *end;
		struct result res;
		unsigned long told;

		for (int i = 1; i < 5; i++) {
			field[i] = strchr(field[i - 1], '\t');
			CHECK(field[i]);
			*field[i]++ = '\0';
		}
		told = strtoul(field[4], &end, 10);
		snprintf(text, sizeof(text), "(pcapin \"" DATA "%s\") > (count) > (null)", field[0]);
		res = run(text, NULL, NULL);
		files++;
		if (res.refused) {
			CHECK_STR(res.code, "E202");
			CHECK(strstr(line, ".snoop"));
			refused++;
			continue;
		}
		if (end != field[4] && res.out != told)
			test_fail(__FILE__, __LINE__, "%s: %llu packets, and the origin has %lu", line,
				  (unsigned long long)res.out, told);
		if (res.r < 0) {
			CHECK_STR(res.code, "E203");
			CHECK(*end == '?');
			damaged++;
		}
	}
	fclose(list);
	printf("# %u files, %u refused, %u damaged\n", files, refused, damaged);
	CHECK(files > 900);
	CHECK_EQ(refused, 1);
}

static char dir[] = "/tmp/test_captures.XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[4][128];
	static unsigned int n;
	static bool made;

	if (!made && !mkdtemp(dir))
		test_fail(__FILE__, __LINE__, "no folder: %s", strerror(errno));
	made = true;
	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

/* n packets of 1000 bytes, none of which is zero in its first byte. */
static size_t make_big(const char *path, unsigned int n)
{
	struct made m = { 0 };
	FILE *f = fopen(path, "wb");
	size_t len;

	made_pcap(&m, 0xa1b2c3d4, 2, 4, 1);
	for (unsigned int i = 0; i < n; i++) {
		made_rec(&m, 1000 + i, 0, 1000, 1000);
		made_frame(&m, 1, 1000);
	}
	len = m.len;
	CHECK(f && fwrite(m.p, 1, m.len, f) == m.len);
	fclose(f);
	made_free(&m);
	return len;
}

static void cut_to(void *arg)
{
	const char *path = in_dir("shrinks.pcap");

	if (truncate(path, (off_t)*(size_t *)arg) < 0)
		test_fail(__FILE__, __LINE__, "truncate: %s", strerror(errno));
}

/* How many packets a file of make_big()'s frames has; all of them must be whole. */
static uint64_t whole_packets(const char *path)
{
	struct sl_cap *c = sl_cap_new();
	static uint8_t p[16 << 20];
	struct sl_cap_rec rec;
	FILE *f = fopen(path, "rb");
	size_t len = f ? fread(p, 1, sizeof(p), f) : 0, at = 0, used;
	uint64_t n = 0;
	int r;

	CHECK(len);
	while ((r = sl_cap_next(c, p + at, len - at, true, &rec, &used)) == 1) {
		CHECK_EQ(rec.cap_len, 1000);
		for (unsigned int i = 0; i < 1000; i++)
			CHECK_EQ(p[at + rec.off + i], (uint8_t)(31 + i));
		at += used;
		n++;
	}
	CHECK_EQ(r, 0);
	sl_cap_free(c);
	fclose(f);
	return n;
}

/* Cut in the middle of a page and of a packet, at a page's end, and to nothing. */
TEST(file_that_shrinks_while_it_is_read)
{
	static size_t to[] = { 2000000, 488 * 4096, 24 + 1016 * 1500, 0 };

	for (unsigned int i = 0; i < 4; i++) {
		char text[512];
		struct result res;

		make_big(in_dir("shrinks.pcap"), 8000);
		snprintf(text, sizeof(text), "(pcapin \"%s\") > (pcapout \"%s\")", in_dir("shrinks.pcap"),
			 in_dir("out.pcap"));
		res = run(text, cut_to, &to[i]);
		CHECK(!res.refused);
		CHECK(res.r < 0);
		CHECK_STR(res.code, "E203");
		CHECK(strstr(res.message, "was cut while it was read"));
		/* What came out is whole, and it is all that was left. */
		CHECK(res.out < 8000);
		CHECK(res.out >= (to[i] ? (to[i] - 24) / 1016 : 0));
		CHECK_EQ(whole_packets(in_dir("out.pcap")), res.out);
	}
	unlink(in_dir("shrinks.pcap"));
	unlink(in_dir("out.pcap"));
}

TEST(file_that_grows_while_it_is_read)
{
	char text[256];
	size_t len = make_big(in_dir("shrinks.pcap"), 4000) + 500;
	struct result res;

	snprintf(text, sizeof(text), "(pcapin \"%s\") > (count) > (null)", in_dir("shrinks.pcap"));
	res = run(text, cut_to, &len);	/* here: longer by 500 */
	CHECK_EQ(res.r, 0);
	CHECK_EQ(res.out, 4000);
	unlink(in_dir("shrinks.pcap"));
}

/* A SIGBUS that is none of ours still finds the program's own handler. */
static volatile sig_atomic_t theirs;

static void their_handler(int sig)
{
	theirs = sig;
}

static void raise_it(void *arg)
{
	(void)arg;
	raise(SIGBUS);
}

TEST(foreign_sigbus_is_passed_on)
{
	struct sigaction sa = { .sa_handler = their_handler }, now;
	char text[256];
	struct result res;

	make_big(in_dir("shrinks.pcap"), 4000);
	sigaction(SIGBUS, &sa, NULL);
	snprintf(text, sizeof(text), "(pcapin \"%s\") > (count) > (null)", in_dir("shrinks.pcap"));
	res = run(text, raise_it, NULL);
	CHECK_EQ(res.r, 0);
	CHECK_EQ(theirs, SIGBUS);
	sigaction(SIGBUS, NULL, &now);
	CHECK(now.sa_handler == their_handler);
	signal(SIGBUS, SIG_DFL);
	unlink(in_dir("shrinks.pcap"));
}

/* No room: the file ends with a whole record, and the words say how many it has. */
TEST(disk_that_is_full)
{
	static const char *const name[] = { "full.pcap", "full.pcapng" };
	struct rlimit before, small;

	make_big(in_dir("in.pcap"), 1000);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small = before;
	small.rlim_cur = 300000;
	for (unsigned int i = 0; i < 2; i++) {
		char text[512], want[64];
		struct result res, back;
		struct stat st;

		snprintf(text, sizeof(text), "(pcapin \"%s\") > (pcapout \"%s\")", in_dir("in.pcap"),
			 in_dir(name[i]));
		setrlimit(RLIMIT_FSIZE, &small);
		res = run(text, NULL, NULL);
		setrlimit(RLIMIT_FSIZE, &before);
		CHECK(res.r < 0);
		CHECK_STR(res.code, "E207");
		CHECK_EQ(res.in, res.out + res.lost);
		snprintf(want, sizeof(want), "the first %u packets", (unsigned int)res.out);
		CHECK(strstr(res.message, want));
		CHECK(stat(in_dir(name[i]), &st) == 0 && st.st_size > 298000 && st.st_size <= 300000);
		snprintf(text, sizeof(text), "(pcapin \"%s\") > (count) > (null)", in_dir(name[i]));
		back = run(text, NULL, NULL);
		CHECK_EQ(back.r, 0);
		CHECK_EQ(back.out, res.out);
		unlink(in_dir(name[i]));
	}
	unlink(in_dir("in.pcap"));
}

/* A set-up that fails leaves no file behind, and does not touch one that was there. */
TEST(failed_set_up_leaves_nothing)
{
	char text[512];
	struct result res;
	struct stat st;
	size_t len = make_big(in_dir("in.pcap"), 10);

	make_big(in_dir("old.pcap"), 10);
	/* A folder that is there and in which nobody can make a file. */
	snprintf(text, sizeof(text), "(pcapin \"%s\") > (count) { > (pcapout \"%s\"); > (o: pcapout \"%s\"); "
		 "> (p: pcapout \"/proc/no-such-file\") }", in_dir("in.pcap"), in_dir("new.pcap"),
		 in_dir("old.pcap"));
	res = run(text, NULL, NULL);
	CHECK(res.refused);
	CHECK_STR(res.code, "E206");
	CHECK(strstr(res.message, "/proc/no-such-file"));
	CHECK(stat(in_dir("new.pcap"), &st) < 0);
	CHECK(stat(in_dir("old.pcap"), &st) == 0 && (size_t)st.st_size == len);
	unlink(in_dir("in.pcap"));
	unlink(in_dir("old.pcap"));
	rmdir(dir);
}

TEST_MAIN()
