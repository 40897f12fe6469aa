/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Classic programs in front of a form, and stages that are replaced while packets come. */
#include "test.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "graph/graph.h"
#include "kern/ask.h"
#include "kern/part.h"
#include "plan/plan.h"
#include "streamline/streamline.h"

static const struct sl_filter_type entry_type = { .name = "rx", .flags = SL_F_LIVE };
static const struct sl_kif nowhere = { .link = 1 };

struct rig {
	struct sl_diags *ds;
	struct sl_plan *plan;
};

/* Filters by name, as a request makes them. */
static const struct sl_node *make(struct rig *g, const char *text, const char *name)
{
	struct sl_request *q = NULL;

	*g = (struct rig){ .ds = sl_diags_new() };
	CHECK(sl_parse(text, NULL, &q, g->ds) == 0);
	if (sl_plan_new(q, NULL, &g->plan, g->ds) < 0)
		printf("%s", sl_diags_format(g->ds, false, ""));
	CHECK(g->plan);
	sl_request_free(q);
	for (unsigned int i = 0; i < g->plan->graph->n_nodes; i++)
		if (!strcmp(g->plan->graph->nodes[i]->name, name))
			return g->plan->graph->nodes[i];
	CHECK(!"the node is there");
	return NULL;
}

static void done(struct rig *g)
{
	sl_plan_free(g->plan);
	sl_diags_free(g->ds);
}

static struct sl_kstage stage_of(const struct sl_node *n)
{
	return (struct sl_kstage){
		.type = n->type, .state = n->state, .shared = n->shared, .name = n->name, .n_arrows = 1,
		.arrows = { { .stage = SL_K_NONE, .border = 0, .stream = 1, .need = 64, .plain = 1 } },
	};
}

/* rx > first filter > border; NULL: bpf() is not permitted. */
static struct sl_kpart *part_of(const struct sl_node *n, enum sl_khook hook)
{
	struct sl_kstage stages[2] = {
		{ .type = &entry_type, .name = "rx", .entry = true, .snap = 65535, .ifs = &nowhere, .n_ifs = 1,
		  .n_arrows = 1, .arrows = { { .stage = 1, .stream = 0, .plain = 1 } } },
		stage_of(n),
	};
	struct sl_kpart_opts o = {
		.stages = stages, .n_stages = 2, .hook = hook, .carrier = SL_CARRIER_ARRAY,
		.ring_bytes = 8 << 20, .window = true,
	};
	struct sl_kpart_error e;
	struct sl_kpart *p;
	int r = sl_kpart_new(&o, &p, &e);

	if (r == -EPERM || r == -EACCES)
		SKIP("needs the right to load programs into the kernel (CAP_BPF, CAP_NET_ADMIN)");
	if (r < 0)
		printf("# %s: %s\n%s\n", e.what, strerror(e.error), e.verifier ? e.verifier : "");
	CHECK_EQ(r, 0);
	return p;
}

/* UDP to a port; 60 bytes. */
static void frame_to(uint8_t *p, unsigned int port)
{
	static const uint8_t base[60] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 46, 0, 1, 0, 0,
					  64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x1f, 0x90, 0, 0, 0, 26 };

	memcpy(p, base, sizeof(base));
	p[36] = (uint8_t)(port >> 8);
	p[37] = (uint8_t)port;
}

static unsigned int feed(struct sl_kpart *p, unsigned int port, uint16_t link)
{
	const struct sl_kreplay as = { .wire_len = 60, .link = link };
	struct sl_kpacket k;
	unsigned int n = 0;
	uint8_t f[60];

	frame_to(f, port);
	CHECK_EQ(sl_kpart_feed(p, 0, f, sizeof(f), &as), 0);
	for (; sl_kpart_next(p, &k); n++)
		sl_kpart_release(p, k.ring, k.end);
	return n;
}

static void selects(enum sl_khook hook)
{
	struct sl_kpart_counts *c = malloc(sizeof(*c));
	struct rig g;
	struct sl_kpart *p = part_of(make(&g, "(feed) > (bpf 'udp port 53') > (take)", "bpf"), hook);

	CHECK_EQ(feed(p, 53, 1), 1);
	CHECK_EQ(feed(p, 54, 1), 0);
	CHECK_EQ(feed(p, 53, 101), 0);		/* an Ethernet header is no IP packet */
	CHECK_EQ(feed(p, 53, 290), 0);		/* a link without meaning: lost */
	CHECK_EQ(sl_kpart_read(p, c), 0);
	CHECK_EQ(c->stage[1].in.blocks, 4);
	CHECK_EQ(c->stage[1].out.blocks, 1);
	CHECK_EQ(c->stage[1].filtered.blocks, 2);
	CHECK_EQ(c->stage[1].lost.blocks, 1);
	free(c);
	sl_kpart_free(p);
	done(&g);
}

TEST(selects_xdp) { selects(SL_K_XDP); }
TEST(selects_tc) { selects(SL_K_TC); }

TEST(refuses)
{
	char why[256] = "";
	struct rig g;
	const struct sl_node *n = make(&g, "(feed) > (bpf 'ip6 protochain 6') > (take)", "bpf");

	CHECK(n->type->kernel);
	CHECK_EQ(sl_kernel_ask(n->type, n->state, n->shared, why, sizeof(why)), -ENOTSUP);
	CHECK(strstr(why, "loop"));
	done(&g);
}

struct traffic {
	struct sl_kpart *part;
	_Atomic bool stop;
	uint64_t n;
};

static void *keep_feeding(void *arg)
{
	struct traffic *t = arg;
	const struct sl_kreplay as = { .wire_len = 60, .link = 1 };
	uint8_t f[60];

	while (!atomic_load(&t->stop)) {
		frame_to(f, 53 + t->n % 2);
		if (sl_kpart_feed(t->part, 0, f, sizeof(f), &as) < 0)
			break;
		t->n++;
	}
	return NULL;
}

static void replaced(enum sl_khook hook)
{
	static const char *const texts[] = {
		"(feed) > (bpf 'udp port 54') > (take)", "(feed) > (x: count) > (take)",
		"(feed) > (bpf 'udp port 53') > (take)", "(feed) > (x: udp) > (take)",
	};
	struct sl_kpart_counts *c = malloc(sizeof(*c));
	struct rig g, other[4];
	struct traffic t = { .part = part_of(make(&g, texts[2], "bpf"), hook) };
	struct sl_kpart_error e;
	struct sl_kpacket k;
	struct sl_kstage s;
	uint64_t got = 0;
	pthread_t thread;

	for (unsigned int i = 0; i < 4; i++)
		make(&other[i], texts[i], i & 1 ? "x" : "bpf");
	CHECK_EQ(pthread_create(&thread, NULL, keep_feeding, &t), 0);
	for (unsigned int i = 0; i < 24; i++) {
		const struct sl_graph *graph = other[i % 4].plan->graph;

		for (unsigned int n = 0; n < graph->n_nodes; n++)
			if (graph->nodes[n]->n_in && graph->nodes[n]->n_out)
				s = stage_of(graph->nodes[n]);
		CHECK_EQ(sl_kpart_replace(t.part, 1, &s, &e), 0);
		for (; sl_kpart_next(t.part, &k); got++)
			sl_kpart_release(t.part, k.ring, k.end);
	}
	/* what can't be loaded changes nothing */
	s.type = &entry_type;
	CHECK(sl_kpart_replace(t.part, 1, &s, &e) < 0);
	free(e.verifier);
	atomic_store(&t.stop, true);
	pthread_join(thread, NULL);
	for (; sl_kpart_next(t.part, &k); got++)
		sl_kpart_release(t.part, k.ring, k.end);
	CHECK_EQ(sl_kpart_read(t.part, c), 0);
	printf("# %llu packets, %llu passed, 24 stages\n", (unsigned long long)t.n, (unsigned long long)got);
	CHECK(t.n > 100);
	CHECK_EQ(c->stage[0].in.blocks, t.n);
	CHECK_EQ(c->moved[0].blocks, t.n);
	CHECK_EQ(c->stage[1].in.blocks, t.n);
	CHECK_EQ(c->stage[1].out.blocks + c->stage[1].filtered.blocks, t.n);
	CHECK_EQ(c->stage[1].lost.blocks, 0);
	CHECK_EQ(c->moved[1].blocks - c->refused[1].blocks, got);
	sl_kpart_free(t.part);
	for (unsigned int i = 0; i < 4; i++)
		done(&other[i]);
	done(&g);
	free(c);
}

TEST(replaced_xdp) { replaced(SL_K_XDP); }
TEST(replaced_tc) { replaced(SL_K_TC); }

TEST_MAIN()
