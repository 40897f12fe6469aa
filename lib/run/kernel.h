/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/kernel.h -- the run's side of what is in the kernel
 *
 * A node that the plan put into the kernel has an instance here like any other, for the
 * ledger and for its values, but its work() is never called: programs of the kernel
 * do it, and what they counted is copied into the instance now and then. Its arrows
 * that lead to nodes of this process are borders; packets come over them by the
 * source (rx), which reads the rings.
 *
 * The sources' carriers use these calls, as feed and take use exchange.h.
 */
#ifndef SL_RUN_KERNEL_H
#define SL_RUN_KERNEL_H

#include "kern/part.h"

struct sl_kernel_side;
struct sl_run;

/*
 * What the plan put into the kernel: fills stages[0..n) and says which of them each source
 * is. The caller completes those with .entry (interfaces, snap, directions), so
 * that sl_kpart_new() can be called. Several sources share one part: the first one that
 * asks leads (*leads true) and reads the rings for all.
 * Returns 0, or -ENOTSUP with the reason in why.
 */
int sl_kernel_part(struct sl_filter *f, struct sl_kstage stages[SL_K_STAGES], unsigned int *n,
		   unsigned int *self, bool *leads, char *why, size_t size);

/* The source that reads the rings of this one: itself, or another one. */
struct sl_filter *sl_kernel_leader(struct sl_filter *f);

/* The form of this stage could not be loaded, though a run without it may well be. */
void sl_kernel_refused(struct sl_filter *f, unsigned int stage, const char *words);

/* `n` packets came in that no block is of: they have had their places in the order. */
void sl_kernel_skip(struct sl_filter *f, uint64_t n);

/* A block of sl_block_new() that crossed border number `border` goes on behind it. */
void sl_kernel_cross(struct sl_filter *f, unsigned int border, struct sl_block *b);

/* Hand over what crossed borders so far. */
void sl_kernel_push_all(struct sl_filter *f);

/* Bring the ledger of all nodes in the kernel up to date. `over`: what was not read by now was
 * overwritten (shared rings). */
void sl_kernel_account(struct sl_filter *f, const struct sl_kpart_counts *c, bool over);

/* Does any filter want sl_kernel_sync()? Then now and then, also when no packet crosses a border. */
bool sl_kernel_watched(struct sl_filter *f);

/* Let filters look after what their forms have in the kernel. `last`: no more packets come. */
void sl_kernel_sync(struct sl_filter *f, struct sl_kpart *part, const struct sl_kpart_counts *c,
		    uint64_t now_ns, uint64_t to_real_ns, bool last);

/*
 * What a socket of this source can choose packets by: the classic programs, for Ethernet and bare IP, of the filter behind
 * it that the plan says so of. Returns 0, or -ENOTSUP, -ENOMEM. To be followed by sl_kernel_done() in any case.
 */
int sl_kernel_selected(struct sl_filter *f, struct sl_kernel *said);

/* It screened out so many packets since it was asked last: as if that filter had. */
void sl_kernel_screened(struct sl_filter *f, uint64_t blocks, uint64_t bytes);

/* ---- the runtime's own -------------------------------------------- */

int sl_kernel_init(struct sl_run *r);
void sl_kernel_end(struct sl_run *r);
/* After a source was pulled: hand over what crossed borders. */
void sl_kernel_push(struct sl_run *r);

#endif
