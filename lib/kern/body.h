/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/body.h -- classic BPF programs in front of a kernel form
 *
 * A filter that said classic programs (sl_kernel_classic()) gets a program that begins
 * with them, as eBPF made here, and goes on with its compiled form:
 *
 *	.-------------------------------------------------------.
 *	| scratch area, window, lengths into registers		|
 *	| which link type? --> body of that type (kern/cbpf.h)	|
 *	| s->said = what it returned, or SL_K_SAID_NOTHING	|
 *	|-------------------------------------------------------|
 *	| the form, as the compiler made it, reads s->said	|
 *	'-------------------------------------------------------'
 *
 * As the form is not touched and begins with nothing but the context in R1, both are
 * simply joined end to end: no further program, no further tail call.
 */
#ifndef SL_KERN_BODY_H
#define SL_KERN_BODY_H

#include <stddef.h>

#include "kern/abi.h"
#include "kern/kernel.h"

struct bpf_insn;

/*
 * The front part for what `said` holds. scratch_fd: the map of that name. Returns 0 and
 * *out (free() it) with *n_out instructions; -ENOTSUP, -E2BIG with *why (static words); -ENOMEM.
 */
int sl_kbody_make(const struct sl_kernel *said, enum sl_khook hook, int scratch_fd,
		  struct bpf_insn **out, unsigned int *n_out, const char **why);

/*
 * Load it in front of the n instructions of a form (maps resolved). Returns the program's
 * descriptor, or a negative errno; then `log` (of `size` bytes) may say more.
 */
int sl_kbody_load(const struct sl_kernel *said, enum sl_khook hook, int scratch_fd,
		  const struct bpf_insn *form, unsigned int n, char *log, size_t size);

#endif
