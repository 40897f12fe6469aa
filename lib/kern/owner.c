/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kern/owner.c -- see owner.h */
#include "kern/owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kern/objects.h"

#define LINKS_MOST	8
#define PAGE		4096u
#define FIRST_PIDNS	0xeffffffcu	/* the number that it always has */

struct sl_kowners {
	struct bpf_object *obj;
	struct bpf_link *link[LINKS_MOST];
	unsigned int n_links;
	int owners, gone;
	const uint64_t *changes;	/* mapped */
};

static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

static int conf_here(struct sl_kowner_conf *c)
{
	struct stat st;

	*c = (struct sl_kowner_conf){ 0 };
	if (stat("/proc/thread-self/ns/net", &st) < 0)
		return -errno;
	c->netns = (uint32_t)st.st_ino;
	if (stat("/proc/self/ns/pid", &st) < 0)
		return -errno;
	if (st.st_ino != FIRST_PIDNS)
		c->pidns = (uint32_t)st.st_ino;
	return 0;
}

/* The root of all cgroups, wherever it is mounted, or not at all. */
static int root_cgroup(void)
{
	int fs = (int)syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC), fd = -1, r;

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	r = fd < 0 ? -errno : fd;
	close(fs);
	return r;
}

static int load(struct sl_kowners *o, char *why, size_t size)
{
	const struct sl_kernel_object *k = sl_kernel_object("owner");
	struct sl_kowner_conf conf, *to;
	struct bpf_map *m;
	size_t room;
	int r;

	snprintf(why, size, "/proc");
	r = conf_here(&conf);
	if (r < 0)
		return r;
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0) {
		snprintf(why, size, "the kernel does not tell its types");
		return -errno;
	}
	snprintf(why, size, "programs");
	o->obj = k ? bpf_object__open_mem(k->elf, k->size, NULL) : NULL;
	m = o->obj ? bpf_object__find_map_by_name(o->obj, ".rodata") : NULL;
	to = m ? (void *)(uintptr_t)bpf_map__initial_value(m, &room) : NULL;
	if (!to || room < sizeof(conf))
		return -ENOENT;
	*to = conf;
	return bpf_object__load(o->obj);
}

static int attach(struct sl_kowners *o, char *why, size_t size)
{
	int root = root_cgroup(), r = 0;
	struct bpf_program *p;

	snprintf(why, size, "the root of cgroups");
	if (root < 0)
		return root;
	bpf_object__for_each_program(p, o->obj) {
		struct bpf_link *l = o->n_links < LINKS_MOST ? bpf_program__attach_cgroup(p, root) : NULL;

		if (!l) {
			snprintf(why, size, "%s", bpf_program__section_name(p));
			r = -errno;
			break;
		}
		o->link[o->n_links++] = l;
	}
	close(root);
	return r;
}

static int map(struct sl_kowners *o)
{
	void *at;
	int fd;

	o->owners = bpf_object__find_map_fd_by_name(o->obj, "sl_owners");
	o->gone = bpf_object__find_map_fd_by_name(o->obj, "sl_gone");
	fd = bpf_object__find_map_fd_by_name(o->obj, ".bss");
	if (o->owners < 0 || o->gone < 0 || fd < 0)
		return -ENOENT;
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	o->changes = at;
	return 0;
}

int sl_kowners_new(struct sl_kowners **out, char *why, size_t size)
{
	libbpf_print_fn_t before = libbpf_set_print(silent);
	struct sl_kowners *o = calloc(1, sizeof(*o));
	char what[96] = "";
	int r = -ENOMEM;

	if (o)
		r = load(o, what, sizeof(what));
	if (!r)
		r = map(o);
	if (!r)
		r = attach(o, what, sizeof(what));
	libbpf_set_print(before);
	if (r < 0) {
		snprintf(why, size, "%s: %s", what, strerror(-r));
		sl_kowners_free(o);
		return r;
	}
	*out = o;
	return 0;
}

void sl_kowners_free(struct sl_kowners *o)
{
	if (!o)
		return;
	for (unsigned int i = 0; i < o->n_links; i++)
		bpf_link__destroy(o->link[i]);
	if (o->changes)
		munmap((void *)(uintptr_t)o->changes, PAGE);
	bpf_object__close(o->obj);
	free(o);
}

uint64_t sl_kowners_changes(const struct sl_kowners *o)
{
	return __atomic_load_n(o->changes, __ATOMIC_ACQUIRE);
}

int sl_kowners_find(const struct sl_kowners *o, uint64_t cookie, struct sl_kowner *out)
{
	return bpf_map_lookup_elem(o->owners, &cookie, out) < 0 ? -errno : 0;
}

int sl_kowners_gone(const struct sl_kowners *o, const struct sl_kowner_key *ends, struct sl_kowner_gone *out)
{
	return bpf_map_lookup_elem(o->gone, ends, out) < 0 ? -errno : 0;
}
