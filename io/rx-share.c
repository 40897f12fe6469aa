/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io/rx-share.c -- see rx-share.h */
#include "rx-share.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "kern/abi.h"
#include "ring/layout.h"

#define READERS_MAX	64
#define LOOK_NS		50000000u
#define LOCK_TRIES	300		/* naps of LOCK_US: who holds it binds a socket, no more */
#define LOCK_US		10000
#define GROUP		"streamline"
#define RINGS_MAX	4096u
#define RING_MIN	4096u
#define RING_MAX	(1u << 30)

struct rx_share {
	int fd, map_fd;
	struct rx_hello hello;
	char path[108];			/* sun_path */
	int reader[READERS_MAX];	/* -1: free */
	uint64_t looked_ns;		/* when who left was last looked for */
};

/* Where sockets are; made when it is not there. */
static int folder(char *out, size_t size, bool make)
{
	const char *own = getenv("XDG_RUNTIME_DIR");
	bool root = geteuid() == 0;

	if (!root && (!own || *own != '/'))
		return -ENOENT;
	if ((size_t)snprintf(out, size, "%s/streamline", root ? "/run" : own) >= size)
		return -ENAMETOOLONG;
	if (make && mkdir(out, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	/* whatever the umask is: others go through to the sockets, which say who may */
	return make && root && chmod(out, 0755) < 0 ? -errno : 0;
}

bool rx_share_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return n && n <= RX_SHARE_NAME && !name[n] && *name != '.';
}

static int address(const char *name, struct sockaddr_un *a, bool make)
{
	char dir[80];
	int r;

	if (!rx_share_name(name))
		return -EINVAL;
	r = folder(dir, sizeof(dir), make);
	if (r < 0)
		return r;
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	r = snprintf(a->sun_path, sizeof(a->sun_path), "%s/%s.sock", dir, name);
	return r < 0 || (size_t)r >= sizeof(a->sun_path) ? -ENAMETOOLONG : 0;
}

/* Somebody who listens there, or only what he left? Without a doubt only where the kernel refuses. */
static bool in_use(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool used;

	if (fd < 0)
		return true;
	used = connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 || (errno != ECONNREFUSED && errno != ENOENT);
	close(fd);
	return used;
}

/*
 * One at a time from looking whether a name is free until listening by it: of several who find
 * what a dead one left, the second would else take away what the first has just put there. The
 * file stays, empty; the lock goes with its owner, however he ends. Only who may bind may open it.
 */
static int lock_folder(const struct sockaddr_un *a)
{
	char path[sizeof(a->sun_path) + 8];
	int fd, n = (int)(strrchr(a->sun_path, '/') - a->sun_path);

	snprintf(path, sizeof(path), "%.*s/.lock", n, a->sun_path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	for (unsigned int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		int r = errno == EWOULDBLOCK ? -EBUSY : -errno;

		if (i == LOCK_TRIES || (r != -EBUSY && r != -EINTR)) {
			close(fd);
			return r;
		}
		usleep(LOCK_US);
	}
	return fd;
}

static int take_name(struct rx_share *s, const struct sockaddr_un *a)
{
	mode_t before;
	int r;

	if (access(a->sun_path, F_OK) == 0) {
		if (in_use(a))
			return -EADDRINUSE;
		unlink(a->sun_path);
	}
	before = umask(0117);
	r = bind(s->fd, (const struct sockaddr *)a, sizeof(*a)) < 0 ? -errno : 0;
	umask(before);
	if (r < 0)
		return r;
	snprintf(s->path, sizeof(s->path), "%s", a->sun_path);
	return listen(s->fd, 8) < 0 ? -errno : 0;
}

static int listen_at(struct rx_share *s, const struct sockaddr_un *a)
{
	struct group *g = getgrnam(GROUP);
	int lock, r;

	s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return -errno;
	lock = lock_folder(a);
	if (lock < 0)
		return lock;
	r = take_name(s, a);
	close(lock);
	if (!r && g && geteuid() == 0 && chown(s->path, 0, g->gr_gid) < 0)
		return -errno;
	return r;
}

int rx_share_open(const char *name, const struct rx_hello *hello, int map_fd, struct rx_share **out,
		  char *why, size_t size)
{
	struct rx_share *s = malloc(sizeof(*s));
	struct sockaddr_un a;
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct rx_share){ .fd = -1, .map_fd = map_fd, .hello = *hello };
	for (unsigned int i = 0; i < READERS_MAX; i++)
		s->reader[i] = -1;
	r = address(name, &a, true);
	if (!r)
		r = listen_at(s, &a);
	if (r < 0) {
		snprintf(why, size, "cannot be shared as '%s': %s", name,
			 r == -EINVAL ? "a name has letters, digits, '-', '_' and '.'" :
			 r == -EADDRINUSE ? "another capture has this name" :
			 r == -EBUSY ? "another capture that begins holds the lock of the names" :
			 r == -ENOENT ? "XDG_RUNTIME_DIR is not set" : strerror(-r));
		rx_share_close(s);
		return r;
	}
	*out = s;
	return 0;
}

int rx_share_fd(const struct rx_share *s)
{
	return s->fd;
}

static bool in_group(int fd, gid_t gid)
{
	gid_t all[256];
	socklen_t len = sizeof(all);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, all, &len) < 0)
		return false;
	for (socklen_t i = 0; i < len / sizeof(all[0]); i++)
		if (all[i] == gid)
			return true;
	return false;
}

static bool may_read(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct group *g;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	g = getgrnam(GROUP);
	return g && (peer.gid == g->gr_gid || in_group(fd, g->gr_gid));
}

static bool tell(const struct rx_share *s, int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec v = { (void *)(uintptr_t)&s->hello, sizeof(s->hello) };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &s->map_fd, sizeof(int));
	return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(s->hello);
}

static void forget_gone(struct rx_share *s)
{
	char byte;

	for (unsigned int i = 0; i < READERS_MAX; i++) {
		if (s->reader[i] < 0)
			continue;
		if (recv(s->reader[i], &byte, 1, MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		/* gone; and one who talks has no business here */
		close(s->reader[i]);
		s->reader[i] = -1;
	}
}

static void let_in(struct rx_share *s, int fd)
{
	char byte = RX_SHARE_FULL;
	unsigned int i = 0;

	while (i < READERS_MAX && s->reader[i] >= 0)
		i++;
	if (may_read(fd)) {
		if (i == READERS_MAX) {
			send(fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		} else if (tell(s, fd)) {
			s->reader[i] = fd;
			return;
		}
	}
	close(fd);
}

void rx_share_serve(struct rx_share *s, uint64_t now_ns)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 || now_ns - s->looked_ns > LOOK_NS) {
		s->looked_ns = now_ns;
		forget_gone(s);
	}
	for (unsigned int n = 0; fd >= 0; n++) {
		let_in(s, fd);
		fd = n < READERS_MAX ? accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
	}
}

void rx_share_poke(struct rx_share *s)
{
	for (unsigned int i = 0; i < READERS_MAX; i++)
		if (s->reader[i] >= 0)
			send(s->reader[i], "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);	/* no room: poked enough */
}

void rx_share_close(struct rx_share *s)
{
	if (!s)
		return;
	/* in this order: once closed the name is anybody's, and what is there may be his */
	if (*s->path)
		unlink(s->path);
	if (s->fd >= 0)
		close(s->fd);
	for (unsigned int i = 0; i < READERS_MAX; i++)
		if (s->reader[i] >= 0)
			close(s->reader[i]);
	free(s);
}

/* ---- the other side ------------------------------------------------ */

int rx_hello_parse(const void *message, size_t n, struct rx_hello *out)
{
	const char *byte = message;

	if (n == 1 && *byte == RX_SHARE_FULL)
		return -EUSERS;
	if (n != sizeof(*out))
		return -EPROTO;
	memcpy(out, message, n);
	if (out->magic != RX_SHARE_MAGIC || out->abi != RX_SHARE_ABI || !out->n_rings || out->n_rings > RINGS_MAX ||
	    out->n_ifs > RX_IFS_MAX)
		return -EPROTO;
	if (out->size < RING_MIN || out->size > RING_MAX || out->size & (out->size - 1) || out->stride & 4095 ||
	    out->stride < SL_DRING_DATA + out->size + SL_K_SPARE || out->stride > INT32_MAX)
		return -EPROTO;
	for (unsigned int i = 0; i < out->n_ifs; i++)
		out->ifs[i].name[sizeof(out->ifs[i].name) - 1] = '\0';
	return 0;
}

/* Of anything else a mapping could be cut short by whoever gave it. */
static bool is_map(int fd)
{
	char path[40], to[40];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, to, sizeof(to) - 1);
	to[n < 0 ? 0 : n] = '\0';
	return !strcmp(to, "anon_inode:bpf-map");
}

/* The descriptor that came with a message; all others are closed. -1: none. */
static int take_fd(struct msghdr *m)
{
	int got = -1, fd;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(fd)) <= c->cmsg_len; at += sizeof(fd)) {
			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (got >= 0)
				close(fd);
			else
				got = fd;
		}
	}
	return got;
}

static int hear(int fd, struct rx_hello *hello, int *map_fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char room[sizeof(*hello) + 1];
	struct iovec v = { room, sizeof(room) };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	int got, r;

	if (n == 0)
		return -EACCES;
	if (n < 0)
		return -errno;
	got = take_fd(&m);
	r = rx_hello_parse(room, (size_t)n, hello);
	if (!r && (got < 0 || !is_map(got)))
		r = -EPROTO;
	if (!r)
		*map_fd = got;
	else if (got >= 0)
		close(got);
	return r;
}

int rx_share_attach(const char *name, struct rx_hello *hello, int *map_fd, char *why, size_t size)
{
	struct timeval patience = { .tv_sec = 5 };
	struct sockaddr_un a;
	int fd = -1, r;

	r = address(name, &a, false);
	if (!r && geteuid() && access(a.sun_path, F_OK) < 0)
		snprintf(a.sun_path, sizeof(a.sun_path), "/run/streamline/%.60s.sock", name);
	if (r == -ENOENT) {
		a = (struct sockaddr_un){ .sun_family = AF_UNIX };
		snprintf(a.sun_path, sizeof(a.sun_path), "/run/streamline/%.60s.sock", name);
		r = 0;
	}
	if (!r) {
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));	/* connect() too */
		r = fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
	}
	if (!r)
		r = hear(fd, hello, map_fd);
	if (!r)
		return fd;
	snprintf(why, size, "%s",
		 r == -EINVAL ? "that is no name of a capture" :
		 r == -ENOENT || r == -ECONNREFUSED ? "no capture of that name is running" :
		 r == -EACCES || r == -EPERM ? "not permitted: be the same user, root, or of the group " GROUP :
		 r == -EUSERS ? "it has as many readers as it can" :
		 r == -EAGAIN ? "it does not answer: its owner is stopped, or has no time" :
		 r == -EPROTO ? "it speaks another version" : strerror(-r));
	if (fd >= 0)
		close(fd);
	return r;
}
