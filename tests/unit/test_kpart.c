/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A part of the kernel: loaded, fed by BPF_PROG_TEST_RUN, read from its rings. */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/ask.h"
#include "kern/part.h"

static const struct sl_filter_type entry_type = { .name = "rx", .flags = SL_F_LIVE };

static const struct sl_kif nowhere = { .link = 1 };

static struct sl_kstage an_entry(void)
{
	return (struct sl_kstage){
		.type = &entry_type, .name = "rx", .entry = true, .snap = 65535,
		.ifs = &nowhere, .n_ifs = 1,
		.n_arrows = 1,
		.arrows = { { .stage = SL_K_NONE, .border = 3, .stream = 0, .need = 65535, .plain = 1 } },
	};
}

/* Makes a part, or skips the test: without the rights, or without this kind of ring. */
static struct sl_kpart *make(const struct sl_kstage *stages, unsigned int n, enum sl_khook hook,
			     enum sl_kcarrier carrier)
{
	struct sl_kpart_opts o = {
		.stages = stages, .n_stages = n, .hook = hook, .carrier = carrier,
		.ring_bytes = 64 << 10, .window = true,
	};
	struct sl_kpart_error e;
	const struct sl_kernel_caps *caps = sl_kernel_probe();
	enum sl_kcap ring = carrier == SL_CARRIER_ARENA ? SL_CAP_ARENA : SL_CAP_ARRAY;
	struct sl_kpart *p;
	int r;

	if (!caps->works[SL_CAP_BPF])
		SKIP(caps->why[SL_CAP_BPF]);
	if (!caps->works[ring]) {
		static char why[200];

		snprintf(why, sizeof(why), "this kernel has no %s: %s", sl_kcap_name(ring), caps->why[ring]);
		SKIP(why);
	}
	r = sl_kpart_new(&o, &p, &e);
	if (!r)
		return p;
	printf("# %s: %s\n%s\n", e.what, strerror(e.error), e.verifier ? e.verifier : "");
	free(e.verifier);
	CHECK_EQ(r, 0);
	return NULL;
}

static int feed(struct sl_kpart *p, const uint8_t *frame, uint32_t len)
{
	const struct sl_kreplay as = { .wire_len = len, .link = 1 };

	return sl_kpart_feed(p, 0, frame, len, &as);
}

static void fill(uint8_t *frame, unsigned int len, unsigned int salt)
{
	for (unsigned int i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + salt);
}

static void passes_frames(enum sl_khook hook, enum sl_kcarrier carrier)
{
	static const unsigned int lens[] = { 14, 15, 60, 61, 63, 64, 65, 127, 128, 129, 130, 200, 255, 256, 257, 1500, 2048, 2049, 3000 };
	struct sl_kstage s = an_entry();
	struct sl_kpart *p = make(&s, 1, hook, carrier);
	struct sl_kpart_counts c;
	struct sl_kpacket k;
	uint8_t frame[4096];
	unsigned int fed = 0;

	CHECK_EQ(sl_kpart_next(p, &k), 0);
	for (unsigned int round = 0; round < 40; round++) {
		for (unsigned int i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			fill(frame, lens[i], round);
			CHECK_EQ(feed(p, frame, lens[i]), 0);
			fed++;
			if (sl_kpart_next(p, &k) != 1) {
				CHECK(!"a packet in the ring");
				sl_kpart_free(p);
				return;
			}
			CHECK_EQ(k.frame->wire_len, lens[i]);
			CHECK_EQ(k.frame->stored, lens[i]);
			CHECK_EQ(k.frame->n_entries, 1);
			CHECK_EQ(k.entries[0].border, 3);
			CHECK_EQ(k.entries[0].len, lens[i]);
			CHECK(!memcmp(k.bytes, frame, lens[i]));
			sl_kpart_release(p, k.ring, k.end);
		}
	}
	CHECK_EQ(sl_kpart_next(p, &k), 0);
	CHECK_EQ(sl_kpart_read(p, &c), 0);
	CHECK_EQ(c.stage[0].in.blocks, fed);
	CHECK_EQ(c.stage[0].out.blocks, fed);
	CHECK_EQ(c.moved[0].blocks, fed);
	CHECK_EQ(c.refused[0].blocks, 0);
	sl_kpart_free(p);
}

static void refuses_when_full(enum sl_khook hook, enum sl_kcarrier carrier)
{
	struct sl_kstage s = an_entry();
	struct sl_kpart *p = make(&s, 1, hook, carrier);
	struct sl_kpart_counts c;
	struct sl_kpacket k;
	uint8_t frame[1500];
	unsigned int got = 0, fed;
	uint64_t size;

	fill(frame, sizeof(frame), 0);
	sl_kpart_ring(p, 0, &size);
	fed = (unsigned int)(2 * size / sizeof(frame));
	for (unsigned int i = 0; i < fed; i++)
		CHECK_EQ(feed(p, frame, sizeof(frame)), 0);
	CHECK_EQ(sl_kpart_next(p, &k), 1);
	CHECK(sl_kpart_fill(p) > 0.9);
	for (got = 1; sl_kpart_next(p, &k); got++)
		CHECK(!memcmp(k.bytes, frame, sizeof(frame)));
	CHECK(got > 30 && got < fed);
	CHECK_EQ(sl_kpart_read(p, &c), 0);
	CHECK_EQ(c.moved[0].blocks, fed);
	CHECK_EQ(c.refused[0].blocks, fed - got);
	CHECK_EQ(c.turned[0].blocks, fed - got);
	CHECK_EQ(c.extra[0].blocks, 0);
	CHECK_EQ(c.refused[0].bytes, (fed - got) * sizeof(frame));
	sl_kpart_release(p, k.ring, k.end);
	CHECK_EQ(feed(p, frame, sizeof(frame)), 0);
	CHECK_EQ(sl_kpart_next(p, &k), 1);
	sl_kpart_release(p, k.ring, k.end);
	CHECK(sl_kpart_fill(p) == 0);
	sl_kpart_free(p);
}

/* One record, with an entry for each border, however many there are. */
static void crosses_borders(enum sl_khook hook, enum sl_kcarrier carrier)
{
	static const unsigned int lens[] = { 14, 60, 128, 129, 512, 513, 1500, 1537, 3000 };
	uint8_t frame[3000];

	for (unsigned int n = 2; n <= SL_K_ARROWS; n++) {
		struct sl_kstage s = an_entry();
		struct sl_kpart *p;
		struct sl_kpacket k;

		for (unsigned int i = 0; i < n; i++) {
			s.arrows[i] = s.arrows[0];
			s.arrows[i].border = s.arrows[i].stream = i;
		}
		s.n_arrows = n;
		p = make(&s, 1, hook, carrier);
		if (!p)
			return;
		for (unsigned int i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			fill(frame, lens[i], n);
			CHECK_EQ(feed(p, frame, lens[i]), 0);
			CHECK_EQ(sl_kpart_next(p, &k), 1);
			CHECK_EQ(k.frame->n_entries, n);
			CHECK_EQ(k.frame->stored, lens[i]);
			for (unsigned int b = 0; b < n; b++)
				CHECK_EQ(k.entries[b].border, b);
			CHECK(!memcmp(k.bytes, frame, lens[i]));
			sl_kpart_release(p, k.ring, k.end);
		}
		CHECK_EQ(sl_kpart_next(p, &k), 0);
		sl_kpart_free(p);
	}
}

/* Where only headers are wanted, a frame is cut at its payload if that is found; it keeps its length. */
static void cuts_to_headers(enum sl_khook hook, enum sl_kcarrier carrier)
{
	static const uint8_t ip[] = { 0x45, 0, 0, 0, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 0, 53, 0, 0 };
	enum { TCP = 6, UDP = 17, GRE = 47, LEN = 600 };
	static const struct { uint16_t type; uint8_t proto; uint32_t want, stored; } cases[] = {
		{ 0x0800, UDP, 1, 42 }, { 0x0800, TCP, 1, 54 }, { 0x0800, UDP, 100, 100 },
		{ 0x0800, GRE, 1, 34 },			/* none is known behind it: all is payload */
		{ 0x0806, 0, 1, LEN }, { 0x86dd, UDP, 50, LEN },	/* no header found, and a wrong one */
	};
	uint8_t frame[LEN];

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_kstage s = an_entry();
		struct sl_kpart *p;
		struct sl_kpacket k;

		s.arrows[0].need = cases[i].want;
		s.arrows[0].headers = s.arrows[0].find = 1;
		p = make(&s, 1, hook, carrier);
		if (!p)
			return;
		fill(frame, LEN, 3);
		frame[12] = (uint8_t)(cases[i].type >> 8);
		frame[13] = (uint8_t)cases[i].type;
		memcpy(frame + 14, ip, sizeof(ip));
		frame[14 + 2] = (LEN - 14) >> 8;
		frame[14 + 3] = (LEN - 14) & 0xff;
		frame[14 + 9] = cases[i].proto;
		frame[34 + 4] = (LEN - 34) >> 8;
		frame[34 + 5] = (LEN - 34) & 0xff;
		frame[34 + 12] = 5 << 4;
		CHECK_EQ(feed(p, frame, LEN), 0);
		CHECK_EQ(sl_kpart_next(p, &k), 1);
		CHECK_EQ(k.frame->stored, cases[i].stored);
		CHECK_EQ(k.entries[0].frame_len, LEN);
		CHECK_EQ(k.entries[0].len, LEN);
		CHECK(!memcmp(k.bytes, frame, cases[i].stored));
		sl_kpart_release(p, k.ring, k.end);
		sl_kpart_free(p);
	}
}

static void wakes(enum sl_khook hook, enum sl_kcarrier carrier)
{
	struct sl_kstage s = an_entry();
	struct sl_kpart *p = make(&s, 1, hook, carrier);
	struct sl_kpacket k;
	uint8_t frame[60] = { 0 };

	CHECK(sl_kpart_sleep(p));
	CHECK_EQ(feed(p, frame, sizeof(frame)), 0);
	sl_kpart_woken(p);
	CHECK(!sl_kpart_sleep(p));
	CHECK_EQ(sl_kpart_next(p, &k), 1);
	CHECK(sl_kpart_sleep(p));
	sl_kpart_free(p);
}

/* Who naps is woken when a quarter of the ring is full, and not before; held packets count. */
static void wakes_a_napper(enum sl_khook hook, enum sl_kcarrier carrier)
{
	struct sl_kstage s = an_entry();
	struct sl_kpart *p = make(&s, 1, hook, carrier);
	struct pollfd fd;
	uint8_t frame[1500] = { 0 };

	if (!p)
		return;
	fd = (struct pollfd){ .fd = sl_kpart_fd(p), .events = POLLIN };
	sl_kpart_doze(p);
	CHECK_EQ(feed(p, frame, sizeof(frame)), 0);
	CHECK_EQ(poll(&fd, 1, 0), 0);
	while (sl_kpart_fill(p) < 0.25)
		CHECK_EQ(feed(p, frame, sizeof(frame)), 0);
	CHECK_EQ(feed(p, frame, sizeof(frame)), 0);
	CHECK_EQ(poll(&fd, 1, 1000), 1);
	sl_kpart_woken(p);
	CHECK_EQ(poll(&fd, 1, 0), 0);
	sl_kpart_free(p);
}

struct feeder {			/* a thread on a CPU of its own */
	struct sl_kpart *p;
	pthread_t thread;
	unsigned int cpu, n, fed;
	atomic_bool done;
};

static void *feeding(void *arg)
{
	struct feeder *f = arg;
	uint8_t frame[700];
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(f->cpu, &one);
	if (!sched_setaffinity(0, sizeof(one), &one))
		for (unsigned int i = 0; i < f->n; i++) {
			unsigned int len = 60 + i % 600;

			fill(frame, len, i);
			f->fed += feed(f->p, frame, len) == 0;
		}
	atomic_store(&f->done, true);
	return NULL;
}

/* Programs write on two CPUs while this thread reads: of each all, in order, or counted. */
static void two_cpus(enum sl_khook hook, enum sl_kcarrier carrier)
{
	struct sl_kstage s = an_entry();
	struct sl_kpart *p = make(&s, 1, hook, carrier);
	struct feeder f[2] = { { .cpu = 0 }, { .cpu = 1 } };
	uint64_t nth[2] = { 0 }, got = 0, wrong = 0;
	struct sl_kpart_counts c;
	struct sl_kpacket k;
	uint8_t frame[700];

	if (!p)
		return;
	if (sl_kpart_n_cpus(p) < 2) {
		sl_kpart_free(p);
		return;
	}
	for (unsigned int i = 0; i < 2; i++) {
		f[i].p = p;
		f[i].n = 3000;
		CHECK_EQ(pthread_create(&f[i].thread, NULL, feeding, &f[i]), 0);
	}
	for (bool last = false;;) {
		bool done = atomic_load(&f[0].done) && atomic_load(&f[1].done);

		while (sl_kpart_next(p, &k)) {
			unsigned int i = k.frame->nth - 1;

			got++;
			fill(frame, k.frame->stored, i);
			wrong += k.cpu > 1 || k.frame->nth <= nth[k.cpu & 1] || k.frame->stored != 60 + i % 600 ||
				 memcmp(k.bytes, frame, k.frame->stored);
			nth[k.cpu & 1] = k.frame->nth;
			sl_kpart_release(p, k.ring, k.end);
		}
		if (last)
			break;
		last = done;
		sched_yield();
	}
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(f[i].thread, NULL);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(sl_kpart_read(p, &c), 0);
	CHECK_EQ(c.moved[0].blocks, f[0].fed + f[1].fed);
	CHECK_EQ(got + c.refused[0].blocks, c.moved[0].blocks);
	CHECK(f[0].fed == 3000 && (!f[1].fed || f[1].fed == 3000));
	sl_kpart_free(p);
}

#define EACH(name, test) \
	TEST(name##_xdp_array) { test(SL_K_XDP, SL_CARRIER_ARRAY); } \
	TEST(name##_xdp_arena) { test(SL_K_XDP, SL_CARRIER_ARENA); } \
	TEST(name##_xdp_ringbuf) { test(SL_K_XDP, SL_CARRIER_RINGBUF); } \
	TEST(name##_tc_array) { test(SL_K_TC, SL_CARRIER_ARRAY); } \
	TEST(name##_tc_arena) { test(SL_K_TC, SL_CARRIER_ARENA); } \
	TEST(name##_tc_ringbuf) { test(SL_K_TC, SL_CARRIER_RINGBUF); }

EACH(frames_come_through_unchanged, passes_frames)
EACH(a_full_ring_refuses_and_counts, refuses_when_full)
EACH(a_packet_crosses_several_borders, crosses_borders)
EACH(what_is_read_is_copied, cuts_to_headers)
EACH(two_cpus_at_once, two_cpus)
EACH(a_packet_wakes_a_sleeper, wakes)
EACH(a_quarter_wakes_a_napper, wakes_a_napper)

TEST_MAIN()
