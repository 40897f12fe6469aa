/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/account.c -- the ways by which a block leaves a filter, each counted
 *
 *	in = gone + filtered + held + lost		(blocks, and bytes in view)
 *
 * in is counted where a batch is handed over and where a fresh block leaves for the
 * first time; each of the others where it happens. None is worked out from the
 * rest, so a block that a filter forgot, or let go twice, shows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

static inline void tally(struct sl_tally *t, uint64_t bytes)
{
	t->blocks++;
	t->bytes += bytes;
}

/* Before a block leaves or is kept: what was made here comes in, what was held is not any more. */
static inline void settle(struct sl_inst *i, struct sl_block *b)
{
	if (!(b->flags & (SL_B_FRESH | SL_B_KEPT)))
		return;
	if (b->flags & SL_B_FRESH) {
		tally(&i->in, b->len);
		tally(&i->made, b->len);
	}
	if (b->flags & SL_B_KEPT) {
		i->held.blocks--;
		i->held.bytes -= b->len;
	}
	b->flags &= (uint16_t)~(SL_B_FRESH | SL_B_KEPT);
}

static void lost(struct sl_inst *i, const char *reason, uint64_t blocks, uint64_t bytes)
{
	struct sl_lost *l;

	i->lost.blocks += blocks;
	i->lost.bytes += bytes;
	for (l = i->reasons; l < i->reasons + i->n_reasons; l++)
		if (l->reason == reason || !strcmp(l->reason, reason))
			break;
	if (l == i->reasons + SL_REASONS)
		(--l)->reason = "other reasons";
	else if (l == i->reasons + i->n_reasons)
		*l = (struct sl_lost){ .reason = reason }, i->n_reasons++;
	l->lost.blocks += blocks;
	l->lost.bytes += bytes;
}

void sl_drop(struct sl_filter *f, struct sl_block *b)
{
	struct sl_inst *i = sl_inst(f);

	settle(i, b);
	tally(&i->filtered, b->len);
	sl_block_free(f->shard, b);
}

void sl_done(struct sl_filter *f, struct sl_block *b)
{
	struct sl_inst *i = sl_inst(f);

	settle(i, b);
	tally(&i->gone, b->len);
	sl_block_free(f->shard, b);
}

void sl_lose(struct sl_filter *f, struct sl_block *b, const char *reason)
{
	struct sl_inst *i = sl_inst(f);

	settle(i, b);
	lost(i, reason, 1, b->len);
	sl_block_free(f->shard, b);
}

void sl_keep(struct sl_filter *f, struct sl_block *b)
{
	struct sl_inst *i = sl_inst(f);

	settle(i, b);
	sl_block_unpin(i, b);
	b->flags |= SL_B_KEPT;
	tally(&i->held, b->len);
}

void sl_park(struct sl_filter *f, struct sl_block *b, struct sl_block *to, bool soon)
{
	struct sl_inst *i = sl_inst(f);

	settle(i, b);
	if (!soon)
		sl_block_unpin(i, b);
	b->flags |= SL_B_KEPT;
	tally(&i->held, b->len);
	*to = *b;
	sl_slot_free(f->shard, sl_slot(b));
}

void sl_park_done(struct sl_filter *f, struct sl_block *parked)
{
	struct sl_inst *i = sl_inst(f);

	settle(i, parked);
	tally(&i->gone, parked->len);
	sl_bytes_put(i->run, parked);
}

void sl_park_lose(struct sl_filter *f, struct sl_block *parked, const char *reason)
{
	struct sl_inst *i = sl_inst(f);

	settle(i, parked);
	lost(i, reason, 1, parked->len);
	sl_bytes_put(i->run, parked);
}

void sl_absorb(struct sl_filter *f, struct sl_block *const *b, unsigned int n)
{
	struct sl_inst *i = sl_inst(f);
	uint64_t bytes = 0;

	for (unsigned int k = 0; k < n; k++) {
		settle(i, b[k]);
		bytes += b[k]->len;
	}
	i->held.blocks += n;
	i->held.bytes += bytes;
	sl_blocks_free(f->shard, b, n);
}

void sl_absorb_done(struct sl_filter *f, uint64_t blocks, uint64_t bytes)
{
	struct sl_inst *i = sl_inst(f);

	i->held.blocks -= blocks;
	i->held.bytes -= bytes;
	i->gone.blocks += blocks;
	i->gone.bytes += bytes;
}

void sl_absorb_lose(struct sl_filter *f, uint64_t blocks, uint64_t bytes, const char *reason)
{
	struct sl_inst *i = sl_inst(f);

	i->held.blocks -= blocks;
	i->held.bytes -= bytes;
	lost(i, reason, blocks, bytes);
}

void sl_view(struct sl_filter *f, struct sl_block *b, uint32_t skip, uint32_t len)
{
	struct sl_inst *i = sl_inst(f);
	uint32_t cut = b->len - len;

	if (b->flags & SL_B_KEPT)
		i->held.bytes -= cut;
	if (!(b->flags & SL_B_FRESH))
		i->filtered.bytes += cut;
	b->off += skip;
	b->head += skip;
	b->len = len;
}

void sl_lost_bytes(struct sl_filter *f, uint64_t blocks, uint64_t bytes, const char *reason)
{
	struct sl_inst *i = sl_inst(f);

	i->in.blocks += blocks;
	i->in.bytes += bytes;
	i->made.blocks += blocks;
	i->made.bytes += bytes;
	lost(i, reason, blocks, bytes);
}

/*
 * Onwards. Most nodes have one plain arrow; the rest is looked at arrow by arrow.
 * A block that several arrows take leaves once in the ledger and once on each arrow.
 */
static inline void push(struct sl_out *o, struct sl_block *b)
{
	o->batch.b[o->batch.n++] = b;
	o->batch_bytes += b->len;
}

static void push_full(struct sl_inst *i, struct sl_out *o, struct sl_block *b)
{
	push(o, b);
	if (o->batch.n == SL_BATCH_MAX)
		sl_inst_push(i);
}

static void emit_several(struct sl_inst *i, unsigned int port, struct sl_block *b)
{
	struct sl_out *last = NULL;
	struct sl_block *copy;

	for (unsigned int k = 0; k < i->n_out; k++) {
		if (!sl_stream_takes(i->out[k].stream, port, b->class))
			continue;
		if (last) {
			copy = sl_block_dup(&i->f, b);
			if (copy) {
				copy->flags &= (uint16_t)~SL_B_FRESH;
				push_full(i, last, copy);
			} else {
				sl_lost_bytes(&i->f, 1, b->len, "out of memory");
			}
		}
		last = &i->out[k];
	}
	if (last) {
		tally(&i->gone, b->len);
		push_full(i, last, b);
	} else if (port == 0 && !i->n_out) {
		tally(&i->gone, b->len);	/* the open end of a pipeline */
		sl_block_free(i->f.shard, b);
	} else {
		tally(&i->filtered, b->len);
		sl_block_free(i->f.shard, b);
	}
}

void sl_emit(struct sl_filter *f, unsigned int port, struct sl_block *b)
{
	struct sl_inst *i = sl_inst(f);

	settle(i, b);
	if (b != f->cur) {
		sl_slot(b)->seq = f->seq;
		sl_slot(b)->order = f->order;
	}
	if (!i->one_plain || port) {
		emit_several(i, port, b);
		return;
	}
	tally(&i->gone, b->len);
	push(i->out, b);
	if (i->out->batch.n == SL_BATCH_MAX)
		sl_inst_push(i);
}

void sl_lose_sent(struct sl_inst *i, struct sl_out *o, struct sl_block *b, const char *reason)
{
	i->gone.blocks--;
	i->gone.bytes -= b->len;
	o->moved.blocks--;
	o->moved.bytes -= b->len;
	lost(i, reason, 1, b->len);
	sl_block_free(i->f.shard, b);
}

bool sl_account_whole(const struct sl_inst *i)
{
	return i->in.blocks == i->gone.blocks + i->filtered.blocks + i->held.blocks + i->lost.blocks &&
	       i->in.bytes == i->gone.bytes + i->filtered.bytes + i->held.bytes + i->lost.bytes;
}

void sl_account_check(struct sl_inst *i)
{
#ifdef SL_DEBUG_LEDGER
	if (sl_account_whole(i))
		return;
	fprintf(stderr, "ledger of %s: in %lu/%lu != out %lu/%lu + filtered %lu/%lu + held %lu/%lu + lost %lu/%lu\n",
		i->f.name, i->in.blocks, i->in.bytes, i->gone.blocks, i->gone.bytes,
		i->filtered.blocks, i->filtered.bytes, i->held.blocks, i->held.bytes,
		i->lost.blocks, i->lost.bytes);
	abort();
#else
	(void)i;
#endif
}
