/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach -- read a capture that another process shares
 *
 *	(attach web)
 *
 * out  packets
 * read packets, missed
 *
 * The other process captures by (rx eth0 share=web). Packets are captured and copied once, for
 * all who read. Nobody waits for a reader: one that is too slow misses packets, and counts
 * exactly how many (lost, overrun). What the other process does with the packets, its filters
 * and its speed, does not matter here. Ends when that capture ends.
 *
 * Readers need no rights to capture: they must be the same user, root, or of the
 * group "streamline".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "rx-gulp.h"
#include "rx-share.h"

#define NAP_MIN_NS	50000
#define NAP_MAX_NS	50000000
#define NAP_SILENT_NS	50000000
#define SILENT		8	/* naps with nothing */

struct attach {
	const char *name;
	struct sl_count packets, missed;
	struct rx_hello hello;
	int socket, map_fd;			/* + 1; 0: none */
	const uint8_t *map;
	struct rx_gulp *rings;
	uint64_t nap_ns;
	uint64_t to_real_ns, told;
	uint64_t round;				/* bytes of ring read since the last nap */
	unsigned int silent;			/* naps since there was something */
	bool over;				/* the capture has ended: read what is left */
};

static const struct sl_param attach_params[] = {
	SL_STRING(struct attach, name, .pos = 1, .required = true, .help = "what the capture is shared as"),
	{ }
};

static const struct sl_value attach_values[] = {
	SL_COUNT(struct attach, packets, .help = "packets read"),
	SL_COUNT(struct attach, missed, .help = "packets that were overwritten before they were read"),
	{ }
};

static int begin(struct attach *s)
{
	size_t len = (size_t)s->hello.n_rings * s->hello.stride;
	void *p = mmap(NULL, len, PROT_READ, MAP_SHARED, s->map_fd - 1, 0);

	if (p == MAP_FAILED)
		return -errno;
	s->map = p;
	return rx_gulp_new(s->map, s->hello.n_rings, s->hello.stride, s->hello.size, &s->rings);
}

static int attach_open(struct sl_filter *f)
{
	struct attach *s = sl_state(f);
	char why[256];
	int fd, r;

	fd = rx_share_attach(s->name, &s->hello, &s->map_fd, why, sizeof(why));
	if (fd < 0) {
		r = fd == -EACCES || fd == -EPERM ? -EACCES : -EIO;
		sl_fail(f, r == -EACCES ? "E301" : "E209", "cannot attach to '%s': %s", s->name, why);
		return r;
	}
	s->socket = fd + 1;
	s->map_fd++;
	s->nap_ns = NAP_MIN_NS;
	r = begin(s);
	return r < 0 ? sl_fail(f, "E302", "cannot read the capture '%s': %s", s->name, strerror(-r)) : 0;
}

static uint64_t clock_at(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The capture itself, of the borders that a packet crossed. */
static const struct sl_kentry *entry_of(const struct sl_klapped_head *h)
{
	for (unsigned int i = 0; i < h->n_entries; i++)
		if (h->entries[i].border == RX_SHARE_BORDER)
			return &h->entries[i];
	return NULL;
}

static int one(struct sl_filter *f, struct attach *s, const struct sl_klapped_head *h)
{
	const struct sl_kentry *e = entry_of(h);
	struct sl_block *b;

	if (!e)
		return 0;
	b = rx_gulp_block(f, s->rings, h);
	if (!b)
		return sl_fail(f, "E302", "no memory for blocks");
	if (e->frame_len < b->len)
		b->len = b->frame_len = e->frame_len;
	b->time_ns = h->frame->time_ns + s->to_real_ns;
	b->wire_len = h->frame->wire_len;
	b->link = h->frame->link;
	b->iface = h->frame->iface;
	b->stream = h->frame->queue;
	b->flags = (uint16_t)(b->flags | (e->flags & (SL_B_IN | SL_B_OUT)) | SL_B_NANO);
	sl_count(&s->packets);
	sl_emit(f, 0, b);
	return 1;
}

static void count_missed(struct sl_filter *f, struct attach *s)
{
	uint64_t all = rx_gulp_missed(s->rings);

	if (all > s->told)
		sl_lost_bytes(f, all - s->told, 0, "overrun");
	s->told = s->missed.n = all;
}

/*
 * After a round: longer while rounds bring little, shorter when they bring much of a ring. After
 * a silence still longer: then the owner pokes, when something comes.
 */
static void nap(struct sl_filter *f, struct attach *s, uint64_t now)
{
	uint64_t most = s->silent < SILENT ? NAP_MAX_NS : NAP_SILENT_NS;

	if (s->round >= s->hello.size / 8)
		s->nap_ns /= 2;
	else if (s->round < s->hello.size / 32)
		s->nap_ns *= 2;
	if (s->nap_ns < NAP_MIN_NS)
		s->nap_ns = NAP_MIN_NS;
	if (s->nap_ns > most)
		s->nap_ns = most;
	s->silent = s->round ? 0 : s->silent + 1;
	s->round = 0;
	sl_wait_until(f, now + s->nap_ns);
}

/* What the owner has to say: nothing, look, or (false) that it is over. */
static bool listen_to(struct attach *s)
{
	char byte;
	ssize_t n;

	while ((n = recv(s->socket - 1, &byte, 1, MSG_DONTWAIT)) > 0) {
		s->nap_ns = NAP_MIN_NS;
		s->silent = 0;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* At most max records: how many, or a negative errno. */
static int read_some(struct sl_filter *f, struct attach *s, unsigned int max)
{
	struct sl_klapped_head h;
	unsigned int n;
	int r = 0;

	for (n = 0; n < max && (r = rx_gulp_next(f, s->rings, &h)) > 0; n++) {
		r = one(f, s, &h);
		if (r < 0)
			return r;
		s->round += h.size;
	}
	return r < 0 ? sl_fail(f, "E302", "no memory for packets") : (int)n;
}

static int attach_pull(struct sl_filter *f, unsigned int max)
{
	struct attach *s = sl_state(f);
	uint64_t now = clock_at(CLOCK_MONOTONIC);
	int n, r;

	s->to_real_ns = clock_at(CLOCK_REALTIME) - now;
	/* What was written before the end is read. */
	if (sl_fd_ready(f) && !s->over)
		s->over = !listen_to(s);
	n = read_some(f, s, max);
	if (n < 0)
		return n;
	count_missed(f, s);
	if (!n && s->over)
		return SL_EOF;
	if (s->over || (unsigned int)n == max)
		return n;
	nap(f, s, now);
	r = sl_wait_fd(f, s->socket - 1, false);
	return r < 0 ? sl_fail(f, "E302", "cannot wait: %s", strerror(-r)) : 0;
}

static void shut(int fd)
{
	if (fd > 0)
		close(fd - 1);
}

static void attach_close(struct sl_filter *f)
{
	struct attach *s = sl_state(f);

	rx_gulp_free(f, s->rings);
	if (s->map)
		munmap((void *)(uintptr_t)s->map, (size_t)s->hello.n_rings * s->hello.stride);
	shut(s->socket);
	shut(s->map_fd);
}

static bool attach_iface(const struct sl_filter *f, unsigned int i, struct sl_iface_info *out)
{
	const struct attach *s = sl_state(f);

	if (!s->socket || i >= s->hello.n_ifs || !*s->hello.ifs[i].name)
		return false;
	snprintf(out->name, sizeof(out->name), "%s", s->hello.ifs[i].name);
	return true;
}

static const char *const attach_examples[] = {
	"(attach web) > (tcp) -443-> (count)",
	NULL
};

const struct sl_filter_type sl_attach_type = {
	.name	  = "attach",
	.brief	  = "read a capture that another process shares",
	.group	  = "source",
	.state	  = sizeof(struct attach),
	.params	  = attach_params,
	.values	  = attach_values,
	.out	  = SL_PACKET,
	.open	  = attach_open,
	.pull	  = attach_pull,
	.close	  = attach_close,
	.iface	  = attach_iface,
	.examples = attach_examples,
	.see_also = "rx",
};
