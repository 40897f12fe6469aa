/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lang.h"

#define PARSES(text, canonical) CHECK_STR(lang_print(text), canonical)
#define FAILS(text, error) CHECK_STR(lang_error(text), error)

TEST(the_seeds_line)
{
	struct sl_tree *t = lang_parse("(tcp) -80-> (untcp) > (ac) > (pcapout)");
	const struct sl_tpipe *p;

	CHECK(t);
	CHECK_EQ(t->n_stmts, 1);
	CHECK_EQ(t->stmts[0].kind, SL_S_PIPE);
	p = &t->stmts[0].pipe;
	CHECK_EQ(p->n, 4);
	CHECK_STR(p->stages[0].type, "tcp");
	CHECK_EQ(p->links[0].kind, SL_LINK_TAGGED);
	CHECK_EQ(p->links[0].n_tags, 1);
	CHECK_EQ(p->links[0].tags[0].lo, 80);
	CHECK_EQ(p->links[0].span.off, 6);
	CHECK_EQ(p->links[0].span.len, 5);
	CHECK_EQ(p->stages[1].type_span.off, 13);
	CHECK_EQ(p->stages[1].type_span.len, 5);
	CHECK_EQ(p->links[1].kind, SL_LINK_PLAIN);
	sl_tree_free(t);
}

TEST(notations_of_the_same)
{
	PARSES("(tcp)-80->(untcp)>(ac)", "(tcp) -80-> (untcp) > (ac)");
	PARSES("(tcp) - 80 -> (untcp)", "(tcp) -80-> (untcp)");
	PARSES("(tcp)\n  -80->\n  (untcp)\n  > (ac)", "(tcp) -80-> (untcp) > (ac)");
	PARSES("(a) -> (b)", "(a) > (b)");
	PARSES("(pcapin,expression=\"x.pcap\")", "(pcapin expression=\"x.pcap\")");
	PARSES("(pcapout, file=a.pcap, rotate=1h)", "(pcapout file=a.pcap rotate=1h)");
	PARSES("( tcp # why\n )", "(tcp)");
	PARSES("(a);(b) ; ; (c)", "(a)\n(b)\n(c)\n");
}

TEST(the_newline_rule)
{
	PARSES("(a)\n(b)", "(a)\n(b)\n");
	PARSES("(a)\n# c\n\n> (b)", "(a) > (b)");
	PARSES("(a)\n@xdp > (b)", "(a)@xdp > (b)");
	PARSES("{ (a)\n(b)\n}\n> (c)", "{ (a); (b) } > (c)");
	/* in a fan a line that begins with an arrow is a branch */
	PARSES("(a) {\n > (b)\n > (c)\n}", "(a) {\n\t> (b)\n\t> (c)\n}\n");
	PARSES("(a) { -1-> (b) >\n(c); -2-> (d) } > (e)",
	       "(a) {\n\t-1-> (b) > (c)\n\t-2-> (d)\n} > (e)\n");
}

TEST(tags)
{
	struct sl_tree *t = lang_parse("(a) -80,8000..8010,!22,http,!\"odd name\",$p,*,else-> (b)");
	const struct sl_ttag *tag;

	CHECK(t);
	CHECK_EQ(t->stmts[0].pipe.links[0].n_tags, 8);
	tag = t->stmts[0].pipe.links[0].tags;
	CHECK(tag[0].kind == SL_T_NUMBER && tag[0].lo == 80 && tag[0].hi == 80);
	CHECK(tag[1].kind == SL_T_NUMBER && tag[1].lo == 8000 && tag[1].hi == 8010);
	CHECK(tag[2].kind == SL_T_NUMBER && tag[2].negate);
	CHECK(tag[3].kind == SL_T_NAME && !tag[3].quoted);
	CHECK(tag[4].kind == SL_T_NAME && tag[4].quoted && tag[4].negate);
	CHECK_STR(tag[4].name, "odd name");
	CHECK(tag[5].kind == SL_T_VAR);
	CHECK(tag[6].kind == SL_T_ANY);
	CHECK(tag[7].kind == SL_T_ELSE);
	sl_tree_free(t);
	PARSES("(a) -4xx-> (b)", "(a) -4xx-> (b)");
	PARSES("(a) -0x10-> (b)", "(a) -16-> (b)");
}

TEST(values)
{
	struct sl_tree *t = lang_parse("(a x -5ms k=\"a\\tb\\u{e9}\\x00\" 'r\\n' $v [1, [2 ,3], \"s\"] 10.0.0.0/8)");
	const struct sl_targ *a;

	CHECK(t);
	CHECK_EQ(t->stmts[0].pipe.stages[0].n_args, 7);
	a = t->stmts[0].pipe.stages[0].args;
	CHECK_STR(a[1].value.text, "-5ms");
	CHECK_STR(a[2].key, "k");
	CHECK_EQ(a[2].value.text_len, 6);
	CHECK(!memcmp(a[2].value.text, "a\tb\xc3\xa9", 6));
	CHECK_STR(a[3].value.text, "r\\n");
	CHECK_EQ(a[4].value.kind, SL_V_VAR);
	CHECK_EQ(a[5].value.n_items, 3);
	CHECK_EQ(a[5].value.items[1].n_items, 2);
	CHECK_STR(a[6].value.text, "10.0.0.0/8");
	sl_tree_free(t);

	t = lang_parse("(a \"${x}-\\$y\\\\\" \"\\${z}\")");
	CHECK(t);
	a = t->stmts[0].pipe.stages[0].args;
	CHECK(a[0].value.interp);
	CHECK_STR(a[0].value.text, "${x}-\\$y\\\\");
	CHECK(!a[1].value.interp);
	CHECK_STR(a[1].value.text, "${z}");
	sl_tree_free(t);
}

TEST(places_options_names_inputs)
{
	PARSES("(web: tcp port=80)@kernel?[cpu=2] -80->[buffer=4MiB, drop=oldest] j.left",
	       "(web: tcp port=80)@kernel?[cpu=2] -80->[buffer=4MiB drop=oldest] j.left");
	PARSES("{ (a); (b) }@proc[name=ids] <> (c)", "{ (a); (b) }@proc[name=ids] <> (c)");
	PARSES("(ac)@host[name=ids2 transport=tls]", "(ac)@host[name=ids2 transport=tls]");
	PARSES("(listen :8080) <> (log)", "(listen :8080) <> (log)");
	PARSES("w -rest-> (count)", "w -rest-> (count)");
}

TEST(statements)
{
	PARSES("use http\nuse \"a b.srl\"\nset a=1 b=[1]\nlet x = -5ms # help\n"
	       "def w(port=80, rules) { in -$port-> out; in -else-> out.rest }",
	       "use http\nuse \"a b.srl\"\nset a=1 b=[1]\nlet x = -5ms\n"
	       "def w(port=80, rules) {\n\tin -$port-> out\n\tin -else-> out.rest\n}\n");
	PARSES("def none() { in > out }", "def none() {\n\tin > out\n}\n");
}

TEST(help_of_a_let)
{
	struct sl_tree *t = lang_parse("#!/bin/x\n# one\n# two\nlet a = b\nlet c = d # three\n\n# no\n\nlet e = f\n");

	CHECK(t);
	CHECK_STR(t->stmts[0].help, "one two");
	CHECK_STR(t->stmts[1].help, "three");
	CHECK_STR(t->stmts[2].help, NULL);
	sl_tree_free(t);
}

TEST(bars)
{
	struct sl_tree *t = lang_parse("pcapin trace.pcap | tcp | sourceport |80 inspect");

	CHECK(t);
	CHECK(t->pipe_dialect);
	CHECK(t->stmts[0].pipe.stages[1].from_pipe);
	sl_tree_free(t);
	PARSES("pcapin trace.pcap | tcp | sourceport |80 inspect",
	       "(pcapin trace.pcap) > (tcp) > (sourceport) -80-> (inspect)");
	PARSES("a \"tcp port 80\" k='x|y' | grep -i foo\\ bar |!22,8000..8010 ./p --a=b\n| c # d",
	       "(a \"tcp port 80\" k='x|y') > (grep -i \"foo bar\") -!22,8000..8010-> "
	       "(exec ./p \"--a=b\") > (c)");
	PARSES("rx $dev | count x=$y", "(rx $dev) > (count x=$y)");
	FAILS("a | b > c", "E023 1:7+1 [|]");
	FAILS("a | b -80-> c", "E023 1:7+5 [|80]");
	FAILS("a | (b)", "E023 1:5+1");
	FAILS("a | tcp@xdp | c", "E023 1:8+4");
	FAILS("a || b", "E012 1:3+2 [|]");
	FAILS("a | b |", "E010 1:7+1");
	FAILS("a \"x y | b", "E003 1:3+4 [\"x y\"]");
	FAILS("(a) | (b)", "E012 1:5+1 [>]");
}

TEST(errors_stand_where_the_slip_is)
{
	FAILS("", "E021 1:1+0");
	FAILS("# nothing\n", "E021 1:1+0");
	FAILS("(a) > (b) (c)", "E011 1:11+0 [> ]");
	FAILS("(tcp) -80> (untcp)", "E012 1:7+4 [-80->]");
	FAILS("(tcp -80-> (untcp)", "E013 1:5+0 [)]");
	FAILS("(tcp)) > (untcp)", "E014 1:6+1 []");
	FAILS("(tcp) -8000.8010-> (a)", "E015 1:7+12 [-8000..8010->]");
	FAILS("(tcp) -80..70-> (a)", "E015 1:7+9 [-70..80->]");
	FAILS("(a b=)", "E016 1:4+2");
	FAILS("(a b,,c)", "E016 1:6+1 []");
	FAILS("let x y", "E017 1:7+0 [= ]");
	FAILS("let x = a b", "E017 1:9+3 [\"a b\"]");
	FAILS("lte iface = eth0", "E018 1:1+3 [let]");
	FAILS("def set() { in > out }", "E019 1:5+3");
	FAILS("(when: tcp) > (a)", "E019 1:2+4");
	FAILS("(a) { }", "E021 1:5+3");
	FAILS("{ -80-> (a) } > (b)", "E022 1:1+1");
	FAILS("web@xdp > (b)", "E022 1:4+1");
	FAILS("(tcp) \u2192 (count)", "E002 1:7+1 [->]");
	FAILS("(bpf \u201ctcp\u201d)", "E002 1:6+1 [\"]");
	FAILS("(a \"x)", "E003 1:4+2 [\"x\"]");
	FAILS("(a \"x\\q\")", "E004 1:6+2 [\\\\q]");
	FAILS("(a \"$x\")", "E004 1:5+2 [${x}]");
	FAILS("(a \"\xff\")", "E005 1:5+1");
	FAILS("(pcapout caf\u00e9.pcap)", "E001 1:10+9 [\"caf\u00e9.pcap\"]");
	FAILS("(pcapout out-{class}.pcap)", "E001 1:10+16 [\"out-{class}.pcap\"]");
	FAILS("rx eth0 > (count)", "E010 1:1+7 [(rx eth0)]");
	FAILS("> (a)", "E010 1:1+1 []");
	FAILS("(tcp@xdp) > (a)", "E010 1:5+5 [)@xdp]");
}

TEST(several_errors_at_once)
{
	struct sl_tree *t = lang_parse("(a) -80> (b)\n(c (d)\nlet x\n(e) > (f)");

	CHECK(!t);
	CHECK_EQ(sl_diags_count(lang_ds), 4);
	CHECK_STR(sl_diags_get(lang_ds, 0)->code, "E012");
	CHECK_STR(sl_diags_get(lang_ds, 1)->code, "E013");
	CHECK_STR(sl_diags_get(lang_ds, 2)->code, "E011");
	CHECK_STR(sl_diags_get(lang_ds, 3)->code, "E017");
}

TEST(bounds)
{
	size_t n = 400000, i;
	char *text = malloc(n + 1);
	struct sl_tree *t;

	/* deep */
	memset(text, '{', n);
	text[n] = '\0';
	CHECK(!lang_parse_n(text, n));
	CHECK_STR(sl_diags_get(lang_ds, 0)->code, "E020");
	memset(text, '[', n);
	memcpy(text, "(a ", 3);
	CHECK(!lang_parse_n(text, n));
	CHECK_STR(sl_diags_get(lang_ds, 0)->code, "E020");
	/* long: many statements, one word, one list, many errors, many quotes */
	for (i = 0; i + 8 <= n; i += 8)
		memcpy(text + i, "(a)>(b)\n", 8);
	t = lang_parse_n(text, i);
	CHECK(t);
	CHECK_EQ(t->n_stmts, i / 8);
	sl_tree_free(t);
	memset(text, '(', n);
	CHECK(!lang_parse_n(text, n));
	memset(text, '"', n);
	CHECK(!lang_parse_n(text, n));
	memset(text, '-', n);
	CHECK(!lang_parse_n(text, n));
	for (i = 0; i + 2 <= n; i += 2)
		memcpy(text + i, "a(", 2);
	CHECK(!lang_parse_n(text, n));
	for (i = 0; i + 4 <= n; i += 4)
		memcpy(text + i, "(a-\"", 4);
	CHECK(!lang_parse_n(text, n));
	for (i = 0; i + 4 <= n; i += 4)
		memcpy(text + i, "}\n{'", 4);
	CHECK(!lang_parse_n(text, n));
	CHECK(sl_diags_count(lang_ds) <= 64);
	free(text);
}

TEST_MAIN()
