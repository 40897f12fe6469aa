/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel forms against their C forms, packet by packet.
 *
 * Some forms at a time stand side by side behind one entry, which is fed frames by
 * BPF_PROG_TEST_RUN; the same filters stand behind (feed) and in front of one (take)
 * each. A form may be several filters in a row. What passes must be the same packets, and each must say the same: class,
 * offsets, protocol, flags, hash, lengths. At the end ledgers and values are compared.
 *
 *	entry -+-> form 0 -> border 0		(feed) { > (tcp) > (t0: take);
 *	       +-> form 1 -> border 1			 > (udp) > (t1: take) }
 *
 * Frames: some made here, with tags, options, extension headers and tunnels in any order
 * and number; all of ../shared/data/captures where they are, of every link type; and what
 * becomes of them when bytes in headers change; on both hooks. The kernel takes frames from 14 bytes on and of less
 * than a page; longer ones are cut for both. On a slow machine (SL_SLOW, a factor) that
 * many times fewer frames are made and captures read.
 */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "graph/graph.h"
#include "kern/part.h"
#include "plan/plan.h"
#include "streamline/streamline.h"

#define DATA "../shared/data/"

enum { MAX_FORMS = SL_K_ARROWS, MAX_ROW = 3, BATCH = 64, FRAME_MIN = 14, FRAME_MAX = 3000, MUTANTS = 6, MADE = 20000 };

static const struct sl_filter_type entry_type = { .name = "rx", .flags = SL_F_LIVE };

static uint32_t rnd_state;

static uint32_t rnd(void)
{
	rnd_state = rnd_state * 1664525u + 1013904223u;
	return rnd_state >> 8;
}

struct seen {			/* of one packet behind one form */
	uint32_t passed, class, flow_hash, len, head, frame_len;
	uint32_t l3, l4, payload, flags, proto;
};

struct group {			/* some forms beside each other */
	unsigned int n;
	const char *const *forms;	/* "(tcp) ", as in a request */
	enum sl_khook hook;
	const struct sl_plan *plan;
	struct sl_diags *ds;
	struct sl_run *run;
	struct sl_kpart *part;
	unsigned int first[MAX_FORMS];	/* stage of each */
	unsigned int in_batch;
	uint16_t links[BATCH];
	struct seen c[BATCH][MAX_FORMS], kernel[BATCH][MAX_FORMS];
	uint64_t packets, passed, skipped, now_ns;
};

/* The filters of a form, first to last; gives how many. */
static unsigned int row_of(const struct group *g, unsigned int form, const struct sl_node *row[MAX_ROW])
{
	const struct sl_graph *graph = g->plan->graph;
	const struct sl_node *n = NULL;
	unsigned int many = 0;
	char name[16];

	snprintf(name, sizeof(name), "t%u", form);
	for (unsigned int i = 0; i < graph->n_nodes; i++)
		if (!strcmp(graph->nodes[i]->name, name))
			n = graph->nodes[i];
	CHECK(n);
	for (n = n->in[0]->from; n->n_in; n = n->in[0]->from) {
		CHECK(many < MAX_ROW);
		memmove(row + 1, row, many * sizeof(*row));
		row[0] = n;
		many++;
	}
	return many;
}

/* False: no right to; the test is skipped. */
static bool load(struct group *g)
{
	struct sl_kstage stages[1 + MAX_FORMS * MAX_ROW] = { 0 };
	const struct sl_node *row[MAX_ROW];
	struct sl_kpart_opts o = {
		.stages = stages, .n_stages = 1, .hook = g->hook, .carrier = SL_CARRIER_ARRAY,
		.ring_bytes = 1 << 20, .window = true,
	};
	struct sl_kif nowhere = { .link = 1 };
	struct sl_kpart_error e;
	int r;

	stages[0] = (struct sl_kstage){
		.type = &entry_type, .name = "rx", .entry = true, .snap = 65535,
		.ifs = &nowhere, .n_ifs = 1, .n_arrows = g->n,
	};
	for (unsigned int i = 0; i < g->n; i++) {
		unsigned int many = row_of(g, i, row);

		stages[0].arrows[i] = (struct sl_karrow){ .stage = o.n_stages, .stream = i, .plain = 1 };
		for (unsigned int j = 0; j < many; j++) {
			struct sl_karrow a = { .stage = o.n_stages + 1, .border = i,
						.stream = g->n + o.n_stages, .need = 16 };

			if (j == many - 1)
				a.stage = SL_K_NONE;
			a.plain = 1;
			g->first[i] = o.n_stages - j;
			stages[o.n_stages++] = (struct sl_kstage){
				.type = row[j]->type, .state = row[j]->state, .shared = row[j]->shared,
				.name = row[j]->name, .n_arrows = 1, .arrows = { a },
			};
		}
	}
	r = sl_kpart_new(&o, &g->part, &e);
	if ((r == -EPERM || r == -EACCES) && !e.verifier)
		return false;
	if (r < 0) {
		printf("# %s: %s\n%s\n", e.what, strerror(e.error), e.verifier ? e.verifier : "");
		free(e.verifier);
		test_fail(__FILE__, __LINE__, "%s", e.what);
	}
	return true;
}

static void group_open(struct group *g, const char *const *forms, enum sl_khook hook)
{
	struct sl_request *q = NULL;
	struct sl_plan *p = NULL;
	char text[1024];
	size_t at;

	rnd_state = 1;
	*g = (struct group){ .forms = forms, .hook = hook, .ds = sl_diags_new(), .now_ns = 1600000000000000000u };
	at = (size_t)snprintf(text, sizeof(text), "(feed) {");
	for (; forms[g->n]; g->n++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, " > %s > (t%u: take);", forms[g->n], g->n);
	snprintf(text + at - 1, sizeof(text) - at + 1, " }");
	CHECK(g->n <= MAX_FORMS);
	if (sl_parse(text, NULL, &q, g->ds) < 0 || sl_plan_new(q, NULL, &p, g->ds) < 0 ||
	    sl_run_new(p, &g->run, g->ds) < 0) {
		printf("%s\n%s", text, sl_diags_format(g->ds, false, ""));
		CHECK(!"the request is right");
	}
	sl_request_free(q);
	g->plan = p;
	if (!load(g))
		SKIP("needs the right to load programs into the kernel (CAP_BPF, CAP_NET_ADMIN)");
}

static void see_c(struct group *g)
{
	const struct sl_block *b;
	const uint8_t *data;
	char name[16];

	CHECK(sl_run_step(g->run, 0) >= 0);
	for (unsigned int i = 0; i < g->n; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		while (sl_take(g->run, name, &b, &data) > 0) {
			struct seen *s = &g->c[b->iface][i];

			CHECK(b->iface < g->in_batch);
			*s = (struct seen){
				.passed = s->passed + 1, .class = b->class, .flow_hash = b->flow_hash,
				.len = b->len, .head = b->head, .frame_len = b->frame_len, .l3 = b->l3,
				.l4 = b->l4, .payload = b->payload, .proto = b->proto,
				.flags = b->flags & (SL_B_DECODED | SL_B_FRAGMENT),
			};
			sl_take_done(g->run, name);
		}
	}
}

static void see_kernel(struct group *g, unsigned int packet)
{
	struct sl_kpacket k;

	while (sl_kpart_next(g->part, &k) > 0) {
		for (unsigned int i = 0; i < k.n_entries; i++) {
			const struct sl_kentry *e = &k.entries[i];
			struct seen *s = &g->kernel[packet][e->border];

			CHECK(e->border < g->n);
			*s = (struct seen){
				.passed = s->passed + 1, .class = e->class, .flow_hash = e->flow_hash,
				.len = e->len, .head = e->head, .frame_len = e->frame_len, .l3 = e->l3,
				.l4 = e->l4, .payload = e->payload, .proto = e->proto, .flags = e->flags,
			};
		}
		sl_kpart_release(g->part, k.ring, k.end);
	}
}

static void compare(struct group *g, const char *where)
{
	see_c(g);
	for (unsigned int i = 0; i < g->in_batch; i++) {
		for (unsigned int j = 0; j < g->n; j++) {
			const struct seen *c = &g->c[i][j], *k = &g->kernel[i][j];

			g->passed += c->passed;
			if (!memcmp(c, k, sizeof(*c)))
				continue;
			printf("#            passed      class       hash   len  head frame   l3   l4 payload proto flags\n");
			for (const struct seen *s = c;; s = k) {
				printf("# %-10s %6u %10u %10u %5u %5u %5u %4u %4u %7u %5u %5u\n", s == c ? "C" : "kernel",
				       s->passed, s->class, s->flow_hash, s->len, s->head, s->frame_len,
				       s->l3, s->l4, s->payload, s->proto, s->flags);
				if (s == k)
					break;
			}
			test_fail(__FILE__, __LINE__, "%s: packet %llu, link type %u, %s: the kernel form differs",
				  where, (unsigned long long)(g->packets - g->in_batch + i + 1), g->links[i], g->forms[j]);
		}
	}
	memset(g->c, 0, sizeof(g->c));
	memset(g->kernel, 0, sizeof(g->kernel));
	g->in_batch = 0;
}

static void one(struct group *g, const uint8_t *frame, uint32_t len, uint16_t link, const char *where)
{
	struct sl_block meta = { .link = link, .iface = (uint16_t)g->in_batch };
	struct sl_kreplay as = { .link = link };
	int r;

	if (len < FRAME_MIN) {
		g->skipped++;
		return;
	}
	if (len > FRAME_MAX)
		len = FRAME_MAX;
	if (g->in_batch == BATCH) {
		compare(g, where);
		meta.iface = 0;
	}
	g->now_ns += rnd() % 100000;
	meta.time_ns = as.time_ns = g->now_ns;
	meta.wire_len = as.wire_len = len + (g->packets & 15);
	r = sl_kpart_feed(g->part, 0, frame, len, &as);
	if (r == -EINVAL && len < 54) {	/* test runs refuse what a stack would take for a cut IP packet */
		g->skipped++;
		return;
	}
	CHECK_EQ(r, 0);
	g->packets++;
	see_kernel(g, g->in_batch);
	g->links[g->in_batch++] = link;
	CHECK_EQ(sl_feed(g->run, NULL, frame, len, &meta, NULL, NULL), 0);
}

static void add(struct sl_tally *to, const struct sl_ktally *k)
{
	to->blocks += k->blocks;
	to->bytes += k->bytes;
}

static void tallies_equal(const struct group *g, unsigned int form, const char *what, struct sl_tally c,
			  struct sl_tally k)
{
	if (c.blocks != k.blocks || c.bytes != k.bytes)
		test_fail(__FILE__, __LINE__, "%s %s: %llu blocks, %llu bytes; in the kernel %llu, %llu",
			  g->forms[form], what, (unsigned long long)c.blocks, (unsigned long long)c.bytes,
			  (unsigned long long)k.blocks, (unsigned long long)k.bytes);
}

/* Ledger and values of one filter. */
static void book(struct group *g, unsigned int form, const struct sl_node *n, unsigned int stage)
{
	struct sl_tally in = { 0 }, out = { 0 }, filtered = { 0 }, lost = { 0 };
	struct sl_kpart_counts *k = calloc(1, sizeof(*k));
	uint64_t values[SL_K_VALUES] = { 0 };
	struct sl_ledger_row row;
	bool found = false;

	CHECK_EQ(sl_kpart_read(g->part, k), 0);
	add(&in, &k->stage[stage].in);
	add(&out, &k->stage[stage].out);
	add(&filtered, &k->stage[stage].filtered);
	add(&lost, &k->stage[stage].lost);
	memcpy(values, k->values[stage], sizeof(values));
	free(k);
	for (unsigned int r = 0; !found && sl_run_filter(g->run, r, &row) == 0; r++)
		found = !strcmp(row.name, n->name);
	CHECK(found);
	tallies_equal(g, form, "in", row.in, in);
	tallies_equal(g, form, "out", row.out, out);
	tallies_equal(g, form, "filtered", row.filtered, filtered);
	tallies_equal(g, form, "lost", row.lost, lost);
	for (unsigned int v = 0; v < row.n_values && v < SL_K_VALUES; v++)
		if (row.values[v].n != values[v])
			test_fail(__FILE__, __LINE__, "%s: %s is %llu, in the kernel %llu", g->forms[form],
				  row.values[v].name, (unsigned long long)row.values[v].n,
				  (unsigned long long)values[v]);
}

static void books(struct group *g)
{
	const struct sl_node *row[MAX_ROW];

	for (unsigned int i = 0; i < g->n; i++) {
		unsigned int many = row_of(g, i, row);

		for (unsigned int j = 0; j < many; j++)
			book(g, i, row[j], g->first[i] + j);
	}
}

static void group_close(struct group *g)
{
	sl_kpart_free(g->part);
	sl_run_free(g->run);
	sl_plan_free((struct sl_plan *)g->plan);
	sl_diags_free(g->ds);
}

/* ---- frames -------------------------------------------------------- */

/* The frame, and some that became of it: cut, and with bytes changed where headers are. */
static void several(struct group *g, const uint8_t *data, uint32_t len, uint16_t link, const char *where)
{
	uint8_t frame[FRAME_MAX];
	uint32_t near;

	if (len > FRAME_MAX)
		len = FRAME_MAX;
	one(g, data, len, link, where);
	for (unsigned int i = 0; i < MUTANTS && len > FRAME_MIN; i++) {
		near = len < 90 ? len : 90;
		memcpy(frame, data, len);
		for (unsigned int j = 0; j < 1 + i % 4; j++) {
			uint32_t at = rnd() % near, how = rnd();

			frame[at] = (uint8_t)(how & 1 ? how >> 8 & 63 : how >> 8);
		}
		one(g, frame, i & 1 ? len : FRAME_MIN + rnd() % (len - FRAME_MIN), link, where);
	}
}

/* All packets of a capture that the kernel takes. */
static void capture(struct group *g, const char *file)
{
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q = NULL;
	struct sl_plan *p = NULL;
	struct sl_run *r = NULL;
	const struct sl_block *b;
	const uint8_t *data;
	char text[2400];
	int more = 1;

	snprintf(text, sizeof(text), "(pcapin \"%s\") > (take)", file);
	if (sl_parse(text, NULL, &q, ds) == 0 && sl_plan_new(q, NULL, &p, ds) == 0 && sl_run_new(p, &r, ds) == 0) {
		while (more > 0) {
			more = sl_run_step(r, 0);
			while (sl_take(r, NULL, &b, &data) > 0) {
				several(g, data, b->len, b->link, file);
				sl_take_done(r, NULL);
			}
		}
		compare(g, file);
	}
	sl_run_free(r);
	sl_plan_free(p);
	sl_request_free(q);
	sl_diags_free(ds);
}

struct made {
	uint8_t b[FRAME_MAX];
	uint32_t n;
};

static void put(struct made *m, uint32_t v, unsigned int bytes)
{
	while (bytes-- && m->n < FRAME_MAX)
		m->b[m->n++] = (uint8_t)(v >> 8 * bytes);
}

static void put_any(struct made *m, unsigned int bytes)
{
	while (bytes-- && m->n < FRAME_MAX)
		m->b[m->n++] = (uint8_t)rnd();
}

/* Mostly few, at times many. */
static uint32_t few(uint32_t often, uint32_t seldom)
{
	return rnd() % 16 ? rnd() % (often + 1) : rnd() % (seldom + 1);
}

static void made_l4(struct made *m, uint8_t proto)
{
	static const uint16_t ports[] = { 80, 443, 53, 4789, 8472, 6081, 2152, 40000 };

	if (proto == 6 || proto == 17 || proto == 132) {
		put(m, ports[rnd() % 8], 2);
		put(m, ports[rnd() % 8], 2);
	}
	if (proto == 6) {
		put_any(m, 8);
		put(m, rnd() % 8 ? 0x50 : rnd() & 0xff, 1);
	} else if (proto == 17) {
		put_any(m, 4);
		put(m, rnd() % 2 ? 0x30 : 8, 1);
	} else if (proto == 47) {
		put(m, rnd() % 4 ? 0 : rnd() & 0xffff, 2);
		put(m, rnd() % 2 ? 0x6558 : 0x88be, 2);
	}
	put_any(m, few(60, 400));
}

static void made_ip(struct made *m, bool v6)
{
	static const uint8_t protos[] = { 6, 17, 1, 58, 132, 47, 4, 41, 50, 59, 136, 33, 0, 255 };
	static const uint8_t exts[] = { 0, 43, 60, 51, 44 };
	uint8_t proto = protos[rnd() % (rnd() % 4 ? 3 : sizeof(protos))], next;
	uint32_t head = rnd() % 4 ? 5 : rnd() % 16, n_ext = few(2, 40), at = m->n;

	if (!v6) {
		put(m, 0x40 | head, 1);
		put(m, 0, 1);
		put(m, rnd() % 8 ? 20 + rnd() % 100 : few(0, 70), 2);
		put_any(m, 2);
		put(m, rnd() % 6 ? 0x4000 : rnd() & 0x3fff, 2);
		put(m, 64, 1);
		put(m, proto, 1);
		put_any(m, 10);
		put_any(m, head > 5 ? head * 4 - 20 : 0);
	} else {
		next = n_ext ? exts[rnd() % 5] : proto;
		put(m, 0x60000000, 4);
		put(m, rnd() % 4 ? 2000 : few(60, 0), 2);
		put(m, next, 1);
		put(m, 64, 1);
		put_any(m, 32);
		for (uint32_t i = 0; i < n_ext; i++) {
			uint8_t after = i + 1 < n_ext ? exts[rnd() % 5] : proto;
			uint32_t size = few(1, 20);

			put(m, after, 1);
			put(m, size, 1);
			if (next == 44) {
				put(m, rnd() % 8 ? rnd() & 7 : rnd() & 0xffff, 2);
				put_any(m, 4);
			} else {
				put_any(m, next == 51 ? size * 4 + 6 : size * 8 + 6);
			}
			next = after;
		}
	}
	made_l4(m, proto);
	if (!v6 && rnd() % 2 && m->n - at < 0x10000 && m->n > at + 4) {	/* a length that is right */
		m->b[at + 2] = (uint8_t)((m->n - at) >> 8);
		m->b[at + 3] = (uint8_t)(m->n - at);
	}
}

static void made_type(struct made *m, unsigned int header)
{
	static const uint16_t tags[] = { 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300 };
	uint32_t n = few(2, 45), kind = rnd() % 8;

	if (header)
		put_any(m, header);
	while (n--) {
		put(m, tags[rnd() % 5], 2);
		put_any(m, 2);
	}
	if (kind == 7) {
		put(m, 0x8864, 2);
		put_any(m, 6);
		put(m, rnd() % 2 ? 0x21 : 0x57, 2);
		kind = rnd() % 2;
	} else {
		put(m, kind < 3 ? 0x0800 : kind < 6 ? 0x86dd : rnd() & 0xffff, 2);
		kind = kind >= 3;
	}
	made_ip(m, kind);
}

static uint16_t make(struct made *m)
{
	static const uint16_t others[] = { 113, 276, 101, 12, 14, 228, 229, 0, 108, 9, 50, 51, 104, 204, 147 };
	uint16_t link = rnd() % 4 ? 1 : others[rnd() % (sizeof(others) / sizeof(others[0]))];

	m->n = 0;
	switch (link) {
	case 1:
		made_type(m, 12);
		break;
	case 113:
		made_type(m, 14);
		break;
	case 276:
		put(m, rnd() % 2 ? 0x0800 : 0x86dd, 2);
		put_any(m, 18);
		made_ip(m, rnd() % 2);
		break;
	case 0:
	case 108:
		put(m, rnd() % 2 ? 2u : rnd() % 2 ? 0x02000000u : 0x1eu, 4);
		made_ip(m, rnd() % 2);
		break;
	case 104:
	case 50:
		put(m, rnd() % 4 ? 0x0f00 : rnd(), 2);
		made_type(m, 0);
		break;
	case 9:
	case 204:
		put_any(m, link == 204);
		put(m, 0xff03, rnd() % 2 ? 2 : 0);
		put(m, rnd() % 2 ? 0x21 : 0x57, 1 + rnd() % 2);
		made_ip(m, rnd() % 2);
		break;
	case 51:
		put_any(m, 6);
		put(m, rnd() % 2 ? 0x21 : 0x57, 2);
		made_ip(m, rnd() % 2);
		break;
	default:
		made_ip(m, rnd() % 2);
	}
	if (!(rnd() % 6) && m->n)
		m->n = rnd() % m->n;
	return link;
}

static void compare_all(const char *const *forms, enum sl_khook hook)
{
	FILE *list = fopen(DATA "FILES.tsv", "r");
	struct group *g = malloc(sizeof(*g));
	char line[2048], path[2200];
	unsigned int times = test_slow(), most = MADE / times, nth = 0;
	uint64_t made;

	group_open(g, forms, hook);
	for (unsigned int i = 0; i < most; i++) {
		static struct made m;
		uint16_t link = make(&m);

		one(g, m.b, m.n, link, "made here");
	}
	compare(g, "made here");
	made = g->packets;
	CHECK(made > most / 2);
	if (list) {
		CHECK(fgets(line, sizeof(line), list));
		while (fgets(line, sizeof(line), list)) {
			line[strcspn(line, "\t\n")] = 0;
			snprintf(path, sizeof(path), DATA "%s", line);
			if (nth++ % times == 0)
				capture(g, path);
		}
		fclose(list);
		/* few captures hold most packets */
		CHECK(g->packets > 250000 / (times * times));
	}
	books(g);
	printf("# %llu packets made, %llu of captures%s, %u forms: %llu passed; %llu too short for the kernel\n",
	       (unsigned long long)made, (unsigned long long)(g->packets - made),
	       list ? "" : " (no ../shared/data here)", g->n, (unsigned long long)g->passed,
	       (unsigned long long)g->skipped);
	group_close(g);
	free(g);
}

/* What is compared: each list on both hooks. */
#define FORMS(name_, ...)						\
	static const char *const name_[] = { __VA_ARGS__, NULL };	\
	TEST(name_##_xdp) { compare_all(name_, SL_K_XDP); }		\
	TEST(name_##_tc) { compare_all(name_, SL_K_TC); }

FORMS(ports, "(tcp)", "(tcp class=sport)", "(tcp class=either)", "(udp)", "(udp class=either)",
      "(port)", "(port class=either)", "(sourceport)")
FORMS(kinds, "(ip)", "(ip6)", "(icmp)", "(ether)", "(vlan)", "(vlan inner)", "(tunnel)", "(count)")
FORMS(numbers, "(head 200000)", "(head 7)", "(head 0)", "(sample)", "(sample 3)", "(sample 1)", "(slice 1)",
      "(slice 100) > (stats)")
FORMS(rows, "(sample 4 by=flow)", "(ip) > (sample 2 by=flow)", "(slice 40) > (tcp)", "(tcp) > (slice 40)",
      "(tcp) > (slice 54) > (sourceport)", "(vlan) > (ether) > (ip6)", "(udp) > (tunnel) > (count)",
      "(stats) > (rate 15kpps) > (stats)")
FORMS(classic, "(bpf 'tcp port 80')", "(bpf 'udp or icmp6')", "(bpf 'len > 200 and ip[8] < 64')",
      "(bpf 'vlan and tcp')", "(slice 40) > (bpf 'tcp[13] & 2 != 0')", "(bpf 'ip6') > (tcp)",
      "(bpf 'tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420')", "(bpf 'net 10.0.0.0/8 or ether multicast')")

TEST_MAIN()
