/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/kernel.h -- what a filter's kernel() says, collected
 *
 * Nothing is loaded here: the plan asks for the answer alone, the part (part.h) takes
 * what was said and loads the form with it.
 */
#ifndef SL_KERN_KERNEL_H
#define SL_KERN_KERNEL_H

#include "kern/cbpf.h"
#include "streamline/filter.h"

struct sl_kernel_item {		/* a variable or the contents of a map */
	struct sl_kernel_item *next;
	enum { SL_ITEM_VARIABLE, SL_ITEM_TABLE, SL_ITEM_ENTRIES } kind;
	size_t size;
	void *data;
	char name[32];
};

enum { SL_KERNEL_LINKS = 320 };	/* LINKTYPE_ values that are told apart */

struct sl_kernel_classic {	/* a classic BPF program in front of the form: kern/body.h */
	struct sl_kernel_classic *next;
	uint16_t link;
	unsigned int n;
	struct sl_cbpf_insn *insns;
};

struct sl_kernel_where {
	uint64_t links[SL_KERNEL_LINKS / 64];	/* of packets that can come, a bit each */
	enum sl_kernel_hook hook;
};

struct sl_kernel {
	char form[32];			/* object: "tcp" for tcp.bpf.c */
	struct sl_kernel_item *items;
	struct sl_kernel_classic *classic;	/* in the order in which they were said */
	struct sl_kernel_where where;
	bool failed;			/* out of memory */
	char why[256];			/* why not */
};

/* Ask a filter; where NULL: Ethernet alone, tc. 0; -ENOTSUP with k->why; -ENOMEM. To be followed by done() in any case. */
int sl_kernel_bind(struct sl_kernel *k, const struct sl_filter_type *t, const void *state,
		   const void *shared, const struct sl_kernel_where *where);

static inline void sl_kernel_links_add(uint64_t *links, unsigned int link)
{
	if (link < SL_KERNEL_LINKS)
		links[link / 64] |= 1ull << link % 64;
}
void sl_kernel_done(struct sl_kernel *k);

#endif
