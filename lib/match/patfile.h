/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * match/patfile.h -- sets of byte patterns and the files they are kept in
 *
 * A pattern is one to 65,535 bytes of any value. It belongs to a group and is
 * looked for as it stands, or without regard to case (A-Z equal a-z; other
 * bytes have no case). Groups are numbered in the order in which they first
 * appear; group 0 always exists, is called "match", and holds what was given
 * no group. The same bytes twice in one group, with the same regard to case,
 * are one pattern.
 *
 * Files come in three notations. Nothing is guessed: whoever loads a file says
 * which one it is in. All three have one pattern per line, take LF and CRLF
 * for the end of a line, skip empty lines, and may hold any byte.
 *
 * SL_PATTERNS_NATIVE, our own:
 *
 *	# a comment: # is the first thing on the line
 *	union select			in group "match"
 *	sqli: union select		in group "sqli"; the blank after : is needed,
 *					so http://x is a pattern without a group
 *	sqli nocase: union select	without regard to case
 *	nocase: union select		the same in group "match"
 *	sqli: " or 1=1" nocase		quotes keep blanks at either end
 *	shell: |4d 5a 90|This program	bytes in hex between bars
 *	nocase				from here on without regard to case
 *	nocase on			the same
 *	nocase off			back again
 *
 * Blanks (space, tab) around a pattern are not part of it unless quoted or
 * escaped. \n \r \t \0 \xHH are the bytes they are in C; a backslash before
 * anything else stands for that character: \| \" \\ \# \: and "\ ". A quote
 * in the middle of an unquoted pattern is an ordinary byte, as is # beyond the
 * beginning of a line. A UTF-8 byte order mark at the very start is skipped.
 *
 * SL_PATTERNS_SNORT, the text between the quotes of a Snort `content:`: hex
 * between bars, and a backslash makes the next character literal. There are no
 * groups and no comments, and blanks are bytes.
 *
 * SL_PATTERNS_RAW, any list: each line is one pattern, byte for byte.
 */
#ifndef SL_MATCH_PATFILE_H
#define SL_MATCH_PATFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/diag.h"

#define SL_PATTERN_MAX_BYTES 65535

enum sl_pattern_syntax {
	SL_PATTERNS_NATIVE,
	SL_PATTERNS_SNORT,
	SL_PATTERNS_RAW,
};

struct sl_pattern {
	const uint8_t *bytes;	/* as written: never folded */
	uint32_t len;
	uint32_t group;
	uint32_t line;		/* where it first stood, from 1; 0: added by hand */
	bool nocase;
};

struct sl_arena;

/* Read-only for all but the calls below. */
struct sl_patterns {
	struct sl_pattern *items;
	unsigned int n;
	const char **groups;	/* groups[0] is "match" */
	unsigned int n_groups;
	uint32_t shortest, longest;	/* in bytes; 0 when n is 0 */
	size_t bytes;			/* of all patterns together */

	/* private */
	struct sl_arena *arena;
	unsigned int cap, cap_groups;
	uint32_t *index;	/* hash table: item + 1, or 0 */
	uint32_t index_mask;
	uint32_t *group_index;	/* the same for groups */
	uint32_t group_mask;
};

/* An empty set; NULL when memory is out. */
struct sl_patterns *sl_patterns_new(void);
void sl_patterns_free(struct sl_patterns *ps);		/* accepts NULL */

/*
 * The number of a group, made when it is new. -ENOMEM, or -EINVAL when the
 * name is not [A-Za-z_][A-Za-z0-9_-]*.
 */
int sl_patterns_group(struct sl_patterns *ps, const char *name, size_t len);

/*
 * Add a copy of len bytes. Returns the pattern's number, which is that of an
 * equal one already there; -EINVAL when len is 0 or beyond the maximum, or the
 * group does not exist; -ENOMEM.
 */
int sl_patterns_add(struct sl_patterns *ps, const void *bytes, size_t len,
		    unsigned int group, bool nocase);

/*
 * Read a whole text; `name` is what errors call it. Every bad line is put into
 * ds (E204; ds may be NULL) and the answer is -EINVAL; *out is then untouched.
 * A text without patterns gives an empty set.
 */
int sl_patterns_parse(const char *name, const void *text, size_t len,
		      enum sl_pattern_syntax syntax, struct sl_diags *ds,
		      struct sl_patterns **out);

/*
 * The same for a file or a pipe. One that cannot be read is E201 at `at` (the place
 * in a request that names it) and gives the negative errno; a device, and what has
 * more than 1 GiB, is E204.
 */
int sl_patterns_load(const char *path, enum sl_pattern_syntax syntax, struct sl_span at,
		     struct sl_diags *ds, struct sl_patterns **out);

#endif
