/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/hook.c -- entries at their interfaces
 *
 * A tap is a tc program at ingress and egress that hands every packet on to whoever
 * comes next, so that it changes nothing. Where the kernel has it (6.6) it is held by a
 * link (tcx): when this process goes, however it goes, so does the tap. Before that it is a
 * filter of the clsact queueing discipline, which stays until somebody takes it away.
 *
 * libbpf 1.1 knows no tcx, so that one system call is made here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kern/part_int.h"
#include "kern/sweep.h"

enum { LINK_CREATE = 28, TCX_INGRESS = 46, TCX_EGRESS = 47 };

/* include/uapi/linux/bpf.h, union bpf_attr, link_create with tcx */
struct tcx_attr {
	uint32_t prog_fd, ifindex, attach_type, flags;
	uint32_t relative_fd, pad;
	uint64_t revision;
};

static int attach_tcx(int prog_fd, int ifindex, bool egress)
{
	struct tcx_attr a = {
		.prog_fd = (uint32_t)prog_fd, .ifindex = (uint32_t)ifindex,
		.attach_type = egress ? TCX_EGRESS : TCX_INGRESS,
	};
	int fd = (int)syscall(SYS_bpf, LINK_CREATE, &a, sizeof(a));

	return fd < 0 ? -errno : fd;
}

/*
 * Where the discipline is there already libbpf would print what the kernel says to that.
 *
 * A filter is taken away by way of a socket. So that there is one even when this process has
 * run out of descriptors, one is held for it until then.
 */
static int attach_clsact(struct sl_khooked *h, int ifindex)
{
	libbpf_print_fn_t before = libbpf_set_print(NULL);
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = h->egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = h->prog_fd);
	int r;

	r = bpf_tc_hook_create(&hook);
	h->made_qdisc = r == 0;
	if (!r || r == -EEXIST)
		r = bpf_tc_attach(&hook, &opts);
	libbpf_set_print(before);
	if (r < 0)
		return r;
	h->handle = opts.handle;
	h->priority = opts.priority;
	h->filter = true;
	h->link_fd = fcntl(h->prog_fd, F_DUPFD_CLOEXEC, 0);
	return h->link_fd < 0 ? -errno : 0;
}

static void detach_clsact(struct sl_khooked *h, int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = h->egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = h->handle, .priority = h->priority);

	if (h->filter)
		bpf_tc_detach(&hook, &opts);
	h->filter = false;
}

/* The discipline goes when this part made it and the last filter is gone: others may have put theirs there since. */
static void remove_clsact(struct sl_kpart *p, int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	bool ours = false;

	for (unsigned int i = 0; i < p->n_hooked; i++) {
		struct sl_khooked *h = &p->hooked[i];

		if (h->at.ifindex != ifindex)
			continue;
		if (h->filter)
			return;
		ours |= h->made_qdisc;
	}
	for (unsigned int i = 0; ours && i < p->n_hooked; i++)
		if (p->hooked[i].at.ifindex == ifindex)
			p->hooked[i].made_qdisc = false;
	if (ours && !sl_clsact_used(ifindex))
		bpf_tc_hook_destroy(&hook);
}

static int attach_xdp(struct sl_kpart *p, struct sl_khooked *h, int ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);

	p->how = "native XDP";
	h->link_fd = bpf_link_create(h->prog_fd, ifindex, BPF_XDP, &opts);
	if (h->link_fd < 0 && errno != EBUSY && errno != EPERM) {
		opts.flags = XDP_FLAGS_SKB_MODE;
		p->how = "generic XDP";
		h->link_fd = bpf_link_create(h->prog_fd, ifindex, BPF_XDP, &opts);
	}
	return h->link_fd < 0 ? -errno : 0;
}

int sl_khook(struct sl_kpart *p, struct sl_khooked *h, struct sl_kpart_error *e)
{
	int ifindex = h->at.ifindex, r;
	char name[IF_NAMESIZE + 16];

	if (!if_indextoname((unsigned int)ifindex, name))	/* gone, or no descriptor to ask by */
		snprintf(name, sizeof(name), "interface %d", ifindex);
	if (p->o.hook == SL_K_XDP) {
		r = attach_xdp(p, h, ifindex);
	} else {
		r = p->o.clsact ? -EOPNOTSUPP : attach_tcx(h->prog_fd, ifindex, h->egress);
		if (r >= 0) {
			h->link_fd = r;
			p->how = "tcx";
			r = 0;
		} else if (r == -EINVAL || r == -EOPNOTSUPP || r == -E2BIG) {
			r = attach_clsact(h, ifindex);
			p->how = "clsact";
		}
	}
	if (r == -EBUSY)
		return sl_kpart_fail(e, h->stage, r, "an XDP program of somebody else is attached to %s", name);
	if (r < 0)
		return sl_kpart_fail(e, h->stage, r, "cannot hook into %s", name);
	return 0;
}

void sl_kunhook(struct sl_kpart *p, struct sl_khooked *h)
{
	int ifindex = h->at.ifindex;

	if (h->link_fd >= 0)
		close(h->link_fd);
	h->link_fd = -1;
	if (h->filter || h->made_qdisc) {
		libbpf_print_fn_t before = libbpf_set_print(NULL);	/* the interface may be gone */

		detach_clsact(h, ifindex);
		remove_clsact(p, ifindex);
		libbpf_set_print(before);
	}
}
