/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * streamline.h -- I/O as one pipeline
 *
 *	struct sl_diags *ds = sl_diags_new();
 *	struct sl_options o = { .size = sizeof(o), .read_file = "in.pcap" };
 *	struct sl_request *q;
 *	struct sl_plan *p;
 *	struct sl_run *r;
 *
 *	if (sl_parse("(tcp) -80-> (count)", NULL, &q, ds) == 0 &&
 *	    sl_plan_new(q, &o, &p, ds) == 0 &&
 *	    sl_run_new(p, &r, ds) == 0)
 *		sl_run_wait(r);
 *
 * A request is text; parsing it gives a passive object, planning gives another,
 * running takes it. Each may be used many times. Objects are independent of each
 * other: different threads may use different ones, one object belongs to one
 * thread at a time; only sl_run_stop() may be called from anywhere.
 *
 * Calls return 0 or more, or a negative errno. What a person must read is added
 * to the struct sl_diags that the caller passes (diag.h); it may not be NULL
 * where a call takes one. Results are written on success only. Strings that are
 * returned as char * belong to the caller: free(); NULL, where nothing else is said: memory
 * is out. Every _free accepts NULL.
 * The library never prints, never exits, and installs no signal handler other
 * than one for SIGBUS while capture files are mapped (see sl_run_new).
 */
#ifndef STREAMLINE_H
#define STREAMLINE_H

#include "streamline/block.h"
#include "streamline/diag.h"
#include "streamline/filter.h"

/* "0.1.0" */
const char *sl_version(void);

/* ---- Filters ------------------------------------------------------ */

/*
 * Make a filter of your own known, by its descriptor (static storage; it is
 * kept). `abi` is SL_FILTER_ABI. Names are unique: -EEXIST; -EINVAL for a
 * descriptor that lacks a name, brief, or work() and pull(), or whose name is not
 * [a-z][a-z0-9_-]*; -ENOTSUP for another ABI. Call it before parsing, from one thread.
 */
int sl_register(const struct sl_filter_type *type, unsigned int abi);

/* A type by name, or NULL; all types sorted by name, NULL-terminated. */
const struct sl_filter_type *sl_type_find(const char *name);
const struct sl_filter_type *const *sl_types(void);

/* The long text of a bundled filter (its opening comment), or NULL. */
const char *sl_type_text(const char *name);

/* What values a parameter takes, in words: "size", "on|off", "file to read", "a|b|c". */
const char *sl_param_kind(const struct sl_param *p, char *buf, size_t size);

/* What a parameter is when the request leaves it out, as SRL writes it ("10s");
 * NULL when it has no such value or memory is out. Caller frees. */
char *sl_param_default(const struct sl_param *p);
/* A number of the parameter's type, its bounds for instance, as SRL writes it. Caller frees. */
char *sl_param_number(const struct sl_param *p, uint64_t v);

/* The descriptor as JSON, see streamline-inspect(1). */
char *sl_type_json(const struct sl_filter_type *type);

/* ---- Request ------------------------------------------------------ */

struct sl_request;

/*
 * Parse SRL text. `name` stands for it in errors ("web.srl"); NULL: "<arg>".
 * Returns 0; -EINVAL with errors in ds; -ENOMEM.
 */
int sl_parse(const char *text, const char *name, struct sl_request **out, struct sl_diags *ds);
void sl_request_free(struct sl_request *q);

/* Canonical text, with (format) or without (print) its comments. */
char *sl_request_print(const struct sl_request *q);
char *sl_request_format(const struct sl_request *q);
/* Parameters of the file: "let" lines as JSON: [{"name","default","help"}]. */
char *sl_request_params_json(const struct sl_request *q);
/* What the file defines by "def": the one called `name`, all without; in words, or an array in
 * JSON. 0 with *out, which the caller frees ("" where there is none); -ENOENT: no such def; -ENOMEM. */
int sl_request_defs(const struct sl_request *q, const char *name, bool json, char **out);

struct sl_options {
	size_t size;			/* sizeof(struct sl_options) */
	const char *read_file;		/* source where the request has none */
	const char *iface;
	const char *const *defines;	/* "key=value" over `let`, NULL-terminated */
	const char *const *use_path;	/* folders of `use word`, NULL-terminated */
	unsigned int workers;		/* threads that share the work; 0: as the request says, else 1 */
	bool no_env;			/* look at no file, device or right */
	bool open_source;		/* a pipeline without source is all right (check) */
	const char *const *read_files;	/* more sources like read_file, NULL-terminated; or NULL */
	/* Which filters run in the kernel. NULL, "auto": the cheapest way; "user": none that need
	 * not; "max": as many as can; "0", "1", ...: the placement of that number, for tests. */
	const char *placement;
	bool replay;			/* what read_files hold goes through the kernel's programs */
	bool as_written;		/* no pass rewrites the request: each filter does its own work */
	bool passes;			/* keep what each pass made, for sl_plan_passes() */
};

/* Everything that sl_plan_new() does, and nothing kept. o may be NULL. */
int sl_check(const struct sl_request *q, const struct sl_options *o, struct sl_diags *ds);

/* ---- Plan --------------------------------------------------------- */

struct sl_plan;

/*
 * Names, parameters, types, rules, files, placement. Nothing has run yet.
 * Returns 0; -EINVAL (wrong request), -ENOSPC (no placement possible), -EPERM
 * (a right is missing), -ENOMEM; ds says why.
 */
int sl_plan_new(const struct sl_request *q, const struct sl_options *o, struct sl_plan **out,
		struct sl_diags *ds);
void sl_plan_free(struct sl_plan *p);

char *sl_plan_text(const struct sl_plan *p);		/* table for people */
char *sl_plan_json(const struct sl_plan *p);
char *sl_plan_srl(const struct sl_plan *p, bool all);	/* as request; all: defaults written out */
char *sl_plan_using(const struct sl_plan *p);		/* "source a.pcap (from -r) · rules ..."; "" if nothing was supplied */
/* The i-th option of the request that has no effect in this plan, and why; NULL beyond. */
const char *sl_plan_note(const struct sl_plan *p, unsigned int i);

/* How many filters and streams it has. */
unsigned int sl_plan_filters(const struct sl_plan *p);
unsigned int sl_plan_streams(const struct sl_plan *p);
/* In how many ways its filters could be placed, up to 65536: 1 where all are in user space. */
unsigned int sl_plan_placements(const struct sl_plan *p);
/* The request as it was and after each pass that changed it, with a line that names each; for
 * a plan made with the option passes. */
char *sl_plan_passes(const struct sl_plan *p);
/* All that is known about the placing of one filter; NULL: none has that name. */
char *sl_plan_why(const struct sl_plan *p, const char *name);

enum sl_drawing { SL_DRAW_ASCII, SL_DRAW_DOT, SL_DRAW_MERMAID };
char *sl_plan_draw(const struct sl_plan *p, enum sl_drawing kind);

/* Does some filter write data to standard output? Is there a filter whose result
 * is a match (grep, ac)? */
bool sl_plan_stdout(const struct sl_plan *p);
bool sl_plan_matcher(const struct sl_plan *p);

/* ---- Run ---------------------------------------------------------- */

struct sl_run;

/*
 * Set a plan up as a transaction: on failure nothing is left behind. The plan
 * may be freed before the run. While a run maps capture files a SIGBUS handler is
 * installed that turns a file cut short by others into an error; a SIGBUS from
 * elsewhere goes to the handler that was there.
 * -EAGAIN: the kernel refused one filter's form; sl_plan_again() places it in user space.
 */
int sl_run_new(const struct sl_plan *p, struct sl_run **out, struct sl_diags *ds);
/* After that: 0, and the plan is another one, with a warning that says so; a negative errno (-ENOSPC: the
 * filter was ordered into the kernel), and it is as it was. */
int sl_plan_again(struct sl_plan *p, struct sl_diags *ds);

/*
 * Work for at most about timeout_ms (-1: until the end). Returns 1 while there is
 * more to do (waiting for input included), 0 when all has drained; or a negative
 * errno when the run failed, after draining too.
 */
int sl_run_step(struct sl_run *r, int timeout_ms);
/* sl_run_step until the end. Nothing more is fed, and limits of (take) do not hold, as
 * nobody takes meanwhile. */
int sl_run_wait(struct sl_run *r);
/* Stop reading and drain. Async-signal-safe. */
void sl_run_stop(struct sl_run *r);
/* Ends what still runs, without draining. */
void sl_run_free(struct sl_run *r);

/* What failed or is worth saying, so far. Borrowed. */
const struct sl_diags *sl_run_diags(const struct sl_run *r);
/* What was reported since the last such call, while it runs: the caller's to free, and no
 * longer among sl_run_diags(). NULL: nothing. */
struct sl_diags *sl_run_news(struct sl_run *r);

struct sl_stats {		/* for a live line */
	double elapsed_s;
	uint64_t in_blocks, in_bytes;	/* by all sources */
	uint64_t lost_blocks;
	uint64_t matched;		/* sum of all values named "matched" */
	uint64_t done_bytes, total_bytes;	/* of the sources; total 0: unknown */
	bool has_matcher;
};
void sl_run_stats(const struct sl_run *r, struct sl_stats *out);

/* ---- Ledger ------------------------------------------------------- */

struct sl_tally {
	uint64_t blocks, bytes;
};

/* For each filter: in = out + filtered + held + lost, in blocks and in bytes. */
struct sl_ledger_row {
	const char *name, *type, *space;
	struct sl_tally in, out, filtered, held, lost;
	unsigned int n_reasons;
	struct { const char *reason; struct sl_tally lost; } reasons[16];
	unsigned int n_values;
	struct { const char *name; uint64_t n; } values[32];
	uint64_t busy_ns;		/* time spent in the filter itself, all instances */
	uint64_t copies;		/* blocks copied for it so that it could write */
};

struct sl_ledger_stream {
	const char *from, *to, *tag, *carrier, *name;
	struct sl_tally moved;
};

/* The i-th filter or stream, in order of the text. 0, or -ENOENT beyond the end. */
int sl_run_filter(const struct sl_run *r, unsigned int i, struct sl_ledger_row *out);
int sl_run_stream(const struct sl_run *r, unsigned int i, struct sl_ledger_stream *out);

/* Is the ledger whole? 0, or -EILSEQ with *why (caller frees) naming the filter. */
int sl_run_verify(const struct sl_run *r, char **why);

char *sl_run_ledger_text(const struct sl_run *r);	/* table for people */
/* {"event":"report","elapsed_s":N,"filters":[...],"streams":[...]}: see streamline-run(1) */
char *sl_run_report_json(const struct sl_run *r);
/* The i-th line on what was saved ("clean.pcap: 36 packets, 12.3 kB"), or NULL. Borrowed. */
const char *sl_run_saved(const struct sl_run *r, unsigned int i);
/* The one-line summary: "drained. 7.4 s · 1.61 GB read · ... · lost 0" */
char *sl_run_summary(const struct sl_run *r);

/* ---- This machine ------------------------------------------------- */

/* What of this machine works for live capture, found by trying, and what to do about
 * what does not; for people, and as JSON: see streamline-doctor(1). */
char *sl_doctor_text(void);
char *sl_doctor_json(void);

/*
 * Measure for about so many seconds what the planner's table of costs holds, and
 * write it to `file` (NULL: that of this user, which plans read). No packet of this machine is
 * touched; what needs a right that is missing keeps its cost. *out: costs before and now, as text
 * or JSON; caller frees. 0, or a negative errno with words in ds.
 */
int sl_doctor_bench(const char *file, double seconds, bool json, char **out, struct sl_diags *ds);

/*
 * Take away what captures left that were killed: taps in this network namespace (only where the
 * kernel has no tcx), sockets that nobody listens to. *out: what was taken away, as text or
 * JSON; caller frees; written after a failure too (then ds tells what could not be
 * looked at; -EPERM: a right is missing), but not after -ENOMEM.
 */
int sl_doctor_clean(bool json, char **out, struct sl_diags *ds);

/* ---- Blocks from and to the program ------------------------------- */

/*
 * Feed a (feed) filter named `node` (NULL: the only one) a block whose bytes are
 * at `data` until `drop(arg)` is called (drop NULL: they are copied). `meta` gives
 * time, link type, wire length...; NULL: an Ethernet packet of now. The block is
 * moved at the next sl_run_step(). -ENOENT: no such node; -EPIPE: ended; -EMSGSIZE: from
 * 2 GiB; -ENOMEM.
 */
int sl_feed(struct sl_run *r, const char *node, const void *data, size_t len_bytes,
	    const struct sl_block *meta, void (*drop)(void *arg), void *arg);
/* No more will come to it. */
int sl_feed_end(struct sl_run *r, const char *node);

/*
 * The next block that reached the (take) filter `node`: pointer and bytes in view
 * are good until sl_take_done() or the next sl_take() on that node. Returns 1, 0
 * when there is none now, -ENOENT.
 */
int sl_take(struct sl_run *r, const char *node, const struct sl_block **b, const uint8_t **data);
void sl_take_done(struct sl_run *r, const char *node);

#endif
