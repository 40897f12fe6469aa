/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kern/owner.bpf.c -- which process a socket belongs to, noted as it comes and goes
 *
 *	created, connected	the process that does it: it owns the socket from now on
 *	closed			addresses and ports, with the owner; for packets that are read later
 *
 * Nothing here runs for a packet. A socket is known by its cookie as long as it lives: no two ever
 * have the same. A process is known by the name of its first thread.
 *
 * These are hooks of cgroups, at the root of all. What closing has to tell, the port of this side,
 * is not in what a hook is shown; but the context of these hooks is the kernel's own
 * struct sock, and so it is read from there, at the places that the running kernel tells
 * (CO-RE). The structures below name no more than that. Where the two views of a socket
 * disagree nothing is noted.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "kern/owner.bpf.h"

#define AF_INET		2
#define AF_INET6	10
#define TCP		6
#define UDP		17
#define LEVELS		8	/* namespaces of processes within each other */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u32 u6_addr32[4];
	} in6_u;
};

struct sock_common {
	__u32 skc_daddr, skc_rcv_saddr;
	__u16 skc_dport, skc_num;
	unsigned short skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};

struct inet_sock {
	__u16 inet_sport;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	struct upid numbers[1];
};

struct task_struct {
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	char comm[16];
};
#pragma clang attribute pop

const volatile struct sl_kowner_conf conf = { 0 };

/* How often anything changed: who remembers an answer looks here first. */
__u64 changes;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SL_KOWNERS);
	__type(key, __u64);
	__type(value, struct sl_kowner);
} sl_owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SL_KOWNERS);
	__type(key, struct sl_kowner_key);
	__type(value, struct sl_kowner_gone);
} sl_gone SEC(".maps");

static __always_inline int ours(const struct sock *sk, __u32 family, __u32 protocol)
{
	return (protocol == TCP || protocol == UDP) && (family == AF_INET || family == AF_INET6) &&
	       BPF_CORE_READ(sk, sk_protocol) == protocol && BPF_CORE_READ(sk, __sk_common.skc_family) == family &&
	       BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) == conf.netns;
}

/* The number that a process has in a namespace of processes below the first. */
static __always_inline __u32 number_there(struct task_struct *leader)
{
	const struct upid *at = (const void *)&BPF_CORE_READ(leader, thread_pid)->numbers[0];

	for (int i = 1; i <= LEVELS; i++) {
		struct upid u = { 0 };

		/* beyond the last: whatever follows is no pointer to this namespace */
		if (bpf_probe_read_kernel(&u, sizeof(u), &at[i]) || !u.ns)
			break;
		if (BPF_CORE_READ(u.ns, ns.inum) == conf.pidns)
			return (__u32)u.nr;
	}
	return 0;
}

static __always_inline void who_runs(struct sl_kowner *w)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	w->pad = 0;
	w->pid = conf.pidns ? number_there(leader) : (__u32)BPF_CORE_READ(task, tgid);
	bpf_core_read(w->name, sizeof(w->name), &leader->comm);
}

static __always_inline void owned(__u64 cookie)
{
	struct sl_kowner w = { 0 };

	who_runs(&w);
	bpf_map_update_elem(&sl_owners, &cookie, &w, BPF_ANY);
	__sync_fetch_and_add(&changes, 1);
}

SEC("cgroup/sock_create")
int sl_created(struct bpf_sock *c)
{
	if (ours((const void *)c, c->family, c->protocol))
		owned(bpf_get_socket_cookie(c));
	return 1;
}

SEC("cgroup/connect4")
int sl_connects(struct bpf_sock_addr *c)
{
	owned(bpf_get_socket_cookie(c));
	return 1;
}

SEC("cgroup/connect6")
int sl_connects6(struct bpf_sock_addr *c)
{
	owned(bpf_get_socket_cookie(c));
	return 1;
}

static __always_inline void put_ends(struct sl_kowner_key *k, const struct sock *sk, __u32 family)
{
	__u32 *local = (__u32 *)k->local, *remote = (__u32 *)k->remote;

	k->family = 4;
	if (family == AF_INET) {
		local[3] = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		remote[3] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		local[2] = local[3] ? bpf_htonl(0xffff) : 0;
		remote[2] = remote[3] ? bpf_htonl(0xffff) : 0;
		return;
	}
	bpf_core_read(local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
	bpf_core_read(remote, 16, &sk->__sk_common.skc_v6_daddr);
	if (local[0] || local[1] || local[2] != bpf_htonl(0xffff))
		k->family = 6;
}

SEC("cgroup/sock_release")
int sl_released(struct bpf_sock *c)
{
	const struct sock *sk = (const void *)c;
	__u32 family = c->family, protocol = c->protocol;
	struct sl_kowner_gone g = { 0 };
	struct sl_kowner_key k = { 0 };
	struct sl_kowner *known;
	__u64 cookie;

	if (!ours(sk, family, protocol))
		return 1;
	/* not skc_num: that one goes when a connection is over before it is closed */
	k.lport = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
	if (!k.lport)
		return 1;
	k.rport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	k.proto = (__u8)protocol;
	put_ends(&k, sk, family);
	cookie = bpf_get_socket_cookie(c);
	known = bpf_map_lookup_elem(&sl_owners, &cookie);
	if (known)
		g.who = *known;
	else
		who_runs(&g.who);	/* accepted, or from before */
	g.time_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&sl_gone, &k, &g, BPF_ANY);
	__sync_fetch_and_add(&changes, 1);
	return 1;
}

char _license[] SEC("license") = "GPL";
