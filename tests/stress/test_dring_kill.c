/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Data rings between processes that are stopped and killed at random moments.
 *
 *	owner (this process)	makes the ring, opens slots, reaps readers by pidfd, frees their slots
 *	writer			a thread of the owner's here; in the second test a process of its own
 *	readers			children: honoured (control page, bell) and strangers (read-only)
 *
 * Whatever dies: no reader ever accepts a record that is not whole, who is honoured
 * misses nothing, loss is exact, and everybody who lives goes on. (pthread: runs
 * under the thread sanitizer, too.)
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dring_check.h"
#include "../unit/test.h"

#define SIZE	65536u
#define MOST	4096u
#define SECS	4.0
#define SEATS	5		/* readers at a time; the first is never killed */
#define LONG	(20 * 1000000000ll)

/* What the readers tell, in memory that all share. */
struct told {
	_Atomic uint64_t wrong, missed, records, lost;
	_Atomic uint32_t failed, finished;
	_Atomic uint64_t first_records;	/* of the one that lives */
};

static struct told *told;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void nap_us(unsigned int us)
{
	struct timespec t = { .tv_nsec = (long)us * 1000 };

	nanosleep(&t, NULL);
}

/* A reader's whole life. Only calls that a child of a threaded process may make, malloc aside. */
static void live(const struct sl_dring *mother, int slot, bool first)
{
	const struct sl_dring_rec *rec[32];
	struct sl_dring d;
	struct sl_dring_reader r;
	int n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);	/* a test that fails leaves nobody behind */
	if (sl_dring_attach(&d, mother->fd, slot < 0 ? -1 : mother->ctl_fd) < 0)
		_exit(10);
	d.room = mother->room;
	memcpy(d.bell, mother->bell, sizeof(d.bell));
	if (sl_dring_reader_init(&r, &d, slot) < 0)
		_exit(11);
	while ((n = sl_dring_wait(&r, LONG)) > 0) {
		uint64_t lost = r.lost;

		n = sl_dring_peek(&r, rec, 32);
		if (n < 0)
			break;
		for (int i = 0; i < n; i++)
			if (!dring_right(rec[i], MOST))
				told->wrong++;
		told->records += (uint64_t)n;
		told->lost += r.lost - lost;
		if (slot >= 0 && r.lost)
			told->missed++;
		if (r.records + r.lost != r.expected - r.first)
			told->wrong++;
		sl_dring_release(&r);
	}
	if (n < 0)
		told->failed++;
	if (first)
		told->first_records = r.records;
	told->finished++;
	_exit(0);
}

struct seat {
	pid_t pid;
	int pidfd, slot;
	double until;		/* when to strike */
	bool stopped;
};

static void sit(struct seat *s, struct sl_dring *d, int i, unsigned int *seed)
{
	s->slot = -1;
	if (i != SEATS - 1) {
		s->slot = sl_dring_slot_open(d, SL_DRING_HONOURED, 0);
		CHECK(s->slot >= 0);
	}
	s->stopped = false;
	s->until = now_s() + 0.002 + (double)(rand_r(seed) % 60) / 1e3;
	s->pid = fork();
	CHECK(s->pid >= 0);
	if (s->pid == 0)
		live(d, s->slot, i == 0);
	s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0u);
	CHECK(s->pidfd >= 0);
}

/* It is dead: only then is its slot freed. */
static void reap(struct seat *s, struct sl_dring *d)
{
	struct pollfd p = { .fd = s->pidfd, .events = POLLIN };

	CHECK_EQ(poll(&p, 1, 20000), 1);
	CHECK_EQ(waitpid(s->pid, NULL, 0), s->pid);
	close(s->pidfd);
	if (s->slot >= 0)
		sl_dring_slot_close(d, s->slot);
}

struct writer {
	struct sl_dring *d;
	_Atomic bool stop;
	uint64_t n, longest_us;
	int error;
};

static int write_some(struct sl_dring_writer *w, uint64_t *n, int batch)
{
	for (; batch; batch--, ++*n) {
		uint32_t len = dring_len(*n, MOST);
		void *p;
		int r;

		while ((r = sl_dring_reserve(w, len, &p)) == -EAGAIN) {
			r = sl_dring_wait_room(w, len, LONG);
			if (r < 0)
				return r;
		}
		if (r < 0)
			return r;
		dring_fill(p, *n, len);
	}
	sl_dring_submit(w);
	return 0;
}

static void *write_all(void *arg)
{
	struct writer *o = arg;
	struct sl_dring_writer w;
	unsigned int seed = 3;

	sl_dring_writer_init(&w, o->d);
	while (!o->stop && o->error == 0) {
		o->error = write_some(&w, &o->n, 1 + rand_r(&seed) % 32);
		if (rand_r(&seed) % 128 == 0)
			nap_us(300);
	}
	sl_dring_end(&w);
	return NULL;
}

static void share(void)
{
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(told != MAP_FAILED);
}

TEST(readers_are_stopped_and_killed)
{
	struct sl_dring d;
	struct writer w = { .d = &d };
	struct seat seat[SEATS];
	unsigned int seed = 17, kills = 0, stops = 0;
	double end;
	pthread_t t;

	share();
	CHECK_EQ(sl_dring_create(&d, SIZE), 0);
	/* Bells are made before the first child, so that each child has them all. */
	for (int i = 0; i < SEATS; i++)
		CHECK_EQ(sl_dring_slot_open(&d, SL_DRING_LAPPED, 0), i);
	for (int i = 0; i < SEATS; i++)
		sl_dring_slot_close(&d, i);
	for (int i = 0; i < SEATS; i++)
		sit(&seat[i], &d, i, &seed);
	CHECK_EQ(pthread_create(&t, NULL, write_all, &w), 0);
	for (end = now_s() + SECS; now_s() < end; nap_us(500)) {
		for (int i = 0; i < SEATS; i++) {
			struct seat *s = &seat[i];

			if (now_s() < s->until)
				continue;
			s->until = now_s() + 0.001 + (double)(rand_r(&seed) % 40) / 1e3;
			if (s->stopped) {
				kill(s->pid, SIGCONT);
				s->stopped = false;
			} else if (i == 0 || rand_r(&seed) % 2) {
				kill(s->pid, SIGSTOP);
				s->stopped = true;
				stops++;
			} else {
				kill(s->pid, SIGKILL);
				kills++;
				reap(s, &d);
				sit(s, &d, i, &seed);
			}
		}
	}
	for (int i = 0; i < SEATS; i++)
		kill(seat[i].pid, SIGCONT);
	w.stop = true;
	pthread_join(t, NULL);
	for (int i = 0; i < SEATS; i++)
		reap(&seat[i], &d);
	printf("# %llu records written, %llu read, %llu lost by strangers; %u kills, %u stops\n",
	       (unsigned long long)w.n, (unsigned long long)told->records, (unsigned long long)told->lost,
	       kills, stops);
	CHECK_EQ(w.error, 0);
	CHECK_EQ(told->wrong, 0);
	CHECK_EQ(told->missed, 0);
	CHECK_EQ(told->failed, 0);
	CHECK_EQ(told->finished, SEATS);
	CHECK_EQ(told->first_records, w.n);	/* stopped all the time, and has every record */
	CHECK(kills > 10);
	sl_dring_done(&d);
}

static void send_fds(int to, const int *fd, int n)
{
	char room[CMSG_SPACE(16 * sizeof(int))] = { 0 }, one = 1;
	struct iovec io = { &one, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = room,
			    .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	memcpy(CMSG_DATA(c), fd, (size_t)n * sizeof(int));
	if (sendmsg(to, &m, MSG_NOSIGNAL) != 1)
		_exit(12);
}

static int receive_fds(int from, int *fd, int n)
{
	char room[CMSG_SPACE(16 * sizeof(int))], one;
	struct iovec io = { &one, 1 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *c;

	if (recvmsg(from, &m, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_len != CMSG_LEN((size_t)n * sizeof(int)))
		return -1;
	memcpy(fd, CMSG_DATA(c), (size_t)n * sizeof(int));
	return 0;
}

/* The owner and writer in one process, which is going to be killed. */
static void write_till_death(int to)
{
	struct sl_dring d;
	struct sl_dring_writer w;
	unsigned int seed = (unsigned int)getpid();
	uint64_t n = 0;
	int slot;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sl_dring_create(&d, SIZE) < 0)
		_exit(1);
	slot = sl_dring_slot_open(&d, SL_DRING_HONOURED, (uint32_t)getppid());
	if (slot != 0)
		_exit(2);
	send_fds(to, (int[]){ d.fd, d.ctl_fd, d.room, d.bell[0] }, 4);
	sl_dring_writer_init(&w, &d);
	for (;;) {
		if (write_some(&w, &n, 1 + rand_r(&seed) % 32) < 0)
			_exit(3);
		if (rand_r(&seed) % 64 == 0)
			nap_us(200);
	}
}

/* Read for a while; when `gone`, what is left. */
static void read_on(struct sl_dring_reader *r, bool gone)
{
	const struct sl_dring_rec *rec[32];
	double end = now_s() + 0.01;
	int n;

	while (gone || now_s() < end) {
		if (!gone && sl_dring_wait(r, 1000000) < 0)
			continue;
		n = sl_dring_peek(r, rec, 32);
		CHECK(n >= 0);
		for (int i = 0; i < n; i++)
			CHECK(dring_right(rec[i], MOST));
		sl_dring_release(r);
		if (gone && !n)
			return;
	}
}

TEST(the_writer_is_killed)
{
	unsigned int seed = 23, rounds = 0;
	uint64_t records = 0, torn_ends = 0;
	double end;

	for (end = now_s() + SECS; now_s() < end; rounds++) {
		struct sl_dring family, foreign;
		struct sl_dring_reader honoured, stranger;
		int pair[2], fd[4];
		pid_t pid;

		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			close(pair[0]);
			write_till_death(pair[1]);
		}
		close(pair[1]);
		CHECK_EQ(receive_fds(pair[0], fd, 4), 0);
		CHECK_EQ(sl_dring_attach(&family, fd[0], fd[1]), 0);
		family.room = fd[2];
		family.bell[0] = fd[3];
		CHECK_EQ(sl_dring_reader_init(&honoured, &family, 0), 0);
		CHECK_EQ(sl_dring_attach(&foreign, fd[0], -1), 0);
		CHECK_EQ(sl_dring_reader_init(&stranger, &foreign, -1), 0);
		read_on(&honoured, false);
		read_on(&stranger, false);
		if (rand_r(&seed) % 2) {
			kill(pid, SIGSTOP);
			read_on(&honoured, false);
			kill(pid, SIGCONT);
		}
		nap_us((unsigned int)rand_r(&seed) % 3000);
		kill(pid, SIGKILL);
		CHECK_EQ(waitpid(pid, NULL, 0), pid);
		read_on(&honoured, true);
		read_on(&stranger, true);
		CHECK_EQ(honoured.lost, 0);
		CHECK_EQ(honoured.pos, family.head->head);
		CHECK(!sl_dring_ended(&honoured));
		records += honoured.records;
		torn_ends += family.head->claim != family.head->head;
		sl_dring_settle(&stranger);
		CHECK_EQ(stranger.records + stranger.lost, stranger.expected - stranger.first);
		CHECK(stranger.expected >= honoured.expected);
		CHECK_EQ(sl_dring_wait(&honoured, 1000000), -ETIMEDOUT);
		sl_dring_reader_done(&honoured);
		sl_dring_reader_done(&stranger);
		sl_dring_done(&family);
		sl_dring_done(&foreign);
		for (int i = 0; i < 4; i++)
			close(fd[i]);
		close(pair[0]);
	}
	printf("# %u writers killed after %llu records, %llu of them with a claim open\n", rounds,
	       (unsigned long long)records, (unsigned long long)torn_ends);
	CHECK(rounds > 10);
}

TEST_MAIN()
