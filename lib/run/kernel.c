/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run/kernel.c -- see kernel.h */
#include "run/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

#define NEED_ALL	0xffffu

struct border {
	struct sl_inst *from;
	struct sl_out *out;
	unsigned int stream;		/* where the kernel counts it */
};

struct sl_kernel_side {
	struct sl_inst *stage[SL_K_STAGES];	/* nodes in the kernel, in order */
	unsigned int n_stages;
	struct border *border;
	unsigned int n_borders;
	struct sl_out *stream[SL_K_STREAMS];	/* by the number that the kernel counts it under */
	unsigned int n_streams;
	struct sl_filter *leader;
};

/* ---- what is there ------------------------------------------------- */

static int find_stages(struct sl_run *r, struct sl_kernel_side *k)
{
	for (unsigned int i = 0; i < r->main.n_sorted; i++) {
		struct sl_inst *n = r->main.sorted[i];

		if (!n->node->in_kernel)
			continue;
		if (k->n_stages == SL_K_STAGES - 1)
			return -E2BIG;
		k->stage[k->n_stages++] = n;
	}
	return 0;
}

static int find_borders(struct sl_kernel_side *k)
{
	struct border *more;

	for (unsigned int i = 0; i < k->n_stages; i++) {
		for (unsigned int o = 0; o < k->stage[i]->n_out; o++) {
			struct sl_out *out = &k->stage[i]->out[o];

			if (k->n_streams == SL_K_STREAMS)
				return -E2BIG;
			k->stream[k->n_streams++] = out;
			if (out->stream->to->in_kernel)
				continue;
			more = realloc(k->border, (k->n_borders + 1) * sizeof(*more));
			if (!more)
				return -ENOMEM;
			k->border = more;
			k->border[k->n_borders++] = (struct border){ k->stage[i], out, k->n_streams - 1 };
		}
	}
	return 0;
}

int sl_kernel_init(struct sl_run *r)
{
	struct sl_kernel_side *k = calloc(1, sizeof(*k));
	int e;

	if (!k)
		return -ENOMEM;
	r->kernel = k;
	e = find_stages(r, k);
	if (!e)
		e = find_borders(k);
	if (!e && !k->n_stages)
		sl_kernel_end(r);
	return e;
}

void sl_kernel_end(struct sl_run *r)
{
	if (!r->kernel)
		return;
	free(r->kernel->border);
	free(r->kernel);
	r->kernel = NULL;
}

/* ---- as the kernel wants to hear it -------------------------------- */

static unsigned int index_of(const struct sl_kernel_side *k, const struct sl_node *n)
{
	unsigned int i = 0;

	while (i < k->n_stages && k->stage[i]->node != n)
		i++;
	return i;
}

static int fill_arrow(const struct sl_kernel_side *k, const struct sl_stream *s, struct sl_karrow *a)
{
	const struct sl_tags *t = &s->tags;

	if (t->n_terms > SL_K_TERMS)
		return -E2BIG;
	*a = (struct sl_karrow){
		.stage = SL_K_NONE, .plain = t->plain, .any = t->any, .other = t->other,
		.n_terms = (uint8_t)t->n_terms, .need = s->need_bytes ? s->need_bytes : NEED_ALL,
	};
	for (unsigned int i = 0; i < t->n_terms; i++)
		a->terms[i] = (struct sl_kterm){
			.lo = t->terms[i].lo, .hi = t->terms[i].hi, .port = t->terms[i].port,
			.whole_port = t->terms[i].kind == SL_TERM_PORT, .negate = t->terms[i].negate,
		};
	if (s->to->in_kernel)
		a->stage = index_of(k, s->to);
	return 0;
}

static int fill_stage(const struct sl_kernel_side *k, unsigned int i, struct sl_kstage *out)
{
	const struct sl_inst *n = k->stage[i];
	int r = 0;

	*out = (struct sl_kstage){
		.type = n->f.type, .state = n->f.state, .shared = n->f.shared, .name = n->f.name,
		.entry = n->f.type->flags & SL_F_LIVE,
	};
	if (n->n_out > SL_K_ARROWS)
		return -E2BIG;
	for (unsigned int o = 0; !r && o < n->n_out; o++)
		r = fill_arrow(k, n->out[o].stream, &out->arrows[out->n_arrows++]);
	return r;
}

int sl_kernel_part(struct sl_filter *f, struct sl_kstage stages[SL_K_STAGES], unsigned int *n,
		   unsigned int *self, bool *leads, char *why, size_t size)
{
	struct sl_kernel_side *k = sl_inst(f)->run->kernel;
	unsigned int stream = 0, border = 0;

	if (!k || !sl_inst(f)->node->in_kernel) {
		snprintf(why, size, "the plan keeps it in user space");
		return -ENOTSUP;
	}
	*leads = !k->leader || k->leader == f;
	k->leader = *leads ? f : k->leader;
	for (unsigned int i = 0; i < k->n_stages; i++) {
		if (fill_stage(k, i, &stages[i]) < 0) {
			snprintf(why, size, "'%s' has more arrows or tags than a program takes",
				 k->stage[i]->f.name);
			return -ENOTSUP;
		}
		for (unsigned int a = 0; a < stages[i].n_arrows; a++) {
			stages[i].arrows[a].stream = stream++;
			if (stages[i].arrows[a].stage == SL_K_NONE)
				stages[i].arrows[a].border = border++;
		}
		if (k->stage[i] == sl_inst(f))
			*self = i;
	}
	*n = k->n_stages;
	return 0;
}

/* ---- packets ------------------------------------------------------- */

void sl_kernel_skip(struct sl_filter *f, uint64_t n)
{
	sl_inst(f)->run->seq += n;
}

void sl_kernel_cross(struct sl_filter *f, unsigned int border, struct sl_block *b)
{
	struct sl_run *r = sl_inst(f)->run;
	struct border *at;

	if (border >= r->kernel->n_borders) {	/* never, unless the ring is broken */
		sl_block_free(f->shard, b);
		return;
	}
	at = &r->kernel->border[border];
	b->flags &= (uint16_t)~SL_B_FRESH;
	if (b->time_ns > r->now_ns)
		r->now_ns = b->time_ns;
	at->out->batch.b[at->out->batch.n++] = b;
	at->out->batch_bytes += b->len;
	if (at->out->batch.n == SL_BATCH_MAX)
		sl_inst_push(at->from);
}

void sl_kernel_push(struct sl_run *r)
{
	for (unsigned int i = 0; r->kernel && i < r->kernel->n_stages; i++)
		sl_inst_push(r->kernel->stage[i]);
}

void sl_kernel_push_all(struct sl_filter *f)
{
	sl_kernel_push(sl_inst(f)->run);
}

/* ---- the ledger ---------------------------------------------------- */

static void less(struct sl_tally *t, uint64_t blocks, uint64_t bytes)
{
	t->blocks -= blocks < t->blocks ? blocks : t->blocks;
	t->bytes -= bytes < t->bytes ? bytes : t->bytes;
}

static void take(struct sl_tally *to, const struct sl_ktally *from)
{
	to->blocks = from->blocks;
	to->bytes = from->bytes;
}

/* What was written into a ring and has not been read yet is held. */
static void in_rings(const struct sl_kernel_side *k, const struct sl_inst *i,
		     const struct sl_kpart_counts *c, struct sl_tally *held)
{
	*held = (struct sl_tally){ 0 };
	for (unsigned int b = 0; b < k->n_borders; b++) {
		const struct border *at = &k->border[b];

		if (at->from != i)
			continue;
		held->blocks += c->moved[at->stream].blocks - c->refused[at->stream].blocks -
				at->out->moved.blocks - at->out->batch.n;
		held->bytes += c->moved[at->stream].bytes - c->refused[at->stream].bytes -
			       at->out->moved.bytes - at->out->batch_bytes;
	}
	if (held->blocks > i->gone.blocks)
		*held = i->gone;
}

static void account(const struct sl_kernel_side *k, unsigned int s, const struct sl_kpart_counts *c)
{
	const struct sl_ktally *turned = &c->turned[s], *extra = &c->extra[s];
	struct sl_inst *i = k->stage[s];
	const struct sl_value *v;
	unsigned int n = 0;

	take(&i->in, &c->stage[s].in);
	take(&i->gone, &c->stage[s].out);
	take(&i->filtered, &c->stage[s].filtered);
	take(&i->lost, &c->stage[s].lost);
	i->n_reasons = 0;
	if (i->lost.blocks)
		i->reasons[i->n_reasons++] = (struct sl_lost){ "refused by its kernel form", i->lost };
	less(&i->gone, turned->blocks, turned->bytes);
	in_rings(k, i, c, &i->held);
	less(&i->gone, i->held.blocks, i->held.bytes);
	i->in.blocks += extra->blocks;
	i->in.bytes += extra->bytes;
	if (turned->blocks + extra->blocks) {
		struct sl_tally full = { turned->blocks + extra->blocks, turned->bytes + extra->bytes };

		i->lost.blocks += full.blocks;
		i->lost.bytes += full.bytes;
		i->reasons[i->n_reasons++] = (struct sl_lost){ "ring full", full };
	}
	take(&i->made, &c->stage[s].in);
	if (i->node->n_in)
		i->made = (struct sl_tally){ 0 };
	i->made.blocks += extra->blocks;
	i->made.bytes += extra->bytes;
	if (i->f.type->flags & SL_F_LIVE)
		return;
	for (v = i->f.type->values; v && v->name && n < SL_K_VALUES; v++, n++)
		((struct sl_count *)((char *)i->f.state + v->off))->n = c->values[s][n];
}

void sl_kernel_account(struct sl_filter *f, const struct sl_kpart_counts *c)
{
	struct sl_kernel_side *k = sl_inst(f)->run->kernel;

	for (unsigned int s = 0; s < k->n_stages; s++)
		account(k, s, c);
	for (unsigned int n = 0; n < k->n_streams; n++)
		if (k->stream[n]->stream->to->in_kernel)
			take(&k->stream[n]->moved, &c->moved[n]);
}
