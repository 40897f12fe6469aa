/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/owner.h -- programs that note which process a socket belongs to
 *
 * They cost something when a socket is made, connected, accepted or closed, and nothing for a
 * packet. Links, programs and maps are held by descriptors alone, and go with the process.
 */
#ifndef SL_KERN_OWNER_H
#define SL_KERN_OWNER_H

#include <stddef.h>
#include <stdint.h>

#include "kern/owner.bpf.h"

struct sl_kowners;

/* Of sockets of this network namespace, from now on. 0 or a negative errno with the reason in why. */
int sl_kowners_new(struct sl_kowners **out, char *why, size_t size);
void sl_kowners_free(struct sl_kowners *o);

/* Rises with whatever happens to a socket. */
uint64_t sl_kowners_changes(const struct sl_kowners *o);
/* 0, or -ENOENT: it was there before, or is forgotten. */
int sl_kowners_find(const struct sl_kowners *o, uint64_t cookie, struct sl_kowner *out);
/* The socket of exactly these ends that was closed last. */
int sl_kowners_gone(const struct sl_kowners *o, const struct sl_kowner_key *ends, struct sl_kowner_gone *out);

#endif
