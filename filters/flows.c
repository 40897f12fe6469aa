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
 * At most `flows` are kept (a power of two; 96 bytes each). When there are more at a time, the one
 * that waits longest near the place of a new one ends early: evicted. active counts those
 * that are kept; other, packets that are not IP; missed, packets that could not be
 * counted since too many processors wanted the same flow at once.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
#define FLOWS_UNLIKELY(x)	__builtin_expect(!!(x), 0)
#define FLOWS_AT(t, i)	(&(t)->table[i])
#define FLOWS_WIDE(t, i)	(&(t)->wide[i])
#define FLOWS_LOCK(e)	((void)(e), 1)
#define FLOWS_UNLOCK(e)	((void)(e))
#define FLOWS_OVER(t, e, i, why, end)	flows_over(t, e, i, why, end)
#define FLOWS_SOON(t, i)	((t)->soon[(i) / FLOWS_CHUNK]++)

#define SWEEP_NS	500000000u	/* between looks at what may be over */
#define GRACE_NS	10000000u	/* packets whose time is this old may still be counted */
#define FLOWS_MAX	(1u << 22)
#define WAIT_NS		5000000u	/* packets that wait for so long wait for nothing: less than GRACE_NS */
#define GATHER_IDLE_NS	1000000000u	/* with a lesser idle, or active, packets do not wait */

struct record {			/* of a flow that is over */
	uint64_t end_ns;
	uint32_t why;
	struct flows_entry e;
	struct flows_wide w;
};

struct chunk {			/* FLOWS_CHUNK places as they were when looked at last */
	uint64_t soon;		/* the table's */
	uint64_t end_ns;	/* the earliest end of those that are not told; all ones: none */
};

/* The table: own, or the kernel's, which is only read. */
struct flows {
	int64_t idle, active_for;
	uint64_t flows;
	struct sl_count started, other, missed, ended, evicted, active;

	struct flows_conf conf;
	struct flows_entry *table;
	struct flows_wide *wide;
	uint64_t *soon;
	bool in_kernel, waits_asked;	/* ... whether packets may wait was found out */
	struct chunk *chunks;
	uint64_t *told;			/* mark of the flow of each place that was over when looked at */
	struct record *records;		/* over, not yet told */
	size_t n_records, records_size;
	uint64_t now_ns, swept_ns, to_real_ns, order;
	uint64_t gone_n;		/* records read from the kernel's ring */
	struct sl_json json;
	bool failed;
};

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
	uint32_t n = FLOWS_SET;

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

static uint32_t chunks(const struct flows *s)
{
	return s->conf.mask / FLOWS_CHUNK + 1;
}

static inline bool is_v6(const struct flows_entry *e)
{
	return e->count[1] >> FLOWS_MORE & FLOWS_V6;
}

static inline unsigned int from_of(const struct flows_entry *e)
{
	return e->count[1] >> FLOWS_MORE & FLOWS_FROM ? 1 : 0;
}

static inline uint8_t proto_of(const struct flows_entry *e)
{
	return (uint8_t)(e->count[0] >> FLOWS_MORE);
}

static inline uint8_t tcp_flags(const struct flows_entry *e, unsigned int direction)
{
	return (uint8_t)(e->count[direction] >> FLOWS_FLAGS);
}

static inline uint64_t packets(const struct flows_entry *e, unsigned int direction)
{
	return e->count[direction] & FLOWS_PACKETS;
}

/* What tells a flow from all others that its place has: never 0. */
static uint64_t mark(const struct flows_entry *e)
{
	uint64_t x = ((uint64_t)e->a << 32 | e->b) * 0x9e3779b97f4a7c15u;

	x ^= (uint64_t)proto_of(e) << 32 | (uint64_t)e->ap << 16 | e->bp;
	x = (x ^ x >> 29) * 0x9e3779b97f4a7c15u ^ e->first_ns;
	return x ? x : 1;
}

static void keep(struct flows *s, const struct flows_entry *e, const struct flows_wide *w, uint32_t why,
		 uint64_t end_ns)
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
	more = &s->records[s->n_records++];
	*more = (struct record){ .end_ns = end_ns, .why = why, .e = *e };
	if (is_v6(e))
		more->w = *w;
}

/*
 * A place is used anew, or the kernel said that it was. Its flow may have been over, and told,
 * when we looked; what is there now comes after it, so its mark is none that we know.
 */
static void over(struct flows *s, const struct flows_entry *e, const struct flows_wide *w, uint32_t place,
		 uint32_t why, uint64_t end_ns)
{
	if (e->last_ns > s->now_ns)
		s->now_ns = e->last_ns;
	if (s->told[place] != mark(e))
		keep(s, e, w, why, end_ns);
}

static void flows_over(struct flows *s, const struct flows_entry *e, uint32_t place, uint32_t why, uint64_t end_ns)
{
	over(s, e, &s->wide[place], place, why, end_ns);
}

static int by_end(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int r;

	if (x->end_ns != y->end_ns)
		return x->end_ns < y->end_ns ? -1 : 1;
	if (x->e.first_ns != y->e.first_ns)
		return x->e.first_ns < y->e.first_ns ? -1 : 1;
	if (is_v6(&x->e) != is_v6(&y->e))
		return is_v6(&x->e) ? 1 : -1;
	r = is_v6(&x->e) ? memcmp(&x->w, &y->w, sizeof(x->w)) : memcmp(&x->e, &y->e, offsetof(struct flows_entry, ap));
	if (!r)
		r = memcmp(&x->e.ap, &y->e.ap, sizeof(x->e.ap) + sizeof(x->e.bp));
	return r ? r : proto_of(&x->e) - proto_of(&y->e);
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

static void put_ends(struct sl_json *j, const struct record *r)
{
	const struct flows_entry *e = &r->e;
	const bool from = from_of(e);
	const uint8_t proto = proto_of(e);
	struct sl_tuple t = { .v6 = is_v6(e), .proto = proto };
	bool ports = sl_proto_has_ports(proto) && (e->ap || e->bp);
	const char *name = proto == IPPROTO_TCP ? "TCP" : proto == IPPROTO_UDP ? "UDP" :
			   proto == IPPROTO_ICMP ? "ICMP" : proto == IPPROTO_ICMPV6 ? "IPv6-ICMP" :
			   proto == IPPROTO_SCTP ? "SCTP" : NULL;
	char text[64];

	if (t.v6) {
		memcpy(t.src, from ? r->w.b : r->w.a, 16);
		memcpy(t.dst, from ? r->w.a : r->w.b, 16);
	} else {
		memcpy(t.src, from ? &e->b : &e->a, 4);
		memcpy(t.dst, from ? &e->a : &e->b, 4);
	}
	t.sport = from ? e->bp : e->ap;
	t.dport = from ? e->ap : e->bp;
	sl_json_kstr(j, "src_ip", sl_addr_text(t.v6, t.src, text));
	if (ports)
		sl_json_ku64(j, "src_port", t.sport);
	sl_json_kstr(j, "dest_ip", sl_addr_text(t.v6, t.dst, text));
	if (ports)
		sl_json_ku64(j, "dest_port", t.dport);
	if (!name)
		snprintf(text, sizeof(text), "%03u", proto);
	sl_json_kstr(j, "proto", name ? name : text);
	/* ids of ICMP tell types apart, flows do not */
	if (proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6 && sl_community_id(&t, text))
		sl_json_kstr(j, "community_id", text);
}

static void put_tcp(struct sl_json *j, const struct flows_entry *e, unsigned int from)
{
	char text[8];

	sl_json_key(j, "tcp");
	sl_json_open(j, '{');
	snprintf(text, sizeof(text), "%02x", tcp_flags(e, 0) | tcp_flags(e, 1));
	sl_json_kstr(j, "tcp_flags", text);
	snprintf(text, sizeof(text), "%02x", tcp_flags(e, from));
	sl_json_kstr(j, "tcp_flags_ts", text);
	snprintf(text, sizeof(text), "%02x", tcp_flags(e, !from));
	sl_json_kstr(j, "tcp_flags_tc", text);
	sl_json_close(j, '}');
}

static void put_record(struct flows *s, const struct record *r)
{
	static const char *const reasons[] = { "timeout", "active", "shutdown", "evicted", "forced" };
	const struct flows_entry *e = &r->e;
	unsigned int from = from_of(e);
	struct sl_json *j = &s->json;
	uint64_t end = r->why == FLOWS_FORCED ? e->last_ns : r->end_ns;

	sl_json_reset(j);
	sl_json_open(j, '{');
	put_time(j, "timestamp", end + s->to_real_ns);
	sl_json_kstr(j, "event_type", "flow");
	put_ends(j, r);
	sl_json_key(j, "flow");
	sl_json_open(j, '{');
	sl_json_ku64(j, "pkts_toserver", packets(e, from));
	sl_json_ku64(j, "pkts_toclient", packets(e, !from));
	sl_json_ku64(j, "bytes_toserver", e->bytes[from]);
	sl_json_ku64(j, "bytes_toclient", e->bytes[!from]);
	put_time(j, "start", e->first_ns + s->to_real_ns);
	put_time(j, "end", e->last_ns + s->to_real_ns);
	sl_json_ku64(j, "age", (e->last_ns - e->first_ns) / 1000000000u);
	sl_json_kstr(j, "state", flows_closed(e) ? "closed" : packets(e, !from) ? "established" : "new");
	sl_json_kstr(j, "reason", r->why == FLOWS_IDLE && flows_closed(e) ? "shutdown" : reasons[r->why]);
	sl_json_close(j, '}');
	if (proto_of(e) == IPPROTO_TCP)
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
static bool look(const struct flows *s, uint32_t i, struct flows_entry *to, struct flows_wide *wide)
{
	const struct flows_entry *from = &s->table[i];

	for (unsigned int n = 0; n < 100; n++) {
		uint32_t was = __atomic_load_n(&from->lock, __ATOMIC_ACQUIRE);

		memcpy(to, from, sizeof(*to));
		*wide = s->wide[i];
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(was & 1) && __atomic_load_n(&from->lock, __ATOMIC_RELAXED) == was)
			return true;
	}
	return false;
}

/* One place: tell of its flow when it is over. When it will be, at the earliest; all ones: nothing to tell. */
static uint64_t sweep_place(struct flows *s, uint32_t i, uint64_t now_ns, bool end_of_run)
{
	const struct flows_entry *e = &s->table[i];
	const struct flows_wide *w = &s->wide[i];
	struct flows_entry copy;
	struct flows_wide wide;
	uint64_t end;
	uint32_t why;

	if (!flows_used(e))
		return UINT64_MAX;
	end = flows_end(&s->conf, e, &why);
	if (end > now_ns && !end_of_run)
		return end;	/* as it may just be written, this is seen again by `soon` */
	if (s->in_kernel) {
		if (!look(s, i, &copy, &wide) || !flows_used(&copy))
			return 0;
		e = &copy;
		w = &wide;
		end = flows_end(&s->conf, e, &why);
	}
	if (s->told[i] == mark(e))
		return UINT64_MAX;
	if (end > now_ns && !end_of_run)
		return end;
	over(s, e, w, i, end <= now_ns ? why : FLOWS_FORCED, end <= now_ns ? end : UINT64_MAX);
	s->told[i] = mark(e);
	return UINT64_MAX;
}

static void sweep_chunk(struct flows *s, uint32_t chunk, uint64_t now_ns, bool end_of_run)
{
	uint32_t first = chunk * FLOWS_CHUNK, n = s->conf.mask + 1 - first;
	uint64_t earliest = UINT64_MAX, end;

	for (uint32_t i = first; i < first + (n < FLOWS_CHUNK ? n : FLOWS_CHUNK); i++) {
		end = sweep_place(s, i, now_ns, end_of_run);
		if (end < earliest)
			earliest = end;
	}
	s->chunks[chunk].end_ns = earliest;
}

/* Flows that are over by `now`; at the end of the run, also those that are not. */
static void sweep(struct flows *s, uint64_t now_ns, bool end_of_run)
{
	for (uint32_t i = 0; i < chunks(s); i++) {
		/* acquire: what began before it was counted is there */
		uint64_t soon = __atomic_load_n(&s->soon[i], __ATOMIC_ACQUIRE);
		struct chunk *c = &s->chunks[i];

		if (soon == c->soon && c->end_ns > now_ns && !end_of_run)
			continue;
		c->soon = soon;
		sweep_chunk(s, i, now_ns, end_of_run);
	}
}

static bool read_packet(const struct sl_block *b, const uint8_t *frame, struct flows_packet *p,
			struct flows_wide *w, bool *v6)
{
	const uint8_t *ip = frame + b->l3;

	if (!sl_has_ip(b))
		return false;
	*v6 = *ip >> 4 != 4;
	if (!*v6) {
		memcpy(&p->a, ip + 12, 4);
		memcpy(&p->b, ip + 16, 4);
		p->bytes = sl_be16(ip + 2);
	} else {
		memcpy(w->a, ip + 8, 16);
		memcpy(w->b, ip + 24, 16);
		p->v6 = 1;
		p->bytes = sl_be16(ip + 4) ? sl_be16(ip + 4) + 40u : 0;
	}
	if (!p->bytes)		/* a segment larger than a length can say */
		p->bytes = b->wire_len - b->l3;
	p->proto = (uint8_t)b->proto;
	if (b->l4 && sl_proto_has_ports(p->proto) && b->l4 + 4u <= b->frame_len) {
		p->ap = sl_be16(frame + b->l4);
		p->bp = sl_be16(frame + b->l4 + 2);
	}
	if (b->l4 && p->proto == IPPROTO_TCP && b->l4 + 14u <= b->frame_len)
		p->flags = frame[b->l4 + 13];
	p->time_ns = b->time_ns;
	return true;
}

static int count_packet(struct flows *s, struct flows_packet *p, struct flows_wide *w, bool v6)
{
	if (!v6) {
		flows_order(p);
		return flows_count(s, &s->conf, p, NULL);
	}
	flows_order_wide(p, w);
	return flows_count(s, &s->conf, p, w);
}

static int flows_work(struct sl_filter *f, struct sl_batch *in)
{
	struct flows *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		struct flows_packet p = { 0 };
		const uint8_t *frame = sl_frame(f, b);
		struct flows_wide w;
		bool v6;

		sl_decode(b, frame);
		if (!read_packet(b, frame, &p, &w, &v6)) {
			sl_count(&s->other);
		} else {
			if (p.time_ns > s->now_ns)
				s->now_ns = p.time_ns;
			if (count_packet(s, &p, &w, v6) > 0)
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
	s->wide = calloc(n, sizeof(*s->wide));
	s->soon = calloc(chunks(s), sizeof(*s->soon));
	s->chunks = calloc(chunks(s), sizeof(*s->chunks));
	s->told = calloc(n, sizeof(*s->told));
	if (!s->table || !s->wide || !s->soon || !s->chunks || !s->told)
		return sl_fail(f, "E302", "no memory for %zu flows", n);
	memset(s->table, 0, n * sizeof(*s->table));
	for (uint32_t i = 0; i < chunks(s); i++)
		s->chunks[i].end_ns = UINT64_MAX;
	return 0;
}

static void free_table(struct flows *s)
{
	if (s->in_kernel)
		return;
	free(s->table);
	free(s->wide);
	free(s->soon);
}

static void flows_close(struct sl_filter *f)
{
	struct flows *s = sl_state(f);

	free_table(s);
	free(s->chunks);
	free(s->told);
	free(s->records);
	sl_json_free(&s->json);
}

/* ---- in the kernel ------------------------------------------------------------ */

/* Packets of others, should there be such, do not wait. */
static uint32_t cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);

	return n < 1 ? 1 : (uint32_t)n;
}

static int flows_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct flows_conf c = conf_of(state);

	(void)shared;
	if (sl_kernel_set(k, "how", &c, sizeof(c)) < 0)
		return -1;
	if (sl_kernel_entries(k, "table", c.mask + 1) < 0 || sl_kernel_entries(k, "wide", c.mask + 1) < 0)
		return -1;
	if (sl_kernel_entries(k, "soon", c.mask / FLOWS_CHUNK + 1) < 0)
		return -1;
	return sl_kernel_entries(k, "queues", cpus());
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
			over(s, &copy.e, &copy.w, copy.place, copy.why, copy.end_ns);
		else
			sl_count(&s->missed);
	}
}

/* Have packets counted that wait on that processor. */
static int flush_queue(struct flows *s, struct sl_kernel_view *v, uint32_t cpu)
{
	uint32_t r;
	int e = sl_kernel_view_run(v, "flush", &cpu, sizeof(cpu), &r);

	if (e < 0)
		return e;
	s->started.n += r % FLOWS_MISSED;
	s->missed.n += r / FLOWS_MISSED;
	return 0;
}

/*
 * Packets may wait in the kernel once it is known that we can end that, and while we come often
 * compared with what their times decide. Captures that are played come by other ways, and
 * have no `now`: there none waits. Those that have no followers are counted here.
 */
static void see_to_queues(struct flows *s, struct sl_kernel_view *v, struct flows_queue *queues, uint32_t n,
			  uint64_t now, bool last)
{
	bool may = s->conf.idle_ns >= GATHER_IDLE_NS && (!s->conf.active_ns || s->conf.active_ns >= GATHER_IDLE_NS);

	if (!s->waits_asked && now && !last) {
		s->waits_asked = true;
		may = may && flush_queue(s, v, 0) == 0;
		for (uint32_t i = 0; i < n; i++)
			__atomic_store_n(&queues[i].gather, may, __ATOMIC_RELAXED);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct flows_queue *q = &queues[i];
		uint32_t waiting = __atomic_load_n(&q->n, __ATOMIC_RELAXED);
		bool failed = false;

		if (last)
			__atomic_store_n(&q->gather, 0, __ATOMIC_RELAXED);
		if (waiting && (last || __atomic_load_n(&q->slot[0].p.time_ns, __ATOMIC_RELAXED) + WAIT_NS < now))
			failed = flush_queue(s, v, i) < 0;
		if (failed && last)
			s->missed.n += waiting;
		if (failed)
			__atomic_store_n(&q->gather, 0, __ATOMIC_RELAXED);
	}
}

static int flows_sync(struct sl_filter *f, struct sl_kernel_view *v)
{
	struct flows *s = sl_state(f);
	size_t table_size, wide_size, soon_size, gone_size, next_size, queues_size;
	struct flows_entry *table = sl_kernel_view_memory(v, "table", &table_size);
	struct flows_wide *wide = sl_kernel_view_memory(v, "wide", &wide_size);
	uint64_t *soon = sl_kernel_view_memory(v, "soon", &soon_size);
	struct flows_gone *gone = sl_kernel_view_memory(v, "gone", &gone_size);
	uint64_t *next = sl_kernel_view_memory(v, "next", &next_size);
	struct flows_queue *queues = sl_kernel_view_memory(v, "queues", &queues_size);
	uint64_t now = sl_kernel_view_now(v, &s->to_real_ns);
	bool last = sl_kernel_view_last(v);

	if (!table || !wide || !soon || !gone || !next || !queues || table_size < (s->conf.mask + 1ul) * sizeof(*table) ||
	    wide_size < (s->conf.mask + 1ul) * sizeof(*wide) || soon_size < chunks(s) * sizeof(*soon))
		return sl_fail(f, "E302", "the kernel's table of flows can't be read");
	free_table(s);
	s->in_kernel = true;
	s->table = table;
	s->wide = wide;
	s->soon = soon;
	see_to_queues(s, v, queues, (uint32_t)(queues_size / sizeof(*queues)), now, last);
	read_gone(s, gone, gone_size / sizeof(*gone), next);
	if (last) {
		/* as from a file: what is over by the last packet, and what is not */
		for (uint32_t i = 0; i <= s->conf.mask; i++)
			if (flows_used(&table[i]) && table[i].last_ns > s->now_ns)
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
