/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kern/part_int.h -- what the pieces of a part share: part.c, rings.c, hook.c */
#ifndef SL_KERN_PART_INT_H
#define SL_KERN_PART_INT_H

#include "kern/kernel.h"
#include "kern/part.h"

struct bpf_object;
struct ring_buffer;

/* Rings of one carrier as this process sees them: one a CPU, or one for all (ringbuf). */
struct sl_krings {
	enum sl_kcarrier carrier;
	unsigned int n, n_cpus;
	int fd, control_fd, bell_fd;	/* maps; -1: none */
	uint64_t size, stride;		/* bytes of data; from one ring to the next */
	uint64_t base;			/* arena: the address that all share */
	uint8_t *map;			/* n * stride bytes; ringbuf: the data, twice */
	size_t map_len;
	uint8_t *control;		/* n pages */
	struct ring_buffer *bell;
	__u64 *consumer;		/* ringbuf: the two positions */
	const __u64 *producer;
	struct {
		uint64_t pos, head;	/* read up to; published when last looked */
		bool live;		/* one of `live` */
	} *at;
	unsigned int *live, n_live;	/* in which something is left to read */
	bool dry;			/* one that was live has been read to its end */
	struct sl_kentry plain[2];	/* of the packet that was read last */
};

/* The entries of a frame; those of a plain one are made in `made`. Gives their number. */
static inline unsigned int sl_kframe_entries(const struct sl_kframe *f, struct sl_kentry made[2])
{
	unsigned int n = 0;

	if (!(f->flags & SL_K_PLAIN))
		return f->n_entries;
	made[0] = (struct sl_kentry){
		.len = f->stored, .frame_len = f->stored,
		.flags = (__u16)((f->flags & SL_K_IN ? SL_B_IN : 0) | (f->flags & SL_K_OUT ? SL_B_OUT : 0)),
	};
	if (f->flags & SL_K_TO_ALL) {
		made[1] = made[0];
		made[n++].border = SL_K_SHARED;
	}
	made[n++].border = f->n_entries;
	return n;
}

/* The frame of a record, as it is given out. */
void sl_kpacket_at(struct sl_krings *r, const struct sl_kframe *f, struct sl_kpacket *out);

int sl_krings_new(struct sl_krings *r, enum sl_kcarrier carrier, uint64_t ring_bytes, bool shared);
void sl_krings_done(struct sl_krings *r);

/* The kernel's ring buffer: ringbuf.c */
int sl_kringbuf_new(struct sl_krings *r);
void sl_kringbuf_done(struct sl_krings *r);
bool sl_kringbuf_ready(struct sl_krings *r);
int sl_kringbuf_next(struct sl_krings *r, struct sl_kpacket *out);

static inline struct sl_dring_head *sl_krings_head(const struct sl_krings *r, unsigned int i)
{
	return (struct sl_dring_head *)(r->map + i * r->stride);
}

static inline struct sl_dring_ctl *sl_krings_ctl(const struct sl_krings *r, unsigned int i)
{
	return (struct sl_dring_ctl *)(r->control + i * 4096u);
}

struct sl_khooked {		/* an entry at its interface, in one direction */
	unsigned int stage;
	struct sl_kif at;
	bool egress;
	int prog_fd;		/* owned by the object */
	int link_fd;		/* -1: none; of clsact: a spare one, to have a socket for its end */
	/* clsact */
	uint32_t handle, priority;
	bool filter, made_qdisc;
};

struct sl_kmapped {		/* a map of a form, mapped here: view.c */
	struct sl_kmapped *next;
	int fd;
	void *at;
	size_t size;
};

struct sl_kpart {
	struct sl_kpart_opts o;		/* .stages is not kept */
	struct sl_kstage stages[SL_K_STAGES];
	unsigned int commit;		/* index of the commit stage: behind all others */
	int scratch_fd, stages_fd, replay_fd;
	struct sl_kernel_where where;
	struct sl_krings rings;
	bool plain;			/* as in struct sl_kconf */
	bool windows, entered;		/* entries fill the window; they are loaded */
	struct bpf_object **objects;
	unsigned int n_objects;
	struct bpf_object *stage_object[SL_K_STAGES];	/* of the stages that are no entries */
	struct sl_kmapped *mapped;
	int behind_fd[SL_K_STAGES];	/* programs that begin with classic ones; -1: none */
	struct sl_khooked *hooked;
	unsigned int n_hooked;
	const char *how;
};

/* Unmap what was mapped of a map; fd -1: of all. */
void sl_kernel_unmap(struct sl_kpart *p, int fd);

int sl_khook(struct sl_kpart *p, struct sl_khooked *h, struct sl_kpart_error *e);
void sl_kunhook(struct sl_kpart *p, struct sl_khooked *h);

int sl_kpart_fail(struct sl_kpart_error *e, unsigned int stage, int error, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
