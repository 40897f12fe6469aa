/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * print -- write one line for each block and pass it on
 *
 *	(print)
 *	(print style=hex time=iso)
 *	(print style=byline file=talk.txt)
 *
 * in   any stream
 * out  the same, unchanged
 * read lines, missed
 *
 * A packet is shown in tcpdump's manner: time, addresses, what the headers say, length.
 * Names are never looked up and sequence numbers are as they stand in the
 * packet. A block of a byte stream shows the addresses of the packet it came
 * in, the number of its flow, > or < for its direction, its place in the stream,
 * its length, and what is special about it. A record is shown as it is, JSON.
 *
 * style=hex adds the bytes in hexadecimal and as text: of a packet from its IP
 * header on, of a stream those in view. style=byline adds the payload as text,
 * line by line, with a dot for what can't be printed.
 *
 * time=clock is the time of day; time=iso the date as well, time=epoch seconds
 * since 1970, time=none nothing. Times are UTC unless the variable TZ says
 * another place. Nine digits follow the point where the source keeps nanoseconds,
 * six elsewhere.
 *
 * iface=yes puts the interface of a packet and its direction, in or out, in front of the addresses.
 *
 * proc=yes adds the process whose socket a packet comes from or goes to: "proc curl[1234]". It
 * is known of TCP and UDP that rx captures, where this machine is one end: who made the
 * socket, connected it or accepted the connection. Of a packet on its way out it is the sender, of
 * one that came in (on lo all do) the receiver. What is not sure is left out: sockets that
 * several processes share have no number, and no name where these are called differently;
 * packets that address translation changed, multicast, and other protocols have neither.
 * Sockets are looked for in the network namespace of the run. Where it may load programs into the
 * kernel, also those are known that are closed before their packets are read.
 *
 * proc=yes takes some 50 ms at the start, 2 us for each socket that is made and closed anywhere on
 * the machine, as long as the run lasts, some us for each new flow and less than 0.1 us
 * for each packet. Without it nothing is loaded and nothing is asked.
 *
 * When the reader of the output has gone, as with "| head", or the disk is full,
 * nothing more is written: missed counts the blocks that came later. They still go
 * on; where nothing follows they are lost, and the run ends if nobody else
 * wants them. A file is emptied when its first line is written.
 */
#include <time.h>

#include "owner.h"
#include "print-packet.h"
#include "textout.h"

enum { STYLE_LINE, STYLE_HEX, STYLE_BYLINE };
enum { TIME_CLOCK, TIME_ISO, TIME_EPOCH, TIME_NONE };

struct print {
	int style, time;
	bool proc, iface;
	const char *file;
	struct textout to;
	unsigned int type;		/* of what comes in */
	bool utc;
	time_t second;			/* that `clock` is the text of */
	char clock[32], zone[8];
	struct sl_count lines, missed;
};

static const char *const print_styles[] = { "line", "hex", "byline", NULL };
static const char *const print_times[] = { "clock", "iso", "epoch", "none", NULL };

static const struct sl_param print_params[] = {
	SL_CHOICE(struct print, style, .choices = print_styles, .def = STYLE_LINE, .pos = 1,
		  .help = "what follows the line"),
	SL_CHOICE(struct print, time, .choices = print_times, .def = TIME_CLOCK,
		  .help = "how times are written"),
	SL_SWITCH(struct print, iface, .help = "interface and direction of packets, where they are known"),
	SL_SWITCH(struct print, proc, .help = "the process whose socket it is, of packets that are captured here"),
	SL_OUT_FILE(struct print, file, .def_text = "-", .help = "where to; - is standard output"),
	{ }
};

static const struct sl_value print_values[] = {
	SL_COUNT(struct print, lines, .help = "blocks shown"),
	SL_COUNT(struct print, missed, .help = "blocks that could not be shown any more"),
	{ }
};

static void put_time(struct print *p, struct line *l, const struct sl_block *b)
{
	time_t second = (time_t)(b->time_ns / 1000000000u);
	uint32_t ns = (uint32_t)(b->time_ns % 1000000000u);
	bool nano = b->flags & SL_B_NANO;
	struct tm tm;

	if (p->time == TIME_NONE || !b->time_ns)
		return;
	if (p->time == TIME_EPOCH) {
		put(l, "%lld", (long long)second);
	} else {
		if (second != p->second || !p->clock[0]) {
			if (p->utc ? !gmtime_r(&second, &tm) : !localtime_r(&second, &tm))
				memset(&tm, 0, sizeof(tm));
			strftime(p->clock, sizeof(p->clock),
				 p->time == TIME_ISO ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &tm);
			strftime(p->zone, sizeof(p->zone), "%z", &tm);
			p->second = second;
		}
		put(l, "%s", p->clock);
	}
	put(l, nano ? ".%09u" : ".%06u", nano ? ns : ns / 1000);
	if (p->time == TIME_ISO)
		put(l, "%s", p->utc ? "+0000" : p->zone);
	put(l, " ");
}

static void put_bytes_line(struct line *l, struct sl_block *b, const uint8_t *frame)
{
	static const struct { uint16_t flag; const char *name; } flags[] = {
		{ SL_B_START, "start" }, { SL_B_GAP, "gap" }, { SL_B_AGAIN, "again" },
		{ SL_B_END, "end" }, { SL_B_CLOSE, "close" },
	};

	if (print_flow(l, b, frame))
		put(l, ": ");
	put(l, "flow %u %c pos %llu, length %u", b->stream >> 1, b->flags & SL_B_REPLY ? '<' : '>',
	    (unsigned long long)b->pos, b->len);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (b->flags & flags[i].flag)
			put(l, ", %s", flags[i].name);
	}
}

/* "eth0 in ": where the packet was seen. */
static void put_iface(struct sl_filter *f, struct line *l, const struct sl_block *b)
{
	struct sl_iface_info i;

	if (sl_iface_info(f, b->iface, &i) && *i.name)
		put(l, "%s ", i.name);
	if (b->flags & (SL_B_IN | SL_B_OUT))
		put(l, "%s ", b->flags & SL_B_OUT ? "out" : "in");
}

/* "curl[1234]": the name is text that a process chose. */
static void put_owner(struct sl_filter *f, struct line *l, struct sl_block *b, const uint8_t *frame)
{
	struct sl_owner who;
	struct sl_tuple t;

	if (!b->frame_len || !sl_tuple_of(b, frame, &t) || !owner_of(f, b, &t, &who))
		return;
	for (char *c = who.name; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '.';
	put(l, ", proc %s", who.name);
	if (who.pid)
		put(l, "[%u]", who.pid);
}

/* Sixteen bytes a line, in pairs, and as text. */
static void put_hex(struct sl_outfile *o, const uint8_t *data, uint32_t len)
{
	static const char digit[] = "0123456789abcdef";

	for (uint32_t at = 0; at < len; at += 16) {
		char *to = sl_outfile_room(o, 96), *s = to;
		uint32_t n = len - at < 16 ? len - at : 16;

		if (!to)
			return;
		s += sprintf(s, "\t0x%04x:  ", at);
		for (uint32_t i = 0; i < 16; i++) {
			*s++ = i < n ? digit[data[at + i] >> 4] : ' ';
			*s++ = i < n ? digit[data[at + i] & 15] : ' ';
			if (i & 1)
				*s++ = ' ';
		}
		*s++ = ' ';
		for (uint32_t i = 0; i < n; i++)
			*s++ = (char)(data[at + i] > 0x20 && data[at + i] < 0x7f ? data[at + i] : '.');
		*s++ = '\n';
		sl_outfile_add(o, (size_t)(s - to));
	}
}

static void put_text(struct sl_outfile *o, const uint8_t *data, uint32_t len)
{
	char *to = sl_outfile_room(o, (size_t)len + 1);
	uint32_t n = 0;

	if (!to || !len)
		return;
	for (uint32_t i = 0; i < len; i++) {
		uint8_t c = data[i];

		if (c == '\r' && i + 1 < len && data[i + 1] == '\n')
			continue;
		to[n++] = (char)(c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f) ? c : '.');
	}
	if (n && to[n - 1] != '\n')
		to[n++] = '\n';
	sl_outfile_add(o, n);
}

static void show(struct sl_filter *f, struct print *p, struct sl_block *b)
{
	const uint8_t *data = sl_data(f, b), *frame = b->frame_len ? sl_frame(f, b) : data;
	uint32_t len = b->len, skip;
	struct line l;

	if (p->type == SL_RECORD) {
		sl_outfile_put(&p->to.out, data, len);
		if (!len || data[len - 1] != '\n')
			sl_outfile_put(&p->to.out, "\n", 1);
		return;
	}
	l = (struct line){ .buf = sl_outfile_room(&p->to.out, PRINT_LINE), .size = PRINT_LINE - 1 };
	if (!l.buf)
		return;
	put_time(p, &l, b);
	if (p->iface && p->type == SL_PACKET)
		put_iface(f, &l, b);
	if (p->type == SL_BYTES)
		put_bytes_line(&l, b, frame);
	else
		print_packet(&l, b, frame);
	if (p->proc)
		put_owner(f, &l, b, frame);
	l.buf[l.len++] = '\n';
	sl_outfile_add(&p->to.out, l.len);
	if (p->style == STYLE_LINE)
		return;
	if (p->type == SL_PACKET) {
		/* from the IP header on for hex, the payload for text; else all of it */
		sl_decode(b, frame);
		skip = p->style == STYLE_HEX ? b->l3 : b->payload;
		data = frame + skip;
		len = b->frame_len - skip;
		if (p->style == STYLE_BYLINE && sl_has_ip(b))
			len = sl_payload_len(b, frame);
	}
	if (p->style == STYLE_HEX)
		put_hex(&p->to.out, data, len);
	else
		put_text(&p->to.out, data, len);
}

static int print_work(struct sl_filter *f, struct sl_batch *in)
{
	struct print *p = sl_state(f);
	bool last = !sl_has_output(f);
	struct textout_batch v;
	struct sl_block *b;

	v.n = 0;
	while ((b = sl_batch_take(f, in))) {
		if (p->to.lost) {
			sl_count(&p->missed);
			if (last)
				sl_lose(f, b, p->to.lost);
			else
				sl_emit(f, 0, b);
			continue;
		}
		show(f, p, b);
		textout_mark(&p->to, &v, last ? b : NULL);
		if (!last)
			sl_emit(f, 0, b);
	}
	if (v.n)
		sl_count_add(&p->missed, textout_batch(f, &p->to, &v));
	return 0;
}

static int print_open(struct sl_filter *f)
{
	struct print *p = sl_state(f);

	p->type = sl_in_type(f);
	p->utc = !getenv("TZ");
	if (p->proc)
		sl_owner_want(f);
	p->to.file = p->file;
	p->to.what = "lines";
	p->to.written = &p->lines;
	return textout_open(f, &p->to);
}

static int print_flush(struct sl_filter *f)
{
	struct print *p = sl_state(f);

	textout_end(f, &p->to);
	return 0;
}

static void print_close(struct sl_filter *f)
{
	struct print *p = sl_state(f);

	textout_close(f, &p->to);
}

static const char *const print_examples[] = {
	"(pcapin web.pcap) > (tcp) -80-> (print)",
	"(pcapin web.pcap) > (tcp) -80-> (untcp) > (print style=byline)",
	"(pcapin web.pcap) > (icmp) > (print style=hex time=iso file=pings.txt)",
	"(rx lo) > (tcp) -80-> (print proc=yes)",
	NULL
};

const struct sl_filter_type sl_print_type = {
	.name	  = "print",
	.brief	  = "write one line for each block and pass it on",
	.group	  = "look",
	.state	  = sizeof(struct print),
	.params	  = print_params,
	.values	  = print_values,
	.in	  = SL_ANY,
	.out	  = SL_SAME,
	.open	  = print_open,
	.work	  = print_work,
	.flush	  = print_flush,
	.close	  = print_close,
	.examples = print_examples,
	.see_also = "jsonout, count",
};
