/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * screen.h -- look for patterns and part what has one from what has none
 *
 * The common part of ac and grep. Both give their blocks in two heaps, each
 * through a port: those of streams (or packets) with a pattern, and the others.
 *
 * A stream can be judged only when a pattern was found or its end was seen, so
 * until then its blocks are kept. One flow, both directions, is one judgement:
 *
 *	state		pattern found	end (close, flush)	too much kept
 *	OPEN		MATCHED (1)	clean (2)		RELEASED (2)
 *	RELEASED	LATE (3)	clean			-
 *	MATCHED, LATE	-		-			-
 *
 * Its end is a block that closes it, or `timeout` without any block, or that the input
 * is over, or that there are too many flows.
 *
 *	(1) what is kept, and all that follows, leaves with the matches
 *	(2) what is kept leaves with the others
 *	(3) what follows leaves with the matches; what has left is too late
 *
 * After its close a flow does not change; packets that straggle in go where it went.
 *
 * Never: a move back to OPEN; a block that is kept in another state than OPEN;
 * blocks of one flow in another order than that in which they came.
 */
#ifndef FILTERS_SCREEN_H
#define FILTERS_SCREEN_H

#include "filter.h"
#include "match/ac.h"

/* What prepare() makes: the compiled set, and whose group a pattern is. */
struct screen_rules {
	struct sl_ac *ac;
	uint32_t *group;		/* by pattern */
	char **name;			/* by group; NULL-terminated */
	unsigned int n_patterns, n_groups;
	struct { uint8_t len, bytes[8]; } *prefix;	/* by pattern, for ac's kernel form */
};

struct screen_flow;
struct screen_chunk;

enum { SCREEN_WHEEL = 256 };		/* more than twice the grains of the longest life */

/* State of either filter. */
struct screen {
	/* parameters */
	const char *pattern, *rules;
	int syntax;
	bool nocase, invert;
	uint64_t hold, memory;
	int64_t timeout;
	/* chosen by open() */
	unsigned int hit_port, miss_port;
	bool classify;			/* the group becomes the class of a match */
	bool bytes;			/* streams, not packets */
	/* flows, found by number: open addressing, at most half full */
	struct { uint32_t key, at; } *table;	/* at: 0 free, else index + 1 */
	uint32_t table_mask, n_flows;
	uint64_t secret;		/* odd: the table's hash */
	struct screen_flow **slab;
	uint32_t n_slabs, free_flow;	/* index + 1 of the first free one */
	/* when they are over; see ac-screen.c */
	uint32_t wheel[SCREEN_WHEEL];	/* index + 1 of the first in a bucket */
	uint64_t grain;			/* of the latest tick */
	unsigned int grain_shift;	/* a grain is 2^grain_shift ns */
	struct screen_flow **due;	/* what a tick gives blocks of */
	uint32_t n_due, due_size;

	struct screen_chunk *free_chunk;
	uint64_t held;			/* bytes kept, and something for each block */
	/* values */
	struct sl_count streams, matched, clean, late, evicted, held_peak;
};

extern const char *const screen_syntax[];

/* sl_filter_type.supply of `rules`: the rule set that comes with the library. */
int screen_supply(char *out, size_t size);

/*
 * Compile patterns: those of the file `path`, or the lines of `text` as they
 * stand. Reports at the parameter `param`. Without environment and with a file,
 * *out is NULL.
 */
int screen_prepare(struct sl_prepare *p, const char *param, const char *path, const char *text,
		   int syntax, bool nocase, struct screen_rules **out);
void screen_release(void *shared);

int screen_class_find(const void *shared, const char *name, uint32_t *class_out);
const char *screen_class_name(const void *shared, uint32_t class_no, char *buf, size_t size);
const char *screen_class_at(const void *shared, unsigned int i);

/* Before: hit_port, miss_port, classify. */
int screen_open(struct sl_filter *f);
int screen_work(struct sl_filter *f, struct sl_batch *in);
int screen_tick(struct sl_filter *f, uint64_t now_ns);
int screen_flush(struct sl_filter *f);
void screen_close(struct sl_filter *f);

#endif
