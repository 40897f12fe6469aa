/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run/ring.c -- index rings: memory, and sleeping without losing a wake-up */
#include "run/ring.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int sl_ring_init(struct sl_ring *r, uint32_t size)
{
	*r = (struct sl_ring){ .mask = size - 1 };
	r->entry = sl_line_alloc((size_t)size * sizeof(*r->entry));
	return r->entry ? 0 : -ENOMEM;
}

void sl_ring_done(struct sl_ring *r)
{
	free(r->entry);
	r->entry = NULL;
}

/*
 * The exchanges order publishing against looking: either the ringer's comes
 * first, and the look that follows arming sees what was published; or it comes
 * second, and finds the bell armed.
 */
void sl_bell_arm(struct sl_bell *b)
{
	atomic_exchange(&b->word, 1);
}

void sl_bell_disarm(struct sl_bell *b)
{
	atomic_store_explicit(&b->word, 0, memory_order_relaxed);
}

void sl_bell_sleep(struct sl_bell *b)
{
	while (atomic_load_explicit(&b->word, memory_order_acquire) == 1)
		syscall(SYS_futex, &b->word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
}

void sl_bell_ring(struct sl_bell *b)
{
	if (atomic_exchange(&b->word, 0) == 1)
		syscall(SYS_futex, &b->word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
