/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vlan -- pass tagged frames, classed by virtual LAN
 *
 *	(vlan)
 *	(vlan inner)
 *
 * in   packets
 * out  those with a VLAN tag, unchanged
 * read untagged
 *
 * The class is the number of the virtual LAN, 0 to 4095: -100-> takes VLAN 100.
 * Where tags are stacked (802.1ad, "QinQ") the outer one counts, or with tag=inner the
 * last. Frames without a tag, with one that is cut off, and those of links that
 * have none (raw IP, PPP, loopback) are dropped and counted as untagged.
 *
 * No tag is taken away, and none is needed: ip, tcp and all the others step over
 * them by themselves.
 */
#include "filter.h"

enum { TAG_OUTER, TAG_INNER };

struct vlan {
	int tag;
	struct sl_count untagged;
};

static const char *const vlan_tags[] = { "outer", "inner", NULL };

static const struct sl_param vlan_params[] = {
	SL_CHOICE(struct vlan, tag, .choices = vlan_tags, .def = TAG_OUTER, .pos = 1,
		  .help = "which of stacked tags becomes the class"),
	{ }
};

static const struct sl_value vlan_values[] = {
	SL_COUNT(struct vlan, untagged, .help = "frames without a tag, dropped"),
	{ }
};

static int vlan_work(struct sl_filter *f, struct sl_batch *in)
{
	struct vlan *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		struct sl_link_type t;

		if (!sl_link_type(b, sl_frame(f, b), &t) || !t.n_tags) {
			sl_count(&s->untagged);
			sl_drop(f, b);
			continue;
		}
		b->class = (s->tag == TAG_INNER ? t.last : t.first) & 0xfff;
		sl_emit(f, 0, b);
	}
	return 0;
}

static int vlan_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct vlan *s = state;

	(void)shared;
	return sl_kernel_set(k, "inner", &s->tag, sizeof(s->tag));
}

static const char *const vlan_examples[] = {
	"(pcapin trunk.pcap) > (vlan) -100-> (pcapout vlan100.pcap)",
	"(pcapin trunk.pcap) > (vlan) -100,200..299-> (tcp) -80-> (count)",
	NULL
};

const struct sl_filter_type sl_vlan_type = {
	.name	  = "vlan",
	.brief	  = "pass tagged frames, classed by virtual LAN",
	.group	  = "select",
	.state	  = sizeof(struct vlan),
	.params	  = vlan_params,
	.values	  = vlan_values,
	.in	  = SL_PACKET,
	.out	  = SL_PACKET,
	.need	  = SL_NEED_HEADERS,
	.class	  = SL_CLASS_NUMBER,
	.flags	  = SL_F_SHARD | SL_F_SELECT,
	.work	  = vlan_work,
	.kernel	  = vlan_kernel,
	.examples = vlan_examples,
	.see_also = "ether, ip, tunnel",
};
