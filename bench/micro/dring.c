/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dring -- what a data ring carries between two processes, beside a pipe
 *
 *	micro-dring [seconds [rounds]]
 *
 * Writer on core 0, reader on core 1; the reader adds up every byte. For records
 * of 64, 512 and 4096 bytes: messages a second through the ring, published one by
 * one and in batches of 64 (1 and 8 MiB), to a lapped reader, and through a pipe
 * of 1 MiB with one write a message. Then what a reader costs when it is idle and
 * when 10,000 records come in a second, and how late a single record is. The
 * cases take turns; medians. JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ring/dring.h"

#define MAX_ROUNDS	31

enum kind { RING_1, RING_64, RING_8M, LAPPED, STRANGER, PIPE, KINDS };

static const char *const kind_name[KINDS] = {
	"ring_publish_each", "ring_batch_64", "ring_8m_batch_64", "lapped", "stranger", "pipe",
};

/* What the child tells. */
struct told {
	uint64_t records, lost, bytes, sum, sleeps, naps;
	double cpu_s;
	double late_us[4096];
	int n_late;
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	sched_setaffinity(0, sizeof(set), &set);	/* one core only: then it is the only one */
}

static uint64_t add_up(const void *p, size_t len)
{
	const uint64_t *q = p;
	uint64_t sum = 0;

	for (size_t i = 0; i < len / 8; i++)
		sum += q[i];
	return sum;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_size);
	return v[n / 2];
}

static void read_ring(const struct sl_dring *mother, int slot, uint64_t gap_ns, struct told *t, bool timed)
{
	const struct sl_dring_rec *rec[64];
	struct sl_dring d;
	struct sl_dring_reader r;
	double cpu;
	int n;

	if (sl_dring_attach(&d, mother->fd, slot < 0 ? -1 : mother->ctl_fd) < 0)
		_exit(1);
	d.room = mother->room;
	memcpy(d.bell, mother->bell, sizeof(d.bell));
	if (sl_dring_reader_init(&r, &d, slot) < 0)
		_exit(1);
	r.gap_ns = gap_ns;
	cpu = cpu_s();
	while ((n = sl_dring_wait(&r, -1)) > 0) {
		while ((n = sl_dring_peek(&r, rec, 64)) > 0) {
			for (int i = 0; i < n; i++) {
				t->bytes += rec[i]->len;
				t->sum += add_up(sl_dring_payload(rec[i]), rec[i]->len);
			}
			if (timed && t->n_late < 4096) {
				double sent;

				memcpy(&sent, sl_dring_payload(rec[0]), sizeof(sent));
				t->late_us[t->n_late++] = (now_s() - sent) * 1e6;
			}
			sl_dring_release(&r);
		}
	}
	sl_dring_settle(&r);
	t->cpu_s = cpu_s() - cpu;
	t->records = r.records;
	t->lost = r.lost;
	t->sleeps = r.sleeps;
	t->naps = r.naps;
}

static void write_ring(struct sl_dring *d, size_t len, int batch, double secs)
{
	static const uint8_t src[8192] = { 1, 2, 3 };
	struct sl_dring_writer w;
	double end = now_s() + secs;
	void *p = NULL;

	sl_dring_writer_init(&w, d);
	do {
		for (int i = 0; i < 1024; i++) {
			while (sl_dring_reserve(&w, (uint32_t)len, &p) == -EAGAIN)
				sl_dring_wait_room(&w, (uint32_t)len, -1);
			memcpy(p, src, len);
			if ((i + 1) % batch == 0)
				sl_dring_submit(&w);
		}
	} while (now_s() < end);
	sl_dring_end(&w);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Messages a second that arrived; the reader's CPU time per message in *ns. */
static double through(enum kind k, size_t len, double secs, struct told *t, double *ns)
{
	struct sl_dring d = { .fd = -1 };
	double start, took;
	int fd[2], slot = -1;
	pid_t pid;

	memset(t, 0, sizeof(*t));
	if (k == PIPE) {
		if (pipe2(fd, O_CLOEXEC) < 0)
			die("pipe");
		fcntl(fd[0], F_SETPIPE_SZ, 1 << 20);
	} else {
		if (sl_dring_create(&d, k == RING_8M ? 8 << 20 : 1 << 20) < 0)
			die("ring");
		if (k != STRANGER)
			slot = sl_dring_slot_open(&d, k == LAPPED ? SL_DRING_LAPPED : SL_DRING_HONOURED, 0);
	}
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		pin(1);
		if (k == PIPE) {
			uint8_t *buf = aligned_alloc(64, 8192);
			double cpu = cpu_s();
			ssize_t n;

			close(fd[1]);
			while (buf && (n = read(fd[0], buf, len)) > 0) {
				t->bytes += (uint64_t)n;
				t->sum += add_up(buf, (size_t)n);
			}
			t->records = t->bytes / len;
			t->cpu_s = cpu_s() - cpu;
		} else {
			read_ring(&d, slot, 0, t, false);
		}
		_exit(0);
	}
	pin(0);
	usleep(20000);		/* the child is there */
	start = now_s();
	if (k == PIPE) {
		static const uint8_t src[8192] = { 1, 2, 3 };

		close(fd[0]);
		do {
			for (int i = 0; i < 64; i++)
				if (write(fd[1], src, len) < 0)
					die("write");
		} while (now_s() < start + secs);
		close(fd[1]);
	} else {
		write_ring(&d, len, k == RING_1 ? 1 : 64, secs);
	}
	waitpid(pid, NULL, 0);
	took = now_s() - start;
	sl_dring_done(&d);
	*ns = t->records ? t->cpu_s * 1e9 / (double)t->records : 0;
	return (double)t->records / took;
}

/* CPU share of a reader while so many records a second come, evenly. */
static double paced(int slot_kind, unsigned int rate, double secs, uint64_t gap_ns, struct told *t)
{
	struct sl_dring d;
	struct sl_dring_writer w;
	struct timespec at;
	double start;
	void *p = NULL;
	int slot = -1;
	pid_t pid;

	memset(t, 0, sizeof(*t));
	if (sl_dring_create(&d, 1 << 20) < 0)
		die("ring");
	if (slot_kind != SL_DRING_FREE)
		slot = sl_dring_slot_open(&d, (enum sl_dring_state)slot_kind, 0);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		pin(1);
		read_ring(&d, slot, gap_ns, t, true);
		_exit(0);
	}
	pin(0);
	usleep(20000);
	sl_dring_writer_init(&w, &d);
	start = now_s();
	clock_gettime(CLOCK_MONOTONIC, &at);
	for (unsigned int i = 0; rate && i < (unsigned int)(secs * rate); i++) {
		double now;

		at.tv_nsec += (long)(1000000000u / rate);
		if (at.tv_nsec >= 1000000000) {
			at.tv_nsec -= 1000000000;
			at.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		if (sl_dring_reserve(&w, 64, &p) < 0)
			continue;
		now = now_s();
		memcpy(p, &now, sizeof(now));
		sl_dring_submit(&w);
	}
	if (!rate)
		usleep((useconds_t)(secs * 1e6));
	start = now_s() - start;
	sl_dring_end(&w);
	waitpid(pid, NULL, 0);
	sl_dring_done(&d);
	return 100 * t->cpu_s / start;
}

static void print_paced(const char *name, int kind, unsigned int rate, double secs, uint64_t gap_ns, struct told *t)
{
	double share = paced(kind, rate, secs, gap_ns, t);
	int n = t->n_late;

	printf(",\n  \"%s\": {\"reader_cpu_percent\": %.2f, \"sleeps\": %llu, \"naps\": %llu", name, share,
	       (unsigned long long)t->sleeps, (unsigned long long)t->naps);
	if (n) {
		double p50 = median(t->late_us, n);

		printf(", \"late_us_p50\": %.1f, \"late_us_p99\": %.1f", p50, t->late_us[n * 99 / 100]);
	}
	printf("}");
}

int main(int argc, char **argv)
{
	static const size_t lens[] = { 64, 512, 4096 };
	double secs = argc > 1 ? atof(argv[1]) : 0.3;
	int rounds = argc > 2 ? atoi(argv[2]) : 5;
	struct told *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (t == MAP_FAILED || secs <= 0 || rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "dring: usage: micro-dring [seconds [rounds]]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("{");
	for (unsigned int l = 0; l < 3; l++) {
		double rate[KINDS][MAX_ROUNDS], ns[KINDS][MAX_ROUNDS], lost[KINDS] = { 0 }, pipe_rate;

		for (int i = 0; i < rounds; i++) {
			for (int k = 0; k < KINDS; k++) {
				rate[k][i] = through((enum kind)k, lens[l], secs, t, &ns[k][i]);
				if (t->records + t->lost)
					lost[k] += 100 * (double)t->lost / (double)(t->records + t->lost) / rounds;
			}
		}
		pipe_rate = median(rate[PIPE], rounds);
		printf("%s\n  \"%zu\": {", l ? "," : "", lens[l]);
		for (int k = 0; k < KINDS; k++) {
			double m = median(rate[k], rounds);

			printf("%s\n    \"%s\": {\"msgs_per_s\": %.0f, \"gb_per_s\": %.3f, \"times_pipe\": %.1f, "
			       "\"reader_ns\": %.1f, \"lost_percent\": %.1f}", k ? "," : "", kind_name[k], m,
			       m * (double)lens[l] / 1e9, m / pipe_rate, median(ns[k], rounds), lost[k]);
		}
		printf("}");
	}
	secs = secs * 3 < 1 ? 1 : secs * 3;
	print_paced("idle", SL_DRING_HONOURED, 0, secs, 0, t);
	print_paced("idle_stranger", SL_DRING_FREE, 0, secs, 0, t);
	print_paced("at_100_per_s", SL_DRING_HONOURED, 100, secs, 0, t);
	print_paced("at_10k_per_s", SL_DRING_HONOURED, 10000, secs, 0, t);
	print_paced("at_10k_per_s_gap_1ms", SL_DRING_HONOURED, 10000, secs, 1000000, t);
	print_paced("at_10k_per_s_gap_5ms", SL_DRING_HONOURED, 10000, secs, 5000000, t);
	print_paced("at_10k_per_s_stranger", SL_DRING_FREE, 10000, secs, 0, t);
	printf("\n}\n");
	return 0;
}
