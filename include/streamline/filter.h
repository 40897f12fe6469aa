/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * streamline/filter.h -- how a filter is written (ready for use)
 *
 * A filter is one file: a descriptor at the bottom, its state at the top, and
 * work() between them. The runtime parses parameters into the state, zeroes the
 * rest, publishes values and keeps the ledger; the filter only works, on
 * batches, knowing no neighbour and holding no lock: an instance is never run
 * by two threads at once.
 *
 * The one duty: a block that work() takes leaves exactly once, by one of
 *
 *	sl_emit()	onwards, through a port
 *	sl_drop()	screened out: counted as filtered
 *	sl_lose()	lost, with the reason: counted as lost
 *	sl_done()	written to the outside (sinks): counted as out
 *	sl_keep()	kept: counted as held until one of the above follows
 *
 * For each filter, at any moment, in blocks and in bytes,
 *
 *	in = out + filtered + held + lost
 *
 * where in is what came over arrows or was brought in from outside (read from a
 * file, a process, made here), and out what went over arrows or was brought
 * outside. Debug builds assert it after every batch.
 */
#ifndef STREAMLINE_FILTER_H
#define STREAMLINE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "streamline/block.h"
#include "streamline/diag.h"

#define SL_FILTER_ABI	1
#define SL_BATCH_MAX	256

struct sl_filter;
struct sl_prepare;
struct sl_iface_info;
struct sl_kernel;	/* a kernel form that is being made ready */
struct sl_kernel_view;	/* one that runs */
struct sl_shard;	/* the runtime's: all filters of one thread */
struct sl_batch;

/* ------------------------------------------------------------------ *
 * Descriptor
 * ------------------------------------------------------------------ */

enum sl_param_type {
	SL_P_U32,	/* uint32_t	10, 10k, 0x1f */
	SL_P_COUNT,	/* uint64_t	the same, wider */
	SL_P_SIZE,	/* uint64_t	bytes: 64KiB, 10MB */
	SL_P_TIME,	/* int64_t	nanoseconds: 10s, 1h30min */
	SL_P_RATIO,	/* double	12%, 0.12, 1/1000 */
	SL_P_SWITCH,	/* bool		on off yes no true false */
	SL_P_STRING,	/* const char *	any text */
	SL_P_IN_FILE,	/* const char *	a file that must be readable; "-": standard input */
	SL_P_OUT_FILE,	/* const char *	a file that will be written; "-": standard output */
	SL_P_CHOICE,	/* int		index into choices */
	SL_P_BITRATE,	/* uint64_t	bit/s: 10Mbps */
	SL_P_BYTERATE,	/* uint64_t	byte/s: 10MB/s */
	SL_P_PKTRATE,	/* uint64_t	packets/s: 10kpps */
};

struct sl_param {
	const char *name;
	enum sl_param_type type;
	size_t off;			/* of the field in the state */
	const char *help;
	double def;			/* numbers, switches (0 or 1), choices (index) */
	const char *def_text;		/* texts; NULL: no value */
	uint64_t min, max;		/* numbers; max 0: no bound */
	const char *const *choices;	/* SL_P_CHOICE; NULL-terminated */
	const char *alias;		/* an older name that is still read */
	bool required;
	bool live;			/* may change while running */
	uint8_t pos;			/* n-th positional argument, from 1; 0: by name only */
	/* Text that stands in for a value that the request leaves out ("rules",
	 * "file"): the plan supplies it and says so. `out` holds 4096 bytes.
	 * Returns 0, or -ENOENT when there is nothing to supply. */
	int (*supply)(char *out, size_t size);
	const char *unit;		/* shown by inspect: "packets", "bytes" */
};

#define SL_PARAM_(kind, s, field, ...) \
	{ .name = #field, .type = kind, .off = offsetof(s, field), ##__VA_ARGS__ }
#define SL_U32(s, field, ...)		SL_PARAM_(SL_P_U32, s, field, ##__VA_ARGS__)
#define SL_U64(s, field, ...)		SL_PARAM_(SL_P_COUNT, s, field, ##__VA_ARGS__)
#define SL_SIZE(s, field, ...)		SL_PARAM_(SL_P_SIZE, s, field, ##__VA_ARGS__)
#define SL_TIME(s, field, ...)		SL_PARAM_(SL_P_TIME, s, field, ##__VA_ARGS__)
#define SL_RATIO(s, field, ...)		SL_PARAM_(SL_P_RATIO, s, field, ##__VA_ARGS__)
#define SL_SWITCH(s, field, ...)	SL_PARAM_(SL_P_SWITCH, s, field, ##__VA_ARGS__)
#define SL_STRING(s, field, ...)	SL_PARAM_(SL_P_STRING, s, field, ##__VA_ARGS__)
#define SL_IN_FILE(s, field, ...)	SL_PARAM_(SL_P_IN_FILE, s, field, ##__VA_ARGS__)
#define SL_OUT_FILE(s, field, ...)	SL_PARAM_(SL_P_OUT_FILE, s, field, ##__VA_ARGS__)
#define SL_CHOICE(s, field, ...)	SL_PARAM_(SL_P_CHOICE, s, field, ##__VA_ARGS__)

/* A number that a filter publishes: in the report's "values", in top. With
 * several workers the values of all instances are added up. */
struct sl_count {
	uint64_t n;
};

struct sl_value {
	const char *name;
	size_t off;		/* of a struct sl_count in the state */
	const char *help;
};

#define SL_COUNT(s, field, ...)		{ .name = #field, .off = offsetof(s, field), ##__VA_ARGS__ }

static inline void sl_count(struct sl_count *c)
{
	c->n++;
}

static inline void sl_count_add(struct sl_count *c, uint64_t n)
{
	c->n += n;
}

/* What the class of a block means; says which names a tag may have. */
enum sl_class_type {
	SL_CLASS_NONE,		/* gives no class: that of the filter before it stands */
	SL_CLASS_PORT,		/* TCP or UDP port; names from the service list */
	SL_CLASS_PROTO,		/* IP protocol; names from the protocol list */
	SL_CLASS_ICMP,		/* ICMP type */
	SL_CLASS_NUMBER,	/* a plain number; class_find() may know names for some */
	SL_CLASS_GROUP,		/* names of the filter's own: class_find(), class_name() */
};

/*
 * Ports. Port 0 is what the filter passes: `>` and tags on its class. Ports from
 * 1 are offered on tagged arrows only: -match->. What no arrow takes there is
 * counted as filtered.
 */
struct sl_port {
	const char *name;	/* "match"; NULL ends the list. The i-th is port i + 1 */
	unsigned int type;	/* enum sl_stream_type, or SL_SAME */
	const char *help;
	bool groups;		/* the class of its blocks has names: -GROUP-> selects here */
};

/*
 * What a filter reads of the frames of its blocks, for copies to be cut where that is not
 * all. Block pointers are always whole: lengths, class, offsets, time.
 */
enum sl_need {
	SL_NEED_ALL,		/* or it is not known */
	SL_NEED_HEADERS,	/* headers up to the payload alone */
	SL_NEED_NONE,		/* nothing but block pointers */
};

enum sl_filter_flag {
	SL_F_SHARD	= 1 << 0,	/* state is per flow: instances may share the work */
	SL_F_MATCHER	= 1 << 1,	/* exit status as grep's: value "matched" 0 means 1 */
	SL_F_STDOUT	= 1 << 2,	/* writes data to standard output (see also SL_P_OUT_FILE "-") */
	SL_F_HIDDEN	= 1 << 3,	/* not listed: made by the planner alone */
	SL_F_EXCHANGE	= 1 << 4,	/* sl_feed() or sl_take() reach it: feed, take */
	SL_F_PROCESS	= 1 << 5,	/* a process stands behind it: bytes are copied to it and back;
					 * programs of the pipe dialect become its first parameter */
	SL_F_READS	= 1 << 6,	/* a source that -r supplies, its first SL_P_IN_FILE the file */
	SL_F_JUNCTION	= 1 << 7,	/* passes all on: stands for in and out of a macro */
	SL_F_LIVE	= 1 << 8,	/* a source of packets that -i supplies, its first parameter the
					 * interface; an entry of the kernel's part */
	SL_F_UNDECIDED	= 1 << 9,	/* its kernel form may hand packets to the C form */
	SL_F_SELECT	= 1 << 10,	/* passes or drops each block by its own bytes and parameters
					 * alone, and does nothing else: one can stand for two */
	SL_F_CUT	= 1 << 11,	/* passes the first bytes of each packet, at most as many as its
					 * first parameter (SL_P_U32) says, and looks at none */
	SL_F_SENDS	= 1 << 12,	/* packets go out of the interface that its first parameter names */
};

struct sl_filter_type {
	const char *name;		/* [a-z][a-z0-9_-]* */
	const char *brief;		/* one line, no full stop */
	const char *group;		/* for the list: "source", "select", "streams", "match", "look", "save", "flow" */
	size_t state;			/* bytes, parameters included */
	const struct sl_param *params;	/* ends with { } */
	const struct sl_value *values;	/* ends with { } */
	unsigned int in;		/* mask of stream types; 0: a source */
	unsigned int out;		/* mask with one type, or SL_SAME; 0: a sink */
	enum sl_class_type class;	/* of the blocks it gives on port 0 */
	const struct sl_port *ports;	/* from port 1; NULL: none */
	const char *const *inputs;	/* named inputs ("left", "right"), NULL-terminated; NULL: one */
	unsigned int flags;		/* enum sl_filter_flag */
	enum sl_need need;		/* of packets; streams behind it are asked besides */
	const char *const *examples;	/* whole requests that check accepts; NULL-terminated */
	const char *see_also;		/* "grep, bpf" */

	/*
	 * Once per node, before anything runs, also by `check`: look at the
	 * parameters, read rules, compile. What it makes is immutable, shared by
	 * all instances and freed by release(). Report with sl_prepare_error().
	 * Returns 0 or a negative errno after an error was reported.
	 */
	int (*prepare)(struct sl_prepare *p, const void *state, void **shared);
	void (*release)(void *shared);

	/* Name -> class, and back (writes into buf, returns it), of a node; for
	 * SL_CLASS_GROUP, SL_CLASS_NUMBER and ports with `groups`. -ENOENT for a strange name.
	 * class_at(): the i-th name, NULL beyond, for suggestions. */
	int (*class_find)(const void *shared, const char *name, uint32_t *class_out);
	const char *(*class_name)(const void *shared, uint32_t class, char *buf, size_t size);
	const char *(*class_at)(const void *shared, unsigned int i);

	/*
	 * Per instance, in this order. open() gets a state with parameters bound;
	 * all may be NULL but work (filters, sinks) or pull (sources). Each
	 * returns 0 or a negative errno after sl_fail(). close() is called on
	 * whatever open() left, also after it failed.
	 */
	int (*open)(struct sl_filter *f);
	/* Take every block of `in`. `in` is never empty. */
	int (*work)(struct sl_filter *f, struct sl_batch *in);
	/* A source: bring in up to `max` blocks with sl_block_new() and sl_emit().
	 * Returns how many, 0 when there are no more at present (after sl_wait_fd();
	 * it may have brought some in), or SL_EOF when there will be no more; a
	 * negative errno after sl_fail(). */
	int (*pull)(struct sl_filter *f, unsigned int max);
	/* The descriptor of sl_wait_fd() is ready (exec's output). As pull(). */
	int (*ready)(struct sl_filter *f, unsigned int max);
	/* Once per batch of the source, with the latest time seen: let time-outs
	 * pass. Same calls at the same blocks for every number of workers. */
	int (*tick)(struct sl_filter *f, uint64_t now_ns);
	/* End of input: give what is kept. Returns 0, or SL_AGAIN when it must
	 * still wait for its descriptor (exec): it will be called again. */
	int (*flush)(struct sl_filter *f);
	/* Everything has drained, everywhere: say with sl_trouble() what only shows
	 * now (an input that changed under blocks that were held). */
	int (*end)(struct sl_filter *f);
	void (*close)(struct sl_filter *f);

	/*
	 * A kernel form stands beside the filter, NAME.bpf.c; NULL: none does. Says
	 * what the form needs to know of the parameters, by the calls below; asked once by
	 * the plan, once when the form is loaded. Returns 0, or -ENOTSUP by
	 * sl_kernel_refuse() where these parameters can't be had in the kernel.
	 */
	int (*kernel)(struct sl_kernel *k, const void *state, const void *shared);

	/*
	 * Two of this type follow each other, and nothing comes between: write into text the value of
	 * the first parameter (SL_P_STRING, or a plain number) of one that passes what both together do. The
	 * other parameters are equal. Returns 0, or -ENOTSUP: there is none, or it is not sure.
	 */
	int (*merge)(const void *first, const void *second, char *text, size_t size);
	/* Of a filter with SL_F_SELECT that loses packets of links it can't decide on: does it decide on
	 * all that live sources bring, Ethernet and bare IP? NULL: on any. */
	bool (*decides)(const void *state);

	/* A source: what is known of interface number i (block->iface). False: nothing. */
	bool (*iface)(const struct sl_filter *f, unsigned int i, struct sl_iface_info *out);
	/*
	 * While the form runs in the kernel, the instance here looks after what it has there:
	 * called some times a second and once when no more packets come; between open() and
	 * close(), in the thread of the source. It may emit blocks of its own. Returns 0 or a
	 * negative errno after sl_fail().
	 */
	int (*kernel_sync)(struct sl_filter *f, struct sl_kernel_view *v);
};

/* An interface that a source brings packets from, as far as is known. */
struct sl_iface_info {
	char name[32];
	bool counted;			/* what follows is known */
	uint64_t received, dropped;	/* packets: that came there; that found no room in a ring */
	uint64_t missed;		/* that the interface itself dropped */
};

#define SL_EOF		(-1000)
#define SL_AGAIN	(-1001)

/* ------------------------------------------------------------------ *
 * Working
 * ------------------------------------------------------------------ */

/* Blocks on their way into one filter. sl_batch_take() gives each once. */
struct sl_batch {
	uint32_t n, taken;
	struct sl_block *b[SL_BATCH_MAX];
};

/* An instance. Filters read the first part and touch nothing else. */
struct sl_filter {
	void *state;
	const void *shared;		/* what prepare() made */
	const struct sl_filter_type *type;
	const char *name;		/* "tcp", "ac-2": as in the request */
	uint8_t *const *seg_base;	/* segment table: address of each segment here */
	struct sl_block *cur;		/* the block that was taken last */
	uint64_t seq, order;		/* its place; see sl_seq() and sl_order() */
	struct sl_shard *shard;		/* runtime's */
};

static inline void *sl_state(const struct sl_filter *f)
{
	return f->state;
}

/* The next block of a batch; NULL when all are taken. The caller owns it. */
static inline struct sl_block *sl_batch_take(struct sl_filter *f, struct sl_batch *in)
{
	struct sl_block *b;

	if (in->taken == in->n)
		return NULL;
	b = in->b[in->taken++];
	/* The runtime keeps the place in the source's order right behind a block. */
	f->seq = ((const uint64_t *)(b + 1))[0];
	f->order = ((const uint64_t *)(b + 1))[1];
	return f->cur = b;
}

/* A block that is still to come, to prefetch for it; NULL beyond. */
static inline const struct sl_block *sl_batch_ahead(const struct sl_batch *in, unsigned int i)
{
	return in->taken + i < in->n ? in->b[in->taken + i] : NULL;
}

/* The bytes in view, and the whole frame: b->len and b->frame_len bytes, to be
 * read only, good for as long as the block is held. */
static inline const uint8_t *sl_data(const struct sl_filter *f, const struct sl_block *b)
{
	return f->seg_base[b->seg] + b->off;
}

static inline const uint8_t *sl_frame(const struct sl_filter *f, const struct sl_block *b)
{
	return f->seg_base[b->seg] + b->off - b->head;
}

/* Each of these takes the block. */
void sl_emit(struct sl_filter *f, unsigned int port, struct sl_block *b);
void sl_drop(struct sl_filter *f, struct sl_block *b);
void sl_done(struct sl_filter *f, struct sl_block *b);
/* `reason` is a literal: "evicted", "disk full"; at most 16 different ones a filter. */
void sl_lose(struct sl_filter *f, struct sl_block *b, const char *reason);

/* The filter goes on holding the block after work() returns. */
void sl_keep(struct sl_filter *f, struct sl_block *b);

/*
 * Likewise, for sinks that write later: the block is *to from now on, half as large and
 * where the filter wants it, and `b` is gone. sl_data() and sl_frame() read it. It has lost
 * its place in the order, so it can't be emitted: it leaves by one of the two below.
 * `soon`: it does so before work() returns.
 */
void sl_park(struct sl_filter *f, struct sl_block *b, struct sl_block *to, bool soon);
void sl_park_done(struct sl_filter *f, struct sl_block *parked);
void sl_park_lose(struct sl_filter *f, struct sl_block *parked, const char *reason);

/*
 * For sinks that copy what they write later: n blocks are gone with their bytes, and count as
 * held until the filter says what became of them; `bytes` are those that were in view.
 */
void sl_absorb(struct sl_filter *f, struct sl_block *const *b, unsigned int n);
void sl_absorb_done(struct sl_filter *f, uint64_t blocks, uint64_t bytes);
void sl_absorb_lose(struct sl_filter *f, uint64_t blocks, uint64_t bytes, const char *reason);

/*
 * Narrow the view to `len` bytes from `skip` bytes into it. What falls away is
 * counted as filtered bytes (the block itself goes on). skip + len <= b->len.
 */
void sl_view(struct sl_filter *f, struct sl_block *b, uint32_t skip, uint32_t len);

/*
 * A block of the filter's own (sources, exec, records): an empty pointer, to be
 * filled in and emitted; sl_block_alloc() comes with len_bytes writable bytes in
 * view. Counted as in when it leaves. NULL when memory is out.
 */
struct sl_block *sl_block_new(struct sl_filter *f);
struct sl_block *sl_block_alloc(struct sl_filter *f, uint32_t len_bytes, uint8_t **data);

/* Another pointer to the same bytes, fresh (counted as in when it leaves). */
struct sl_block *sl_block_dup(struct sl_filter *f, const struct sl_block *b);

/*
 * Before writing: returns a block whose frame may be written, and its bytes in
 * view in *data. It is b itself when nobody else holds its bytes, else a copy
 * (counted as one); b is taken. NULL when memory is out; then b is lost.
 */
struct sl_block *sl_writable(struct sl_filter *f, struct sl_block *b, uint8_t **data);

/* Data that never became a block (a cut record): counted as in and as lost. */
void sl_lost_bytes(struct sl_filter *f, uint64_t blocks, uint64_t bytes, const char *reason);

/*
 * When a block is emitted that is not the one taken last, output order is still
 * that of the block (or tick, or end) which brought it about. At a tick or the
 * end, several flows may give blocks: call this before those of each flow, with a number
 * that is the same however flows are spread over workers and rises from call to
 * call: the sl_seq() of the flow's latest block.
 */
void sl_order(struct sl_filter *f, uint64_t key);

/* Number of the block taken last in the source's order, from 0. */
static inline uint64_t sl_seq(const struct sl_filter *f)
{
	return f->seq;
}

/* ------------------------------------------------------------------ *
 * Segments
 * ------------------------------------------------------------------ */

/*
 * Make memory known as a segment. `pinned`: it lives as long as the run, blocks
 * need no count. `drop(arg)` is called once when nobody uses it any more (at the
 * end of the run when pinned). Returns its number (> 0), or a negative errno
 * (-ENOSPC: more than 65535). Sources of counted segments hold one use until
 * sl_segment_put(); each block that names the segment holds another: take it with
 * sl_segment_get() before the block is emitted.
 */
int sl_segment_new(struct sl_filter *f, void *base, size_t len_bytes, bool pinned,
		   void (*drop)(void *arg), void *arg);
void sl_segment_get(struct sl_filter *f, int seg);
/* As get, n times: for a source that then names the segment in up to n blocks without another
 * call, and gives back with return what it did not need. */
void sl_segment_lend(struct sl_filter *f, int seg, uint32_t n);
void sl_segment_return(struct sl_filter *f, int seg, uint32_t n);
/* A counted segment that its owner needs back soon (a window of a capture ring): a block
 * of it that is kept is copied first, and the copy counted. Before the first use. */
void sl_segment_scarce(struct sl_filter *f, int seg);
void sl_segment_put(struct sl_filter *f, int seg);

/* ------------------------------------------------------------------ *
 * Waiting, ending, failing
 * ------------------------------------------------------------------ */

/* Call pull() (sources) or ready() when fd can be read (or written): level
 * triggered. One descriptor for each direction; fd -1 stops waiting for it. */
int sl_wait_fd(struct sl_filter *f, int fd, bool for_write);

/* The same at this time of CLOCK_MONOTONIC, if nothing is ready before: a call for whatever
 * reason ends it. The last time that was said counts; 0: none. */
void sl_wait_until(struct sl_filter *f, uint64_t ns);

/* In pull() and ready(): is it called because a descriptor of sl_wait_fd() is ready? */
bool sl_fd_ready(const struct sl_filter *f);

/* The filter can't take more at present: sources are not pulled until it says
 * false. What is already under way still comes to work(). */
void sl_stall(struct sl_filter *f, bool on);

/* The run was told to stop, or a filter failed: it drains. What only waits for its time
 * need not wait any longer. */
bool sl_stopping(const struct sl_filter *f);

/* The filter wants no more blocks (head): sources whose every path ends in such
 * filters stop. */
void sl_finished(struct sl_filter *f);

/*
 * Report a failure while running (code E2xx, E3xx); the run ends with status 1
 * after draining. Returns -EIO to be returned. sl_trouble() reports and goes on;
 * the run's exit status is still 1 when `failed`.
 */
int sl_fail(struct sl_filter *f, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void sl_trouble(struct sl_filter *f, const char *code, bool failed, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* In close(): the set-up failed before anything ran; undo what open() left outside
 * (a new file). */
bool sl_aborted(const struct sl_filter *f);
/* A line for people at the end of the run: "clean.pcap: 36 packets, 12.3 kB". */
void sl_saved(struct sl_filter *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* How far a source has come, for the live line; total 0: unknown. */
void sl_progress(struct sl_filter *f, uint64_t done_bytes, uint64_t total_bytes);

/* Text of a block's class as its classifier names it: "80", "sqli". Returns buf. */
const char *sl_class_text(const struct sl_filter *f, const struct sl_block *b, char *buf, size_t size);
/* What the classes of the blocks that come in mean; SL_CLASS_NONE: they have none. */
enum sl_class_type sl_class_kind(const struct sl_filter *f);
/* The one type of stream that comes in (enum sl_stream_type); 0 for a source. */
unsigned int sl_in_type(const struct sl_filter *f);
/* Blocks that a source has brought in so far. */
uint64_t sl_brought_in(const struct sl_filter *f);
/* What is known of interface number i of the one source whose packets come here; false when
 * there are several sources, or nothing is known. For filters of the main thread (sinks). */
bool sl_iface_info(struct sl_filter *f, unsigned int i, struct sl_iface_info *out);
/* Of a source: may its blocks leave by an interface again (SL_F_SENDS), so that somebody waits for them? */
bool sl_sends_on(const struct sl_filter *f);
/*
 * The process that owns the socket of a packet: who made it, connected it or accepted the connection.
 * want() in open(): from now on it is found out, which costs something for each socket; where packets
 * come from no interface of this machine it does nothing. find(): true when it is known; what
 * can't be known for sure is left out, also pid alone. Of a packet on its way out (flags SL_B_OUT)
 * the sender's, of one that came in (SL_B_IN) the receiver's, else that of the end that is here.
 * For filters of the main thread.
 */
struct sl_owner_ask {
	uint8_t src[16], dst[16];	/* of IPv4: 4 bytes, zeros behind */
	uint16_t sport, dport;		/* host order */
	uint8_t v6, proto;
	uint16_t flags, iface;		/* as blocks have them */
	uint64_t time_ns;		/* of the packet */
};
struct sl_owner {
	char name[16];
	uint32_t pid;			/* 0: not known, as several processes have it */
};
void sl_owner_want(struct sl_filter *f);
bool sl_owner_find(struct sl_filter *f, const struct sl_owner_ask *q, struct sl_owner *out);

/* Has the node arrows coming in, arrows going out? (exec is a source without the first) */
bool sl_has_input(const struct sl_filter *f);
bool sl_has_output(const struct sl_filter *f);

/*
 * In kernel(). A form's parameters are its `const volatile` variables: set() gives one its
 * value, of exactly `size` bytes. table() fills the one value of a map of the form. form()
 * names another object than the filter's own name. Each copies what it is given and
 * returns 0; a name that the form does not have shows when it is loaded.
 */
int sl_kernel_set(struct sl_kernel *k, const char *name, const void *value, size_t size);
int sl_kernel_table(struct sl_kernel *k, const char *map, const void *data, size_t size);
int sl_kernel_form(struct sl_kernel *k, const char *name);
/* Can packets of this LINKTYPE_ come? While a plan asks, Ethernet stands for all. */
bool sl_kernel_link(const struct sl_kernel *k, unsigned int link);
/*
 * A classic BPF program (n instructions as pcap_compile() makes them) runs in front of the form on
 * packets of this LINKTYPE_; the form finds what it returned. Once for each link type.
 */
int sl_kernel_classic(struct sl_kernel *k, unsigned int link, const void *insns, unsigned int n);
/* Not in the kernel, and why: "by=flow needs ...". Returns -ENOTSUP. */
int sl_kernel_refuse(struct sl_kernel *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A map of the form has as many entries. */
int sl_kernel_entries(struct sl_kernel *k, const char *map, uint32_t n);
/* Where the form will be: beside the stack (tc), before it and only looking, or in the way. */
enum sl_kernel_hook { SL_KERNEL_TC, SL_KERNEL_XDP_TAP, SL_KERNEL_XDP };
enum sl_kernel_hook sl_kernel_hook(const struct sl_kernel *k);

/*
 * In kernel_sync(). memory() maps a map of the form that can be mapped (BPF_F_MMAPABLE): as long as
 * the form runs, NULL when there is none. now: the time that packets have by now, and
 * what is to be added to the times of the form to get those of blocks.
 */
void *sl_kernel_view_memory(struct sl_kernel_view *v, const char *map, size_t *size_out);
int sl_kernel_view_map(struct sl_kernel_view *v, const char *map);	/* descriptor, or -ENOENT */
/* Run another program (XDP) of the form once: `data`, at most 64 bytes, lie where it sees a packet. 0, what
 * it gave in *result; or a negative errno. */
int sl_kernel_view_run(struct sl_kernel_view *v, const char *program, const void *data, size_t size,
		       uint32_t *result);
uint64_t sl_kernel_view_now(const struct sl_kernel_view *v, uint64_t *to_real_ns);
bool sl_kernel_view_last(const struct sl_kernel_view *v);	/* no more packets come */
uint64_t sl_kernel_view_lost(const struct sl_kernel_view *v);	/* packets that the form lost, so far */

/* In prepare(): an error at parameter `param` (NULL: at the filter's name). */
int sl_prepare_error(struct sl_prepare *p, const char *param, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int sl_prepare_note(struct sl_prepare *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* By which way it reaches the outside, and why by this: a line of the plan. */
int sl_prepare_how(struct sl_prepare *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* To the error that was reported last: a line behind '=', and a text that would be
 * right in its place. Returns -EINVAL, as sl_prepare_error(). */
int sl_prepare_hint(struct sl_prepare *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int sl_prepare_fix(struct sl_prepare *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Where to collect diagnostics that point into a file of the filter's own. */
struct sl_diags *sl_prepare_diags(struct sl_prepare *p);
/* False under `check --no-env`: files need not be there. */
bool sl_prepare_env(const struct sl_prepare *p);

#endif
