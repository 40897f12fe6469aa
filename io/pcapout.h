/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pcapout.h -- the parts of pcapout
 *
 *	pcapout.c	the descriptor; a batch is sorted by file
 *	pcapout-names.c	what a file is called
 *	pcapout-open.c	which file a block belongs to, and which files are open
 *	pcapout-way.c	on their way: packets that the writer has, and what became of them
 *	pcapout-file.c	one capture file (capfile.h)
 */
#ifndef SL_IO_PCAPOUT_H
#define SL_IO_PCAPOUT_H

#include "capfile.h"
#include "core/writer.h"
#include "streamline/filter.h"

#define PCAPOUT_NAME	4096
#define PCAPOUT_ITEMS	4096u	/* under way at once, and their bytes: */
#define PCAPOUT_BYTES	(8u << 20)
#define PCAPOUT_CHUNK	(128u << 10)

/*
 * A file. What makes its records is work()'s, and so is its descriptor while nothing of it is
 * under way; the side that writes (capfile.h) is the writer's, which may be a thread.
 */
struct pcapout_file {
	struct sl_capfile file;		/* first */
	int error;			/* as work() knows it: no more goes there */
	uint32_t under_way;		/* items of it in the ring */
	struct pcapout_file *hash_next;
	struct pcapout_file *next;		/* of all, in order of their making */
	uint32_t first, last;		/* of the batch's chain; valid while queued */
	bool queued;
};

struct pcapout {
	const char *file;
	int format, precision;
	struct sl_count packets, bytes, files, rounded;

	bool ng, by_class, by_flow, finished, said_link, knows_names;
	char names[SL_CAPFILE_NAMES][32];	/* of interfaces */
	unsigned int max_open, n_open;
	struct sl_capfile *newest, *oldest;	/* of the open ones */
	struct pcapout_file *all, **all_end;
	struct pcapout_file **hash;
	uint32_t hash_size, n_all;
	struct pcapout_file *memo;			/* for memo_class and memo_link */
	uint32_t memo_class;
	uint16_t memo_link;

	/* On their way: the ring of writer.h, item i is at [i % PCAPOUT_ITEMS]. */
	struct sl_writer writer;
	struct pcapout_item *item;
	struct pcapout_item *flat;		/* the last one, if records may be added to it */
	uint8_t *at;				/* where the next one begins in the chunk */
	uint32_t *views;			/* and what was noted last, from its end */
	struct pcapout_chunk *chunk, *spare;
	unsigned int n_chunks;
	struct sl_block *copied[SL_BATCH_MAX];	/* of this batch, still to be let go */
	unsigned int n_copied;
	uint64_t item_bytes, pushed_bytes;	/* under way; of them, not yet pushed */
	uint64_t all_bytes;			/* that ever were */
	bool in_line;				/* some file is a pipe or a device: no thread */
	int failure;				/* of a write, for work() to return */
	struct sl_capfile_batch *batch;		/* (w) */
};

struct pcapout_item {
	struct sl_capfile_part part;	/* the writer's, while it has the item */
	struct pcapout_file *out;
	struct pcapout_chunk *chunk;
	uint32_t bytes;			/* under way with it */
	/* records that were made: */
	uint64_t view;			/* bytes in view of their packets; of each, downwards from here */
	const uint32_t *views;
	/* a frame where it is: */
	struct sl_block b;
};

/* See pcapout-way.c. */
struct pcapout_chunk {
	struct pcapout_chunk *next;	/* while it is spare */
	uint32_t items;			/* under way in it */
	_Alignas(64) uint8_t bytes[PCAPOUT_CHUNK];
};

/* ---- pcapout-names.c ---- */

/* "rawip"; `buf` is for those that have no name. */
const char *sl_pcapout_link(uint16_t link, char *buf, size_t size);
/* The name of this block's file: words in braces filled in. */
void sl_pcapout_name(struct sl_filter *f, struct sl_block *b, char *out, size_t size);
/* "a/clean.pcap" -> "a/clean-rawip.pcap" */
void sl_pcapout_add_link(char *name, size_t size, uint16_t link);

/* ---- pcapout-open.c ---- */

/* More room in the table of files. 0 or -ENOMEM. */
int sl_pcapout_grow(struct pcapout *s);
/* 0, or a negative errno that was said. */
int sl_pcapout_new(struct sl_filter *f, const char *name, struct pcapout_file **res);
/* The file that a block belongs to, begun. 1: there is none for it, 2: it takes no more (both were said). */
int sl_pcapout_of(struct sl_filter *f, struct sl_block *b, struct pcapout_file **res);
/* It, if it is the one that was asked for last; or NULL. */
static inline struct pcapout_file *sl_pcapout_same(const struct pcapout *s, const struct sl_block *b)
{
	return !s->by_flow && (!s->by_class || b->class == s->memo_class) && b->link == s->memo_link ? s->memo : NULL;
}
/* It is going to be written: open it where it was closed for a while. 0 or -errno. */
int sl_pcapout_use(struct sl_filter *f, struct pcapout_file *o);

/* ---- pcapout-way.c ---- */

/* 0 or -ENOMEM; done() takes back what either made. */
int sl_pcapout_way_init(struct pcapout *s);
void sl_pcapout_way_done(struct pcapout *s);
/* Takes n blocks of one file: at most SL_BATCH_MAX of all files between two calls of settle(). */
void sl_pcapout_put(struct sl_filter *f, struct pcapout_file *o, struct sl_block *const *b, unsigned int n);
/*
 * Hand over what is there, and let go of what the writer is done with; `all`: wait for it.
 * A failure is reported once for each file, and kept for work() to return, since
 * it may show wherever somebody needs room.
 */
void sl_pcapout_settle(struct sl_filter *f, bool all);
void sl_pcapout_failed(struct sl_filter *f, struct pcapout_file *o, int error);

#endif
