/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor/system.c -- the kernel: its limits, our rights, what of it works */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#define PCAP_DONT_INCLUDE_PCAP_BPF_H		/* its struct bpf_insn is another one */
#include <pcap/pcap.h>

#include "core/human.h"
#include "doctor/doctor.h"
#include "kern/ask.h"
#include "kern/owner.h"
#include "kern/rights.h"

#define XSK_BYTES	(64u << 20)	/* that AF_XDP may pin */

/* ---- small files ------------------------------------------------------- */

/* The line of `file` that begins with `key` (NULL: the first one), without the key; false: there is none. */
static bool line_of(const char *file, const char *key, char *buf, size_t size)
{
	size_t skip = key ? strlen(key) : 0;
	FILE *f = fopen(file, "re");
	bool found = false;

	while (f && !found && fgets(buf, (int)size, f))
		found = !key || !strncmp(buf, key, skip);
	if (f)
		fclose(f);
	if (!found)
		return false;
	memmove(buf, buf + skip, strlen(buf + skip) + 1);
	buf[strcspn(buf, "\n")] = '\0';
	memmove(buf, buf + strspn(buf, " \t"), strlen(buf + strspn(buf, " \t")) + 1);
	return true;
}

/* ---- the machine ---------------------------------------------------------- */

static void machine(struct sl_findings *fs)
{
	char total[64] = "0", each[64] = "?";
	struct utsname u;
	cpu_set_t may;

	if (!uname(&u))
		sl_found(fs, "system", "kernel", SL_WORKS_INFO, "%s %s, %s", u.sysname, u.release, u.machine);
	if (!sched_getaffinity(0, sizeof(may), &may))
		sl_found(fs, "system", "processors", SL_WORKS_INFO, "%ld, of which this process may use %d; one ring each",
			 sysconf(_SC_NPROCESSORS_CONF), CPU_COUNT(&may));
	sl_found(fs, "system", "pages", SL_WORKS_INFO, "of %ld bytes", sysconf(_SC_PAGESIZE));
	if (line_of("/proc/meminfo", "HugePages_Total:", total, sizeof(total)) &&
	    line_of("/proc/meminfo", "Hugepagesize:", each, sizeof(each)))
		sl_found(fs, "system", "huge pages", SL_WORKS_INFO, "%s of %s; none is needed", total, each);
}

static void memlock(struct sl_findings *fs, bool ipc_lock)
{
	struct sl_finding *f;
	struct rlimit l;
	char a[SL_HUMAN];

	if (getrlimit(RLIMIT_MEMLOCK, &l))
		return;
	if (l.rlim_cur == RLIM_INFINITY || ipc_lock) {
		sl_found(fs, "rights", "locked memory", SL_WORKS_YES, "without a limit");
		return;
	}
	f = sl_found(fs, "rights", "locked memory", l.rlim_cur < XSK_BYTES ? SL_WORKS_NO : SL_WORKS_YES, "at most %s",
		     sl_human_bytes(l.rlim_cur, a));
	if (l.rlim_cur < XSK_BYTES)
		sl_todo(f, "only AF_XDP needs more: ulimit -l unlimited, or LimitMEMLOCK= of the service");
}

/* ---- rights ------------------------------------------------------------------ */

static void rights(struct sl_findings *fs)
{
	static const struct { enum sl_right right; const char *what_for; } all[] = {
		{ SL_R_NET_RAW, "capture by packet sockets" },
		{ SL_R_NET_ADMIN, "hook programs into interfaces; promiscuous mode" },
		{ SL_R_BPF, "load programs into the kernel" },
		{ SL_R_PERFMON, "load those of them that write into rings" },
	};
	unsigned int have = sl_rights();
	char name[40];

	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		bool has = have & all[i].right;
		struct sl_finding *f = sl_found(fs, "rights", sl_rights_words(all[i].right, name, sizeof(name)),
						has ? SL_WORKS_YES : SL_WORKS_NO, "%s: %s",
						has ? "there" : "missing", all[i].what_for);

		if (!has)
			sl_todo(f, "sudo; or for good: sudo setcap "
				   "cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon+ep $(command -v streamline)");
	}
	memlock(fs, have & SL_R_IPC_LOCK);
}

/* ---- programs in the kernel ------------------------------------------------------ */

static int load_nothing(enum bpf_prog_type type)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2 },	/* XDP_PASS */
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(type, "sl_doctor", "GPL", code, sizeof(code) / sizeof(code[0]), NULL);
}

static void jit(struct sl_findings *fs)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = load_nothing(BPF_PROG_TYPE_SCHED_CLS);
	struct sl_finding *f;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0) {
		sl_found(fs, "programs in the kernel", "compiler", SL_WORKS_UNKNOWN,
			 "cannot be known without the right to load a program");
	} else {
		f = sl_found(fs, "programs in the kernel", "compiler", info.jited_prog_len ? SL_WORKS_YES : SL_WORKS_NO,
			     info.jited_prog_len ? "programs are compiled to machine code"
						 : "programs are interpreted, many times slower");
		if (!info.jited_prog_len)
			sl_todo(f, "sysctl net.core.bpf_jit_enable=1");
	}
	if (fd >= 0)
		close(fd);
}

static void xdp(struct sl_findings *fs)
{
	int fd = load_nothing(BPF_PROG_TYPE_XDP);
	struct sl_finding *f = sl_found(fs, "hooks", "XDP", fd >= 0 ? SL_WORKS_YES : SL_WORKS_NO, "%s%s",
					fd >= 0 ? "programs before the network stack; see interfaces for native and generic"
						: "bpf(): ", fd >= 0 ? "" : strerror(errno));

	if (fd >= 0)
		close(fd);
	else
		sl_todo(f, "mode=inline and hook=xdp need it%s", ~sl_rights() & SL_R_PROGRAMS ? "; see rights" : "");
}

/* A probe of kern/ask.h as a finding. */
static void cap(struct sl_findings *fs, const char *group, enum sl_kcap c, const char *words,
		const char *todo)
{
	const struct sl_kernel_caps *caps = sl_kernel_probe();
	struct sl_finding *f = sl_found(fs, group, sl_kcap_name(c), caps->works[c] ? SL_WORKS_YES : SL_WORKS_NO,
					"%s", caps->works[c] ? words : caps->why[c]);

	if (!caps->works[c])
		sl_todo(f, "%s", c != SL_CAP_PACKET && ~sl_rights() & SL_R_PROGRAMS ? "see rights" : todo);
}

/* Tried whole: which of its parts a kernel lacks shows no other way. */
static void owners(struct sl_findings *fs, const char *group)
{
	struct sl_kowners *o = NULL;
	char why[160];
	bool works = sl_kowners_new(&o, why, sizeof(why)) == 0;
	struct sl_finding *f = sl_found(fs, group, "owners of sockets", works ? SL_WORKS_YES : SL_WORKS_NO, "%s",
					works ? "processes behind packets (proc=yes), also short ones" : why);

	if (!works)
		sl_todo(f, "%s", ~sl_rights() & SL_R_PROGRAMS ? "see rights" :
			"proc=yes misses sockets that are closed at once");
	sl_kowners_free(o);
}

static void programs(struct sl_findings *fs)
{
	static const char group[] = "programs in the kernel";
	bool btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;

	cap(fs, group, SL_CAP_BPF, "they can be loaded",
	    "without them every packet comes to this process");
	jit(fs);
	cap(fs, group, SL_CAP_ARENA, "a ring in memory shared with programs (the best carrier)",
	    "Linux 6.9 has it; until then rx takes the array ring");
	cap(fs, group, SL_CAP_ARRAY, "a ring in an array", "Linux 5.5 has it; until then rx takes a packet socket");
	cap(fs, group, SL_CAP_RINGBUF, "wakes a reader that sleeps; also a ring (via=ringbuf)", "Linux 5.8 has it; without it no filter is in the kernel");
	sl_found(fs, group, "type information", btf ? SL_WORKS_YES : SL_WORKS_INFO, btf ?
		 "of the kernel is there (BTF)" : "of the kernel (BTF) is not there; only names of processes need it");
	owners(fs, group);
}

static void hooks(struct sl_findings *fs)
{
	cap(fs, "hooks", SL_CAP_TCX, "taps go when their owner goes",
	    "Linux 6.6 has it; until then taps are filters of clsact, and what a crash leaves goes by: "
	    "streamline doctor --clean");
	xdp(fs);
}

static void carriers(struct sl_findings *fs)
{
	cap(fs, "carriers", SL_CAP_PACKET, "via=tpacket", "see rights: CAP_NET_RAW");
	cap(fs, "carriers", SL_CAP_XSK, "via=xsk, inline", "via=xsk does not work");
	sl_found(fs, "carriers", "libpcap", SL_WORKS_YES, "via=pcap: %s", pcap_lib_version());
}

void sl_doctor_system(struct sl_findings *fs)
{
	machine(fs);
	rights(fs);
	programs(fs);
	hooks(fs);
	carriers(fs);
}
