/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a dead owner leaves is swept, what a living one uses is not. In a network
 * namespace of its own, at its loopback interface.
 */
#include "test.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "kern/part_int.h"
#include "kern/sweep.h"

static const struct sl_filter_type entry_type = { .name = "rx", .flags = SL_F_LIVE };
static char said[4096];

static void note(void *arg, const char *words)
{
	size_t n = strlen(said);

	(void)arg;
	snprintf(said + n, sizeof(said) - n, "%s\n", words);
}

/* Both ends of clsact on lo, whether the kernel has tcx or not. */
static int hook_clsact(struct sl_kpart *p)
{
	static const enum bpf_tc_attach_point ends[] = { BPF_TC_INGRESS, BPF_TC_EGRESS };
	int r = 0;

	libbpf_set_print(NULL);		/* it says when the discipline is there already */
	for (unsigned int i = 0; !r && i < 2; i++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = ends[i]);
		LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = p->hooked[0].prog_fd);

		r = bpf_tc_hook_create(&hook);
		if (!r || r == -EEXIST)
			r = bpf_tc_attach(&hook, &opts);
	}
	return r;
}

static struct sl_kpart *part(int *error)
{
	static const struct sl_kif lo = { .ifindex = 1, .link = 1 };
	static const struct sl_kstage st = {
		.type = &entry_type, .name = "rx", .entry = true, .snap = 65535, .ifs = &lo, .n_ifs = 1,
		.in = true, .n_arrows = 1,
		.arrows = { { .stage = SL_K_NONE, .need = 65535, .plain = 1 } },
	};
	const struct sl_kpart_opts o = {
		.stages = &st, .n_stages = 1, .hook = SL_K_TC, .carrier = SL_CARRIER_ARRAY, .ring_bytes = 64 << 10,
		.clsact = true,
	};
	struct sl_kpart_error e;
	struct sl_kpart *p = NULL;

	*error = sl_kpart_new(&o, &p, &e);
	if (*error)
		free(e.verifier);
	return p;
}

/* A process that has a tap and waits to be killed; its number, or -errno. */
static pid_t owner(void)
{
	int to[2], r;
	pid_t pid;

	if (pipe(to) < 0)
		return -errno;
	pid = fork();
	if (!pid) {
		struct sl_kpart *p;

		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* a test that failed leaves nobody */
		p = part(&r);
		if (p)
			r = hook_clsact(p);
		if (write(to[1], &r, sizeof(r)) != sizeof(r) || r)
			_exit(1);
		for (;;)
			pause();
	}
	close(to[1]);
	if (read(to[0], &r, sizeof(r)) != sizeof(r))
		r = -EPIPE;
	close(to[0]);
	if (r) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return r ? r : pid;
}

TEST(filters_of_the_dead)
{
	struct sl_swept s = { 0 };
	char why[200] = "";
	pid_t pid;

	if (unshare(CLONE_NEWNET) < 0)
		SKIP("no network namespace of our own");
	pid = owner();
	if (pid == -EPERM)
		SKIP("not permitted to load programs");
	CHECK(pid > 0);
	*said = '\0';
	CHECK_EQ(sl_sweep_filters(&s, note, NULL, why, sizeof(why)), 0);
	CHECK_EQ(s.filters, 0);
	CHECK_EQ(s.alive, 2);
	CHECK_STR(said, "");
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	/* the kernel empties the map a little later */
	for (int i = 0; i < 200 && s.filters < 2; i++) {
		s.alive = 0;
		usleep(10000);
		CHECK_EQ(sl_sweep_filters(&s, note, NULL, why, sizeof(why)), 0);
	}
	CHECK_EQ(s.filters, 2);
	CHECK_EQ(s.alive, 0);
	CHECK_EQ(s.qdiscs, 1);
	CHECK(strstr(said, "a tap on lo, incoming\n"));
	CHECK(strstr(said, "a tap on lo, outgoing\n"));
	CHECK(strstr(said, "the empty clsact of lo\n"));
	s = (struct sl_swept){ 0 };
	CHECK_EQ(sl_sweep_filters(&s, note, NULL, why, sizeof(why)), 0);
	CHECK_EQ(s.filters + s.alive + s.qdiscs, 0);
}

/* Two owners, one of whom dies: the other one's tap stays, and so does the discipline. */
TEST(filters_of_the_living)
{
	struct sl_swept s = { 0 };
	char why[200] = "";
	pid_t a, b;

	if (unshare(CLONE_NEWNET) < 0)
		SKIP("no network namespace of our own");
	a = owner();
	if (a == -EPERM)
		SKIP("not permitted to load programs");
	b = owner();
	CHECK(a > 0 && b > 0);
	kill(a, SIGKILL);
	CHECK_EQ(waitpid(a, NULL, 0), a);
	for (int i = 0; i < 200 && s.filters < 2; i++) {
		s.alive = 0;
		usleep(10000);
		CHECK_EQ(sl_sweep_filters(&s, note, NULL, why, sizeof(why)), 0);
	}
	CHECK_EQ(s.filters, 2);
	CHECK_EQ(s.alive, 2);
	CHECK_EQ(s.qdiscs, 0);
	kill(b, SIGKILL);
	CHECK_EQ(waitpid(b, NULL, 0), b);
}

/* Who made the discipline does not take it away under a filter that another one has put there since. */
TEST(discipline_of_others)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, theirs);
	LIBBPF_OPTS(bpf_tc_opts, q);
	struct sl_kpart_error e;
	struct sl_kpart *p;
	int r;

	if (unshare(CLONE_NEWNET) < 0)
		SKIP("no network namespace of our own");
	p = part(&r);
	if (r == -EPERM)
		SKIP("not permitted to load programs");
	CHECK_EQ(r, 0);
	CHECK_EQ(sl_kpart_attach(p, &e), 0);
	CHECK(sl_clsact_used(1));
	theirs.prog_fd = p->hooked[0].prog_fd;
	CHECK_EQ(bpf_tc_attach(&hook, &theirs), 0);
	sl_kpart_detach(p);
	q.handle = theirs.handle;
	q.priority = theirs.priority;
	CHECK_EQ(bpf_tc_query(&hook, &q), 0);
	q.prog_fd = q.prog_id = q.flags = 0;
	CHECK_EQ(bpf_tc_detach(&hook, &q), 0);
	CHECK(!sl_clsact_used(1));
	sl_kpart_free(p);
}

static int listen_at(const char *path, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
		return -1;
	return fd;
}

TEST(sockets)
{
	char dir[] = "/tmp/sl-sweep-XXXXXX", path[80], why[200] = "";
	struct sl_swept s = { 0 };
	int a, b, c, d;

	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/alive.sock", dir);
	a = listen_at(path, SOCK_SEQPACKET);
	snprintf(path, sizeof(path), "%s/stream.sock", dir);
	b = listen_at(path, SOCK_STREAM);
	snprintf(path, sizeof(path), "%s/other", dir);
	c = listen_at(path, SOCK_STREAM);
	snprintf(path, sizeof(path), "%s/dead.sock", dir);
	d = listen_at(path, SOCK_SEQPACKET);
	CHECK(a >= 0 && b >= 0 && c >= 0 && d >= 0);
	close(c);
	close(d);
	*said = '\0';
	CHECK_EQ(sl_sweep_sockets(dir, &s, note, NULL, why, sizeof(why)), 0);
	CHECK_EQ(s.sockets, 1);
	CHECK_EQ(s.alive, 2);
	CHECK(access(path, F_OK) < 0);
	CHECK(strstr(said, "/dead.sock\n"));
	snprintf(path, sizeof(path), "%s/other", dir);
	CHECK_EQ(access(path, F_OK), 0);
	unlink(path);
	close(a);
	close(b);
	CHECK_EQ(sl_sweep_sockets(dir, &s, note, NULL, why, sizeof(why)), 0);
	CHECK_EQ(s.sockets, 3);
	CHECK_EQ(rmdir(dir), 0);
	CHECK_EQ(sl_sweep_sockets(dir, &s, note, NULL, why, sizeof(why)), 0);
}

TEST_MAIN()
