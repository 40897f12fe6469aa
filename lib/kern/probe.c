/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/probe.c -- what works here, found by trying it
 *
 * Each try makes the thing itself, as small as can be, and lets it go. Versions are not
 * looked at: distributions carry features back, and rights and containers take them away.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "kern/ask.h"

#define ARENA	((enum bpf_map_type)33)

static const char *const names[SL_N_CAPS] = {
	[SL_CAP_BPF] = "programs in the kernel", [SL_CAP_ARENA] = "arena", [SL_CAP_ARRAY] = "mmapable array",
	[SL_CAP_RINGBUF] = "BPF ring buffer", [SL_CAP_TCX] = "tcx", [SL_CAP_PACKET] = "packet socket",
	[SL_CAP_XSK] = "AF_XDP",
};

const char *sl_kcap_name(enum sl_kcap cap)
{
	return names[cap];
}

static int no(char *why, const char *what)
{
	snprintf(why, 160, "%s: %s", what, errno == EPERM ? "not permitted" : strerror(errno));
	return -1;
}

static int load_nothing(enum bpf_prog_type type)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(type, "sl_probe", "GPL", code, sizeof(code) / sizeof(code[0]), NULL);
}

/* Looks at an address as if it were a number, as those that write into a ring do. */
static int load_addresses(void)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_JGT | BPF_K, .dst_reg = BPF_REG_1, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "sl_probe", "GPL", code, sizeof(code) / sizeof(code[0]), NULL);
}

static int try_bpf(char *why)
{
	int fd = load_nothing(BPF_PROG_TYPE_SCHED_CLS);

	if (fd < 0)
		return no(why, "bpf(), which takes CAP_BPF and CAP_NET_ADMIN");
	close(fd);
	fd = load_addresses();
	if (fd < 0 && errno == EACCES)
		errno = EPERM;
	if (fd < 0)
		return no(why, "programs that handle addresses, which take CAP_PERFMON");
	close(fd);
	return 0;
}

static int try_map(char *why, enum bpf_map_type type, uint32_t key, uint32_t value, uint32_t n, uint32_t flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = flags);
	int fd = bpf_map_create(type, "sl_probe", key, value, n, &o);
	void *p;

	if (fd < 0)
		return no(why, "bpf()");
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return no(why, "mmap()");
	munmap(p, 4096);
	return 0;
}

/* Of an interface that is not there: whoever knows tcx says so, others do not understand. */
static int try_tcx(char *why)
{
	struct { uint32_t prog_fd, ifindex, type, flags; uint64_t relative, revision; } a = {
		.ifindex = INT32_MAX, .type = 46,
	};
	int prog = load_nothing(BPF_PROG_TYPE_SCHED_CLS), fd;

	if (prog < 0)
		return no(why, "bpf()");
	a.prog_fd = (uint32_t)prog;
	fd = (int)syscall(SYS_bpf, 28, &a, sizeof(a));
	if (fd >= 0)
		close(fd);
	close(prog);
	if (fd >= 0 || errno == ENODEV)
		return 0;
	return no(why, "links to tc");
}

static int try_socket(char *why, int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return no(why, "socket()");
	close(fd);
	return 0;
}

static struct sl_kernel_caps caps;

static void probe(void)
{
	for (int i = 0; i < SL_N_CAPS; i++) {
		char *why = caps.why[i];
		int r = -1;

		switch ((enum sl_kcap)i) {
		case SL_CAP_BPF:
			r = try_bpf(why);
			break;
		case SL_CAP_ARENA:
			r = try_map(why, ARENA, 0, 0, 1, BPF_F_MMAPABLE);
			break;
		case SL_CAP_ARRAY:
			r = try_map(why, BPF_MAP_TYPE_ARRAY, 4, 4096, 1, BPF_F_MMAPABLE);
			break;
		case SL_CAP_RINGBUF:
			r = try_map(why, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0);
			break;
		case SL_CAP_TCX:
			r = try_tcx(why);
			break;
		case SL_CAP_PACKET:
			r = try_socket(why, AF_PACKET, SOCK_RAW, 0);
			break;
		case SL_CAP_XSK:
			r = try_socket(why, AF_XDP, SOCK_RAW, 0);
			break;
		case SL_N_CAPS:
			break;
		}
		caps.works[i] = r == 0;
	}
}

const struct sl_kernel_caps *sl_kernel_probe(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, probe);
	return &caps;
}
