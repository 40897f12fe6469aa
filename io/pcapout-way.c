/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io/pcapout-way.c -- see pcapout.h */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/human.h"
#include "pcapout.h"

uint32_t sl_pcapout_write(void *arg, uint32_t from, uint32_t to)
{
	struct pcapout *s = arg;
	struct pcapout_file *o = s->item[from % PCAPOUT_ITEMS].out;
	uint32_t first = from;
	unsigned int good, n = 0;
	int r;

	for (; from != to; from++) {
		struct pcapout_item *it = &s->item[from % PCAPOUT_ITEMS];
		uint64_t rounded = o->file.rounded;

		if (it->out != o)
			break;
		if (to - from > 8)
			__builtin_prefetch(sl_frame(s->filter, &s->item[(from + 8) % PCAPOUT_ITEMS].b) - 16);
		r = o->file.error ? o->file.error : sl_capfile_put(&o->file, s->batch, &it->b,
								   sl_frame(s->filter, &it->b), s->precision);
		if (r == 0)
			break;
		it->error = r < 0 ? r : 0;
		it->rounded = o->file.rounded != rounded;
	}
	if (!s->batch->n)
		return from;
	r = sl_capfile_flush(&o->file, s->batch, &good);
	for (; first != from; first++) {
		struct pcapout_item *it = &s->item[first % PCAPOUT_ITEMS];

		if (it->error || n++ < good)
			continue;
		if (r == 0)
			return first;	/* it has to be put again */
		it->error = r;
	}
	return from;
}

/* Words for a failed write: what the file holds now. */
static int report(struct sl_filter *f, const struct pcapout_file *o, int error)
{
	const struct sl_capfile *c = &o->file;
	struct pcapout *s = sl_state(f);
	const char *name = strcmp(c->to.path, "-") ? c->to.path : "standard output";
	char human[SL_HUMAN], holds[128] = "no packet was saved there";

	if (error == -EPIPE) {
		/* Whoever was to read it has seen enough. */
		s->finished = true;
		sl_finished(f);
		return 0;
	}
	if (c->packets)
		snprintf(holds, sizeof(holds), "it holds the first %llu packet%s, %s", (unsigned long long)c->packets,
			 c->packets == 1 ? "" : "s", sl_human_bytes(c->size, human));
	if (sl_target_full(error))
		return sl_fail(f, "E207", "no room for more in %s (%s): %s", name, sl_target_why(error), holds);
	return sl_fail(f, "E206", "writing %s failed (%s): %s", name, sl_target_why(error), holds);
}

void sl_pcapout_failed(struct sl_filter *f, struct pcapout_file *o, int error)
{
	struct pcapout *s = sl_state(f);
	int r;

	o->error = error;
	r = report(f, o, error);
	s->failure = s->failure ? s->failure : r;
}

void sl_pcapout_settle(struct sl_filter *f, bool all)
{
	struct pcapout *s = sl_state(f);
	struct sl_writer *w = &s->writer;

	sl_writer_push(w, s->pushed_bytes);
	s->pushed_bytes = 0;
	if (all)
		sl_writer_wait(w, true);
	for (; w->reaped != w->seen; w->reaped++) {
		struct pcapout_item *it = &s->item[w->reaped % PCAPOUT_ITEMS];

		it->out->under_way--;
		s->item_bytes -= it->b.frame_len;
		s->rounded.n += it->rounded;
		if (!it->error) {
			s->packets.n++;
			s->bytes.n += it->b.frame_len;
			sl_park_done(f, &it->b);
			continue;
		}
		sl_park_lose(f, &it->b, sl_target_loss(it->error));
		if (!it->out->error && it->error == it->out->file.error)
			sl_pcapout_failed(f, it->out, it->error);
	}
}

static bool is_full(const struct pcapout *s)
{
	return s->writer.next - s->writer.reaped == PCAPOUT_ITEMS || s->item_bytes >= PCAPOUT_BYTES;
}

void sl_pcapout_put(struct sl_filter *f, struct pcapout_file *o, struct sl_block *b)
{
	struct pcapout *s = sl_state(f);
	struct pcapout_item *it;

	if (is_full(s)) {
		sl_pcapout_settle(f, false);
		if (is_full(s)) {
			sl_writer_wait(&s->writer, false);
			sl_pcapout_settle(f, false);
		}
	}
	if (o->error) {
		sl_lose(f, b, sl_target_loss(o->error));
		return;
	}
	it = &s->item[s->writer.next++ % PCAPOUT_ITEMS];
	sl_park(f, b, &it->b, !s->writer.beside);
	it->out = o;
	it->error = 0;
	o->under_way++;
	s->item_bytes += it->b.frame_len;
	s->pushed_bytes += it->b.frame_len;
	s->all_bytes += it->b.frame_len;
}
