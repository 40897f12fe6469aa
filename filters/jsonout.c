/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * jsonout -- write blocks as JSON, one object a line
 *
 *	(jsonout)
 *	(jsonout alerts.json)
 *	(jsonout - per=block payload=printable)
 *
 * in   any stream
 * out  none
 * read objects
 *
 * The names are those of Suricata's EVE log: timestamp, event_type, flow_id,
 * src_ip, src_port, dest_ip, dest_port, proto, community_id, pcap_cnt (the number
 * of the packet in its source, from 1). class is the tag that an arrow would select
 * the block by. event_type is "packet" for packets, "stream" for byte streams, and
 * "alert" where the class is a pattern's group, as behind (ac) -match->; such an
 * object holds "alert":{"category":GROUP} too. Records are written as they are.
 *
 * per=flow writes one object for each flow, when its first block arrives, and
 * per=block one for each block. per=auto, the default, is flow for byte streams
 * and block for packets, so that a stream with a match gives one alert. An object
 * about one block of a stream also holds "pos" and "length", its place and length
 * there. payload=printable adds the bytes as text with a dot for what is not
 * ASCII, payload=base64 all of them in base 64.
 *
 * A packet's object says, as far as its source knows, the interface (in_iface), the direction ("in" or
 * "out" of this machine) and the queue, from 0, that it came by.
 *
 * proc=yes adds the process whose socket a packet comes from or goes to, where that is known:
 * "proc":{"name":"curl","pid":1234}. (print proc=yes) tells when it is.
 *
 * Every line is valid JSON, whatever the packets hold. When the disk is full, or the
 * reader has gone, the output ends: objects counts what was written, and blocks
 * that come later are lost. A file is emptied when its first object is written.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <time.h>

#include "core/json.h"
#include "owner.h"
#include "textout.h"

enum { PER_AUTO, PER_BLOCK, PER_FLOW };
enum { PAYLOAD_OFF, PAYLOAD_PRINTABLE, PAYLOAD_BASE64 };

#define SEEN_MAX	(4u << 20)	/* flows that are remembered */

struct jsonout {
	const char *file;
	int per, payload;
	unsigned int type;		/* of what comes in */
	bool per_flow, alert, classed, proc;
	struct textout to;
	struct sl_json j;
	char *text;			/* payload, made printable */
	size_t text_size;
	/* flows that were written: open addressing, 0 is free */
	uint64_t *seen;
	uint32_t seen_mask, n_seen;
	struct sl_count objects;
};

static const char *const jsonout_per[] = { "auto", "block", "flow", NULL };
static const char *const jsonout_payload[] = { "off", "printable", "base64", NULL };

static const struct sl_param jsonout_params[] = {
	SL_OUT_FILE(struct jsonout, file, .def_text = "-", .pos = 1,
		    .help = "where to; - is standard output"),
	SL_CHOICE(struct jsonout, per, .choices = jsonout_per, .def = PER_AUTO,
		  .help = "one object for each block, or each flow"),
	SL_CHOICE(struct jsonout, payload, .choices = jsonout_payload, .def = PAYLOAD_OFF,
		  .help = "the bytes too, as text or in base 64"),
	SL_SWITCH(struct jsonout, proc, .help = "the process whose socket it is, of packets that are captured here"),
	{ }
};

static const struct sl_value jsonout_values[] = {
	SL_COUNT(struct jsonout, objects, .help = "objects written"),
	{ }
};

/* ---- flows that were seen ----------------------------------------- */

static int seen_grow(struct jsonout *o)
{
	uint32_t size = o->seen ? (o->seen_mask + 1) * 2 : 1024;
	uint64_t *to = calloc(size, sizeof(*to));

	if (!to)
		return -ENOMEM;
	for (uint32_t i = 0; o->seen && i <= o->seen_mask; i++) {
		uint32_t at = (uint32_t)(o->seen[i] >> 32) & (size - 1);

		if (!o->seen[i])
			continue;
		while (to[at])
			at = (at + 1) & (size - 1);
		to[at] = o->seen[i];
	}
	free(o->seen);
	o->seen = to;
	o->seen_mask = size - 1;
	return 0;
}

/* Is this the flow's first block here? Beyond a bound all are forgotten, and a flow
 * that goes on is written again. */
static bool first_of(struct jsonout *o, uint64_t id)
{
	uint32_t at;

	/* spread, and never 0: the odd factor has an inverse */
	id = (id + 1) * 0x9e3779b97f4a7c15u;
	id = id ? id : 1;
	if (o->n_seen >= SEEN_MAX) {
		memset(o->seen, 0, ((size_t)o->seen_mask + 1) * sizeof(*o->seen));
		o->n_seen = 0;
	}
	if ((!o->seen || o->n_seen >= o->seen_mask / 2) && seen_grow(o) < 0 && !o->seen)
		return true;
	for (at = (uint32_t)(id >> 32) & o->seen_mask; o->seen[at]; at = (at + 1) & o->seen_mask) {
		if (o->seen[at] == id)
			return false;
	}
	o->seen[at] = id;
	o->n_seen++;
	return true;
}

/* A number for the flow of a packet: both directions have the same. */
static uint64_t tuple_id(const struct sl_tuple *t)
{
	size_t n = t->v6 ? 16 : 4;
	int order = memcmp(t->src, t->dst, n);
	bool swap = order > 0 || (!order && t->sport > t->dport);
	const uint8_t *a = swap ? t->dst : t->src, *b = swap ? t->src : t->dst;
	uint64_t h = (uint64_t)(swap ? t->dport : t->sport) << 32 |
		     (uint64_t)(swap ? t->sport : t->dport) << 8 | t->proto;

	for (size_t i = 0; i < n; i++)
		h = (h ^ a[i]) * 0x100000001b3u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3u;
	h ^= h >> 29;
	return h & 0x1fffffffffffffu;	/* what every JSON reader keeps exactly */
}

/* ---- objects ------------------------------------------------------ */

/* Which interface, which way, which queue: of packets whose source says so. */
static void put_where(struct sl_filter *f, struct sl_json *j, const struct sl_block *b)
{
	struct sl_iface_info i;

	if (sl_iface_info(f, b->iface, &i) && *i.name)
		sl_json_kstr(j, "in_iface", i.name);
	if (b->flags & (SL_B_IN | SL_B_OUT))
		sl_json_kstr(j, "direction", b->flags & SL_B_OUT ? "out" : "in");
	if (b->stream)
		sl_json_ku64(j, "queue", b->stream - 1);
}

static void put_time(struct sl_json *j, uint64_t time_ns)
{
	time_t second = (time_t)(time_ns / 1000000000u);
	uint32_t ns = (uint32_t)(time_ns % 1000000000u);
	char text[64];
	struct tm tm;
	size_t n;

	if (!time_ns || !gmtime_r(&second, &tm))
		return;
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%06u+0000", ns / 1000);
	sl_json_kstr(j, "timestamp", text);
}

static void put_proto(struct sl_json *j, uint8_t proto)
{
	const char *name = NULL;
	char text[8];

	switch (proto) {
	case IPPROTO_TCP:	name = "TCP"; break;
	case IPPROTO_UDP:	name = "UDP"; break;
	case IPPROTO_UDPLITE:	name = "UDPLITE"; break;
	case IPPROTO_ICMP:	name = "ICMP"; break;
	case IPPROTO_ICMPV6:	name = "IPv6-ICMP"; break;
	case IPPROTO_SCTP:	name = "SCTP"; break;
	case IPPROTO_GRE:	name = "GRE"; break;
	case IPPROTO_ESP:	name = "ESP"; break;
	case IPPROTO_IPIP:	name = "IPIP"; break;
	case IPPROTO_IPV6:	name = "IPv6"; break;
	default:
		snprintf(text, sizeof(text), "%03u", proto);
		name = text;
	}
	sl_json_kstr(j, "proto", name);
}

static void put_addresses(struct sl_json *j, const struct sl_block *b, const struct sl_tuple *t)
{
	bool ports = b->l4 && sl_proto_has_ports(b->proto);
	char text[64];

	sl_json_kstr(j, "src_ip", sl_addr_text(t->v6, t->src, text));
	if (ports)
		sl_json_ku64(j, "src_port", t->sport);
	sl_json_kstr(j, "dest_ip", sl_addr_text(t->v6, t->dst, text));
	if (ports)
		sl_json_ku64(j, "dest_port", t->dport);
	put_proto(j, t->proto);
	if (sl_community_id(t, text))
		sl_json_kstr(j, "community_id", text);
}

static void put_owner(struct sl_filter *f, struct sl_json *j, const struct sl_block *b, const struct sl_tuple *t)
{
	struct sl_owner who;

	if (!owner_of(f, b, t, &who))
		return;
	sl_json_key(j, "proc");
	sl_json_open(j, '{');
	sl_json_kstr(j, "name", who.name);
	if (who.pid)
		sl_json_ku64(j, "pid", who.pid);
	sl_json_close(j, '}');
}

static bool text_room(struct jsonout *o, size_t n)
{
	char *more;

	if (n <= o->text_size)
		return true;
	more = realloc(o->text, n);
	if (!more)
		return false;
	o->text = more;
	o->text_size = n;
	return true;
}

static void put_payload(struct jsonout *o, const uint8_t *p, size_t len)
{
	static const char sixbits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;

	if (o->payload == PAYLOAD_OFF || !len)
		return;
	if (!text_room(o, len * 2 + 8)) {
		o->j.failed = true;
		return;
	}
	if (o->payload == PAYLOAD_PRINTABLE) {
		for (; n < len; n++) {
			bool ok = (p[n] >= 0x20 && p[n] < 0x7f) || p[n] == '\r' || p[n] == '\n' || p[n] == '\t';

			o->text[n] = (char)(ok ? p[n] : '.');
		}
		sl_json_key(&o->j, "payload_printable");
		sl_json_strn(&o->j, o->text, n);
		return;
	}
	for (size_t i = 0; i < len; i += 3) {
		uint32_t left = len - i > 2 ? 3 : (uint32_t)(len - i);
		uint32_t v = (uint32_t)p[i] << 16;

		if (left > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (left > 2)
			v |= p[i + 2];
		o->text[n++] = sixbits[v >> 18];
		o->text[n++] = sixbits[v >> 12 & 63];
		o->text[n++] = left > 1 ? sixbits[v >> 6 & 63] : '=';
		o->text[n++] = left > 2 ? sixbits[v & 63] : '=';
	}
	sl_json_key(&o->j, "payload");
	sl_json_strn(&o->j, o->text, n);
}

static void put_object(struct sl_filter *f, struct jsonout *o, struct sl_block *b,
		       const uint8_t *frame, const struct sl_tuple *t, uint64_t flow_id)
{
	struct sl_json *j = &o->j;
	const uint8_t *payload = sl_data(f, b);
	size_t len = b->len;
	char text[128];

	sl_json_reset(j);
	sl_json_open(j, '{');
	put_time(j, b->time_ns);
	if (flow_id)
		sl_json_ku64(j, "flow_id", flow_id);
	sl_json_kstr(j, "event_type", o->alert ? "alert" : o->type == SL_BYTES ? "stream" : "packet");
	if (t)
		put_addresses(j, b, t);
	if (t && o->proc)
		put_owner(f, j, b, t);
	if (o->type == SL_PACKET) {
		put_where(f, j, b);
		sl_json_ku64(j, "pcap_cnt", sl_seq(f) + 1);
		sl_json_ku64(j, "length", b->wire_len);
		if (t) {
			payload = frame + b->payload;
			len = sl_payload_len(b, frame);
		}
	} else if (!o->per_flow) {
		sl_json_kstr(j, "direction", b->flags & SL_B_REPLY ? "to_client" : "to_server");
		sl_json_ku64(j, "pos", b->pos);
		sl_json_ku64(j, "length", b->len);
		if (b->flags & SL_B_GAP)
			sl_json_kbool(j, "gap", true);
	}
	if (o->classed) {
		sl_class_text(f, b, text, sizeof(text));
		sl_json_kstr(j, "class", text);
		if (o->alert) {
			sl_json_key(j, "alert");
			sl_json_open(j, '{');
			sl_json_kstr(j, "category", text);
			sl_json_close(j, '}');
		}
	}
	put_payload(o, payload, len);
	sl_json_close(j, '}');
	sl_json_put(j, "\n", 1);
	if (j->failed)
		sl_outfile_fail(&o->to.out, -ENOMEM);
	else
		sl_outfile_put(&o->to.out, j->buf, j->len);
}

static void write_block(struct sl_filter *f, struct jsonout *o, struct sl_block *b)
{
	const uint8_t *frame = b->frame_len ? sl_frame(f, b) : NULL;
	struct sl_tuple t;
	uint64_t id = 0;
	bool ip;

	if (o->type == SL_RECORD) {
		sl_outfile_put(&o->to.out, sl_data(f, b), b->len);
		sl_outfile_put(&o->to.out, "\n", 1);
		return;
	}
	/* Of a flow that was written nothing more has to be known. */
	if (o->type == SL_BYTES) {
		id = (b->stream >> 1) + 1ull;
		if (o->per_flow && !first_of(o, id))
			return;
	}
	ip = frame && sl_tuple_of(b, frame, &t);
	if (o->type == SL_PACKET) {
		id = ip ? tuple_id(&t) : 0;
		if (o->per_flow && !first_of(o, id))
			return;
	}
	put_object(f, o, b, frame, ip ? &t : NULL, id);
}

static int jsonout_work(struct sl_filter *f, struct sl_batch *in)
{
	struct jsonout *o = sl_state(f);
	struct textout_batch v;
	struct sl_block *b;

	v.n = 0;
	while ((b = sl_batch_take(f, in))) {
		if (o->to.lost) {
			sl_lose(f, b, o->to.lost);
			continue;
		}
		write_block(f, o, b);
		textout_mark(&o->to, &v, b);
	}
	if (v.n)
		textout_batch(f, &o->to, &v);
	return 0;
}

static int jsonout_open(struct sl_filter *f)
{
	struct jsonout *o = sl_state(f);
	enum sl_class_type kind = sl_class_kind(f);

	o->type = sl_in_type(f);
	o->per_flow = o->per == PER_FLOW || (o->per == PER_AUTO && o->type == SL_BYTES);
	o->classed = kind != SL_CLASS_NONE;
	o->alert = kind == SL_CLASS_GROUP;
	o->to.file = o->file;
	o->to.what = "objects";
	if (o->proc)
		sl_owner_want(f);
	o->to.written = &o->objects;
	return textout_open(f, &o->to);
}

static int jsonout_flush(struct sl_filter *f)
{
	struct jsonout *o = sl_state(f);

	textout_end(f, &o->to);
	return 0;
}

static void jsonout_close(struct sl_filter *f)
{
	struct jsonout *o = sl_state(f);

	textout_close(f, &o->to);
	sl_json_free(&o->j);
	free(o->text);
	free(o->seen);
}

static const char *const jsonout_examples[] = {
	"(pcapin web.pcap) > (tcp) -80-> (untcp) > (ac) -match-> (jsonout)",
	"(pcapin web.pcap) > (udp) -53-> (jsonout dns.json payload=printable)",
	NULL
};

const struct sl_filter_type sl_jsonout_type = {
	.name	  = "jsonout",
	.brief	  = "write blocks as JSON, one object a line",
	.group	  = "save",
	.state	  = sizeof(struct jsonout),
	.params	  = jsonout_params,
	.values	  = jsonout_values,
	.in	  = SL_ANY,
	.open	  = jsonout_open,
	.work	  = jsonout_work,
	.flush	  = jsonout_flush,
	.close	  = jsonout_close,
	.examples = jsonout_examples,
	.see_also = "print, ac",
};
