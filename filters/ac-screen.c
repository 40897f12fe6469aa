/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ac-screen.c -- the common part of ac and grep: see screen.h
 *
 * A flow is found by its number through a table of (number, index) pairs, so
 * that looking for one touches one line of the table and then the flow itself,
 * which is a cache line. Kept blocks hang on it in chunks of pointers. Flows and
 * chunks that are not needed any more are used again; nothing is allocated for
 * a block while the number of flows stands.
 *
 * Packets may straggle in after the one that closed a flow (the last ACK, something
 * retransmitted). They must go where the flow went, so a closed flow is remembered
 * for a minute of the packets' time: longer than untcp calls it the same flow.
 * Closed flows stand in a queue in the order in which they were closed.
 */
#include <stdio.h>
#include <unistd.h>

#include "screen.h"

enum screen_state { OPEN, RELEASED, MATCHED, LATE };

#define CHUNK_BLOCKS	14
#define SLAB_FLOWS	1024
#define BLOCK_COST	64	/* what a kept block costs beside its bytes */
#define LINGER_NS	60000000000ull
#define LINGER_MAX	(1u << 20)

struct screen_chunk {
	struct screen_chunk *next;
	uint32_t n;
	struct sl_block *b[CHUNK_BLOCKS];
};

struct screen_flow {
	uint32_t key;
	uint32_t state : 2, done : 1, class_no : 29;
	uint32_t next;			/* index + 1: of the next free, or the next closed one */
	uint32_t n_kept;
	struct sl_ac_state st[2];	/* by direction */
	union {
		uint64_t seq;		/* of its latest block */
		uint64_t closed_ns;	/* done: time of the block that closed it */
	};
	uint64_t kept_bytes;
	struct screen_chunk *first, *last;
};

_Static_assert(sizeof(struct screen_flow) == 64, "a flow is one cache line");

const char *const screen_syntax[] = { "native", "snort", "raw", NULL };

/* ---- rules -------------------------------------------------------- */

int screen_supply(char *out, size_t size)
{
	static const char *const place[] = {
		SL_DATADIR "/ac/demo.ac", SL_SOURCE_DATADIR "/ac/demo.ac",
	};

	for (size_t i = 0; i < sizeof(place) / sizeof(place[0]); i++) {
		if (access(place[i], R_OK) == 0 && (size_t)snprintf(out, size, "%s", place[i]) < size)
			return 0;
	}
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
	if (!r->group || !r->name)
		goto fail;
	for (unsigned int i = 0; i < ps->n; i++)
		r->group[i] = ps->items[i].group;
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
	return (key * 0x9e3779b1u >> 7) & s->table_mask;
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

/* The flow with this number, made when it is new; NULL when memory is out. */
static struct screen_flow *flow_get(struct screen *s, uint32_t key)
{
	struct screen_flow *fl;
	uint32_t at, i;

	for (i = slot_of(s, key); s->table[i].at; i = (i + 1) & s->table_mask) {
		if (s->table[i].key == key)
			return flow_at(s, s->table[i].at - 1);
	}
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
	s->table[i].key = key;
	s->table[i].at = at;
	s->n_flows++;
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
		c->next = NULL;
		c->n = 0;
		if (fl->last)
			fl->last->next = c;
		else
			fl->first = c;
		fl->last = c;
	}
	c->b[c->n++] = b;
	sl_keep(f, b);
	fl->kept_bytes += b->len;
	fl->n_kept++;
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
	struct screen_chunk *c, *next;

	s->held -= fl->kept_bytes + (uint64_t)fl->n_kept * BLOCK_COST;
	fl->kept_bytes = fl->n_kept = 0;
	for (c = fl->first; c; c = next) {
		next = c->next;
		/* They were put aside long ago: what emitting touches has left the cache. */
		for (uint32_t i = 0; next && i < next->n; i++)
			__builtin_prefetch(next->b[i], 1);
		for (uint32_t i = 0; i < c->n; i++)
			leave(f, s, fl, c->b[i]);
		c->next = s->free_chunk;
		s->free_chunk = c;
	}
	fl->first = fl->last = NULL;
}

static int by_seq(const void *x, const void *y)
{
	const struct screen_flow *a = *(struct screen_flow *const *)x, *b = *(struct screen_flow *const *)y;

	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

/* Flows that are not closed, the one that waited longest first. NULL when memory is out. */
static struct screen_flow **flows_by_age(const struct screen *s, uint32_t *n)
{
	struct screen_flow **all = malloc((s->n_flows + 1) * sizeof(*all));

	*n = 0;
	for (uint32_t i = 0; all && i <= s->table_mask; i++) {
		struct screen_flow *fl = s->table[i].at ? flow_at(s, s->table[i].at - 1) : NULL;

		if (fl && !fl->done)
			all[(*n)++] = fl;
	}
	if (all)
		qsort(all, *n, sizeof(*all), by_seq);
	return all;
}

/*
 * Too much is kept altogether: release flows until an eighth is free, those first that
 * waited longest. Looking for them costs a sort, which so many blocks share
 * that a list in order, kept for each block, would cost more.
 */
static void evict(struct sl_filter *f, struct screen *s)
{
	uint64_t enough = s->memory - s->memory / 8;
	struct screen_flow **all;
	uint32_t n;

	all = flows_by_age(s, &n);
	for (uint32_t i = 0; i < n && s->held > enough; i++) {
		if (all[i]->state != OPEN)
			continue;
		all[i]->state = RELEASED;
		sl_count(&s->evicted);
		flow_give(f, s, all[i]);
	}
	free(all);
}

/* No pattern will be found in it any more: what is kept leaves. */
static void flow_end(struct sl_filter *f, struct screen *s, struct screen_flow *fl)
{
	if (fl->state < MATCHED) {
		fl->state = RELEASED;
		sl_count(&s->clean);
		if (s->miss_port == 0 && !s->classify)
			sl_count(&s->matched);	/* grep -v: what passes is what was asked for */
	}
	flow_give(f, s, fl);
}

/* Forget the flows that were closed long ago. */
static void flows_forget(struct screen *s, uint64_t now_ns)
{
	while (s->closed_first) {
		struct screen_flow *fl = flow_at(s, s->closed_first - 1);

		if (s->n_closed <= LINGER_MAX && now_ns <= fl->closed_ns + LINGER_NS)
			return;
		s->closed_first = fl->next;
		s->n_closed--;
		flow_put(s, fl);
	}
}

static void flow_close(struct screen *s, struct screen_flow *fl, uint64_t now_ns)
{
	uint32_t at = index_of(s, fl) + 1;

	fl->done = 1;
	fl->closed_ns = now_ns;
	fl->next = 0;
	if (s->closed_first)
		flow_at(s, s->closed_last - 1)->next = at;
	else
		s->closed_first = at;
	s->closed_last = at;
	s->n_closed++;
	flows_forget(s, now_ns);
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

static void judge_stream(struct sl_filter *f, struct screen *s, struct sl_block *b)
{
	const struct screen_rules *r = f->shared;
	struct screen_flow *fl = flow_get(s, b->stream >> 1);
	bool close = b->flags & SL_B_CLOSE;
	uint64_t now_ns = b->time_ns;
	uint32_t pattern;

	if (!fl) {
		sl_lose(f, b, "no memory");
		return;
	}
	if (fl->done) {
		leave(f, s, fl, b);
		return;
	}
	fl->seq = sl_seq(f);
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
			if (s->held > s->memory)
				evict(f, s);
			return;
		}
		fl->state = RELEASED;
		flow_give(f, s, fl);
	}
	if (close)
		flow_end(f, s, fl);
	leave(f, s, fl, b);
	if (close)
		flow_close(s, fl, now_ns);
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

int screen_open(struct sl_filter *f)
{
	struct screen *s = sl_state(f);

	s->bytes = sl_in_type(f) == SL_BYTES;
	if (!f->shared)
		return sl_fail(f, "E302", "%s has no patterns", f->name);
	if (s->bytes && table_grow(s) < 0)
		return sl_fail(f, "E302", "no memory for %s", f->name);
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
		flow_end(f, s, all[i]);
		flow_put(s, all[i]);
	}
	free(all);
	return 0;
}

void screen_close(struct sl_filter *f)
{
	struct screen *s = sl_state(f);
	struct screen_chunk *c;

	while ((c = s->free_chunk)) {
		s->free_chunk = c->next;
		free(c);
	}
	/* Cut short, flows still hold chunks; their blocks belong to the run. */
	for (uint32_t i = 0; s->table && i <= s->table_mask; i++) {
		struct screen_flow *fl = s->table[i].at ? flow_at(s, s->table[i].at - 1) : NULL;

		while (fl && (c = fl->first)) {
			fl->first = c->next;
			free(c);
		}
	}
	for (uint32_t i = 0; i < s->n_slabs; i++)
		free(s->slab[i]);
	free(s->slab);
	free(s->table);
}
