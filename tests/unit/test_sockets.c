/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_sockets.c -- the kernel's answers about sockets of our own */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/sockets.h"
#include "test.h"

#define COOKIE	57	/* SO_COOKIE */

static struct sl_sockets *ask;

static uint64_t cookie_of(int fd)
{
	uint64_t c = 0;
	socklen_t n = sizeof(c);

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, COOKIE, &c, &n), 0);
	return c;
}

static uint32_t inode_of(int fd)
{
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	return (uint32_t)st.st_ino;
}

/* A socket of ours, bound to the loopback; with *to also connected there. */
static int bound(int family, int type, uint16_t *port, const uint16_t *to)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *a = family == AF_INET6 ? (void *)&a6 : (void *)&a4;
	socklen_t n = family == AF_INET6 ? sizeof(a6) : sizeof(a4);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, a, n) < 0)
		return -1;
	CHECK(getsockname(fd, a, &n) == 0);
	*port = ntohs(family == AF_INET6 ? a6.sin6_port : a4.sin_port);
	if (to) {
		a6.sin6_port = a4.sin_port = htons(*to);
		CHECK_EQ(connect(fd, a, n), 0);
	}
	return fd;
}

static struct sl_ends ends(int family, int proto, uint16_t lport, uint16_t rport)
{
	struct sl_ends e = { .v6 = family == AF_INET6, .proto = (uint8_t)proto, .lport = lport, .rport = rport };

	if (e.v6)
		e.local[15] = e.remote[15] = 1;
	else
		memcpy(e.local, "\x7f\0\0\1", 4), memcpy(e.remote, "\x7f\0\0\1", 4);
	return e;
}

static void check_found(const struct sl_ends *e, int fd)
{
	struct sl_socket s;
	int r = sl_sockets_find(ask, e, 1, &s);

	CHECK_EQ(r, fd < 0 ? -ENOENT : 0);
	if (fd < 0)
		return;
	CHECK(s.cookie == cookie_of(fd));
	CHECK(s.inode == inode_of(fd));
}

static void family(int family)
{
	uint16_t server, client, a, b;
	struct sl_ends e;
	struct sl_socket s;
	int l, c, in, u, v;

	l = bound(family, SOCK_STREAM, &server, NULL);
	if (l < 0)
		SKIP("no such addresses here");
	CHECK_EQ(listen(l, 4), 0);
	e = ends(family, IPPROTO_TCP, server, 7);
	if (sl_sockets_find(ask, &e, 0, &s) < 0)
		SKIP("the kernel tells nothing of sockets");
	check_found(&e, l);			/* whoever may come */
	CHECK(s.listens);
	c = bound(family, SOCK_STREAM, &client, &server);
	in = accept(l, NULL, NULL);
	CHECK(in >= 0);
	e = ends(family, IPPROTO_TCP, client, server);
	check_found(&e, c);
	e = ends(family, IPPROTO_TCP, server, client);
	check_found(&e, in);
	u = bound(family, SOCK_DGRAM, &a, NULL);
	v = bound(family, SOCK_DGRAM, &b, &a);
	e = ends(family, IPPROTO_UDP, b, a);
	check_found(&e, v);
	e = ends(family, IPPROTO_UDP, a, b);
	check_found(&e, u);
	e = ends(family, IPPROTO_UDP, b, (uint16_t)(a ^ 1));	/* connected to somebody else */
	check_found(&e, -1);
	close(l), close(c), close(in), close(u), close(v);
	e = ends(family, IPPROTO_UDP, a, b);
	check_found(&e, -1);
}

TEST(ipv4)
{
	CHECK_EQ(sl_sockets_open(&ask), 0);
	family(AF_INET);
}

TEST(ipv6)
{
	family(AF_INET6);
}

TEST(here)
{
	const uint8_t six[16] = { [15] = 1 }, multi[16] = { 0xff, 2, [15] = 1 }, doc[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };

	CHECK(sl_sockets_here(ask, false, (const uint8_t *)"\x7f\0\0\1", 0));
	CHECK(sl_sockets_here(ask, false, (const uint8_t *)"\x7f\1\2\3", 0));
	CHECK(!sl_sockets_here(ask, false, (const uint8_t *)"\xe0\0\0\1", 0));
	CHECK(!sl_sockets_here(ask, false, (const uint8_t *)"\xc6\x33\x64\1", 0));
	CHECK(!sl_sockets_here(ask, true, multi, 0));
	CHECK(!sl_sockets_here(ask, true, doc, 0));
	if (access("/proc/net/if_inet6", F_OK) == 0 && bound(AF_INET6, SOCK_DGRAM, &(uint16_t){ 0 }, NULL) >= 0)
		CHECK(sl_sockets_here(ask, true, six, 0));
	sl_sockets_close(ask);
}

TEST(holders)
{
	const struct sl_holder *o;
	struct sl_holders *h;
	int one = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), wait[2], up[2], st;
	char byte, name[16] = "";
	pid_t pid;
	FILE *f;

	CHECK(one >= 0 && !pipe(wait) && !pipe(up));
	f = fopen("/proc/self/comm", "re");
	CHECK(f && fscanf(f, "%15s", name) == 1);
	fclose(f);
	CHECK_EQ(sl_holders_read(&h), 0);
	o = sl_holders_find(h, inode_of(one));
	CHECK(o);
	CHECK_EQ(o->pid, (uint32_t)getpid());
	CHECK_STR(o->name, name);
	CHECK(!sl_holders_find(h, 0));
	sl_holders_free(h);
	/* a child has it too: nobody's number, but one name */
	pid = fork();
	if (!pid) {
		close(wait[1]);
		_exit(write(up[1], "", 1) != 1 || read(wait[0], &byte, 1) != 0);
	}
	CHECK_EQ(read(up[0], &byte, 1), 1);
	CHECK_EQ(sl_holders_read(&h), 0);
	o = sl_holders_find(h, inode_of(one));
	CHECK(o);
	CHECK_EQ(o->pid, 0u);
	CHECK_STR(o->name, name);
	sl_holders_free(h);
	close(wait[1]);
	waitpid(pid, &st, 0);
	close(one);
}

TEST_MAIN()
