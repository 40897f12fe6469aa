/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/part.h -- the filters of a run that are in the kernel, as one thing
 *
 * A part is loaded as a whole and joined to user space by rings, one a CPU or one for all:
 *
 *	sl_kpart_new()		programs and maps are loaded, stages joined; nothing runs
 *	sl_kpart_attach()	the entries are hooked to their interfaces: it runs
 *	sl_kpart_next()		packets that crossed a border, in order of time
 *	sl_kpart_detach()	no more packets come in; those in the rings can still be read
 *	sl_kpart_free()
 *
 * Setting up is a transaction: on failure nothing is left in the kernel. All that is
 * held is held by descriptors of this process, so nothing outlives it either, except
 * filters of clsact where the kernel has no tcx (before 6.6); sl_kpart_sweep() takes
 * those away.
 */
#ifndef SL_KERN_PART_H
#define SL_KERN_PART_H

#include "kern/abi.h"
#include "ring/layout.h"
#include "streamline/filter.h"

enum sl_kcarrier {
	SL_CARRIER_ARENA,
	SL_CARRIER_ARRAY,
	SL_CARRIER_RINGBUF,		/* one ring for all CPUs; this process can't write it */
};

struct sl_kif {
	int ifindex;			/* 0: none, fed by sl_kpart_feed() */
	uint16_t link, iface;		/* LINKTYPE_; number of the interface in its source */
};

struct sl_kstage {
	const struct sl_filter_type *type;
	const void *state, *shared;
	const char *name;		/* of the node, for errors */
	struct sl_karrow arrows[SL_K_ARROWS];	/* .stage: index into stages */
	unsigned int n_arrows;
	uint32_t up, up_stream;		/* as in struct sl_kconf */
	/* entries (sources) alone */
	bool entry;
	const struct sl_kif *ifs;	/* where packets come in; only read by sl_kpart_new() */
	unsigned int n_ifs;
	uint32_t snap;
	bool in, out;			/* which directions */
};

struct sl_kpart_opts {
	const struct sl_kstage *stages;
	unsigned int n_stages;
	enum sl_khook hook;
	bool inline_mode;		/* packets that are taken do not go on to the stack */
	enum sl_kcarrier carrier;
	bool shared;			/* other processes read the rings too; an array, and sl_klapped reads it */
	uint64_t ring_bytes;		/* for each CPU; rounded up to a power of two */
	bool window;			/* some stage looks into packets */
	bool clsact;			/* at tc by clsact, even where the kernel has tcx (tests) */
};

struct sl_kpart_error {
	unsigned int stage;		/* whose fault; n_stages: nobody's */
	char what[256];			/* "cannot load the kernel form of 'tcp'" */
	char *verifier;			/* its words, heap; NULL: it said nothing */
	int error;			/* positive errno */
};

struct sl_kpart;

/* Returns 0 or a negative errno with *e filled (e->verifier is the caller's to free). */
int sl_kpart_new(const struct sl_kpart_opts *o, struct sl_kpart **out, struct sl_kpart_error *e);
int sl_kpart_attach(struct sl_kpart *p, struct sl_kpart_error *e);
/* Another interface for an entry of a part that runs; at->iface is not in use yet. */
int sl_kpart_add(struct sl_kpart *p, unsigned int entry, const struct sl_kif *at, struct sl_kpart_error *e);
/* An interface of an entry came back, under another index. */
int sl_kpart_rehook(struct sl_kpart *p, unsigned int entry, uint16_t iface, int ifindex,
		    struct sl_kpart_error *e);
/*
 * Another form, other parameters or other arrows for a stage of a running part. Its counts go on,
 * its own tables begin anew; each packet is seen by the old one or by the new one. On
 * failure nothing has changed.
 */
int sl_kpart_replace(struct sl_kpart *p, unsigned int stage, const struct sl_kstage *as,
		     struct sl_kpart_error *e);
void sl_kpart_detach(struct sl_kpart *p);
void sl_kpart_free(struct sl_kpart *p);

/* Bring one frame in at an entry as if it came from its interface, by
 * BPF_PROG_TEST_RUN, with time, length and link of `as`. Returns 0 or a negative errno. For entries without interface. */
int sl_kpart_feed(struct sl_kpart *p, unsigned int entry, const void *frame, uint32_t len,
		  const struct sl_kreplay *as);

/* How entries are attached: "tcx", "clsact", "native XDP", "generic XDP". */
const char *sl_kpart_hooked(const struct sl_kpart *p);

/* ---- reading ------------------------------------------------------- */

struct sl_kpacket {
	const struct sl_kframe *frame;
	const struct sl_kentry *entries;	/* of a plain frame: good until the next one is asked for */
	unsigned int n_entries;
	const uint8_t *bytes;			/* frame->stored of them */
	unsigned int ring;			/* which ring it lies in */
	unsigned int cpu;			/* on which it came in */
	uint64_t pos;				/* ... and where its record begins and ends */
	uint64_t end;
};

/* The next packet, 1; 0 when there is none now. It stays where it is until release. */
int sl_kpart_next(struct sl_kpart *p, struct sl_kpacket *out);
/* All of that ring up to `pos` may be written again. Any thread. */
void sl_kpart_release(struct sl_kpart *p, unsigned int ring, uint64_t pos);
/* Where a ring's data lie: address of position 0, and their size. For reading only. */
uint8_t *sl_kpart_ring(const struct sl_kpart *p, unsigned int ring, uint64_t *size_bytes);
unsigned int sl_kpart_n_rings(const struct sl_kpart *p);
unsigned int sl_kpart_n_cpus(const struct sl_kpart *p);
/* Readable when a packet came after sl_kpart_sleep() said true. */
int sl_kpart_fd(const struct sl_kpart *p);
/* Ask to be woken. False: there is something to read already; of shared rings their reader
 * looks itself, once more after this. */
bool sl_kpart_sleep(struct sl_kpart *p);
/* The same, once a quarter of a ring is full; for a reader that comes by itself soon. */
void sl_kpart_doze(struct sl_kpart *p);
/* Has the bell rung since sl_kpart_sleep()? False: the flag is up still, and need not be taken
 * down for a look at the rings. */
bool sl_kpart_rung(struct sl_kpart *p);
/* Awake again, for whatever reason. */
void sl_kpart_woken(struct sl_kpart *p);
/* Of a shared part: what a reader needs. The map can't be written by any process. */
int sl_kpart_share(const struct sl_kpart *p, uint64_t *stride, uint64_t *size, const uint8_t **map);
/* How full the fullest ring is, 0 to 1. */
double sl_kpart_fill(const struct sl_kpart *p);

/* ---- counters: sums over all CPUs ---------------------------------- */

struct sl_kpart_count {			/* of one stage */
	struct sl_ktally in, out, filtered, lost;
};

struct sl_kpart_counts {
	struct sl_kpart_count stage[SL_K_STAGES];
	struct sl_ktally moved[SL_K_STREAMS], refused[SL_K_STREAMS];
	struct sl_ktally turned[SL_K_STAGES], extra[SL_K_STAGES];	/* see abi.h */
	uint64_t values[SL_K_STAGES][SL_K_VALUES];
	uint64_t gso_frames;
};

int sl_kpart_read(struct sl_kpart *p, struct sl_kpart_counts *out);

#endif
