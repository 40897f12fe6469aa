/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/run.h -- what the parts of the runtime share
 *
 * A run has one main shard, stepped by the caller's thread, and with workers=N
 * N worker shards, a thread each. A shard is a set of filter instances that hand
 * batches to each other by function call, with a pool of blocks of its own; shards
 * are joined by index rings (ring.h). What happens to a block:
 *
 *	pull() in the main shard -> [filters there] -+-> filters there -> sinks
 *	                                             |
 *	             workers=N:  ring by flow hash -> worker -> ring, merged in
 *	                                                 the source's order -> sinks
 *
 * Order. Every block has a place (seq, order): seq is the number of the source's
 * block that brought about its last step, order tells blocks of one tick or of the end
 * apart: phase, node, and the key that the filter gave with sl_order(). Both
 * travel behind the block. Where arrows meet, and where the main thread collects from
 * the workers, blocks go on by place, equal ones by arrow. So every filter sees the
 * same blocks in the same order for any number of workers and any size of batches.
 *
 * Ledger. Each instance counts what came in, went out, was filtered, is held
 * and was lost, independently of each other; account_check() holds them together.
 */
#ifndef SL_RUN_RUN_H
#define SL_RUN_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "plan/plan.h"
#include "run/ring.h"
#include "streamline/streamline.h"

#define SL_PULL		256		/* blocks a source brings in at once */
#define SL_REASONS	16

/* seq of what happens at the end of input */
#define SL_SEQ_END	(UINT64_MAX - 1)
/* order: 0 for blocks that follow from a block; else phase, node, key */
#define SL_ORDER(node_order, key) \
	(1ull << 63 | (uint64_t)(node_order) << 48 | ((key) & 0xffffffffffffull))

/* A block pointer with what the runtime keeps behind it. */
struct sl_slot {
	_Alignas(64) struct sl_block b;
	uint64_t seq, order;		/* sl_batch_take() reads these */
	struct sl_slot *next;		/* while free */
};

struct sl_inst;
struct sl_shard;
struct sl_run;

/* ---- segments (segment.c) ----------------------------------------- */

struct sl_seg {
	_Atomic uint32_t refs;		/* blocks and the owner; unused when pinned */
	bool pinned, used, source, scarce;
	size_t len;
	void (*drop)(void *arg);
	void *arg;
};

#define SL_SEGS		65536

struct sl_segs {
	uint8_t **base;			/* SL_SEGS addresses, reserved, never moved */
	struct sl_seg *seg;
	_Atomic uint64_t source_bytes;	/* in counted segments that filters made */
	pthread_mutex_t lock;		/* of what follows, and of new numbers */
	uint32_t hint;
	uint32_t n_used;
};

int sl_segs_init(struct sl_segs *t);
void sl_segs_done(struct sl_segs *t);	/* drops what is still there */
int sl_segs_add(struct sl_segs *t, void *base, size_t len, bool pinned, void (*drop)(void *), void *arg);
void sl_segs_unref(struct sl_segs *t, unsigned int seg);
void sl_segs_unref_n(struct sl_segs *t, unsigned int seg, uint32_t n);

static inline void sl_segs_ref(struct sl_segs *t, unsigned int seg)
{
	struct sl_seg *s = &t->seg[seg];

	if (!s->pinned)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

/* ---- blocks (block.c) --------------------------------------------- */

struct sl_pool {
	struct sl_slot *free;
	void **chunks;
	unsigned int n_chunks;
	/* where sl_block_alloc() puts bytes: a counted segment */
	uint32_t heap_seg, heap_used, heap_size;
	uint8_t *heap;
	/* Holds on one segment that were let go and are not given back yet: blocks come
	 * by the hundred from the same one. Main thread alone; see sl_pool_settle(). */
	uint32_t let_go_seg, let_go;
};

struct sl_slot *sl_slot_new(struct sl_shard *sh);	/* not cleared; NULL: no memory */
void sl_slot_free(struct sl_shard *sh, struct sl_slot *s);	/* the slot alone */
void sl_block_free(struct sl_shard *sh, struct sl_block *b);	/* and its hold on the bytes */
void sl_blocks_free(struct sl_shard *sh, struct sl_block *const *b, unsigned int n);
void sl_bytes_put(struct sl_run *r, const struct sl_block *b);	/* that hold alone */
/*
 * A small block that is kept holds the whole segment that it came in. When sources'
 * segments take more than SL_SOURCE_BYTES, it is copied (and counted) instead.
 */
#define SL_SOURCE_BYTES	(32u << 20)
void sl_block_unpin(struct sl_inst *i, struct sl_block *b);
void sl_pool_done(struct sl_shard *sh);
void sl_pool_settle(struct sl_shard *sh);

static inline struct sl_slot *sl_slot(struct sl_block *b)
{
	return (struct sl_slot *)b;
}

/* ---- instances (shard.c) ------------------------------------------ */

struct sl_out {			/* an arrow leaving an instance */
	const struct sl_stream *stream;
	struct sl_inst *to;	/* NULL: it leads into another shard */
	struct sl_batch batch;
	uint64_t batch_bytes;
	struct sl_tally moved;
};

/* What waits at a filter with several arrows coming in: see inbox.c. */
struct sl_waiting {
	struct sl_block *b;
	uint32_t stream, nth;		/* id of the arrow; nth to come, to keep equals in order */
};

struct sl_inbox {
	struct sl_waiting *e;
	unsigned int n, size, done;	/* [done, n) wait */
	uint32_t came;
	bool sorted;
};

struct sl_lost {
	const char *reason;
	struct sl_tally lost;
};

struct sl_inst {
	struct sl_filter f;		/* first: instances and filters are cast */
	struct sl_node *node;
	struct sl_run *run;
	struct sl_out *out;
	unsigned int n_out;
	bool one_plain;			/* a single `>`: the common case */
	bool opened, failed, finished, ended, stalled, waiting, flushed;
	bool timed;			/* within tick() or flush(): sl_order() counts */
	struct sl_inbox inbox;		/* used when node->n_in > 1 */
	struct sl_tally made;		/* of in: what came over no arrow */
	struct sl_tally in, gone, filtered, held, lost;	/* gone: the ledger's out */
	struct sl_lost reasons[SL_REASONS];
	unsigned int n_reasons;
	uint64_t busy_ns, copies;
	uint64_t done_bytes, total_bytes;
	int fd[2];			/* read, write; -1 */
	bool pending[2];		/* that descriptor is ready, nobody was called yet */
	bool armed[2];			/* the loop hears of it */
	uint64_t wake_ns;		/* of sl_wait_until(); 0: none */
	bool due;			/* that time has come, nobody was called yet */
	bool by_fd;			/* what sl_fd_ready() says */
};

struct sl_worker;

struct sl_shard {
	struct sl_run *run;
	struct sl_worker *worker;	/* NULL: main shard */
	struct sl_pool pool;
	struct sl_inst **inst;		/* by node id; NULL: not in this shard */
	struct sl_inst **sorted;	/* those that are, sources first */
	unsigned int n_sorted;
	struct sl_inst *busy;		/* whose time is running */
	uint64_t busy_since;
	int epoll_fd;			/* main shard: -1 until somebody waits */
	unsigned int n_fds, n_stalled;
};

/* ---- inboxes (inbox.c) -------------------------------------------- */

/* A batch that came over `s` waits. */
void sl_inbox_add(struct sl_inst *i, uint32_t stream, struct sl_batch *b);
/* The first in order, or NULL; then take it away. */
const struct sl_waiting *sl_inbox_first(struct sl_inst *i);
struct sl_block *sl_inbox_take(struct sl_inst *i);
/* Give the filter all that waits. */
void sl_inbox_drain(struct sl_inst *i);
void sl_inbox_free(struct sl_inst *i);

int sl_shard_init(struct sl_shard *sh, struct sl_run *run, struct sl_worker *w);
int sl_shard_open(struct sl_shard *sh);
void sl_shard_done(struct sl_shard *sh);
/* Hand over what the arrows of an instance hold. */
void sl_inst_push(struct sl_inst *i);
/* Bring a block to an instance, as over `s` from another shard. */
void sl_inst_feed(struct sl_inst *i, struct sl_batch *b, uint64_t bytes);
/* Filters of the parts, in order, take what waits in their inboxes. */
void sl_shard_drain(struct sl_shard *sh, unsigned int part_mask);
/* Drain, and let time pass, filter by filter. */
void sl_shard_tick(struct sl_shard *sh, unsigned int part_mask, uint64_t seq, uint64_t now_ns);
/* Flush instances of the parts in order. 0 when all are done, SL_AGAIN. */
int sl_shard_flush(struct sl_shard *sh, unsigned int part_mask);
void sl_busy(struct sl_shard *sh, struct sl_inst *i);	/* from now on it is i's time */

#define SL_PARTS(a)	(1u << (a))
#define SL_ALL_PARTS	7u

/* ---- workers (workers.c) ------------------------------------------ */

/* From one worker to the main thread, along one stream. */
struct sl_return {
	struct sl_ring ring;
	/* (w) all entries up to this seq are in the ring */
	_Alignas(64) _Atomic uint64_t mark;
	struct sl_entry *spill;		/* (w) did not fit into the ring */
	unsigned int n_spill, spill_size, spill_done;
};

struct sl_worker {
	struct sl_shard shard;
	pthread_t thread;
	bool started;
	struct sl_ring in;
	struct sl_bell bell;
	/* (main) did not fit into `in` */
	struct sl_entry *stage;
	unsigned int n_stage, stage_size, stage_done;
	bool owe_end;			/* (main) there was no memory to stage the end */
	struct sl_return **ret;		/* by stream id; NULL where none crosses */
	_Atomic bool done;
	/* read by sl_run_stats() while running */
	_Atomic uint64_t matched, lost;
};

int sl_workers_start(struct sl_run *r);
/* A batch leaves a shard along `o`. */
void sl_workers_send(struct sl_shard *from, struct sl_out *o, struct sl_batch *b);
void sl_workers_tick(struct sl_run *r, uint64_t seq, uint64_t now_ns);
void sl_workers_end(struct sl_run *r);
bool sl_workers_move(struct sl_run *r);		/* true: something moved */
bool sl_workers_staged(const struct sl_run *r);
bool sl_workers_done(const struct sl_run *r);
void sl_workers_stop(struct sl_run *r);

/* ---- the run (run.c) ---------------------------------------------- */

enum sl_phase {
	SL_RUNNING,
	SL_FLUSH_SOURCE,		/* filters in front of the workers */
	SL_FLUSH_WORKERS,
	SL_FLUSH_REST,
	SL_ENDED,
};

struct sl_run {
	struct sl_plan *plan;
	struct sl_graph *graph;		/* the plan's */
	struct sl_segs segs;
	struct sl_shard main;
	struct sl_worker *workers;	/* n_workers of them; none: 0 */
	unsigned int n_workers;
	int wake_fd;			/* eventfd: a worker has news for the main thread */
	_Atomic bool asleep;		/* (main) it waits for wake_fd */
	_Atomic bool quit;		/* workers: end at once */
	_Atomic bool stop;		/* sl_run_stop() */
	_Atomic bool failed;		/* a filter failed: read no more, drain */
	_Atomic bool trouble;		/* something went wrong: status 1 */
	bool aborted;			/* the set-up failed */
	enum sl_phase phase;
	uint64_t seq;			/* blocks that sources brought in */
	uint64_t now_ns;		/* latest time seen in a block */
	uint64_t start_ns, end_ns;
	/* by node id, see sl_reach(): does every way from it end in filters that want no
	 * more; is one that it reaches stalled? */
	bool *no_more, *held_up;
	bool reach_stale;
	bool no_takers;			/* see sl_unstall_takes() */
	struct sl_kernel_side *kernel;	/* what is in the kernel; NULL: nothing */
	struct sl_owners *owners;	/* of sockets; NULL: nobody asks */
	/* ticks sent to the workers that not all have passed: [tick_done, n_ticks) */
	struct sl_tick { uint64_t seq, now_ns; } *tick;
	unsigned int n_ticks, ticks_size, tick_done;
	pthread_mutex_t lock;		/* of reports and saved */
	struct sl_diags *diags;		/* the main thread's */
	struct sl_report *reports;	/* workers': not yet among diags */
	char **saved;
	unsigned int n_saved;
};

/* ---- waiting (loop.c) --------------------------------------------- */

int sl_loop_init(struct sl_run *r);
void sl_loop_done(struct sl_run *r);
/* Collect what is ready, waiting at most timeout_ns for it (-1: as long as it takes), and call
 * the filters that may go on. True when one was called. */
bool sl_loop_events(struct sl_run *r, int64_t timeout_ns);
bool sl_loop_can_wait(const struct sl_run *r);
/* From now on (take) holds nothing up: nobody will take before the end. */
void sl_unstall_takes(struct sl_run *r);
/* Bring no_more and held_up up to date; cheap when nothing changed. */
void sl_reach(struct sl_run *r);

uint64_t sl_clock_ns(void);

static inline struct sl_inst *sl_inst(const struct sl_filter *f)
{
	return (struct sl_inst *)f;
}

/* ---- who owns the sockets of packets (owner.c) ----------------------- */

void sl_owners_free(struct sl_owners *o);

/* ---- ledger (account.c) ------------------------------------------- */

/* A block that was counted as gone over `o` did not arrive. */
void sl_lose_sent(struct sl_inst *i, struct sl_out *o, struct sl_block *b, const char *reason);
void sl_account_check(struct sl_inst *i);	/* aborts in debug builds when it does not add up */
bool sl_account_whole(const struct sl_inst *i);

#endif
