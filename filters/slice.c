/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * slice -- cut packets to their first bytes
 *
 *	(slice)
 *	(slice 64)
 *
 * in   packets
 * out  the same, of at most n bytes each
 * read cut
 *
 * For when headers are enough: less is kept, copied and written. How long a packet was
 * on the wire is still known, and pcapout writes it. What falls away is counted
 * as filtered bytes. Nothing is copied to cut it off.
 *
 * 54 bytes hold the headers of TCP over IPv4 on Ethernet without options, 128 nearly
 * all headers there are. A header that is cut through is none any more: what (tcp)
 * takes depends on whether it stands before or behind.
 */
#include <stdio.h>

#include "filter.h"

struct slice {
	uint32_t n;
	struct sl_count cut;
};

static const struct sl_param slice_params[] = {
	SL_U32(struct slice, n, .def = 128, .min = 1, .pos = 1, .unit = "bytes",
	       .help = "bytes of each packet that stay"),
	{ }
};

static const struct sl_value slice_values[] = {
	SL_COUNT(struct slice, cut, .help = "packets that were longer"),
	{ }
};

static int slice_work(struct sl_filter *f, struct sl_batch *in)
{
	struct slice *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		if (b->frame_len > s->n) {
			sl_count(&s->cut);
			sl_view(f, b, 0, s->n);		/* packets are their own view */
			b->frame_len = s->n;
			/* What was found may lie behind the cut: to be looked for again. */
			b->flags &= (uint16_t)~(SL_B_DECODED | SL_B_FRAGMENT);
			b->l3 = b->l4 = b->payload = 0;
			b->proto = 0;
		}
		sl_emit(f, 0, b);
	}
	return 0;
}

static int slice_merge(const void *first, const void *second, char *text, size_t size)
{
	const struct slice *a = first, *b = second;

	snprintf(text, size, "%u", a->n < b->n ? a->n : b->n);
	return 0;
}

static int slice_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct slice *s = state;

	(void)shared;
	return sl_kernel_set(k, "n", &s->n, sizeof(s->n));
}

static const char *const slice_examples[] = {
	"(pcapin web.pcap) > (slice 64) > (pcapout headers.pcap)",
	"(pcapin web.pcap) > (tcp) { -80-> (pcapout web80.pcap); -else-> (slice 54) > (pcapout rest.pcap) }",
	NULL
};

const struct sl_filter_type sl_slice_type = {
	.name	  = "slice",
	.brief	  = "cut packets to their first bytes",
	.group	  = "flow",
	.state	  = sizeof(struct slice),
	.params	  = slice_params,
	.values	  = slice_values,
	.in	  = SL_PACKET,
	.out	  = SL_PACKET,
	.need	  = SL_NEED_NONE,
	.flags	  = SL_F_SHARD | SL_F_CUT,
	.work	  = slice_work,
	.merge	  = slice_merge,
	.kernel	  = slice_kernel,
	.examples = slice_examples,
	.see_also = "head, sample, pcapout",
};
