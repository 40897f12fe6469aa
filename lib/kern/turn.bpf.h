/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kern/turn.bpf.h -- blocks are numbered in the order in which they come, over all CPUs
 *
 * For forms that choose by number (head, sample): exact, for the price of one cache
 * line that the CPUs pass around.
 */
#ifndef SL_KERN_TURN_BPF_H
#define SL_KERN_TURN_BPF_H

#include "kern/stage.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} turn SEC(".maps");

static __always_inline __u64 *sl_kturn(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&turn, &zero);
}

#endif
