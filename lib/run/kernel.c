/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run/kernel.c -- see kernel.h */
#include "run/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/view.h"
#include "run/run.h"

#define NEED_ALL	0xffffu

struct border {
	struct sl_inst *from;
	struct sl_out *out;		/* NULL: to the C form of `from` itself */
	unsigned int stream;		/* where the kernel counts it */
	struct sl_tally crossed;
};

/* What was counted of one node, by the kernel or by its instance here. */
struct part {
	struct sl_tally in, gone, filtered, lost, held, made;
	uint64_t values[SL_K_VALUES];
};

struct sl_kernel_side {
	struct sl_inst *stage[SL_K_STAGES];	/* nodes in the kernel, in order */
	unsigned int n_stages;
	struct border *border;
	unsigned int n_borders;
	struct sl_out *stream[SL_K_STREAMS];	/* by the number that the kernel counts it under */
	unsigned int n_streams;
	struct sl_filter *leader;
	struct part by_kernel[SL_K_STAGES];	/* of what the instances say */
	struct sl_batch up;		/* for the C form of `up_to`, not yet given to it */
	uint64_t up_bytes;
	struct sl_inst *up_to;
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

static int add_border(struct sl_kernel_side *k, struct sl_inst *from, struct sl_out *out)
{
	struct border *more = realloc(k->border, (k->n_borders + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	k->border = more;
	k->border[k->n_borders++] = (struct border){ .from = from, .out = out, .stream = k->n_streams - 1 };
	return 0;
}

/* Streams and borders in the order in which sl_kernel_part() numbers them. */
static int find_borders(struct sl_kernel_side *k)
{
	int r = 0;

	for (unsigned int i = 0; !r && i < k->n_stages; i++) {
		for (unsigned int o = 0; !r && o < k->stage[i]->n_out; o++) {
			struct sl_out *out = &k->stage[i]->out[o];

			if (k->n_streams == SL_K_STREAMS)
				return -E2BIG;
			k->stream[k->n_streams++] = out;
			if (!out->stream->to->in_kernel)
				r = add_border(k, k->stage[i], out);
		}
		if (!(k->stage[i]->f.type->flags & SL_F_UNDECIDED) || r)
			continue;
		if (k->n_streams == SL_K_STREAMS)
			return -E2BIG;
		k->stream[k->n_streams++] = NULL;
		r = add_border(k, k->stage[i], NULL);
	}
	return r;
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

static bool finds(const struct sl_node *n)
{
	return n->n_in && n->type->need == SL_NEED_HEADERS;
}

static int fill_arrow(const struct sl_kernel_side *k, const struct sl_stream *s, struct sl_karrow *a)
{
	const struct sl_tags *t = &s->tags;

	if (t->n_terms > SL_K_TERMS)
		return -E2BIG;
	*a = (struct sl_karrow){
		.stage = SL_K_NONE, .plain = t->plain, .any = t->any, .other = t->other,
		.n_terms = (uint8_t)t->n_terms, .need = s->need_bytes ? s->need_bytes : NEED_ALL,
		/* a form that reads headers has found them */
		.headers = s->need_headers, .find = s->need_headers && !s->to->in_kernel && !finds(s->from),
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
		.entry = n->f.type->flags & SL_F_LIVE, .up = SL_K_NONE, .up_stream = SL_K_NONE,
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
		if (stages[i].type->flags & SL_F_UNDECIDED) {
			stages[i].up = border++;
			stages[i].up_stream = stream++;
		}
		if (k->stage[i] == sl_inst(f))
			*self = i;
	}
	*n = k->n_stages;
	return 0;
}

struct sl_filter *sl_kernel_leader(struct sl_filter *f)
{
	return sl_inst(f)->run->kernel->leader;
}

void sl_kernel_refused(struct sl_filter *f, unsigned int stage, const char *words)
{
	struct sl_run *r = sl_inst(f)->run;
	char *text = sl_arena_printf(r->graph->arena, "%s", words);

	if (!text || stage >= r->kernel->n_stages)
		return;
	r->plan->refused = r->kernel->stage[stage]->node->name;
	r->plan->refused_words = text;
}

/* ---- packets ------------------------------------------------------- */

void sl_kernel_skip(struct sl_filter *f, uint64_t n)
{
	sl_inst(f)->run->seq += n;
}

/*
 * What the kernel's form could not decide goes to the C form. It is given all before another
 * packet crosses a border, so packets of one arrow stay in order.
 */
static void push_up(struct sl_kernel_side *k)
{
	if (k->up.n)
		sl_inst_feed(k->up_to, &k->up, k->up_bytes);
	k->up.n = 0;
	k->up_bytes = 0;
}

static void go_up(struct sl_kernel_side *k, struct sl_inst *to, struct sl_block *b)
{
	if (k->up_to != to || k->up.n == SL_BATCH_MAX)
		push_up(k);
	k->up_to = to;
	k->up.b[k->up.n++] = b;
	k->up_bytes += b->len;
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
	at->crossed.blocks++;
	at->crossed.bytes += b->len;
	if (!at->out) {
		go_up(r->kernel, at->from, b);
		return;
	}
	push_up(r->kernel);
	at->out->batch.b[at->out->batch.n++] = b;
	at->out->batch_bytes += b->len;
	if (at->out->batch.n == SL_BATCH_MAX)
		sl_inst_push(at->from);
}

void sl_kernel_push(struct sl_run *r)
{
	if (r->kernel)
		push_up(r->kernel);
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

/*
 * What was written into a ring and has not been read yet is held. What went up to the C
 * form is counted there, once more as in.
 */
static void in_rings(const struct sl_kernel_side *k, struct sl_inst *i, const struct sl_kpart_counts *c)
{
	struct sl_tally held = { 0 };

	for (unsigned int b = 0; b < k->n_borders; b++) {
		const struct border *at = &k->border[b];

		if (at->from != i)
			continue;
		held.blocks += c->moved[at->stream].blocks - c->refused[at->stream].blocks - at->crossed.blocks;
		held.bytes += c->moved[at->stream].bytes - c->refused[at->stream].bytes - at->crossed.bytes;
		if (at->out)
			continue;
		less(&i->in, at->crossed.blocks, at->crossed.bytes);
		less(&i->gone, at->crossed.blocks, at->crossed.bytes);
	}
	if (held.blocks > i->gone.blocks)
		held = i->gone;
	i->held = held;
	less(&i->gone, held.blocks, held.bytes);
}

static void set_reason(struct sl_inst *i, const char *reason, struct sl_tally lost)
{
	unsigned int n = 0;

	while (n < i->n_reasons && strcmp(i->reasons[n].reason, reason))
		n++;
	if (n == SL_REASONS || (n == i->n_reasons && !lost.blocks))
		return;
	i->reasons[n] = (struct sl_lost){ reason, lost };
	if (n == i->n_reasons)
		i->n_reasons++;
}

/* Its instance here works as well: it looks after the form's tables, or takes what that hands up. */
static bool works_here(const struct sl_inst *i)
{
	return i->opened && !(i->f.type->flags & SL_F_LIVE);
}

static struct sl_count *value_at(const struct sl_inst *i, const struct sl_value *v)
{
	return (struct sl_count *)((char *)i->f.state + v->off);
}

/* All that an instance says of itself, into *p, or added to it. */
static void each_tally(struct sl_inst *i, struct part *p, void (*op)(struct sl_tally *of, struct sl_tally *p))
{
	op(&i->in, &p->in);
	op(&i->gone, &p->gone);
	op(&i->filtered, &p->filtered);
	op(&i->lost, &p->lost);
	op(&i->held, &p->held);
	op(&i->made, &p->made);
}

static void get(struct sl_tally *of, struct sl_tally *p)
{
	*p = *of;
}

static void add_to(struct sl_tally *of, struct sl_tally *p)
{
	of->blocks += p->blocks;
	of->bytes += p->bytes;
}

static void take_from(struct sl_tally *of, struct sl_tally *p)
{
	p->blocks = of->blocks - p->blocks;
	p->bytes = of->bytes - p->bytes;
}

static void by_kernel(const struct sl_kernel_side *k, unsigned int s, const struct sl_kpart_counts *c, bool over)
{
	const struct sl_ktally *turned = &c->turned[s], *extra = &c->extra[s];
	struct sl_tally full = { turned->blocks + extra->blocks, turned->bytes + extra->bytes };
	struct sl_inst *i = k->stage[s];

	take(&i->in, &c->stage[s].in);
	take(&i->gone, &c->stage[s].out);
	take(&i->filtered, &c->stage[s].filtered);
	take(&i->lost, &c->stage[s].lost);
	set_reason(i, "refused by its kernel form", i->lost);
	less(&i->gone, turned->blocks, turned->bytes);
	in_rings(k, i, c);
	if (over && i->held.blocks) {
		i->lost.blocks += i->held.blocks;
		i->lost.bytes += i->held.bytes;
		set_reason(i, "overrun", i->held);
		i->held = (struct sl_tally){ 0 };
	}
	i->in.blocks += extra->blocks;
	i->in.bytes += extra->bytes;
	i->lost.blocks += full.blocks;
	i->lost.bytes += full.bytes;
	set_reason(i, "ring full", full);
	take(&i->made, &c->stage[s].in);
	if (i->node->n_in)
		i->made = (struct sl_tally){ 0 };
	i->made.blocks += extra->blocks;
	i->made.bytes += extra->bytes;
}

static void account(struct sl_kernel_side *k, unsigned int s, const struct sl_kpart_counts *c, bool over)
{
	struct part *before = &k->by_kernel[s], here = *before;
	struct sl_inst *i = k->stage[s];
	const struct sl_value *v = i->f.type->flags & SL_F_LIVE ? NULL : i->f.type->values;

	if (works_here(i))
		each_tally(i, &here, take_from);
	by_kernel(k, s, c, over);
	each_tally(i, before, get);
	if (works_here(i))
		each_tally(i, &here, add_to);
	for (unsigned int n = 0; v && v[n].name && n < SL_K_VALUES; n++) {
		value_at(i, &v[n])->n += c->values[s][n] - before->values[n];
		before->values[n] = c->values[s][n];
	}
}

void sl_kernel_account(struct sl_filter *f, const struct sl_kpart_counts *c, bool over)
{
	struct sl_kernel_side *k = sl_inst(f)->run->kernel;

	for (unsigned int s = 0; s < k->n_stages; s++)
		account(k, s, c, over);
	for (unsigned int n = 0; n < k->n_streams; n++)
		if (k->stream[n] && k->stream[n]->stream->to->in_kernel)
			take(&k->stream[n]->moved, &c->moved[n]);
}

bool sl_kernel_watched(struct sl_filter *f)
{
	const struct sl_kernel_side *k = sl_inst(f)->run->kernel;

	for (unsigned int s = 0; s < k->n_stages; s++)
		if (k->stage[s]->f.type->kernel_sync)
			return true;
	return false;
}

void sl_kernel_sync(struct sl_filter *f, struct sl_kpart *part, const struct sl_kpart_counts *c,
		    uint64_t now_ns, uint64_t to_real_ns, bool last)
{
	struct sl_run *r = sl_inst(f)->run;
	struct sl_kernel_side *k = r->kernel;

	for (unsigned int s = 0; s < k->n_stages; s++) {
		struct sl_inst *i = k->stage[s];
		struct sl_kernel_view v = {
			.part = part, .stage = s, .now_ns = now_ns, .to_real_ns = to_real_ns,
			.lost = c->stage[s].lost.blocks, .last = last,
		};

		if (!i->f.type->kernel_sync || !i->opened || i->failed)
			continue;
		i->f.cur = NULL;
		i->f.seq = last ? SL_SEQ_END : r->seq;
		i->f.order = SL_ORDER(i->node->order, 0);
		i->timed = true;
		if (i->f.type->kernel_sync(&i->f, &v) < 0) {
			i->failed = true;
			atomic_store(&r->failed, true);
		}
		sl_inst_push(i);
		i->timed = false;
	}
}
