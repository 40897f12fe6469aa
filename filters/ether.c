/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ether -- pass frames, classed by what they carry
 *
 *	(ether)
 *
 * in   packets
 * out  those whose link header says what follows, unchanged
 * read untyped
 *
 * The class is the ethertype, by number or by name: -arp->, -0x88cc->. The names:
 *
 *	ip ip6 arp rarp wol mpls pppoe pppoed eapol lldp macsec ptp fcoe aoe
 *	profinet ethercat lacp batman loop llc
 *
 * Tags of virtual LANs are stepped over, so -arp-> takes ARP in every virtual LAN. Frames
 * with a length instead of a type (spanning tree, IS-IS, CDP) have class 0, "llc".
 *
 * Linux cooked captures and Cisco HDLC have ethertypes too. On links that have none (raw
 * IP, PPP, loopback) IP packets are classed as they would be on Ethernet; what
 * else there is, and frames that are cut, are dropped and counted as untyped.
 */
#include <stdio.h>

#include "filter.h"

struct ether {
	struct sl_count untyped;
};

static const struct {
	const char *name;
	uint16_t type;
} ether_names[] = {
	{ "ip", 0x0800 }, { "ip6", 0x86dd }, { "arp", 0x0806 }, { "rarp", 0x8035 }, { "wol", 0x0842 },
	{ "mpls", 0x8847 }, { "pppoe", 0x8864 }, { "pppoed", 0x8863 }, { "eapol", 0x888e },
	{ "lldp", 0x88cc }, { "macsec", 0x88e5 }, { "ptp", 0x88f7 }, { "fcoe", 0x8906 },
	{ "aoe", 0x88a2 }, { "profinet", 0x8892 }, { "ethercat", 0x88a4 }, { "lacp", 0x8809 },
	{ "batman", 0x4305 }, { "loop", 0x9000 }, { "llc", 0 },
};

#define N_NAMES (sizeof(ether_names) / sizeof(ether_names[0]))

static const struct sl_value ether_values[] = {
	SL_COUNT(struct ether, untyped, .help = "packets of which nothing says what they are, dropped"),
	{ }
};

static int ether_class_find(const void *shared, const char *name, uint32_t *class_out)
{
	(void)shared;
	for (unsigned int i = 0; i < N_NAMES; i++) {
		if (!strcmp(ether_names[i].name, name)) {
			*class_out = ether_names[i].type;
			return 0;
		}
	}
	return -ENOENT;
}

static const char *ether_class_name(const void *shared, uint32_t class_no, char *buf, size_t size)
{
	(void)shared;
	for (unsigned int i = 0; i < N_NAMES; i++) {
		if (ether_names[i].type == class_no) {
			snprintf(buf, size, "%s", ether_names[i].name);
			return buf;
		}
	}
	snprintf(buf, size, "0x%04x", class_no);
	return buf;
}

static const char *ether_class_at(const void *shared, unsigned int i)
{
	(void)shared;
	return i < N_NAMES ? ether_names[i].name : NULL;
}

static int ether_work(struct sl_filter *f, struct sl_batch *in)
{
	struct ether *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		const uint8_t *frame = sl_frame(f, b);
		struct sl_link_type t;
		unsigned int version;

		if (sl_link_type(b, frame, &t)) {
			b->class = t.type < 0x600 ? 0 : t.type;
			sl_emit(f, 0, b);
			continue;
		}
		version = sl_ip_version(b, frame);
		if (!version) {
			sl_count(&s->untyped);
			sl_drop(f, b);
			continue;
		}
		b->class = version == 4 ? 0x0800 : 0x86dd;
		sl_emit(f, 0, b);
	}
	return 0;
}

static const char *const ether_examples[] = {
	"(pcapin all.pcap) > (ether) -arp-> (print)",
	"(pcapin all.pcap) > (ether) { -ip,ip6-> (null); -lldp,0x88f7-> (print); -else-> (count) }",
	NULL
};

const struct sl_filter_type sl_ether_type = {
	.name	    = "ether",
	.brief	    = "pass frames, classed by what they carry",
	.group	    = "select",
	.state	    = sizeof(struct ether),
	.values	    = ether_values,
	.in	    = SL_PACKET,
	.out	    = SL_PACKET,
	.need	    = SL_NEED_HEADERS,
	.class	    = SL_CLASS_NUMBER,
	.flags	    = SL_F_SHARD | SL_F_SELECT,
	.class_find = ether_class_find,
	.class_name = ether_class_name,
	.class_at   = ether_class_at,
	.work	    = ether_work,
	.kernel	    = filter_kernel,
	.examples   = ether_examples,
	.see_also   = "vlan, ip, ip6, bpf",
};
