/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_mutate_graph -- one slip in a name of a good request
 *
 * Names in the requests below stand between backquotes. Each is damaged in every
 * way that a finger slips: a letter left out, a letter doubled, two neighbours
 * swapped; stretches between « and » are left out as a whole. Then the request is
 * parsed and its graph built. Promised: none is accepted, the first error
 * points at the damage in at least 95 of 100, and its first fix gives back the
 * request in at least 90 of 100.
 *
 * A damaged name that is another good name (ip6 without its 6) says something else
 * and is no slip that anybody could see: it is left out.
 *
 * SRL_MUTATE=1 in the environment prints every miss.
 */
#include "graph/graph.h"
#include "core/registry.h"

#include "test.h"

static const char *const bases[] = {
	"(`pcapin` a.pcap) > (`tcp`) -80-> (`untcp`) > (`ac` `rules`=web.ac) > (`pcapout` out.pcap)",
	"(`pcapin`,`file`=\"trace.pcap\") > (`tcp`) > (`sourceport`) -80-> (`print`)",
	"(`pcapin` a.pcap) > (`bpf` \"tcp port 80\") > (`head` `n`=10k) > (`count`) > (`null`)",
	"(pcapin a.pcap) > (`tcp` `class`=`sport`) -`http`,`https`,8000..8010-> (untcp) > (`fileout` `dir`=/tmp/x)",
	"(pcapin a.pcap) > (`udp` `class`=`either`) -`dns`-> (`jsonout` `file`=- `per`=`block`)",
	"(pcapin a.pcap) > (tcp) {\n  -`smtp`-> (untcp) > (`grep` \"x\" `nocase`=`on`) > (`fileout` d)\n"
	"  -`else`-> (`count`) > (`null`)\n}\n",
	"(pcapin a.pcap) > (`ip`) -`icmp`-> (`count`)\n",
	"(pcapin a.pcap) > (`icmp`) -`echo`-> (`print` `style`=`hex` `time`=`epoch`)",
	"(pcapin a.pcap) > (`web`: tcp) -80-> (untcp) > (ac rules=r) -`match`-> (fileout d)\n"
	"`web` -443-> (`count`)\n`web` -`else`-> (`null`)\n",
	"(pcapin a.pcap) > (tcp) -80-> (untcp `hold`=4`MiB` `gap_after`=5`s` `timeout`=1`min` `flows`=10`k`) > (fileout d)",
	"(pcapin a.pcap) > (tcp) -80->[`buffer`=4`MiB` `batch`=64 `drop`=`oldest` `name`=web] (count) > (pcapout o.pcap)",
	"(pcapin a.pcap) >[`copy`=`never`] (count)@`user`[`cpu`=2 `policy`=`fifo`] > (pcapout o.pcap `format`=`pcapng` `precision`=`ns`)",
	"(pcapin a.pcap) > (tcp)@`xdp`? > (count)@`user`[`workers`=2] > (pcapout o.pcap)",
	"`set` workers=2\nset `buffer`=16`MiB` `overflow`=`block`\nset `batch`=128\n(pcapin a.pcap) > (`count`)",
	"set overflow=`drop-oldest` `workers`=2\n(pcapin a.pcap) > (`sample` 10 `by`=`flow`) > (`pcapout` b.pcap)",
	"let `iface` = a.pcap\nlet `pattern` = needle\n(pcapin $`iface`) > (grep $`pattern`) -`nomatch`-> (count)",
	"let `dir` = out\nlet `rules` = x.ac\n(pcapin a.pcap) > (tcp) > (untcp) > (ac `rules`=$`rules`) > (fileout \"${`dir`}\")",
	"def `web`(`port`=80, `rules`) {\n  in -$`port`-> (`untcp`) > (`ac` rules=$`rules`) > out\n"
	"  in -`else`-> out.`rest`\n}\n"
	"(pcapin a.pcap) > (tcp) > (`w`: `web` `port`=8080 `rules`=\"web.ac\") > (`fileout` d)\n"
	"`w` -`rest`-> (count)\n",
	"def `low`(`n`=10) {\n\tin > (`sample` $`n`) > out\n}\n(pcapin a.pcap) > (`low` `n`=5) > (count)\n",
	"def `twice`(`x`) {\n  in > (`a`: `head` $`x`) > out\n  `a` > (`count`)\n}\n"
	"(pcapin a.pcap) > (`twice` 5) > (`first`: count)\n(pcapin b.pcap) > (`twice` `x`=6) > `first`\n",
	"{ (`pcapin` a.pcap); (`pcapin` b.pcap) } > (`tcp`) -!`ssh`-> (`pcapout` c.pcap)",
	"(pcapin a.pcap) > { (`tcp`) -80-> (`count`); (`udp`) -`domain`-> (`count`) } > (`pcapout` c.pcap)",
	"(pcapin a.pcap) > (`hosts`: tcp) > (untcp) {\n -`gap`-> (`jsonout`)\n > (`ac` r.ac) > (`fileout` d)\n}\n"
	"`hosts` -22-> (ssh: count)\n`hosts` -`telnet`-> (`head` 5)\n",
	"(pcapin a.pcap) > (tcp) -80-> «(untcp) > »(fileout d)",
	"(pcapin a.pcap) > (tcp) -80-> «(untcp) > »(head 10) > (count) > (fileout d)",
	"(pcapin a.pcap) > (tcp) > «(untcp) > »(fileout d)",
	"`pcapin` a.pcap | `tcp` |80 `untcp` | `fileout` d",
	"(`feed`) > (`tcp`) -`ftp`-> (`untcp`) > (`exec` \"sort -u\" `status`=`ignore`) > (`take`)",
	"let `limit` = 10\nlet `what` = hits\n(pcapin a.pcap) > (tcp) -`imap`-> (head $`limit`) > (pcapout \"${`what`}.pcap\")",
	"(pcapin a.pcap) > (`ip6`) > (`mail`: `tcp`) > (count)\n`mail` -25-> (untcp `memory`=64`MB` `settle`=8) > (`fileout` dir=d `files`=10)\n",
	"(pcapin a.pcap) > (tcp) -80-> (untcp) > (ac rules=r.ac `hold`=2`MiB` `memory`=1`GiB`) > (`fileout` d)@`user`",
};

struct tally {
	unsigned int n, accepted, pointed, restored;
};

static struct tally total;
static bool loud;

/* ---- building ------------------------------------------------------ */

static bool builds(const char *text, struct sl_diags *ds)
{
	static const struct sl_build_opts o = { .no_env = true };
	struct sl_source *src = sl_source_new("<arg>", text, strlen(text));
	struct sl_tree *tree;
	struct sl_graph *g;
	bool ok = false;

	if (sl_tree_parse(src, &tree, ds) == 0) {
		ok = sl_graph_build(tree, &o, &g, ds) == 0;
		if (ok)
			sl_graph_free(g);
		sl_tree_free(tree);
	}
	sl_source_put(src);
	return ok;
}

/* Names that mean something wherever they stand. */
static bool is_good_name(const char *w)
{
	static const char *const others[] = {
		"B", "s", "m", "h", "d", "ms", "us", "ns", "min", "kB", "MB", "GB", "KiB", "MiB", "GiB",
		"k", "M", "G", "http", "https", "", "kernel", "tc", "sk", "dport", "icp", "dcp", "qotd",
		"ssh", "ssmtp", "tftp", "nntp", "smtps", "hex", "echo", "on", "no", "off", "x", "n", "a", "i", "f",
		NULL
	};
	unsigned int i;

	for (i = 0; others[i]; i++)
		if (!strcmp(others[i], w))
			return true;
	return sl_type_find(w) != NULL;
}

/* ---- judging ------------------------------------------------------- */

static size_t offset_of(const char *text, const struct sl_place *at)
{
	uint32_t line = 1, col = 1;
	size_t i = 0;

	while (text[i] && (line < at->line || (line == at->line && col < at->col))) {
		if (text[i] == '\n') {
			line++;
			col = 1;
		} else {
			col++;
		}
		i++;
	}
	return i;
}

static void judge(const char *good, const char *bad, size_t off, size_t len, const char *how)
{
	struct sl_diags *ds = sl_diags_new();
	bool accepted = builds(bad, ds), pointed = false, restored = false;
	const struct sl_diag *d = sl_diags_get(ds, 0);
	char fixed[4096] = "";

	total.n++;
	if (accepted) {
		total.accepted++;
	} else if (d && d->n_labels && d->labels[0].place.line) {
		size_t at = offset_of(bad, &d->labels[0].place), n = d->labels[0].place.len;

		pointed = at <= off + len && at + n >= off;
		if (d->n_fixes) {
			snprintf(fixed, sizeof(fixed), "%.*s%s%s", (int)at, bad, d->fixes[0], bad + at + n);
			restored = !strcmp(fixed, good);
		}
	}
	total.pointed += pointed;
	total.restored += restored;
	if (loud && (accepted || !pointed || !restored)) {
		printf("# %s, %s at %zu:\n#   %s\n", accepted ? "ACCEPTED" : !pointed ? "MISPLACED" : "not restored",
		       how, off, bad);
		if (d)
			printf("#   %s at %u:%u: %s; fix <%s>\n", d->code, d->labels[0].place.line,
			       d->labels[0].place.col, d->message, d->n_fixes ? d->fixes[0] : "none");
	}
	sl_diags_free(ds);
}

static void damage(const char *good, size_t off, size_t len)
{
	char bad[4096], word[256];
	size_t i, n = strlen(good);

	for (i = 0; i < len; i++) {
		memcpy(bad, good, off + i);
		memcpy(bad + off + i, good + off + i + 1, n - off - i);
		snprintf(word, sizeof(word), "%.*s", (int)(len - 1), bad + off);
		if (!is_good_name(word) && !(i && good[off + i] == good[off + i - 1]))
			judge(good, bad, off, len - 1, "letter dropped");
		memcpy(bad, good, off + i + 1);
		memcpy(bad + off + i + 1, good + off + i, n - off - i + 1);
		snprintf(word, sizeof(word), "%.*s", (int)(len + 1), bad + off);
		if (!is_good_name(word))
			judge(good, bad, off, len + 1, "letter doubled");
		if (i + 1 == len || good[off + i] == good[off + i + 1])
			continue;
		memcpy(bad, good, n + 1);
		bad[off + i] = good[off + i + 1];
		bad[off + i + 1] = good[off + i];
		snprintf(word, sizeof(word), "%.*s", (int)len, bad + off);
		if (!is_good_name(word))
			judge(good, bad, off, len, "letters swapped");
	}
}

/* Strip the marks and damage what stood between them. */
static void mutate(const char *marked)
{
	size_t from[64], len[64], n = 0, i, start = 0, cut[8], cut_len[8], n_cut = 0;
	char good[4096], bad[4096], *out = good;
	bool open = false;
	const char *p;
	struct sl_diags *ds;

	for (p = marked; *p; p++) {
		if (*p == '`') {
			if (open) {
				from[n] = start;
				len[n++] = (size_t)(out - good) - start;
			}
			start = (size_t)(out - good);
			open = !open;
		} else if (!strncmp(p, "\u00ab", 2)) {
			cut[n_cut] = (size_t)(out - good);
			p++;
		} else if (!strncmp(p, "\u00bb", 2)) {
			cut_len[n_cut] = (size_t)(out - good) - cut[n_cut];
			n_cut++;
			p++;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
	ds = sl_diags_new();
	if (!builds(good, ds)) {
		char *why = sl_diags_format(ds, false, NULL);

		printf("# %s\n", why);
		free(why);
		sl_diags_free(ds);
		test_fail(__FILE__, __LINE__, "not a good request: %s", good);
	}
	sl_diags_free(ds);
	for (i = 0; i < n; i++)
		damage(good, from[i], len[i]);
	for (i = 0; i < n_cut; i++) {
		memcpy(bad, good, cut[i]);
		strcpy(bad + cut[i], good + cut[i] + cut_len[i]);
		/* the damage is at the arrow before it */
		judge(good, bad, cut[i] - 3, 3, "stage left out");
	}
}

TEST(one_slip_in_a_name)
{
	unsigned int i;

	loud = getenv("SRL_MUTATE") != NULL;
	for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		mutate(bases[i]);
	printf("# %u slips: %u accepted, %u pointed at (%.1f %%), %u restored (%.1f %%)\n", total.n,
	       total.accepted, total.pointed, 100.0 * total.pointed / total.n, total.restored,
	       100.0 * total.restored / total.n);
	CHECK(total.n >= 600);
	CHECK_EQ(total.accepted, 0);
	CHECK(total.pointed * 100 >= total.n * 95);
	CHECK(total.restored * 100 >= total.n * 90);
}

/* ---- hard cases, one by one ----------------------------------------- */

static const struct {
	const char *text, *code, *at, *fix;
} cases[] = {
	{ "(pcapin a) > (acc rules=x)", "E104", "acc", "ac" },
	{ "(pcapin a) > (pcapot)", "E104", "pcapot", "pcapout" },
	{ "(pcapin a) > (bpff 'tcp')", "E104", "bpff", "bpf" },
	{ "(pcapin a) > (ac ruels=x)", "E111", "ruels", "rules" },
	{ "(pcapin a) > (tcp) -htttp-> (count)", "E132", "htttp", "http" },
	{ "(pcapin a) > (tcp) -htpp-> (count)", "E132", "htpp", "http" },
	{ "(pcapin a) > (tcp) -esle-> (count)", "E132", "esle", "else" },
	{ "(pcapin a) > (ac rules=x) -mtach-> (count)", "E132", "mtach", "match" },
	{ "(pcapin a) > (count)@usr", "E142", "usr", "user" },
	{ "(pcapin a) > (tcp) > (untcp hold=10Mb) > (null)", "E125", "10Mb", "10MB" },
	{ "(pcapin a) > (tcp) > (untcp timeout=5sec) > (null)", "E125", "5sec", "5s" },
	{ "(pcapin a) > (tcp) > (untcp timeout=100) > (null)", "E121", "100", "100s" },
	{ "(pcapin a) > (print style=hx)", "E124", "hx", "hex" },
	{ "(pcapin a) > (pcapout b format=pcapgn)", "E124", "pcapgn", "pcapng" },
	{ "(pcapin a) > (pcapout fil=a.pcap)", "E111", "fil", "file" },
	{ "(pcapin a) > (tcp) > (http) > (null)", "E104", "http", NULL },
	{ "(pcapin a) > tcp > (count)", "E105", "tcp", "(tcp)" },
	{ "(pcapin a) > (web: tcp) > (count)\nwbe -443-> (null)", "E105", "wbe", "web" },
	{ "(pcapin a) > (wbe: tcp) > (count)\nweb -443-> (null)\nweb -80-> (null)", "E105", "wbe", "web" },
	{ "let port = 80\n(pcapin a) > (tcp) -$prot-> (count)", "E108", "$prot", "$port" },
	{ "def f(prot=80) { in -$port-> out }\n(pcapin a) > (tcp) > (f port=8) > (null)", "E111", "prot", "port" },
	{ "def wbe() { in > out }\n(pcapin a) > (web) > (null)", "E104", "wbe", "web" },
	{ "(pcapin a) > (tcp) -70000-> (count)", "E134", "70000", NULL },
	{ "(pcapin a) -80-> (count)", "E133", "80", NULL },
	{ "(pcapin a) > (count x)", "E115", "x", NULL },
	{ "(pcapin a) > (head 5 n=6)", "E113", "n=6", NULL },
	{ "(pcapin a) > (bpf)", "E114", "bpf", NULL },
	{ "(pcapin a) > (untcp)@xdp > (count)", "E141", "@xdp", "@xdp?" },
	{ "(pcapin a) > (tcp)@host > (count)", "E143", "@host", NULL },
	{ "(pcapin a) <> (count)", "E143", "<>", NULL },
	{ "(pcapin a) > (a: count) > (b: count)\nb > a", "E151", ">", NULL },
	{ "(pcapin a) > (pcapout b) > (count)", "E153", ">", NULL },
	{ "(count) > (pcapin a)", "E154", ">", NULL },
	{ "in > (count)", "E155", "in", NULL },
	{ "def f() { in > (f) > out }\n(pcapin a) > (f) > (null)", "E156", "f", NULL },
	{ "(pcapin a) > (count)\n(z: count)", "E157", "count", NULL },
	{ "def f(x) { in > (cuont) > (head $x) > out }\n(pcapin a) > (count)", "E104", "cuont", "count" },
	{ "def f(x) { in > (count) > (head $y) > out }\n(pcapin a) > (count)", "E108", "$y", NULL },
	{ "set worker=3\n(pcapin a) > (count)", "E116", "worker", "workers" },
	{ "(pcapin a) >[bufer=4MiB] (count)", "E112", "bufer", "buffer" },
	{ "(pcapin a) > (count)@user[cpus=2]", "E117", "cpus", "cpu" },
	{ "(pcapin a) > (sample 0)", "E123", "0", "1" },
	{ "(pcapin a) > (w: count) > (w: null)", "E106", "w", NULL },
	{ "use nothing\n(pcapin a) > (count)", "E107", "nothing", NULL },
	{ "(pcapin a) > (w: count)\n(pcapin b) > w.left", "E109", "left", NULL },
	{ "(pcapin a) > (tcp) > (fileout d)", "E131", ">", "> (untcp) >" },
};

TEST(hard_cases)
{
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sl_diags *ds = sl_diags_new();
		const struct sl_diag *d;
		size_t at;

		if (builds(cases[i].text, ds))
			test_fail(__FILE__, __LINE__, "accepted: %s", cases[i].text);
		d = sl_diags_get(ds, 0);
		at = offset_of(cases[i].text, &d->labels[0].place);
		if (strcmp(d->code, cases[i].code))
			test_fail(__FILE__, __LINE__, "%s: %s (%s), not %s", cases[i].text, d->code, d->message,
				  cases[i].code);
		if (d->labels[0].place.len != strlen(cases[i].at) ||
		    strncmp(cases[i].text + at, cases[i].at, strlen(cases[i].at)))
			test_fail(__FILE__, __LINE__, "%s: points at '%.*s'", cases[i].text,
				  (int)d->labels[0].place.len, cases[i].text + at);
		if (cases[i].fix && (!d->n_fixes || strcmp(d->fixes[0], cases[i].fix)))
			test_fail(__FILE__, __LINE__, "%s: fix '%s', not '%s'", cases[i].text,
				  d->n_fixes ? d->fixes[0] : "none", cases[i].fix);
		if (sl_diags_count(ds) != 1)
			test_fail(__FILE__, __LINE__, "%s: %u errors for one slip", cases[i].text,
				  sl_diags_count(ds));
		sl_diags_free(ds);
	}
}

TEST_MAIN()
