/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What passes make of requests, as SRL; and what they must leave alone. */
#include <errno.h>

#include "plan/plan.h"
#include "test.h"

static struct sl_plan *plan(const char *text, bool as_written)
{
	struct sl_options o = { .size = sizeof(o), .iface = "eth0", .no_env = true, .as_written = as_written,
				.passes = true };
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *q = NULL;
	struct sl_plan *p = NULL;

	CHECK(ds);
	CHECK_EQ(sl_parse(text, NULL, &q, ds), 0);
	CHECK_EQ(sl_plan_new(q, &o, &p, ds), 0);
	sl_request_free(q);
	sl_diags_free(ds);
	return p;
}

static void becomes(const char *text, const char *want)
{
	struct sl_plan *p = plan(text, false), *again;
	char *srl = sl_plan_srl(p, false), *twice;

	CHECK_STR(srl, want);
	/* ids and order are whole, and the text means the same again */
	for (unsigned int k = 0; k < p->graph->n_nodes; k++) {
		const struct sl_node *n = p->graph->nodes[k];

		CHECK_EQ(n->id, k);
		CHECK(p->graph->sorted[n->order] == n);
		for (unsigned int i = 0; i < n->n_out; i++)
			CHECK(n->out[i]->from == n && n->out[i]->to->order > n->order);
	}
	for (unsigned int k = 0; k < p->graph->n_streams; k++)
		CHECK_EQ(p->graph->streams[k]->id, k);
	again = plan(srl, false);
	twice = sl_plan_srl(again, false);
	CHECK_STR(twice, want);
	free(srl);
	free(twice);
	sl_plan_free(p);
	sl_plan_free(again);
}

static void stays(const char *text)
{
	struct sl_plan *p = plan(text, false), *q = plan(text, true);
	char *a = sl_plan_srl(p, false), *b = sl_plan_srl(q, false);

	CHECK_STR(a, b);
	free(a);
	free(b);
	sl_plan_free(p);
	sl_plan_free(q);
}

TEST(prefixes_are_shared)
{
	becomes("(tcp) -80-> (count) > (null); (tcp) -443-> (print)",
		"(tcp) {\n  -80-> (count) > (null)\n  -443-> (print)\n}\n");
	becomes("(rx eth1) > (tcp) -80-> (null); (rx eth1) > (tcp) -443-> (null)",
		"(rx eth1) > (tcp) {\n  -80-> (null)\n  -443-> (null)\n}\n");
	becomes("(bpf \"ip\") > (tcp) -80-> (null); (bpf \"ip\") > (udp) -53-> (null)",
		"(bpf ip) {\n  > (tcp) -80-> (null)\n  > (udp) -53-> (null)\n}\n");
	becomes("(tcp) > (null); (tcp) > (null); (tcp) > (null)", "(tcp) {\n  > (null)\n  > (null)\n  > (null)\n}\n");
}

TEST(what_is_not_the_same_stays)
{
	stays("(tcp) > (null); (udp) > (null)");
	stays("(tcp class=sport) > (null); (tcp) > (null)");
	stays("(bpf ip) > (null); (bpf ip6) > (null)");
	stays("(rx eth1) > (null); (rx eth2) > (null)");
	stays("(tcp)@user > (null); (tcp) > (null)");
	stays("(ip) { -tcp-> (tcp) > (null); -udp-> (tcp) > (null) }");
}

TEST(what_would_show_stays)
{
	/* else: its siblings would be others */
	stays("(tcp) { -80-> (null); -else-> (print) }; (tcp) -443-> (null)");
	/* order, where both meet */
	stays("(tcp) -80-> (c: count) > (null); (tcp) -443-> c");
	/* what is no selection: each has its own state, each reads its file */
	stays("(head 5) > (null); (head 5) > (null)");
	stays("(sample 5) > (null); (sample 5) > (null)");
	stays("(count) > (null); (count) > (null)");
	stays("(pcapin a.pcap) > (null); (pcapin a.pcap) > (null)");
}

TEST(arrows_with_options_stay)
{
	stays("(count) { >[name=x] (tcp) > (null); > (tcp) > (null) }");
}

TEST(names_are_found)
{
	struct sl_plan *p = plan("(tcp) -80-> (null); (tcp) -443-> (null)", false);
	char *why = sl_plan_why(p, "tcp-2"), *text = sl_plan_text(p), *passes = sl_plan_passes(p);

	CHECK(why && strstr(why, "stands for  tcp-2"));
	CHECK(text && strstr(text, "shared: tcp-2 is one with tcp\n"));
	CHECK_STR(passes, "# as written\n(tcp) -80-> (null)\n(tcp) -443-> (null)\n"
			  "# share: prefixes that were written twice\n(tcp) {\n  -80-> (null)\n  -443-> (null)\n}\n");
	free(why);
	free(text);
	free(passes);
	sl_plan_free(p);
	p = plan("(tcp) > (null)", false);
	passes = sl_plan_passes(p);
	CHECK_STR(passes, "# as written\n(tcp) > (null)\n# no pass changed it\n");
	free(passes);
	sl_plan_free(p);
}

TEST_MAIN()
