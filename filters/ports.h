/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ports.h -- what tcp, udp and port share: pass packets, classed by port
 *
 * All are this one state and this one loop; the protocol is the only difference,
 * known when the loop is compiled.
 */
#ifndef FILTERS_PORTS_H
#define FILTERS_PORTS_H

#include "filter.h"

enum ports_class { PORTS_DPORT, PORTS_SPORT, PORTS_EITHER };

static const char *const ports_choices[] = { "dport", "sport", "either", NULL };

struct ports {
	int class;		/* enum ports_class */
	struct sl_count fragments, unreadable;
};

#define PORTS_PARAMS \
	SL_CHOICE(struct ports, class, .choices = ports_choices, .def = PORTS_DPORT, .pos = 1, \
		  .help = "port that becomes the class: the destination's, the source's, or " \
			  "the lower of the two, the same for both directions"), \
	{ }

#define PORTS_VALUES \
	SL_COUNT(struct ports, fragments, .help = "fragments without ports, dropped"), \
	SL_COUNT(struct ports, unreadable, .help = "packets whose header is cut or wrong, dropped"), \
	{ }

/* 0: any of the three. */
static inline bool ports_wanted(uint8_t proto, uint8_t want)
{
	return want ? proto == want : proto == 6 || proto == 17 || proto == 132;
}

static inline __attribute__((always_inline))
int ports_work(struct sl_filter *f, struct sl_batch *in, uint8_t proto)
{
	struct ports *s = sl_state(f);
	const struct sl_block *ahead;
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		const uint8_t *frame = sl_frame(f, b);
		uint32_t sport, dport;

		ahead = sl_batch_ahead(in, 4);
		if (ahead)
			__builtin_prefetch(sl_frame(f, ahead));
		sl_decode(b, frame);
		if (!ports_wanted(b->proto, proto)) {
			sl_drop(f, b);
			continue;
		}
		if (!b->l4) {
			sl_count(b->flags & SL_B_FRAGMENT ? &s->fragments : &s->unreadable);
			sl_drop(f, b);
			continue;
		}
		sport = sl_be16(frame + b->l4);
		dport = sl_be16(frame + b->l4 + 2);
		if (s->class == PORTS_DPORT)
			b->class = dport;
		else if (s->class == PORTS_SPORT)
			b->class = sport;
		else
			b->class = sport < dport ? sport : dport;
		sl_emit(f, 0, b);
	}
	return 0;
}

static int ports_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct ports *s = state;

	(void)shared;
	return sl_kernel_set(k, "class", &s->class, sizeof(s->class));
}

#endif
