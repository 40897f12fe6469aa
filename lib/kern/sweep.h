/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/sweep.h -- take away what is left in the kernel of parts whose owner died
 *
 * Links, programs and maps are held by descriptors and go with the process, however it
 * ends. Two things stay: filters of clsact, where the kernel has no tcx (before 6.6), and
 * sockets by which a capture was offered.
 *
 * Whether the owner lives is not asked of process numbers, which are used again and mean
 * something else in every container, but of the kernel: when the last descriptor of a map
 * of programs goes, the kernel empties the map. An entry whose map `sl_stages` is empty
 * leads nowhere, and nobody can fill it any more.
 */
#ifndef SL_KERN_SWEEP_H
#define SL_KERN_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

struct sl_swept {
	unsigned int filters, qdiscs, sockets;	/* that were taken away */
	unsigned int alive;			/* filters and sockets whose owner lives: left alone */
};

/* Called with each thing taken away, in plain words ("filter of a tap on eth0, ingress"). */
typedef void sl_swept_say(void *arg, const char *words);

/* Has an interface filters at clsact, of whatever kind and whose they are? */
bool sl_clsact_used(int ifindex);

/* Filters of all interfaces of this network namespace. 0 or a negative errno (-EPERM: CAP_NET_ADMIN
 * and CAP_SYS_ADMIN are wanted) with the reason in why. */
int sl_sweep_filters(struct sl_swept *s, sl_swept_say *say, void *arg, char *why, size_t size);

/* NAME.sock in a folder that nobody listens to. A folder that is not there is clean. */
int sl_sweep_sockets(const char *folder, struct sl_swept *s, sl_swept_say *say, void *arg, char *why, size_t size);

#endif
