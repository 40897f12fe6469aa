/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gen -- frames into a veth, as fast as one core can make them
 *
 *	gen [-n NETNS] -i DEV [-s SIZE | -r FILE] [-t SECONDS | -c COUNT] [OPTION...]
 *
 *	-s SIZE		numbered UDP frames of so many bytes (60 to 2048; default 64)
 *	-r FILE		the frames of a capture in turn, as many as fit into -k
 *	-F		with -r: each turn has addresses of its own, so its connections
 *			are new ones (checksums stay right); 65,536 turns differ
 *	-k FRAMES	of the capture at most (default 16384)
 *	-f FLOWS	with -s: different ports (default 1)
 *	-S		with -s: each frame carries the time when it was made (gen.h)
 *	-t SECONDS	how long (default 1), or
 *	-c COUNT	how many frames
 *	-p PPS		at so many per second: 10000, 10k, 1.5M (100 at least)
 *	-m MAC		where to (default 02:00:00:00:00:99, nobody: the receiving stack
 *			drops it early)
 *	-P NETNS:DEV	the other end: gets a program that passes all when it has none
 *	-b BATCH	frames per flush (default 64, fewer at low rates)
 *	-C CPU		run there
 *
 * The program of gen.bpf.c runs under BPF_PROG_TEST_RUN with live frames. Standard
 * output gets one JSON object; "sent" is the program's own count, "accepted" what the
 * device says that its other end took: when the two differ, the other end did not
 * listen (see -P) or has a smaller MTU. NETNS is a name of ip-netns(8) or a path.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "frames.h"

struct options {
	const char *netns, *dev, *file, *peer;
	uint32_t size, flows, max_frames, batch;
	bool fresh, stamp;
	double seconds, pps;
	uint64_t count;
	uint8_t mac[6];
	int cpu;
};

struct gen {
	struct options o;
	struct gen_config config;
	struct frames in;
	struct bpf_object *obj;
	const char *pass;	/* what was found, or done, at the other end */
};

static volatile sig_atomic_t stopped;

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("gen: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double number(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (*end == 'k')
		v *= 1e3, end++;
	else if (*end == 'M')
		v *= 1e6, end++;
	if (end == text || *end || v < 0)
		die("not a number: %s", text);
	return v;
}

static void parse(struct options *o, int argc, char **argv)
{
	unsigned int m[6];
	int c;

	*o = (struct options){
		.size = 64, .flows = 1, .max_frames = 16384, .seconds = 1, .cpu = -1,
		.mac = { 2, 0, 0, 0, 0, 0x99 },
	};
	while ((c = getopt(argc, argv, "n:i:s:r:Fk:f:St:c:p:m:P:b:C:")) != -1) {
		switch (c) {
		case 'n': o->netns = optarg; break;
		case 'i': o->dev = optarg; break;
		case 's': o->size = (uint32_t)number(optarg); break;
		case 'r': o->file = optarg; break;
		case 'F': o->fresh = true; break;
		case 'k': o->max_frames = (uint32_t)number(optarg); break;
		case 'f': o->flows = (uint32_t)number(optarg); break;
		case 'S': o->stamp = true; break;
		case 't': o->seconds = number(optarg); break;
		case 'c': o->count = (uint64_t)number(optarg); break;
		case 'p': o->pps = number(optarg); break;
		case 'P': o->peer = optarg; break;
		case 'b': o->batch = (uint32_t)number(optarg); break;
		case 'C': o->cpu = (int)number(optarg); break;
		case 'm':
			if (sscanf(optarg, "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3,
				   m + 4, m + 5) != 6)
				die("not a MAC address: %s", optarg);
			for (int i = 0; i < 6; i++)
				o->mac[i] = (uint8_t)m[i];
			break;
		default:
			exit(2);
		}
	}
	if (!o->dev || optind != argc)
		die("gen [-n NETNS] -i DEV [-s SIZE | -r FILE] [-t SECONDS | -c COUNT] ...");
	if (o->size < GEN_FRAME_MIN || o->size > GEN_FRAME_MAX)
		die("-s %u is not within %u and %u", o->size, GEN_FRAME_MIN, GEN_FRAME_MAX);
	/* one wait in the kernel is bounded, so there is a slowest rate */
	if (o->pps && o->pps < 100)
		die("-p 100 at least");
	if (!o->flows || !o->max_frames || o->batch > 256)
		die("-f and -k must not be 0, nor -b above 256");
	if (!o->batch) {
		/* what waits in a batch is late: 20 us of frames, not more */
		o->batch = 64;
		if (o->pps && o->pps * 20e-6 < 64)
			o->batch = o->pps * 20e-6 < 1 ? 1 : (uint32_t)(o->pps * 20e-6);
	}
}

/* ---- Devices ------------------------------------------------------ */

static void enter(const char *netns)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), strchr(netns, '/') ? "%s" : "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

/* The longest frame that the device takes. */
static uint32_t longest_frame(const char *dev)
{
	struct ifreq r = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", dev);
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &r) < 0)
		die("%s: %s", dev, strerror(errno));
	close(fd);
	return (uint32_t)r.ifr_mtu + 14;
}

static uint64_t tx_packets(const char *dev)
{
	unsigned long long v = 0;
	char line[512], *colon;
	FILE *f = fopen("/proc/thread-self/net/dev", "re");

	while (f && fgets(line, sizeof(line), f)) {
		char *name = line + strspn(line, " ");

		colon = strchr(name, ':');
		if (!colon)
			continue;
		*colon = 0;
		if (!strcmp(name, dev)) {
			sscanf(colon + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", &v);
			break;
		}
	}
	if (f)
		fclose(f);
	return v;
}

static int program_fd(struct gen *g, const char *name)
{
	struct bpf_program *p = bpf_object__find_program_by_name(g->obj, name);

	if (!p)
		die("the object has no program %s", name);
	return bpf_program__fd(p);
}

static struct bpf_map *find_map(struct gen *g, const char *end_of_name)
{
	struct bpf_map *m;

	bpf_object__for_each_map(m, g->obj) {
		const char *name = bpf_map__name(m);
		size_t n = strlen(name), k = strlen(end_of_name);

		if (n >= k && !strcmp(name + n - k, end_of_name))
			return m;
	}
	die("the object has no map %s", end_of_name);
}

/* The link goes away with this process, and with it the program. */
static void attach_pass(struct gen *g)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	const char *colon = g->o.peer ? strrchr(g->o.peer, ':') : NULL;
	uint32_t there = 0;
	char netns[200];
	int home, ifindex;

	g->pass = "unknown";
	if (!g->o.peer)
		return;
	if (!colon || colon == g->o.peer || (size_t)(colon - g->o.peer) >= sizeof(netns))
		die("-P wants NETNS:DEV");
	snprintf(netns, sizeof(netns), "%.*s", (int)(colon - g->o.peer), g->o.peer);
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		die("/proc/thread-self/ns/net: %s", strerror(errno));
	enter(netns);
	ifindex = (int)if_nametoindex(colon + 1);
	if (!ifindex)
		die("no %s in %s", colon + 1, netns);
	if (!bpf_xdp_query_id(ifindex, 0, &there) && there) {
		g->pass = "there";
	} else {
		if (bpf_link_create(program_fd(g, "pass"), ifindex, BPF_XDP, &opts) < 0)
			die("%s: cannot attach a program: %s", g->o.peer, strerror(errno));
		g->pass = "attached";
	}
	if (setns(home, CLONE_NEWNET) < 0)
		die("cannot come back from %s: %s", netns, strerror(errno));
	close(home);
}

/* ---- Running ------------------------------------------------------ */

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

/* gen.bpf.o lies beside this program. */
static void load(struct gen *g)
{
	struct bpf_map *frames;
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);

	if (n < 0)
		die("/proc/self/exe: %s", strerror(errno));
	path[n] = 0;
	strcpy(strrchr(path, '/') + 1, "gen.bpf.o");
	libbpf_set_print(quiet);
	g->obj = bpf_object__open_file(path, NULL);
	if (!g->obj)
		die("%s: %s", path, strerror(errno));

	if (bpf_map__set_initial_value(find_map(g, ".rodata"), &g->config, sizeof(g->config)))
		die("%s was made from another gen.h", path);
	frames = find_map(g, "frames");
	if (g->in.n_frames)
		bpf_map__set_max_entries(frames, g->in.n_frames);
	if (bpf_object__load(g->obj))
		die("the kernel does not take %s: %s", path, strerror(errno));
	for (uint32_t i = 0; i < g->in.n_frames; i++)
		if (bpf_map_update_elem(bpf_map__fd(frames), &i, &g->in.frame[i], BPF_ANY))
			die("frame %u: %s", i, strerror(errno));
}

static struct gen_state read_state(struct gen *g)
{
	struct gen_state s;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(find_map(g, ".bss")), &zero, &s))
		die("the program's state cannot be read: %s", strerror(errno));
	return s;
}

static void run(struct gen *g)
{
	struct xdp_md ctx = { .data_end = g->in.template_len };
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		.data_in = g->in.template, .data_size_in = g->in.template_len,
		.ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		.flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = g->o.batch);
	int fd = program_fd(g, "gen");
	uint64_t left = g->o.count;

	while (!stopped && (!g->o.count || left)) {
		int r;

		opts.repeat = g->o.count && left < 1 << 30 ? (int)left : 1 << 30;
		r = bpf_prog_test_run_opts(fd, &opts);
		if (r == -EINVAL)
			die("this kernel has no live frames (Linux 5.18 has): %s", strerror(-r));
		if (r && r != -EINTR && r != -EAGAIN)
			die("BPF_PROG_TEST_RUN: %s", strerror(-r));
		if (g->o.count) {
			uint64_t sent = read_state(g).sent;

			/* a run without one frame sent would never end */
			if (!r && g->o.count - sent == left)
				break;
			left = g->o.count > sent ? g->o.count - sent : 0;
		}
	}
}

/* The other end works its queue off behind our back; it is done when the count rests. */
static uint64_t accepted_since(struct gen *g, uint64_t before, uint64_t sent)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	uint64_t was = 0, is = tx_packets(g->o.dev) - before;

	for (int i = 0; i < 100 && is < sent && (is != was || i < 20); i++) {
		was = is;
		nanosleep(&ms, NULL);
		is = tx_packets(g->o.dev) - before;
	}
	return is;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	static struct gen g;
	struct gen_state s;
	struct rusage u;
	uint64_t before, accepted;
	double start, took;

	parse(&g.o, argc, argv);
	if (g.o.cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(g.o.cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set) < 0)
			die("-C %d: %s", g.o.cpu, strerror(errno));
	}
	if (g.o.netns)
		enter(g.o.netns);
	if (g.o.file)
		frames_read(&g.in, g.o.file, g.o.max_frames, longest_frame(g.o.dev));
	else if (g.o.size > longest_frame(g.o.dev))
		die("%s takes frames of %u bytes, not of %u", g.o.dev,
		    longest_frame(g.o.dev), g.o.size);
	else
		frames_one(&g.in, g.o.size, g.o.mac);
	g.config = (struct gen_config){
		.ifindex = if_nametoindex(g.o.dev), .n_frames = g.in.n_frames,
		.n_flows = g.o.flows, .fresh = g.o.fresh, .stamp = g.o.stamp,
		.template_len = g.in.template_len,
		.interval = g.o.pps ? (uint64_t)(256e9 / g.o.pps) : 0,
	};
	load(&g);
	attach_pass(&g);

	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	before = tx_packets(g.o.dev);
	if (!g.o.count) {
		struct itimerval t = { .it_value = {
			.tv_sec = (time_t)g.o.seconds,
			.tv_usec = (suseconds_t)((g.o.seconds - (double)(time_t)g.o.seconds) * 1e6),
		} };

		setitimer(ITIMER_REAL, &t, NULL);
	}
	start = now_s();
	run(&g);
	took = now_s() - start;

	s = read_state(&g);
	accepted = accepted_since(&g, before, s.sent);
	getrusage(RUSAGE_SELF, &u);
	printf("{\"sent\": %llu, \"accepted\": %llu, \"bytes\": %llu, \"seconds\": %.6f, "
	       "\"mpps\": %.4f, \"frames\": %u, \"turns\": %u, \"too_long\": %u, "
	       "\"cut\": %u, \"pass\": \"%s\", \"cpu_s\": %.3f}\n",
	       (unsigned long long)s.sent, (unsigned long long)accepted,
	       (unsigned long long)s.bytes, took, (double)s.sent / took / 1e6,
	       g.in.n_frames, s.turn, g.in.too_long, g.in.cut, g.pass,
	       (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6);
	bpf_object__close(g.obj);
	frames_done(&g.in);
	return 0;
}
