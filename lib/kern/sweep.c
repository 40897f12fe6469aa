/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kern/sweep.c -- see sweep.h */
#include "kern/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kern/abi.h"
#include "net/ifaces_int.h"

#define MAPS_MOST	64	/* of one program */
#define FOUND_MOST	256	/* filters of one interface and direction */
#define LISTEN_US	100000	/* who has bound a socket listens to it sooner than this */

struct found {
	uint32_t handle, priority, prog;
};

/* ---- filters: found ------------------------------------------------- */

static const struct rtattr *attr(const struct rtattr *a, unsigned int len, unsigned int type)
{
	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

/* What a message says of a filter. 1: one of BPF, -1: another one, 0: none, but where some of BPF begin. */
static int read_filter(const struct nlmsghdr *h, struct found *out)
{
	const struct tcmsg *t = NLMSG_DATA(h);
	unsigned int len = h->nlmsg_len - NLMSG_LENGTH(sizeof(*t));
	const struct rtattr *kind, *options, *id;

	if (h->nlmsg_type != RTM_NEWTFILTER || h->nlmsg_len < NLMSG_LENGTH(sizeof(*t)))
		return 0;
	kind = attr(TCA_RTA(t), len, TCA_KIND);
	options = attr(TCA_RTA(t), len, TCA_OPTIONS);
	if (!kind || strncmp(RTA_DATA(kind), "bpf", RTA_PAYLOAD(kind)))
		return -1;
	if (!t->tcm_handle)
		return 0;
	id = options ? attr(RTA_DATA(options), (unsigned int)RTA_PAYLOAD(options), TCA_BPF_ID) : NULL;
	if (!id || RTA_PAYLOAD(id) < sizeof(uint32_t))
		return -1;
	out->handle = t->tcm_handle;
	out->priority = TC_H_MAJ(t->tcm_info) >> 16;
	memcpy(&out->prog, RTA_DATA(id), sizeof(out->prog));
	return 1;
}

/* Filters of BPF at one end of clsact, `most` at most: how many, or a negative errno. All that are not
 * in `out`, of whatever kind, are added to *others. */
static int list_filters(int ifindex, bool egress, struct found *out, int most, unsigned int *others)
{
	struct {
		struct nlmsghdr h;
		struct tcmsg t;
	} q = {
		.h = { .nlmsg_len = sizeof(q), .nlmsg_type = RTM_GETTFILTER,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.t = { .tcm_family = AF_UNSPEC, .tcm_ifindex = ifindex,
		       .tcm_parent = TC_H_MAKE(TC_H_CLSACT, egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS) },
	};
	char *buf = malloc(SL_RTNL_BUF);
	int fd = sl_rtnl_open(0), n = 0, is;
	struct found f;
	bool more = true;

	if (!buf || fd < 0 || send(fd, &q, sizeof(q), 0) < 0)
		n = !buf ? -ENOMEM : fd < 0 ? fd : -errno;
	while (n >= 0 && more) {
		ssize_t got = recv(fd, buf, SL_RTNL_BUF, 0);
		unsigned int left = (unsigned int)(got > 0 ? got : 0);

		if (got <= 0) {
			n = got < 0 ? -errno : -EPROTO;
			break;
		}
		for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_ERROR)
				n = ((struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
				more = false;
				break;
			}
			is = read_filter(h, &f);
			if (is == 1 && n < most)
				out[n++] = f;
			else if (is)
				++*others;
		}
	}
	if (fd >= 0)
		close(fd);
	free(buf);
	/* -EINVAL, -ENOENT: the interface has no clsact, or has gone */
	return n == -EINVAL || n == -ENOENT || n == -ENODEV ? 0 : n;
}

bool sl_clsact_used(int ifindex)
{
	unsigned int n = 0;

	/* where nobody knows, somebody may */
	return list_filters(ifindex, false, NULL, 0, &n) < 0 || list_filters(ifindex, true, NULL, 0, &n) < 0 || n;
}

/* ---- filters: whose are they ---------------------------------------- */

enum owner { OTHERS, ALIVE, DEAD };

static bool is_empty(int map_fd)
{
	for (uint32_t i = 0; i < SL_K_STAGES; i++) {
		uint32_t id;

		if (bpf_map_lookup_elem(map_fd, &i, &id) == 0 || errno != ENOENT)
			return false;
	}
	return true;
}

/* 1: it is a map of ours and empty, 0: and not empty, -ENOENT: another map. */
static int stages_empty(uint32_t map_id)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_map_get_fd_by_id(map_id), r = -ENOENT;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
		r = -errno;
	else if (info.type == BPF_MAP_TYPE_PROG_ARRAY && !strcmp(info.name, "sl_stages"))
		r = is_empty(fd);
	close(fd);
	return r;
}

static int owner_of(uint32_t prog, enum owner *out)
{
	uint32_t maps[MAPS_MOST], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = { .map_ids = (uintptr_t)maps, .nr_map_ids = MAPS_MOST };
	int fd = bpf_prog_get_fd_by_id(prog), r;

	*out = OTHERS;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ? -errno : 0;
	close(fd);
	if (r || strcmp(info.name, "entry_tc"))
		return r;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_MOST; i++) {
		r = stages_empty(maps[i]);
		if (r == -ENOENT)
			continue;
		if (r >= 0)
			*out = r ? DEAD : ALIVE;
		return r < 0 ? r : 0;
	}
	return 0;
}

/* ---- filters: taken away -------------------------------------------- */

static int detach(int ifindex, bool egress, const struct found *f)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = f->handle, .priority = f->priority);

	return bpf_tc_detach(&hook, &opts);
}

/* One end of clsact. How many were taken away; *left: how many filters there are still. */
static int sweep_end(const struct sl_iface *i, bool egress, struct sl_swept *s, unsigned int *left,
		     sl_swept_say *say, void *arg)
{
	struct found *all = calloc(FOUND_MOST, sizeof(*all));
	int n = all ? list_filters(i->index, egress, all, FOUND_MOST, left) : -ENOMEM, took = 0, r = n < 0 ? n : 0;
	enum owner owner;
	char words[80];

	for (int k = 0; !r && k < n; k++) {
		r = owner_of(all[k].prog, &owner);
		if (r || owner != DEAD) {
			s->alive += owner == ALIVE;
			++*left;
			continue;
		}
		r = detach(i->index, egress, &all[k]);
		if (r)
			continue;
		took++;
		s->filters++;
		snprintf(words, sizeof(words), "a tap on %s, %s", i->name, egress ? "outgoing" : "incoming");
		say(arg, words);
	}
	free(all);
	return r ? r : took;
}

/* A discipline of which only our dead filters were users has no other use. */
static void drop_clsact(const struct sl_iface *i, struct sl_swept *s, sl_swept_say *say, void *arg)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = i->index, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	char words[80];

	if (bpf_tc_hook_destroy(&hook) < 0)
		return;
	s->qdiscs++;
	snprintf(words, sizeof(words), "the empty clsact of %s", i->name);
	say(arg, words);
}

static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

int sl_sweep_filters(struct sl_swept *s, sl_swept_say *say, void *arg, char *why, size_t size)
{
	libbpf_print_fn_t before = libbpf_set_print(silent);
	struct sl_iface *all = NULL;
	int n = sl_ifaces_list(&all), r = n < 0 ? n : 0;

	for (int i = 0; r >= 0 && i < n; i++) {
		unsigned int left = 0;
		int in = sweep_end(&all[i], false, s, &left, say, arg);
		int out = in < 0 ? in : sweep_end(&all[i], true, s, &left, say, arg);

		if (out >= 0 && in + out > 0 && !left)
			drop_clsact(&all[i], s, say, arg);
		r = out;
		if (r < 0)
			snprintf(why, size, "%s: %s", all[i].name, strerror(-r));
	}
	if (n < 0)
		snprintf(why, size, "cannot list interfaces: %s", strerror(-n));
	free(all);
	libbpf_set_print(before);
	return r < 0 ? r : 0;
}

/* ---- sockets ---------------------------------------------------------- */

/* Does somebody listen? Without a doubt he does not only where the kernel refuses. */
static bool refused(const struct sockaddr_un *a)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_STREAM };

	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		int r = fd < 0 || connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 ? errno : 0;

		if (fd >= 0)
			close(fd);
		if (r != EPROTOTYPE)
			return r == ECONNREFUSED;
	}
	return false;
}

static int sweep_socket(int dir, const char *folder, const char *name, struct sl_swept *s, sl_swept_say *say, void *arg)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char words[sizeof(a.sun_path) + 16];
	struct stat st;
	int n = snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", folder, name);

	if (n < 0 || (size_t)n >= sizeof(a.sun_path) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISSOCK(st.st_mode))
		return 0;
	if (refused(&a)) {
		/* bound, but not listened to yet? */
		usleep(LISTEN_US);
		if (refused(&a)) {
			if (unlinkat(dir, name, 0) < 0)
				return errno == ENOENT ? 0 : -errno;
			s->sockets++;
			snprintf(words, sizeof(words), "the socket %s", a.sun_path);
			say(arg, words);
			return 0;
		}
	}
	s->alive++;
	return 0;
}

int sl_sweep_sockets(const char *folder, struct sl_swept *s, sl_swept_say *say, void *arg, char *why, size_t size)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	int r = 0;

	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		r = -errno;
	while (!r && (e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (n > 5 && !strcmp(e->d_name + n - 5, ".sock"))
			r = sweep_socket(dirfd(d), folder, e->d_name, s, say, arg);
	}
	if (r)
		snprintf(why, size, "%s: %s", folder, strerror(-r));
	if (d)
		closedir(d);
	return r;
}
