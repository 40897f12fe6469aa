/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/ledger.c -- the ledger as rows, all instances of a node added up
 *
 * While workers run, their counts are their own; rows of filters that they run
 * are exact once the run has ended, and until then show the main thread's part.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "run/run.h"

static void add(struct sl_tally *to, const struct sl_tally *t)
{
	to->blocks += t->blocks;
	to->bytes += t->bytes;
}

static uint64_t value_of(const struct sl_inst *i, const struct sl_value *v)
{
	return ((const struct sl_count *)((const char *)i->f.state + v->off))->n;
}

static void add_reasons(const struct sl_inst *i, struct sl_ledger_row *row)
{
	for (unsigned int k = 0; k < i->n_reasons; k++) {
		unsigned int at = 0;

		while (at < row->n_reasons && strcmp(row->reasons[at].reason, i->reasons[k].reason))
			at++;
		if (at == SL_REASONS)
			at--;
		else if (at == row->n_reasons)
			row->reasons[row->n_reasons++].reason = i->reasons[k].reason;
		add(&row->reasons[at].lost, &i->reasons[k].lost);
	}
}

static void add_inst(const struct sl_inst *i, struct sl_ledger_row *row)
{
	unsigned int k = 0;

	add(&row->in, &i->in);
	add(&row->out, &i->gone);
	add(&row->filtered, &i->filtered);
	add(&row->held, &i->held);
	add(&row->lost, &i->lost);
	row->busy_ns += i->busy_ns;
	row->copies += i->copies;
	add_reasons(i, row);
	for (const struct sl_value *v = i->f.type->values; v && v->name && k < 32; v++, k++) {
		row->values[k].name = v->name;
		row->values[k].n += value_of(i, v);
		row->n_values = k + 1;
	}
}

static bool readable(const struct sl_run *r)
{
	return r->phase >= SL_FLUSH_REST || !r->n_workers;
}

int sl_run_filter(const struct sl_run *r, unsigned int i, struct sl_ledger_row *out)
{
	const struct sl_node *n;

	if (i >= r->graph->n_nodes)
		return -ENOENT;
	n = r->graph->nodes[i];
	memset(out, 0, sizeof(*out));
	out->name = n->name;
	out->type = n->type->name;
	out->space = n->space ? n->space : "user";
	if (r->main.inst[n->id])
		add_inst(r->main.inst[n->id], out);
	for (unsigned int w = 0; readable(r) && w < r->n_workers; w++)
		if (r->workers[w].shard.inst[n->id])
			add_inst(r->workers[w].shard.inst[n->id], out);
	return 0;
}

static void add_moved(const struct sl_inst *i, const struct sl_stream *s, struct sl_tally *moved)
{
	for (unsigned int k = 0; i && k < i->n_out; k++)
		if (i->out[k].stream == s)
			add(moved, &i->out[k].moved);
}

int sl_run_stream(const struct sl_run *r, unsigned int i, struct sl_ledger_stream *out)
{
	const struct sl_stream *s;

	if (i >= r->graph->n_streams)
		return -ENOENT;
	s = r->graph->streams[i];
	memset(out, 0, sizeof(*out));
	out->from = s->from->name;
	out->to = s->to->name;
	out->tag = s->tags.text ? s->tags.text : "";
	out->carrier = s->carrier ? s->carrier : "call";
	out->name = s->name;
	add_moved(r->main.inst[s->from->id], s, &out->moved);
	for (unsigned int w = 0; readable(r) && w < r->n_workers; w++)
		add_moved(r->workers[w].shard.inst[s->from->id], s, &out->moved);
	return 0;
}

static bool whole(const struct sl_ledger_row *w)
{
	return w->in.blocks == w->out.blocks + w->filtered.blocks + w->held.blocks + w->lost.blocks &&
	       w->in.bytes == w->out.bytes + w->filtered.bytes + w->held.bytes + w->lost.bytes;
}

static void add_made(const struct sl_run *r, const struct sl_node *n, struct sl_tally *made)
{
	if (r->main.inst[n->id])
		add(made, &r->main.inst[n->id]->made);
	for (unsigned int w = 0; readable(r) && w < r->n_workers; w++)
		if (r->workers[w].shard.inst[n->id])
			add(made, &r->workers[w].shard.inst[n->id]->made);
}

int sl_run_verify(const struct sl_run *r, char **why)
{
	struct sl_ledger_stream s;
	struct sl_ledger_row row;
	struct sl_tally in, made;

	for (unsigned int i = 0; sl_run_filter(r, i, &row) == 0; i++) {
		const char *what = NULL;

		in = made = (struct sl_tally){ 0 };
		add_made(r, r->graph->nodes[i], &made);
		for (unsigned int k = 0; sl_run_stream(r, k, &s) == 0; k++)
			if (r->graph->streams[k]->to == r->graph->nodes[i])
				add(&in, &s.moved);
		if (!whole(&row))
			what = "in is not out + filtered + held + lost";
		else if (r->phase == SL_ENDED &&
			 (row.in.blocks != in.blocks + made.blocks || row.in.bytes != in.bytes + made.bytes))
			what = "in is not what its arrows brought and what it made";
		else if (r->phase == SL_ENDED && row.held.blocks &&
			 !(r->graph->nodes[i]->type->flags & SL_F_EXCHANGE))
			what = "still holds blocks at the end";
		if (what) {
			if (asprintf(why, "%s: %s", row.name, what) < 0)
				*why = NULL;
			return -EILSEQ;
		}
	}
	return 0;
}

void sl_run_stats(const struct sl_run *r, struct sl_stats *out)
{
	*out = (struct sl_stats){
		.elapsed_s = (double)((r->end_ns ? r->end_ns : sl_clock_ns()) - r->start_ns) / 1e9,
	};
	for (unsigned int k = 0; k < r->main.n_sorted; k++) {
		const struct sl_inst *i = r->main.sorted[k];

		if (i->f.type->pull && !i->node->n_in) {
			out->in_blocks += i->in.blocks;
			out->in_bytes += i->in.bytes;
			out->done_bytes += i->done_bytes;
			out->total_bytes += i->total_bytes;
		}
		out->lost_blocks += i->lost.blocks;
		for (const struct sl_value *v = i->f.type->values; v && v->name; v++)
			if (!strcmp(v->name, "matched"))
				out->matched += value_of(i, v);
	}
	for (unsigned int w = 0; w < r->n_workers; w++) {
		out->matched += atomic_load_explicit(&r->workers[w].matched, memory_order_relaxed);
		out->lost_blocks += atomic_load_explicit(&r->workers[w].lost, memory_order_relaxed);
	}
	for (unsigned int k = 0; k < r->graph->n_nodes; k++)
		for (const struct sl_value *v = r->graph->nodes[k]->type->values; v && v->name; v++)
			out->has_matcher |= !strcmp(v->name, "matched");
}

struct sl_diags *sl_run_news(struct sl_run *r)
{
	struct sl_diags *news = r->diags, *next;

	if (!sl_diags_count(news))
		return NULL;
	next = sl_diags_new();
	if (!next)
		return NULL;
	sl_diags_keep_all(next);
	r->diags = next;
	return news;
}

const struct sl_diags *sl_run_diags(const struct sl_run *r)
{
	return r->diags;
}

const char *sl_run_saved(const struct sl_run *r, unsigned int i)
{
	return i < r->n_saved ? r->saved[i] : NULL;
}
