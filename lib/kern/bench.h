/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/bench.h -- what stages and borders of the kernel cost here
 *
 * Programs run by BPF_PROG_TEST_RUN, many times a call, hooked to nothing: no packet
 * of this machine is touched. A cost is the difference of two such runs, with and
 * without the thing in question, each the best of several. The calling thread
 * is kept on its processor meanwhile.
 */
#ifndef SL_KERN_BENCH_H
#define SL_KERN_BENCH_H

#include "kern/part.h"

struct sl_kbench_frame {
	const void *bytes;
	uint32_t len;
};

struct sl_kbench_cost {
	double block_ns, byte_ns;
};

/* Frames are given from short to long; each call takes about `seconds`. All return 0 or a
 * negative errno with the reason in why. */

/* One stage; the filter's parameters as bound by a plan. */
int sl_kbench_stage(const struct sl_filter_type *t, const void *state, const void *shared,
		    const struct sl_kbench_frame *frames, unsigned int n, double seconds,
		    struct sl_kbench_cost *out, char *why, size_t size);
/* An entry: from a program that does nothing to the first stage. */
int sl_kbench_entry(const struct sl_kbench_frame *frames, unsigned int n, double seconds,
		    struct sl_kbench_cost *out, char *why, size_t size);
/* A ring: writing a frame, reading it and looking at its bytes; and each further arrow on which
 * it crosses. */
int sl_kbench_border(enum sl_kcarrier carrier, const struct sl_kbench_frame *frames, unsigned int n, double seconds,
		     struct sl_kbench_cost *write, struct sl_kbench_cost *read, double *crossing_ns,
		     char *why, size_t size);

/* The line through n points (bytes, ns), from short to long, that is nearest to all; not below 0 anywhere. */
struct sl_kbench_cost sl_kbench_fit(const double *bytes, const double *ns, unsigned int n);

#endif
