/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Set-up is a transaction: whichever step fails, nothing is left.
 *
 * Nothing in the code is told to fail. A child lowers its limit of descriptors, so that the first,
 * second, third ... one that is asked for is refused, or that of its memory, and sets up;
 * then it is looked at, while it lives. It has all rights and a user of its own, so that
 * programs are known as its own by who made them, its maps by an odd size of ring.
 * Links and maps of a process are held by its descriptors, mappings and programs, and those are
 * counted.
 */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <net/if.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kern/ask.h"
#include "kern/part_int.h"
#include "streamline/streamline.h"

#define RING		(512u << 10)
#define STEPS_MAX	300u
#define MAPS_MAX	65536u

static const struct sl_filter_type entry_type = { .name = "rx", .flags = SL_F_LIVE };

/* ---- what is there ------------------------------------------------- */

struct held {
	unsigned int fds, mappings, programs, rings;
};

static unsigned int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static unsigned int count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned int n = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "bpf-map") || strstr(line, "bpf_map");
	if (f)
		fclose(f);
	return n;
}

static unsigned int count_programs(uid_t uid)
{
	unsigned int n = 0;
	uint32_t id = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue;	/* gone meanwhile */
		n += !bpf_obj_get_info_by_fd(fd, &info, &len) && info.created_by_uid == uid;
		close(fd);
	}
	return n;
}

/* Rings of the size that is used here only. */
static unsigned int count_rings(void)
{
	uint64_t stride = SL_DRING_DATA + RING + SL_K_SPARE;
	uint64_t pages = (uint64_t)libbpf_num_possible_cpus() * stride / 4096;
	unsigned int n = 0;
	uint32_t id = 0;

	while (!bpf_map_get_next_id(id, &id)) {
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_map_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, "sl_ring"))
			n += info.value_size == stride || info.max_entries == pages;
		close(fd);
	}
	return n;
}

/* Programs and maps are taken away a little after their last holder is gone. */
static struct held look(uid_t uid, const struct held *want)
{
	struct held h = { 0 };

	for (int i = 0; i < 300; i++) {
		h = (struct held){ count_fds(), count_mappings(), count_programs(uid), count_rings() };
		if (!want || !memcmp(&h, want, sizeof(h)))
			break;
		usleep(10000);
	}
	return h;
}

/* True when clsact can be made anew, thus was not there. */
static bool no_qdisc(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int r;

	libbpf_set_print(NULL);
	r = bpf_tc_hook_create(&hook);
	if (r)
		return false;
	bpf_tc_hook_destroy(&hook);
	return true;
}

/* ---- a process to fail in ------------------------------------------ */

/* All rights, but a user of its own; in a network of its own, whose loopback is up. */
static int become(uid_t uid)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int s;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	s = socket(AF_INET, SOCK_DGRAM, 0);
	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &up) < 0)
		return -errno;
	close(s);
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

struct attempt {
	const char *name;
	/* Sets up: the part or run, or NULL with *error, and what was said in why. */
	void *(*make)(const struct attempt *a, int *error, char *why, size_t size);
	void (*take_away)(void *made);
	enum sl_kcarrier carrier;
	enum sl_khook hook;
	bool shared, clsact;
	int resource;			/* which limit */
	uint64_t step;			/* bytes more of it at each attempt; 0: 256 KiB */
	const char *request;
};

struct verdict {
	int error;			/* 0: it was set up */
	int setup;			/* why the test can't be made */
	char why[300], wrong[300];
};

static uint64_t limit_now(int resource, unsigned int n, uint64_t step)
{
	unsigned long pages = 0;
	FILE *f;
	int fd;

	if (resource == RLIMIT_NOFILE) {
		fd = dup(0);		/* the lowest that is free */
		close(fd);
		return (uint64_t)fd + n;
	}
	f = fopen("/proc/self/statm", "re");
	if (!f || fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * 4096 + n * step;
}

static void compare(const struct held *was, const struct held *is, struct verdict *v)
{
	if (is->fds != was->fds)
		snprintf(v->wrong, sizeof(v->wrong), "%u descriptors became %u", was->fds, is->fds);
	if (is->mappings != was->mappings)
		snprintf(v->wrong, sizeof(v->wrong), "%u mappings became %u", was->mappings, is->mappings);
	if (is->programs != was->programs)
		snprintf(v->wrong, sizeof(v->wrong), "%u programs became %u", was->programs, is->programs);
	if (is->rings != was->rings)
		snprintf(v->wrong, sizeof(v->wrong), "%u rings became %u", was->rings, is->rings);
	if (!no_qdisc())
		snprintf(v->wrong, sizeof(v->wrong), "a queueing discipline is left");
}

/* In the child: with so much allowed set up, take away, and see what is left. */
static void try_once(const struct attempt *a, unsigned int n, struct verdict *v)
{
	struct rlimit before, lower;
	uid_t uid = 60000 + (uid_t)getpid() % 60000;
	struct held was, is;
	void *made;

	v->setup = become(uid);
	if (v->setup)
		return;
	getrlimit((__rlimit_resource_t)a->resource, &before);
	was = look(uid, NULL);
	lower = before;
	lower.rlim_cur = limit_now(a->resource, n, a->step ? a->step : 256u << 10);
	setrlimit((__rlimit_resource_t)a->resource, &lower);
	made = a->make(a, &v->error, v->why, sizeof(v->why));
	/* what is taken away at the end is taken away under the same limit */
	if (made)
		a->take_away(made);
	setrlimit((__rlimit_resource_t)a->resource, &before);
	is = look(uid, &was);
	compare(&was, &is, v);
	if (v->error && !*v->why)
		snprintf(v->wrong, sizeof(v->wrong), "no words for error %d", v->error);
}

static struct verdict *shared_verdict(void)
{
	static struct verdict *v;

	if (!v)
		v = mmap(NULL, sizeof(*v), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(v != MAP_FAILED);
	memset(v, 0, sizeof(*v));
	return v;
}

/* One more each time, until nothing fails any more. */
static void each_step(const struct attempt *a)
{
	unsigned int failed = 0, n;
	struct verdict *v = NULL;
	int status;
	pid_t pid;

	if (geteuid())
		SKIP("not root");
	if (a->carrier == SL_CARRIER_ARENA && !a->request && !sl_kernel_probe()->works[SL_CAP_ARENA])
		SKIP("this kernel has no arena");
	for (n = 0; n < STEPS_MAX; n++) {
		v = shared_verdict();
		fflush(stdout);
		pid = fork();
		if (!pid) {
			alarm(30 * test_slow());
			try_once(a, n, v);
			_exit(0);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		if (v->setup)
			SKIP(strerror(-v->setup));
		if (status || *v->wrong)
			printf("# %s, step %u: %s; status %d; error %d: %s\n", a->name, n, v->wrong, status,
			       v->error, v->why);
		CHECK_EQ(status, 0);
		CHECK_STR(v->wrong, "");
		if (!v->error)
			break;
		if (v->error == -EPERM)
			SKIP(v->why);
		failed++;
		if (getenv("SL_VERBOSE"))
			printf("# %s, step %u: %s\n", a->name, n, v->why);
	}
	CHECK_EQ(v->error, 0);
	printf("# %s: %u steps failed\n", a->name, failed);
	CHECK(failed > 0);
}

/* ---- a part --------------------------------------------------------- */

static void *make_part(const struct attempt *a, int *error, char *why, size_t size)
{
	static const struct sl_kif lo = { .ifindex = 1, .link = 1 };
	struct sl_kstage st[2] = {
		{
			.type = &entry_type, .name = "rx", .entry = true, .snap = 65535, .ifs = &lo, .n_ifs = 1,
			.in = true, .n_arrows = 1, .arrows = { { .stage = 1, .need = 65535, .plain = 1 } },
		},
		{
			.type = sl_type_find("udp"), .state = calloc(1, 256), .name = "udp", .n_arrows = 1,
			.up = SL_K_NONE, .up_stream = SL_K_NONE,
			.arrows = { { .stage = SL_K_NONE, .need = 65535, .plain = 1, .stream = 1 } },
		},
	};
	const struct sl_kpart_opts o = {
		.stages = st, .n_stages = 2, .hook = a->hook, .carrier = a->carrier, .shared = a->shared,
		.ring_bytes = RING, .window = true, .clsact = a->clsact,
	};
	struct sl_kpart_error e;
	struct sl_kpart *p = NULL;

	*error = sl_kpart_new(&o, &p, &e);
	if (!*error) {
		*error = sl_kpart_attach(p, &e);
		if (*error) {
			sl_kpart_free(p);
			p = NULL;
		}
	}
	if (*error) {
		snprintf(why, size, "%s: %s", e.what, strerror(e.error));
		free(e.verifier);
	}
	free((void *)(uintptr_t)st[1].state);
	return p;
}

static void free_part(void *made)
{
	sl_kpart_free(made);
}

/* Hooked both ways, so that one of two can fail. */
static void *make_both_ways(const struct attempt *a, int *error, char *why, size_t size)
{
	static const struct sl_kif lo = { .ifindex = 1, .link = 1 };
	const struct sl_kstage st = {
		.type = &entry_type, .name = "rx", .entry = true, .snap = 65535, .ifs = &lo, .n_ifs = 1,
		.in = true, .n_arrows = 1, .arrows = { { .stage = SL_K_NONE, .need = 65535, .plain = 1 } },
	};
	struct sl_kstage two[2] = { st, st };
	const struct sl_kpart_opts o = {
		.stages = two, .n_stages = 2, .hook = a->hook, .carrier = a->carrier, .ring_bytes = RING,
		.clsact = a->clsact,
	};
	struct sl_kpart_error e;
	struct sl_kpart *p = NULL;

	two[1].in = false;
	two[1].out = true;
	*error = sl_kpart_new(&o, &p, &e);
	if (!*error) {
		*error = sl_kpart_attach(p, &e);
		if (*error) {
			sl_kpart_free(p);
			p = NULL;
		}
	}
	if (*error) {
		snprintf(why, size, "%s: %s", e.what, strerror(e.error));
		free(e.verifier);
	}
	return p;
}

#define PART(name_, ...)							\
	TEST(name_)								\
	{									\
		each_step(&(struct attempt){ .name = #name_, .make = make_part,	\
					     .take_away = free_part, __VA_ARGS__ }); \
	}

PART(descriptors_of_an_array_at_tc, .carrier = SL_CARRIER_ARRAY, .hook = SL_K_TC, .resource = RLIMIT_NOFILE)
PART(descriptors_of_an_arena_at_xdp, .carrier = SL_CARRIER_ARENA, .hook = SL_K_XDP, .resource = RLIMIT_NOFILE)
PART(descriptors_of_a_shared_one, .carrier = SL_CARRIER_ARRAY, .shared = true, .hook = SL_K_TC, .resource = RLIMIT_NOFILE)
PART(descriptors_by_clsact, .carrier = SL_CARRIER_ARRAY, .hook = SL_K_TC, .clsact = true, .resource = RLIMIT_NOFILE)
PART(memory_of_an_array, .carrier = SL_CARRIER_ARRAY, .hook = SL_K_TC, .resource = RLIMIT_AS)
PART(memory_of_an_arena, .carrier = SL_CARRIER_ARENA, .hook = SL_K_TC, .resource = RLIMIT_AS)

TEST(descriptors_both_ways)
{
	each_step(&(struct attempt){
		.name = "both ways", .make = make_both_ways, .take_away = free_part,
		.carrier = SL_CARRIER_ARRAY, .hook = SL_K_TC, .resource = RLIMIT_NOFILE,
	});
}

TEST(descriptors_both_ways_by_clsact)
{
	each_step(&(struct attempt){
		.name = "both ways by clsact", .make = make_both_ways, .take_away = free_part,
		.carrier = SL_CARRIER_ARRAY, .hook = SL_K_TC, .clsact = true, .resource = RLIMIT_NOFILE,
	});
}

/* ---- a whole run ----------------------------------------------------- */

/* The plan is made without a limit: it asks the machine, and starts nothing. */
static void *make_run(const struct attempt *a, int *error, char *why, size_t size)
{
	struct sl_options o = { .size = sizeof(o) };
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q = NULL;
	struct sl_plan *p = NULL;
	struct sl_run *r = NULL;
	struct rlimit lower, all;
	char *text;

	getrlimit((__rlimit_resource_t)a->resource, &lower);
	all = lower;
	all.rlim_cur = all.rlim_max;
	setrlimit((__rlimit_resource_t)a->resource, &all);
	*error = sl_parse(a->request, NULL, &q, ds);
	if (!*error)
		*error = sl_plan_new(q, &o, &p, ds);
	setrlimit((__rlimit_resource_t)a->resource, &lower);
	if (!*error)
		*error = sl_run_new(p, &r, ds);
	setrlimit((__rlimit_resource_t)a->resource, &all);
	if (*error) {
		text = sl_diags_format(ds, false, NULL);
		snprintf(why, size, "%s", text ? text : "");
		free(text);
	}
	sl_plan_free(p);
	sl_request_free(q);
	sl_diags_free(ds);
	return r;
}

static void free_run(void *made)
{
	sl_run_stop(made);
	sl_run_wait(made);
	sl_run_free(made);
}

#define RUN(name_, text, ...)							\
	TEST(name_)								\
	{									\
		each_step(&(struct attempt){ .name = #name_, .make = make_run,	\
					     .take_away = free_run, .request = text, __VA_ARGS__ }); \
	}

RUN(descriptors_of_a_run, "(rx lo buffer=512KiB) > (udp) > (count)", .resource = RLIMIT_NOFILE)
RUN(descriptors_of_a_run_by_an_array, "(rx lo buffer=512KiB via=array) > (udp) -53-> (null)", .resource = RLIMIT_NOFILE)
RUN(descriptors_of_a_run_inline, "(rx lo buffer=512KiB mode=inline) > (udp) > (count)", .resource = RLIMIT_NOFILE)
RUN(memory_of_a_run, "(rx lo buffer=512KiB) > (udp) > (count)", .resource = RLIMIT_AS)

/* ---- a form that the verifier refuses ------------------------------------ */

/* Its table is smaller than its mask says. */
static int broken_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	uint32_t table[2] = { 0 }, mask = 0xffff;

	(void)state, (void)shared;
	sl_kernel_form(k, "ac");
	sl_kernel_table(k, "automaton", table, sizeof(table));
	return sl_kernel_set(k, "mask", &mask, sizeof(mask));
}

static int broken_work(struct sl_filter *f, struct sl_batch *b)
{
	struct sl_block *x;

	while ((x = sl_batch_take(f, b)))
		sl_emit(f, 0, x);
	return 0;
}

static const struct sl_filter_type broken_type = {
	.name = "broken", .brief = "pass all, in user space", .in = SL_PACKET, .out = SL_PACKET,
	.work = broken_work, .kernel = broken_kernel,
};

static void refused_in_the_middle(const char *request, int again)
{
	struct sl_diags *ds = sl_diags_new(), *why = sl_diags_new();
	struct sl_options o = { .size = sizeof(o), .placement = "max" };
	struct sl_request *q;
	struct sl_plan *p;
	struct sl_run *r = NULL;
	char *text;
	int e;

	if (geteuid())
		SKIP("not root");
	sl_register(&broken_type, SL_FILTER_ABI);	/* -EEXIST the second time */
	CHECK_EQ(sl_parse(request, NULL, &q, ds), 0);
	CHECK_EQ(sl_plan_new(q, &o, &p, ds), 0);
	CHECK_EQ(sl_plan_again(p, why), -ENOENT);
	e = sl_run_new(p, &r, ds);
	if (e == -EPERM)
		SKIP("not permitted to load programs");
	CHECK_EQ(e, -EAGAIN);
	CHECK_EQ(sl_diags_errors(ds), 1);
	CHECK_EQ(sl_plan_again(p, why), again);
	CHECK_EQ(sl_diags_count(why), again ? 0 : 1);
	if (!again) {
		CHECK(strstr(sl_diags_get(why, 0)->message, "'broken' runs in user space: the kernel refused it: "));
		text = sl_plan_text(p);
		CHECK(text && strstr(text, "not chosen: broken in the kernel, which refused it: "));
		free(text);
		CHECK_EQ(sl_run_new(p, &r, ds), 0);
		sl_run_free(r);
	}
	sl_plan_free(p);
	sl_request_free(q);
	sl_diags_free(ds);
	sl_diags_free(why);
}

TEST(a_refused_form_is_left_to_user_space)
{
	refused_in_the_middle("(rx lo) > (udp) > (broken) > (count)", 0);
}

TEST(a_refused_form_that_was_ordered)
{
	refused_in_the_middle("(rx lo) > (udp) > (broken)@kernel > (count)", -ENOSPC);
}

TEST_MAIN()
