/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * match/ac.h -- find all patterns of a set in a stream, in one pass
 *
 * Exact: every occurrence of every pattern is reported once, overlapping ones
 * too, wherever the stream is cut into pieces. What is carried from one piece
 * to the next is eight bytes. A compiled set is never written again, so any
 * number of threads and streams may share one.
 */
#ifndef SL_MATCH_AC_H
#define SL_MATCH_AC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "match/patfile.h"

struct sl_ac;

/* Where a stream stands. All zero is a fresh stream; belongs to one sl_ac. */
struct sl_ac_state {
	uint32_t s[2];
};

/* For tests and measuring: results never differ. */
enum {
	SL_AC_NO_FILTER	= 1 << 0,	/* the automaton alone */
	SL_AC_NO_SIMD	= 1 << 1,	/* as on a machine without vector instructions */
	SL_AC_COMPACT	= 1 << 2,	/* as few full rows as possible */
	SL_AC_NO_WIDE	= 1 << 3,	/* AVX2 at most */
};

/*
 * Compile a set, which is not needed afterwards. An empty one matches nothing.
 * 0, -ENOMEM, or -E2BIG when the automaton would pass 4 GiB.
 */
int sl_ac_new(const struct sl_patterns *ps, unsigned int flags, struct sl_ac **out);
void sl_ac_free(struct sl_ac *ac);			/* accepts NULL */

/* Bytes the compiled set occupies. */
size_t sl_ac_memory(const struct sl_ac *ac);

/*
 * One occurrence: the pattern's number in the set, and the offset just behind
 * its last byte, counted from the start of the piece at hand (its first byte
 * may lie in an earlier piece). Nonzero stops the scan.
 */
typedef int sl_ac_hit(void *arg, uint32_t pattern, size_t end_off);

/*
 * Scan the next piece of a stream. Offsets never decrease among the patterns
 * with regard to case, which come first, nor among those without.
 *
 * True when hit() stopped it; the rest of the piece was then not looked at,
 * and st is that of a fresh stream.
 */
bool sl_ac_scan(const struct sl_ac *ac, struct sl_ac_state *st, const uint8_t *p, size_t len,
		sl_ac_hit *hit, void *arg);

/*
 * Scan for the occurrence that ends first and stop there (st is then fresh).
 * False when the piece ends no pattern. pattern and end_off may be NULL.
 */
bool sl_ac_find(const struct sl_ac *ac, struct sl_ac_state *st, const uint8_t *p, size_t len,
		uint32_t *pattern, size_t *end_off);

#endif
