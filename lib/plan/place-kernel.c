/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/place-kernel.c -- which filters run in the kernel
 *
 * The kernel's part begins at live sources and ends at the ring: nothing comes back into
 * it from user space. First each filter is asked, in order, what keeps it out (its form,
 * its parameters, what is before it, an order); the first reason found stays with it for
 * printing. What is left is a problem for plan/solve.h: the legal placement that takes
 * least processor time per frame, on both sides of the ring together; of equals the one
 * whose busier side is less busy, as that side sets the rate. Nothing else is weighed: a
 * frame dropped in the kernel is neither copied nor read, which is nearly always what
 * decides.
 *
 * A live source whose carrier is a ring is always in the kernel, as the ring's writer is;
 * ordered into user space, it brings packets by a socket. @kernel is an order, and one
 * that cannot be obeyed an error with the reason; @kernel? makes the filter worth much more
 * in the kernel than it could cost there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kern/abi.h"
#include "kern/ask.h"
#include "plan/plan.h"

#define STAGES_MAX	24u
#define PLACEMENTS_MAX	65536u
#define WISH_NS		1e5	/* what a wish is worth */

enum hook { HOOK_NONE, HOOK_TC, HOOK_XDP, HOOK_BOTH };

struct spot {			/* by node id */
	enum hook hook;
	const char *devices;	/* of the live sources before it: "eth0, eth1" */
	bool in_the_way;	/* some of these take packets away: mode=inline */
	bool open;		/* it is at, or behind, a start without a source (check) */
	double rate;		/* blocks that come in, per frame */
};

struct job {
	struct sl_plan *p;
	struct sl_graph *g;
	struct sl_diags *ds;
	struct spot *spot;
	struct sl_solve s;
	struct sl_solve_node *node;	/* by order */
	struct sl_solve_arrow *arrow;
	const struct sl_cost_border *border;
	bool failed;
};

/* ---- parameters of live sources ---------------------------------------- */

static const struct sl_param *param(const struct sl_node *n, const char *name)
{
	for (const struct sl_param *p = n->type->params; p && p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

static bool choice_is(const struct sl_node *n, const char *name, const char *value)
{
	const struct sl_param *p = param(n, name);

	return p && p->type == SL_P_CHOICE &&
	       !strcmp(p->choices[*(const int *)((const char *)n->state + p->off)], value);
}

/* Say hook=tc for a source with @tc. False: it has another hook, or none of that name. */
static bool choose_hook(struct sl_node *n, const char *hook)
{
	const struct sl_param *p = param(n, "hook");

	if (!p || p->type != SL_P_CHOICE)
		return false;
	if (!choice_is(n, "hook", "auto"))
		return choice_is(n, "hook", hook);
	for (int i = 0; p->choices[i]; i++)
		if (!strcmp(p->choices[i], hook)) {
			*(int *)((char *)n->state + p->off) = i;
			return true;
		}
	return false;
}

const char *sl_live_device(const struct sl_node *n)
{
	const struct sl_param *p = n->type->params;
	const char *dev = p && p->name && p->type == SL_P_STRING
				  ? *(const char *const *)((const char *)n->state + p->off) : NULL;

	return dev ? dev : "";
}

/* The name by which other processes read what it captures, NULL: they do not. They read an array. */
static const char *shared_as(const struct sl_node *n)
{
	const struct sl_param *p = param(n, "share");

	return p && p->type == SL_P_STRING ? *(const char *const *)((const char *)n->state + p->off) : NULL;
}

static uint64_t size_of(const struct sl_node *n, const char *name)
{
	const struct sl_param *p = param(n, name);

	return p && p->type == SL_P_SIZE ? *(const uint64_t *)((const char *)n->state + p->off) : 0;
}

uint64_t sl_live_buffer(const struct sl_node *n)
{
	return size_of(n, "buffer");
}

bool sl_live_inline(const struct sl_node *n)
{
	return choice_is(n, "mode", "inline");
}

bool sl_live_by_socket(const struct sl_node *n)
{
	return (choice_is(n, "via", "auto") || choice_is(n, "via", "packet") || choice_is(n, "via", "tpacket")) &&
	       !sl_live_inline(n);
}

bool sl_live_sees_out(const struct sl_node *n)
{
	return !sl_live_inline(n) && !choice_is(n, "hook", "xdp") && !choice_is(n, "direction", "in");
}

static enum hook hook_of(const struct sl_node *n)
{
	return choice_is(n, "hook", "xdp") || sl_live_inline(n) ? HOOK_XDP : HOOK_TC;
}

/* ---- what keeps a filter out -------------------------------------------- */

static bool is_live(const struct sl_node *n)
{
	return n->type->flags & SL_F_LIVE;
}

static bool wants_kernel(const struct sl_node *n)
{
	return n->want_space && (!strcmp(n->want_space, "kernel") || !strcmp(n->want_space, "tc") ||
				 !strcmp(n->want_space, "xdp"));
}

static bool wants_user(const struct sl_node *n)
{
	return n->want_space && !strcmp(n->want_space, "user");
}

static const char *say(struct job *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static const char *say(struct job *j, const char *fmt, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = sl_arena_vprintf(j->g->arena, fmt, ap);
	va_end(ap);
	if (!text)
		j->failed = true;
	return text ? text : "out of memory";
}

/* Hook and devices of what is before it. */
static void inherit(struct job *j, const struct sl_node *n)
{
	struct spot *at = &j->spot[n->id];

	if (!n->n_in) {
		at->open = n->type->in != 0 && !n->type->pull;
		at->hook = is_live(n) ? hook_of(n) : HOOK_NONE;
		at->devices = is_live(n) ? sl_live_device(n) : "";
		at->in_the_way = is_live(n) && sl_live_inline(n);
	}
	for (unsigned int i = 0; i < n->n_in; i++) {
		const struct spot *from = &j->spot[n->in[i]->from->id];

		at->open |= from->open;
		at->in_the_way |= from->in_the_way;
		if (!at->devices || !*at->devices)
			at->devices = from->devices;
		else if (strcmp(at->devices, from->devices))
			at->devices = say(j, "%s,%s", at->devices, from->devices);
		if (at->hook == HOOK_NONE)
			at->hook = from->hook;
		else if (from->hook != at->hook && from->hook != HOOK_NONE)
			at->hook = HOOK_BOTH;
	}
}

static const char *why_not_arrows(struct job *j, const struct sl_node *n)
{
	if (n->n_out > SL_K_ARROWS)
		return say(j, "%u arrows leave it, in the kernel at most %d can", n->n_out, SL_K_ARROWS);
	for (unsigned int i = 0; i < n->n_out; i++)
		if (n->out[i]->tags.n_terms > SL_K_TERMS)
			return say(j, "the arrow -%s-> has %u classes, in the kernel it can have %d",
				   n->out[i]->tags.text, n->out[i]->tags.n_terms, SL_K_TERMS);
	return NULL;
}

/* Why the filter cannot be in the kernel whatever else is; NULL: it can. */
static const char *why_not(struct job *j, struct sl_node *n)
{
	const struct spot *at = &j->spot[n->id];
	char why[256];

	if (n->rejected)
		return say(j, "the kernel refused it: %s", n->rejected);
	if (!n->type->kernel)
		return "it has no kernel form";
	if (sl_kernel_ask_at(n->type, n->state, n->shared,
			     at->hook != HOOK_XDP ? SL_KERNEL_TC : at->in_the_way ? SL_KERNEL_XDP : SL_KERNEL_XDP_TAP,
			     why, sizeof(why)))
		return say(j, "%s", why);
	if (!n->n_in && !is_live(n))
		return n->type->in ? "no live source is before it" : "only live sources begin in the kernel";
	for (unsigned int i = 0; i < n->n_in; i++) {
		const struct sl_node *from = n->in[i]->from;

		if (!from->kernel_why && !(wants_user(from) && !from->wish)) {
			if (from->type->flags & SL_F_UNDECIDED)
				return say(j, "it follows '%s', which leaves some packets undecided in the kernel",
					   from->name);
			continue;
		}
		if (!from->n_in && !is_live(from))
			return say(j, "its blocks come from '%s', not live from an interface", from->name);
		return say(j, "it follows '%s', which runs in user space", from->name);
	}
	if (n->type->inputs)
		return "it has several inputs";
	if (n->n_in && n->in_type != SL_PACKET)
		return n->in_type == SL_BYTES ? "it takes byte streams" : "it takes records";
	if (j->g->kernel_off)
		return "set kernel=off";
	if (j->p->no_kernel)
		return j->p->no_kernel;
	return why_not_arrows(j, n);
}

/* ---- the machine --------------------------------------------------------- */

static const struct sl_cost_border *border_of(const struct sl_plan *p, const char *name)
{
	static const struct sl_cost_border none = { .name = "" };
	const struct sl_cost_border *b = sl_costs_border(p->costs, name);

	return b ? b : &none;
}

static const struct {		/* in order of preference */
	enum sl_kcap cap;
	const char *via, *ring;	/* via= of rx, which is also the name of its costs */
} rings[] = {
	{ SL_CAP_ARENA, "arena", "arena ring" },
	{ SL_CAP_ARRAY, "array", "array ring" },
	{ SL_CAP_RINGBUF, "ringbuf", "BPF ring buffer" },
};

#define N_RINGS	(sizeof(rings) / sizeof(rings[0]))

/* The ring that carries from the kernel, or why there is none. */
static void choose_ring(struct job *j)
{
	const struct sl_kernel_caps *caps;
	unsigned int may = (1u << N_RINGS) - 1, asked, i;
	const char *why = "";
	bool any = false, shared = false;

	bool segments = false;
	unsigned int order[N_RINGS];

	j->p->ring = j->p->no_ring = j->p->no_kernel = NULL;
	j->border = border_of(j->p, rings[0].via);
	for (unsigned int k = 0; k < j->g->n_nodes; k++) {
		const struct sl_node *n = j->g->nodes[k];

		if (!is_live(n))
			continue;
		any = true;
		for (asked = 0, i = 0; i < N_RINGS; i++)
			asked |= choice_is(n, "via", rings[i].via) ? 1u << i : 0;
		may &= asked ? asked : may;
		for (i = 0; i < N_RINGS && shared_as(n); i++)
			may &= strcmp(rings[i].via, "array") ? ~(1u << i) : may;
		shared |= shared_as(n) != NULL;
		segments |= sl_array_first(hook_of(n) == HOOK_TC ? SL_KERNEL_TC : SL_KERNEL_XDP, size_of(n, "snap"));
	}
	if (!any)
		return;		/* and nothing is tried: that takes ten times as long as all else here */
	caps = j->p->no_env ? NULL : sl_kernel_probe();
	if (caps && !caps->works[SL_CAP_BPF])
		j->p->no_kernel = say(j, "programs cannot be loaded into the kernel: %s", caps->why[SL_CAP_BPF]);
	else if (!may)
		j->p->no_kernel = "its sources ask for different rings";
	if (j->p->no_kernel)
		return;
	for (i = 0; i < N_RINGS; i++)
		order[i] = segments && i < 2 ? !i : i;
	for (asked = 0; asked < N_RINGS; asked++) {
		i = order[asked];
		if (!(may & 1u << i))
			continue;
		if (!caps || caps->works[rings[i].cap])
			break;
		why = say(j, "%s%sno %s: %s", why, *why ? "; " : "", rings[i].ring, caps->why[rings[i].cap]);
	}
	if (asked == N_RINGS) {
		j->p->no_kernel = say(j, "no ring can be had: %s", why);
		return;
	}
	j->p->ring = rings[i].ring;
	j->border = border_of(j->p, rings[i].via);
	if (shared)
		j->p->no_ring = "as other processes read it too, share=";
	else if (i && may == 1u << i)
		j->p->no_ring = say(j, "as asked for, via=%s", rings[i].via);
	else if (*why)
		j->p->no_ring = why;
	else if (segments)
		j->p->no_ring = "as merged segments of up to 64 KiB are copied straight into it";
}

/* ---- the problem ---------------------------------------------------------- */

static double of_bytes(const struct sl_cost *c, double bytes)
{
	return c->block_ns + c->byte_ns * bytes;
}

/* Of the blocks that a node takes in, those that an arrow takes. Nobody knows which classes
 * there will be: each arrow with tags gets the same part, and what has none its own. */
static double share_of(const struct sl_plan *p, const struct sl_stream *s)
{
	double pass = sl_costs_filter(p->costs, s->from->type->name).pass;
	unsigned int tagged = 0;

	if (s->tags.plain || s->tags.any)
		return pass;
	if (s->tags.n_terms && s->tags.terms[0].port)
		return 0.1;
	for (unsigned int i = 0; i < s->from->n_out; i++)
		tagged += !s->from->out[i]->tags.plain && !s->from->out[i]->tags.any &&
			  !s->from->out[i]->tags.other;
	return pass / (tagged + 1);
}

/* Of a frame that crosses the border here. */
static double carried_bytes(const struct sl_stream *s, double frame)
{
	double bytes = s->need_bytes ? s->need_bytes : frame;

	if (s->need_headers && bytes < SL_HEADERS_BYTES)
		bytes = SL_HEADERS_BYTES;
	return bytes < frame ? bytes : frame;
}

static void fill_node(struct job *j, const struct sl_node *n, unsigned int k)
{
	const struct sl_plan *p = j->p;
	const struct sl_cost_filter c = sl_costs_filter(p->costs, n->type->name);
	double frame = p->costs->frame_bytes, bytes, rate = j->spot[n->id].rate;
	struct sl_solve_node *x = &j->node[k];

	x->entry = !n->n_in;
	x->can = !n->kernel_why;
	x->must_not = wants_user(n) && !n->wish;
	x->must = (x->entry && x->can && !x->must_not) || (wants_kernel(n) && !n->wish && !n->kernel_why);
	if (x->entry)
		x->frames = rate;
	x->user = rate * (of_bytes(&c.user, frame) + p->costs->call_ns);
	x->kernel = rate * (of_bytes(&c.kernel, frame) + p->costs->tail_call_ns);
	if (x->entry && is_live(n)) {
		const struct sl_cost_border *socket = border_of(p, "tpacket");

		x->user += rate * (of_bytes(&socket->write, frame) + of_bytes(&socket->read, frame));
	}
	bytes = n->n_in ? carried_bytes(n->in[0], frame) : frame;
	x->write = of_bytes(&j->border->write, bytes);
	x->read = of_bytes(&j->border->read, bytes);
	if (n->wish && wants_kernel(n))
		x->kernel -= WISH_NS;
	if (n->wish && wants_user(n))
		x->user -= WISH_NS;
}

static void fill(struct job *j)
{
	struct sl_graph *g = j->g;
	unsigned int live = 0;

	for (unsigned int k = 0; k < g->n_nodes; k++)
		live += is_live(g->nodes[k]);
	j->s.node = j->node;
	j->s.arrow = j->arrow;
	j->s.n_nodes = g->n_nodes;
	j->s.n_arrows = 0;
	j->s.stages = STAGES_MAX;
	for (unsigned int k = 0; k < g->n_nodes; k++) {
		struct sl_node *n = g->sorted[k];
		struct spot *at = &j->spot[n->id];

		if (is_live(n))
			at->rate = 1.0 / live;
		fill_node(j, n, k);
		for (unsigned int i = 0; i < n->n_out; i++) {
			struct sl_stream *s = n->out[i];
			double share = share_of(j->p, s);

			j->spot[s->to->id].rate += at->rate * share;
			j->arrow[j->s.n_arrows++] = (struct sl_solve_arrow){
				.from = k, .to = s->to->order, .share = share,
				.cross = at->rate * share * j->p->costs->crossing_ns,
			};
		}
	}
}

/* ---- orders ---------------------------------------------------------------- */

static void cannot(struct job *j, const struct sl_node *n, const char *why)
{
	struct sl_diag_new *d = sl_err(j->ds, "E141", n->space_span, "'%s' cannot run in space '%s'",
				       n->type->name, n->want_space);

	sl_err_label(d, n->type->kernel ? "'%s' runs in: user, kernel; but here: %s" : "'%s' runs in: user",
		     n->type->name, why);
	sl_err_fix(d, "@%s?", n->want_space);
	sl_err_note(d, "drop '@%s', or write '@%s?' to prefer it and accept less", n->want_space, n->want_space);
}

/* @tc, @xdp: at a source they choose the hook, elsewhere they must agree with it. */
static const char *why_not_hook(struct job *j, struct sl_node *n)
{
	const char *want = n->want_space;
	const struct spot *at = &j->spot[n->id];

	if (!strcmp(want, "kernel") || n->kernel_why || at->hook == HOOK_NONE)
		return NULL;
	if ((at->hook == HOOK_XDP) == !strcmp(want, "xdp"))
		return NULL;
	return say(j, "the hook of its packets is %s", at->hook == HOOK_XDP ? "xdp" : "tc");
}

static bool obey(struct job *j)
{
	bool ok = true;

	for (unsigned int k = 0; k < j->g->n_nodes; k++) {
		struct sl_node *n = j->g->sorted[k];
		const char *why;

		if (!wants_kernel(n))
			continue;
		why = n->kernel_why ? n->kernel_why : why_not_hook(j, n);
		if (!why || j->spot[n->id].open)
			continue;
		if (n->wish) {
			n->kernel_why = why;
			continue;
		}
		cannot(j, n, why);
		ok = false;
	}
	return ok;
}

/* ---- solving ---------------------------------------------------------------- */

/* A placement by name or number. */
static int chosen(struct job *j, const char *what, bool *in)
{
	struct sl_diag_new *d;
	char *end;
	unsigned long k;
	int r = -ENOENT;

	if (!strcmp(what, "user"))
		return sl_solve_nth(&j->s, 0, in);
	if (!strcmp(what, "max"))
		return sl_solve_most(&j->s, in);
	k = strtoul(what, &end, 10);
	if (*what >= '0' && *what <= '9' && !*end && k < PLACEMENTS_MAX)
		r = sl_solve_nth(&j->s, (unsigned int)k, in);
	if (r == -ENOENT) {
		d = sl_err(j->ds, "E124", (struct sl_span){ 0 }, "there is no placement '%s'", what);
		sl_err_note(d, "there are: auto, user, max, and 0 to %u", j->p->choice.placements - 1);
		r = -EINVAL;
	}
	return r;
}

/* What wishes are worth is no cost to be printed. */
static void forget_wishes(struct job *j)
{
	for (unsigned int k = 0; k < j->g->n_nodes; k++) {
		const struct sl_node *n = j->g->sorted[k];

		if (n->wish && wants_kernel(n))
			j->node[k].kernel += WISH_NS;
		if (n->wish && wants_user(n))
			j->node[k].user += WISH_NS;
	}
}

static int solve(struct job *j, bool *in)
{
	struct sl_plan_choice *c = &j->p->choice;
	bool *other = calloc(j->s.n_nodes + 1, sizeof(*other));
	const char *what = j->p->placement && strcmp(j->p->placement, "auto") ? j->p->placement : NULL;
	int r = other ? 0 : -ENOMEM;

	*c = (struct sl_plan_choice){ .chosen_by_cost = !what };
	if (!r)
		r = sl_solve_count(&j->s, PLACEMENTS_MAX, &c->placements);
	if (!r && !c->placements)
		r = -ENOENT;
	if (!r)
		r = what ? chosen(j, what, in) : sl_solve(&j->s, in, &c->cost, &c->proven);
	forget_wishes(j);
	if (!r)
		r = sl_solve_cost(&j->s, in, &c->cost);
	if (!r)
		r = sl_solve_nth(&j->s, 0, other);
	if (!r)
		r = sl_solve_cost(&j->s, other, &c->least);
	if (!r)
		r = sl_solve_most(&j->s, other);
	if (!r)
		r = sl_solve_cost(&j->s, other, &c->most);
	c->has_most = !r && memcmp(other, in, j->s.n_nodes * sizeof(*in));
	free(other);
	return r;
}

/* More is ordered there than has room: the first of it is told. */
static void no_room(struct job *j)
{
	for (unsigned int k = 0; k < j->g->n_nodes; k++)
		if (wants_kernel(j->g->sorted[k]) && !j->g->sorted[k]->wish) {
			cannot(j, j->g->sorted[k],
			       say(j, "more than %u stages, or %u ways out, would be in the kernel", STAGES_MAX,
				   (unsigned int)SL_K_ENTRIES));
			return;
		}
}

static const char *why_in(struct job *j, const struct sl_node *n)
{
	if (!n->n_in)
		return sl_live_inline(n) ? "inline: what no arrow takes goes on to the stack"
					 : "a tap: the traffic goes on as before";
	if (wants_kernel(n) && !n->wish)
		return "as asked for; it has a kernel form";
	if (!n->n_out && !n->type->out && !n->type->ports)
		return "it has a kernel form; no packet needs to leave the kernel for it";
	if (sl_costs_filter(j->p->costs, n->type->name).pass < 1)
		return "it has a kernel form; what it screens out is not copied";
	return "it has a kernel form, as all before it";
}

static void annotate(struct job *j, const bool *in)
{
	j->p->n_kernel = 0;
	for (unsigned int k = 0; k < j->g->n_nodes; k++) {
		struct sl_node *n = j->g->sorted[k];
		const struct spot *at = &j->spot[n->id];

		n->in_kernel = in[k];
		if (!in[k])
			continue;
		j->p->n_kernel++;
		n->space = say(j, "%s:%s", at->hook == HOOK_XDP ? "xdp" : "tc", at->devices);
		n->why = why_in(j, n);
	}
	if (!j->p->n_kernel)
		j->p->ring = NULL;
}

/*
 * All that is in the kernel is one part, with one hook and one set of rings: why a live source
 * cannot begin there beside the first one; NULL: it can.
 */
static const char *why_not_beside(struct job *j, const struct sl_node *first, const struct sl_node *n)
{
	const char *a = shared_as(first), *b = shared_as(n);

	if (hook_of(first) != hook_of(n))
		return say(j, "'%s' is at another hook, and in the kernel all are at one", first->name);
	if (sl_live_inline(first) != sl_live_inline(n))
		return say(j, "of '%s' and this one only one takes packets away, and in the kernel all do or none",
			   first->name);
	if (!a != !b || (a && strcmp(a, b)))
		return say(j, "it is not shared as '%s' is, and in the kernel all are shared alike", first->name);
	return NULL;
}

/* Which of all live sources can begin in the kernel, which filters follow. */
static void examine(struct job *j)
{
	const struct sl_node *first = NULL;

	for (unsigned int k = 0; k < j->g->n_nodes; k++) {
		struct sl_node *n = j->g->sorted[k];

		n->in_kernel = false;
		if (is_live(n) && wants_kernel(n) && strcmp(n->want_space, "kernel"))
			choose_hook(n, n->want_space);
	}
	for (unsigned int k = 0; k < j->g->n_nodes; k++) {
		struct sl_node *n = j->g->sorted[k];

		inherit(j, n);
		n->kernel_why = why_not(j, n);
		if (!is_live(n) || n->kernel_why || (wants_user(n) && !n->wish))
			continue;
		if (first)
			n->kernel_why = why_not_beside(j, first, n);
		else
			first = n;
	}
}

/*
 * A packet leaves the kernel at most SL_K_ENTRIES times. Where more is possible: the last filter from
 * which it leaves, which then is better off in user space. NULL: it is not possible.
 */
static struct sl_node *leaves_too_often(struct job *j, const bool *in)
{
	unsigned int *ways = calloc(j->g->n_nodes + 1, sizeof(*ways)), all = 0;
	struct sl_node *last = NULL;

	if (!ways) {
		j->failed = true;
		return NULL;
	}
	for (unsigned int k = 0; k < j->g->n_nodes; k++)
		j->g->sorted[k]->in_kernel = in[k];
	for (unsigned int k = 0; k < j->g->n_nodes; k++) {
		struct sl_node *n = j->g->sorted[k];

		if (!n->in_kernel)
			continue;
		if (!n->n_in) {
			ways[n->id]++;
			all += shared_as(n) != NULL;
		}
		for (unsigned int o = 0; o < n->n_out; o++) {
			const struct sl_node *to = n->out[o]->to;

			if (to->in_kernel) {
				ways[to->id] += ways[n->id];
				continue;
			}
			all += ways[n->id];
			last = n->n_in ? n : last;
		}
	}
	free(ways);
	return all > SL_K_ENTRIES ? last : NULL;
}

static int place(struct job *j)
{
	struct sl_node *n;
	bool *in = calloc(j->g->n_nodes + 1, sizeof(*in));
	bool any = false;
	int r = 0;

	if (!in)
		return -ENOMEM;
	choose_ring(j);
	examine(j);
	if (!obey(j))
		r = -ENOSPC;
	for (unsigned int k = 0; k < j->g->n_nodes; k++)
		any |= !j->g->sorted[k]->kernel_why;
	j->p->choice = (struct sl_plan_choice){ .placements = 1, .proven = true, .chosen_by_cost = true };
	if (!r) {
		fill(j);
		if (any || j->p->placement)
			r = solve(j, in);
		while (!r && (n = leaves_too_often(j, in)) != NULL) {
			n->kernel_why = say(j, "a packet could leave the kernel more than %u times",
					    (unsigned int)SL_K_ENTRIES);
			fill(j);
			r = solve(j, in);
		}
		if (r == -ENOENT) {
			no_room(j);
			r = -ENOSPC;
		}
	}
	if (!r)
		annotate(j, in);
	free(in);
	return r ? r : j->failed ? -ENOMEM : 0;
}

int sl_place_kernel(struct sl_plan *p, struct sl_diags *ds)
{
	struct sl_graph *g = p->graph;
	struct job j = { .p = p, .g = g, .ds = ds };
	int r = -ENOMEM;

	j.spot = calloc(g->n_nodes + 1, sizeof(*j.spot));
	j.node = calloc(g->n_nodes + 1, sizeof(*j.node));
	j.arrow = calloc(g->n_streams + 1, sizeof(*j.arrow));
	if (j.spot && j.node && j.arrow)
		r = place(&j);
	free(j.spot);
	free(j.node);
	free(j.arrow);
	return r;
}

unsigned int sl_plan_placements(const struct sl_plan *p)
{
	return p->choice.placements;
}
