/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* kern/commit.bpf.h -- what the last stages share, whatever ring they write */
#ifndef SL_KERN_COMMIT_BPF_H
#define SL_KERN_COMMIT_BPF_H

#include "kern/stage.bpf.h"

#include "ring/layout.h"

#define FRAME_MAX	0xffffu

const volatile struct sl_kring ring_conf;

struct {			/* one page a ring; the reader writes it */
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, 4096);
} control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} bell SEC(".maps");

/* Where the reader said that it wants to be woken, and how; NULL: it is awake. */
static __always_inline struct sl_dring_ctl *sl_kasleep(__u32 *how)
{
	__u32 zero = 0;
	struct sl_dring_ctl *c = bpf_map_lookup_elem(&control, &zero);

	if (!c)
		return NULL;
	*how = *(volatile __u32 *)&c->waiting;
	return *how ? c : NULL;
}

static __always_inline void sl_kwake(struct sl_dring_ctl *c)
{
	__u64 word = 1;

	c->waiting = 0;
	bpf_ringbuf_output(&bell, &word, sizeof(word), BPF_RB_FORCE_WAKEUP);
}

/* No room: the packet crosses none of its borders. What the hook returns. */
static __always_inline int sl_krefuse_all(struct sl_kscratch *s)
{
	for (__u32 i = 0; i < SL_K_ENTRIES; i++) {
		if (i >= s->frame.n_entries)
			break;
		sl_krefuse(s, s->streams[i], s->stages[i], s->entries[i].len);
	}
	return s->verdict;
}

#endif
