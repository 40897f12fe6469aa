/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kern/view.c -- what forms have in the kernel, for their filters here; see view.h */
#include "kern/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kern/part_int.h"

int sl_kernel_view_map(struct sl_kernel_view *v, const char *map)
{
	struct bpf_object *o = v->part->stage_object[v->stage];
	struct bpf_map *m = o ? bpf_object__find_map_by_name(o, map) : NULL;

	return m ? bpf_map__fd(m) : -ENOENT;
}

void *sl_kernel_view_memory(struct sl_kernel_view *v, const char *map, size_t *size_out)
{
	struct bpf_object *o = v->part->stage_object[v->stage];
	struct bpf_map *m = o ? bpf_object__find_map_by_name(o, map) : NULL;
	struct sl_kmapped *e;
	size_t size;
	void *at;

	if (!m || bpf_map__type(m) != BPF_MAP_TYPE_ARRAY)
		return NULL;
	size = (size_t)bpf_map__max_entries(m) * ((bpf_map__value_size(m) + 7) & ~7u);
	*size_out = size;
	for (e = v->part->mapped; e; e = e->next)
		if (e->fd == bpf_map__fd(m))
			return e->at;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	/* whole pages, however few of their bytes the map uses */
	size = (size + 4095) & ~(size_t)4095;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);
	if (at == MAP_FAILED) {
		free(e);
		return NULL;
	}
	*e = (struct sl_kmapped){ .next = v->part->mapped, .fd = bpf_map__fd(m), .at = at, .size = size };
	v->part->mapped = e;
	return at;
}

void sl_kernel_unmap(struct sl_kpart *p, int fd)
{
	for (struct sl_kmapped **at = &p->mapped, *e; (e = *at); ) {
		if (fd >= 0 && e->fd != fd) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		munmap(e->at, e->size);
		free(e);
	}
}

int sl_kernel_view_run(struct sl_kernel_view *v, const char *program, const void *data, size_t size,
		       uint32_t *result)
{
	struct bpf_object *o = v->part->stage_object[v->stage];
	struct bpf_program *p = o ? bpf_object__find_program_by_name(o, program) : NULL;
	uint8_t packet[64] = { 0 };	/* the kernel takes none that is shorter than a frame's header */
	LIBBPF_OPTS(bpf_test_run_opts, t, .data_in = packet, .data_size_in = sizeof(packet), .repeat = 1);

	if (!p || bpf_program__fd(p) < 0)
		return -ENOENT;
	if (size > sizeof(packet))
		return -EINVAL;
	memcpy(packet, data, size);
	if (bpf_prog_test_run_opts(bpf_program__fd(p), &t) < 0)
		return -errno;
	*result = t.retval;
	return 0;
}

uint64_t sl_kernel_view_now(const struct sl_kernel_view *v, uint64_t *to_real_ns)
{
	*to_real_ns = v->to_real_ns;
	return v->now_ns;
}

bool sl_kernel_view_last(const struct sl_kernel_view *v)
{
	return v->last;
}

uint64_t sl_kernel_view_lost(const struct sl_kernel_view *v)
{
	return v->lost;
}
