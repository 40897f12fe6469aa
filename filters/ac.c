/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ac -- screen out the streams or packets that hold a pattern
 *
 *	(ac)
 *	(ac web.ac)
 *	(ac web.ac hold=4MiB) { > (pcapout clean.pcap); -sqli-> (jsonout) }
 *
 * in   byte streams, or packets
 * out  those without a match, unchanged
 * tag  -match-> those with one; -GROUP-> those whose first match is in the group
 * read streams, matched, clean, late, evicted, held_peak
 *
 * All patterns of a file are looked for at once (Aho-Corasick). A line of the file is
 * a pattern, with its group in front: "sqli: union select"; |0d 0a| are bytes in
 * hexadecimal, a backslash takes away the meaning of the character behind it, #
 * begins a comment line, nocase makes the case of letters not matter. Without a
 * file, a small set of 24 patterns that comes with Streamline is used.
 *
 * On byte streams a connection is judged as a whole, both directions, and a
 * pattern that is cut by the border of two segments is found. Until a match or the end
 * of the connection its blocks are kept, at most hold= bytes of them; then they
 * pass on. When a pattern turns up after that, the rest of the connection leaves with
 * the matches and the stream is counted as late too. Nothing is copied while it
 * is kept. hold=0 keeps nothing. Across a gap in a stream nothing is found.
 *
 * A connection that is not closed ends after timeout= without a packet. Packets that
 * come up to a minute after the one that closed it go where it went. memory= bounds what
 * all connections together need (of each worker): beyond it those that have been
 * silent longest pass early, counted as evicted. Half of it is for the connections
 * themselves, 96 bytes each; beyond that they are forgotten, those with a match last.
 *
 * On packets each one is judged for itself, headers included. Live, a program in the
 * kernel tells which of them certainly hold no pattern; only the others are looked at
 * here.
 *
 * The class of a match is the group of the pattern whose last byte comes first.
 * Patterns without a group are in the group match, so -match-> after all takes
 * the matches of every group.
 */
#include "ac-kernel.h"
#include "screen.h"

static const struct sl_param ac_params[] = {
	SL_IN_FILE(struct screen, rules, .pos = 1, .supply = screen_supply,
		   .help = "pattern file, one a line; 'group: pattern'"),
	SL_CHOICE(struct screen, syntax, .choices = screen_syntax, .def = SL_PATTERNS_NATIVE,
		  .help = "how the file is written: ours, Snort's content, or plain lines"),
	SL_SWITCH(struct screen, nocase, .help = "ignore the case of all patterns"),
	SL_SIZE(struct screen, hold, .def = 1 << 20, .unit = "bytes",
		.help = "kept of a stream until it is judged"),
	SL_SIZE(struct screen, memory, .def = 256 << 20, .min = 1 << 16, .unit = "bytes",
		.help = "for all streams together"),
	SL_TIME(struct screen, timeout, .def = 3600e9, .min = 1,
		.help = "a stream without packets for so long has ended"),
	{ }
};

static const struct sl_value ac_values[] = {
	SL_COUNT(struct screen, streams, .help = "connections seen"),
	SL_COUNT(struct screen, matched, .help = "connections (or packets) with a match"),
	SL_COUNT(struct screen, clean, .help = "connections (or packets) that ended without one"),
	SL_COUNT(struct screen, late, .help = "matched after their first blocks had passed"),
	SL_COUNT(struct screen, evicted, .help = "passed early for want of memory"),
	SL_COUNT(struct screen, held_peak, .help = "most bytes kept at once"),
	{ }
};

static const struct sl_port ac_ports[] = {
	{ "match", SL_SAME, "streams or packets with a match", .groups = true },
	{ }
};

static int ac_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	const struct screen *s = state;

	if (!s->rules)
		return sl_prepare_error(p, "rules", "E114", "'ac' needs a pattern file");
	return screen_prepare(p, "rules", s->rules, NULL, s->syntax, s->nocase,
			      (struct screen_rules **)shared);
}

static int ac_open(struct sl_filter *f)
{
	struct screen *s = sl_state(f);

	s->hit_port = 1;
	s->miss_port = 0;
	s->classify = true;
	return screen_open(f);
}

static const char *const ac_examples[] = {
	"(pcapin web.pcap) > (tcp) -80-> (untcp) > (ac) > (pcapout clean.pcap)",
	"(pcapin web.pcap) > (tcp) -80-> (untcp) > (ac web.ac) -sqli-> (jsonout)",
	"(pcapin web.pcap) > (udp) -53-> (ac names.ac nocase=on) -match-> (print)",
	NULL
};

const struct sl_filter_type sl_ac_type = {
	.name	    = "ac",
	.brief	    = "screen out the streams or packets that hold a pattern",
	.group	    = "match",
	.state	    = sizeof(struct screen),
	.params	    = ac_params,
	.values	    = ac_values,
	.in	    = SL_PACKET | SL_BYTES,
	.out	    = SL_SAME,
	.ports	    = ac_ports,
	.flags	    = SL_F_SHARD | SL_F_UNDECIDED,
	.prepare    = ac_prepare,
	.release    = screen_release,
	.class_find = screen_class_find,
	.class_name = screen_class_name,
	.class_at   = screen_class_at,
	.open	    = ac_open,
	.work	    = screen_work,
	.tick	    = screen_tick,
	.flush	    = screen_flush,
	.close	    = screen_close,
	.kernel	    = ac_kernel,
	.examples   = ac_examples,
	.see_also   = "grep, bpf",
};
