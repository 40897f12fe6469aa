/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * exec -- a Unix process as a filter
 *
 *	(exec "sort -u")
 *	(exec "zcat log.gz") > (grep "error") > (print style=byline)
 *
 * in   any stream, or none: then it is a source
 * out  the process's standard output, as one byte stream
 * read written, read, status
 *
 * The command is run by /bin/sh -c. The bytes in view of every block are written to its
 * standard input, one block after the other with nothing between them; what it
 * writes comes back as the bytes of one stream. Its errors go where ours go. As
 * a source it reads nothing.
 *
 * When the process does not read, blocks wait and sources stop reading until it
 * does. At the end of the input its own input is closed and the run waits until it has
 * ended. A process that ends before it has read everything loses the rest, counted
 * as "broken pipe"; so head(1) may be used. One that ends with a status other than
 * 0 makes the run fail; status=ignore lets it pass.
 *
 * A process costs a copy of each byte, to and fro.
 */
/*
 * State of the process:
 *
 *	RUNNING		stdin and stdout are pipes
 *	  stdin closed	all was written and the input is at its end, or it broke
 *	  stdout closed	end of file was read
 *	REAPED		it has ended and its status was read
 *
 * work() and ready() may come in any of them; flush() goes on until REAPED. The
 * queue holds blocks of which not every byte was written; `sent` counts those of the
 * first one that were.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/outfile.h"
#include "streamline/filter.h"

#define CHUNK		(64u << 10)	/* one read */
#define PIPE_BYTES	(1 << 20)	/* asked for; the kernel may give less */
#define IOVS		64
#define LINK_USER0	147		/* no packets: a private link type */

enum { STATUS_CHECK, STATUS_IGNORE };

struct exec {
	const char *command;
	int status_mode;
	pid_t pid;			/* 0: none, or reaped */
	int in, out, pidfd;		/* our ends; -1: closed */
	bool opened, source;
	bool broken;			/* it reads no more */
	bool ended_early;		/* we told it to end */
	bool waits_write;
	struct sl_block **queue;	/* a ring */
	uint32_t head, n, size;
	uint32_t n_kept;		/* the first n_kept of the queue are kept */
	uint32_t sent;
	uint64_t pos;			/* in the stream that comes out */
	uint32_t stream;
	struct sl_count written, read, status;
};

static const char *const exec_status[] = { "check", "ignore", NULL };

static const struct sl_param exec_params[] = {
	SL_STRING(struct exec, command, .required = true, .pos = 1,
		  .help = "what /bin/sh -c runs"),
	{ .name = "status", .type = SL_P_CHOICE, .off = offsetof(struct exec, status_mode),
	  .choices = exec_status, .def = STATUS_CHECK,
	  .help = "what an exit status other than 0 means: failure, or nothing" },
	{ }
};

static const struct sl_value exec_values[] = {
	SL_COUNT(struct exec, written, .help = "bytes the process took"),
	SL_COUNT(struct exec, read, .help = "bytes it gave"),
	SL_COUNT(struct exec, status, .help = "its exit status; 128 and more: by a signal"),
	{ }
};

/* ---- the process -------------------------------------------------- */

/* SIGTERM at the guard: on to all of its group. */
static void guard_term(int sig)
{
	struct sigaction ign = { .sa_handler = SIG_IGN };

	sigaction(sig, &ign, NULL);
	kill(0, sig);
}

__attribute__((noreturn))
static void run_shell(const char *command)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int s = 1; s < NSIG; s++) {
		if (s != SIGKILL && s != SIGSTOP)
			sigaction(s, &dfl, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/*
 * The child is a guard: it starts the shell, waits for it, and passes on its
 * status. The kernel tells it when we die, and it then ends whatever the shell
 * has started; the shell alone would leave that behind. They are a group of their
 * own, so that Ctrl-C ends our reading and the process ends when it has got the rest.
 *
 * Between fork and exec, in what may be a copy of a program with threads: nothing
 * that is not async-signal-safe. The parent that counts is the thread that opened the run.
 */
__attribute__((noreturn))
static void child(const char *command, int in, int out, pid_t parent)
{
	struct sigaction term = { .sa_handler = guard_term };
	sigset_t none;
	int status = 0;
	pid_t shell;

	setpgid(0, 0);
	sigaction(SIGTERM, &term, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);		/* too late for the signal */
	/* Both ends are above 2, as the parent's pipes were made so. */
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(126);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	shell = _Fork();
	if (shell == 0)
		run_shell(command);
	if (shell < 0)
		_exit(126);
	close(0);
	close(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	while (waitpid(shell, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* A pipe, neither end of it on a standard descriptor. */
static int pipe_above(int fd[2])
{
	int low[2];

	if (pipe2(low, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		fd[i] = low[i] > 2 ? low[i] : fcntl(low[i], F_DUPFD_CLOEXEC, 3);
		if (fd[i] != low[i])
			close(low[i]);
	}
	if (fd[0] < 0 || fd[1] < 0) {
		if (fd[0] >= 0)
			close(fd[0]);
		if (fd[1] >= 0)
			close(fd[1]);
		return -EMFILE;
	}
	return 0;
}

static int start(struct exec *e)
{
	int to[2], from[2], r;
	sigset_t all, before;
	pid_t parent = getpid();

	r = pipe_above(to);
	if (r < 0)
		return r;
	r = pipe_above(from);
	if (r < 0) {
		close(to[0]);
		close(to[1]);
		return r;
	}
	fcntl(to[1], F_SETPIPE_SZ, PIPE_BYTES);
	fcntl(from[0], F_SETPIPE_SZ, PIPE_BYTES);
	fcntl(to[1], F_SETFL, O_NONBLOCK);
	fcntl(from[0], F_SETFL, O_NONBLOCK);
	/* No handler of ours may run in the child before it has put them back. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	e->pid = fork();
	if (!e->pid)
		child(e->command, to[0], from[1], parent);
	r = e->pid < 0 ? -errno : 0;
	if (e->pid > 0)
		setpgid(e->pid, e->pid);	/* both sides do, so that it is done */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(to[0]);
	close(from[1]);
	e->in = to[1];
	e->out = from[0];
	if (r < 0) {
		e->pid = 0;
		return r;
	}
	e->pidfd = (int)syscall(SYS_pidfd_open, e->pid, 0);
	if (e->pidfd >= 0)
		fcntl(e->pidfd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static void close_in(struct sl_filter *f, struct exec *e)
{
	if (e->in < 0)
		return;
	sl_wait_fd(f, -1, true);
	e->waits_write = false;
	close(e->in);
	e->in = -1;
}

static void close_out(struct sl_filter *f, struct exec *e)
{
	if (e->out < 0)
		return;
	sl_wait_fd(f, -1, false);
	close(e->out);
	e->out = -1;
}

static void judge_status(struct sl_filter *f, struct exec *e, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

	e->status.n = (uint64_t)code;
	if (!code || e->status_mode == STATUS_IGNORE || e->ended_early)
		return;
	/* A writer whose reader was ended by us (head) dies of it, rightly. */
	if (code == 128 + SIGPIPE)
		return;
	if (code == 127)
		sl_trouble(f, "E208", true, "there is no such command: %s", e->command);
	else if (code == 126)
		sl_trouble(f, "E208", true, "this can't be run: %s", e->command);
	else if (code > 128)
		sl_trouble(f, "E302", true, "'%s' was ended by signal %d (%s)", e->command,
			   code - 128, strsignal(code - 128));
	else
		sl_trouble(f, "E302", true, "'%s' ended with status %d", e->command, code);
}

/* True once the process has ended and was reaped; else its end is waited for. */
static bool reap(struct sl_filter *f, struct exec *e)
{
	int status = 0;
	pid_t r;

	if (!e->pid)
		return true;
	do
		r = waitpid(e->pid, &status, e->pidfd >= 0 ? WNOHANG : 0);
	while (r < 0 && errno == EINTR);
	if (r == 0) {
		sl_wait_fd(f, e->pidfd, false);
		return false;
	}
	e->pid = 0;
	sl_wait_fd(f, -1, false);
	if (e->pidfd >= 0)
		close(e->pidfd);
	e->pidfd = -1;
	if (r > 0)		/* else somebody else's SIGCHLD handling took it */
		judge_status(f, e, status);
	return true;
}

/* Nothing that goes in changes anything any more. */
static void enough(struct sl_filter *f, struct exec *e)
{
	if (e->broken && (e->out < 0 || !sl_has_output(f)))
		sl_finished(f);
}

/* ---- to the process ----------------------------------------------- */

static int queue_put(struct exec *e, struct sl_block *b)
{
	if (e->n == e->size) {
		uint32_t size = e->size ? e->size * 2 : 256;
		struct sl_block **to = malloc(size * sizeof(*to));

		if (!to)
			return -ENOMEM;
		for (uint32_t i = 0; i < e->n; i++)
			to[i] = e->queue[(e->head + i) % e->size];
		free(e->queue);
		e->queue = to;
		e->size = size;
		e->head = 0;
	}
	e->queue[(e->head + e->n++) % e->size] = b;
	return 0;
}

static struct sl_block *queue_take(struct exec *e)
{
	struct sl_block *b = e->queue[e->head];

	e->head = (e->head + 1) % e->size;
	e->n--;
	if (e->n_kept)
		e->n_kept--;
	e->sent = 0;
	return b;
}

static void lose_queue(struct sl_filter *f, struct exec *e, const char *reason)
{
	while (e->n)
		sl_lose(f, queue_take(e), reason);
}

/* Count off what a write has taken. */
static void written(struct sl_filter *f, struct exec *e, size_t bytes)
{
	e->written.n += bytes;
	while (e->n) {
		struct sl_block *b = e->queue[e->head];
		uint32_t left = b->len - e->sent;

		if (bytes < left) {
			e->sent += (uint32_t)bytes;
			return;
		}
		bytes -= left;
		sl_done(f, queue_take(e));
	}
}

/* Write as much of the queue as the process takes. What stays is kept, and sources
 * pause until the pipe has room again. */
static void write_queue(struct sl_filter *f, struct exec *e)
{
	struct iovec v[IOVS];

	while (e->n && e->in >= 0) {
		ssize_t r;
		int n = 0;

		for (uint32_t i = 0; i < e->n && n < IOVS; i++, n++) {
			struct sl_block *b = e->queue[(e->head + i) % e->size];
			uint32_t skip = i ? 0 : e->sent;

			v[n].iov_base = (void *)(sl_data(f, b) + skip);
			v[n].iov_len = b->len - skip;
		}
		r = sl_writev_quiet(e->in, v, n);
		if (r == -EAGAIN)
			break;
		if (r < 0) {
			e->broken = true;
			close_in(f, e);
			break;
		}
		written(f, e, (size_t)r);
	}
	if (e->in < 0)
		lose_queue(f, e, "broken pipe");
	for (; e->n_kept < e->n; e->n_kept++)
		sl_keep(f, e->queue[(e->head + e->n_kept) % e->size]);
	if (!!e->n != e->waits_write) {
		e->waits_write = e->n;
		sl_wait_fd(f, e->n ? e->in : -1, true);
		sl_stall(f, e->n);
	}
	if (!e->n)
		sl_stall(f, false);
	enough(f, e);
}

static int exec_work(struct sl_filter *f, struct sl_batch *in)
{
	struct exec *e = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		if (e->in < 0)
			sl_lose(f, b, "broken pipe");
		else if (!b->len && !e->n)
			sl_done(f, b);
		else if (queue_put(e, b) < 0)
			sl_lose(f, b, "out of memory");
	}
	write_queue(f, e);
	return 0;
}

/* ---- from the process --------------------------------------------- */

/* One read, one block. 1; -EAGAIN: nothing is there; SL_EOF; or another error. */
static int read_block(struct sl_filter *f, struct exec *e)
{
	struct sl_block *b;
	uint8_t *data, end;
	int there = 0;
	ssize_t r;

	/* Room is made for what is known to be there; reading one byte of nothing
	 * tells an end from a pause. */
	if (ioctl(e->out, FIONREAD, &there) < 0 || there <= 0) {
		do
			r = read(e->out, &end, 1);
		while (r < 0 && errno == EINTR);
		if (r < 0 && errno == EAGAIN)
			return -EAGAIN;
		if (r <= 0) {
			close_out(f, e);
			return SL_EOF;
		}
		b = sl_block_alloc(f, 1, &data);
		if (b)
			*data = end;
	} else {
		if (there > (int)CHUNK)
			there = CHUNK;
		b = sl_block_alloc(f, (uint32_t)there, &data);
		if (b)
			r = read(e->out, data, (size_t)there);
	}
	if (!b)
		return sl_fail(f, "E302", "no memory for what '%s' writes", e->command);
	if (r <= 0) {		/* bytes that were there can't go away; but then, who knows */
		sl_drop(f, b);
		return -EAGAIN;
	}
	e->read.n += (uint64_t)r;
	b->len = b->frame_len = b->wire_len = (uint32_t)r;
	b->link = LINK_USER0;
	b->flags |= SL_B_DECODED;
	if (!e->pos)
		b->flags |= SL_B_START;
	b->pos = e->pos;
	b->stream = e->stream;
	e->pos += (uint64_t)r;
	sl_emit(f, 0, b);
	return 1;
}

/* Read what is there, up to `max` blocks. Returns how many; stdout may be closed then. */
static int read_some(struct sl_filter *f, struct exec *e, unsigned int max)
{
	unsigned int n = 0;
	int r;

	while (n < max && e->out >= 0) {
		r = read_block(f, e);
		if (r == -EAGAIN || r == SL_EOF)
			break;
		if (r < 0)
			return r;
		n++;
	}
	enough(f, e);
	return (int)n;
}

static int exec_ready(struct sl_filter *f, unsigned int max)
{
	struct exec *e = sl_state(f);

	if (e->n)
		write_queue(f, e);
	return read_some(f, e, max < 16 ? max : 16);
}

/* As a source: the process reads nothing. */
static int exec_pull(struct sl_filter *f, unsigned int max)
{
	struct exec *e = sl_state(f);
	int n;

	n = read_some(f, e, max < 16 ? max : 16);
	if (n)
		return n;
	if (e->out >= 0) {
		sl_wait_fd(f, e->out, false);
		return 0;
	}
	return reap(f, e) ? SL_EOF : 0;
}

static int exec_flush(struct sl_filter *f)
{
	struct exec *e = sl_state(f);
	int r;

	if (e->source) {
		/* Stopped by others: it need not go on for nobody. */
		if (e->out >= 0 && e->pid) {
			e->ended_early = true;
			kill(-e->pid, SIGTERM);
		}
		close_out(f, e);
		return reap(f, e) ? 0 : SL_AGAIN;
	}
	if (e->n)
		write_queue(f, e);
	if (!e->n)
		close_in(f, e);
	r = read_some(f, e, 16);
	if (r < 0)
		return r;
	if (e->n || e->out >= 0)
		return SL_AGAIN;
	return reap(f, e) ? 0 : SL_AGAIN;
}

/* ---- */

static int exec_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	const struct exec *e = state;

	(void)shared;
	if (!e->command || !e->command[strspn(e->command, " \t\n")])
		return sl_prepare_error(p, "command", "E114", "'exec' needs a command");
	return 0;
}

static int exec_open(struct sl_filter *f)
{
	struct exec *e = sl_state(f);
	uint32_t h = 2166136261u;
	int r;

	e->in = e->out = e->pidfd = -1;
	e->opened = true;
	e->source = !sl_has_input(f);
	/* A number of its own that is the same in every run. */
	for (const char *s = f->name; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	e->stream = (h | 0x80000000u) & ~1u;
	r = start(e);
	if (r < 0)
		return sl_fail(f, "E302", "can't start '%s': %s", e->command, strerror(-r));
	if (e->source)
		close_in(f, e);
	return e->source ? 0 : sl_wait_fd(f, e->out, false);
}

static void exec_close(struct sl_filter *f)
{
	struct exec *e = sl_state(f);

	if (!e->opened)
		return;
	close_in(f, e);
	close_out(f, e);
	if (e->pid) {
		/* Cut short: it is not waited for longer than a signal takes. */
		struct pollfd p = { .fd = e->pidfd, .events = POLLIN };
		int n = e->pidfd >= 0 ? poll(&p, 1, 0) : 0;

		if (n <= 0) {
			kill(-e->pid, SIGTERM);
			n = e->pidfd >= 0 ? poll(&p, 1, 200) : 0;
		}
		if (n <= 0)
			kill(-e->pid, SIGKILL);
		while (waitpid(e->pid, NULL, 0) < 0 && errno == EINTR)
			;
		e->pid = 0;
	}
	if (e->pidfd >= 0)
		close(e->pidfd);
	free(e->queue);
	e->queue = NULL;
	e->n = e->size = 0;
}

static const char *const exec_examples[] = {
	"(exec \"zcat log.gz\") > (grep \"error\") > (print style=byline)",
	"(pcapin web.pcap) > (tcp) -80-> (untcp) > (exec \"strings | sort -u\") > (print style=byline)",
	NULL
};

const struct sl_filter_type sl_exec_type = {
	.name	  = "exec",
	.brief	  = "a Unix process as a filter",
	.group	  = "flow",
	.state	  = sizeof(struct exec),
	.params	  = exec_params,
	.values	  = exec_values,
	.in	  = SL_ANY,
	.out	  = SL_BYTES,
	.flags	  = SL_F_PROCESS,
	.prepare  = exec_prepare,
	.open	  = exec_open,
	.work	  = exec_work,
	.pull	  = exec_pull,
	.ready	  = exec_ready,
	.flush	  = exec_flush,
	.close	  = exec_close,
	.examples = exec_examples,
	.see_also = "feed, take",
};
