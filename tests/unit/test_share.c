/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_share.c -- who gets the name of a capture that others may read */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../io/rx-share.h"
#include "test.h"

#define STARTS	20
#define ROUNDS	8
#define SLOW_US	500

static char dir[64];

/* In place of the system's: what is bound and not yet listened to looks as if its owner were dead, so
 * there everybody may stumble. */
int listen(int fd, int n)
{
	usleep(SLOW_US);
	return (int)syscall(SYS_listen, fd, n);
}

/* A folder of our own; root has one for all. */
static const char *folder(void)
{
	static char path[96];

	if (geteuid() == 0)
		return "/run/streamline";
	if (!*dir) {
		strcpy(dir, "/tmp/sl-share-XXXXXX");
		if (!mkdtemp(dir))
			return NULL;
		setenv("XDG_RUNTIME_DIR", dir, 1);
	}
	snprintf(path, sizeof(path), "%s/streamline", dir);
	return path;
}

/* What an owner who was killed leaves. */
static void leave_stale(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, path);
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	close(fd);
}

/* Waits for the gate, tries, tells, and holds what it got until the second gate opens. */
static void one_start(const char *name, int gate, int tell, int until)
{
	struct rx_hello h = { .magic = RX_SHARE_MAGIC, .abi = RX_SHARE_ABI };
	struct rx_share *s = NULL;
	char why[256], byte;
	int r;

	while (read(gate, &byte, 1) > 0)
		;
	r = rx_share_open(name, &h, gate, &s, why, sizeof(why));
	if (write(tell, &r, sizeof(r)) == sizeof(r))
		while (read(until, &byte, 1) > 0)
			;
	rx_share_close(s);
	_exit(0);
}

static void many_starts(const char *name, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int gate[2], tell[2], until[2], won = 0, fd, r;
	pid_t pid[STARTS];

	CHECK(!pipe(gate) && !pipe(tell) && !pipe(until));
	for (int i = 0; i < STARTS; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			close(gate[1]);
			close(until[1]);
			alarm(30);
			one_start(name, gate[0], tell[1], until[0]);
		}
	}
	close(gate[1]);
	for (int i = 0; i < STARTS; i++) {
		CHECK(read(tell[0], &r, sizeof(r)) == sizeof(r));
		won += r == 0;
		CHECK(r == 0 || r == -EADDRINUSE);
	}
	CHECK_EQ(won, 1);
	/* and by the name that one is found, though those who asked before fill his queue */
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 || errno == EAGAIN);
	close(fd);
	close(until[1]);
	for (int i = 0; i < STARTS; i++)
		waitpid(pid[i], NULL, 0);
	CHECK(access(path, F_OK) < 0);
	close(gate[0]);
	close(until[0]);
	close(tell[0]);
	close(tell[1]);
}

TEST(one_of_many_takes_over)
{
	char name[32], path[108];

	CHECK(folder());
	mkdir(folder(), 0755);
	snprintf(name, sizeof(name), "test-%d", (int)getpid());
	snprintf(path, sizeof(path), "%s/%s.sock", folder(), name);
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 4)
			leave_stale(path);
		many_starts(name, path);
	}
}

/* A socket of another kind that is listened to belongs to somebody. */
TEST(others_are_left_alone)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct rx_hello h = { .magic = RX_SHARE_MAGIC };
	struct rx_share *s = NULL;
	char name[32], why[256];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(folder());
	mkdir(folder(), 0755);
	snprintf(name, sizeof(name), "test-%d", (int)getpid());
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s.sock", folder(), name);
	CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 1) == 0);
	CHECK_EQ(rx_share_open(name, &h, fd, &s, why, sizeof(why)), -EADDRINUSE);
	CHECK(access(a.sun_path, F_OK) == 0);
	unlink(a.sun_path);
	close(fd);
}

TEST(clean_up)
{
	char path[96];

	if (!*dir)
		return;
	snprintf(path, sizeof(path), "%s/.lock", folder());
	unlink(path);
	CHECK_EQ(rmdir(folder()), 0);
	CHECK_EQ(rmdir(dir), 0);
}

TEST_MAIN()
