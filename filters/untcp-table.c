/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * untcp-table.c -- flows by addresses and ports, and when they are forgotten
 *
 * An open-addressed table of hash and index, records in slabs that never move. The
 * hash is the same for both directions, so one probe finds a flow whichever way the
 * packet goes; a record keeps addresses and ports as its opener sends them and is
 * compared both ways. It is keyed with a secret: a capture made so that its flows
 * share the public hash of packets is spread like any other.
 *
 * Time is counted in grains, some GRAINS of them to a time-out. A flow sits in the bucket
 * of the wheel for the grain in which it would be forgotten if nothing came; a packet
 * only notes its own grain, and the flow is moved on when its bucket comes
 * round. So an active flow costs one look per time-out, and yet each is forgotten in
 * exactly the grain that its latest packet says, whatever else the table holds:
 * workers that share the flows forget the same ones at the same ticks.
 */
#include <sys/mman.h>

#include "net/decode.h"
#include "untcp.h"

#define HUGE_PAGE	((size_t)2 << 20)
#define CLOSED_NS	(30 * 1000000000ll)	/* a flow that is over stays so long */

int sl_untcp_table_open(struct untcp *u)
{
	u->n_slots = 4096;
	u->shift = 20;
	u->slots = malloc(u->n_slots * sizeof(*u->slots));
	if (!u->slots)
		return -ENOMEM;
	memset(u->slots, 0xff, u->n_slots * sizeof(*u->slots));
	memset(u->wheel, 0xff, sizeof(u->wheel));
	u->free_flow = NONE;
	for (int k = 0; k < 4; k++)
		u->secret[k] = sl_secret();
	/* 16 to 32 grains to a time-out, each of 67 ms or more: 32 bits of them are years */
	u->grain_shift = 26;
	while ((uint64_t)u->timeout >> u->grain_shift > GRAINS)
		u->grain_shift++;
	return 0;
}

void sl_untcp_table_close(struct untcp *u)
{
	for (uint32_t i = 0; i < u->n_slabs; i++) {
		if (i < 2 || (i - 2) % (HUGE_PAGE / (SLAB_FLOWS * sizeof(struct flow))) == 0)
			free(u->slabs[i]);	/* the first of those that came together */
	}
	free(u->slabs);
	free(u->slots);
}

void sl_untcp_prefetch_flow(const struct untcp *u, uint32_t hash)
{
	uint32_t at = slot_of(u, hash);

	while (u->slots[at].flow != NONE) {
		if (u->slots[at].hash == hash) {
			__builtin_prefetch(flow_at(u, u->slots[at].flow));
			return;
		}
		at = (at + 1) & (u->n_slots - 1);
	}
}

/* ---- keys ---- */

static inline uint64_t v4_addrs(const uint8_t *ip)
{
	uint64_t v;

	memcpy(&v, ip + 12, 8);
	return v;
}

static inline uint32_t l4_ports(const uint8_t *l4)
{
	uint32_t v;

	memcpy(&v, l4, 4);
	return v;
}

/* Source and destination change places. */
static inline uint64_t turn64(uint64_t v)
{
	return v << 32 | v >> 32;
}

static inline uint32_t turn32(uint32_t v)
{
	return v << 16 | v >> 16;
}

/* All bits of the product of two numbers that nobody knows, folded. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

uint32_t sl_untcp_hash(const struct untcp *u, const struct sl_block *b, const uint8_t *frame)
{
	const uint8_t *ip = frame + b->l3;
	uint32_t ports = l4_ports(frame + b->l4);
	uint64_t one, two, h;

	if (*ip >> 4 == 6) {
		one = fold(load64(ip + 8) ^ u->secret[2], load64(ip + 16) ^ u->secret[3]);
		two = fold(load64(ip + 24) ^ u->secret[2], load64(ip + 32) ^ u->secret[3]);
		one += ports & 0xffff;
		two += ports >> 16;
	} else {
		h = v4_addrs(ip);
		one = (h & 0xffffffff) << 16 | (ports & 0xffff);
		two = h >> 32 << 16 | ports >> 16;
	}
	h = one < two ? fold(one ^ u->secret[0], two ^ u->secret[1])
		      : fold(two ^ u->secret[0], one ^ u->secret[1]);
	return (uint32_t)(h ^ h >> 32);
}

uint32_t sl_untcp_find(const struct untcp *u, const struct sl_block *b, const uint8_t *frame,
		       uint32_t hash, int *dir)
{
	const uint8_t *ip = frame + b->l3;
	bool v6 = *ip >> 4 == 6;
	uint32_t ports = l4_ports(frame + b->l4), turned = turn32(ports);
	uint64_t addrs = v6 ? 0 : v4_addrs(ip);

	for (uint32_t at = slot_of(u, hash); ; at = (at + 1) & (u->n_slots - 1)) {
		const struct slot *s = &u->slots[at];
		const struct flow *fl;

		if (s->flow == NONE)
			return NONE;
		if (s->hash != hash)
			continue;
		fl = flow_at(u, s->flow);
		if (v6 != (fl->flags & F_V6))
			continue;
		if (fl->ports == ports &&
		    (v6 ? !memcmp(fl->addrs6, ip + 8, 32) : fl->addrs == addrs)) {
			*dir = 0;
			return s->flow;
		}
		if (fl->ports == turned &&
		    (v6 ? !memcmp(fl->addrs6, ip + 24, 16) && !memcmp(fl->addrs6 + 16, ip + 8, 16)
			: fl->addrs == turn64(addrs))) {
			*dir = 1;
			return s->flow;
		}
	}
}

/* ---- the wheel ---- */

/* Grains after its latest packet's in which a flow is forgotten. */
static uint32_t lifetime(const struct untcp *u, const struct flow *fl)
{
	uint64_t ns = (uint64_t)u->timeout;

	if (fl->flags & F_CLOSED && ns > CLOSED_NS)
		ns = CLOSED_NS;
	return (uint32_t)(ns >> u->grain_shift) + 1;
}

static void wheel_add(struct untcp *u, uint32_t i)
{
	struct flow *fl = flow_at(u, i);
	uint32_t k = (fl->grain + lifetime(u, fl)) % WHEEL;

	fl->bucket = k;
	fl->wheel_prev = NONE;
	fl->wheel_next = u->wheel[k];
	if (fl->wheel_next != NONE)
		flow_at(u, fl->wheel_next)->wheel_prev = i;
	u->wheel[k] = i;
}

static void wheel_remove(struct untcp *u, uint32_t i)
{
	struct flow *fl = flow_at(u, i);

	if (fl->wheel_prev != NONE)
		flow_at(u, fl->wheel_prev)->wheel_next = fl->wheel_next;
	else
		u->wheel[fl->bucket] = fl->wheel_next;
	if (fl->wheel_next != NONE)
		flow_at(u, fl->wheel_next)->wheel_prev = fl->wheel_prev;
}

void sl_untcp_closed(struct untcp *u, uint32_t i)
{
	if (flow_at(u, i)->bucket == NONE)
		return;		/* about to be forgotten */
	wheel_remove(u, i);
	wheel_add(u, i);
}

void sl_untcp_pass(struct untcp *u, uint64_t now_ns, void (*expired)(void *arg, uint32_t i), void *arg)
{
	uint64_t grain = now_ns >> u->grain_shift;
	uint32_t now = (uint32_t)grain, steps, next;

	if (grain <= u->grain)
		return;
	steps = grain - u->grain > WHEEL ? WHEEL : (uint32_t)(grain - u->grain);
	u->grain = grain;
	for (uint32_t g = now - steps + 1; steps; steps--, g++) {
		uint32_t i = u->wheel[g % WHEEL];

		/* Those that stay go to later buckets or, being in front, to this one
		 * again: the list is cut off first. */
		u->wheel[g % WHEEL] = NONE;
		for (; i != NONE; i = next) {
			struct flow *fl = flow_at(u, i);

			next = fl->wheel_next;
			if ((int32_t)(fl->grain + lifetime(u, fl) - now) <= 0) {
				fl->wheel_prev = fl->wheel_next = NONE;
				fl->bucket = NONE;
				expired(arg, i);
			} else {
				wheel_add(u, i);
			}
		}
	}
}

uint32_t sl_untcp_idlest(struct untcp *u)
{
	uint32_t best = NONE, i;

	/* From the bucket that comes round next; a few looks into each. */
	for (uint32_t k = 1; k <= WHEEL; k++) {
		uint32_t looks = 0;

		for (i = u->wheel[((uint32_t)u->grain + k) % WHEEL]; i != NONE && looks < 16; looks++) {
			struct flow *fl = flow_at(u, i);
			uint32_t next = fl->wheel_next;

			if (best == NONE ||
			    (int32_t)(fl->grain + lifetime(u, fl) -
				      flow_at(u, best)->grain - lifetime(u, flow_at(u, best))) < 0)
				best = i;
			if ((fl->grain + lifetime(u, fl)) % WHEEL != fl->bucket) {
				wheel_remove(u, i);
				wheel_add(u, i);
			}
			i = next;
		}
		if (best != NONE)
			break;
	}
	return best;
}

/* ---- records ---- */

static int grow_slots(struct untcp *u)
{
	uint32_t n = u->n_slots * 2, old_n = u->n_slots;
	size_t size = n * sizeof(struct slot);
	struct slot *slots = size < HUGE_PAGE ? malloc(size) : aligned_alloc(HUGE_PAGE, size);
	struct slot *old = u->slots;

	if (!slots)
		return -ENOMEM;
	if (size >= HUGE_PAGE)
		madvise(slots, size, MADV_HUGEPAGE);
	memset(slots, 0xff, n * sizeof(*slots));
	u->slots = slots;
	u->n_slots = n;
	u->shift--;
	for (uint32_t i = 0; i < old_n; i++) {
		uint32_t at;

		if (old[i].flow == NONE)
			continue;
		at = slot_of(u, old[i].hash);
		while (slots[at].flow != NONE)
			at = (at + 1) & (n - 1);
		slots[at] = old[i];
	}
	free(old);
	return 0;
}

/*
 * One slab for those who need few, then several at once on huge pages: a packet of
 * any flow may be next, and small pages would each cost a walk of their tables.
 */
static int more_slabs(struct untcp *u)
{
	uint32_t n = u->n_slabs < 2 ? 1 : HUGE_PAGE / (SLAB_FLOWS * sizeof(struct flow));
	struct flow **slabs, *m;

	slabs = realloc(u->slabs, (u->n_slabs + n) * sizeof(*slabs));
	if (!slabs)
		return -ENOMEM;
	u->slabs = slabs;
	m = aligned_alloc(n > 1 ? HUGE_PAGE : 64, n > 1 ? HUGE_PAGE : SLAB_FLOWS * sizeof(*m));
	if (!m)
		return -ENOMEM;
	if (n > 1)
		madvise(m, HUGE_PAGE, MADV_HUGEPAGE);	/* a wish */
	for (uint32_t k = 0; k < n; k++)
		slabs[u->n_slabs++] = m + k * SLAB_FLOWS;
	return 0;
}

static uint32_t take_record(struct untcp *u)
{
	uint32_t i = u->free_flow;

	if (i != NONE) {
		u->free_flow = flow_at(u, i)->wheel_next;
		return i;
	}
	if (u->n_used == u->n_slabs * SLAB_FLOWS && more_slabs(u) < 0)
		return NONE;
	return u->n_used++;
}

uint32_t sl_untcp_add(struct untcp *u, struct sl_block *b, const uint8_t *frame, uint32_t hash, int dir)
{
	const uint8_t *ip = frame + b->l3;
	struct flow *fl;
	uint32_t i, at;

	if (u->n_flows * 2 >= u->n_slots && u->n_slots < 1u << 30 && grow_slots(u) < 0 &&
	    u->n_flows + 1 >= u->n_slots)
		return NONE;
	i = take_record(u);
	if (i == NONE)
		return NONE;
	fl = flow_at(u, i);
	memset(fl, 0, sizeof(*fl));
	fl->hash = hash;
	fl->flow_hash = sl_flow_hash(b, frame);
	fl->grain = grain_of(u, b->time_ns);
	fl->ports = l4_ports(frame + b->l4);
	if (dir)
		fl->ports = turn32(fl->ports);
	if (*ip >> 4 == 6) {
		fl->flags = F_V6;
		memcpy(fl->addrs6, ip + (dir ? 24 : 8), 16);
		memcpy(fl->addrs6 + 16, ip + (dir ? 8 : 24), 16);
	} else {
		fl->addrs = v4_addrs(ip);
		if (dir)
			fl->addrs = turn64(fl->addrs);
	}
	at = slot_of(u, fl->hash);
	while (u->slots[at].flow != NONE)
		at = (at + 1) & (u->n_slots - 1);
	u->slots[at] = (struct slot){ .hash = fl->hash, .flow = i };
	u->n_flows++;
	wheel_add(u, i);
	return i;
}

void sl_untcp_renew(struct untcp *u, uint32_t i, int opener)
{
	struct flow *fl = flow_at(u, i), old = *fl;

	wheel_remove(u, i);
	memset(fl, 0, sizeof(*fl));
	fl->hash = old.hash;
	fl->flow_hash = old.flow_hash;
	fl->flags = old.flags & F_V6;
	fl->grain = old.grain;
	fl->addrs = opener ? turn64(old.addrs) : old.addrs;
	fl->ports = opener ? turn32(old.ports) : old.ports;
	memcpy(fl->addrs6, old.addrs6 + (opener ? 16 : 0), 16);
	memcpy(fl->addrs6 + 16, old.addrs6 + (opener ? 0 : 16), 16);
	wheel_add(u, i);
}

void sl_untcp_forget(struct untcp *u, uint32_t i)
{
	struct flow *fl = flow_at(u, i);
	uint32_t mask = u->n_slots - 1, at = slot_of(u, fl->hash), hole;

	if (fl->bucket != NONE)
		wheel_remove(u, i);
	while (u->slots[at].flow != i)
		at = (at + 1) & mask;
	/* Whoever was pushed on by this slot moves up, so that no probe ends early. */
	for (hole = at; ; ) {
		at = (at + 1) & mask;
		if (u->slots[at].flow == NONE)
			break;
		if (((at - slot_of(u, u->slots[at].hash)) & mask) >= ((at - hole) & mask)) {
			u->slots[hole] = u->slots[at];
			hole = at;
		}
	}
	u->slots[hole] = (struct slot){ .hash = NONE, .flow = NONE };
	fl->wheel_next = u->free_flow;
	u->free_flow = i;
	u->n_flows--;
}
