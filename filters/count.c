/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * count -- count blocks and bytes and pass them on
 *
 *	(count)
 *
 * in   any stream
 * out  the same, unchanged
 * read blocks, bytes, wire_bytes
 *
 * bytes are those in view: the packet's on a packet stream, the payload's on a
 * byte stream. wire_bytes is what the packets had on the wire, which is more
 * where the capture cut them.
 */
#include "filter.h"

struct count {
	struct sl_count blocks, bytes, wire_bytes;
};

static const struct sl_value count_values[] = {
	SL_COUNT(struct count, blocks, .help = "blocks seen"),
	SL_COUNT(struct count, bytes, .help = "bytes in view"),
	SL_COUNT(struct count, wire_bytes, .help = "bytes on the wire"),
	{ }
};

static int count_work(struct sl_filter *f, struct sl_batch *in)
{
	struct count *c = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		sl_count(&c->blocks);
		sl_count_add(&c->bytes, b->len);
		sl_count_add(&c->wire_bytes, b->wire_len);
		sl_emit(f, 0, b);
	}
	return 0;
}

static const char *const count_examples[] = {
	"(pcapin web.pcap) > (count)",
	"(pcapin web.pcap) > (tcp) { -80-> (web: count); -else-> (rest: count) }",
	NULL
};

const struct sl_filter_type sl_count_type = {
	.name	  = "count",
	.brief	  = "count blocks and bytes and pass them on",
	.group	  = "look",
	.state	  = sizeof(struct count),
	.values	  = count_values,
	.in	  = SL_ANY,
	.out	  = SL_SAME,
	.flags	  = SL_F_SHARD,
	.need	  = SL_NEED_NONE,
	.work	  = count_work,
	.kernel	  = filter_kernel,
	.examples = count_examples,
};
