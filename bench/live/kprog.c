/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kprog -- load an XDP program that was written by hand, and run or time it
 *
 *	kprog run OBJECT PROGRAM DEV [ENTRIES]	until SIGINT; then what it counted, in JSON
 *	kprog time OBJECT PROGRAM PORT...	nanoseconds of one run
 *	kprog time id:NUMBER PORT...		... of a program that is there already
 *
 * run sits on DEV as a native program, and says "listening" when it does. ENTRIES is how
 * many the map "flows" may hold. The map "counted" has two numbers: packets, bytes.
 *
 * time runs the program by BPF_PROG_TEST_RUN over a TCP segment of 64 bytes to each PORT,
 * a million times, and prints the least of seven such rounds: ns, and the verdict. All
 * PORTs take turns, so that whatever disturbs the machine disturbs all.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REPEAT		1000000
#define ROUNDS		7
#define PORTS_MOST	8

static int fail(const char *what, int error)
{
	fprintf(stderr, "kprog: %s: %s\n", what, strerror(error));
	return 1;
}

/* The one program of an object, loaded; NULL with words said. */
static struct bpf_object *load(const char *path, const char *name, uint32_t entries, int *prog)
{
	struct bpf_object *o = bpf_object__open_file(path, NULL);
	struct bpf_program *p;
	struct bpf_map *m;
	int r;

	if (!o) {
		fail(path, errno);
		return NULL;
	}
	bpf_object__for_each_program(p, o)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), name));
	m = bpf_object__find_map_by_name(o, "flows");
	if (m && entries)
		bpf_map__set_max_entries(m, entries);
	r = bpf_object__load(o);
	p = bpf_object__find_program_by_name(o, name);
	if (r < 0 || !p) {
		fail(name, r < 0 ? -r : ENOENT);
		bpf_object__close(o);
		return NULL;
	}
	*prog = bpf_program__fd(p);
	return o;
}

static int tell(struct bpf_object *o)
{
	struct bpf_map *m = bpf_object__find_map_by_name(o, "counted");
	int n = libbpf_num_possible_cpus();
	uint64_t v[2 * (n > 0 ? n : 1)], packets = 0, bytes = 0;
	uint32_t zero = 0;

	if (n < 1 || !m || bpf_map_lookup_elem(bpf_map__fd(m), &zero, v) < 0)
		return fail("counted", errno);
	for (int i = 0; i < n; i++) {
		packets += v[2 * i];
		bytes += v[2 * i + 1];
	}
	printf("{\"packets\": %llu, \"bytes\": %llu}\n", (unsigned long long)packets, (unsigned long long)bytes);
	return 0;
}

static int run(int argc, char **argv)
{
	uint32_t entries = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : 0;
	struct bpf_object *o;
	sigset_t ends;
	int prog, index, r, sig;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	o = load(argv[2], argv[3], entries, &prog);
	if (!o)
		return 1;
	index = (int)if_nametoindex(argv[4]);
	/* a link: gone with this process, however that ends */
	r = index ? bpf_link_create(prog, index, BPF_XDP, &(struct bpf_link_create_opts){
			.sz = sizeof(struct bpf_link_create_opts), .flags = XDP_FLAGS_DRV_MODE }) : -errno;
	if (r < 0) {
		bpf_object__close(o);
		return fail(argv[4], -r);
	}
	fprintf(stderr, "listening\n");
	sigwait(&ends, &sig);
	close(r);
	r = tell(o);
	bpf_object__close(o);
	return r;
}

/* A segment without payload, 10.0.0.1 to 10.0.0.2, padded. */
static void segment(uint8_t f[64], uint16_t port)
{
	static const uint8_t head[] = {
		2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 0x0a, 8, 0,
		0x45, 0, 0, 50, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0x9c, 0x40, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0,
	};

	memset(f, 0, 64);
	memcpy(f, head, sizeof(head));
	f[36] = port >> 8;
	f[37] = port & 0xff;
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int time_it(int prog, int n, char **ports)
{
	double least[PORTS_MOST] = { 0 };
	uint32_t verdicts[PORTS_MOST] = { 0 };

	for (int i = 0; i < ROUNDS * n; i++) {
		uint8_t frame[64];
		LIBBPF_OPTS(bpf_test_run_opts, t, .data_in = frame, .data_size_in = sizeof(frame),
			    .repeat = REPEAT);
		double from, ns;

		segment(frame, (uint16_t)strtoul(ports[i % n], NULL, 10));
		from = now_ns();
		if (bpf_prog_test_run_opts(prog, &t) < 0)
			return fail("BPF_PROG_TEST_RUN", errno);
		ns = (now_ns() - from) / REPEAT;
		if (i < n || ns < least[i % n])
			least[i % n] = ns;
		verdicts[i % n] = t.retval;
	}
	printf("[");
	for (int i = 0; i < n; i++)
		printf("%s{\"port\": %s, \"ns\": %.2f, \"verdict\": %u}", i ? ", " : "", ports[i],
		       least[i], verdicts[i]);
	printf("]\n");
	return 0;
}

static int time_any(int argc, char **argv)
{
	bool there = !strncmp(argv[2], "id:", 3);
	struct bpf_object *o = NULL;
	int at = there ? 3 : 4, prog, r;

	if (argc <= at || argc - at > PORTS_MOST)
		return fail("PORT...", EINVAL);
	if (there) {
		prog = bpf_prog_get_fd_by_id((uint32_t)strtoul(argv[2] + 3, NULL, 10));
		if (prog < 0)
			return fail(argv[2], errno);
	} else {
		o = load(argv[2], argv[3], 0, &prog);
		if (!o)
			return 1;
	}
	r = time_it(prog, argc - at, argv + at);
	if (o)
		bpf_object__close(o);
	else
		close(prog);
	return r;
}

int main(int argc, char **argv)
{
	if (argc >= 5 && !strcmp(argv[1], "run"))
		return run(argc, argv);
	if (argc >= 4 && !strcmp(argv[1], "time"))
		return time_any(argc, argv);
	fprintf(stderr, "usage: kprog run OBJECT PROGRAM DEV [ENTRIES]\n"
			"       kprog time OBJECT PROGRAM PORT... | id:NUMBER PORT...\n");
	return 2;
}
