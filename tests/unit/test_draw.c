/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Drawings of graphs that are built here by hand: no parser, no filters. */
#include <time.h>

#include "test.h"

#include "plan/plan.h"

static const struct sl_filter_type type = { .name = "f" };

struct made {
	struct sl_plan p;
	struct sl_graph g;
	struct sl_node node[16], *nodes[16];
	struct sl_stream stream[16], *streams[16];
	struct sl_stream *in[16][16], *out[16][16];
};

/* Names apart by blanks, in topological order, then "from to tag" as words. */
static struct made *make(const char *names, const char *edges)
{
	struct made *m = calloc(1, sizeof(*m));
	unsigned int from, to;
	char name[32], tag[32];
	int n;

	m->p.graph = &m->g;
	m->p.workers = m->p.threads = 1;
	m->g.nodes = m->g.sorted = m->nodes;
	m->g.streams = m->streams;
	for (; sscanf(names, " %31s%n", name, &n) == 1; names += n) {
		struct sl_node *k = &m->node[m->g.n_nodes];

		k->id = k->order = m->g.n_nodes;
		k->name = strdup(name);
		k->type = &type;
		k->space = "user";
		k->in = m->in[k->id];
		k->out = m->out[k->id];
		m->nodes[m->g.n_nodes++] = k;
	}
	for (; sscanf(edges, " %u %u %31s%n", &from, &to, tag, &n) == 3; edges += n) {
		struct sl_stream *s = &m->stream[m->g.n_streams];

		s->id = m->g.n_streams;
		s->from = &m->node[from];
		s->to = &m->node[to];
		s->carrier = "call";
		s->tags.text = strcmp(tag, ">") ? strdup(tag) : "";
		s->from->out[s->from->n_out++] = s;
		s->to->in[s->to->n_in++] = s;
		m->streams[m->g.n_streams++] = s;
	}
	return m;
}

static void made_free(struct made *m)
{
	for (unsigned int i = 0; i < m->g.n_nodes; i++)
		free((void *)m->node[i].name);
	for (unsigned int i = 0; i < m->g.n_streams; i++)
		if (*m->stream[i].tags.text)
			free((void *)m->stream[i].tags.text);
	free(m);
}

#define CHECK_DRAWN(m, kind, want)				\
	do {							\
		char *got_ = sl_plan_draw(&(m)->p, kind);	\
								\
		CHECK_STR(got_, want);				\
		free(got_);					\
		made_free(m);					\
	} while (0)

TEST(one_row)
{
	struct made *m = make("pcapin tcp untcp ac pcapout", "0 1 > 1 2 80 2 3 > 3 4 >");

	CHECK_DRAWN(m, SL_DRAW_ASCII,
		    "  pcapin ──> tcp ──80──> untcp ──> ac ──> pcapout\n"
		    "  └────────────── user, 1 thread ───────────────┘     0 borders, 0 copies\n");
}

TEST(one_row_in_workers)
{
	struct made *m = make("pcapin tcp untcp ac pcapout", "0 1 > 1 2 80 2 3 > 3 4 >");

	m->p.workers = 4;
	m->node[2].shard = m->node[3].shard = 1;
	m->node[4].shard = 2;
	m->stream[1].carrier = m->stream[3].carrier = "ring";
	CHECK_DRAWN(m, SL_DRAW_ASCII,
		    "  pcapin ──> tcp ──80──> untcp ──> ac ──> pcapout\n"
		    "\n"
		    "  user, main thread: pcapin, tcp, pcapout\n"
		    "  user, 4 workers: untcp, ac\n"
		    "  2 borders, 0 copies\n");
}

TEST(fan_out)
{
	struct made *m = make("pcapin tcp untcp count null", "0 1 > 1 2 80 1 3 443 1 4 else");

	CHECK_DRAWN(m, SL_DRAW_ASCII,
		    "  pcapin ──> tcp ─┬─80────> untcp\n"
		    "                  ├─443───> count\n"
		    "                  └─else──> null\n"
		    "\n"
		    "  user, 1 thread: all 5 filters     0 borders, 0 copies\n");
}

TEST(fan_in)
{
	struct made *m = make("a b-longer c", "0 2 > 1 2 >");

	CHECK_DRAWN(m, SL_DRAW_ASCII,
		    "  a ─────────┬─> c\n"
		    "  b-longer ──┘\n"
		    "\n"
		    "  user, 1 thread: all 3 filters     0 borders, 0 copies\n");
}

TEST(fan_out_and_in)
{
	struct made *m = make("pcapin tcp untcp sni count jsonout",
			      "0 1 > 1 2 80 1 3 443 1 4 else 2 5 > 3 5 >");

	CHECK_DRAWN(m, SL_DRAW_ASCII,
		    "  pcapin ──> tcp ─┬─80────> untcp ──┬─> jsonout\n"
		    "                  ├─443───> sni ────┘\n"
		    "                  └─else──> count\n"
		    "\n"
		    "  user, 1 thread: all 6 filters     0 borders, 0 copies\n");
}

TEST(two_joins_side_by_side)
{
	struct made *m = make("a b c d", "0 2 > 0 3 x 1 2 > 1 3 y");

	CHECK_DRAWN(m, SL_DRAW_ASCII,
		    "  a ─┬────┬───> c\n"
		    "     └─x──┼─┬─> d\n"
		    "  b ─┬────┘ │\n"
		    "     └─y────┘\n"
		    "\n"
		    "  user, 1 thread: all 4 filters     0 borders, 0 copies\n");
}

TEST(a_short_way_round)
{
	struct made *m = make("a b c", "0 1 hit 1 2 > 0 2 else");

	CHECK_DRAWN(m, SL_DRAW_ASCII,
		    "  a ─┬─hit───> b ──┬─> c\n"
		    "     └─else────────┘\n"
		    "\n"
		    "  user, 1 thread: all 3 filters     0 borders, 0 copies\n");
}

/* A fan: f0 to all others, which do not fit a screen. */
TEST(large_ones_are_listed)
{
	enum { N = 4000 };
	struct sl_node *node = calloc(N, sizeof(*node)), **nodes = calloc(N, sizeof(*nodes));
	struct sl_stream *stream = calloc(N, sizeof(*stream)), **streams = calloc(N, sizeof(*streams));
	char (*name)[16] = calloc(N, sizeof(*name)), *text;
	struct sl_graph g = { .nodes = nodes, .sorted = nodes, .n_nodes = N, .streams = streams, .n_streams = N - 1 };
	struct sl_plan p = { .graph = &g, .workers = 1, .threads = 1 };
	clock_t start = clock();

	for (unsigned int i = 0; i < N; i++) {
		snprintf(name[i], sizeof(name[i]), "f%u", i);
		nodes[i] = &node[i];
		node[i] = (struct sl_node){ .id = i, .order = i, .name = name[i], .type = &type, .space = "user" };
	}
	node[0].out = streams;
	node[0].n_out = N - 1;
	for (unsigned int i = 1; i < N; i++) {
		streams[i - 1] = &stream[i - 1];
		stream[i - 1] = (struct sl_stream){ .id = i - 1, .from = &node[0], .to = &node[i],
						    .carrier = "call", .tags.text = i == 1 ? "80" : "" };
		node[i].in = &streams[i - 1];
		node[i].n_in = 1;
	}
	text = sl_plan_draw(&p, SL_DRAW_ASCII);
	CHECK(text);
	CHECK(!strncmp(text, "  f0 -80-> f1\n  f0 > f2\n", 24));
	CHECK(strstr(text, "  f0 > f3999\n\n  user, 1 thread: all 4000 filters     0 borders, 0 copies\n"));
	CHECK(clock() - start < CLOCKS_PER_SEC);
	free(text);

	/* a chain: one row, but too wide */
	for (unsigned int i = 0; i < N; i++) {
		node[i].n_out = i < N - 1;
		node[i].out = &streams[i];
		if (i < N - 1)
			stream[i].from = &node[i];
	}
	start = clock();
	text = sl_plan_draw(&p, SL_DRAW_ASCII);
	CHECK(text);
	CHECK(!strncmp(text, "  f0 -80-> f1\n  f1 > f2\n", 24));
	CHECK(clock() - start < CLOCKS_PER_SEC);
	free(text);
	free(node);
	free(nodes);
	free(stream);
	free(streams);
	free(name);
}

TEST(graphviz)
{
	struct made *m = make("a b", "0 1 \"x\"");

	CHECK_DRAWN(m, SL_DRAW_DOT,
		    "digraph streamline {\n"
		    "\trankdir=LR;\n"
		    "\tnode [shape=box];\n"
		    "\tsubgraph cluster_0 {\n"
		    "\t\tlabel=\"user, 1 thread\";\n"
		    "\t\tn0 [label=\"a\"];\n"
		    "\t\tn1 [label=\"b\"];\n"
		    "\t}\n"
		    "\tn0 -> n1 [label=\"\\\"x\\\"\"];\n"
		    "}\n");
}

TEST(mermaid)
{
	struct made *m = make("a b", "0 1 80");

	CHECK_DRAWN(m, SL_DRAW_MERMAID,
		    "flowchart LR\n"
		    "  subgraph s0[\"user, 1 thread\"]\n"
		    "    n0[\"a\"]\n"
		    "    n1[\"b\"]\n"
		    "  end\n"
		    "  n0 -->|\"80\"| n1\n");
}

TEST_MAIN()
