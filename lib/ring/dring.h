/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ring/dring.h -- data ring: records of bytes, one writer, many readers
 *
 * The bytes are stored once; every reader looks at them where they lie, or copies
 * what it wants. Layout, owners and transitions: ring/layout.h. This is the code
 * for threads and processes; all atomics of the data ring are here and in dring.c.
 *
 *	owner		sl_dring_create() -> fds of ring, control page and bells, by fork
 *			or over a socket; sl_dring_slot_open() for each reader of its own
 *	writer		reserve, fill in, reserve, fill in ..., submit: one publication,
 *			at most one wake-up
 *	reader		peek a batch, use it, release; nothing there: wait
 *
 *	reader of	is		sees records			sleeps
 *	a slot,		HONOURED	in place			by flag and bell
 *	a slot,		LAPPED		in a buffer of its own		by flag and bell
 *	no slot		a stranger	in a buffer of its own		by naps that grow
 *
 * Nobody spins. A reader that was busy naps once for 20 us before it asks to be
 * woken, so that batches form by themselves; an idle ring costs nothing. A reader
 * may also ask for some time between two bells (gap_ns below).
 *
 * A held record keeps the writer back, for ever if need be: who holds one while
 * it waits for more must be able to copy it out when the ring is full.
 */
#ifndef SL_RING_DRING_H
#define SL_RING_DRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring/layout.h"

/* One process's view of a ring. Descriptors it does not have are -1. */
struct sl_dring {
	struct sl_dring_head *head;
	uint8_t *data;
	struct sl_dring_ctl *ctl;	/* NULL for strangers */
	uint64_t size, spare;
	uint64_t largest;		/* record, header included */
	int fd, ctl_fd;
	int room;			/* rung by readers for the writer */
	int bell[SL_DRING_SLOTS];	/* rung by the writer, one for each slot */
	size_t mapped, ctl_mapped;	/* bytes to unmap in the end */
	bool owner;			/* made here: fd, ctl_fd, room, bell */
};

struct sl_dring_writer {
	struct sl_dring *d;
	uint64_t head;			/* published */
	uint64_t next;			/* behind the last record reserved */
	uint64_t claim;			/* as in the head page */
	uint64_t seq;			/* of the next record */
	struct sl_dring_rec *last;	/* reserved and not yet published, or NULL */
	uint64_t rung, waits, naps;	/* bells rung; times it slept, napped for room */
	uint64_t napped;		/* head when it last napped */
};

struct sl_dring_reader {
	struct sl_dring *d;
	int slot;			/* -1: none */
	bool honoured;
	uint64_t pos;			/* behind what was peeked */
	uint64_t tail;			/* behind what was released */
	uint64_t seen;			/* head as last seen */
	uint64_t expected;		/* number of the next record */
	uint64_t first;			/* number from which it counts */
	uint64_t records, lost;		/* records + lost == expected - first */
	uint64_t lost_bytes;		/* ring bytes jumped over, headers included */
	uint64_t sleeps, naps;
	uint64_t gap_ns;		/* to be set: least time between two bells, 0 (none) by default. At
					   medium rates it bounds both the cost (1 ms: 1000 wake-ups
					   a second, not one for each record) and the delay. */
	uint64_t woken_ns;		/* when the last bell rang */
	uint64_t nap_ns;		/* next nap of a stranger */
	uint64_t napped;		/* pos when it last napped */
	bool slow;			/* naps are gap_ns long */
	bool joined;			/* a first record was seen, or was number 0 */
	uint8_t *copy;			/* lapped: what peek gave */
	size_t copy_size;
	void (*drain)(void *arg);	/* to be set when the bell is no eventfd: make it unreadable */
	void *drain_arg;
};

/*
 * The owner: makes a ring of so many bytes (rounded up to a power of two, within
 * SL_DRING_BYTES_MIN and _MAX), mapped writable here and nowhere else from now on: the memfd is
 * sealed, and children do not inherit the mapping. 0 or -errno.
 */
int sl_dring_create(struct sl_dring *d, uint64_t bytes);

/*
 * A reader: maps the ring of fd, read-only. ctl_fd is -1 for strangers. The
 * descriptors stay the caller's (room and bells are for the caller to fill in).
 * -EBADMSG: not a ring; -EPERM: not sealed, so that whoever has it could pull it
 * from under us.
 */
int sl_dring_attach(struct sl_dring *d, int fd, int ctl_fd);

/*
 * A ring in memory that the caller mapped and keeps: an arena, an mmapable array, a
 * thread's own. format writes the head page (the memory is zero otherwise) with
 * so many bytes of data and the rest as run-on; wrap believes the one that is there.
 */
int sl_dring_format(void *base, size_t len, uint64_t size);
int sl_dring_wrap(struct sl_dring *d, void *base, size_t len, struct sl_dring_ctl *ctl);

/* Unmaps and closes what create, attach or slot_open made. Fine with one that is zero or half-made. */
void sl_dring_done(struct sl_dring *d);

/*
 * The owner, one thread at a time: a slot for a reader, from now on honoured when
 * kind says so; its bell (and room) is made when there is none. The slot, or
 * -ENOSPC, -errno.
 */
int sl_dring_slot_open(struct sl_dring *d, enum sl_dring_state kind, uint32_t pid);
/* Its reader is done, or dead and reaped. A writer that waited for it is rung. */
void sl_dring_slot_close(struct sl_dring *d, int slot);

/* A writer goes on behind what is published. */
void sl_dring_writer_init(struct sl_dring_writer *w, struct sl_dring *d);

int sl_dring_more(struct sl_dring_writer *w, uint64_t need);

static inline uint8_t *sl_dring_at(const struct sl_dring *d, uint64_t pos)
{
	return d->data + (pos & (d->size - 1));
}

/*
 * Room for a record of len bytes, contiguous and aligned to 8: 0, -EAGAIN (an
 * honoured reader is behind; all that was reserved before is published),
 * -EMSGSIZE (it never fits). What is reserved must be filled in before the next
 * reserve or submit.
 */
static inline int sl_dring_reserve(struct sl_dring_writer *w, uint32_t len, void **payload)
{
	uint64_t need = sl_dring_need(len);
	struct sl_dring_rec *rec;

	/* After a trim more may be claimed than a record may have. */
	if (__builtin_expect(need > w->claim - w->next || need > w->d->largest, 0)) {
		int r = sl_dring_more(w, need);

		if (r < 0)
			return r;
	}
	rec = (struct sl_dring_rec *)sl_dring_at(w->d, w->next);
	rec->size = (uint32_t)need;
	rec->len = len;
	rec->seq = w->seq++;
	w->next += need;
	w->last = rec;
	*payload = rec + 1;
	return 0;
}

/* The record reserved last has only len bytes after all. */
void sl_dring_trim(struct sl_dring_writer *w, uint32_t len);
/* The record reserved last is not to be. */
void sl_dring_cancel(struct sl_dring_writer *w);

/* Publish what was reserved, and wake who sleeps. Records published. */
unsigned int sl_dring_submit(struct sl_dring_writer *w);

/* It was not written, and nobody waited: count it. */
void sl_dring_refuse(struct sl_dring_writer *w, uint32_t len);

/*
 * Sleep until a record of len bytes has room. 0, -ETIMEDOUT, -EINTR, -EMSGSIZE.
 * timeout_ns < 0: for ever. Publishes first.
 */
int sl_dring_wait_room(struct sl_dring_writer *w, uint32_t len, int64_t timeout_ns);

/* There will be no more; readers are woken and told when they have read all. */
void sl_dring_end(struct sl_dring_writer *w);

/*
 * slot from sl_dring_slot_open(), or -1 for a stranger. A reader begins with what
 * is published after it joined (an honoured one: after its slot was opened).
 */
int sl_dring_reader_init(struct sl_dring_reader *r, struct sl_dring *d, int slot);
void sl_dring_reader_done(struct sl_dring_reader *r);

/*
 * Up to n records, in order; the payload follows each. They stay what they are
 * until they are released (honoured: in the ring) or until the next peek (else: in
 * a buffer of the reader's). Their number, 0: nothing there, -EBADMSG: not a
 * ring's record, -ENOMEM. r->lost grows by the records missed in front of those
 * given.
 */
int sl_dring_peek(struct sl_dring_reader *r, const struct sl_dring_rec **rec, int n);

static inline const void *sl_dring_payload(const struct sl_dring_rec *rec)
{
	return rec + 1;
}

/* All that was peeked may be overwritten. */
void sl_dring_release(struct sl_dring_reader *r);
/* Only what lies in front of this record, which was peeked: the rest stays held. Honoured readers only. */
void sl_dring_release_to(struct sl_dring_reader *r, const struct sl_dring_rec *rec);

/* The writer said that it ended, and all that can be read was peeked. */
bool sl_dring_ended(const struct sl_dring_reader *r);

/*
 * Nothing more will come (it ended, or its process is dead): count as lost what
 * was published and not seen. Exact after an end; after a death, a batch that
 * was numbered and never published counts too.
 */
void sl_dring_settle(struct sl_dring_reader *r);

/*
 * Sleep until there is something to peek (1), it ended (0), -ETIMEDOUT, -EINTR.
 * timeout_ns < 0: for ever. The first nap makes this thread's timers exact (timer slack).
 */
int sl_dring_wait(struct sl_dring_reader *r, int64_t timeout_ns);

/*
 * The same in parts, for who sleeps in a loop of its own: arm; when it is true
 * sleep on sl_dring_bell() until it is readable, then disarm. False: there is
 * something, or it ended. Needs a slot. When napping pays is for that loop to
 * say: sl_dring_nap_ns() tells how long (0: arm at once).
 */
bool sl_dring_arm(struct sl_dring_reader *r);
void sl_dring_disarm(struct sl_dring_reader *r);
int sl_dring_bell(const struct sl_dring_reader *r);
uint64_t sl_dring_nap_ns(struct sl_dring_reader *r);

#endif
