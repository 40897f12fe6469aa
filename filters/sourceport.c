/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sourceport -- pass TCP and UDP packets, classed by source port
 *
 *	(sourceport)
 *
 * in   packets
 * out  the TCP and UDP packets among them, unchanged
 * read without
 *
 * The class is the port that the packet comes from: -80-> takes what web servers
 * send. Packets without a port (other protocols, later fragments, headers that
 * the capture cut off) are dropped.
 */
#include "filter.h"

struct sourceport {
	struct sl_count without;
};

static const struct sl_value sourceport_values[] = {
	SL_COUNT(struct sourceport, without, .help = "packets without a port, dropped"),
	{ }
};

static int sourceport_work(struct sl_filter *f, struct sl_batch *in)
{
	struct sourceport *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		const uint8_t *frame = sl_frame(f, b);

		sl_decode(b, frame);
		if (!b->l4 || (b->proto != 6 && b->proto != 17)) {
			sl_count(&s->without);
			sl_drop(f, b);
			continue;
		}
		b->class = sl_be16(frame + b->l4);
		sl_emit(f, 0, b);
	}
	return 0;
}

static const char *const sourceport_examples[] = {
	"(pcapin web.pcap) > (sourceport) -80,443-> (count)",
	"(pcapin web.pcap) > (tcp) > (sourceport) -http-> (print)",
	NULL
};

const struct sl_filter_type sl_sourceport_type = {
	.name	  = "sourceport",
	.brief	  = "pass TCP and UDP packets, classed by source port",
	.group	  = "select",
	.state	  = sizeof(struct sourceport),
	.values	  = sourceport_values,
	.in	  = SL_PACKET,
	.out	  = SL_PACKET,
	.need	  = SL_NEED_HEADERS,
	.class	  = SL_CLASS_PORT,
	.flags	  = SL_F_SHARD | SL_F_SELECT,
	.work	  = sourceport_work,
	.kernel	  = filter_kernel,
	.examples = sourceport_examples,
	.see_also = "tcp, udp",
};
