/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kern/bench.c -- see bench.h */
#include "kern/bench.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "kern/part_int.h"

#define FRAMES_MOST	4
#define REPEAT		20000		/* runs a call: the call itself no longer counts */
#define RING_BYTES	(4u << 20)	/* as rx has it */
#define BATCH		64		/* packets between two releases */
#define FLAT_NS		1.0		/* what all the bytes of the longest frame must cost to be seen */

static const struct sl_filter_type entry_type = { .name = "rx", .flags = SL_F_LIVE };
static const struct sl_kif some_if = { .ifindex = 1, .link = 1 };	/* never hooked to it */

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- staying on one processor ---------------------------------------- */

static bool stay(cpu_set_t *before)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	if (cpu < 0 || sched_getaffinity(0, sizeof(*before), before) < 0)
		return false;
	CPU_ZERO(&one);
	CPU_SET((unsigned int)cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}

static void leave(bool stayed, const cpu_set_t *before)
{
	if (stayed)
		sched_setaffinity(0, sizeof(*before), before);
}

/* ---- running ----------------------------------------------------------- */

/* ns of one run; negative: an errno. */
static double run(int prog_fd, const struct sl_kbench_frame *f, unsigned int repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, t, .data_in = f->bytes, .data_size_in = f->len, .repeat = (int)repeat);
	double from = now_ns();

	if (bpf_prog_test_run_opts(prog_fd, &t) < 0)
		return -errno;
	return (now_ns() - from) / repeat;
}

static void keep_least(double *least, double ns)
{
	if (ns < *least || *least == 0)
		*least = ns;
}

struct sl_kbench_cost sl_kbench_fit(const double *bytes, const double *ns, unsigned int n)
{
	double sx = 0, sy = 0, sxx = 0, sxy = 0, d;
	struct sl_kbench_cost c = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		sx += bytes[i];
		sy += ns[i];
		sxx += bytes[i] * bytes[i];
		sxy += bytes[i] * ns[i];
	}
	d = n * sxx - sx * sx;
	if (n > 1 && d > 0)
		c.byte_ns = (n * sxy - sx * sy) / d;
	if (n && c.byte_ns * (bytes[n - 1] - bytes[0]) < FLAT_NS)
		c.byte_ns = 0;
	c.block_ns = n ? (sy - c.byte_ns * sx) / n : 0;
	if (c.block_ns < 0) {
		/* a disturbed measurement; what is left must be right at both ends */
		c.block_ns = ns[0];
		c.byte_ns = ns[n - 1] > ns[0] ? (ns[n - 1] - ns[0]) / bytes[n - 1] : 0;
	}
	return c;
}

/*
 * What the second program takes longer than the first, for each frame; in turns, so that
 * both see the same machine.
 */
static int compare(int base_fd, int fd, const struct sl_kbench_frame *frames, unsigned int n, double seconds,
		   struct sl_kbench_cost *out)
{
	double base[FRAMES_MOST] = { 0 }, with[FRAMES_MOST] = { 0 }, bytes[FRAMES_MOST], ns[FRAMES_MOST];
	double end = now_ns() + seconds * 1e9;

	do {
		for (unsigned int i = 0; i < n; i++) {
			double a = run(base_fd, &frames[i], REPEAT), b = run(fd, &frames[i], REPEAT);

			if (a < 0 || b < 0)
				return (int)(a < 0 ? a : b);
			keep_least(&base[i], a);
			keep_least(&with[i], b);
		}
	} while (now_ns() < end);
	for (unsigned int i = 0; i < n; i++) {
		bytes[i] = frames[i].len;
		ns[i] = with[i] > base[i] ? with[i] - base[i] : 0;
	}
	*out = sl_kbench_fit(bytes, ns, n);
	return 0;
}

/* ---- parts to measure -------------------------------------------------- */

static struct sl_kstage entry_to(uint32_t stage, unsigned int n_arrows)
{
	struct sl_kstage s = {
		.type = &entry_type, .name = "rx", .entry = true, .snap = UINT16_MAX,
		.ifs = &some_if, .n_ifs = 1, .in = true, .n_arrows = n_arrows,
	};

	for (unsigned int i = 0; i < n_arrows; i++)
		s.arrows[i] = (struct sl_karrow){
			/* not UINT16_MAX, whole: without stages that is a program of its own, and what is asked
			 * is what a border costs behind stages, where there is something to choose */
			.stage = stage, .border = i, .stream = i, .need = UINT16_MAX - 1, .plain = 1,
		};
	return s;
}

static int part(const struct sl_kstage *stages, unsigned int n, enum sl_kcarrier carrier, struct sl_kpart **out,
		char *why, size_t size)
{
	const struct sl_kpart_opts o = {
		.stages = stages, .n_stages = n, .hook = SL_K_TC, .carrier = carrier,
		.ring_bytes = RING_BYTES, .window = true,
	};
	struct sl_kpart_error e;
	int r = sl_kpart_new(&o, out, &e);

	if (r < 0) {
		snprintf(why, size, "%s: %s", e.what, strerror(e.error));
		free(e.verifier);
	}
	return r;
}

static int entrance(const struct sl_kpart *p)
{
	return p->hooked[0].prog_fd;
}

/* The carrier does not matter where nothing crosses: the one that all kernels have. */
static int entry_alone(struct sl_kpart **out, char *why, size_t size)
{
	const struct sl_kstage s = entry_to(0, 0);

	return part(&s, 1, SL_CARRIER_ARRAY, out, why, size);
}

static int told(int r, char *why, size_t size)
{
	if (r < 0)
		snprintf(why, size, "BPF_PROG_TEST_RUN: %s", strerror(-r));
	return r;
}

int sl_kbench_stage(const struct sl_filter_type *t, const void *state, const void *shared,
		    const struct sl_kbench_frame *frames, unsigned int n, double seconds,
		    struct sl_kbench_cost *out, char *why, size_t size)
{
	const struct sl_kstage s[] = {
		entry_to(1, 1), { .type = t, .state = state, .shared = shared, .name = t->name },
	};
	struct sl_kpart *base = NULL, *with = NULL;
	cpu_set_t before;
	bool stayed;
	int r;

	if (n > FRAMES_MOST)
		return -E2BIG;
	r = entry_alone(&base, why, size);
	if (!r)
		r = part(s, 2, SL_CARRIER_ARRAY, &with, why, size);
	if (!r) {
		stayed = stay(&before);
		r = told(compare(entrance(base), entrance(with), frames, n, seconds, out), why, size);
		leave(stayed, &before);
	}
	sl_kpart_free(base);
	sl_kpart_free(with);
	return r;
}

int sl_kbench_entry(const struct sl_kbench_frame *frames, unsigned int n, double seconds,
		    struct sl_kbench_cost *out, char *why, size_t size)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int nothing = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "sl_nothing", "GPL", code,
				    sizeof(code) / sizeof(code[0]), NULL), r;
	struct sl_kpart *p = NULL;
	cpu_set_t before;
	bool stayed;

	if (n > FRAMES_MOST || nothing < 0)
		r = told(n > FRAMES_MOST ? -E2BIG : -errno, why, size);
	else
		r = entry_alone(&p, why, size);
	if (!r) {
		stayed = stay(&before);
		r = told(compare(nothing, entrance(p), frames, n, seconds, out), why, size);
		leave(stayed, &before);
	}
	sl_kpart_free(p);
	if (nothing >= 0)
		close(nothing);
	return r;
}

/* ---- rings --------------------------------------------------------------- */

/* Reads all that is there, touching each line of the bytes; ns for each packet, 0: none was there. */
static double drain(struct sl_kpart *p)
{
	double from = now_ns();
	volatile uint8_t sink;
	struct sl_kpacket k;
	uint64_t n = 0;

	while (sl_kpart_next(p, &k) == 1) {
		uint8_t sum = 0;

		for (uint32_t at = 0; at < k.frame->stored; at += 64)
			sum = (uint8_t)(sum + k.bytes[at]);
		sink = sum;
		if (++n % BATCH == 0)
			sl_kpart_release(p, k.ring, k.end);
	}
	if (!n)
		return 0;
	sl_kpart_release(p, k.ring, k.end);
	(void)sink;
	return (now_ns() - from) / (double)n;
}

struct rings {
	struct sl_kpart *base, *one, *two;
	double write[FRAMES_MOST], read[FRAMES_MOST], without[FRAMES_MOST], second;
};

/* Half a ring of frames at a time, so that none finds it full. */
static int ring_round(struct rings *m, unsigned int i, const struct sl_kbench_frame *f)
{
	unsigned int fit = RING_BYTES / 2 / (f->len + 160);
	double base = run(entrance(m->base), f, fit), one = run(entrance(m->one), f, fit), read = drain(m->one);
	double two = run(entrance(m->two), f, fit);

	drain(m->two);
	if (base < 0 || one < 0 || two < 0)
		return (int)(base < 0 ? base : one < 0 ? one : two);
	if (read == 0)
		return -ENODATA;
	keep_least(&m->without[i], base);
	keep_least(&m->write[i], one);
	keep_least(&m->read[i], read);
	if (!i)
		keep_least(&m->second, two);
	return 0;
}

static int measure_rings(struct rings *m, const struct sl_kbench_frame *frames, unsigned int n, double seconds)
{
	double end = now_ns() + seconds * 1e9;
	int r = 0;

	do {
		for (unsigned int i = 0; !r && i < n; i++)
			r = ring_round(m, i, &frames[i]);
	} while (!r && now_ns() < end);
	return r;
}

int sl_kbench_border(enum sl_kcarrier carrier, const struct sl_kbench_frame *frames, unsigned int n, double seconds,
		     struct sl_kbench_cost *write, struct sl_kbench_cost *read, double *crossing_ns,
		     char *why, size_t size)
{
	const struct sl_kstage one = entry_to(SL_K_NONE, 1), two = entry_to(SL_K_NONE, 2);
	double bytes[FRAMES_MOST];
	struct rings m = { 0 };
	cpu_set_t before;
	bool stayed;
	int r;

	if (n > FRAMES_MOST)
		return told(-E2BIG, why, size);
	r = entry_alone(&m.base, why, size);
	if (!r)
		r = part(&one, 1, carrier, &m.one, why, size);
	if (!r)
		r = part(&two, 1, carrier, &m.two, why, size);
	if (!r) {
		stayed = stay(&before);
		r = told(measure_rings(&m, frames, n, seconds), why, size);
		leave(stayed, &before);
	}
	if (!r) {
		*crossing_ns = m.second > m.write[0] ? m.second - m.write[0] : 0;
		for (unsigned int i = 0; i < n; i++) {
			bytes[i] = frames[i].len;
			m.write[i] = m.write[i] > m.without[i] ? m.write[i] - m.without[i] : 0;
		}
		*write = sl_kbench_fit(bytes, m.write, n);
		*read = sl_kbench_fit(bytes, m.read, n);
	}
	sl_kpart_free(m.base);
	sl_kpart_free(m.one);
	sl_kpart_free(m.two);
	return r;
}
