/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rate -- bound the rate of a stream, or play it at the speed of its capture
 *
 *	(rate 10kpps)
 *	(rate 100Mbps over=wait)
 *	(rate 1x)
 *
 * in   any stream
 * out  the same, less of it or later
 * read passed, over, late, late_max
 *
 * A bound in blocks (10kpps) or bits or bytes a second (100Mbps, 12MB/s; packets count
 * with their length on the wire) lets through what keeps to it. What to do with
 * the rest is said by over=: drop, the default, counts it as filtered; wait holds it
 * until its time has come.
 *
 * When dropping, the clock is that of the blocks: the times in the capture. The same
 * capture gives the same result at any speed, in every run. burst= is for how long a
 * stream may be silent and catch up at once afterwards. Over any span T no more than
 * the rate times T + burst passes, and one block. Blocks without a time pass. A time that falls
 * back by more than a second, as where another file begins, starts anew.
 *
 * When waiting, the clock is the wall's: blocks leave evenly, one after the other, and
 * after a pause those of at most burst= leave at once. Nothing is dropped; sources are not
 * read before there is room. A live source that can't wait loses instead, and counts
 * it.
 *
 * A number with an x plays a capture: 1x with the pauses that it was taken with, 10x
 * in a tenth of the time, 0.5x in twice. The first block leaves at once. Times that
 * fall back do not wait. To send a file as it was captured:
 *
 *	(pcapin web.pcap) > (rate 1x) > (tx eth1)
 *
 * Without a rate, tx sends as fast as the device takes it. "late" counts blocks that left more
 * than 50 us after their time, late_max the most microseconds that one was late. Waking from
 * a pause is what makes blocks late, most of all in a virtual machine, so short pauses are
 * spent awake: up to a few times what waking takes here, or what spin= says. spin=1s sleeps
 * through none and takes a whole processor. Where other programs keep the processors busy,
 * give it precedence: chrt -f 10 streamline run ...
 *
 * When the run is stopped, blocks whose time has not come are lost and counted.
 */
/*
 * Waiting. Blocks are in a queue; a timer is set a little before the first one is
 * due, since waking up takes time, and the rest is spun away: never more than LEAD_NS,
 * and `lead_ns` follows what waking up takes here. A pause that is not much longer than that
 * is not slept through at all when a capture is played: halted processors of virtual machines
 * take milliseconds to come back once in some hundred times, spinning ones do not. Sources stall
 * while the queue is full enough, so it holds at most HIGH blocks and two batches.
 *
 * What leaves is on its way before anything else is done: the timer is not touched then, and
 * as it has gone off, ready() is called again at once. The next block is looked at while
 * it waits, as its page of a mapped file may not be in memory.
 *
 *	due of the i-th block	bound	that of the one before, and its cost
 *				play	base + (its time - the first one's time) / speed
 */
#include <stdio.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/blockq.h"
#include "core/diag.h"
#include "filter.h"
#include "lang/units.h"
#include "rate.h"

#define HIGH		512u		/* blocks waiting: sources stall */
#define LOW		128u		/* ... and go on */
#define LEAD_NS		300000u		/* most that the timer is early */
#define AWAKE_TIMES	5u		/* as long as waking takes: not worth sleeping for */
#define AWAKE_NS	1000000u	/* at most */
#define TURN_NS		1000000u	/* then other filters may want the thread */
#define LATE_NS		50000u
#define GONE_OFF	1u		/* a time at which the timer has long gone off */
#define EARLY_NS	500u		/* not worth waiting for */

enum { OVER_AUTO, OVER_DROP, OVER_WAIT };

struct rate {
	const char *at;
	int64_t burst, spin;
	int over;
	struct sl_count passed, over_rate, late, late_max;

	struct sl_rate_state account;
	/* of waiting */
	struct sl_blockq q;
	int timer;			/* 0: none */
	uint64_t armed_ns;		/* it will go off then; 0: it is not set */
	bool ahead;			/* that lay ahead when it was set */
	uint64_t lead_ns;
	uint64_t base_ns, first_ns;	/* playing: wall and capture time of the first block */
	bool begun, stalled;
};

/* What prepare() makes of the texts. */
struct rate_how {
	struct sl_rate_conf c;
	bool wait;
	uint64_t mul, div;		/* playing: capture time * mul / div is wall time; else mul is 0 */
};

static const char *const rate_over[] = { "auto", "drop", "wait", NULL };

static const struct sl_param rate_params[] = {
	SL_STRING(struct rate, at, .pos = 1, .required = true,
		  .help = "10kpps, 100Mbps, 12MB/s; or the capture's own speed: 1x, 0.5x, 10x"),
	SL_CHOICE(struct rate, over, .choices = rate_over, .def = OVER_AUTO,
		  .help = "what is over the rate: drop it (auto), or let it wait (auto with 1x)"),
	SL_TIME(struct rate, burst, .def = 10e6, .max = 3600000000000ull,
		.help = "how much of a pause may be caught up with at once"),
	SL_TIME(struct rate, spin, .max = 1000000000,
		.help = "longest pause that is waited for awake; 0: by what waking takes here, at most 1 ms"),
	{ }
};

static const struct sl_value rate_values[] = {
	{ .name = "passed", .off = offsetof(struct rate, passed), .help = "blocks that went on" },
	{ .name = "over", .off = offsetof(struct rate, over_rate), .help = "blocks over the rate: dropped, or made to wait" },
	{ .name = "late", .off = offsetof(struct rate, late), .help = "waited, and left more than 50 us after their time" },
	{ .name = "late_max", .off = offsetof(struct rate, late_max), .help = "microseconds that one of them was late, at most" },
	{ }
};

/* ---- what the words mean ------------------------------------------- */

/* "1x", "2.5x": up to six decimals. */
static bool parse_speed(const char *w, struct rate_how *h)
{
	uint64_t n = 0, scale = 1;
	bool dot = false, digits = false;

	for (; *w && *w != 'x'; w++) {
		if (*w == '.' && !dot) {
			dot = true;
			continue;
		}
		if (*w < '0' || *w > '9' || n > 1000000000 || (dot && scale == 1000000))
			return false;
		n = n * 10 + (uint64_t)(*w - '0');
		scale *= dot ? 10 : 1;
		digits = true;
	}
	if (!digits || strcmp(w, "x") || !n)
		return false;
	h->mul = scale;
	h->div = n;
	return true;
}

/* The first error of a number and its best fix, said again at the parameter. */
static int tell(struct sl_prepare *p, struct sl_diags *ds, const char *word)
{
	const struct sl_diag *d = sl_diags_get(ds, 0);

	if (!strchr("0123456789.-", *word) || !d)
		sl_prepare_error(p, "at", "E122", "'%s' is not a rate", word);
	else
		sl_prepare_error(p, "at", d->code, "%s", d->message);
	if (d && d->n_fixes)
		sl_prepare_fix(p, "%s", d->fixes[0]);
	else if (*word && !word[strspn(word, "0123456789.")])
		sl_prepare_fix(p, "%spps", word);
	return sl_prepare_hint(p, "a rate is 10kpps, 100Mbps or 12MB/s; 1x is the speed of the capture");
}

/* An x, but not as in 2.5x. */
static int tell_speed(struct sl_prepare *p, const char *w)
{
	size_t n = strspn(w, "0123456789.");
	char meant[32];
	struct rate_how h;

	sl_prepare_error(p, "at", "E122", "'%s' is not a speed", w);
	snprintf(meant, sizeof(meant), "%.*sx", n < 20 ? (int)n : 20, w);
	if (parse_speed(meant, &h))
		sl_prepare_fix(p, "%s", meant);
	return sl_prepare_hint(p, "1x is the speed of the capture, 10x a tenth of its time, 0.5x twice");
}

static int parse_rate(struct sl_prepare *p, const char *w, struct rate_how *h)
{
	struct sl_diags *ds;
	struct sl_span nowhere = { 0 };
	uint64_t n = 0, unit_ns = 1000000000;
	int r;

	if (strpbrk(w, "xX") && *w >= '0' && *w <= '9')
		return tell_speed(p, w);
	ds = sl_diags_new();
	if (!ds)
		return -ENOMEM;
	/* Which kind it is shows in its letters: B/s, bps, or pps. */
	if (strchr(w, 'B') || (strchr(w, '/') && !strpbrk(w, "bp")))
		r = sl_parse_byterate(w, nowhere, "at", &n, ds);
	else if (strchr(w, 'b'))
		r = sl_parse_bitrate(w, nowhere, "at", &n, ds);
	else
		r = sl_parse_pktrate(w, nowhere, "at", &n, ds);
	if (r < 0)
		r = tell(p, ds, w);
	sl_diags_free(ds);
	if (r < 0)
		return r;
	h->c.bytes = strpbrk(w, "bB") != NULL;
	if (strchr(w, 'b'))
		unit_ns = 8000000000;
	if (!n || (h->c.bytes && n < unit_ns / 1000000000)) {
		sl_prepare_error(p, "at", "E123", "'%s' lets nothing through", w);
		return sl_prepare_hint(p, "to throw a stream away, write (null)");
	}
	h->c.ns = unit_ns / n;
	h->c.frac = (uint32_t)(((unsigned __int128)(unit_ns % n) << 32) / n);
	if (!h->c.ns && !h->c.frac) {
		sl_prepare_error(p, "at", "E123", "'%s' is more than can be told from no bound at all", w);
		return sl_prepare_hint(p, "leave (rate) out");
	}
	return 0;
}

static int rate_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	const struct rate *s = state;
	struct rate_how *h = calloc(1, sizeof(*h));
	int r = 0;

	if (!h)
		return -ENOMEM;
	if (!parse_speed(s->at, h))
		r = parse_rate(p, s->at, h);
	if (!r && h->mul && s->over == OVER_DROP) {
		r = sl_prepare_error(p, "over", "E124", "'%s' plays the capture: nothing is over a rate", s->at);
		sl_prepare_fix(p, "wait");
	}
	if (r < 0) {
		free(h);
		return r;
	}
	h->c.burst_ns = (uint64_t)s->burst;
	h->wait = h->mul || s->over == OVER_WAIT;
	*shared = h;
	return 0;
}

static int rate_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct rate_how *h = shared;

	(void)state;
	if (h->wait)
		return sl_kernel_refuse(k, "it waits");
	return sl_kernel_set(k, "how", &h->c, sizeof(h->c));
}

/* ---- dropping ------------------------------------------------------- */

static uint32_t units_of(const struct sl_rate_conf *c, const struct sl_block *b)
{
	if (!c->bytes)
		return 1;
	/* a whole packet, or a view of one */
	return b->len == b->frame_len ? b->wire_len : b->len;
}

static void police(struct sl_filter *f, struct sl_batch *in)
{
	const struct rate_how *h = f->shared;
	struct rate *s = sl_state(f);
	struct sl_block *b;

	while ((b = sl_batch_take(f, in))) {
		if (b->time_ns && sl_rate_over(&h->c, &s->account, b->time_ns, units_of(&h->c, b))) {
			sl_count(&s->over_rate);
			sl_drop(f, b);
			continue;
		}
		sl_count(&s->passed);
		sl_emit(f, 0, b);
	}
}

/* ---- waiting -------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Wall time at which a block should leave. */
static uint64_t due_of(const struct rate_how *h, const struct rate *s, const struct sl_block *b)
{
	uint64_t ahead;

	if (!h->mul)
		return s->account.due_ns;
	if (b->time_ns <= s->first_ns)
		return s->base_ns;
	ahead = b->time_ns - s->first_ns;
	return s->base_ns + (uint64_t)((unsigned __int128)ahead * h->mul / h->div);
}

static void begin(const struct rate_how *h, struct rate *s, const struct sl_block *b, uint64_t now)
{
	s->base_ns = s->account.due_ns = now;
	if (h->mul && !b->time_ns)
		return;			/* untimed ones in front tell nothing */
	s->first_ns = b->time_ns;
	s->begun = true;
}

/* The block leaves now: it is accounted for. */
static void leave(struct sl_filter *f, struct sl_block *b, uint64_t due, uint64_t now)
{
	const struct rate_how *h = f->shared;
	struct rate *s = sl_state(f);

	if (now > due + LATE_NS)
		sl_count(&s->late);
	if (now > due && (now - due) / 1000 > s->late_max.n)
		s->late_max.n = (now - due) / 1000;
	if (!h->mul) {
		if (s->account.due_ns + h->c.burst_ns < now) {
			s->account.due_ns = now - h->c.burst_ns;
			s->account.due_frac = 0;
		}
		sl_rate_pay(&h->c, &s->account, units_of(&h->c, b));
	}
	sl_count(&s->passed);
	sl_emit(f, 0, b);
}

static void set_timer(struct rate *s, uint64_t at_ns, uint64_t now)
{
	struct itimerspec t = {
		.it_value = { .tv_sec = (time_t)(at_ns / 1000000000u), .tv_nsec = (long)(at_ns % 1000000000u) },
	};

	if (s->armed_ns == at_ns)
		return;
	s->armed_ns = at_ns;
	s->ahead = at_ns > now;
	timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

/* Pauses up to this are not slept through. */
static uint64_t awake_ns(const struct rate_how *h, const struct rate *s)
{
	uint64_t ns = s->lead_ns * AWAKE_TIMES;

	if (s->spin)
		return (uint64_t)s->spin > s->lead_ns ? (uint64_t)s->spin : s->lead_ns;
	if (!h->mul)
		return s->lead_ns;
	return ns < AWAKE_NS ? ns : AWAKE_NS;
}

/* The next block to leave is looked at now, so that it is in memory when it leaves. */
static void touch(const struct sl_filter *f, const struct sl_block *b)
{
	const volatile uint8_t *p = sl_frame(f, b);

	for (uint32_t i = 0; i < b->frame_len; i += 4096)
		(void)p[i];
	if (b->frame_len)
		(void)p[b->frame_len - 1];
}

/*
 * Let go what is due. The timer is set for the rest. Where something left, or the rest is to be
 * waited for awake, it stays as one that has gone off: then this is called again as soon as
 * what left is on its way, and others had their turn.
 */
static void serve(struct sl_filter *f, bool may_spin)
{
	const struct rate_how *h = f->shared;
	struct rate *s = sl_state(f);
	uint64_t now = now_ns(), until = now + TURN_NS, awake = awake_ns(h, s), due = 0;
	unsigned int n = 0;

	while (s->q.n) {
		struct sl_block *b = sl_blockq_at(&s->q, 0);

		if (!s->begun)
			begin(h, s, b, now);
		due = due_of(h, s, b);
		if (due > now + EARLY_NS) {
			if (n && may_spin)
				break;
			touch(f, b);
			now = now_ns();
			while (may_spin && due > now && due - now <= awake && now < until)
				now = now_ns();
			if (due > now + EARLY_NS)
				break;
		}
		leave(f, sl_blockq_take(&s->q), due, now);
		n++;
	}
	if (!s->q.n)
		set_timer(s, 0, now);
	else if ((n && may_spin) || due <= now + awake || due <= s->lead_ns)
		set_timer(s, GONE_OFF, now);
	else
		set_timer(s, due - s->lead_ns, now);
	if (!s->stalled && s->q.n >= HIGH) {
		s->stalled = true;
		sl_stall(f, true);
	} else if (s->stalled && s->q.n <= LOW) {
		s->stalled = false;
		sl_stall(f, false);
	}
	s->over_rate.n += s->q.n - s->q.n_kept;
	sl_blockq_keep(f, &s->q);
}

static int rate_ready(struct sl_filter *f, unsigned int max)
{
	struct rate *s = sl_state(f);
	uint64_t now, took;

	(void)max;
	now = now_ns();
	if (s->armed_ns > GONE_OFF && now >= s->armed_ns) {
		/* How long it took to get here, the longest of late: it comes down slowly. */
		took = s->ahead ? now - s->armed_ns : 0;
		took += took / 4;
		s->lead_ns -= s->lead_ns / 256;
		if (took > s->lead_ns)
			s->lead_ns = took < LEAD_NS ? took : LEAD_NS;
		s->armed_ns = GONE_OFF;
	}
	serve(f, true);
	return 0;
}

static int rate_work(struct sl_filter *f, struct sl_batch *in)
{
	const struct rate_how *h = f->shared;
	struct rate *s = sl_state(f);
	struct sl_block *b;

	if (!h->wait) {
		police(f, in);
		return 0;
	}
	while ((b = sl_batch_take(f, in)))
		if (sl_blockq_put(&s->q, b) < 0)
			sl_lose(f, b, "out of memory");
	serve(f, false);
	return 0;
}

static int rate_flush(struct sl_filter *f)
{
	struct rate *s = sl_state(f);

	if (!s->q.n)
		return 0;
	if (!sl_stopping(f))
		return SL_AGAIN;
	while (s->q.n)
		sl_lose(f, sl_blockq_take(&s->q), "stopped before its time");
	return 0;
}

static int rate_open(struct sl_filter *f)
{
	const struct rate_how *h = f->shared;
	struct rate *s = sl_state(f);
	int r;

	if (!h->wait)
		return 0;
	s->lead_ns = LEAD_NS;
	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->timer < 0) {
		s->timer = 0;
		return sl_fail(f, "E302", "no timer: %s", strerror(errno));
	}
	r = sl_wait_fd(f, s->timer, false);
	return r < 0 ? sl_fail(f, "E302", "cannot wait for a timer: %s", strerror(-r)) : 0;
}

static void rate_close(struct sl_filter *f)
{
	struct rate *s = sl_state(f);

	if (s->timer) {
		sl_wait_fd(f, -1, false);
		close(s->timer);
	}
	s->timer = 0;
	sl_blockq_done(&s->q);
}

static const char *const rate_examples[] = {
	"(pcapin web.pcap) > (rate 1kpps) > (count)",
	"(pcapin web.pcap) > (tcp) -80-> (rate 1Mbps burst=100ms) > (pcapout thin.pcap)",
	"(pcapin web.pcap) > (rate 1x) > (print)",
	NULL
};

const struct sl_filter_type sl_rate_type = {
	.name	  = "rate",
	.brief	  = "bound the rate of a stream, or play it at the speed of its capture",
	.group	  = "flow",
	.state	  = sizeof(struct rate),
	.params	  = rate_params,
	.values	  = rate_values,
	.in	  = SL_ANY,
	.out	  = SL_SAME,
	.prepare  = rate_prepare,
	.release  = free,
	.open	  = rate_open,
	.work	  = rate_work,
	.ready	  = rate_ready,
	.flush	  = rate_flush,
	.kernel	  = rate_kernel,
	.close	  = rate_close,
	.examples = rate_examples,
	.see_also = "tx, sample, head",
};
