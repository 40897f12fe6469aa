/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sample -- pass one block in n
 *
 *	(sample 100)
 *	(sample 100 by=flow)
 *
 * in   any stream
 * out  fewer of them, unchanged
 * read seen, passed
 *
 * by=block (the default) passes the first block and then each n-th, counted in
 * the source's order. by=flow passes all blocks of about one flow in n and none
 * of the others: it looks at addresses and ports only, so both directions stay
 * together and the same flows are chosen in every run. Packets without an IP
 * header, and bytes that came in no packet, count as one flow that passes.
 */
#include <stdio.h>

#include "filter.h"

enum { BY_BLOCK, BY_FLOW };

struct sample {
	uint64_t n;
	int by;
	uint64_t skip;		/* blocks still to drop before one passes */
	struct sl_count seen, passed;
};

static const char *const sample_by[] = { "block", "flow", NULL };

static const struct sl_param sample_params[] = {
	SL_U64(struct sample, n, .def = 10, .min = 1, .pos = 1,
	       .help = "pass one in n"),
	SL_CHOICE(struct sample, by, .choices = sample_by, .def = BY_BLOCK,
		  .help = "what is counted: blocks, or whole flows"),
	{ }
};

static const struct sl_value sample_values[] = {
	SL_COUNT(struct sample, seen, .help = "blocks seen"),
	SL_COUNT(struct sample, passed, .help = "blocks passed"),
	{ }
};

/* The flow hash is good for spreading over workers; mixing it once more keeps
 * the choice of flows independent of which worker they are on. */
static bool chosen(uint32_t hash, uint64_t n)
{
	uint64_t h = hash * 0x9e3779b97f4a7c15u;

	h ^= h >> 32;
	return h % n == 0;
}

static bool sample_flow(const struct sl_filter *f, struct sl_block *b, uint64_t n)
{
	struct sl_tuple t;
	const uint8_t *frame = sl_frame(f, b);

	if (!b->frame_len || !sl_tuple_of(b, frame, &t))
		return true;
	return chosen(sl_flow_hash(b, frame), n);
}

static int sample_work(struct sl_filter *f, struct sl_batch *in)
{
	struct sample *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		bool pass;

		sl_count(&s->seen);
		if (s->by == BY_FLOW) {
			pass = sample_flow(f, b, s->n);
		} else {
			pass = !s->skip;
			s->skip = pass ? s->n - 1 : s->skip - 1;
		}
		if (!pass) {
			sl_drop(f, b);
			continue;
		}
		sl_count(&s->passed);
		sl_emit(f, 0, b);
	}
	return 0;
}

/* The first of each n of the first of each m. Of flows not: which ones pass does not depend on what was before. */
static int sample_merge(const void *first, const void *second, char *text, size_t size)
{
	const struct sample *a = first, *b = second;
	uint64_t n;

	if (a->by != BY_BLOCK || b->by != BY_BLOCK || __builtin_mul_overflow(a->n, b->n, &n))
		return -ENOTSUP;
	snprintf(text, size, "%llu", (unsigned long long)n);
	return 0;
}

static int sample_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct sample *s = state;

	(void)shared;
	if (s->by == BY_FLOW)
		sl_kernel_form(k, "sample-flow");
	return sl_kernel_set(k, "n", &s->n, sizeof(s->n));
}

static const char *const sample_examples[] = {
	"(pcapin web.pcap) > (sample 100) > (print)",
	"(pcapin web.pcap) > (tcp) > (sample 10 by=flow) > (pcapout some.pcap)",
	NULL
};

const struct sl_filter_type sl_sample_type = {
	.name	  = "sample",
	.brief	  = "pass one block in n",
	.group	  = "select",
	.state	  = sizeof(struct sample),
	.params	  = sample_params,
	.values	  = sample_values,
	.in	  = SL_ANY,
	.out	  = SL_SAME,
	.need	  = SL_NEED_HEADERS,
	.work	  = sample_work,
	.merge	  = sample_merge,
	.kernel	  = sample_kernel,
	.examples = sample_examples,
	.see_also = "head",
};
