/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan/words.c -- words about a plan that people and programs are told alike */
#include <stdio.h>
#include <string.h>

#include "core/human.h"
#include "plan/plan.h"

const char *sl_stream_type_name(unsigned int type)
{
	switch (type) {
	case SL_PACKET:
		return "packet";
	case SL_BYTES:
		return "bytes";
	case SL_RECORD:
		return "record";
	default:
		return "";
	}
}

const char *sl_origin_name(enum sl_origin o)
{
	static const char *const text[] = { "by default", "from the request", "supplied" };

	return text[o];
}

/* "kernel" is met by "tc:eth0", "xdp" by "xdp:eth0". */
bool sl_wish_missed(const struct sl_node *n)
{
	size_t len;

	if (!n->wish || !n->want_space || !n->space)
		return false;
	if (!n->in_kernel || !strcmp(n->want_space, "user"))
		return strcmp(n->want_space, n->space) != 0;
	len = strlen(n->want_space);
	return strcmp(n->want_space, "kernel") && (strncmp(n->space, n->want_space, len) || n->space[len] != ':');
}

static void need_rights(const struct sl_node *n, void (*say)(void *arg, const char *text), void *arg)
{
	if (!(n->type->flags & SL_F_LIVE))
		return;
	if (!n->in_kernel) {
		say(arg, "CAP_NET_RAW");
		return;
	}
	say(arg, "CAP_BPF");
	say(arg, "CAP_PERFMON");
	say(arg, "CAP_NET_ADMIN");
}

void sl_node_needs(const struct sl_node *n, void (*say)(void *arg, const char *text), void *arg)
{
	char buf[4200];

	need_rights(n, say, arg);
	for (unsigned int i = 0; i < n->n_bound; i++) {
		const struct sl_bound *b = &n->bound[i];
		bool in = b->param->type == SL_P_IN_FILE;

		if ((!in && b->param->type != SL_P_OUT_FILE) || !b->text || !*b->text)
			continue;
		if (!strcmp(b->text, "-"))
			snprintf(buf, sizeof(buf), in ? "standard input" : "standard output");
		else
			snprintf(buf, sizeof(buf), "%s %s", in ? "read" : "write", b->text);
		say(arg, buf);
	}
}

double sl_plan_rate(const struct sl_plan *p)
{
	const struct sl_solve_cost *c = &p->choice.cost;
	double busier = c->kernel > c->user ? c->kernel : c->user;

	return p->n_kernel && busier > 0 ? 1e9 / busier : 0;
}

/* What else there was for the filters that could be in the kernel. */
static void other_placements(const struct sl_plan *p, void (*say)(void *arg, const char *text), void *arg)
{
	const struct sl_plan_choice *c = &p->choice;
	char buf[200];

	if (!c->chosen_by_cost && c->placements > 1)
		say(arg, "the cheapest placement: another one was asked for");
	if (sl_solve_compare(&c->least, &c->cost)) {
		snprintf(buf, sizeof(buf), "all filters in user space: %.0f ns for each frame in place of %.0f",
			 c->least.total, c->cost.total);
		say(arg, buf);
	}
	if (c->has_most && sl_solve_compare(&c->most, &c->cost)) {
		snprintf(buf, sizeof(buf), "as many filters in the kernel as can be: %.0f ns for each frame in "
			 "place of %.0f", c->most.total, c->cost.total);
		say(arg, buf);
	}
	if (!c->proven && c->chosen_by_cost)
		say(arg, "placements that were not looked at: there are too many, this is the best of those tried");
}

static void why_no_kernel(const struct sl_plan *p, void (*say)(void *arg, const char *text), void *arg)
{
	const struct sl_graph *g = p->graph;
	bool form = false, live = false;
	char buf[400];

	for (unsigned int i = 0; i < g->n_nodes; i++) {
		form |= g->nodes[i]->type->kernel != NULL;
		live |= g->nodes[i]->type->flags & SL_F_LIVE;
	}
	if (!form)
		say(arg, "spaces other than user: no filter here has a form for them");
	else if (!live)
		say(arg, "the kernel: only what comes live from an interface (-i) can be there");
	else if (p->no_kernel) {
		snprintf(buf, sizeof(buf), "the kernel: %s", p->no_kernel);
		say(arg, buf);
	}
	for (unsigned int i = 0; live && !p->no_kernel && i < g->n_nodes; i++) {
		const struct sl_node *n = g->nodes[i];

		if (!(n->type->flags & SL_F_LIVE))
			continue;
		snprintf(buf, sizeof(buf), "the kernel: %s: %s", n->name,
			 n->kernel_why ? n->kernel_why : "as asked for");
		say(arg, buf);
	}
}

void sl_plan_not_chosen(const struct sl_plan *p, void (*say)(void *arg, const char *text), void *arg)
{
	const struct sl_graph *g = p->graph;
	bool shared = false;
	char buf[512];

	for (unsigned int i = 0; i < g->n_nodes; i++)
		shared |= (g->nodes[i]->type->flags & SL_F_SHARD) && g->nodes[i]->in_type && !g->nodes[i]->in_kernel;
	if (p->workers > 1)
		snprintf(buf, sizeof(buf), "one thread: %u workers %s", p->workers,
			 p->workers_why && *p->workers_why ? p->workers_why : "were asked for");
	else
		snprintf(buf, sizeof(buf), "several workers: %s",
			 shared ? "one is the default; workers=N or -j N splits by flow, by 2 more borders"
				: "no filter here can be split by flow");
	say(arg, buf);
	if (p->n_kernel)
		other_placements(p, say, arg);
	else
		why_no_kernel(p, say, arg);
	for (unsigned int i = 0; i < g->n_nodes; i++) {
		const char *words = g->nodes[i]->rejected;

		if (!words)
			continue;
		snprintf(buf, sizeof(buf), "%s in the kernel, which refused it: %.400s", g->nodes[i]->name, words);
		say(arg, buf);
	}
	if (p->costs_why) {
		snprintf(buf, sizeof(buf), "the costs measured here: %.400s", p->costs_why);
		say(arg, buf);
	}
}
