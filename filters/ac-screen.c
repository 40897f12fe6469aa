/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ac-screen.c -- the common part of ac and grep: see screen.h
 *
 * A flow is found by its number through a table of (number, index) pairs, so
 * that looking for one touches one line of the table and then the flow itself,
 * which is a cache line. Kept blocks hang on it in chunks of pointers. Flows and
 * chunks that are not needed any more are used again; nothing is allocated for
 * a block while the number of flows stands. Whoever makes a capture chooses the
 * numbers, so the table's hash is keyed with a secret; nothing that leaves
 * depends on the order of the table.
 *
 * Packets may straggle in after the one that closed a flow (the last ACK, something
 * retransmitted). They must go where the flow went, so a closed flow is remembered
 * for a minute of the packets' time. One that is not closed ends after `timeout`
 * without a block: who gave it up further up does not say so. Both are judged
 * by the flow's own latest block alone, when the next one comes; so it makes no
 * difference what else a worker has to do.
 *
 * To get the memory back, flows stand in a wheel of buckets, each in the one for the
 * grain of time in which it is over if nothing comes; a block only notes its
 * time, and the flow is moved on when its bucket comes round. Ticks turn the wheel.
 */
#include <stdio.h>
#include <unistd.h>

#include "core/datadir.h"
#include "net/decode.h"
#include "screen.h"

enum screen_state { OPEN, RELEASED, MATCHED, LATE };

#define CHUNK_BLOCKS	14
#define SLAB_FLOWS	1024
#define BLOCK_COST	64	/* what a kept block costs beside its bytes */
#define LINGER_NS	60000000000ull
#define FLOW_COST	96	/* what a flow costs: itself, and its part of the table */
#define GRAINS		128	/* at most, to the longest life */
#define IN_BUCKET	(1u << 31)

struct screen_chunk {
	struct screen_chunk *next;	/* the last one's is the first */
	uint32_t n;
	struct sl_block *b[CHUNK_BLOCKS];
};

struct screen_flow {
	uint32_t key;
	uint32_t state : 2, done : 1, class_no : 29;
	uint32_t next;			/* index + 1: of the next in the bucket, or the next free one */
	uint32_t prev;			/* index + 1, or IN_BUCKET and the bucket that begins with it */
	struct sl_ac_state st[2];	/* by direction */
	uint64_t seq;			/* of its latest block */
	uint64_t time_ns;		/* the latest of its blocks */
	uint64_t kept_bytes;
	struct screen_chunk *last;
};

_Static_assert(sizeof(struct screen_flow) == 64, "a flow is one cache line");

const char *const screen_syntax[] = { "native", "snort", "raw", NULL };

/* ---- rules -------------------------------------------------------- */

int screen_supply(char *out, size_t size)
{
	const char *dir;

	for (unsigned int i = 0; (dir = sl_datadir(i)); i++)
		if ((size_t)snprintf(out, size, "%s/ac/demo.ac", dir) < size && access(out, R_OK) == 0)
			return 0;
	return -ENOENT;
}

void screen_release(void *shared)
{
	struct screen_rules *r = shared;

	if (!r)
		return;
	sl_ac_free(r->ac);
	for (unsigned int i = 0; r->name && i < r->n_groups; i++)
		free(r->name[i]);
	free(r->name);
	free(r->prefix);
	free(r->group);
	free(r);
}

/* The same set with no regard to case in any of its patterns. */
static struct sl_patterns *folded(const struct sl_patterns *ps)
{
	struct sl_patterns *all = sl_patterns_new();
	int r = 0;

	if (!all)
		return NULL;
	for (unsigned int i = 0; i < ps->n_groups && r >= 0; i++)
		r = sl_patterns_group(all, ps->groups[i], strlen(ps->groups[i]));
	for (unsigned int i = 0; i < ps->n && r >= 0; i++)
		r = sl_patterns_add(all, ps->items[i].bytes, ps->items[i].len, ps->items[i].group, true);
	if (r < 0) {
		sl_patterns_free(all);
		return NULL;
	}
	return all;
}

static int rules_new(const struct sl_patterns *ps, struct screen_rules **out)
{
	struct screen_rules *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (!r)
		return -ENOMEM;
	r->n_patterns = ps->n;
	r->group = calloc(ps->n + 1, sizeof(*r->group));
	r->name = calloc(ps->n_groups + 1, sizeof(*r->name));
	r->prefix = calloc(ps->n + 1, sizeof(*r->prefix));
	if (!r->group || !r->name || !r->prefix)
		goto fail;
	for (unsigned int i = 0; i < ps->n; i++) {
		r->group[i] = ps->items[i].group;
		r->prefix[i].len = (uint8_t)(ps->items[i].len < 8 ? ps->items[i].len : 8);
		memcpy(r->prefix[i].bytes, ps->items[i].bytes, r->prefix[i].len);
	}
	for (; r->n_groups < ps->n_groups; r->n_groups++) {
		r->name[r->n_groups] = strdup(ps->groups[r->n_groups]);
		if (!r->name[r->n_groups])
			goto fail;
	}
	err = sl_ac_new(ps, 0, &r->ac);
	if (err < 0)
		goto fail;
	*out = r;
	return 0;
fail:
	screen_release(r);
	return err;
}

int screen_prepare(struct sl_prepare *p, const char *param, const char *path, const char *text,
		   int syntax, bool nocase, struct screen_rules **out)
{
	struct sl_patterns *ps = NULL, *all;
	unsigned int n;
	int err;

	*out = NULL;
	if (path) {
		if (!sl_prepare_env(p))
			return 0;
		err = sl_patterns_load(path, (enum sl_pattern_syntax)syntax, (struct sl_span){ 0 },
				       sl_prepare_diags(p), &ps);
		if (err == -ENOMEM)
			return sl_prepare_error(p, param, "E302", "no memory for the patterns of '%s'", path);
		if (err < 0)
			return err;
	} else {
		err = sl_patterns_parse("pattern", text, strlen(text), SL_PATTERNS_RAW,
					sl_prepare_diags(p), &ps);
		if (err < 0)
			return err;
	}
	if (!ps->n) {
		sl_patterns_free(ps);
		return path ? sl_prepare_error(p, param, "E204", "'%s' holds no pattern", path)
			    : sl_prepare_error(p, param, "E123", "there is nothing to look for");
	}
	if (nocase) {
		all = folded(ps);
		sl_patterns_free(ps);
		ps = all;
		if (!ps)
			return sl_prepare_error(p, param, "E302", "no memory for the patterns");
	}
	n = ps->n;
	err = rules_new(ps, out);
	sl_patterns_free(ps);
	if (err < 0)
		return sl_prepare_error(p, param, "E302", "these %u patterns can't be compiled: %s", n,
					err == -E2BIG ? "they are too long" : "no memory");
	if (path)
		sl_prepare_note(p, n == 1 ? "%u pattern" : "%u patterns", n);
	return 0;
}

int screen_class_find(const void *shared, const char *name, uint32_t *class_out)
{
	const struct screen_rules *r = shared;

	for (unsigned int i = 0; r && i < r->n_groups; i++) {
		if (!strcmp(r->name[i], name)) {
			*class_out = i;
			return 0;
		}
	}
	return -ENOENT;
}

const char *screen_class_name(const void *shared, uint32_t class_no, char *buf, size_t size)
{
	const struct screen_rules *r = shared;

	if (r && class_no < r->n_groups)
		snprintf(buf, size, "%s", r->name[class_no]);
	else
		snprintf(buf, size, "%u", class_no);
	return buf;
}

const char *screen_class_at(const void *shared, unsigned int i)
{
	const struct screen_rules *r = shared;

	return r && i < r->n_groups ? r->name[i] : NULL;
}

/* ---- flows -------------------------------------------------------- */

static uint32_t slot_of(const struct screen *s, uint32_t key)
{
	return (uint32_t)(key * s->secret >> 32) & s->table_mask;
}

static struct screen_flow *flow_at(const struct screen *s, uint32_t at)
{
	return &s->slab[at / SLAB_FLOWS][at % SLAB_FLOWS];
}

static uint32_t index_of(const struct screen *s, const struct screen_flow *fl)
{
	uint32_t i;

	for (i = slot_of(s, fl->key); s->table[i].key != fl->key || !s->table[i].at; i = (i + 1) & s->table_mask)
		;
	return s->table[i].at - 1;
}

static int table_grow(struct screen *s)
{
	uint32_t size = s->table ? (s->table_mask + 1) * 2 : 4096, mask = size - 1, old = s->table_mask;
	__typeof__(s->table) from = s->table, to = calloc(size, sizeof(*to));

	if (!to)
		return -ENOMEM;
	s->table_mask = mask;
	for (uint32_t i = 0; from && i <= old; i++) {
		uint32_t at;

		if (!from[i].at)
			continue;
		for (at = slot_of(s, from[i].key); to[at].at; at = (at + 1) & mask)
			;
		to[at] = from[i];
	}
	free(from);
	s->table = to;
	return 0;
}

static int slab_grow(struct screen *s)
{
	struct screen_flow **slab = realloc(s->slab, (s->n_slabs + 1) * sizeof(*slab));
	uint32_t base = s->n_slabs * SLAB_FLOWS;

	if (!slab)
		return -ENOMEM;
	s->slab = slab;
	slab[s->n_slabs] = aligned_alloc(64, SLAB_FLOWS * sizeof(**slab));
	if (!slab[s->n_slabs])
		return -ENOMEM;
	for (uint32_t i = SLAB_FLOWS; i-- > 0;) {
		slab[s->n_slabs][i].next = s->free_flow;
		s->free_flow = base + i + 1;
	}
	s->n_slabs++;
	return 0;
}

/* ---- the wheel ---- */

static uint64_t over_ns(const struct screen *s, const struct screen_flow *fl)
{
	return fl->time_ns + (fl->done ? LINGER_NS : (uint64_t)s->timeout);
}

/* The grain from whose begin on it is over; not one that has passed. */
static uint64_t over_grain(const struct screen *s, const struct screen_flow *fl)
{
	uint64_t grain = (over_ns(s, fl) >> s->grain_shift) + 1;

	return grain > s->grain ? grain : s->grain + 1;
}

static void wheel_add(struct screen *s, struct screen_flow *fl, uint32_t at)
{
	uint32_t k = over_grain(s, fl) % SCREEN_WHEEL;

	fl->prev = IN_BUCKET | k;
	fl->next = s->wheel[k];
	if (fl->next)
		flow_at(s, fl->next - 1)->prev = at;
	s->wheel[k] = at;
}

static void wheel_remove(struct screen *s, struct screen_flow *fl)
{
	if (fl->prev & IN_BUCKET)
		s->wheel[fl->prev & ~IN_BUCKET] = fl->next;
	else
		flow_at(s, fl->prev - 1)->next = fl->next;
	if (fl->next)
		flow_at(s, fl->next - 1)->prev = fl->prev;
}

/* ---- */

static struct screen_flow *flow_find(const struct screen *s, uint32_t key)
{
	for (uint32_t i = slot_of(s, key); s->table[i].at; i = (i + 1) & s->table_mask) {
		if (s->table[i].key == key)
			return flow_at(s, s->table[i].at - 1);
	}
	return NULL;
}

/* A new flow with this number; NULL when memory is out. */
static struct screen_flow *flow_new(struct screen *s, uint32_t key, uint64_t time_ns)
{
	struct screen_flow *fl;
	uint32_t at, i;

	for (i = slot_of(s, key); s->table[i].at; i = (i + 1) & s->table_mask)
		;
	if (s->n_flows >= s->table_mask / 2) {
		if (table_grow(s) < 0)
			return NULL;
		for (i = slot_of(s, key); s->table[i].at; i = (i + 1) & s->table_mask)
			;
	}
	if (!s->free_flow && slab_grow(s) < 0)
		return NULL;
	at = s->free_flow;
	fl = flow_at(s, at - 1);
	s->free_flow = fl->next;
	memset(fl, 0, sizeof(*fl));
	fl->key = key;
	fl->seq = key;
	fl->time_ns = time_ns;
	s->table[i].key = key;
	s->table[i].at = at;
	s->n_flows++;
	wheel_add(s, fl, at);
	sl_count(&s->streams);
	return fl;
}

/* Forget a flow; it keeps nothing. What follows it in the table moves up. */
static void flow_put(struct screen *s, struct screen_flow *fl)
{
	uint32_t mask = s->table_mask, i, j, at;

	for (i = slot_of(s, fl->key); s->table[i].key != fl->key || !s->table[i].at; i = (i + 1) & mask)
		;
	at = s->table[i].at;
	for (j = (i + 1) & mask; s->table[j].at; j = (j + 1) & mask) {
		uint32_t home = slot_of(s, s->table[j].key);

		if (((j - home) & mask) >= ((j - i) & mask)) {
			s->table[i] = s->table[j];
			i = j;
		}
	}
	s->table[i].at = 0;
	wheel_remove(s, fl);
	fl->next = s->free_flow;
	s->free_flow = at;
	s->n_flows--;
}

/* ---- blocks ------------------------------------------------------- */

static bool flow_keep(struct sl_filter *f, struct screen *s, struct screen_flow *fl, struct sl_block *b)
{
	struct screen_chunk *c = fl->last;

	if (!c || c->n == CHUNK_BLOCKS) {
		c = s->free_chunk;
		if (c)
			s->free_chunk = c->next;
		else
			c = malloc(sizeof(*c));
		if (!c)
			return false;
		c->n = 0;
		c->next = fl->last ? fl->last->next : c;
		if (fl->last)
			fl->last->next = c;
		fl->last = c;
	}
	c->b[c->n++] = b;
	sl_keep(f, b);
	fl->kept_bytes += b->len;
	s->held += b->len + BLOCK_COST;
	if (s->held > s->held_peak.n)
		s->held_peak.n = s->held;
	return true;
}

static void leave(struct sl_filter *f, struct screen *s, const struct screen_flow *fl, struct sl_block *b)
{
	if (fl->state < MATCHED) {
		sl_emit(f, s->miss_port, b);
		return;
	}
	if (s->classify)
		b->class = fl->class_no;
	sl_emit(f, s->hit_port, b);
}

/* Give what a flow keeps, as its state says. */
static void flow_give(struct sl_filter *f, struct screen *s, struct screen_flow *fl)
{
	struct screen_chunk *last = fl->last, *c, *next;

	if (!last)
		return;
	s->held -= fl->kept_bytes;
	fl->kept_bytes = 0;
	fl->last = NULL;
	for (c = last->next; c; c = next) {
		next = c == last ? NULL : c->next;
		/* They were put aside long ago: what emitting touches has left the cache. */
		for (uint32_t i = 0; next && i < next->n; i++)
			__builtin_prefetch(next->b[i], 1);
		s->held -= c->n * (uint64_t)BLOCK_COST;
		for (uint32_t i = 0; i < c->n; i++)
			leave(f, s, fl, c->b[i]);
		c->next = s->free_chunk;
		s->free_chunk = c;
	}
}

/* It was open and is not judged: what is kept, and what follows, leaves with the others. */
static void flow_release(struct sl_filter *f, struct screen *s, struct screen_flow *fl)
{
	fl->state = RELEASED;
	if (s->miss_port == 0 && !s->classify)
		sl_count(&s->matched);	/* grep -v: what passes is what was asked for */
	flow_give(f, s, fl);
}

/* No pattern will be found in it any more: what is kept leaves. */
static void flow_end(struct sl_filter *f, struct screen *s, struct screen_flow *fl)
{
	if (fl->state < MATCHED)
		sl_count(&s->clean);
	if (fl->state == OPEN)
		flow_release(f, s, fl);
}

/* The same, and what is to come under its number is another flow. */
static void flow_over(struct sl_filter *f, struct screen *s, struct screen_flow *fl)
{
	if (!fl->done)
		flow_end(f, s, fl);
	flow_put(s, fl);
}

static int by_seq(const void *x, const void *y)
{
	const struct screen_flow *a = *(struct screen_flow *const *)x, *b = *(struct screen_flow *const *)y;

	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

/* Flows, the one that waited longest first. NULL when memory is out. */
static struct screen_flow **flows_by_age(const struct screen *s, uint32_t *n)
{
	struct screen_flow **all = malloc((s->n_flows + 1) * sizeof(*all));

	*n = 0;
	for (uint32_t i = 0; all && i <= s->table_mask; i++) {
		if (s->table[i].at)
			all[(*n)++] = flow_at(s, s->table[i].at - 1);
	}
	if (all)
		qsort(all, *n, sizeof(*all), by_seq);
	return all;
}

static uint64_t in_use(const struct screen *s)
{
	return s->held + (uint64_t)s->n_flows * FLOW_COST;
}

/*
 * Too much is kept altogether: release flows until an eighth is free, those first that
 * waited longest. Looking for them costs a sort, which so many blocks share
 * that a list in order, kept for each block, would cost more. False when there is
 * no memory for that.
 */
static bool evict(struct sl_filter *f, struct screen *s)
{
	uint64_t enough = s->memory - s->memory / 8;
	struct screen_flow **all;
	uint32_t n;

	all = flows_by_age(s, &n);
	for (uint32_t i = 0; all && i < n && in_use(s) > enough; i++) {
		if (all[i]->state != OPEN || !all[i]->last)
			continue;
		sl_count(&s->evicted);
		flow_release(f, s, all[i]);
	}
	free(all);
	return all;
}

/*
 * There are so many flows that they fill half of the memory: those that were silent
 * longest are over. Those with a match come last: forgotten, they would go on
 * among the others.
 */
static bool evict_flows(struct sl_filter *f, struct screen *s)
{
	uint32_t n, enough = (uint32_t)((s->memory / 2 - s->memory / 16) / FLOW_COST);
	struct screen_flow **all;

	all = flows_by_age(s, &n);
	for (int matched = 0; all && matched < 2; matched++) {
		for (uint32_t i = 0; i < n && s->n_flows > enough; i++) {
			if (!all[i] || (all[i]->state >= MATCHED && !all[i]->done) != matched)
				continue;
			if (!all[i]->done)
				sl_count(&s->evicted);
			flow_over(f, s, all[i]);
			all[i] = NULL;
		}
	}
	free(all);
	return all;
}

static void flow_matched(struct sl_filter *f, struct screen *s, struct screen_flow *fl, uint32_t pattern)
{
	const struct screen_rules *r = f->shared;

	if (s->classify || s->hit_port == 0)
		sl_count(&s->matched);
	if (fl->state == RELEASED)
		sl_count(&s->late);
	fl->state = fl->state == RELEASED ? LATE : MATCHED;
	fl->class_no = r->group[pattern];
	flow_give(f, s, fl);
}

/* The flow of a block, made when it is new; NULL when memory is out. */
static struct screen_flow *flow_of(struct sl_filter *f, struct screen *s, const struct sl_block *b)
{
	struct screen_flow *fl = flow_find(s, b->stream >> 1);

	if (fl && b->time_ns > over_ns(s, fl)) {
		flow_over(f, s, fl);
		fl = NULL;
	}
	if (!fl) {
		if ((s->n_flows + 1ull) * FLOW_COST > s->memory / 2 && !evict_flows(f, s))
			return NULL;
		fl = flow_new(s, b->stream >> 1, b->time_ns);
	}
	if (!fl)
		return NULL;
	if (b->time_ns > fl->time_ns)
		fl->time_ns = b->time_ns;
	/* All that a tick gives has the tick's number; the flow's own one is another's never. */
	if (!f->order)
		fl->seq = sl_seq(f);
	return fl;
}

static void judge_stream(struct sl_filter *f, struct screen *s, struct sl_block *b)
{
	const struct screen_rules *r = f->shared;
	struct screen_flow *fl = flow_of(f, s, b);
	bool close = b->flags & SL_B_CLOSE;
	uint32_t pattern;

	if (!fl) {
		sl_lose(f, b, "no memory");
		return;
	}
	if (fl->done) {
		leave(f, s, fl, b);
		return;
	}
	if (fl->state < MATCHED && b->len) {
		struct sl_ac_state *st = &fl->st[b->stream & 1];

		/* Bytes that are missing can't be matched across. */
		if (b->flags & SL_B_GAP)
			memset(st, 0, sizeof(*st));
		if (sl_ac_find(r->ac, st, sl_data(f, b), b->len, &pattern, NULL))
			flow_matched(f, s, fl, pattern);
	}
	if (fl->state == OPEN && !close) {
		if (s->hold && fl->kept_bytes + b->len <= s->hold && flow_keep(f, s, fl, b)) {
			if (in_use(s) > s->memory && !evict(f, s))
				flow_release(f, s, fl);
			return;
		}
		flow_release(f, s, fl);
	}
	if (close)
		flow_end(f, s, fl);
	leave(f, s, fl, b);
	if (close) {
		uint32_t at = index_of(s, fl) + 1;

		fl->done = 1;
		wheel_remove(s, fl);
		wheel_add(s, fl, at);
	}
}

static void judge_packet(struct sl_filter *f, struct screen *s, struct sl_block *b)
{
	const struct screen_rules *r = f->shared;
	struct sl_ac_state st = { { 0 } };
	uint32_t pattern;

	if (!b->len || !sl_ac_find(r->ac, &st, sl_data(f, b), b->len, &pattern, NULL)) {
		sl_count(&s->clean);
		if (s->miss_port == 0 && !s->classify)
			sl_count(&s->matched);
		sl_emit(f, s->miss_port, b);
		return;
	}
	if (s->classify || s->hit_port == 0)
		sl_count(&s->matched);
	if (s->classify)
		b->class = r->group[pattern];
	sl_emit(f, s->hit_port, b);
}

int screen_work(struct sl_filter *f, struct sl_batch *in)
{
	struct screen *s = sl_state(f);
	const struct sl_block *ahead;
	struct sl_block *b;

	if (!s->bytes) {
		while ((b = sl_batch_take(f, in)))
			judge_packet(f, s, b);
		return 0;
	}
	while ((b = sl_batch_take(f, in))) {
		ahead = sl_batch_ahead(in, 3);
		if (ahead)
			__builtin_prefetch(&s->table[slot_of(s, ahead->stream >> 1)]);
		judge_stream(f, s, b);
	}
	return 0;
}

static int due_add(struct screen *s, struct screen_flow *fl)
{
	struct screen_flow **more;

	if (s->n_due == s->due_size) {
		more = realloc(s->due, (s->due_size * 2ull + 64) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->due = more;
		s->due_size = s->due_size * 2 + 64;
	}
	s->due[s->n_due++] = fl;
	return 0;
}

/* One bucket: flows that are over and keep something are put aside, to give it in order. */
static int wheel_turn(struct sl_filter *f, struct screen *s, uint32_t k, uint64_t now_ns)
{
	uint32_t at = s->wheel[k], next;
	int err = 0;

	/* The list is cut off: those that stay may come into this bucket again. */
	s->wheel[k] = 0;
	for (; at; at = next) {
		struct screen_flow *fl = flow_at(s, at - 1);

		next = fl->next;
		wheel_add(s, fl, at);
		if (now_ns <= over_ns(s, fl))
			continue;
		if (!fl->last)
			flow_over(f, s, fl);
		else if (due_add(s, fl) < 0)
			err = -ENOMEM;
	}
	return err;
}

int screen_tick(struct sl_filter *f, uint64_t now_ns)
{
	struct screen *s = sl_state(f);
	uint64_t grain = now_ns >> s->grain_shift, g;
	int err = 0;

	if (!s->bytes || grain <= s->grain)
		return 0;
	g = grain - s->grain > SCREEN_WHEEL ? grain - SCREEN_WHEEL : s->grain;
	s->grain = grain;
	while (g < grain)
		err |= wheel_turn(f, s, ++g % SCREEN_WHEEL, now_ns);
	if (s->n_due > 1)
		qsort(s->due, s->n_due, sizeof(*s->due), by_seq);
	for (uint32_t i = 0; i < s->n_due; i++) {
		sl_order(f, s->due[i]->seq);
		flow_over(f, s, s->due[i]);
	}
	s->n_due = 0;
	return err ? sl_fail(f, "E302", "no memory for %s", f->name) : 0;
}

int screen_open(struct sl_filter *f)
{
	struct screen *s = sl_state(f);
	uint64_t longest = (uint64_t)s->timeout > LINGER_NS ? (uint64_t)s->timeout : LINGER_NS;

	s->bytes = sl_in_type(f) == SL_BYTES;
	if (!f->shared)
		return sl_fail(f, "E302", "%s has no patterns", f->name);
	if (s->bytes && table_grow(s) < 0)
		return sl_fail(f, "E302", "no memory for %s", f->name);
	s->secret = sl_secret() | 1;
	while (longest >> s->grain_shift > GRAINS)
		s->grain_shift++;
	return 0;
}

int screen_flush(struct sl_filter *f)
{
	struct screen *s = sl_state(f);
	struct screen_flow **all;
	uint32_t n;

	if (!s->bytes)
		return 0;
	all = flows_by_age(s, &n);
	if (!all)
		return sl_fail(f, "E302", "no memory for %s", f->name);
	for (uint32_t i = 0; i < n; i++) {
		sl_order(f, all[i]->seq);
		flow_over(f, s, all[i]);
	}
	free(all);
	return 0;
}

void screen_close(struct sl_filter *f)
{
	struct screen *s = sl_state(f);
	struct screen_chunk *c, *next;

	while ((c = s->free_chunk)) {
		s->free_chunk = c->next;
		free(c);
	}
	/* Cut short, flows still hold chunks; their blocks belong to the run. */
	for (uint32_t i = 0; s->table && i <= s->table_mask; i++) {
		struct screen_flow *fl = s->table[i].at ? flow_at(s, s->table[i].at - 1) : NULL;

		for (c = fl && fl->last ? fl->last->next : NULL; c; c = next) {
			next = c == fl->last ? NULL : c->next;
			free(c);
		}
	}
	for (uint32_t i = 0; i < s->n_slabs; i++)
		free(s->slab[i]);
	free(s->slab);
	free(s->table);
	free(s->due);
}
