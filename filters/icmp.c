/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * icmp -- pass ICMP and ICMPv6 packets, classed by type
 *
 *	(icmp)
 *
 * in   packets
 * out  the ICMP and ICMPv6 packets among them, unchanged
 * read fragments, unreadable
 *
 * The class is the type: -8-> takes echo requests of IPv4, -128-> those of IPv6.
 * Types of ICMP lie below 128 in use, those of ICMPv6 that are no errors above; put (ip)
 * or (ip6) in front where it matters.
 */
#include "filter.h"

struct icmp {
	struct sl_count fragments, unreadable;
};

static const struct sl_value icmp_values[] = {
	SL_COUNT(struct icmp, fragments, .help = "fragments without a type, dropped"),
	SL_COUNT(struct icmp, unreadable, .help = "packets whose header is cut, dropped"),
	{ }
};

static int icmp_work(struct sl_filter *f, struct sl_batch *in)
{
	struct icmp *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		const uint8_t *frame = sl_frame(f, b);

		sl_decode(b, frame);
		if (b->proto != 1 && b->proto != 58) {
			sl_drop(f, b);
			continue;
		}
		if (!b->l4) {
			sl_count(b->flags & SL_B_FRAGMENT ? &s->fragments : &s->unreadable);
			sl_drop(f, b);
			continue;
		}
		b->class = frame[b->l4];
		sl_emit(f, 0, b);
	}
	return 0;
}

static const char *const icmp_examples[] = {
	"(pcapin ping.pcap) > (icmp) -8,128-> (count)",
	"(pcapin ping.pcap) > (icmp) > (print)",
	NULL
};

const struct sl_filter_type sl_icmp_type = {
	.name	  = "icmp",
	.brief	  = "pass ICMP and ICMPv6 packets, classed by type",
	.group	  = "select",
	.state	  = sizeof(struct icmp),
	.values	  = icmp_values,
	.in	  = SL_PACKET,
	.out	  = SL_PACKET,
	.need	  = SL_NEED_HEADERS,
	.class	  = SL_CLASS_ICMP,
	.flags	  = SL_F_SHARD | SL_F_SELECT,
	.work	  = icmp_work,
	.kernel	  = filter_kernel,
	.examples = icmp_examples,
	.see_also = "ip, ip6, bpf",
};
