/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stats -- sizes of packets and how long they went on
 *
 *	(stats)
 *
 * in   packets
 * out  the same, unchanged
 * read packets, bytes, smallest, largest, milliseconds
 *
 * All sizes are those on the wire, also where the capture cut packets. milliseconds is
 * the time from the first packet to the last, so packets and bytes divided by it are
 * the mean rates, and bytes divided by packets is the mean size. One for each class:
 *
 *	(tcp) { -80-> (web: stats); -443-> (tls: stats) }
 *
 * The numbers are in the report of the run.
 */
#include "filter.h"

struct stats {
	struct sl_count packets, bytes, smallest, largest, milliseconds;
	uint64_t first_ns, last_ns;
};

static const struct sl_value stats_values[] = {
	SL_COUNT(struct stats, packets, .help = "packets seen"),
	SL_COUNT(struct stats, bytes, .help = "bytes on the wire"),
	SL_COUNT(struct stats, smallest, .help = "bytes of the smallest one"),
	SL_COUNT(struct stats, largest, .help = "bytes of the largest one"),
	SL_COUNT(struct stats, milliseconds, .help = "from the first one to the last"),
	{ }
};

static int stats_work(struct sl_filter *f, struct sl_batch *in)
{
	struct stats *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		if (!s->packets.n || b->wire_len < s->smallest.n)
			s->smallest.n = b->wire_len;
		if (b->wire_len > s->largest.n)
			s->largest.n = b->wire_len;
		sl_count(&s->packets);
		sl_count_add(&s->bytes, b->wire_len);
		if (b->time_ns && (!s->first_ns || b->time_ns < s->first_ns))
			s->first_ns = b->time_ns;
		if (b->time_ns > s->last_ns)
			s->last_ns = b->time_ns;
		sl_emit(f, 0, b);
	}
	s->milliseconds.n = (s->last_ns - s->first_ns) / 1000000;
	return 0;
}

static const char *const stats_examples[] = {
	"(pcapin web.pcap) > (stats)",
	"(pcapin web.pcap) > (tcp) { -80-> (web: stats); -443-> (tls: stats) }",
	NULL
};

const struct sl_filter_type sl_stats_type = {
	.name	  = "stats",
	.brief	  = "sizes of packets and how long they went on",
	.group	  = "look",
	.state	  = sizeof(struct stats),
	.values	  = stats_values,
	.in	  = SL_PACKET,
	.out	  = SL_PACKET,
	.need	  = SL_NEED_NONE,
	.work	  = stats_work,
	.kernel	  = filter_kernel,
	.examples = stats_examples,
	.see_also = "count",
};
