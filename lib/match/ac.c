/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ac -- compile a pattern set into the table that scan.c runs
 *
 * The trie is built without pointers. With the patterns sorted, every state is
 * a range of them that share their first `depth` bytes, so splitting ranges
 * breadth first numbers the states so that
 *
 *	- a state's children are neighbours, in the order of their bytes,
 *	- a shallower state has the lower number, hence so has the failure state
 *	  (the longest proper suffix that begins some pattern).
 *
 * Everything below is one loop over the states in that order. The failure
 * links exist only here: the finished rows have them resolved. A full row is
 * its failure state's row with the state's children written over; a short row
 * holds only what differs from the nearest full row along the failure links.
 *
 * All rows are full while that fits into FULL_BYTES. Beyond it the shallow
 * states, where a stream spends nearly all its time, get full rows up to
 * HEAD_BYTES, and the others short ones, some 30 bytes each.
 */
#include "match/ac_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef FULL_BYTES
#define FULL_BYTES	(4u << 20)
#define HEAD_BYTES	(1u << 20)
#endif

#define HUGE_PAGE	(2u << 20)

struct builder {
	struct ac_dfa *d;
	struct ac_str *strs;		/* distinct by (bytes, id); sorted */
	uint32_t n;
	uint8_t *folded;
	uint32_t states;
	uint32_t *lo;			/* range of strs: [lo, hi) */
	uint32_t *hi;
	uint32_t *depth;
	uint32_t *child0;		/* first child; states + 1 of them */
	uint8_t *label;			/* the byte that leads here */
	uint32_t *fail;
	uint32_t *out;			/* index in d->outs, or 0 */
	uint32_t *row;			/* finished state word */
	uint32_t *base;			/* short rows: the full row they refer to (a state) */
	size_t *diff0;			/* short rows: first of their differences */
	uint8_t *diff_cls;
	uint32_t *diff_to;		/* state numbers */
	size_t n_diff, cap_diff;
};

static int cmp_str(const void *pa, const void *pb)
{
	const struct ac_str *a = pa, *b = pb;
	int r = memcmp(a->b, b->b, a->len < b->len ? a->len : b->len);

	if (r)
		return r;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

/* Take the patterns of one kind out of the set. */
static int collect(struct builder *b, const struct sl_patterns *ps, bool nocase)
{
	size_t bytes = 0;
	uint32_t i, j;
	uint8_t *to;

	for (i = 0; i < ps->n; i++) {
		if (ps->items[i].nocase != nocase)
			continue;
		b->n++;
		bytes += ps->items[i].len;
	}
	if (!b->n)
		return 0;
	b->strs = calloc(b->n, sizeof(*b->strs));
	b->folded = nocase ? malloc(bytes) : NULL;
	if (!b->strs || (nocase && !b->folded))
		return -ENOMEM;
	to = b->folded;
	for (i = 0, b->n = 0; i < ps->n; i++) {
		const struct sl_pattern *p = &ps->items[i];

		if (p->nocase != nocase)
			continue;
		b->strs[b->n++] = (struct ac_str){ .b = nocase ? to : p->bytes, .len = p->len, .id = i };
		if (!nocase)
			continue;
		for (j = 0; j < p->len; j++)
			*to++ = p->bytes[j] >= 'A' && p->bytes[j] <= 'Z' ? p->bytes[j] | 0x20 : p->bytes[j];
	}
	qsort(b->strs, b->n, sizeof(*b->strs), cmp_str);
	return 0;
}

/* Bytes that no pattern holds share class 0; if there are none, 0 is a byte's. */
static void classify(struct builder *b, bool nocase)
{
	struct ac_dfa *d = b->d;
	bool seen[256] = { false };
	unsigned int n_seen = 0, next, c;
	uint32_t i, j;

	for (i = 0; i < b->n; i++)
		for (j = 0; j < b->strs[i].len; j++)
			seen[b->strs[i].b[j]] = true;
	if (nocase)
		for (c = 'A'; c <= 'Z'; c++)
			seen[c] = false;
	for (c = 0; c < 256; c++)
		n_seen += seen[c];
	next = n_seen < 256;
	for (c = 0; c < 256; c++)
		d->cls[c] = seen[c] ? (uint8_t)next++ : 0;
	d->n_cls = next;
	if (nocase)
		for (c = 'A'; c <= 'Z'; c++)
			d->cls[c] = d->cls[c | 0x20];
}

static int alloc_states(struct builder *b)
{
	uint64_t states = 1;
	uint32_t i, same, most;

	for (i = 0; i < b->n; i++) {
		const struct ac_str *s = &b->strs[i];

		same = 0;
		if (i) {
			most = s->len < s[-1].len ? s->len : s[-1].len;
			while (same < most && s->b[same] == s[-1].b[same])
				same++;
		}
		states += s->len - same;
	}
	if (states > AC_OFFSET / 4)
		return -E2BIG;
	b->states = (uint32_t)states;
	b->lo = calloc(states, sizeof(*b->lo));
	b->hi = calloc(states, sizeof(*b->hi));
	b->depth = calloc(states, sizeof(*b->depth));
	b->child0 = calloc(states + 1, sizeof(*b->child0));
	b->label = calloc(states, 1);
	b->fail = calloc(states, sizeof(*b->fail));
	b->out = calloc(states, sizeof(*b->out));
	b->row = calloc(states, sizeof(*b->row));
	b->base = calloc(states, sizeof(*b->base));
	b->diff0 = calloc(states + 1, sizeof(*b->diff0));
	b->d->outs = calloc((size_t)b->n + 1, sizeof(*b->d->outs));
	b->d->ids = calloc(b->n, sizeof(*b->d->ids));
	if (!b->lo || !b->hi || !b->depth || !b->child0 || !b->label || !b->fail || !b->out ||
	    !b->row || !b->base || !b->diff0 || !b->d->outs || !b->d->ids)
		return -ENOMEM;
	return 0;
}

static void build_trie(struct builder *b)
{
	struct ac_dfa *d = b->d;
	uint32_t s, next = 1, i, j, depth;

	b->hi[0] = b->n;
	d->n_outs = 1;
	for (s = 0; s < b->states; s++) {
		depth = b->depth[s];
		b->child0[s] = next;
		i = b->lo[s];
		/* Sorted: patterns that end here come before longer ones. */
		if (i < b->hi[s] && b->strs[i].len == depth) {
			b->out[s] = d->n_outs;
			d->outs[d->n_outs].first = d->n_ids;
			for (; i < b->hi[s] && b->strs[i].len == depth; i++)
				d->ids[d->n_ids++] = b->strs[i].id;
			d->outs[d->n_outs].n = d->n_ids - d->outs[d->n_outs].first;
			d->n_outs++;
		}
		for (; i < b->hi[s]; i = j) {
			uint8_t c = b->strs[i].b[depth];

			for (j = i + 1; j < b->hi[s] && b->strs[j].b[depth] == c; j++)
				;
			b->lo[next] = i;
			b->hi[next] = j;
			b->depth[next] = depth + 1;
			b->label[next] = c;
			next++;
		}
	}
	b->child0[s] = next;
}

/* The child of s by byte c, or 0. */
static uint32_t child(const struct builder *b, uint32_t s, uint8_t c)
{
	uint32_t lo = b->child0[s], hi = b->child0[s + 1], mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (b->label[mid] < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->child0[s + 1] && b->label[lo] == c ? lo : 0;
}

static void build_links(struct builder *b)
{
	uint32_t s, t, f, to;

	for (s = 0; s < b->states; s++) {
		for (t = b->child0[s]; t < b->child0[s + 1]; t++) {
			to = 0;
			for (f = s; f && !to; ) {
				f = b->fail[f];
				to = child(b, f, b->label[t]);
			}
			b->fail[t] = to;
			if (b->out[t])
				b->d->outs[b->out[t]].next = b->out[to];
			else
				b->out[t] = b->out[to];
		}
	}
}

static bool is_full(const struct builder *b, uint32_t s)
{
	return b->base[s] == s;
}

static int push_diff(struct builder *b, uint8_t cls, uint32_t to)
{
	if (b->n_diff == b->cap_diff) {
		size_t cap = b->cap_diff ? b->cap_diff * 2 : 4096;
		uint8_t *c = realloc(b->diff_cls, cap);
		uint32_t *t;

		if (!c)
			return -ENOMEM;
		b->diff_cls = c;
		t = realloc(b->diff_to, cap * sizeof(*t));
		if (!t)
			return -ENOMEM;
		b->diff_to = t;
		b->cap_diff = cap;
	}
	b->diff_cls[b->n_diff] = cls;
	b->diff_to[b->n_diff++] = to;
	return 0;
}

/*
 * Which rows are full, which full row each short one refers to, and how they
 * differ: as the failure state does, with this state's children on top.
 */
static int plan_rows(struct builder *b, uint32_t n_full)
{
	const uint8_t *cls = b->d->cls;
	uint32_t s, t, f;
	size_t i;

	for (s = 0; s < b->states; s++) {
		b->diff0[s] = b->n_diff;
		b->base[s] = s;
		if (s < n_full)
			continue;
		f = b->fail[s];
		for (t = b->child0[s]; t < b->child0[s + 1]; t++)
			if (push_diff(b, cls[b->label[t]], t) < 0)
				return -ENOMEM;
		for (i = b->diff0[f]; !is_full(b, f) && i < b->diff0[f + 1]; i++) {
			size_t k = b->diff0[s], end = k + b->child0[s + 1] - b->child0[s];

			while (k < end && b->diff_cls[k] != b->diff_cls[i])
				k++;
			if (k == end && push_diff(b, b->diff_cls[i], b->diff_to[i]) < 0)
				return -ENOMEM;
		}
		if (b->n_diff - b->diff0[s] > AC_SHORT_MAX)
			b->n_diff = b->diff0[s];
		else
			b->base[s] = b->base[f];
	}
	b->diff0[s] = b->n_diff;
	return 0;
}

static uint64_t place_row(struct builder *b, uint32_t s, uint64_t at)
{
	size_t n = b->diff0[s + 1] - b->diff0[s];

	b->row[s] = (uint32_t)(at & AC_OFFSET) | (b->out[s] ? AC_MATCH : 0) |
		    (is_full(b, s) ? 0 : AC_SPARSE);
	return at + AC_HEADER + (is_full(b, s) ? b->d->n_cls : 2 + (n + 3) / 4 + n);
}

/*
 * Zeroed. A large table is walked at random, so ask for large pages, whose
 * addresses the processor can all keep in mind.
 */
static void *alloc_table(size_t bytes)
{
	void *p;

	if (bytes < HUGE_PAGE)
		return calloc(1, bytes);
	if (posix_memalign(&p, HUGE_PAGE, (bytes + HUGE_PAGE - 1) & -(size_t)HUGE_PAGE))
		return NULL;
	(void)madvise(p, bytes, MADV_HUGEPAGE);
	memset(p, 0, bytes);
	return p;
}

/*
 * Full rows first, in order of depth; then the short ones pattern by pattern,
 * so that what a stream walks along lies side by side.
 */
static int place_rows(struct builder *b)
{
	uint64_t at = 0;
	uint32_t s, top = 0, *stack;

	for (s = 0; s < b->states; s++)
		if (is_full(b, s))
			at = place_row(b, s, at);
	/* Depth first; a state's children follow each other on the stack. */
	stack = malloc(b->states * sizeof(*stack));
	if (!stack)
		return -ENOMEM;
	stack[top++] = 0;
	while (top) {
		uint32_t t;

		s = stack[--top];
		if (!is_full(b, s))
			at = place_row(b, s, at);
		for (t = b->child0[s + 1]; t-- > b->child0[s]; )
			stack[top++] = t;
	}
	free(stack);
	if (at > AC_OFFSET)
		return -E2BIG;
	b->d->words = at;
	b->d->mem = alloc_table(at * sizeof(*b->d->mem));
	return b->d->mem ? 0 : -ENOMEM;
}

/* Most often one pattern ends, and then it need not be looked up. */
static uint32_t out_word(const struct ac_dfa *d, uint32_t out)
{
	const struct ac_out *o = &d->outs[out];

	return out && o->n == 1 && !o->next ? AC_ONE | d->ids[o->first] : out;
}

static void write_rows(struct builder *b)
{
	struct ac_dfa *d = b->d;
	uint32_t *t = d->mem + AC_HEADER, *to, s, c, f, n_short = 0;
	size_t i, n, end;

	for (s = 0; s < b->states; s++) {
		to = t + (b->row[s] & AC_OFFSET);
		to[-2] = b->depth[s];
		to[-1] = out_word(d, b->out[s]);
		if (is_full(b, s)) {
			f = b->fail[s];
			if (s)
				memcpy(to, t + (b->row[b->base[f]] & AC_OFFSET), d->n_cls * sizeof(*to));
			if (!is_full(b, f))
				for (i = b->diff0[f]; i < b->diff0[f + 1]; i++)
					to[b->diff_cls[i]] = b->row[b->diff_to[i]];
			for (c = b->child0[s]; c < b->child0[s + 1]; c++)
				to[d->cls[b->label[c]]] = b->row[c];
			continue;
		}
		n_short++;
		i = b->diff0[s];
		end = b->diff0[s + 1];
		n = end - i;
		to[0] = b->row[b->base[s]] & AC_OFFSET;
		to[1] = (uint32_t)n;
		for (c = 0; c < (n + 3) / 4 * 4; c++)
			to[2 + c / 4] |= (uint32_t)b->diff_cls[c < n ? i + c : i] << c % 4 * 8;
		for (to += 2 + (n + 3) / 4; i < end; i++)
			*to++ = b->row[b->diff_to[i]];
	}
	d->t = t;
	d->n_states = b->states;
	d->all_full = n_short == 0;
}

static void builder_done(struct builder *b)
{
	free(b->strs);
	free(b->folded);
	free(b->lo);
	free(b->hi);
	free(b->depth);
	free(b->child0);
	free(b->label);
	free(b->fail);
	free(b->out);
	free(b->row);
	free(b->base);
	free(b->diff0);
	free(b->diff_cls);
	free(b->diff_to);
}

static int build(struct ac_dfa *d, const struct sl_patterns *ps, bool nocase, unsigned int flags)
{
	struct builder b = { .d = d };
	uint64_t row_bytes, n_full;
	int ret;

	ret = collect(&b, ps, nocase);
	if (ret < 0 || !b.n)
		goto out;
	classify(&b, nocase);
	ret = alloc_states(&b);
	if (ret < 0)
		goto out;
	build_trie(&b);
	build_links(&b);

	row_bytes = (d->n_cls + AC_HEADER) * sizeof(uint32_t);
	n_full = b.states;
	if (flags & SL_AC_COMPACT)
		n_full = 1;
	else if (n_full * row_bytes > FULL_BYTES)
		n_full = HEAD_BYTES / row_bytes;
	ret = plan_rows(&b, (uint32_t)n_full);
	if (ret < 0)
		goto out;
	ret = place_rows(&b);
	if (ret < 0)
		goto out;
	write_rows(&b);
	if (!(flags & SL_AC_NO_FILTER))
		ret = ac_filter_new(b.strs, b.n, nocase, flags, &d->filter);
out:
	builder_done(&b);
	return ret;
}

int sl_ac_new(const struct sl_patterns *ps, unsigned int flags, struct sl_ac **out)
{
	struct sl_ac *ac = calloc(1, sizeof(*ac));
	int i, ret;

	if (!ac)
		return -ENOMEM;
	for (i = 0; i < 2; i++) {
		ret = build(&ac->dfa[i], ps, i, flags);
		if (ret < 0) {
			sl_ac_free(ac);
			return ret;
		}
	}
	*out = ac;
	return 0;
}

void sl_ac_free(struct sl_ac *ac)
{
	int i;

	if (!ac)
		return;
	for (i = 0; i < 2; i++) {
		free(ac->dfa[i].mem);
		free(ac->dfa[i].outs);
		free(ac->dfa[i].ids);
		ac_filter_free(ac->dfa[i].filter);
	}
	free(ac);
}

size_t sl_ac_memory(const struct sl_ac *ac)
{
	size_t sum = sizeof(*ac);
	int i;

	for (i = 0; i < 2; i++) {
		const struct ac_dfa *d = &ac->dfa[i];

		sum += d->words * sizeof(*d->mem) + d->n_outs * sizeof(*d->outs) +
		       d->n_ids * sizeof(*d->ids);
		if (d->filter)
			sum += d->filter->memory;
	}
	return sum;
}
