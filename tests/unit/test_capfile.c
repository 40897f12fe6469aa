/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What stands in a capture file when writing it ends early: at every byte where it can, for both formats,
 * small packets that were copied among large ones that were not, one flush and several. The
 * file ends with the last whole packet, and the parts say which ones those are.
 */
#include "../../io/capfile.h"
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define N	14
#define COPY	100u

static const uint16_t sizes[N] = { 60, 0, 300, 64, 1, 99, 100, 101, 250, 3, 90, 90, 180, 62 };
static char path[32] = "/dev/shm/test_capfile.XXXXXX";	/* a disk would wait for each of some thousand files */
static uint8_t input[8192], whole[16384];	/* the source's capture; what the file is to hold */
static uint8_t made[16384];
static struct sl_capfile_batch batch;

struct plan {
	bool ng;
	bool lies;		/* frames lie behind their headers */
	unsigned int flushes;
	unsigned int ifaces;
};

static struct {
	struct sl_block b[N];
	const uint8_t *frame[N];
	size_t end[N];		/* of each record in the file */
	size_t begins, size;	/* the file's header; all */
} want;

static void input_make(const struct plan *p)
{
	uint8_t *at = input;

	memset(&want, 0, sizeof(want));
	for (unsigned int i = 0; i < N; i++) {
		want.b[i] = (struct sl_block){
			.seg = 1, .time_ns = (1000 + i / 3) * UINT64_C(1000000000) + i * 1000,
			.len = sizes[i], .frame_len = sizes[i], .wire_len = sizes[i] + i, .link = 1,
			.iface = (uint16_t)(i * p->ifaces / N), .flags = i % 2 ? SL_B_IN : 0,
		};
		sl_cap_put_rec(at, want.b[i].time_ns, sizes[i], want.b[i].wire_len, false);
		if (!p->lies)
			at[15] ^= 1;
		at += SL_CAP_REC_HDR;
		want.b[i].off = (uint64_t)(at - input);
		memset(at, 'a' + (int)i, sizes[i]);
		want.frame[i] = at;
		at += sizes[i];
	}
}

/* Writes frames in flushes of about equal size. Returns the first error; counts what is good. */
static int make_file(struct sl_capfile *o, const struct plan *p, unsigned int *good, uint64_t *good_bytes)
{
	struct sl_capfile_part part[2 * N];
	uint64_t rounded = 0;
	uint8_t *at = made;
	int error = 0;

	*good = 0;
	*good_bytes = 0;
	for (unsigned int k = 0; k < p->flushes; k++) {
		struct sl_capfile_part *q = NULL;
		unsigned int n = 0, done = 0;

		for (unsigned int i = k * N / p->flushes; i < (k + 1) * N / p->flushes; i++) {
			const struct sl_block *b = &want.b[i];
			bool copied = b->frame_len <= COPY;
			uint8_t *header;
			uint32_t begins;

			if (!q || q->frame || !copied) {
				q = &part[n++];
				*q = (struct sl_capfile_part){ .made = at };
			}
			if (!sl_capfile_ready(o, b, false)) {
				int r = sl_capfile_before(o, b, false, at, &begins);

				CHECK(r > 0);
				q->begins += begins;
				at += r;
				q->made_len += (uint32_t)r;
			}
			if (!copied && q->made_len) {
				q = &part[n++];
				*q = (struct sl_capfile_part){ .made = at };
			}
			header = at;
			at += sl_capfile_header(o, b, false, at, &rounded);
			if (copied) {
				memcpy(at, want.frame[i], b->frame_len);
				at += b->frame_len;
			} else {
				q->header = (uint32_t)(at - header);
				q->frame = want.frame[i];
				q->frame_len = b->frame_len;
				q->lies = sl_capfile_lies(o, b, want.frame[i], header);
				CHECK_EQ(q->lies, p->lies && !p->ng);
			}
			at += sl_capfile_tail(o, b, at);
			q->made_len = (uint32_t)(at - q->made);
			q->packets++;
			q->bytes += b->frame_len;
		}
		while (done < n && !o->error) {
			for (unsigned int i = done; i < n; i++)
				CHECK(sl_capfile_add(o, &batch, &part[i]));
			done += sl_capfile_flush(o, &batch);
		}
		for (unsigned int i = 0; i < done; i++) {
			*good += part[i].good;
			*good_bytes += part[i].good_bytes;
			CHECK(part[i].good <= part[i].packets);
			CHECK_EQ(part[i].good < part[i].packets, part[i].error && part[i].packets);
			error = error ? error : part[i].error;
		}
	}
	CHECK_EQ(rounded, 0);
	return error;
}

static size_t content(uint8_t *to, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, to, size);

	close(fd);
	CHECK(n >= 0);
	return (size_t)n;
}

static void begin(struct sl_capfile *o, const struct plan *p)
{
	CHECK_EQ(sl_capfile_open(o, path, p->ng), 0);
	CHECK_EQ(sl_capfile_begin(o, 1, false), 0);
}

/* What is to be in the file, by going through what a run without trouble made. */
static void learn(const struct plan *p)
{
	struct sl_capfile o;
	unsigned int good, n = 0;
	uint64_t bytes;
	size_t at;

	input_make(p);
	begin(&o, p);
	CHECK_EQ(make_file(&o, p, &good, &bytes), 0);
	CHECK_EQ(good, N);
	CHECK_EQ(o.packets, N);
	CHECK_EQ(o.bytes, bytes);
	want.size = content(whole, sizeof(whole));
	CHECK_EQ(o.size, want.size);
	sl_capfile_done(&o);
	at = want.begins = p->ng ? *(uint32_t *)(void *)(whole + 4) : 24;
	while (at < want.size) {
		uint32_t h[6];
		bool packet;

		memcpy(h, whole + at, sizeof(h));
		packet = !p->ng || *h == SL_CAP_EPB;
		if (packet) {
			CHECK_EQ(h[p->ng ? 5 : 2], sizes[n]);
			CHECK(!memcmp(whole + at + (p->ng ? 28 : 16), want.frame[n], sizes[n]));
		}
		at += p->ng ? h[1] : 16 + h[2];
		if (packet)
			want.end[n++] = at;
	}
	CHECK_EQ(at, want.size);
	CHECK_EQ(n, N);
}

static void cut_everywhere(const struct plan *p)
{
	struct rlimit limit, all;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &all);
	learn(p);
	for (size_t k = 0; k <= want.size; k++) {
		struct sl_capfile o;
		unsigned int n = 0, good;
		size_t size = k >= want.begins ? want.begins : 0;
		static uint8_t is[16384];
		uint64_t bytes, expect = 0;
		int r;

		begin(&o, p);
		limit = (struct rlimit){ k, all.rlim_max };
		setrlimit(RLIMIT_FSIZE, &limit);
		r = make_file(&o, p, &good, &bytes);
		setrlimit(RLIMIT_FSIZE, &all);
		while (n < N && want.end[n] <= k)
			expect += sizes[n], size = want.end[n++];
		CHECK_EQ(r < 0, k < want.size);
		CHECK_EQ(good, n);
		CHECK_EQ(bytes, expect);
		CHECK_EQ(o.packets, n);
		CHECK_EQ(o.bytes, expect);
		CHECK_EQ(o.size, size);
		CHECK_EQ(content(is, sizeof(is)), size);
		CHECK(!memcmp(is, whole, size));
		sl_capfile_done(&o);
	}
}

TEST(begins)
{
	int fd = mkstemp(path);

	if (fd < 0) {
		strcpy(path, "/tmp/test_capfile.XXXXXX");
		fd = mkstemp(path);
	}
	CHECK(fd >= 0);
	close(fd);
}

TEST(pcap_at_once)
{
	cut_everywhere(&(struct plan){ .flushes = 1, .ifaces = 1 });
}

TEST(pcap_in_three)
{
	cut_everywhere(&(struct plan){ .flushes = 3, .ifaces = 1 });
}

TEST(pcap_that_lies_in_the_input)
{
	cut_everywhere(&(struct plan){ .flushes = 1, .ifaces = 1, .lies = true });
	cut_everywhere(&(struct plan){ .flushes = 4, .ifaces = 1, .lies = true });
}

TEST(pcapng_at_once)
{
	cut_everywhere(&(struct plan){ .flushes = 1, .ifaces = 1, .ng = true });
}

/* An interface may be described at the end of a flush that succeeds, or in front of a packet that does not fit. */
TEST(pcapng_of_interfaces)
{
	cut_everywhere(&(struct plan){ .flushes = 1, .ifaces = 4, .ng = true });
	cut_everywhere(&(struct plan){ .flushes = 5, .ifaces = 3, .ng = true });
}

/* The input is cut, and holds zeros, when a header that is used there goes out. */
TEST(spoilt_headers)
{
	struct plan p = { .flushes = 1, .ifaces = 1, .lies = true };
	static uint8_t is[16384];

	learn(&p);
	for (unsigned int spoilt = 0; spoilt < N; spoilt++) {
		struct sl_capfile o;
		struct sl_capfile_part part[2] = { 0 };
		const struct sl_block *b = &want.b[spoilt];
		uint8_t *at = made;
		uint64_t rounded = 0;
		uint32_t begins;

		begin(&o, &p);
		part[0].made = at;
		at += sl_capfile_before(&o, b, false, at, &begins);
		part[0].begins = part[0].made_len = begins;
		part[1].made = at;
		part[1].header = part[1].made_len = (uint32_t)sl_capfile_header(&o, b, false, at, &rounded);
		part[1].frame = want.frame[spoilt];
		part[1].bytes = part[1].frame_len = b->frame_len;
		part[1].packets = 1;
		part[1].lies = sl_capfile_lies(&o, b, want.frame[spoilt], at);
		CHECK(part[1].lies);
		CHECK(sl_capfile_add(&o, &batch, &part[0]) && sl_capfile_add(&o, &batch, &part[1]));
		memset(input + b->off - 16, 0, 16);
		CHECK_EQ(sl_capfile_flush(&o, &batch), 1);
		CHECK_EQ(o.packets, 0);
		CHECK_EQ(o.size, 24);
		CHECK(sl_capfile_add(&o, &batch, &part[1]));
		CHECK_EQ(sl_capfile_flush(&o, &batch), 1);
		CHECK_EQ(part[1].good, 1);
		CHECK_EQ(content(is, sizeof(is)), 40 + b->frame_len);
		CHECK(!memcmp(is + 24, made + 24, 16));
		CHECK(!memcmp(is + 40, want.frame[spoilt], b->frame_len));
		sl_capfile_done(&o);
		input_make(&p);
	}
}

/* The second is divided out only when it is another; whatever comes before or after which. */
TEST(times)
{
	static const uint64_t times[] = {
		0, 999999999, 1000000000, 1999999999, 5, 4294967295999999999, 4294967296000000000,
		4294967296000000001, UINT64_MAX, 1, 4294967295000000000, UINT64_MAX - 1, 0,
	};

	for (unsigned int nano = 0; nano < 2; nano++) {
		struct sl_capfile o = { .headed = true, .nano = nano };
		uint64_t rounded = 0, expect = 0;

		for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
			struct sl_block b = { .time_ns = times[i], .frame_len = 7, .wire_len = 9 };
			uint8_t is[16], as[16];

			CHECK_EQ(sl_capfile_header(&o, &b, nano, is, &rounded), 16);
			sl_cap_put_rec(as, times[i], 7, 9, nano);
			CHECK(!memcmp(is, as, 16));
			expect += !nano && times[i] % 1000;
			CHECK_EQ(rounded, expect);
		}
	}
}

TEST(ends)
{
	unlink(path);
}

TEST_MAIN()
