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

TEST(two_in_a_row_are_merged)
{
	becomes("(bpf \"tcp port 80\") > (bpf \"host 10.0.0.1\") > (null)",
		"(bpf \"(tcp port 80) and (host 10.0.0.1)\") > (null)");
	becomes("(bpf ip) > (bpf udp) > (bpf \"len > 100 or port 53\") > (null)",
		"(bpf \"((ip) and (udp)) and (len > 100 or port 53)\") > (null)");
	becomes("(bpf \"tcp[tcpflags] & (tcp-syn|tcp-ack) != 0\") > (bpf \"not src net 10.0.0.0/8\") > (null)",
		"(bpf \"(tcp[tcpflags] & (tcp-syn|tcp-ack) != 0) and (not src net 10.0.0.0/8)\") > (null)");
	becomes("(bpf ip)@user > (bpf udp)@user > (null)", "(bpf \"(ip) and (udp)\")@user > (null)");
	becomes("(slice 128) > (slice 64) > (null)", "(slice 64) > (null)");
	becomes("(slice) > (slice 1000) > (null)", "(slice 128) > (null)");
	becomes("(head 3) > (head) > (null)", "(head 3) > (null)");
	becomes("(head n=0) > (head 5) > (null)", "(head 5) > (null)");
	becomes("(sample 4) > (sample 3) > (sample 2) > (null)", "(sample 24) > (null)");
	becomes("(tcp) > (tcp) { -80-> (null); -else-> (print) }", "(tcp) {\n  -80-> (null)\n  -else-> (print)\n}\n");
	becomes("(count) { > (slice 60) > (slice 50) > (null); > (null) }",
		"(count) {\n  > (slice 50) > (null)\n  > (null)\n}\n");
}

TEST(what_must_not_be_merged)
{
	/* shifts what follows, a name, rejects all, not plain */
	stays("(bpf \"vlan 5\") > (bpf \"host 10.0.0.1\") > (null)");
	stays("(bpf \"host 10.0.0.1\") > (bpf \"vlan\") > (null)");
	stays("(bpf \"mpls\") > (bpf \"ip\") > (null)");
	stays("(bpf \"ip\") > (bpf \"pppoes\") > (null)");
	stays("(bpf \"geneve\") > (bpf \"ip\") > (null)");
	stays("(bpf \"ip\") > (bpf \"host www.example.net\") > (null)");
	stays("(bpf tcp) > (bpf udp) > (null)");
	stays("(bpf \"ip\") > (bpf \"ip protochain 6\") > (null)");
	/* other parameters differ */
	stays("(bpf ip) > (bpf \"ip broadcast\", netmask=255.255.255.0) > (null)");
	stays("(sample 4 by=flow) > (sample 3 by=flow) > (null)");
	stays("(sample 4) > (sample 3 by=flow) > (null)");
	stays("(sample 18446744073709551615) > (sample 2) > (null)");
	stays("(tcp) > (tcp class=sport) > (null)");
	stays("(count) > (count) > (null)");
	/* something hangs on what is between */
	stays("(bpf ip) { > (bpf udp) > (null); > (null) }");
	stays("{ (bpf ip); (bpf ip6) } > (bpf udp) > (null)");
	stays("(tcp) -80-> (tcp) > (null)");
	stays("(slice 128) >[name=x] (slice 64) > (null)");
	/* named, ordered elsewhere */
	stays("(web: bpf ip) > (bpf udp) > (null)");
	stays("(bpf ip) > (web: bpf udp) > (null)");
	stays("(bpf ip)@user > (bpf udp) > (null)");
}

TEST(selections_move_towards_the_source)
{
	becomes("(ip) > (bpf \"port 80\") > (null)", "(bpf \"port 80\") > (ip) > (null)");
	becomes("(ip6) > (bpf \"port 80\") > (null)", "(ip6) > (bpf \"port 80\") > (null)");	/* drops more */
	becomes("(ip) > (bpf \"port 80\") { -tcp-> (null); -udp-> (print) }",
		"(bpf \"port 80\") > (ip) {\n  -tcp-> (null)\n  -udp-> (print)\n}\n");
	becomes("(ip) -tcp-> (bpf \"port 80\") > (count) > (null)", "(bpf \"port 80\") > (ip) -tcp-> (count) > (null)");
	becomes("(tcp) -80-> (ip) > (bpf \"greater 100\") > (null)",
		"(tcp) -80-> (bpf \"greater 100\") > (ip) > (null)");
	becomes("(pass) > (tcp) -80-> (null)", "(tcp) > (pass) -80-> (null)");
	/* and are merged there */
	becomes("(bpf \"net 10.0.0.0/8\") > (ip) > (bpf \"port 80\") > (null)",
		"(bpf \"(net 10.0.0.0/8) and (port 80)\") > (ip) > (null)");
}

TEST(what_must_not_move)
{
	stays("(slice 64) > (bpf \"port 80\") > (null)");		/* may cut off what is read */
	stays("(count) > (bpf \"port 80\") > (null)");		/* counts */
	stays("(tcp) > (bpf \"host 10.0.0.1\") > (null)");
	stays("(vlan) > (bpf \"port 80\") > (null)");
	stays("(head 5) > (bpf \"port 80\") > (null)");		/* chooses by number */
	stays("(sample 5) > (bpf \"port 80\") > (null)");
	stays("(rate 5pps) > (bpf \"port 80\") > (null)");
	stays("(print) > (bpf \"port 80\") > (null)");		/* shows */
	stays("(ip) > (bpf \"host www.example.net\") > (null)");	/* may lose */
	stays("(ip) > (bpf \"wlan type mgt\") > (null)");
	stays("(pcapin x.pcap) > (ip) > (bpf \"port 80\") > (null)");
	stays("(ip) { > (bpf \"port 80\") > (null); > (null) }");
	stays("(ip) -tcp-> (bpf \"port 80\") { > (null); > (print) }");	/* a tag, and two ways on */
	stays("(ip) -else-> (bpf \"port 80\") > (null)");
	stays("(ip) > (web: bpf \"port 80\") > (null)");
	stays("(ip) > (bpf \"port 80\")@user > (null)");
	stays("(ip) >[name=x] (bpf \"port 80\") > (null)");
}

TEST(merged_are_found)
{
	struct sl_plan *p = plan("(bpf ip) > (bpf udp) > (bpf \"port 53\") > (null)", false);
	char *why = sl_plan_why(p, "bpf-3"), *first = sl_plan_why(p, "bpf"), *text = sl_plan_text(p);

	CHECK(why && first && !strcmp(why, first) && strstr(why, "bpf+bpf-2+bpf-3 (bpf) runs"));
	CHECK(strstr(text, "merged: bpf, bpf-2, bpf-3 are one, (bpf expression=\"((ip) and (udp)) and (port 53)\")\n"));
	CHECK(!strstr(text, "shared:"));
	free(why);
	free(first);
	free(text);
	sl_plan_free(p);
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
