/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The runtime with filters that misbehave: they keep at random, let go late, fail in
 * the middle, write to what others see. The ledger must add up all the same, and the
 * sink must see the same for every number of workers.
 */
#include <errno.h>

#include "streamline/streamline.h"
#include "test.h"

/* ---- (gen n=1000 flows=7): frames of 60 bytes, IPv4 and UDP, one flow after another ---- */

struct gen {
	uint64_t n, flows, done;
	int seg;
	uint8_t *mem;
};

static const struct sl_param gen_params[] = {
	SL_U64(struct gen, n, .def = 1000, .help = "blocks"),
	SL_U64(struct gen, flows, .def = 7, .min = 1, .help = "flows"),
	{ }
};

static int gen_open(struct sl_filter *f)
{
	struct gen *g = sl_state(f);

	g->mem = calloc(g->flows, 60);
	for (uint64_t i = 0; i < g->flows; i++) {
		uint8_t *p = g->mem + i * 60;

		p[12] = 8;
		p[14] = 0x45;
		p[17] = 46;
		p[23] = 17;
		p[29] = 1;
		p[33] = 2;
		p[34] = (uint8_t)(i >> 8);
		p[35] = (uint8_t)i;
		p[37] = 53;
		p[39] = 26;
	}
	g->seg = sl_segment_new(f, g->mem, g->flows * 60, true, free, g->mem);
	return g->seg < 0 ? g->seg : 0;
}

static int gen_pull(struct sl_filter *f, unsigned int max)
{
	struct gen *g = sl_state(f);
	unsigned int k;

	for (k = 0; k < max && g->done < g->n; k++, g->done++) {
		struct sl_block *b = sl_block_new(f);

		b->seg = (unsigned int)g->seg;
		b->off = (g->done * 7919 % g->flows) * 60;
		b->len = b->frame_len = b->wire_len = 60;
		b->link = 1;
		b->time_ns = 1000000000u + g->done * 1000000u;
		b->stream = (uint32_t)(g->done * 7919 % g->flows);
		sl_emit(f, 0, b);
	}
	return k ? (int)k : SL_EOF;
}

static const struct sl_filter_type gen_type = {
	.name = "gen", .brief = "make packets", .state = sizeof(struct gen),
	.params = gen_params, .out = SL_PACKET, .open = gen_open, .pull = gen_pull,
};

/* ---- (chaos): per flow, keeps up to 5 blocks, then lets them go, drops or loses them ---- */

#define CHAOS_FLOWS	64

struct chaos {
	struct sl_block *kept[CHAOS_FLOWS][5];
	unsigned int n[CHAOS_FLOWS];
	uint64_t last[CHAOS_FLOWS];
	uint64_t ticks;
};

static void chaos_release(struct sl_filter *f, struct chaos *c, unsigned int flow)
{
	for (unsigned int k = 0; k < c->n[flow]; k++) {
		struct sl_block *b = c->kept[flow][k];

		b->class = flow;
		switch ((c->last[flow] + k) % 5) {
		case 0:
			sl_drop(f, b);
			break;
		case 1:
			sl_lose(f, b, "chaos");
			break;
		case 2:
			sl_view(f, b, 10, 20);
			sl_emit(f, 0, b);
			break;
		default:
			sl_emit(f, k & 1, b);
		}
	}
	c->n[flow] = 0;
}

static int chaos_work(struct sl_filter *f, struct sl_batch *in)
{
	struct chaos *c = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		unsigned int flow = b->stream % CHAOS_FLOWS;

		c->last[flow] = sl_seq(f);
		if (sl_seq(f) % 3 == 0) {
			sl_emit(f, 0, b);
			continue;
		}
		c->kept[flow][c->n[flow]++] = b;
		sl_keep(f, b);
		if (c->n[flow] == 5)
			chaos_release(f, c, flow);
	}
	return 0;
}

/* Flows whose last block is long ago, oldest first. */
static int chaos_old(struct sl_filter *f, uint64_t before)
{
	struct chaos *c = sl_state(f);

	for (;;) {
		unsigned int oldest = CHAOS_FLOWS;

		for (unsigned int k = 0; k < CHAOS_FLOWS; k++)
			if (c->n[k] && c->last[k] < before &&
			    (oldest == CHAOS_FLOWS || c->last[k] < c->last[oldest]))
				oldest = k;
		if (oldest == CHAOS_FLOWS)
			return 0;
		sl_order(f, c->last[oldest]);
		chaos_release(f, c, oldest);
	}
}

static int chaos_tick(struct sl_filter *f, uint64_t now_ns)
{
	(void)now_ns;
	return chaos_old(f, f->seq > 300 ? f->seq - 300 : 0);
}

static int chaos_flush(struct sl_filter *f)
{
	return chaos_old(f, UINT64_MAX);
}

static const struct sl_port chaos_ports[] = {
	{ .name = "odd", .type = SL_SAME, .help = "every second kept one" },
	{ }
};

static const struct sl_filter_type chaos_type = {
	.name = "chaos", .brief = "keep and let go at random", .state = sizeof(struct chaos),
	.in = SL_ANY, .out = SL_SAME, .class = SL_CLASS_NUMBER, .ports = chaos_ports,
	.flags = SL_F_SHARD, .work = chaos_work, .tick = chaos_tick, .flush = chaos_flush,
};

/* ---- (edit): writes 0xee over the view ---- */

struct edit {
	uint64_t unused;
};

static int edit_work(struct sl_filter *f, struct sl_batch *in)
{
	struct sl_block *b;
	uint8_t *p;

	while ((b = sl_batch_take(f, in))) {
		b = sl_writable(f, b, &p);
		if (!b)
			continue;
		memset(p, 0xee, b->len);
		sl_emit(f, 0, b);
	}
	return 0;
}

static const struct sl_filter_type edit_type = {
	.name = "edit", .brief = "write over blocks", .state = sizeof(struct edit),
	.in = SL_ANY, .out = SL_SAME, .work = edit_work,
};

/* ---- (tobytes): bytes that, read as packets, would be of another flow each time ---- */

static int tobytes_work(struct sl_filter *f, struct sl_batch *in)
{
	struct sl_block *b;
	uint8_t *p;

	while ((b = sl_batch_take(f, in))) {
		b = sl_writable(f, b, &p);
		if (!b)
			continue;
		p[35] = (uint8_t)sl_seq(f);
		b->flow_hash = 0;
		b->flags &= (uint16_t)~SL_B_DECODED;
		sl_emit(f, 0, b);
	}
	return 0;
}

static const struct sl_filter_type tobytes_type = {
	.name = "tobytes", .brief = "packets to bytes", .state = sizeof(struct edit),
	.in = SL_PACKET, .out = SL_BYTES, .work = tobytes_work,
};

/* ---- (boom at=N): fails at the N-th block, leaving the rest untaken ---- */

struct boom {
	uint64_t at, seen;
};

static const struct sl_param boom_params[] = {
	SL_U64(struct boom, at, .def = 10, .help = "where"),
	{ }
};

static int boom_work(struct sl_filter *f, struct sl_batch *in)
{
	struct boom *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		sl_emit(f, 0, b);
		if (++s->seen == s->at)
			return sl_fail(f, "E302", "as asked");
	}
	return 0;
}

static const struct sl_filter_type boom_type = {
	.name = "boom", .brief = "fail", .state = sizeof(struct boom), .params = boom_params,
	.in = SL_ANY, .out = SL_SAME, .work = boom_work,
};

/* ---- (see): remembers what it saw ---- */

struct seen {
	uint64_t time_ns, sum;
	uint32_t len, class;
};

static struct seen seen[2][100000];
static unsigned int n_seen[2];

struct see {
	uint32_t to;
};

static const struct sl_param see_params[] = {
	SL_U32(struct see, to, .def = 0, .max = 1, .help = "which list"),
	{ }
};

static int see_work(struct sl_filter *f, struct sl_batch *in)
{
	struct see *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		struct seen *e = &seen[s->to][n_seen[s->to]++];
		const uint8_t *p = sl_data(f, b);

		*e = (struct seen){ .time_ns = b->time_ns, .len = b->len, .class = b->class };
		for (unsigned int k = 0; k < b->len; k++)
			e->sum = e->sum * 31 + p[k];
		sl_done(f, b);
	}
	return 0;
}

static const struct sl_filter_type see_type = {
	.name = "see", .brief = "remember", .state = sizeof(struct see), .params = see_params,
	.in = SL_ANY, .work = see_work,
};

/* ---- */

static void register_all(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	CHECK_EQ(sl_register(&gen_type, SL_FILTER_ABI), 0);
	CHECK_EQ(sl_register(&chaos_type, SL_FILTER_ABI), 0);
	CHECK_EQ(sl_register(&edit_type, SL_FILTER_ABI), 0);
	CHECK_EQ(sl_register(&tobytes_type, SL_FILTER_ABI), 0);
	CHECK_EQ(sl_register(&boom_type, SL_FILTER_ABI), 0);
	CHECK_EQ(sl_register(&see_type, SL_FILTER_ABI), 0);
}

static void show(struct sl_diags *ds)
{
	char *text = sl_diags_format(ds, false, NULL);

	printf("%s", text);
	free(text);
}

static struct sl_run *start(const char *srl, unsigned int workers)
{
	struct sl_options o = { .size = sizeof(o), .workers = workers };
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q;
	struct sl_plan *p;
	struct sl_run *r;

	register_all();
	n_seen[0] = n_seen[1] = 0;
	if (sl_parse(srl, NULL, &q, ds) || sl_plan_new(q, &o, &p, ds) || sl_run_new(p, &r, ds)) {
		show(ds);
		return NULL;
	}
	sl_plan_free(p);
	sl_request_free(q);
	sl_diags_free(ds);
	return r;
}

static bool whole(struct sl_run *r)
{
	char *why;

	if (sl_run_verify(r, &why) == 0)
		return true;
	printf("# %s\n", why);
	free(why);
	return false;
}

static bool row(struct sl_run *r, const char *name, struct sl_ledger_row *w)
{
	for (unsigned int i = 0; sl_run_filter(r, i, w) == 0; i++)
		if (!strcmp(w->name, name))
			return true;
	return false;
}

TEST(chaos_adds_up_and_workers_agree)
{
	static struct seen one[2][100000];
	unsigned int n_one[2];
	struct sl_ledger_row w;

	for (unsigned int workers = 1; workers <= 5; workers++) {
		struct sl_run *r = start("(gen n=20000 flows=50) > (chaos) { -*-> (see); -odd-> (see to=1) }", workers);

		CHECK(r);
		CHECK_EQ(sl_run_wait(r), 0);
		CHECK(whole(r));
		CHECK(row(r, "chaos", &w));
		CHECK_EQ(w.in.blocks, 20000);
		CHECK_EQ(w.held.blocks, 0);
		CHECK_EQ(w.n_reasons, 1);
		if (workers == 1) {
			memcpy(one, seen, sizeof(one));
			memcpy(n_one, n_seen, sizeof(n_one));
			CHECK(n_seen[0] > 10000 && n_seen[1] > 100);
		} else {
			CHECK_EQ(n_seen[0], n_one[0]);
			CHECK_EQ(n_seen[1], n_one[1]);
			CHECK(!memcmp(seen[0], one[0], n_seen[0] * sizeof(seen[0][0])));
			CHECK(!memcmp(seen[1], one[1], n_seen[1] * sizeof(seen[1][0])));
		}
		sl_run_free(r);
	}
}

TEST(bytes_of_a_stream_stay_together)
{
	static struct seen one[100000];
	unsigned int n_one = 0;

	for (unsigned int workers = 1; workers <= 4; workers++) {
		struct sl_run *r = start("(gen n=20000 flows=50) > (tobytes) > (chaos) -*-> (see)", workers);

		CHECK(r);
		CHECK_EQ(sl_run_wait(r), 0);
		CHECK(whole(r));
		if (workers == 1) {
			memcpy(one, seen[0], sizeof(one));
			n_one = n_seen[0];
		}
		CHECK_EQ(n_seen[0], n_one);
		CHECK(!memcmp(seen[0], one, n_one * sizeof(one[0])));
		sl_run_free(r);
	}
}

TEST(one_branch_edits_the_other_sees_the_original)
{
	struct sl_ledger_row w;
	struct sl_run *r = start("(gen n=1000) { > (edit) > (edit) > (see); > (see to=1) }", 1);
	uint64_t edited = 0;

	CHECK(r);
	CHECK_EQ(sl_run_wait(r), 0);
	CHECK(whole(r));
	CHECK_EQ(n_seen[0], 1000);
	CHECK_EQ(n_seen[1], 1000);
	for (int k = 0; k < 60; k++)
		edited = edited * 31 + 0xee;
	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(seen[0][i].sum, edited);
		CHECK(seen[1][i].sum != edited);
	}
	CHECK(row(r, "edit", &w));
	CHECK_EQ(w.copies, 1000);	/* the first must copy what others hold */
	CHECK(row(r, "edit-2", &w));
	CHECK_EQ(w.copies, 0);		/* the second is the only holder */
	sl_run_free(r);
}

TEST(failing_filter_loses_nothing_silently)
{
	for (unsigned int at = 1; at < 300; at += 37) {
		struct sl_ledger_row w;
		char srl[200];
		struct sl_run *r;

		snprintf(srl, sizeof(srl), "(gen n=1000) { > (boom at=%u) > (see); > (count) > (see to=1) }", at);
		r = start(srl, 1);
		CHECK(r);
		CHECK_EQ(sl_run_wait(r), -EIO);
		CHECK(whole(r));
		CHECK_EQ(n_seen[0], at);
		CHECK(row(r, "boom", &w));
		CHECK_EQ(w.lost.blocks, w.in.blocks - at);
		CHECK_EQ(sl_diags_errors(sl_run_diags(r)), 1);
		sl_run_free(r);
	}
}

TEST(stop_drains)
{
	struct sl_run *r = start("(gen n=1000000000 flows=50) > (chaos) > (count)", 2);
	struct sl_ledger_row w;

	CHECK(r);
	CHECK_EQ(sl_run_step(r, 20), 1);
	sl_run_stop(r);
	CHECK_EQ(sl_run_wait(r), 0);
	CHECK(whole(r));
	CHECK(row(r, "gen", &w));
	CHECK(w.in.blocks > 0 && w.in.blocks < 1000000000);
	sl_run_free(r);
}

TEST(freed_in_the_middle)
{
	for (unsigned int workers = 1; workers < 4; workers++) {
		struct sl_run *r = start("(gen n=1000000000 flows=50) > (chaos) > (edit) > (count)", workers);

		CHECK(r);
		CHECK_EQ(sl_run_step(r, 5), 1);
		sl_run_free(r);
	}
}

TEST(one_plan_runs_many_times)
{
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q;
	struct sl_plan *p;
	struct sl_run *r[8];

	register_all();
	n_seen[0] = 0;
	CHECK_EQ(sl_parse("(gen n=100) > (see)", NULL, &q, ds), 0);
	CHECK_EQ(sl_plan_new(q, NULL, &p, ds), 0);
	sl_request_free(q);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(sl_run_new(p, &r[i], ds), 0);
	sl_plan_free(p);
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(sl_run_wait(r[i]), 0);
		sl_run_free(r[i]);
	}
	CHECK_EQ(n_seen[0], 800);
	sl_diags_free(ds);
}

TEST_MAIN()
