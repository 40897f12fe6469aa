/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/rx-ring.c -- packets from programs in the kernel, by rings that both sides map
 *
 * What the plan put into the kernel is loaded as one part (kern/part.h) and hooked to
 * the interfaces. Blocks point into the rings. A ring is looked at as sixteen
 * windows, each a counted segment: when nobody uses a window any more, and none
 * before it, the programs may write there again.
 *
 *	|---- w ----|--- w+1 ---|--- w+2 ---|- ...
 *	 in use      let go      being read
 *	^ tail: stays here until w is let go
 *
 * When to look: to be woken costs as much as hundreds of packets, so after a round the
 * reader naps, so long that the next round should bring a sixteenth of a ring, and no longer
 * than `delay`; a ring that fills in the meantime rings the bell. Where packets come less often
 * than that, it sleeps until the next one, and costs nothing. Programs publish without a full
 * fence, so one packet may pass just as the reader lies down, neither seen nor rung for: it
 * looks once more after a millisecond, without getting up, as lying down again would be the same once more.
 *
 * Where other processes read the same rings, nobody is waited for, and this reader copies packets
 * out as they do (rx-gulp.h).
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kern/ask.h"
#include "rx-gulp.h"
#include "rx-missed.h"
#include "rx-replay.h"
#include "rx-share.h"
#include "rx.h"
#include "run/kernel.h"

#define WINDOWS		16u
#define LENT		(1u << 24)	/* more than the blocks of a window */
#define NAP_MIN_NS	50000
#define ROUND		16	/* a round is to bring this part of a ring */
#define REPLAY_XDP_MAX	3500	/* longer ones would be fed cut */
#define RING_BYTES	(8u << 20)	/* stays in a cache; all together take RINGS_BYTES at most */
#define RINGS_BYTES	(256u << 20)
#define NOD_NS		1000000
#define WATCH_NS	100000000
#define SYNC_NS		200000000u	/* counters of all CPUs cost more than a nap's packets do */
#define CARE_NS		50000000u	/* the same where filters look after their forms */
#define CLOCK_NS	1000000u
#define SERVE_NS	100000000u
#define POKE_NS		2000000u

struct rings;

struct window {
	struct rings *of;
	int seg;
	uint32_t lent;			/* holds that no block has been given yet */
	_Atomic bool free;
};

struct ring {
	uint8_t *base;
	uint64_t size, window;		/* bytes; of one window */
	uint64_t tail, now;		/* numbers of windows: the oldest in use, the one being read */
	uint64_t pos;			/* shared rings: read up to */
	bool open;			/* the window `now` has a segment */
	struct window win[WINDOWS];
};

/* What is told of blocks that are gone; a block may outlive the source. */
struct rings {
	_Atomic uint32_t refs;		/* segments, and one for the source */
	struct ring ring[];
};

struct ring_rx {
	struct sl_kpart *part;		/* NULL: another source leads */
	struct rings *rings;
	struct ring *ring;		/* those of `rings` */
	unsigned int n_rings, self;	/* self: its entry */
	uint64_t *nth;			/* of the packet of each CPU that was read last: how many came in */
	unsigned int n_ifs;		/* that entries stand for */
	int ifindex[RX_IFS_MAX];	/* where they are hooked; 0: nowhere */
	struct rx_missed missed[RX_IFS_MAX];
	uint64_t nap_ns;
	bool napping, asleep;
	unsigned int round;		/* blocks since the last nap */
	uint64_t came_ns;		/* when there was something last */
	bool often;			/* it comes more often than once in `delay` */
	uint64_t to_real_ns;		/* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t clock_ns;		/* when that was found */
	uint64_t synced_ns;
	bool stale;			/* something came since */
	struct rx_replay *replay;	/* packets come from a file */
	bool replay_us;			/* ... whose clock has microseconds */
	bool watched;			/* filters look after their forms, also while nothing comes here */
	bool nodding;			/* asleep, but to look once more soon */
	struct rx_share *share;		/* other processes read too */
	struct rx_gulp *lapped;		/* ... so this one does as they do */
	bool over;			/* all that will be read has been read */
	uint64_t fresh, poked_ns;	/* bytes since the last nap; when the others were told */
	uint64_t served_ns;		/* when they were looked after */
	bool woken;			/* it had been asleep */
};

/* ---- windows ------------------------------------------------------- */

static void rings_put(struct rings *rings)
{
	/* acq_rel: whoever is last frees what the others are done with */
	if (rings && atomic_fetch_sub_explicit(&rings->refs, 1, memory_order_acq_rel) == 1)
		free(rings);
}

static void window_free(void *arg)
{
	struct window *w = arg;
	struct rings *of = w->of;

	/* release: pairs with the acquire in give_back(); what read the bytes is done */
	atomic_store_explicit(&w->free, true, memory_order_release);
	rings_put(of);
}

static void give_back(struct ring_rx *s, unsigned int i)
{
	struct ring *r = &s->ring[i];
	uint64_t before = r->tail;

	while (r->tail < r->now &&
	       atomic_load_explicit(&r->win[r->tail % WINDOWS].free, memory_order_acquire))
		r->tail++;
	if (r->tail != before)
		sl_kpart_release(s->part, i, r->tail * r->window);
}

/* The segment that holds a record at `pos`. */
static int window_at(struct sl_filter *f, struct ring *r, uint64_t pos)
{
	struct window *w;
	uint64_t n = pos / r->window;

	if (r->open && n == r->now)
		return r->win[n % WINDOWS].seg;
	if (r->open) {
		w = &r->win[r->now % WINDOWS];
		sl_segment_return(f, w->seg, w->lent + 1);
	}
	/* windows in which no record begins are free at once */
	for (uint64_t k = r->open ? r->now + 1 : r->now; k < n; k++)
		r->win[k % WINDOWS].free = true;
	w = &r->win[n % WINDOWS];
	atomic_store_explicit(&w->free, false, memory_order_relaxed);
	w->seg = sl_segment_new(f, r->base, r->size + SL_K_SPARE, false, window_free, w);
	r->now = n;
	r->open = w->seg > 0;
	if (!r->open) {
		atomic_store_explicit(&w->free, true, memory_order_relaxed);
		return w->seg;
	}
	atomic_fetch_add_explicit(&w->of->refs, 1, memory_order_relaxed);
	sl_segment_scarce(f, w->seg);
	w->lent = LENT;
	sl_segment_lend(f, w->seg, LENT);
	return w->seg;
}

/* ---- opening ------------------------------------------------------- */

static void words(const struct sl_kpart_error *e, const struct sl_kstage *st, unsigned int n, char *why,
		  size_t size)
{
	const char *last = e->verifier ? strrchr(e->verifier, '\n') : NULL;
	bool named = e->stage < n && !st[e->stage].entry;	/* entries are named by who reports */

	snprintf(why, size, "%s%s%s: %s%s%.300s", named ? st[e->stage].name : "",
		 named ? ": " : "", e->what, strerror(e->error), last ? "; the verifier: " : "",
		 last ? last + 1 : "");
}

static const struct carrier {	/* in order of preference */
	enum sl_kcarrier carrier;
	int via;
	enum sl_kcap cap;
	const char *name, *brief;
} carriers[] = {
	{ SL_CARRIER_ARENA, RX_ARENA, SL_CAP_ARENA, "arena", "arena ring" },
	{ SL_CARRIER_ARRAY, RX_ARRAY, SL_CAP_ARRAY, "array", "array ring" },
	{ SL_CARRIER_RINGBUF, RX_RINGBUF, SL_CAP_RINGBUF, "ringbuf", "BPF ring buffer" },
};

static bool may_carry(const struct rx *rx, const struct carrier *c)
{
	if (rx->share)
		return c->carrier == SL_CARRIER_ARRAY;
	return rx->via < RX_ARENA || rx->via > RX_RINGBUF || rx->via == c->via;
}

/* The part, with the first ring that may carry and can be had. */
/* The fault of one form, which user space can do without, and not of what this process may have? */
static bool is_refusal(const struct sl_kpart_error *e, const struct sl_kstage *st, unsigned int n)
{
	static const int others[] = { ENOMEM, EMFILE, ENFILE, EPERM, EINTR };

	for (unsigned int i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (e->error == others[i])
			return false;
	return e->stage < n && !st[e->stage].entry;
}

static uint64_t usual_bytes(void)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	uint64_t each = RINGS_BYTES / (uint64_t)(n > 0 ? n : 1);

	return each > RING_BYTES ? RING_BYTES : each > (2u << 20) ? each : 2u << 20;
}

static int make_part(struct sl_filter *f, struct rx *rx, struct ring_rx *s, struct sl_kstage *st, unsigned int n, char *why, size_t size)
{
	const struct sl_kernel_caps *caps = sl_kernel_probe();
	struct sl_kpart_opts o = {
		.stages = st, .n_stages = n, .inline_mode = rx->mode == RX_INLINE,
		.hook = rx->mode == RX_INLINE || rx->hook == RX_HOOK_XDP ? SL_K_XDP : SL_K_TC,
		.window = n > 1,
	};
	struct sl_kpart_error e;
	bool array_first = sl_array_first(o.hook == SL_K_TC ? SL_KERNEL_TC : SL_KERNEL_XDP, rx->snap);
	char not[192] = "", one[256] = "";
	size_t at;
	int r = -ENOTSUP;

	o.shared = rx->share;
	o.ring_bytes = rx->buffer ? rx->buffer : usual_bytes();
	for (unsigned int i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
		/* as the plan said: kern/ask.h */
		const struct carrier *c = &carriers[array_first && i < 2 ? !i : i];

		if (!may_carry(rx, c))
			continue;
		snprintf(one, sizeof(one), "%s", caps->why[c->cap]);
		e = (struct sl_kpart_error){ .stage = n };
		o.carrier = c->carrier;
		if (caps->works[c->cap]) {
			r = sl_kpart_new(&o, &s->part, &e);
			if (!r)
				r = sl_kpart_attach(s->part, &e);
			if (!r) {
				snprintf(rx->took, sizeof(rx->took), "%s, %s%s", c->brief, sl_kpart_hooked(s->part), not);
				return 0;
			}
			words(&e, st, n, why, size);
			if (is_refusal(&e, st, n))
				sl_kernel_refused(f, e.stage, e.verifier && strrchr(e.verifier, '\n') ?
						  strrchr(e.verifier, '\n') + 1 : e.what);
			snprintf(one, sizeof(one), "%.120s: %.60s", e.what, strerror(e.error));
			free(e.verifier);
		}
		/* a filter's fault, or the hook's: another ring would not help */
		if (e.stage != n || s->part)
			return r;
		at = strlen(not);
		snprintf(not + at, sizeof(not) - at, "; %s: %s", c->name, one);
	}
	return r;
}

/* Other processes may come. */
static int offer(struct sl_filter *f, struct rx *rx, struct ring_rx *s, char *why, size_t size)
{
	struct rx_hello h = { .magic = RX_SHARE_MAGIC, .abi = RX_SHARE_ABI, .n_ifs = rx->n_ifs };
	const uint8_t *map;
	int fd, r;

	h.n_rings = sl_kpart_n_rings(s->part);
	fd = sl_kpart_share(s->part, &h.stride, &h.size, &map);
	for (unsigned int i = 0; i < rx->n_ifs; i++) {
		memcpy(h.ifs[i].name, rx->ifs[i].name, sizeof(h.ifs[i].name));
		h.ifs[i].link = rx->ifs[i].link;
	}
	r = rx_gulp_new(map, h.n_rings, h.stride, h.size, &s->lapped);
	if (!r)
		r = rx_share_open(rx->share, &h, fd, &s->share, why, size);
	return r ? r : rx_wait(f, rx, rx_share_fd(s->share));
}

static int make_rings(struct ring_rx *s)
{
	s->n_rings = sl_kpart_n_rings(s->part);
	s->rings = calloc(1, sizeof(*s->rings) + s->n_rings * sizeof(*s->ring));
	s->nth = calloc(sl_kpart_n_cpus(s->part), sizeof(*s->nth));
	if (!s->rings || !s->nth)
		return -ENOMEM;
	s->rings->refs = 1;
	s->ring = s->rings->ring;
	for (unsigned int i = 0; i < s->n_rings; i++) {
		s->ring[i].base = sl_kpart_ring(s->part, i, &s->ring[i].size);
		s->ring[i].window = s->ring[i].size / WINDOWS;
		for (unsigned int k = 0; k < WINDOWS; k++)
			s->ring[i].win[k].of = s->rings;
	}
	return 0;
}

/* Every source of the run that is in the kernel says how it is entered. */
static void complete(struct sl_kstage *st, unsigned int n, struct sl_kif ifs[][RX_IFS_MAX])
{
	for (unsigned int i = 0; i < n; i++) {
		struct rx *rx = (struct rx *)(uintptr_t)st[i].state;
		char bad[64];

		/* one that is opened after this one */
		if (!st[i].entry || (!rx->n_ifs && rx_find_ifs(rx, bad) < 0))
			continue;
		for (unsigned int k = 0; k < rx->n_ifs; k++)
			ifs[i][k] = (struct sl_kif){ rx->ifs[k].ifindex, rx->ifs[k].link, (uint16_t)k };
		st[i].ifs = ifs[i];
		st[i].n_ifs = rx->n_ifs;
		st[i].snap = (uint32_t)(rx->snap && rx->snap < UINT16_MAX ? rx->snap : UINT16_MAX);
		st[i].in = rx->direction != RX_OUT;
		st[i].out = rx->direction != RX_IN;
	}
}

static int ring_open(struct sl_filter *f, struct rx *rx, char *why, size_t size)
{
	struct sl_kstage st[SL_K_STAGES];
	struct sl_kif (*ifs)[RX_IFS_MAX] = NULL;
	struct ring_rx *s = calloc(1, sizeof(*s));
	unsigned int n;
	bool leads;
	int r;

	if (!s)
		return -ENOMEM;
	rx->priv = s;
	for (; s->n_ifs < rx->n_ifs; s->n_ifs++)
		s->ifindex[s->n_ifs] = rx->ifs[s->n_ifs].ifindex;
	r = sl_kernel_part(f, st, &n, &s->self, &leads, why, size);
	if (r < 0)
		return r;
	if (!leads) {
		snprintf(rx->took, sizeof(rx->took), "the same rings");
		return 0;
	}
	ifs = calloc(SL_K_STAGES, sizeof(*ifs));
	if (!ifs) {
		snprintf(why, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	complete(st, n, ifs);
	s->watched = sl_kernel_watched(f);
	s->nap_ns = NAP_MIN_NS;
	r = make_part(f, rx, s, st, n, why, size);
	if (!r && rx->via == RX_REPLAY)
		r = rx_replay_open(rx->dev, &s->replay, why, size);
	if (!r)
		r = make_rings(s);
	if (!r && rx->share)
		r = offer(f, rx, s, why, size);
	if (!r)
		r = rx_wait(f, rx, sl_kpart_fd(s->part));
	free(ifs);
	return r;
}

static void ring_close(struct sl_filter *f, struct rx *rx)
{
	struct ring_rx *s = rx->priv;

	if (!s)
		return;
	rx_share_close(s->share);
	rx_gulp_free(f, s->lapped);
	sl_kpart_free(s->part);
	rx_replay_close(s->replay);
	for (unsigned int i = 0; s->ring && i < s->n_rings; i++) {
		const struct window *w = &s->ring[i].win[s->ring[i].now % WINDOWS];

		if (s->ring[i].open)
			sl_segment_return(f, w->seg, w->lent + 1);
	}
	rings_put(s->rings);
	free(s->nth);
	free(s);
	rx->priv = NULL;
}

/* ---- packets ------------------------------------------------------- */

static uint64_t clock_at(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fill(struct sl_block *b, const struct ring_rx *s, const struct sl_kframe *frame,
		 const struct sl_kentry *e)
{
	b->proto = e->proto;
	b->time_ns = s->replay && frame->time_ns == SL_K_TIMELESS ? 0 : frame->time_ns + s->to_real_ns;
	b->len = e->len;
	b->head = e->head;
	b->frame_len = e->frame_len;
	b->wire_len = frame->wire_len;
	b->class = e->class;
	b->flow_hash = e->flow_hash;
	b->l3 = e->l3;
	b->l4 = e->l4;
	b->payload = e->payload;
	b->link = frame->link;
	b->iface = frame->iface;
	b->stream = frame->queue;
	b->flags = (uint16_t)(b->flags | e->flags | (s->replay_us ? 0 : SL_B_NANO));
}

/* One frame: a block for each border that it crossed, all at one place in the order. */
static int deliver(struct sl_filter *f, struct ring_rx *s, const struct sl_kpacket *p)
{
	struct ring *r = &s->ring[p->ring];
	struct sl_block *b, *first = NULL;
	int seg = window_at(f, r, p->pos);

	if (seg < 0)
		return seg;
	/* Blocks are numbered as if nothing had been screened out on the way. */
	sl_kernel_skip(f, p->frame->nth - s->nth[p->cpu] - 1);
	s->nth[p->cpu] = p->frame->nth;
	for (unsigned int i = 0; i < p->n_entries; i++) {
		const struct sl_kentry *e = &p->entries[i];

		if (!first) {
			b = sl_block_new(f);
			if (b) {
				b->seg = (uint16_t)seg;
				r->win[r->now % WINDOWS].lent--;
			}
		} else {
			b = sl_block_dup(f, first);
		}
		if (!b)
			return -ENOMEM;
		fill(b, s, p->frame, e);
		b->off = (uint64_t)(p->bytes - r->base) + e->head;
		if (first)
			sl_kernel_cross(f, p->entries[i - 1].border, first);
		first = b;
	}
	if (first)
		sl_kernel_cross(f, p->entries[p->n_entries - 1].border, first);
	return 0;
}

/* The same of a record that was copied out of its ring. */
static int deliver_copy(struct sl_filter *f, struct ring_rx *s, const struct sl_klapped_head *h)
{
	struct ring *r = &s->ring[h->ring];
	struct sl_block *b, *first = NULL;
	unsigned int border = 0;

	sl_kernel_skip(f, h->frame->nth - s->nth[h->ring] - 1);
	s->nth[h->ring] = h->frame->nth;
	r->pos = h->pos + h->size;
	for (unsigned int i = 0; i < h->n_entries; i++) {
		const struct sl_kentry *e = &h->entries[i];

		if (e->border == SL_K_SHARED)
			continue;
		b = first ? sl_block_dup(f, first) : rx_gulp_block(f, s->lapped, h);
		if (!b)
			return -ENOMEM;
		b->off += (uint64_t)e->head - b->head;
		fill(b, s, h->frame, e);
		if (first)
			sl_kernel_cross(f, border, first);
		first = b;
		border = e->border;
	}
	if (first)
		sl_kernel_cross(f, border, first);
	else
		sl_kernel_skip(f, 1);
	return 0;
}

static void bring_up_to_date(struct sl_filter *f, struct rx *rx, struct ring_rx *s, bool last)
{
	static _Thread_local struct sl_kpart_counts c;

	s->over |= last;
	if (sl_kpart_read(s->part, &c) == 0) {
		sl_kernel_account(f, &c, s->over && s->lapped);
		sl_kernel_sync(f, s->part, &c, s->replay ? 0 : clock_at(CLOCK_MONOTONIC), s->to_real_ns, last);
		rx->merged.n = c.gso_frames;
		rx->dropped.n = 0;
		for (unsigned int i = 0; i < SL_K_STAGES; i++)
			rx->dropped.n += c.turned[i].blocks + c.extra[i].blocks;
	}
}

static uint64_t longest_nap(const struct rx *rx)
{
	return rx->delay > NAP_MIN_NS ? (uint64_t)rx->delay : NAP_MIN_NS;
}

/* So long that the next round brings what it should, if packets come as they did. */
static void nap(struct sl_filter *f, struct rx *rx, struct ring_rx *s, uint64_t now)
{
	uint64_t want = s->ring[0].size / ROUND, most = longest_nap(rx);

	if (s->fresh >= 2 * want)
		s->nap_ns /= 2;
	else if (2 * s->fresh <= want)
		s->nap_ns *= 2;
	else
		s->nap_ns = s->nap_ns * want / s->fresh;
	s->nap_ns = s->nap_ns < NAP_MIN_NS ? NAP_MIN_NS : s->nap_ns > most ? most : s->nap_ns;
	sl_kpart_doze(s->part);
	sl_wait_until(f, now + s->nap_ns);
	s->napping = true;
	s->round = 0;
	s->fresh = 0;
}

/* Nothing to read now. True when something came after all. */
static bool rest(struct sl_filter *f, struct rx *rx, struct ring_rx *s, uint64_t now)
{
	uint64_t most = longest_nap(rx);

	if (s->round) {
		s->often = (now - s->came_ns) / s->round < most;
		s->came_ns = now;
	}
	if (s->often && now - s->came_ns < most) {
		nap(f, rx, s, now);
		return false;
	}
	s->nap_ns = NAP_MIN_NS;
	s->round = 0;
	s->fresh = 0;
	s->often = false;
	s->asleep = sl_kpart_sleep(s->part);
	if (s->lapped && rx_gulp_ready(s->lapped))
		return true;
	if (!s->nodding)
		sl_wait_until(f, now + NOD_NS);
	else if (s->watched)
		sl_wait_until(f, now + WATCH_NS);
	else if (s->stale && now - s->synced_ns < SYNC_NS)
		sl_wait_until(f, s->synced_ns + SYNC_NS);
	s->nodding = true;
	return !s->asleep;
}

/* Others, who sleep longer: after a silence, and when much comes at once. */
static void poke(struct ring_rx *s, uint64_t now)
{
	if ((!s->woken && s->fresh < s->ring[0].size / 8) || now - s->poked_ns < POKE_NS)
		return;
	rx_share_poke(s->share);
	s->poked_ns = now;
	s->woken = false;
}

static void wake(struct ring_rx *s)
{
	if (s->asleep && s->nodding && !sl_kpart_rung(s->part))
		return;
	if (s->napping || s->asleep)
		sl_kpart_woken(s->part);
	s->woken |= s->asleep;
	s->napping = s->asleep = false;
}

/*
 * Packets of a file, one by one, each read at once: what is in the ring is this one, so
 * it has this one's clock. 1 with *n blocks more; 0 at the end.
 */
static int replay(struct sl_filter *f, struct rx *rx, struct ring_rx *s, unsigned int max, unsigned int *n)
{
	struct rx_replayed in;
	struct sl_kpacket p;
	struct sl_kreplay as;
	int r = 1;

	s->to_real_ns = 0;
	for (unsigned int i = 0; i < max && *n < max; i++) {
		r = rx_replay_next(s->replay, &in);
		if (r < 0)
			return sl_fail(f, "E203", "%s: %s", rx->dev, rx_replay_error(s->replay));
		if (!r)
			break;
		as = (struct sl_kreplay){ .time_ns = in.time_ns ? in.time_ns : SL_K_TIMELESS, .wire_len = in.wire_len, .link = in.link,
					  .iface = in.iface, .flags = in.flags };
		s->replay_us = !in.nano;
		if ((rx->hook == RX_HOOK_XDP && in.len > REPLAY_XDP_MAX) ||
		    sl_kpart_feed(s->part, s->self, in.frame, in.len, &as) < 0)
			sl_count(&rx->missed);
		while (sl_kpart_next(s->part, &p)) {
			if (deliver(f, s, &p) < 0)
				return sl_fail(f, "E302", "no memory for blocks");
			++*n;
		}
	}
	return r;
}

static int pull_replay(struct sl_filter *f, struct rx *rx, struct ring_rx *s, unsigned int max, bool drain)
{
	unsigned int n = 0;
	int r = drain ? 0 : replay(f, rx, s, max, &n);

	for (unsigned int i = 0; i < s->n_rings; i++)
		give_back(s, i);
	if (r > 0)
		return n ? (int)n : 1;
	sl_kernel_push_all(f);
	bring_up_to_date(f, rx, s, true);
	return r < 0 ? r : n ? (int)n : SL_EOF;
}

static int ring_pull(struct sl_filter *f, struct rx *rx, unsigned int max, bool drain)
{
	struct ring_rx *s = rx->priv;
	struct sl_klapped_head h;
	struct sl_kpacket p;
	uint64_t now;
	int n = 0, r;

	if (!s->part)
		return drain ? SL_EOF : 0;	/* the source that leads reads for this one too */
	if (s->replay)
		return pull_replay(f, rx, s, max, drain);
	wake(s);
	for (unsigned int i = 0; i < s->n_rings; i++) {
		if (s->lapped)
			sl_kpart_release(s->part, i, s->ring[i].pos);	/* only shown: how full it is */
		else
			give_back(s, i);
	}
	now = clock_at(CLOCK_MONOTONIC);
	if (now - s->clock_ns > CLOCK_NS) {
		s->to_real_ns = clock_at(CLOCK_REALTIME) - now;
		s->clock_ns = now;
	}
	do {
		while ((unsigned int)n < max) {
			r = s->lapped ? rx_gulp_next(f, s->lapped, &h) : sl_kpart_next(s->part, &p);
			if (!r)
				break;
			if (r > 0)
				r = s->lapped ? deliver_copy(f, s, &h) : deliver(f, s, &p);
			if (r < 0)
				return sl_fail(f, "E302", "no memory for blocks");
			s->fresh += s->lapped ? h.size : p.end - p.pos;
			n++;
		}
		if (s->share && n)
			poke(s, now);
		s->nodding &= !n;
		s->stale |= n > 0;
		s->round += (unsigned int)n;
		rx->rests = !drain && (unsigned int)n < max && !rest(f, rx, s, now);
	} while (!n && !drain && !rx->rests);
	if (s->share && (rx->stirred || now - s->served_ns > SERVE_NS)) {
		s->served_ns = now;
		rx_share_serve(s->share, now);
	}
	if (now - s->synced_ns >= (s->watched ? CARE_NS : SYNC_NS) || (!n && drain)) {
		s->synced_ns = now;
		s->stale = false;
		sl_kernel_push_all(f);
		bring_up_to_date(f, rx, s, !n && drain);
	}
	return n ? n : drain ? SL_EOF : 0;
}

/* What came in and no program could see. */
static void count_missed(struct rx *rx, struct ring_rx *s, bool now)
{
	for (unsigned int i = 0; rx->direction != RX_OUT && rx->via != RX_REPLAY && i < s->n_ifs; i++)
		if (s->ifindex[i])
			sl_count_add(&rx->missed, rx_missed(&s->missed[i], s->ifindex[i], now));
}

static void ring_stop(struct sl_filter *f, struct rx *rx)
{
	struct ring_rx *s = rx->priv;

	(void)f;
	count_missed(rx, s, true);
	if (s->part)
		sl_kpart_detach(s->part);
}

/* They are looked at by pull(), see SYNC_NS. */
static void ring_stats(struct sl_filter *f, struct rx *rx)
{
	(void)f;
	count_missed(rx, rx->priv, false);
}

/* The part that entries of this source are of; another source may hold it. */
static struct sl_kpart *part_of(struct sl_filter *f, const struct ring_rx *s)
{
	const struct rx *leader = sl_state(sl_kernel_leader(f));
	const struct ring_rx *of = s->part ? s : leader->priv;

	return of ? of->part : NULL;
}

static int ring_changed(struct sl_filter *f, struct rx *rx, unsigned int i)
{
	struct ring_rx *s = rx->priv;
	struct sl_kpart *part = part_of(f, s);
	struct sl_kpart_error e;
	int ifindex = rx->ifs[i].gone ? 0 : rx->ifs[i].ifindex, r;

	if (part && i >= s->n_ifs) {		/* any: it came later */
		struct sl_kif at = { ifindex, rx->ifs[i].link, (uint16_t)i };

		r = sl_kpart_add(part, s->self, &at, &e);
		free(e.verifier);
		s->ifindex[i] = r < 0 ? 0 : ifindex;
		s->n_ifs = i + 1;
		return r;
	}
	/* Hooks stay where they are while an interface is down; to hook anew would cost packets. */
	if (!part || ifindex == s->ifindex[i])
		return 0;
	r = sl_kpart_rehook(part, s->self, (uint16_t)i, ifindex, &e);
	s->ifindex[i] = r < 0 ? 0 : ifindex;
	free(e.verifier);
	return r;
}

const struct rx_carrier rx_ring = {
	.name	= "ring",
	.brief	= "ring of the kernel's programs",
	.open	= ring_open,
	.pull	= ring_pull,
	.stop	= ring_stop,
	.stats	= ring_stats,
	.changed = ring_changed,
	.close	= ring_close,
};
