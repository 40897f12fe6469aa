/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * head -- pass the first blocks and end
 *
 *	(head)
 *	(head 100)
 *
 * in   any stream
 * out  the first n blocks of it, unchanged
 * read passed, n
 *
 * When n blocks have passed, the filter wants no more: a source that feeds
 * nothing else stops, so that looking at the start of a large file is quick. What
 * still comes, because another branch wants it, is counted as filtered. n=0
 * passes everything. The first n are those of the source's order, whatever the
 * number of workers.
 */
#include <stdio.h>

#include "filter.h"

struct head {
	uint64_t n;
	struct sl_count passed;
};

static const struct sl_param head_params[] = {
	SL_U64(struct head, n, .def = 10, .pos = 1, .unit = "blocks",
	       .help = "blocks to pass; 0: all"),
	{ }
};

static const struct sl_value head_values[] = {
	SL_COUNT(struct head, passed, .help = "blocks passed"),
	{ }
};

static int head_work(struct sl_filter *f, struct sl_batch *in)
{
	struct head *h = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		if (h->n && h->passed.n == h->n) {
			sl_drop(f, b);
			continue;
		}
		sl_count(&h->passed);
		sl_emit(f, 0, b);
		if (h->passed.n == h->n)
			sl_finished(f);
	}
	return 0;
}

static int head_merge(const void *first, const void *second, char *text, size_t size)
{
	const struct head *a = first, *b = second;
	uint64_t n = !a->n || (b->n && b->n < a->n) ? b->n : a->n;

	snprintf(text, size, "%llu", (unsigned long long)n);
	return 0;
}

static int head_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct head *h = state;

	(void)shared;
	return sl_kernel_set(k, "n", &h->n, sizeof(h->n));
}

/* The form counts on; nobody here sees that the last one has passed. */
static int head_kernel_sync(struct sl_filter *f, struct sl_kernel_view *v)
{
	const struct head *h = sl_state(f);

	(void)v;
	if (h->n && h->passed.n >= h->n)
		sl_finished(f);
	return 0;
}

static const char *const head_examples[] = {
	"(pcapin web.pcap) > (head) > (print)",
	"(pcapin web.pcap) > (tcp) -80-> (head 100) > (pcapout first.pcap)",
	NULL
};

const struct sl_filter_type sl_head_type = {
	.name	  = "head",
	.brief	  = "pass the first blocks and end",
	.group	  = "select",
	.state	  = sizeof(struct head),
	.params	  = head_params,
	.values	  = head_values,
	.in	  = SL_ANY,
	.out	  = SL_SAME,
	.need	  = SL_NEED_NONE,
	.work	  = head_work,
	.merge	  = head_merge,
	.kernel	  = head_kernel,
	.kernel_sync = head_kernel_sync,
	.examples = head_examples,
	.see_also = "sample, print",
};
