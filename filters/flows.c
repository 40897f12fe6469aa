/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flows -- count packets and bytes of each flow
 *
 *	(flows)
 *	(flows idle=1min active=10min flows=1M)
 *
 * in   packets
 * out  the same, unchanged; records of flows that ended on -flow->
 * read started, other, missed, ended, evicted, active
 *
 *	(rx eth0) > (flows) -flow-> (jsonout flows.json)
 *
 * A flow is what two ends send each other by one protocol, from one pair of ports. It ends
 * when nothing came for idle (15 s unless told otherwise), when TCP closed it and a second
 * went by, and, as a part of a longer one, after active (30 min; active=0: never). These
 * are the two time-outs of NetFlow and IPFIX. What still goes on when the run ends is
 * written then.
 *
 * A record is an object as Suricata's EVE log has it, event_type "flow": src_ip is
 * the end that sent the first packet, and "toserver" means from there. In IPFIX's names:
 *
 *	pkts_toserver, pkts_toclient	packetTotalCount, reversePacketTotalCount
 *	bytes_toserver, bytes_toclient	octetTotalCount, reverseOctetTotalCount
 *	start, end			flowStartMicroseconds, flowEndMicroseconds
 *	tcp_flags_ts, tcp_flags_tc	tcpControlBits, reverseTcpControlBits
 *	reason				flowEndReason: timeout 1, active 2, shutdown 3,
 *					forced 4 (the run ended), evicted 5
 *
 * Bytes are those of IP packets, headers included, as their own length says. Records come
 * in the order in which flows ended.
 *
 * At most `flows` are kept (a power of two; 128 bytes each). When there are more at a time, the one
 * that waits longest near the place of a new one ends early: evicted. active counts those
 * that are kept; other, packets that are not IP; missed, packets that could not be
 * counted since too many processors wanted the same flow at once.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/json.h"
#include "filter.h"
#include "flows.h"
#include "net/decode.h"

struct flows;
static void flows_over(struct flows *s, const struct flows_entry *e, uint32_t place, uint32_t why, uint64_t end_ns);

#define FLOWS_INLINE	inline
#define FLOWS_CONST
#define FLOWS_TABLE	struct flows *
#define FLOWS_LOOP
#define FLOWS_AT(t, i)	flows_at(t, i)
#define FLOWS_LOCK(e)	((void)(e), 1)
#define FLOWS_UNLOCK(e)	((void)(e))
#define FLOWS_OVER(t, e, i, why, end)	flows_over(t, e, i, why, end)

#define SWEEP_NS	500000000u	/* between looks at the whole table */
#define GRACE_NS	10000000u	/* packets whose time is this old may still be counted */
#define FLOWS_MAX	(1u << 22)

struct record {			/* of a flow that is over */
	uint64_t end_ns;
	uint32_t why;
	struct flows_entry e;
};

struct flows {
	int64_t idle, active_for;
	uint64_t flows;
	struct sl_count started, other, missed, ended, evicted, active;

	struct flows_conf conf;
	struct flows_entry *table;	/* own, or the kernel's (read only then) */
	bool in_kernel;
	uint64_t *told;			/* nth of the flow of each place that was told of */
	struct record *records;		/* over, not yet told */
	size_t n_records, records_size;
	uint64_t now_ns, swept_ns, to_real_ns, order;
	uint64_t gone_n;		/* records read from the kernel's ring */
	struct sl_json json;
	bool failed;
};

static inline struct flows_entry *flows_at(struct flows *s, uint32_t i)
{
	return &s->table[i];
}

#include "flows-steps.h"

static const struct sl_param flows_params[] = {
	SL_TIME(struct flows, idle, .def = 15e9, .min = 1, .help = "a flow without packets for so long is over"),
	{ .name = "active", .type = SL_P_TIME, .off = offsetof(struct flows, active_for), .def = 1800e9,
	  .help = "a longer flow is told in parts of so long; 0: never" },
	SL_U64(struct flows, flows, .def = 1 << 16, .min = 16, .max = FLOWS_MAX, .unit = "flows",
	       .help = "how many are kept at most; rounded up to a power of two"),
	{ }
};

/* The first three are the kernel form's as well, in this order. */
static const struct sl_value flows_values[] = {
	SL_COUNT(struct flows, started, .help = "flows begun"),
	SL_COUNT(struct flows, other, .help = "packets that are not IP"),
	SL_COUNT(struct flows, missed, .help = "packets that could not be counted"),
	SL_COUNT(struct flows, ended, .help = "flows that were told of"),
	SL_COUNT(struct flows, evicted, .help = "of them: for want of room"),
	SL_COUNT(struct flows, active, .help = "flows kept now"),
	{ }
};

static const struct sl_port flows_ports[] = {
	{ .name = "flow", .type = SL_RECORD, .help = "a record for each flow that ended" },
	{ }
};

static uint32_t places(const struct flows *s)
{
	uint32_t n = 16;

	while (n < s->flows && n < FLOWS_MAX)
		n *= 2;
	return n;
}

static struct flows_conf conf_of(const struct flows *s)
{
	return (struct flows_conf){
		.idle_ns = (uint64_t)s->idle, .active_ns = (uint64_t)s->active_for, .mask = places(s) - 1,
#if !defined(__x86_64__) && !defined(__i386__) && !defined(__s390x__)
		.weak_order = 1,
#endif
	};
}

/* ---- records ------------------------------------------------------------- */

static void keep(struct flows *s, const struct flows_entry *e, uint32_t why, uint64_t end_ns)
{
	struct record *more;

	if (s->n_records == s->records_size) {
		more = realloc(s->records, (s->records_size * 2 + 64) * sizeof(*more));
		if (!more) {
			s->failed = true;
			return;
		}
		s->records = more;
		s->records_size = s->records_size * 2 + 64;
	}
	s->records[s->n_records++] = (struct record){ end_ns, why, *e };
}

static void flows_over(struct flows *s, const struct flows_entry *e, uint32_t place, uint32_t why, uint64_t end_ns)
{
	if (e->last_ns > s->now_ns)
		s->now_ns = e->last_ns;
	if (s->told[place] >= e->nth)
		return;
	s->told[place] = e->nth;
	keep(s, e, why, end_ns);
}

static int by_end(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->end_ns != y->end_ns)
		return x->end_ns < y->end_ns ? -1 : 1;
	if (x->e.first_ns != y->e.first_ns)
		return x->e.first_ns < y->e.first_ns ? -1 : 1;
	return memcmp(&x->e.key, &y->e.key, sizeof(x->e.key));
}

static void put_time(struct sl_json *j, const char *key, uint64_t time_ns)
{
	time_t second = (time_t)(time_ns / 1000000000u);
	char text[64];
	struct tm tm;
	size_t n;

	if (!gmtime_r(&second, &tm))
		return;
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%06u+0000", (unsigned int)(time_ns % 1000000000u / 1000));
	sl_json_kstr(j, key, text);
}

static void put_ends(struct sl_json *j, const struct flows_entry *e)
{
	const struct flows_key *y = &e->key;
	struct sl_tuple t = { .v6 = y->v6, .proto = y->proto };
	bool ports = sl_proto_has_ports(y->proto) && (y->ap || y->bp);
	const char *name = y->proto == IPPROTO_TCP ? "TCP" : y->proto == IPPROTO_UDP ? "UDP" :
			   y->proto == IPPROTO_ICMP ? "ICMP" : y->proto == IPPROTO_ICMPV6 ? "IPv6-ICMP" :
			   y->proto == IPPROTO_SCTP ? "SCTP" : NULL;
	char text[64];

	memcpy(t.src, e->from ? y->b : y->a, 16);
	memcpy(t.dst, e->from ? y->a : y->b, 16);
	t.sport = e->from ? y->bp : y->ap;
	t.dport = e->from ? y->ap : y->bp;
	sl_json_kstr(j, "src_ip", sl_addr_text(t.v6, t.src, text));
	if (ports)
		sl_json_ku64(j, "src_port", t.sport);
	sl_json_kstr(j, "dest_ip", sl_addr_text(t.v6, t.dst, text));
	if (ports)
		sl_json_ku64(j, "dest_port", t.dport);
	if (!name)
		snprintf(text, sizeof(text), "%03u", y->proto);
	sl_json_kstr(j, "proto", name ? name : text);
	/* ids of ICMP tell types apart, flows do not */
	if (y->proto != IPPROTO_ICMP && y->proto != IPPROTO_ICMPV6 && sl_community_id(&t, text))
		sl_json_kstr(j, "community_id", text);
}

static void put_tcp(struct sl_json *j, const struct flows_entry *e, unsigned int from)
{
	char text[8];

	sl_json_key(j, "tcp");
	sl_json_open(j, '{');
	snprintf(text, sizeof(text), "%02x", e->flags[0] | e->flags[1]);
	sl_json_kstr(j, "tcp_flags", text);
	snprintf(text, sizeof(text), "%02x", e->flags[from]);
	sl_json_kstr(j, "tcp_flags_ts", text);
	snprintf(text, sizeof(text), "%02x", e->flags[!from]);
	sl_json_kstr(j, "tcp_flags_tc", text);
	sl_json_close(j, '}');
}

static void put_record(struct flows *s, const struct record *r)
{
	static const char *const reasons[] = { "timeout", "active", "shutdown", "evicted", "forced" };
	const struct flows_entry *e = &r->e;
	unsigned int from = e->from & 1;
	struct sl_json *j = &s->json;
	uint64_t end = r->why == FLOWS_FORCED ? e->last_ns : r->end_ns;

	sl_json_reset(j);
	sl_json_open(j, '{');
	put_time(j, "timestamp", end + s->to_real_ns);
	sl_json_kstr(j, "event_type", "flow");
	put_ends(j, e);
	sl_json_key(j, "flow");
	sl_json_open(j, '{');
	sl_json_ku64(j, "pkts_toserver", e->packets[from]);
	sl_json_ku64(j, "pkts_toclient", e->packets[!from]);
	sl_json_ku64(j, "bytes_toserver", e->bytes[from]);
	sl_json_ku64(j, "bytes_toclient", e->bytes[!from]);
	put_time(j, "start", e->first_ns + s->to_real_ns);
	put_time(j, "end", e->last_ns + s->to_real_ns);
	sl_json_ku64(j, "age", (e->last_ns - e->first_ns) / 1000000000u);
	sl_json_kstr(j, "state", flows_closed(e) ? "closed" : e->packets[!from] ? "established" : "new");
	sl_json_kstr(j, "reason", r->why == FLOWS_IDLE && flows_closed(e) ? "shutdown" : reasons[r->why]);
	sl_json_close(j, '}');
	if (e->key.proto == IPPROTO_TCP)
		put_tcp(j, e, from);
	sl_json_close(j, '}');
}

static int tell(struct sl_filter *f, struct flows *s, const struct record *r)
{
	struct sl_block *b;
	uint8_t *data;

	sl_count(&s->ended);
	if (r->why == FLOWS_EVICTED)
		sl_count(&s->evicted);
	put_record(s, r);
	b = s->json.failed ? NULL : sl_block_alloc(f, (uint32_t)s->json.len, &data);
	if (!b)
		return sl_fail(f, "E302", "no memory for records of flows");
	memcpy(data, s->json.buf, s->json.len);
	b->time_ns = r->e.last_ns + s->to_real_ns;
	sl_order(f, s->order++);
	sl_emit(f, 1, b);
	return 0;
}

/* Those that were over by `now`, in the order in which they ended. */
static int tell_all(struct sl_filter *f, struct flows *s, uint64_t now_ns)
{
	size_t left = 0;
	int r = 0;

	if (s->n_records)
		qsort(s->records, s->n_records, sizeof(*s->records), by_end);
	for (size_t i = 0; i < s->n_records; i++) {
		if (r < 0 || s->records[i].end_ns > now_ns)
			s->records[left++] = s->records[i];
		else
			r = tell(f, s, &s->records[i]);
	}
	s->n_records = left;
	s->active.n = s->started.n > s->ended.n + left ? s->started.n - s->ended.n - left : 0;
	if (s->failed)
		return sl_fail(f, "E302", "no memory for records of flows");
	return r;
}

/* ---- the table -------------------------------------------------------------- */

/* A whole entry, while programs may be writing it. */
static bool look(const struct flows_entry *from, struct flows_entry *to)
{
	for (unsigned int i = 0; i < 100; i++) {
		uint32_t was = __atomic_load_n(&from->lock, __ATOMIC_ACQUIRE);

		memcpy(to, from, sizeof(*to));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(was & 1) && __atomic_load_n(&from->lock, __ATOMIC_RELAXED) == was)
			return true;
	}
	return false;
}

/* Flows that are over by `now`; at the end of the run, also those that are not. */
static void sweep(struct flows *s, uint64_t now_ns, bool end_of_run)
{
	struct flows_entry copy;
	uint64_t end;
	uint32_t why;

	for (uint32_t i = 0; i <= s->conf.mask; i++) {
		const struct flows_entry *e = &s->table[i];

		if (!e->used || e->nth == s->told[i])
			continue;
		if (s->in_kernel) {
			if (!look(e, &copy) || !copy.used)
				continue;
			e = &copy;
		}
		end = flows_end(&s->conf, e, &why);
		if (end <= now_ns)
			flows_over(s, e, i, why, end);
		else if (end_of_run)
			flows_over(s, e, i, FLOWS_FORCED, UINT64_MAX);
	}
}

static bool read_packet(const struct sl_block *b, const uint8_t *frame, struct flows_packet *p)
{
	struct flows_key *y = &p->key;
	const uint8_t *ip = frame + b->l3;
	uint16_t sp = 0, dp = 0;
	int order = 0;

	if (!sl_has_ip(b))
		return false;
	if (*ip >> 4 == 4) {
		memcpy(y->a, ip + 12, 4);
		memcpy(y->b, ip + 16, 4);
		p->bytes = sl_be16(ip + 2);
	} else {
		y->v6 = 1;
		memcpy(y->a, ip + 8, 16);
		memcpy(y->b, ip + 24, 16);
		p->bytes = sl_be16(ip + 4) ? sl_be16(ip + 4) + 40u : 0;
	}
	if (!p->bytes)		/* a segment larger than a length can say */
		p->bytes = b->wire_len - b->l3;
	y->proto = (uint8_t)b->proto;
	if (b->l4 && sl_proto_has_ports(y->proto) && b->l4 + 4u <= b->frame_len) {
		sp = sl_be16(frame + b->l4);
		dp = sl_be16(frame + b->l4 + 2);
	}
	if (b->l4 && y->proto == IPPROTO_TCP && b->l4 + 14u <= b->frame_len)
		p->flags = frame[b->l4 + 13];
	for (int i = 0; !order && i < 4; i++)
		order = y->a[i] < y->b[i] ? -1 : y->a[i] > y->b[i];
	if (!order)
		order = sp > dp;
	y->ap = order > 0 ? dp : sp;
	y->bp = order > 0 ? sp : dp;
	if (order > 0) {
		uint32_t x[4];

		memcpy(x, y->a, 16);
		memcpy(y->a, y->b, 16);
		memcpy(y->b, x, 16);
		p->from = 1;
	}
	p->time_ns = b->time_ns;
	return true;
}

static int flows_work(struct sl_filter *f, struct sl_batch *in)
{
	struct flows *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		struct flows_packet p = { 0 };
		const uint8_t *frame = sl_frame(f, b);

		sl_decode(b, frame);
		if (!read_packet(b, frame, &p)) {
			sl_count(&s->other);
		} else {
			p.hash = sl_flow_hash(b, frame);
			if (p.time_ns > s->now_ns)
				s->now_ns = p.time_ns;
			if (flows_count(s, &s->conf, &p) > 0)
				sl_count(&s->started);
		}
		sl_emit(f, 0, b);
	}
	return 0;
}

static int flows_tick(struct sl_filter *f, uint64_t now_ns)
{
	struct flows *s = sl_state(f);

	(void)now_ns;
	if (s->in_kernel || s->now_ns < s->swept_ns + SWEEP_NS)
		return 0;
	s->swept_ns = s->now_ns;
	sweep(s, s->now_ns, false);
	return tell_all(f, s, s->now_ns);
}

static int flows_flush(struct sl_filter *f)
{
	struct flows *s = sl_state(f);

	if (!s->in_kernel)
		sweep(s, s->now_ns, true);
	return tell_all(f, s, UINT64_MAX);
}

static int flows_open(struct sl_filter *f)
{
	struct flows *s = sl_state(f);
	size_t n = places(s);

	s->conf = conf_of(s);
	s->table = aligned_alloc(64, n * sizeof(*s->table));
	s->told = calloc(n, sizeof(*s->told));
	if (!s->table || !s->told)
		return sl_fail(f, "E302", "no memory for %zu flows", n);
	memset(s->table, 0, n * sizeof(*s->table));
	return 0;
}

static void flows_close(struct sl_filter *f)
{
	struct flows *s = sl_state(f);

	if (!s->in_kernel)
		free(s->table);
	free(s->told);
	free(s->records);
	sl_json_free(&s->json);
}

/* ---- in the kernel ------------------------------------------------------------ */

static int flows_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct flows_conf c = conf_of(state);

	(void)shared;
	if (sl_kernel_set(k, "how", &c, sizeof(c)) < 0)
		return -1;
	return sl_kernel_entries(k, "table", c.mask + 1);
}

/* What made room for other flows. What was written over before it was read is lost. */
static void read_gone(struct flows *s, const struct flows_gone *ring, uint64_t size, const uint64_t *next)
{
	uint64_t head = __atomic_load_n(next, __ATOMIC_ACQUIRE);

	for (; s->gone_n < head; s->gone_n++) {
		const struct flows_gone *g = &ring[s->gone_n & (size - 1)];
		struct flows_gone copy;

		memcpy(&copy, g, sizeof(copy));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (copy.n < s->gone_n + 1 || __atomic_load_n(&g->n, __ATOMIC_RELAXED) < s->gone_n + 1)
			break;		/* being written */
		if (copy.n == s->gone_n + 1 && __atomic_load_n(&g->n, __ATOMIC_RELAXED) == copy.n &&
		    copy.place <= s->conf.mask)
			flows_over(s, &copy.e, copy.place, copy.why, copy.end_ns);
		else
			sl_count(&s->missed);
	}
}

static int flows_sync(struct sl_filter *f, struct sl_kernel_view *v)
{
	struct flows *s = sl_state(f);
	size_t table_size, gone_size, next_size;
	struct flows_entry *table = sl_kernel_view_memory(v, "table", &table_size);
	struct flows_gone *gone = sl_kernel_view_memory(v, "gone", &gone_size);
	uint64_t *next = sl_kernel_view_memory(v, "next", &next_size);
	uint64_t now = sl_kernel_view_now(v, &s->to_real_ns);
	bool last = sl_kernel_view_last(v);

	if (!table || !gone || !next || table_size < (s->conf.mask + 1ul) * sizeof(*table))
		return sl_fail(f, "E302", "the kernel's table of flows can't be read");
	if (!s->in_kernel) {
		free(s->table);
		s->in_kernel = true;
	}
	s->table = table;
	read_gone(s, gone, gone_size / sizeof(*gone), next);
	if (last) {
		/* as from a file: what is over by the last packet, and what is not */
		for (uint32_t i = 0; i <= s->conf.mask; i++)
			if (table[i].used && table[i].last_ns > s->now_ns)
				s->now_ns = table[i].last_ns;
		if (now > s->now_ns)
			s->now_ns = now;
		sweep(s, s->now_ns, true);
		return 0;		/* flush() tells */
	}
	if (now < GRACE_NS || now < s->swept_ns + SWEEP_NS)
		return 0;
	s->swept_ns = now;
	sweep(s, now - GRACE_NS, false);
	return tell_all(f, s, now - GRACE_NS);
}

static const char *const flows_examples[] = {
	"(pcapin web.pcap) > (flows) -flow-> (jsonout)",
	"(pcapin web.pcap) > (flows idle=1min) { -flow-> (jsonout flows.json); > (tcp) -80-> (count) }",
	NULL
};

const struct sl_filter_type sl_flows_type = {
	.name	  = "flows",
	.brief	  = "count packets and bytes of each flow",
	.group	  = "look",
	.state	  = sizeof(struct flows),
	.params	  = flows_params,
	.values	  = flows_values,
	.in	  = SL_PACKET,
	.out	  = SL_SAME,
	.ports	  = flows_ports,
	.need	  = SL_NEED_HEADERS,
	.open	  = flows_open,
	.work	  = flows_work,
	.tick	  = flows_tick,
	.flush	  = flows_flush,
	.close	  = flows_close,
	.kernel	  = flows_kernel,
	.kernel_sync = flows_sync,
	.examples = flows_examples,
	.see_also = "stats, count, jsonout",
};
