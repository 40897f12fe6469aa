/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ac and grep on streams that are made up here, so that every border, gap and
 * end lies where it hurts; first one by one, then at random against memmem().
 */
#include <unistd.h>

#include "streamline/streamline.h"
#include "test.h"

/* ---- (script): gives the blocks of a table ---- */

struct step {
	uint32_t stream;	/* flow << 1 | direction */
	const char *text;
	uint16_t flags;
	uint32_t after_s;	/* time that passed before it */
};

static const struct step *steps;
static unsigned int n_steps;

struct script {
	unsigned int at;
	uint64_t time_ns, pos[4096];
};

static int script_pull(struct sl_filter *f, unsigned int max)
{
	struct script *s = sl_state(f);
	unsigned int k;

	for (k = 0; k < max && s->at < n_steps; k++, s->at++) {
		const struct step *st = &steps[s->at];
		uint32_t len = (uint32_t)strlen(st->text);
		struct sl_block *b;
		uint8_t *to;

		b = sl_block_alloc(f, len, &to);
		memcpy(to, st->text, len);
		s->time_ns += 1000000000ull * st->after_s + 1000;
		b->time_ns = s->time_ns;
		b->stream = st->stream;
		b->flow_hash = (st->stream >> 1) * 2654435761u | 1;
		b->pos = s->pos[st->stream % 4096];
		s->pos[st->stream % 4096] += len;
		b->flags |= st->flags | (st->stream & 1 ? SL_B_REPLY : 0);
		sl_emit(f, 0, b);
	}
	return k ? (int)k : SL_EOF;
}

static const struct sl_filter_type script_type = {
	.name = "script", .brief = "blocks of a table", .state = sizeof(struct script),
	.out = SL_BYTES, .pull = script_pull,
};

/* ---- (note): writes down what comes, as "0>text 0<text " ---- */

static char noted[4][1 << 18];
static size_t n_noted[4];

struct note {
	uint32_t to;
};

static const struct sl_param note_params[] = {
	SL_U32(struct note, to, .def = 0, .max = 3, .help = "which text"),
	{ }
};

static int note_work(struct sl_filter *f, struct sl_batch *in)
{
	struct note *n = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		n_noted[n->to] += (size_t)sprintf(noted[n->to] + n_noted[n->to], "%u%c%.*s ",
						  b->stream >> 1, b->stream & 1 ? '<' : '>',
						  (int)b->len, (const char *)sl_data(f, b));
		sl_done(f, b);
	}
	return 0;
}

static const struct sl_filter_type note_type = {
	.name = "note", .brief = "write down", .state = sizeof(struct note), .params = note_params,
	.in = SL_ANY, .work = note_work,
};

/* ---- */

static struct sl_run *run(const char *srl, const struct step *with, unsigned int n, unsigned int workers)
{
	struct sl_options o = { .size = sizeof(o), .workers = workers };
	struct sl_diags *ds = sl_diags_new();
	static bool registered;
	struct sl_request *q;
	struct sl_plan *p;
	struct sl_run *r;
	char *why;

	if (!registered) {
		sl_register(&script_type, SL_FILTER_ABI);
		sl_register(&note_type, SL_FILTER_ABI);
		registered = true;
	}
	steps = with;
	n_steps = n;
	memset(n_noted, 0, sizeof(n_noted));
	for (int i = 0; i < 4; i++)
		noted[i][0] = '\0';
	if (sl_parse(srl, NULL, &q, ds) || sl_plan_new(q, &o, &p, ds) || sl_run_new(p, &r, ds)) {
		printf("%s", sl_diags_format(ds, false, NULL));
		return NULL;
	}
	sl_plan_free(p);
	sl_request_free(q);
	sl_diags_free(ds);
	if (sl_run_wait(r) < 0 || sl_run_verify(r, &why) < 0) {
		sl_run_free(r);
		return NULL;
	}
	return r;
}

static uint64_t value(struct sl_run *r, const char *filter, const char *name)
{
	struct sl_ledger_row row;

	for (unsigned int i = 0; sl_run_filter(r, i, &row) == 0; i++)
		for (unsigned int k = 0; k < row.n_values && !strcmp(row.name, filter); k++)
			if (!strcmp(row.values[k].name, name))
				return row.values[k].n;
	return UINT64_MAX;
}

#define RUN(srl, table) run(srl, table, sizeof(table) / sizeof(table[0]), 1)

TEST(match_across_a_border_takes_the_whole_flow)
{
	static const struct step t[] = {
		{ 2, "", SL_B_START, 0 }, { 4, "all", SL_B_START, 0 }, { 3, "hello", SL_B_START, 0 },
		{ 2, "nee", 0, 0 }, { 3, "dle-not", 0, 0 }, { 2, "dle", 0, 0 }, { 4, "good", 0, 0 },
		{ 2, "more", 0, 0 }, { 2, "", SL_B_END | SL_B_CLOSE, 0 }, { 4, "", SL_B_CLOSE, 0 },
	};
	struct sl_run *r = RUN("(script) > (grep needle) { > (note); -nomatch-> (note to=1) }", t);

	CHECK(r);
	CHECK_STR(noted[0], "1> 1<hello 1>nee 1<dle-not 1>dle 1>more 1> ");
	CHECK_STR(noted[1], "2>all 2>good 2> ");
	CHECK_EQ(value(r, "grep", "matched"), 1);
	CHECK_EQ(value(r, "grep", "clean"), 1);
	CHECK_EQ(value(r, "grep", "streams"), 2);
	sl_run_free(r);
}

TEST(stragglers_go_where_the_flow_went)
{
	static const struct step t[] = {
		{ 2, "needle", SL_B_CLOSE, 0 }, { 4, "fine", SL_B_CLOSE, 0 }, { 3, "", 0, 1 },
		{ 5, "", SL_B_AGAIN, 1 }, { 2, "", SL_B_AGAIN, 20 }, { 6, "x", SL_B_CLOSE, 100 },
	};
	struct sl_run *r = RUN("(script) > (grep needle) { > (note); -nomatch-> (note to=1) }", t);

	CHECK(r);
	CHECK_STR(noted[0], "1>needle 1< 1> ");
	CHECK_STR(noted[1], "2>fine 2< 3>x ");
	CHECK_EQ(value(r, "grep", "streams"), 3);
	CHECK_EQ(value(r, "grep", "matched"), 1);
	CHECK_EQ(value(r, "grep", "clean"), 2);
	sl_run_free(r);
}

TEST(beyond_hold_the_match_is_late)
{
	static const struct step t[] = {
		{ 2, "0123", 0, 0 }, { 2, "4567", 0, 0 }, { 2, "89", 0, 0 }, { 2, "needle", 0, 0 },
		{ 2, "rest", 0, 0 }, { 4, "nee", 0, 0 }, { 4, "dle", 0, 0 },
	};
	struct sl_run *r = RUN("(script) > (grep needle hold=8B) { > (note); -nomatch-> (note to=1) }", t);

	CHECK(r);
	CHECK_STR(noted[1], "1>0123 1>4567 1>89 ");
	CHECK_STR(noted[0], "1>needle 1>rest 2>nee 2>dle ");
	CHECK_EQ(value(r, "grep", "late"), 1);
	CHECK_EQ(value(r, "grep", "matched"), 2);
	sl_run_free(r);

	r = RUN("(script) > (grep needle hold=0) { > (note); -nomatch-> (note to=1) }", t);
	CHECK(r);
	CHECK_STR(noted[1], "1>0123 1>4567 1>89 2>nee ");
	CHECK_STR(noted[0], "1>needle 1>rest 2>dle ");
	CHECK_EQ(value(r, "grep", "held_peak"), 0);
	sl_run_free(r);
}

TEST(nothing_is_found_across_a_gap)
{
	static const struct step t[] = {
		{ 2, "nee", 0, 0 }, { 2, "dle", SL_B_GAP, 0 }, { 4, "nee", SL_B_GAP, 0 }, { 4, "dle", 0, 0 },
	};
	struct sl_run *r = RUN("(script) > (grep needle) { > (note); -nomatch-> (note to=1) }", t);

	CHECK(r);
	CHECK_STR(noted[0], "2>nee 2>dle ");
	CHECK_STR(noted[1], "1>nee 1>dle ");
	sl_run_free(r);
}

TEST(invert_and_nocase)
{
	static const struct step t[] = { { 2, "NEEdle", 0, 0 }, { 4, "straw", 0, 0 } };
	struct sl_run *r;

	r = RUN("(script) > (grep needle nocase=on) > (note)", t);
	CHECK(r);
	CHECK_STR(noted[0], "1>NEEdle ");
	sl_run_free(r);
	r = RUN("(script) > (grep needle nocase=on invert=on) { > (note); -nomatch-> (note to=1) }", t);
	CHECK(r);
	CHECK_STR(noted[0], "2>straw ");
	CHECK_STR(noted[1], "1>NEEdle ");
	CHECK_EQ(value(r, "grep", "matched"), 1);
	sl_run_free(r);
	r = RUN("(script) > (grep needle) > (note)", t);
	CHECK(r);
	CHECK_EQ(value(r, "grep", "matched"), 0);
	sl_run_free(r);
	/* several patterns, one a line */
	r = RUN("(script) > (grep \"straw\\nNEE\") > (note)", t);
	CHECK(r);
	CHECK_STR(noted[0], "1>NEEdle 2>straw ");
	sl_run_free(r);
}

static char rules[64];

static void write_rules(const char *text)
{
	int fd;

	strcpy(rules, "/tmp/test_screen.XXXXXX");
	fd = mkstemp(rules);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

TEST(groups_are_tags)
{
	static const struct step t[] = {
		{ 2, "select me", 0, 0 }, { 4, "../x", 0, 0 }, { 6, "nothing", 0, 0 }, { 8, "plain", 0, 0 },
		{ 10, "../ select", 0, 0 },
	};
	char srl[256];
	struct sl_run *r;

	write_rules("sql: select\npath: \"../\"\nplain\n");
	snprintf(srl, sizeof(srl), "(script) > (ac \"%s\") { > (note); -sql-> (note to=1); -path-> (note to=2);"
		 " -match-> (note to=3) }", rules);
	r = RUN(srl, t);
	unlink(rules);
	CHECK(r);
	CHECK_STR(noted[0], "3>nothing ");
	CHECK_STR(noted[1], "1>select me ");
	CHECK_STR(noted[2], "2>../x 5>../ select ");
	CHECK_STR(noted[3], "1>select me 2>../x 4>plain 5>../ select ");
	CHECK_EQ(value(r, "ac", "matched"), 4);
	CHECK_EQ(value(r, "ac", "clean"), 1);
	sl_run_free(r);
}

TEST(at_the_end_flows_leave_by_their_latest_block)
{
	static const struct step t[] = {
		{ 2, "a", 0, 0 }, { 4, "b", 0, 0 }, { 6, "c", 0, 0 }, { 5, "d", 0, 0 }, { 2, "e", 0, 0 },
	};

	for (unsigned int workers = 1; workers <= 4; workers++) {
		struct sl_run *r = run("(script) > (grep needle invert=on) > (note)", t, 5, workers);

		CHECK(r);
		CHECK_STR(noted[0], "3>c 2>b 2<d 1>a 1>e ");
		sl_run_free(r);
	}
}

/* Nothing that another flow does, in the same worker or not, makes a difference. */
TEST(stragglers_after_a_minute_are_on_their_own)
{
	static const struct step t[] = {
		{ 2, "needle", SL_B_CLOSE, 0 }, { 4, "needle", SL_B_CLOSE, 0 },
		{ 6, "needle", SL_B_CLOSE, 0 }, { 8, "needle", 0, 0 },
		{ 10, "x", SL_B_CLOSE, 58 }, { 2, "59 s", 0, 1 }, { 12, "x", SL_B_CLOSE, 0 },
		{ 4, "61 s", 0, 2 }, { 14, "x", SL_B_CLOSE, 0 }, { 8, "open", 0, 0 },
		{ 3, "59 s more", 0, 57 }, { 16, "x", SL_B_CLOSE, 300 }, { 6, "late", 0, 0 },
		{ 5, "other side", 0, 1 }, { 8, "", SL_B_CLOSE, 0 },
	};

	for (unsigned int batch = 1; batch <= 256; batch *= 4) {
		for (unsigned int workers = 1; workers <= 4; workers++) {
			char srl[128];
			struct sl_run *r;

			snprintf(srl, sizeof(srl), "(script) >[batch=%u] (grep needle) "
				 "{ > (note); -nomatch-> (note to=1) }", batch);
			r = run(srl, t, sizeof(t) / sizeof(t[0]), workers);
			CHECK(r);
			CHECK_STR(noted[0], "1>needle 2>needle 3>needle 4>needle 1>59 s 4>open 1<59 s more 4> ");
			CHECK_STR(noted[1], "5>x 6>x 7>x 8>x 3>late 2>61 s 2<other side ");
			CHECK_EQ(value(r, "grep", "streams"), 10);
			CHECK_EQ(value(r, "grep", "matched"), 4);
			CHECK_EQ(value(r, "grep", "clean"), 6);
			sl_run_free(r);
		}
	}
}

TEST(silent_flows_end)
{
	static const struct step t[] = {
		{ 2, "a", 0, 0 }, { 4, "b", 0, 0 }, { 6, "needle", 0, 0 }, { 3, "c", 0, 1 },
		{ 8, "nee", 0, 60 }, { 10, "x", SL_B_CLOSE, 500 }, { 6, "more", 0, 0 }, { 8, "dle", 0, 0 },
	};

	for (unsigned int workers = 1; workers <= 4; workers++) {
		struct sl_run *r = run("(script) >[batch=1] (grep needle timeout=100s) "
				       "{ > (note); -nomatch-> (note to=1) }", t, 8, workers);

		CHECK(r);
		CHECK_STR(noted[0], "3>needle ");
		CHECK_STR(noted[1], "5>x 2>b 1>a 1<c 4>nee 3>more 4>dle ");
		CHECK_EQ(value(r, "grep", "streams"), 7);
		CHECK_EQ(value(r, "grep", "clean"), 6);
		sl_run_free(r);
	}
}

/* Never closed, and idle long before the end: their memory is used again. */
TEST(a_flood_of_flows_is_forgotten)
{
	enum { FLOWS = 20000 };
	static struct step t[FLOWS];
	struct sl_run *r;

	for (unsigned int i = 0; i < FLOWS; i++)
		t[i] = (struct step){ (i + 1) * 2, "", SL_B_START, i % 10 == 0 };
	r = RUN("(script) >[batch=16] (grep needle timeout=100s) { > (null); -nomatch-> (null) }", t);
	CHECK(r);
	CHECK_EQ(value(r, "grep", "streams"), FLOWS);
	CHECK_EQ(value(r, "grep", "clean"), FLOWS);
	CHECK(value(r, "grep", "held_peak") < 2000 * 64);	/* 64: what an empty block costs */
	sl_run_free(r);

	r = RUN("(script) > (grep needle memory=64KiB) { > (null); -nomatch-> (null) }", t);
	CHECK(r);
	CHECK_EQ(value(r, "grep", "streams"), FLOWS);
	CHECK_EQ(value(r, "grep", "clean"), FLOWS);
	CHECK(value(r, "grep", "evicted") > FLOWS - 400);
	CHECK(value(r, "grep", "held_peak") <= 32 << 10);
	sl_run_free(r);
}

/* Those with a match stay when others are forgotten. */
TEST(a_match_outlives_a_flood)
{
	enum { FLOWS = 5000 };
	static struct step t[FLOWS + 2];
	struct sl_run *r;

	t[0] = (struct step){ 0, "needle", SL_B_START, 0 };
	for (unsigned int i = 1; i <= FLOWS; i++)
		t[i] = (struct step){ i * 2, "", SL_B_START, 0 };
	t[FLOWS + 1] = (struct step){ 1, "rest", 0, 0 };
	r = RUN("(script) > (grep needle memory=64KiB) { > (note); -nomatch-> (null) }", t);
	CHECK(r);
	CHECK_STR(noted[0], "0>needle 0<rest ");
	sl_run_free(r);
}

/* As grep -v: what passed has passed, whatever comes after. */
TEST(inverted_what_passed_early_counts)
{
	static const struct step t[] = { { 2, "0123456789", 0, 0 }, { 2, "needle", 0, 0 } };
	struct sl_run *r = RUN("(script) > (grep needle invert=on hold=8B) { > (note); -nomatch-> (note to=1) }", t);

	CHECK(r);
	CHECK_STR(noted[0], "1>0123456789 ");
	CHECK_STR(noted[1], "1>needle ");
	CHECK_EQ(value(r, "grep", "matched"), 1);
	CHECK_EQ(value(r, "grep", "late"), 1);
	CHECK_EQ(value(r, "grep", "clean"), 0);
	sl_run_free(r);
}

TEST(memory_is_bounded)
{
	enum { FLOWS = 2000 };
	static struct step t[FLOWS * 2];
	static char text[400];
	struct sl_run *r;

	memset(text, 'x', sizeof(text) - 1);
	for (unsigned int i = 0; i < FLOWS; i++) {
		t[i] = (struct step){ i * 2, text, 0, 0 };
		t[FLOWS + i] = (struct step){ i * 2, "needle", SL_B_CLOSE, 0 };
	}
	r = RUN("(script) > (grep needle memory=400KiB) { > (note); -nomatch-> (null) }", t);
	CHECK(r);
	CHECK(value(r, "grep", "held_peak") <= 400u << 10);
	CHECK(value(r, "grep", "evicted") > FLOWS / 2);
	CHECK_EQ(value(r, "grep", "late"), value(r, "grep", "evicted"));
	CHECK_EQ(value(r, "grep", "matched"), FLOWS);
	sl_run_free(r);
}

/* Random flows over two letters, cut at random, judged by memmem(). */
TEST(random_flows_are_judged_as_memmem_does)
{
	enum { FLOWS = 300, BLOCKS = 6000 };
	static struct step t[BLOCKS];
	static char bytes[BLOCKS][8], whole[FLOWS * 2][BLOCKS], first[2][1 << 18];
	uint32_t seed = 7;

	for (int round = 0; round < 20; round++) {
		unsigned int expect = 0;

		memset(whole, 0, sizeof(whole));
		for (unsigned int i = 0; i < BLOCKS; i++) {
			uint32_t s, n;

			seed = seed * 1664525 + 1013904223;
			s = (seed >> 8) % (FLOWS * 2);
			n = (seed >> 24) % 7;
			for (uint32_t k = 0; k < n; k++)
				bytes[i][k] = (seed = seed * 1664525 + 1013904223) >> 28 < 5 ? 'a' : 'b';
			bytes[i][n] = '\0';
			strcat(whole[s], bytes[i]);
			t[i] = (struct step){ s, bytes[i], 0, 0 };
		}
		for (unsigned int i = 0; i < FLOWS; i++)
			expect += strstr(whole[i * 2], "aabab") || strstr(whole[i * 2 + 1], "aabab") ||
				  strstr(whole[i * 2], "aaaaa") || strstr(whole[i * 2 + 1], "aaaaa");
		for (unsigned int workers = 1; workers <= 3; workers++) {
			struct sl_run *r = run("(script) > (grep \"aabab\\naaaaa\") { > (note); -nomatch-> (note to=1) }",
					       t, BLOCKS, workers);
			unsigned int wrong = 0;

			CHECK(r);
			CHECK_EQ(value(r, "grep", "matched"), expect);
			sl_run_free(r);
			if (workers == 1) {
				strcpy(first[0], noted[0]);
				strcpy(first[1], noted[1]);
				continue;
			}
			wrong += strcmp(noted[0], first[0]) != 0;
			wrong += strcmp(noted[1], first[1]) != 0;
			CHECK_EQ(wrong, 0);
		}
	}
}

TEST_MAIN()
