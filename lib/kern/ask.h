/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/ask.h -- what a plan may ask the kernel space
 */
#ifndef SL_KERN_ASK_H
#define SL_KERN_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "streamline/filter.h"

/*
 * Has the filter a kernel form, for these parameters? Returns 0, or -ENOTSUP with the
 * reason in plain words in `why` (no full stop; `size` bytes).
 */
int sl_kernel_ask(const struct sl_filter_type *t, const void *state, const void *shared,
		  char *why, size_t size);
/* The same where the hook is known; the call above asks for tc. */
int sl_kernel_ask_at(const struct sl_filter_type *t, const void *state, const void *shared,
		     enum sl_kernel_hook hook, char *why, size_t size);

/* The same of a form that is nothing but classic programs, which any place in the kernel that takes such can run. */
bool sl_kernel_ask_classic(const struct sl_filter_type *t, const void *state, const void *shared);

/* Do packets of Ethernet or bare IP alone come from these interfaces ("eth0,tun0")? Not known of "any". */
bool sl_kernel_ask_links(const char *devices);

/* What works on this machine, found by trying; `why` says what failed, NULL when it works. */
enum sl_kcap {
	SL_CAP_BPF,		/* programs can be loaded at all */
	SL_CAP_ARENA,		/* a ring in memory that programs and processes share */
	SL_CAP_ARRAY,		/* a ring in an array that can be mapped */
	SL_CAP_RINGBUF,		/* the kernel's own ring for programs */
	SL_CAP_TCX,		/* taps that go when their owner goes */
	SL_CAP_PACKET,		/* packet sockets (TPACKET_V3) */
	SL_CAP_XSK,		/* AF_XDP sockets */
	SL_N_CAPS,
};

struct sl_kernel_caps {
	bool works[SL_N_CAPS];
	char why[SL_N_CAPS][160];
};

/* Tried once a process, then remembered. Never NULL. Safe from any thread. */
const struct sl_kernel_caps *sl_kernel_probe(void);

/*
 * Which ring is tried first? Into an arena programs write what lies in one piece; of segments that
 * the stack has merged (up to 64 KiB, at tc alone) only the headers do, and the rest takes two steps,
 * where into an array a helper copies all at once. snap: of the source, 0: whole frames.
 */
static inline bool sl_array_first(enum sl_kernel_hook hook, uint64_t snap)
{
	return hook == SL_KERNEL_TC && (!snap || snap > 2048);
}

/* "arena", "mmapable array", ... */
const char *sl_kcap_name(enum sl_kcap cap);

#endif
