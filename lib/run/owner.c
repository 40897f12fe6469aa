/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run/owner.c -- the process that owns the socket of a packet
 *
 * A packet names two ends. The one that is here leads to a socket, and that to a process:
 *
 *	ends -----------> socket ------------> process
 *	     the kernel is       programs that see sockets come and go (kern/owner.h);
 *	     asked (sock_diag)   else, for those from before, who holds it by /proc
 *
 *	ends ---------------------------------> process
 *	     a note that the programs leave when a socket is closed, with its time
 *
 * Packets are read a little after they were seen, so their sockets may be gone, and others
 * in their places: a note that was left after the packet's time counts more than what is
 * there now. A connection's last packets follow its end.
 *
 * A connection that was accepted is told by who waits for connections there: by his name, and when
 * it is found in his hands by his number too. Nothing is guessed. What several processes
 * hold has a name if they share it, and no number; packets that address translation
 * changed, and those for many (multicast), lead nowhere.
 *
 * Answers are remembered until a socket comes or goes anywhere, a second at most: so most
 * packets cost one look into a table.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kern/owner.h"
#include "net/sockets.h"
#include "run/run.h"

#define MEMO		16384u
#define MEMO_NS		1000000000u
#define SLACK_NS	1000000u	/* clocks are read one after the other */
#define LAST_NS		120000000000u	/* so long packets follow a connection's end */
#define READ_NS		20000000u	/* /proc is read at most so often, */
#define READ_SHARE	20		/* ... and one part in so many of the time */

struct memo {
	struct sl_ends ends;
	bool used, known;
	struct sl_owner who;
	uint64_t changes, asked_ns;
};

struct sl_owners {
	struct sl_kowners *kernel;	/* NULL: sockets of the moment alone */
	struct sl_sockets *sockets;
	struct sl_holders *holders;
	uint64_t read_ns, cost_ns;	/* when /proc was read, and how long that took */
	struct memo *memo;
	int8_t *node;			/* by id: do its packets come from here? 0: not asked, -1: no */
};

static uint64_t clock_at(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- setting up ------------------------------------------------------ */

static void read_holders(struct sl_owners *o)
{
	uint64_t now = clock_at(CLOCK_MONOTONIC);
	struct sl_holders *h;

	if (o->read_ns && (now - o->read_ns < READ_NS || now - o->read_ns < o->cost_ns * READ_SHARE))
		return;
	if (sl_holders_read(&h) == 0) {
		sl_holders_free(o->holders);
		o->holders = h;
	}
	o->read_ns = clock_at(CLOCK_MONOTONIC);
	o->cost_ns = o->read_ns - now;
}

/* Do all packets of a node come from interfaces of this machine? `asked`: the run is under way. */
static bool from_here(struct sl_run *r, const struct sl_node *n, bool asked)
{
	struct sl_iface_info info;
	bool all = true;

	if (!n->n_in)
		return n->type->flags & SL_F_LIVE &&
		       (!asked || (n->type->iface && r->main.inst[n->id] && n->type->iface(&r->main.inst[n->id]->f, 0, &info)));
	for (unsigned int k = 0; k < n->n_in; k++)
		all &= from_here(r, n->in[k]->from, asked);
	return all;
}

void sl_owner_want(struct sl_filter *f)
{
	struct sl_run *r = sl_inst(f)->run;
	struct sl_owners *o;
	char why[160] = "";

	if (r->owners)
		return;
	if (!from_here(r, sl_inst(f)->node, false)) {
		sl_saved(f, "%s: packets of no interface here have no processes", f->name);
		return;
	}
	o = calloc(1, sizeof(*o));
	if (o) {
		o->memo = calloc(MEMO, sizeof(*o->memo));
		o->node = calloc(r->graph->n_nodes, sizeof(*o->node));
	}
	if (!o || !o->memo || !o->node || sl_sockets_open(&o->sockets) < 0) {
		sl_saved(f, "processes: not known, the kernel tells nothing of sockets");
		sl_owners_free(o);
		return;
	}
	/* First who sees what changes, then what there is: nothing falls between. */
	if (sl_kowners_new(&o->kernel, why, sizeof(why)) < 0)
		sl_saved(f, "processes: those whose sockets are closed at once are not known (%s)", why);
	read_holders(o);
	r->owners = o;
}

void sl_owners_free(struct sl_owners *o)
{
	if (!o)
		return;
	sl_kowners_free(o->kernel);
	sl_sockets_close(o->sockets);
	sl_holders_free(o->holders);
	free(o->memo);
	free(o->node);
	free(o);
}

/* ---- sockets of the moment ------------------------------------------- */

static bool take(struct sl_owner *to, const char name[16], uint32_t pid)
{
	if (!*name)
		return false;
	*to = (struct sl_owner){ .pid = pid };
	memcpy(to->name, name, sizeof(to->name) - 1);
	return true;
}

static bool held(struct sl_owners *o, uint32_t inode, struct sl_owner *out)
{
	const struct sl_holder *h = inode && o->holders ? sl_holders_find(o->holders, inode) : NULL;

	if (!h && inode) {
		read_holders(o);
		h = o->holders ? sl_holders_find(o->holders, inode) : NULL;
	}
	return h && take(out, h->name, h->pid);
}

static bool owns(struct sl_owners *o, const struct sl_socket *s, struct sl_owner *out)
{
	struct sl_kowner w;

	if (o->kernel && sl_kowners_find(o->kernel, s->cookie, &w) == 0)
		return take(out, w.name, w.pid);
	return held(o, s->inode, out);
}

static bool owns_now(struct sl_owners *o, const struct sl_ends *e, int ifindex, const struct sl_socket *s,
		     struct sl_owner *out)
{
	struct sl_ends any = *e;
	struct sl_socket l;

	if (owns(o, s, out))
		return true;
	if (e->proto != IPPROTO_TCP || s->listens)
		return false;
	memset(any.remote, 0, sizeof(any.remote));
	any.rport = 0;
	if (sl_sockets_find(o->sockets, &any, ifindex, &l) < 0 || !l.listens || !owns(o, &l, out))
		return false;
	out->pid = 0;		/* several may wait at one port */
	return true;
}

/* ---- sockets that were closed ---------------------------------------- */

enum how { EXACTLY, BY_ADDRESS, BY_PORT };

/* The note of a closed socket, with its time; false: there is none. */
static bool gone(struct sl_owners *o, const struct sl_ends *e, enum how how, struct sl_owner *out, uint64_t *time_ns)
{
	struct sl_kowner_key k = { .lport = e->lport, .proto = e->proto, .family = e->v6 ? 6 : 4 };
	unsigned int at = e->v6 ? 0 : 12;
	struct sl_kowner_gone g;

	if (!o->kernel)
		return false;
	if (how != BY_PORT) {
		memcpy(k.local + at, e->local, 16 - at);
		memset(k.local + 10, 0xff, at ? 2 : 0);
	}
	if (how == EXACTLY) {
		k.rport = e->rport;
		memcpy(k.remote + at, e->remote, 16 - at);
		memset(k.remote + 10, 0xff, at ? 2 : 0);
	}
	if (sl_kowners_gone(o->kernel, &k, &g) < 0)
		return false;
	*time_ns = g.time_ns;
	return take(out, g.who.name, g.who.pid);
}

/* At `at_ns` of CLOCK_MONOTONIC. */
static bool find_out(struct sl_owners *o, const struct sl_ends *e, int ifindex, uint64_t at_ns, struct sl_owner *out)
{
	uint64_t closed = 0, other;
	struct sl_owner before;
	struct sl_socket s;
	bool was, is;

	was = gone(o, e, EXACTLY, &before, &closed);
	if (was && at_ns <= closed + SLACK_NS) {
		*out = before;
		return true;
	}
	is = sl_sockets_find(o->sockets, e, ifindex, &s) == 0;
	if (is && s.connected && owns_now(o, e, ifindex, &s, out))
		return true;
	for (enum how how = BY_ADDRESS; how <= BY_PORT; how++)
		if (gone(o, e, how, out, &other) && at_ns <= other + SLACK_NS)
			return true;
	if (is && !s.connected && owns_now(o, e, ifindex, &s, out))
		return true;
	if (!was || e->proto != IPPROTO_TCP || at_ns > closed + LAST_NS)
		return false;
	*out = before;
	return true;
}

/* ---- packets --------------------------------------------------------- */

static struct memo *memo_of(struct sl_owners *o, const struct sl_ends *e)
{
	uint64_t w[5], h = 0;

	_Static_assert(sizeof(*e) == sizeof(w), "no holes");
	memcpy(w, e, sizeof(w));
	for (unsigned int i = 0; i < 5; i++)
		h = (h ^ w[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 32;
	return &o->memo[h & (MEMO - 1)];
}

static int ifindex_of(struct sl_filter *f, unsigned int iface)
{
	struct sl_iface_info info;

	return sl_iface_info(f, iface, &info) && *info.name ? (int)if_nametoindex(info.name) : 0;
}

static bool find(struct sl_filter *f, struct sl_owners *o, const struct sl_ends *e, const struct sl_owner_ask *q,
		 struct sl_owner *out)
{
	uint64_t changes = o->kernel ? sl_kowners_changes(o->kernel) : 0, now = clock_at(CLOCK_MONOTONIC_COARSE), at;
	struct memo *m = memo_of(o, e);
	struct sl_owner who;
	bool same = m->used && !memcmp(&m->ends, e, sizeof(*e)), known;
	int ifindex;

	if (!same || m->changes != changes || now - m->asked_ns >= MEMO_NS) {
		ifindex = ifindex_of(f, q->iface);
		now = clock_at(CLOCK_MONOTONIC);
		at = q->time_ns ? q->time_ns - (clock_at(CLOCK_REALTIME) - now) : now;
		known = sl_sockets_here(o->sockets, e->v6, e->local, ifindex) && find_out(o, e, ifindex, at, &who);
		/* a connection that ended, of a socket that nobody has closed yet */
		if (!known && same && m->known && e->proto == IPPROTO_TCP) {
			known = true;
			who = m->who;
		}
		*m = (struct memo){ .ends = *e, .used = true, .known = known, .changes = changes, .asked_ns = now };
		if (known)
			m->who = who;
	}
	if (m->known)
		*out = m->who;
	return m->known;
}

bool sl_owner_find(struct sl_filter *f, const struct sl_owner_ask *q, struct sl_owner *out)
{
	struct sl_run *r = sl_inst(f)->run;
	struct sl_ends from = { .lport = q->sport, .rport = q->dport, .v6 = q->v6, .proto = q->proto }, to = from;
	struct sl_owners *o = r->owners;
	int8_t *here;

	if (!o || (q->proto != IPPROTO_TCP && q->proto != IPPROTO_UDP))
		return false;
	here = &o->node[sl_inst(f)->node->id];
	if (!*here)
		*here = from_here(r, sl_inst(f)->node, true) ? 1 : -1;
	if (*here < 0)
		return false;
	memcpy(from.local, q->src, 16);
	memcpy(from.remote, q->dst, 16);
	memcpy(to.local, q->dst, 16);
	memcpy(to.remote, q->src, 16);
	to.lport = q->dport;
	to.rport = q->sport;
	if (q->flags & SL_B_OUT)
		return find(f, o, &from, q, out);
	return (!(q->flags & SL_B_IN) && find(f, o, &from, q, out)) || find(f, o, &to, q, out);
}
