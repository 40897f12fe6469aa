/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * grep -- pass the streams or packets that hold a text
 *
 *	(grep "password=")
 *	(grep rules=words.ac nocase=on)
 *	(grep "Host: example.org" invert=on)
 *
 * in   byte streams, or packets
 * out  those with a match, unchanged
 * tag  -nomatch-> what is not passed
 * read streams, matched, clean, late, evicted, held_peak
 *
 * The pattern stands for itself, byte for byte; several are written one a line. With rules=
 * they come from a pattern file as ac reads it. invert=on passes what holds none
 * of them, and gives the rest on -nomatch->.
 *
 * On byte streams a whole connection passes, from its first block on, when either
 * direction holds the pattern, also across the border of two segments. hold= and
 * memory= bound what is kept until that is known, and timeout= ends what is silent,
 * as they do for ac: what grew beyond and matches later passes from there on,
 * counted as late. On packets each one is judged for itself, headers included.
 *
 * The exit status of a run with grep is that of grep(1): 0 when something
 * passed, 1 when nothing did, 2 on trouble.
 */
#include "screen.h"

static const struct sl_param grep_params[] = {
	SL_STRING(struct screen, pattern, .pos = 1, .help = "text to look for; several: one a line"),
	SL_IN_FILE(struct screen, rules, .help = "pattern file in place of the text"),
	SL_CHOICE(struct screen, syntax, .choices = screen_syntax, .def = SL_PATTERNS_NATIVE,
		  .help = "how the file is written: ours, Snort's content, or plain lines"),
	SL_SWITCH(struct screen, nocase, .help = "ignore case"),
	SL_SWITCH(struct screen, invert, .help = "pass what does not match"),
	SL_SIZE(struct screen, hold, .def = 1 << 20, .unit = "bytes",
		.help = "kept of a stream until it is judged"),
	SL_SIZE(struct screen, memory, .def = 256 << 20, .min = 1 << 16, .unit = "bytes",
		.help = "for all streams together"),
	SL_TIME(struct screen, timeout, .def = 3600e9, .min = 1,
		.help = "a stream without packets for so long has ended"),
	{ }
};

static const struct sl_value grep_values[] = {
	SL_COUNT(struct screen, streams, .help = "connections seen"),
	SL_COUNT(struct screen, matched, .help = "connections (or packets) passed as asked for"),
	SL_COUNT(struct screen, clean, .help = "connections (or packets) without the text"),
	SL_COUNT(struct screen, late, .help = "matched after their first blocks had been let go"),
	SL_COUNT(struct screen, evicted, .help = "let go early for want of memory"),
	SL_COUNT(struct screen, held_peak, .help = "most bytes kept at once"),
	{ }
};

static const struct sl_port grep_ports[] = {
	{ .name = "nomatch", .type = SL_SAME, .help = "what is not passed" },
	{ }
};

static int grep_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	const struct screen *s = state;

	if (!s->pattern && !s->rules)
		return sl_prepare_error(p, NULL, "E114", "'grep' needs a pattern, or rules=FILE");
	if (s->pattern && s->rules)
		return sl_prepare_error(p, "rules", "E113", "'grep' takes a pattern or a file of them, not both");
	return screen_prepare(p, s->rules ? "rules" : "pattern", s->rules, s->pattern, s->syntax,
			      s->nocase, (struct screen_rules **)shared);
}

static int grep_open(struct sl_filter *f)
{
	struct screen *s = sl_state(f);

	s->hit_port = s->invert ? 1 : 0;
	s->miss_port = s->invert ? 0 : 1;
	return screen_open(f);
}

static const char *const grep_examples[] = {
	"(pcapin web.pcap) > (tcp) -80-> (untcp) > (grep \"password=\") > (print style=byline)",
	"(pcapin web.pcap) > (udp) -53-> (grep \"example\" nocase=on) > (pcapout found.pcap)",
	NULL
};

const struct sl_filter_type sl_grep_type = {
	.name	  = "grep",
	.brief	  = "pass the streams or packets that hold a text",
	.group	  = "match",
	.state	  = sizeof(struct screen),
	.params	  = grep_params,
	.values	  = grep_values,
	.in	  = SL_PACKET | SL_BYTES,
	.out	  = SL_SAME,
	.ports	  = grep_ports,
	.flags	  = SL_F_SHARD | SL_F_MATCHER,
	.prepare  = grep_prepare,
	.release  = screen_release,
	.open	  = grep_open,
	.work	  = screen_work,
	.tick	  = screen_tick,
	.flush	  = screen_flush,
	.close	  = screen_close,
	.examples = grep_examples,
	.see_also = "ac, bpf",
};
