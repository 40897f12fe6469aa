/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_graph -- what a request means: names, streams, tags, macros, sources
 *
 * A graph is compared as one line of text: its streams as FROM TAG TO, sorted as
 * they stand.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "core/registry.h"
#include "graph/graph.h"
#include "streamline/streamline.h"

#include "test.h"

static struct sl_graph *build_with(const char *text, const struct sl_build_opts *o)
{
	struct sl_source *src = sl_source_new("<arg>", text, strlen(text));
	struct sl_diags *ds = sl_diags_new();
	struct sl_graph *g = NULL;
	struct sl_tree *t;

	if (sl_tree_parse(src, &t, ds) == 0) {
		sl_graph_build(t, o, &g, ds);
		sl_tree_free(t);
	}
	sl_source_put(src);
	if (!g) {
		char *why = sl_diags_format(ds, false, NULL);

		printf("# %s\n# %s\n", text, why);
		free(why);
	}
	sl_diags_free(ds);
	return g;
}

static struct sl_graph *build(const char *text)
{
	static const struct sl_build_opts o = { .no_env = true };

	return build_with(text, &o);
}

/* "a 80 b; b > c" */
static const char *streams_of(const struct sl_graph *g)
{
	static char buf[4096];
	size_t n = 0;
	unsigned int i;

	buf[0] = '\0';
	for (i = 0; i < g->n_streams; i++) {
		const struct sl_stream *s = g->streams[i];

		n += (size_t)snprintf(buf + n, sizeof(buf) - n, "%s%s %s %s", i ? "; " : "", s->from->name,
				      *s->tags.text ? s->tags.text : ">", s->to->name);
	}
	return buf;
}

static struct sl_node *node(const struct sl_graph *g, const char *name)
{
	unsigned int i;

	for (i = 0; i < g->n_nodes; i++)
		if (!strcmp(g->nodes[i]->name, name))
			return g->nodes[i];
	return NULL;
}

static struct sl_stream *stream(const struct sl_graph *g, const char *name)
{
	unsigned int i;

	for (i = 0; i < g->n_streams; i++)
		if (!strcmp(g->streams[i]->name, name))
			return g->streams[i];
	return NULL;
}

static void means(const char *text, const char *streams)
{
	struct sl_graph *g = build(text);

	CHECK(g);
	CHECK_STR(streams_of(g), streams);
	sl_graph_free(g);
}

#define SRC "(pcapin a.pcap) "

TEST(chains_fans_groups)
{
	means(SRC "> (tcp) -80-> (count) > (null)", "pcapin > tcp; tcp 80 count; count > null");
	means("(pcapin,expression=\"a\") > (tcp)-80->(count)>(null)", "pcapin > tcp; tcp 80 count; count > null");
	means(SRC "> (tcp) { -80-> (a: count); -443-> (b: count); -else-> (null) } > (pcapout x)",
	      "pcapin > tcp; tcp 80 a; tcp 443 b; tcp else null; a > pcapout; b > pcapout");
	means("{ (pcapin a); (pcapin b) } > { (count); (print) } > (null)",
	      "pcapin > count; pcapin > print; pcapin-2 > count; pcapin-2 > print; count > null; print > null");
	means(SRC "> (web: tcp) -80-> (count)\nweb -443..445,!444-> (null)",
	      "pcapin > web; web 80 count; web 443..445,!444 null");
	means("web -443-> (null)\n" SRC "> (web: tcp)", "web 443 null; pcapin > web");
	means("pcapin a | tcp |80 count", "pcapin > tcp; tcp 80 count");
}

TEST(names_in_text_order)
{
	struct sl_graph *g = build(SRC "> (count) > (count) > (count: print) > (count) > (null)");

	CHECK(g);
	CHECK_STR(streams_of(g), "pcapin > count-2; count-2 > count-3; count-3 > count; count > count-4; "
				 "count-4 > null");
	CHECK(node(g, "count")->named && !node(g, "count-2")->named);
	sl_graph_free(g);
	g = build(SRC "> (tcp) { -80->[name=web] (count); -80-> (print); -22-> (null) }");
	CHECK(g);
	CHECK(stream(g, "web") && stream(g, "tcp.80") && stream(g, "tcp.22") && stream(g, "pcapin"));
	sl_graph_free(g);
}

TEST(tags)
{
	struct sl_graph *g = build("let p = [80, 443]\nlet q = \"8000\"\nlet r = 1..3\n" SRC
				   "> (tcp) { -$p,!ssh-> (a: count); -http,$r-> (b: count)\n -*-> (c: count)\n"
				   "-else-> (d: count)\n > (e: count)\n -!80-> (f: count) }");
	struct sl_stream *a, *b, *c, *d, *e, *f;

	CHECK(g);
	a = node(g, "a")->in[0];
	b = node(g, "b")->in[0];
	c = node(g, "c")->in[0];
	d = node(g, "d")->in[0];
	e = node(g, "e")->in[0];
	f = node(g, "f")->in[0];
	CHECK_STR(a->tags.text, "80,443,!ssh");
	CHECK_STR(b->tags.text, "http,1..3");
	CHECK(sl_stream_takes(a, 0, 80) && sl_stream_takes(a, 0, 443));
	CHECK(!sl_stream_takes(a, 0, 22) && !sl_stream_takes(a, 0, 81));
	CHECK(sl_stream_takes(b, 0, 80) && sl_stream_takes(b, 0, 2) && !sl_stream_takes(b, 0, 4));
	CHECK(sl_stream_takes(c, 0, 9999) && sl_stream_takes(e, 0, 9999));
	CHECK(!sl_stream_takes(d, 0, 9999));	/* * and > took it */
	CHECK(sl_stream_takes(f, 0, 81) && !sl_stream_takes(f, 0, 80));
	sl_graph_free(g);

	g = build(SRC "> (tcp) { -80,443-> (a: count); -!22-> (b: count); -else-> (d: count) }");
	CHECK(g);
	d = node(g, "d")->in[0];
	CHECK(!sl_stream_takes(d, 0, 80) && !sl_stream_takes(d, 0, 23) && sl_stream_takes(d, 0, 22));
	sl_graph_free(g);
}

TEST(ports_and_groups)
{
	static const char *const files[] = { "demo/demo.pcap", NULL };
	struct sl_build_opts o = { .read_files = files, .need_source = true };
	struct sl_graph *g;
	struct sl_stream *match, *sqli, *rest, *gap;
	uint32_t group;

	if (access("demo/demo.pcap", R_OK) || access("share/streamline/ac/demo.ac", R_OK))
		SKIP("not started in the source tree");
	g = build_with("(tcp) > (untcp) { -gap-> (jsonout); > (ac share/streamline/ac/demo.ac) {\n"
		       "-match-> (m: count); -sqli-> (s: count); -else-> (e: count); > (p: count); -http-> (h: count) } }",
		       &o);
	CHECK(g);
	CHECK_STR(node(g, "pcapin")->bound[0].text, "demo/demo.pcap");
	CHECK(node(g, "pcapin")->supplied);
	CHECK_STR(g->using[0], "source demo/demo.pcap (from -r)");
	gap = node(g, "jsonout")->in[0];
	CHECK_EQ(gap->type, SL_RECORD);
	CHECK_EQ(gap->tags.terms[0].port, 1);
	match = node(g, "m")->in[0];
	sqli = node(g, "s")->in[0];
	rest = node(g, "e")->in[0];
	CHECK_EQ(match->type, SL_BYTES);
	group = sqli->tags.terms[0].lo;
	CHECK(sl_stream_takes(match, 1, group) && sl_stream_takes(match, 1, group + 1));
	CHECK(sl_stream_takes(sqli, 1, group) && !sl_stream_takes(sqli, 1, group + 1));
	CHECK(!sl_stream_takes(sqli, 0, group) && !sl_stream_takes(match, 0, group));
	CHECK(!sl_stream_takes(rest, 1, group) && !sl_stream_takes(rest, 0, 1));
	CHECK(sl_stream_takes(node(g, "h")->in[0], 0, 80) && !sl_stream_takes(node(g, "h")->in[0], 1, 80));
	CHECK(node(g, "p")->classer == node(g, "tcp"));
	CHECK(node(g, "m")->classer == node(g, "ac"));
	sl_graph_free(g);
}

TEST(parameters)
{
	struct sl_graph *g = build("let n = 10k\nlet base = hits\n" SRC
				   "> (head $n) > (untcp hold=2MiB gap_after=1min) > (fileout \"${base}-\\${x}\")");
	const struct sl_node *n;

	CHECK(g);
	n = node(g, "head");
	CHECK_EQ(n->bound[0].origin, SL_BY_REQUEST);
	CHECK_STR(n->bound[0].text, "10k");
	CHECK_EQ(*(uint64_t *)((char *)n->state + n->bound[0].param->off), 10000);
	n = node(g, "untcp");
	CHECK_EQ(*(uint64_t *)((char *)n->state + n->bound[0].param->off), 2 << 20);
	CHECK_EQ(*(int64_t *)((char *)n->state + n->bound[1].param->off), 60000000000ll);
	CHECK_EQ(n->bound[2].origin, SL_BY_DEFAULT);
	n = node(g, "fileout");
	CHECK_STR(*(const char **)((char *)n->state + n->bound[0].param->off), "hits-${x}");
	sl_graph_free(g);
}

TEST(options_and_spaces)
{
	struct sl_graph *g = build("set workers=3 buffer=16MiB overflow=drop-oldest batch=32\n" SRC
				   ">[buffer=4MiB batch=64 drop=oldest copy=never] (count)@user[cpu=[1,2] workers=2]\n"
				   "{ (pcapin b) > (print)@xdp? > (head) }@user > (null)");
	struct sl_stream *s;

	CHECK(g);
	CHECK_EQ(g->workers, 3);
	CHECK_EQ(g->buffer_bytes, 16 << 20);
	CHECK_EQ(g->batch, 32);
	CHECK_STR(g->overflow, "drop-oldest");
	s = stream(g, "pcapin");
	CHECK_EQ(s->buffer_bytes, 4 << 20);
	CHECK_EQ(s->batch, 64);
	CHECK_STR(s->drop, "oldest");
	CHECK_STR(s->copy, "never");
	CHECK_STR(s->opts, "[buffer=4MiB batch=64 drop=oldest copy=never]");
	CHECK_STR(node(g, "count")->want_space, "user");
	CHECK_EQ(node(g, "count")->place_workers, 2);
	CHECK_STR(node(g, "print")->want_space, "xdp");
	CHECK(node(g, "print")->wish);
	CHECK_STR(node(g, "head")->want_space, "user");
	CHECK(!node(g, "null")->want_space);
	sl_graph_free(g);
}

TEST(macros)
{
	static const char web[] =
		"def web(port=80, n) {\n in -$port-> (untcp) > (head $n) > out\n in -else-> out.rest\n}\n";
	char text[1024];

	snprintf(text, sizeof(text), "%s" SRC "> (tcp) > (w: web port=8080 n=5) > (fileout d)\nw -rest-> (count)", web);
	means(text, "pcapin > tcp; tcp 8080 w/untcp; tcp else count; w/untcp > w/head; w/head > fileout");
	/* without a name, twice; the second arrow in selects, so a junction stays */
	snprintf(text, sizeof(text), "%s" SRC "> (tcp) { > (web n=1) > (null)\n -443-> (web n=2) > (null) }", web);
	means(text, "pcapin > tcp; tcp > web/in; web/in 80 web/untcp; web/untcp > web/head; web/head > null; "
		    "tcp 443 web-2/in; web-2/in 80 web-2/untcp; "
		    "web-2/untcp > web-2/head; web-2/head > null-2");
	/* macros in macros */
	means("def a() { in > (count) > out }\ndef b() { in > (a) > (a) > out }\n" SRC "> (b) > (null)",
	      "pcapin > b/a/count; b/a/count > b/a-2/count; b/a-2/count > null");
	/* a macro that begins a pipeline, and one that ends it */
	means("def s(f) { (pcapin $f) > out }\ndef e() { in > (null) }\n(s x.pcap) > (count) > (e)",
	      "s/pcapin > count; count > e/null");
	/* what nobody takes */
	means("def f() { in -80-> out.web\n in -443-> out }\n" SRC "> (tcp) > (f) > (null)",
	      "pcapin > tcp; tcp 443 null");
	/* a def that nobody uses, with a parameter that nobody gave */
	means("def f(p) { in -$p-> (ac rules=$p) -hit-> out}\n" SRC "> (null)", "pcapin > null");
	/* both inputs of a macro */
	means("def two() { in.left > (a: count) > out\n in.right > (b: count) > out }\n(pcapin a) > t.left\n"
	      "(pcapin b) > t.right\n(t: two) > (null)",
	      "pcapin > t/a; pcapin-2 > t/b; t/a > null; t/b > null");
}

TEST(sources)
{
	static const char *const files[] = { "a.pcap", "b.pcap", NULL };
	struct sl_build_opts o = { .no_env = true, .read_files = files, .need_source = true };
	struct sl_graph *g = build_with("(tcp) > (count)\n(udp) > (null)", &o);

	CHECK(g);
	CHECK_STR(streams_of(g), "pcapin > tcp; pcapin > udp; pcapin-2 > tcp; pcapin-2 > udp; "
				 "tcp > count; udp > null");
	CHECK_STR(g->nodes[0]->name, "pcapin");
	CHECK_EQ(g->n_using, 2);
	sl_graph_free(g);
	g = build_with("def f() { in > (count) }\n(f)", &o);
	CHECK(g);
	CHECK_STR(streams_of(g), "pcapin > f/count; pcapin-2 > f/count");
	sl_graph_free(g);
	/* exec can be a source */
	g = build_with("(exec \"cat x\") > (null)", &o);
	CHECK(g);
	CHECK_EQ(g->n_nodes, 2);
	sl_graph_free(g);
}

TEST(files_of_a_request)
{
	char dir[] = "/tmp/sl-graph-XXXXXX", path[128], text[512];
	const char *const folders[] = { dir, NULL };
	const char *const defines[] = { "n=7", NULL };
	struct sl_build_opts o = { .no_env = true, .use_path = folders, .defines = defines };
	struct sl_graph *g;
	FILE *f;

	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/lib.srl", dir);
	f = fopen(path, "w");
	CHECK(f);
	fputs("let hidden = 3\ndef few(n=$hidden) { in > (head $n) > out }\n(this is not taken)\n", f);
	fclose(f);
	snprintf(text, sizeof(text), "use lib\nuse \"%s\"\nlet n = 5\n" SRC "> (few) > (few n=$n) > (null)", path);
	g = build_with(text, &o);
	unlink(path);
	rmdir(dir);
	CHECK(g);
	CHECK_STR(streams_of(g), "pcapin > few/head; few/head > few-2/head; few-2/head > null");
	CHECK_STR(node(g, "few/head")->bound[0].text, "3");
	CHECK_STR(node(g, "few-2/head")->bound[0].text, "7");
	sl_graph_free(g);
}

/* ---- errors that come from several places --------------------------- */

TEST(an_error_in_a_macro_shows_both_places)
{
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q;
	struct sl_options o = { .size = sizeof(o), .no_env = true };
	const struct sl_diag *d;

	CHECK_EQ(sl_parse("def f(n) {\n  in > (sample $n) > out\n}\n" SRC "> (f 0) > (f n=0) > (null)", NULL, &q, ds), 0);
	CHECK(sl_check(q, &o, ds) < 0);
	CHECK_EQ(sl_diags_count(ds), 2);
	d = sl_diags_get(ds, 0);
	CHECK_STR(d->code, "E123");
	CHECK_EQ(d->labels[0].place.line, 4);
	CHECK(d->n_labels >= 2);
	sl_request_free(q);
	sl_diags_free(ds);
}

TEST(one_mistake_one_message)
{
	static const char *const texts[] = {
		SRC "> (tpc) -80-> (untcp) > (fileout d)",
		SRC "> (web: tcp) > (null)\nwbe -80-> (untcp) > (ac rules=x) -match-> (fileout d)",
		SRC "> (web: tpc) > (null)\nweb -80-> (untcp) > (fileout d)",
		SRC "> (tcp) -htpp-> (count) -80-> (untcp) > (fileout d)",
		"(pcapni a.pcap) > (tcp) > (count)",
		SRC "> (f: count) > (pcapout x) > (fileout y)",
		"let x = 1\n" SRC "> (tcp) -$y-> (head $y) > (count)",
	};
	unsigned int i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sl_options o = { .size = sizeof(o), .no_env = true };
		struct sl_diags *ds = sl_diags_new();
		struct sl_request *q;

		CHECK_EQ(sl_parse(texts[i], NULL, &q, ds), 0);
		CHECK(sl_check(q, &o, ds) < 0);
		if (sl_diags_count(ds) != (i == 6 ? 2 : 1))
			test_fail(__FILE__, __LINE__, "%s: %u errors", texts[i], sl_diags_count(ds));
		sl_request_free(q);
		sl_diags_free(ds);
	}
}

/* ---- print and build again ------------------------------------------ */

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		char x = *a == '/' || *a == '-' || *a == '.' ? '_' : *a;
		char y = *b == '/' || *b == '-' || *b == '.' ? '_' : *b;

		if (x != y)
			return false;
	}
	return *a == *b;
}

static const struct sl_node *twin(const struct sl_graph *g, const char *name)
{
	unsigned int i;

	for (i = 0; i < g->n_nodes; i++)
		if (same_name(g->nodes[i]->name, name))
			return g->nodes[i];
	return NULL;
}

static void same_graph(const char *text, const char *printed, const struct sl_graph *a, const struct sl_graph *b)
{
	unsigned int i, k, n;

	if (a->n_nodes != b->n_nodes || a->n_streams != b->n_streams || a->workers != b->workers)
		test_fail(__FILE__, __LINE__, "%s\nbecame\n%s", text, printed);
	for (i = 0; i < a->n_nodes; i++) {
		const struct sl_node *x = a->nodes[i], *y = twin(b, x->name);

		if (!y || x->type != y->type || x->in_type != y->in_type || x->n_out != y->n_out)
			test_fail(__FILE__, __LINE__, "%s: node %s is lost in\n%s", text, x->name, printed);
		for (k = 0; k < x->n_bound; k++) {
			const char *s = x->bound[k].text, *t = y->bound[k].text;

			if (s ? !t || strcmp(s, t) : t != NULL)
				test_fail(__FILE__, __LINE__, "%s: %s=%s became %s in\n%s", text,
					  x->bound[k].param->name, s ? s : "", t ? t : "", printed);
		}
		if (x->want_space ? !y->want_space || strcmp(x->want_space, y->want_space) : !!y->want_space)
			test_fail(__FILE__, __LINE__, "%s: space of %s in\n%s", text, x->name, printed);
	}
	for (i = 0; i < a->n_streams; i++) {
		const struct sl_stream *s = a->streams[i];

		for (k = 0, n = 0; k < b->n_streams; k++) {
			const struct sl_stream *t = b->streams[k];

			n += same_name(s->from->name, t->from->name) && same_name(s->to->name, t->to->name) &&
			     !strcmp(s->tags.text, t->tags.text) && s->type == t->type &&
			     s->buffer_bytes == t->buffer_bytes;
		}
		if (!n)
			test_fail(__FILE__, __LINE__, "%s: stream %s is lost in\n%s", text, s->name, printed);
	}
}

static void prints_back(const char *text)
{
	bool all;

	for (int k = 0; k < 2; k++) {
		struct sl_graph *a = build(text), *b;
		char *printed, *again;

		all = k;
		CHECK(a);
		printed = sl_graph_print(a, all);
		CHECK(printed);
		b = build(printed);
		if (!b)
			test_fail(__FILE__, __LINE__, "%s\nis not accepted as\n%s", text, printed);
		same_graph(text, printed, a, b);
		again = sl_graph_print(b, all);
		CHECK_STR(again, printed);
		free(printed);
		free(again);
		sl_graph_free(a);
		sl_graph_free(b);
	}
}

static uint32_t seed = 1;

static unsigned int any(unsigned int n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* A random graph over one classifier and many junctions, as text of statements. */
static void random_request(char *out, size_t size)
{
	static const char *const tags[] = { "> ", "-80-> ", "-http,22-> ", "-else-> ", "-!443-> ",
					    "-8000..8010->[buffer=1MiB] ", "-*-> " };
	static const char *const types[] = { "count", "print style=hex file=x", "head 5", "sample", "tcp" };
	unsigned int n = 2 + any(6), i, k;
	size_t len;

	len = (size_t)snprintf(out, size, "(pcapin 'a b.pcap') > (n0: tcp class=sport)\n");
	for (i = 1; i < n; i++) {
		bool named = any(3) > 0;
		unsigned int from = any(i);

		/* only named ones can be gone back to: name them n1, n2, ... */
		len += (size_t)snprintf(out + len, size - len, "n%u %s(n%u: %s) ", from, tags[any(7)], i,
					types[any(5)]);
		for (k = any(3); k; k--)
			len += (size_t)snprintf(out + len, size - len, "> (%s)%s ", types[any(4)],
						any(5) ? "" : "@xdp?");
		if (!named)
			len += (size_t)snprintf(out + len, size - len, "{ > (null); -22-> (count) } > (pcapout x) ");
		len += (size_t)snprintf(out + len, size - len, "\n");
		for (k = any(2); k && i > 1; k--)
			len += (size_t)snprintf(out + len, size - len, "n%u %sn%u\n", any(i), tags[any(7)], i);
	}
}

TEST(print_and_build_again)
{
	char text[4096];
	unsigned int i;

	prints_back(SRC "> (tcp) -80-> (untcp) > (ac rules=\"x y.ac\" hold=2MiB) { > (fileout d); -match-> (jsonout) }");
	prints_back("{ (pcapin a); (pcapin b) } > (tcp) { -80-> (count); -else-> (count) } > (pcapout x)");
	prints_back("def web(p) { in -$p-> (untcp) > out\n in -else-> out.rest }\n" SRC
		    "> (tcp) { -1..99-> (w: web 80) > (null)\n -443-> (web 443) > (null) }\nw -rest-> (count)");
	prints_back("set workers=2 batch=64 overflow=block\n" SRC "> (exec 'a \"b\" $c') > (take)");
	for (i = 0; i < 300; i++) {
		random_request(text, sizeof(text));
		prints_back(text);
	}
}

TEST(fifty_nodes_in_two_milliseconds)
{
	struct sl_options o = { .size = sizeof(o), .no_env = true };
	char text[8192];
	size_t len = 0;
	double best = 1e9;
	unsigned int i;

	len += (size_t)snprintf(text, sizeof(text), "set workers=2\nlet n = 10k\n(pcapin a.pcap) > (t: tcp) {\n");
	for (i = 0; i < 12; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"  -%u,%u..%u-> (untcp hold=1MiB) > (head $n) > (count) > (fileout \"d-%u\")\n",
					80 + i, 1000 + 10 * i, 1005 + 10 * i, i);
	snprintf(text + len, sizeof(text) - len, "}\n");
	for (i = 0; i < 20; i++) {
		struct sl_diags *ds = sl_diags_new();
		struct timespec a, b;
		struct sl_request *q;
		double ms;

		clock_gettime(CLOCK_MONOTONIC, &a);
		CHECK_EQ(sl_parse(text, NULL, &q, ds), 0);
		CHECK_EQ(sl_check(q, &o, ds), 0);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
		best = ms < best ? ms : best;
		sl_request_free(q);
		sl_diags_free(ds);
	}
	printf("# 50 nodes: %.3f ms\n", best);
	CHECK(best < (getenv("SL_SUITE") && strcmp(getenv("SL_SUITE"), "unit") ? 40 : 2));
}

/* ---- registry ------------------------------------------------------- */

static int no_work(struct sl_filter *f, struct sl_batch *in)
{
	(void)f;
	(void)in;
	return 0;
}

TEST(register_a_filter)
{
	static const struct sl_filter_type mine = {
		.name = "mine", .brief = "a filter of the program", .in = SL_ANY, .out = SL_SAME, .work = no_work,
	};
	static const struct sl_filter_type bad = { .name = "Bad", .brief = "x", .work = no_work };
	static const struct sl_filter_type idle = { .name = "idle", .brief = "x" };
	const struct sl_filter_type *const *t;

	CHECK(!sl_type_find("mine"));
	CHECK_EQ(sl_register(&mine, SL_FILTER_ABI + 1), -ENOTSUP);
	CHECK_EQ(sl_register(&bad, SL_FILTER_ABI), -EINVAL);
	CHECK_EQ(sl_register(&idle, SL_FILTER_ABI), -EINVAL);
	CHECK_EQ(sl_register(&mine, SL_FILTER_ABI), 0);
	CHECK_EQ(sl_register(&mine, SL_FILTER_ABI), -EEXIST);
	CHECK(sl_type_find("mine") == &mine);
	for (t = sl_types(); t[0] && t[1]; t++)
		CHECK(strcmp(t[0]->name, t[1]->name) < 0);
	means(SRC "> (mine) > (null)", "pcapin > mine; mine > null");
}

TEST(examples_of_all_filters)
{
	const struct sl_filter_type *const *t;
	unsigned int i;

	for (t = sl_types(); *t; t++)
		for (i = 0; (*t)->examples && (*t)->examples[i]; i++) {
			struct sl_graph *g = build((*t)->examples[i]);

			if (!g)
				test_fail(__FILE__, __LINE__, "example of %s: %s", (*t)->name, (*t)->examples[i]);
			sl_graph_free(g);
		}
}

TEST(parameters_of_a_file)
{
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q;
	char *json;

	CHECK_EQ(sl_parse("let n = 5 # how many\nlet f = \"a b\"\n(pcapin $f) > (head $n) > (null)", NULL, &q, ds), 0);
	json = sl_request_params_json(q);
	CHECK_STR(json, "[{\"name\":\"n\",\"default\":\"5\",\"help\":\"how many\"},"
			"{\"name\":\"f\",\"default\":\"a b\",\"help\":null}]");
	free(json);
	sl_request_free(q);
	sl_diags_free(ds);
}

TEST_MAIN()
