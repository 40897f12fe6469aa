/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which filters the plan puts into the kernel, why not the others, what orders and wishes
 * do, and that all placements that can be asked for are legal. The machine is not asked:
 * plans are made without the environment.
 */
#include <errno.h>

#include "core/json.h"
#include "plan/plan.h"
#include "test.h"

struct made {
	struct sl_request *q;
	struct sl_plan *p;
	struct sl_diags *ds;
	int r;
};

static struct made make_with(const char *text, const char *placement, bool as_written)
{
	struct sl_options o = {
		.size = sizeof(o), .iface = "eth0", .no_env = true, .placement = placement, .as_written = as_written,
		.passes = true,
	};
	struct made m = { .ds = sl_diags_new() };

	CHECK(m.ds);
	m.r = sl_parse(text, NULL, &m.q, m.ds);
	if (!m.r)
		m.r = sl_plan_new(m.q, &o, &m.p, m.ds);
	return m;
}

static struct made make(const char *text)
{
	return make_with(text, NULL, false);
}

static void done(struct made *m)
{
	sl_plan_free(m->p);
	sl_request_free(m->q);
	sl_diags_free(m->ds);
}

static const struct sl_node *node(const struct made *m, const char *name)
{
	for (unsigned int k = 0; k < m->p->graph->n_nodes; k++)
		if (!strcmp(m->p->graph->nodes[k]->name, name))
			return m->p->graph->nodes[k];
	test_fail(__FILE__, __LINE__, "no node %s", name);
}

/* "rx tcp count": the names of what is in the kernel. */
static void in_kernel(const struct made *m, char *buf, size_t size)
{
	size_t n = 0;

	*buf = '\0';
	for (unsigned int k = 0; k < m->p->graph->n_nodes; k++) {
		const struct sl_node *at = m->p->graph->nodes[k];

		if (at->in_kernel)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? " " : "", at->name);
	}
}

static bool has(char *text, const char *words)
{
	bool yes = text && strstr(text, words);

	free(text);
	return yes;
}

TEST(as_much_as_pays)
{
	static const struct {
		const char *text, *kernel;
	} cases[] = {
		{ "(tcp) -80-> (count) > (null)", "rx tcp count null" },
		{ "(tcp) -80-> (untcp) > (ac) > (null)", "rx tcp" },
		{ "(untcp) > (null)", "rx" },
		{ "(rx eth0) > (print)", "rx" },
		{ "(tcp) { -80-> (null); -443-> (untcp) > (null) }", "rx tcp null" },
		{ "(tcp)@user -80-> (count) > (null)", "rx" },
		{ "set kernel=off\n(tcp) -80-> (count) > (null)", "" },
		{ "(rx eth0 via=packet) > (tcp) > (null)", "" },
		{ "(rx eth0)@user > (tcp) > (null)", "" },
		{ "(pcapin a.pcap) > (tcp) > (null)", "" },
	};

	for (unsigned int k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct made m = make(cases[k].text);
		char got[256];

		CHECK_EQ(m.r, 0);
		in_kernel(&m, got, sizeof(got));
		CHECK_STR(got, cases[k].kernel);
		done(&m);
	}
}

/* A packet socket selects for the one filter that gets all packets, if that is a classic program. */
TEST(selected_in_the_socket)
{
	static const struct {
		const char *text, *placement;
		bool selected;
	} cases[] = {
		{ "(rx eth0 via=packet) > (bpf udp) > (null)", NULL, true },
		{ "(rx eth0 via=tpacket) > (bpf udp) > (null)", NULL, true },
		{ "(rx eth0)@user > (bpf udp) > (count) > (null)", NULL, true },
		{ "(rx eth0 via=packet) > (bpf udp) > (null)", "user", false },
		{ "(rx eth0 via=packet) > (bpf udp)@user > (null)", NULL, false },
		{ "set kernel=off\n(rx eth0) > (bpf udp) > (null)", NULL, false },
		{ "set workers=2\n(rx eth0 via=packet) > (bpf udp) > (null)", NULL, false },
		{ "(rx eth0) > (bpf udp) > (null)", NULL, false },
		{ "(rx eth0 via=pcap) > (bpf udp) > (null)", NULL, false },
		{ "(rx eth0 via=packet) { > (bpf udp) > (null); > (count) > (null) }", NULL, false },
	};

	for (unsigned int k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct made m = make_with(cases[k].text, cases[k].placement, true);

		CHECK_EQ(m.r, 0);
		CHECK_EQ(node(&m, "bpf")->in_socket, cases[k].selected);
		CHECK(!node(&m, "rx")->in_socket);
		done(&m);
	}
}

TEST(spaces_carriers_and_reasons)
{
	struct made m = make("(tcp) -80-> (untcp) > (count) > (null)");
	const struct sl_node *tcp, *untcp;

	CHECK_EQ(m.r, 0);
	tcp = node(&m, "tcp");
	untcp = node(&m, "untcp");
	CHECK_STR(tcp->space, "tc:eth0");
	CHECK_STR(untcp->space, "user");
	CHECK_STR(untcp->kernel_why, "it has no kernel form");
	CHECK_STR(node(&m, "count")->kernel_why, "it follows 'untcp', which runs in user space");
	CHECK_STR(tcp->in[0]->carrier, "tail call");
	CHECK_EQ(tcp->in[0]->copies, 0);
	CHECK_STR(tcp->out[0]->carrier, "array ring");
	CHECK_EQ(tcp->out[0]->copies, 1);
	CHECK_STR(untcp->out[0]->carrier, "call");
	CHECK(sl_is_border(tcp->out[0]) && !sl_is_border(tcp->in[0]));
	CHECK(has(sl_plan_text(m.p), "not chosen: all filters in user space: "));
	CHECK(has(sl_plan_text(m.p), "expected: about "));
	CHECK(has(sl_plan_why(m.p, "count"), "rejected    the kernel: it follows 'untcp'"));
	CHECK(has(sl_plan_json(m.p), "\"ring\":\"array ring\""));
	done(&m);

	m = make("(rx eth1 via=array hook=xdp) > (tcp) > (print)");
	CHECK_EQ(m.r, 0);
	CHECK_STR(node(&m, "tcp")->space, "xdp:eth1");
	CHECK_STR(node(&m, "tcp")->out[0]->carrier, "array ring");
	CHECK_STR(m.p->no_ring, "as asked for, via=array");
	done(&m);

	m = make("(rx eth1 via=ringbuf) > (tcp) > (print)");
	CHECK_EQ(m.r, 0);
	CHECK_STR(node(&m, "tcp")->space, "tc:eth1");
	CHECK_STR(node(&m, "tcp")->out[0]->carrier, "BPF ring buffer");
	CHECK_STR(m.p->no_ring, "as asked for, via=ringbuf");
	done(&m);

	m = make("(rx eth1 via=ringbuf) > (c: count) > (null); (rx eth0 via=array) > c");
	CHECK_EQ(m.r, 0);
	CHECK(m.p->no_kernel && !strcmp(m.p->no_kernel, "its sources ask for different rings"));
	done(&m);

	m = make("(rx eth1 mode=inline) > (tcp) > (print)");
	CHECK_EQ(m.r, 0);
	CHECK_STR(node(&m, "rx")->space, "xdp:eth1");
	done(&m);

	m = make("(rx eth1 hook=xdp) > (c: count) > (null); (rx eth0) > c");
	CHECK_EQ(m.r, 0);
	CHECK_STR(node(&m, "c")->kernel_why, "it follows 'rx-2', which runs in user space");
	CHECK_STR(node(&m, "null")->kernel_why, "it follows 'c', which runs in user space");
	done(&m);

	/* one part, one hook: the first source has it */
	m = make("(rx eth1 mode=inline) > (count); (b: rx eth0) > (d: count)");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "rx")->in_kernel && !node(&m, "b")->in_kernel && !node(&m, "d")->in_kernel);
	CHECK_STR(node(&m, "b")->kernel_why, "'rx' is at another hook, and in the kernel all are at one");
	done(&m);
	m = make("(rx eth1 hook=xdp) > (count); (b: rx eth0 mode=inline) > (d: count)");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "rx")->in_kernel && !node(&m, "b")->in_kernel);
	CHECK(strstr(node(&m, "b")->kernel_why, "takes packets away"));
	done(&m);
	m = make("(rx eth1)@user > (count); (b: rx eth0 mode=inline) > (d: count)");
	CHECK_EQ(m.r, 0);
	CHECK(!node(&m, "rx")->in_kernel && node(&m, "b")->in_kernel);
	done(&m);
	m = make("(rx eth1 share=x) > (count); (b: rx eth0) > (d: count)");
	CHECK_EQ(m.r, 0);
	CHECK_STR(node(&m, "b")->kernel_why, "it is not shared as 'rx' is, and in the kernel all are shared alike");
	done(&m);

	m = make("(rx eth1) > (c: count) > (null); (rx eth0) > c");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "c")->in_kernel);
	CHECK_STR(node(&m, "c")->space, "tc:eth1,eth0");
	done(&m);

	m = make("(tcp) {-1->(null);-2->(null);-3->(null);-4->(null);-5->(null);-6->(null);-7->(null);"
		 "-8->(null);-9->(null)}");
	CHECK_EQ(m.r, 0);
	CHECK_STR(node(&m, "tcp")->kernel_why, "9 arrows leave it, in the kernel at most 8 can");
	done(&m);
}

TEST(with_workers)
{
	struct made m = make("set workers=4\n(tcp) -80-> (untcp) > (count) > (null)");

	CHECK_EQ(m.r, 0);
	CHECK_EQ(m.p->workers, 4);
	CHECK(node(&m, "tcp")->in_kernel);
	CHECK_EQ(node(&m, "tcp")->shard, 0);
	CHECK_EQ(node(&m, "untcp")->shard, 1);
	CHECK_STR(node(&m, "tcp")->out[0]->carrier, "array ring");
	done(&m);
}

static void refused(const char *text, const char *space, const char *why)
{
	struct made m = make(text);
	const struct sl_diag *d;
	char want[256];

	CHECK(m.r == -ENOSPC || m.r == -EINVAL);
	d = sl_diags_get(m.ds, 0);
	CHECK(d);
	CHECK_STR(d->code, "E141");
	snprintf(want, sizeof(want), "cannot run in space '%s'", space);
	CHECK(strstr(d->message, want));
	CHECK(d->n_labels && strstr(d->labels[0].text, why));
	CHECK(!m.p);
	done(&m);
}

TEST(orders)
{
	struct made m = make("(tcp)@kernel > (print)");

	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "tcp")->in_kernel);
	done(&m);
	m = make("(rx eth0)@xdp > (tcp)@xdp > (print)");
	CHECK_EQ(m.r, 0);
	CHECK_STR(node(&m, "tcp")->space, "xdp:eth0");
	done(&m);
	m = make("(rx eth0 hook=xdp) > (tcp)@xdp > (print)");
	CHECK_EQ(m.r, 0);
	done(&m);

	refused("(tcp)@xdp > (print)", "xdp", "the hook of its packets is tc");
	refused("(rx eth0 hook=xdp)@tc > (print)", "tc", "the hook of its packets is xdp");
	refused("(untcp)@kernel > (null)", "kernel", "'untcp' runs in: user");
	refused("(tcp)@user > (udp)@kernel > (null)", "kernel", "it follows 'tcp', which runs in user space");
	refused("(pcapin a.pcap) > (tcp)@kernel > (null)", "kernel", "its blocks come from 'pcapin'");
	refused("(untcp) > (count)@kernel > (null)", "kernel", "it follows 'untcp'");
	refused("set kernel=off\n(tcp)@kernel > (null)", "kernel", "it follows 'rx', which runs in user space");
	refused("(rx eth0 via=packet) > (tcp)@tc > (null)", "tc", "it follows 'rx'");
}

TEST(wishes)
{
	struct made m = make("(tcp)@kernel? > (count)@user? > (null)");

	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "tcp")->in_kernel);
	CHECK(!node(&m, "count")->in_kernel);
	CHECK(!has(sl_plan_text(m.p), "wish not met"));
	CHECK(m.p->choice.cost.total > 0 && m.p->choice.cost.total < 1e4);
	done(&m);
	m = make("(untcp)@kernel? > (null)");
	CHECK_EQ(m.r, 0);
	CHECK(has(sl_plan_text(m.p), "wish not met: untcp@kernel? runs in user: it has no kernel form"));
	done(&m);
	m = make("(tcp)@xdp? > (null)");
	CHECK_EQ(m.r, 0);
	CHECK(has(sl_plan_text(m.p), "wish not met: tcp@xdp?"));
	done(&m);
	/* a request without its source: who knows */
	m.ds = sl_diags_new();
	m.p = NULL;
	m.q = NULL;
	CHECK_EQ(sl_parse("(tcp)@kernel > (null)", NULL, &m.q, m.ds), 0);
	CHECK_EQ(sl_check(m.q, &(struct sl_options){ .size = sizeof(struct sl_options), .no_env = true,
						     .open_source = true }, m.ds), 0);
	done(&m);
}

TEST(every_placement_is_legal)
{
	static const char *const text = "(tcp) { -80-> (a: count) > (null); -443-> (b: count) > (c: count) > (null);"
					"-else-> (print) }";
	struct made m = make(text);
	unsigned int n, distinct = 0;
	char seen[64][128];

	CHECK_EQ(m.r, 0);
	n = sl_plan_placements(m.p);
	CHECK(n > 8 && n < 64);
	done(&m);
	for (unsigned int k = 0; k < n; k++) {
		char number[16];

		snprintf(number, sizeof(number), "%u", k);
		m = make_with(text, number, false);
		CHECK_EQ(m.r, 0);
		for (unsigned int i = 0; i < m.p->graph->n_nodes; i++) {
			const struct sl_node *at = m.p->graph->nodes[i];

			for (unsigned int j = 0; j < at->n_in; j++)
				CHECK(!at->in_kernel || at->in[j]->from->in_kernel);
			CHECK_EQ(at->in_kernel, strcmp(at->space, "user") != 0);
		}
		in_kernel(&m, seen[k], sizeof(seen[k]));
		for (unsigned int i = 0; i < k; i++)
			CHECK(strcmp(seen[i], seen[k]));
		distinct++;
		done(&m);
	}
	CHECK_EQ(distinct, n);
	CHECK_STR(seen[0], "rx");
	m = make_with(text, "user", false);
	in_kernel(&m, seen[0], sizeof(seen[0]));
	CHECK_STR(seen[0], "rx");
	done(&m);
	m = make_with(text, "max", false);
	in_kernel(&m, seen[0], sizeof(seen[0]));
	CHECK_STR(seen[0], "rx tcp a null b c null-2");
	done(&m);
	m = make_with(text, "64", false);
	CHECK_EQ(m.r, -EINVAL);
	CHECK(strstr(sl_diags_get(m.ds, 0)->message, "there is no placement '64'"));
	done(&m);
	m = make_with(text, "most", false);
	CHECK_EQ(m.r, -EINVAL);
	done(&m);
	m = make_with("(pcapin a.pcap) > (null)", "0", false);
	CHECK_EQ(m.r, 0);
	CHECK_EQ(sl_plan_placements(m.p), 1);
	done(&m);
}

TEST(what_the_kernel_rejects)
{
	struct made m = make("(tcp) -80-> (count) > (null)");
	char got[128];

	CHECK_EQ(m.r, 0);
	CHECK_EQ(sl_plan_reject(m.p, "count", "R3 invalid mem access"), 0);
	in_kernel(&m, got, sizeof(got));
	CHECK_STR(got, "rx tcp");
	CHECK_STR(node(&m, "count")->kernel_why, "the kernel refused it: R3 invalid mem access");
	CHECK_STR(node(&m, "count")->in[0]->carrier, "array ring");
	CHECK(has(sl_plan_text(m.p), "not chosen: count in the kernel, which refused it: R3 invalid mem access"));
	CHECK_EQ(sl_plan_reject(m.p, "count", "again"), -ENOENT);
	CHECK_EQ(sl_plan_reject(m.p, "nobody", "?"), -ENOENT);
	CHECK_EQ(sl_plan_reject(m.p, "rx", "no"), -ENOSPC);
	done(&m);
	m = make("(tcp)@kernel -80-> (count) > (null)");
	CHECK_EQ(m.r, 0);
	CHECK_EQ(sl_plan_reject(m.p, "tcp", "no"), -ENOSPC);
	in_kernel(&m, got, sizeof(got));
	CHECK_STR(got, "rx tcp count null");
	done(&m);
}

TEST(copies_are_cut_to_what_is_read)
{
	struct made m = make("(tcp) { -80-> (count)@user > (null); -443-> (untcp) > (null) }");

	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "count")->in[0]->need_bytes == 1);
	CHECK(node(&m, "untcp")->in[0]->need_bytes == 0);
	CHECK(has(sl_plan_text(m.p), "1 copy, not of its bytes"));
	done(&m);
	m = make("(ip)@user -tcp-> (tcp) -80-> (count) > (null)");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "ip")->in[0]->need_bytes == 1 && node(&m, "ip")->in[0]->need_headers);
	CHECK(has(sl_plan_text(m.p), "1 copy, of headers if found"));
	done(&m);
	m = make("(tcp)@user > (flows) { > (slice 96) > (pcapout x.pcap); -flow-> (jsonout f.json) }");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "tcp")->in[0]->need_bytes == 96 && node(&m, "tcp")->in[0]->need_headers);
	CHECK(has(sl_plan_text(m.p), "1 copy, of its first 96 and headers"));
	CHECK(has(sl_plan_json(m.p), "\"bytes\":\"first 96 and headers\""));
	done(&m);
	m = make("(flows)@user -flow-> (jsonout f.json)");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "flows")->in[0]->need_bytes == 1 && node(&m, "flows")->in[0]->need_headers);
	done(&m);
	/* a slice: what is read behind it lies in its bytes, and there are no more */
	m = make("(slice 60)@user > (tcp) > (print)");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "slice")->in[0]->need_bytes == 60 && !node(&m, "slice")->in[0]->need_headers);
	CHECK(has(sl_plan_text(m.p), "1 copy, of its first 60"));
	done(&m);
	m = make("(slice 60)@kernel > (print)");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "print")->in[0]->need_bytes == 60);
	done(&m);
	m = make("(slice 60)@user > (count) > (null)");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "slice")->in[0]->need_bytes == 1 && !node(&m, "slice")->in[0]->need_headers);
	done(&m);
	m = make("(slice 1000)@user > (tcp) > (null)");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "slice")->in[0]->need_bytes == 1 && node(&m, "slice")->in[0]->need_headers);
	done(&m);
	/* what hangs before it reads all */
	m = make("(count)@user { > (slice 60) > (null); > (print) }");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "count")->in[0]->need_bytes == 0);
	done(&m);
	m = make("(count)@user { > (null); > (print) }");
	CHECK_EQ(m.r, 0);
	CHECK(node(&m, "count")->in[0]->need_bytes == 0);
	done(&m);
}

TEST(copy_never)
{
	struct made m = make("(tcp) >[copy=never] (print)");

	CHECK_EQ(m.r, -EINVAL);
	CHECK_STR(sl_diags_get(m.ds, 0)->code, "E144");
	done(&m);
	m = make("(tcp) >[copy=never] (null)");
	CHECK_EQ(m.r, 0);
	done(&m);
}

TEST(settings_are_printed)
{
	struct made m = make("set kernel=off\n(tcp) > (null)");
	char *srl;

	CHECK_EQ(m.r, 0);
	srl = sl_plan_srl(m.p, false);
	CHECK(has(srl, "set kernel=off\n"));
	done(&m);
}

TEST_MAIN()
