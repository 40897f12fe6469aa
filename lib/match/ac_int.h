/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * match/ac_int.h -- the compiled form of a pattern set
 *
 * A set is compiled into up to two automata, [0] for patterns with regard to
 * case and [1] for those without. Each is a table of 32-bit words. A state is
 * the offset of its row in that table, with two bits on top:
 *
 *	AC_MATCH	some pattern ends here
 *	AC_SPARSE	the row is a short one
 *
 *	full row:	t[o + class]	the next state
 *	short row:	t[o]		full row that answers for all other classes
 *			t[o + 1]	n, how many classes differ from it
 *			t[o + 2...]	those classes, four to a word, filled up with the first
 *			  ...		their n next states
 *	both:		t[o - 1]	what ends here; 0: nothing; AC_ONE and the number
 *					of the only pattern; else an index in outs[]
 *			t[o - 2]	depth: bytes of the longest pattern beginning
 *					that the text up to here ends with
 *
 * The root's offset is 0, its row is full and nothing ends there, so a fresh
 * stream's state is 0. Every step costs one look into at most two rows: a short
 * row is relative to a full one, there is no chain of failure links to follow.
 *
 * Bytes are mapped to classes first: each byte that occurs in some pattern has
 * its own, all others share one. In automaton [1] both cases of a letter are in
 * the same class, which is all that folding costs.
 */
#ifndef SL_MATCH_AC_INT_H
#define SL_MATCH_AC_INT_H

#include "match/ac.h"

#define AC_MATCH	0x80000000u
#define AC_SPARSE	0x40000000u
#define AC_OFFSET	0x3fffffffu
#define AC_ONE		0x80000000u
#define AC_HEADER	2		/* words in front of a row */
#define AC_SHORT_MAX	32		/* a row that differs in more is stored in full */

struct ac_out {
	uint32_t first, n;		/* ids[first...]: patterns equal to the whole state */
	uint32_t next;			/* the same for its longest proper suffix; 0: none */
};

/* A pattern of one automaton while it is being compiled; sorted by bytes. */
struct ac_str {
	const uint8_t *b;		/* folded where case does not count */
	uint32_t len;
	uint32_t id;
};

/*
 * What is known of the keys with one hash: which pairs of bytes can precede and
 * which can follow them, each a set of hashes. All ones where a pattern leaves
 * that open, zero where there is no such key.
 */
struct ac_key {
	uint64_t before, after;
};

#define AC_SEEK_MAX	512		/* keys looked at in one call */

/* Places that may belong to an occurrence, as distances from where the search began. */
struct ac_places {
	unsigned int n;
	unsigned int doubts;		/* how many needed the closer look */
	uint32_t at[AC_SEEK_MAX + 16];
};

struct ac_filter;

/*
 * Look at the keys at q, q + stride... up to `last`, which are at most
 * AC_SEEK_MAX and stand inside the n bytes at p. Returns the first not looked at.
 */
typedef size_t ac_seek(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q, size_t last,
		       struct ac_places *to);

struct ac_filter {
	ac_seek *seek;
	/*
	 * Indexed by the hash of a key; in the word a bit for the pair that
	 * follows it (ac_follow_bit).
	 */
	uint32_t *words;
	unsigned int shift;		/* index = (key * AC_HASH) >> shift */
	uint32_t fold;			/* or'ed into every key */
	/* The same by a short pattern's first two bytes, and the third. Or NULL. */
	uint32_t *shorts;
	unsigned int stride;		/* 1, 2 or 4 */
	unsigned int back;		/* a pattern's keys stand at most this far into it */
	struct ac_key *keys;
	unsigned int key_shift;		/* index = (key * AC_HASH2) >> key_shift */
	size_t memory;
};

#define AC_HASH		0x9e3779b1u
#define AC_HASH2	0x85ebca6bu

struct ac_dfa {
	uint32_t *mem;
	const uint32_t *t;		/* mem + AC_HEADER */
	size_t words;
	uint8_t cls[256];
	unsigned int n_cls;
	uint32_t n_states;
	bool all_full;			/* no short rows */
	struct ac_out *outs;		/* [0] unused */
	uint32_t n_outs;
	uint32_t *ids;
	uint32_t n_ids;
	struct ac_filter *filter;	/* NULL: not worth it */
};

struct sl_ac {
	struct ac_dfa dfa[2];		/* t NULL: no patterns of that kind */
};

/* *out stays NULL, and the answer 0, when a filter would not pay. */
int ac_filter_new(const struct ac_str *strs, uint32_t n, bool nocase, unsigned int flags,
		  struct ac_filter **out);
void ac_filter_free(struct ac_filter *f);

/* The search through a filter that this machine runs best. */
ac_seek *ac_seek_choose(const struct ac_filter *f, unsigned int flags);

#define AC_SHORT_BITS	11

static inline uint32_t ac_pair_hash(uint32_t pair)
{
	return pair * AC_HASH >> 26;
}

/*
 * How far left the bit of a pair has to be moved to become a word's top bit.
 * Sixteen bits are enough, and vector units multiply them fastest.
 */
static inline uint32_t ac_follow_bit(uint32_t pair)
{
	return (pair * 0x9e37u & 0xffff) >> 11;
}

/* Short patterns: the word of the first two bytes of a window, the bit of the third. */
static inline uint32_t ac_short_word(uint32_t window)
{
	return (window & 0xffff) * AC_HASH >> (32 - AC_SHORT_BITS);
}

static inline uint32_t ac_short_bit(uint32_t window)
{
	return window >> 16 & 31;
}

#endif
