/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pcapin -- read packets from a capture file
 *
 *	(pcapin web.pcap)
 *	(pcapin -)
 *
 * out  packets, each with its time, link type, interface and direction
 * read packets, interfaces
 *
 * Reads pcap (either byte order, micro- and nanoseconds, the modified variants)
 * and pcapng (several sections and interfaces, per-interface link type, clock and
 * offset; unknown blocks are skipped), also compressed by gzip or zstd; what a
 * file is shows in its first bytes, its name does not matter. "-" is standard
 * input.
 *
 * A capture file is mapped, and its packets are used where they lie. What comes
 * compressed or through a pipe is collected in pieces of a megabyte that are
 * given back when the last of their packets is done with.
 *
 * A file that is cut short or damaged gives all packets before that place; then
 * an error says where and why, and the exit status is 1. The rest counts as lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cap/cap.h"
#include "map.h"
#include "streamline/filter.h"
#include "unpack.h"

#define CHUNK		(1u << 20)
#define MAX_OFFSET	(UINT64_C(1) << 40)	/* what a block pointer can name */

/*
 * Where the bytes are: p[at .. len) is what the reader has not done with.
 *
 *	mapped		p is the whole file, seg pinned; eof is set
 *	collected	p is a heap chunk of `room` bytes, filled up to len; seg counted
 */
struct pcapin {
	const char *file;
	struct sl_count packets, interfaces;

	struct sl_cap *cap;
	const uint8_t *p;
	size_t at, len;
	int seg;
	bool eof, over;
	bool cut;		/* said that the file was cut */

	int fd;
	struct sl_map *map;	/* of a plain or a compressed file; NULL: read */
	uint64_t file_len;	/* 0: unknown */

	struct sl_unpack *in;	/* NULL: mapped and plain */
	size_t room;
};

static const uint8_t nothing[1];	/* p before the first bytes came */

static const struct sl_param pcapin_params[] = {
	SL_IN_FILE(struct pcapin, file, .pos = 1, .required = true, .alias = "expression",
		   .help = "capture file, plain or compressed by gzip or zstd; \"-\": standard input"),
	{ }
};

static const struct sl_value pcapin_values[] = {
	SL_COUNT(struct pcapin, packets, .help = "packets read"),
	SL_COUNT(struct pcapin, interfaces, .help = "interfaces that the file describes"),
	{ }
};

/* What can be known before anything runs: that the file is there and no stranger. */
static int pcapin_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	const struct pcapin *s = state;
	uint8_t head[512];
	const char *what;
	struct stat st;
	ssize_t n = -1;
	int fd;

	(void)shared;
	if (!s->file || !strcmp(s->file, "-") || !sl_prepare_env(p))
		return 0;
	if (stat(s->file, &st) < 0)
		return sl_prepare_error(p, "file", "E201", "cannot open %s: %s", s->file, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return sl_prepare_error(p, "file", "E201", "cannot open %s: it is a directory", s->file);
	if (!S_ISREG(st.st_mode))
		return 0;	/* a pipe gives its bytes only once */
	fd = open(s->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0)
		n = pread(fd, head, sizeof(head), 0);
	if (n < 0) {
		sl_prepare_error(p, "file", "E201", "cannot open %s: %s", s->file, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -EINVAL;
	}
	close(fd);
	if (n == 0)
		return sl_prepare_error(p, "file", "E202", "%s is empty, not even a header is there", s->file);
	if (sl_packing_of(head, (size_t)n) != SL_PLAIN)
		return 0;
	what = sl_cap_recognise(head, (size_t)n);
	if (!what)
		return sl_prepare_error(p, "file", "E202", "%s is not a pcap or pcapng file", s->file);
	if (*what)
		return sl_prepare_error(p, "file", "E202", "%s is %s, not a pcap or pcapng file", s->file, what);
	return 0;
}

static void drop_map(void *arg)
{
	sl_map_free(arg);
}

static const char *name_of(const struct pcapin *s)
{
	return strcmp(s->file, "-") ? s->file : "standard input";
}

/* Map what can be mapped. Returns 0 also when it can't: then it is read. */
static int try_map(struct sl_filter *f, struct pcapin *s)
{
	const uint8_t *base;
	struct stat st;

	if (fstat(s->fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return 0;
	/* Standard input may stand somewhere within a file already. */
	if (lseek(s->fd, 0, SEEK_CUR) != 0 || (uint64_t)st.st_size >= MAX_OFFSET)
		return 0;
	if (sl_map_new(s->fd, (size_t)st.st_size, &s->map) < 0)
		return 0;
	s->file_len = (uint64_t)st.st_size;
	base = (const uint8_t *)atomic_load(&s->map->base);
	sl_map_ahead(s->map, 0);
	if (sl_packing_of(base, s->file_len) != SL_PLAIN) {
		s->in = sl_unpack_new(-1, base, s->file_len);
		return 0;
	}
	s->seg = sl_segment_new(f, (void *)(uintptr_t)base, s->file_len, true, drop_map, s->map);
	if (s->seg < 0)
		return sl_fail(f, "E302", "no segment for %s: %s", name_of(s), strerror(-s->seg));
	s->p = base;
	s->len = s->file_len;
	s->eof = true;
	return 0;
}

static int pcapin_open(struct sl_filter *f)
{
	struct pcapin *s = sl_state(f);
	int r;

	s->fd = -1;
	s->cap = sl_cap_new();
	if (!s->cap)
		return sl_fail(f, "E302", "out of memory");
	if (strcmp(s->file, "-"))
		s->fd = open(s->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	else
		s->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (s->fd < 0)
		return sl_fail(f, "E201", "cannot open %s: %s", name_of(s), strerror(errno));
	r = try_map(f, s);
	if (r < 0)
		return r;
	if (s->p)
		return 0;
	s->p = nothing;
	if (!s->in)
		s->in = sl_unpack_new(s->fd, NULL, 0);
	return s->in ? 0 : sl_fail(f, "E302", "out of memory");
}

/*
 * Room for what the reader wants, behind what it has not done with. Bytes that blocks
 * point to stay where they are: a full chunk is left to them, and only the piece
 * of a record at its end moves on.
 */
static int make_room(struct sl_filter *f, struct pcapin *s)
{
	size_t left = s->len - s->at, want = sl_cap_want(s->cap);
	size_t room = want < CHUNK / 2 ? CHUNK : want + CHUNK / 2;
	uint8_t *p;
	int seg;

	if (s->p && s->room - s->at >= want && s->len < s->room)
		return 0;
	p = malloc(room);
	if (!p)
		return sl_fail(f, "E302", "out of memory for a record of %zu bytes", want);
	seg = sl_segment_new(f, p, room, false, free, p);
	if (seg < 0) {
		free(p);
		return sl_fail(f, "E302", "too many packets are held: no segment is left for %s", name_of(s));
	}
	if (left)
		memcpy(p, s->p + s->at, left);
	sl_segment_put(f, s->seg);
	s->seg = seg;
	s->p = p;
	s->at = 0;
	s->len = left;
	s->room = room;
	return 0;
}

/* 1: there is more than before; 0: not now; negative: failed. At the end eof is set. */
static int collect(struct sl_filter *f, struct pcapin *s)
{
	ssize_t n;
	int r;

	r = make_room(f, s);
	if (r < 0)
		return r;
	n = sl_unpack_read(s->in, (uint8_t *)(uintptr_t)s->p + s->len, s->room - s->len);
	if (n > 0) {
		s->len += (size_t)n;
		return 1;
	}
	if (n == 0) {
		s->eof = true;
		return 1;
	}
	if (n == -EAGAIN) {
		r = sl_wait_fd(f, s->fd, false);
		return r < 0 ? sl_fail(f, "E302", "cannot wait for %s: %s", name_of(s), strerror(-r)) : 0;
	}
	/* Packets before the damage were given already: what the reader holds is a piece of one. */
	s->over = true;
	if (s->len > s->at)
		sl_lost_bytes(f, 1, s->len - s->at, "damaged file");
	if (n == -ENODATA || n == -EBADMSG)
		sl_trouble(f, "E203", true, "%s: %s, after %" PRIu64 " bytes of it and %" PRIu64 " good packets",
			   name_of(s), sl_unpack_error(s->in), sl_unpack_used(s->in), s->packets.n);
	else
		sl_trouble(f, "E201", true, "cannot read %s: %s, after %" PRIu64 " packets", name_of(s),
			   strerror((int)-n), s->packets.n);
	return 1;
}

/* The reader gave up. What was good has been given. */
static int give_up(struct sl_filter *f, struct pcapin *s, int error)
{
	uint64_t off = 0, good = 0;
	const char *why = sl_cap_error(s->cap, &off, &good);

	s->over = true;
	if (error == -ENOMEM)
		return sl_fail(f, "E302", "%s", why);
	if (error == -EPROTO || (error == -ENODATA && !s->cap->off && !s->len)) {
		sl_trouble(f, "E202", true, "%s: %s", name_of(s), why);
		return 0;
	}
	if (s->len > s->at)
		sl_lost_bytes(f, 1, s->len - s->at, error == -ENODATA ? "cut file" : "damaged file");
	sl_trouble(f, "E203", true, "%s is %s: %s (at byte %" PRIu64 ", after %" PRIu64 " good packet%s)",
		   name_of(s), error == -ENODATA ? "cut short" : "damaged", why, off, good, good == 1 ? "" : "s");
	return 0;
}

/*
 * How much of a mapped file is still there. The page in which a cut file ends has
 * zeros behind that end and raises nothing, so the size is looked at as well.
 */
static uint64_t still_there(const struct pcapin *s)
{
	uint64_t good = sl_map_good(s->map);
	struct stat st;

	if (fstat(s->fd, &st) == 0 && (uint64_t)st.st_size < good)
		good = (uint64_t)st.st_size;
	return good;
}

static void report_cut(struct sl_filter *f, struct pcapin *s)
{
	s->over = s->cut = true;
	if (s->len > s->at)
		sl_lost_bytes(f, 1, s->len - s->at, "cut file");
	sl_trouble(f, "E203", true, "%s was cut while it was read: of %" PRIu64 " bytes only %" PRIu64
		   " are left; packets that lay behind may hold zeros", name_of(s), s->file_len, still_there(s));
}

/* A block for a record; its frame is at `off` of the segment. */
static inline bool give(struct sl_filter *f, struct pcapin *s, const struct sl_cap_rec *rec, uint64_t off)
{
	struct sl_block *b = sl_block_new(f);

	if (!b)
		return false;
	b->seg = (uint16_t)s->seg;
	b->off = off;
	b->time_ns = rec->time_ns;
	b->len = b->frame_len = rec->cap_len;
	b->wire_len = rec->wire_len;
	b->link = rec->linktype;
	b->iface = rec->iface < UINT16_MAX ? (uint16_t)rec->iface : UINT16_MAX;
	b->flags |= (rec->flags & SL_CAP_NANO ? SL_B_NANO : 0) | (rec->flags & SL_CAP_IN ? SL_B_IN : 0) |
		    (rec->flags & SL_CAP_OUT ? SL_B_OUT : 0);
	if (s->in)
		sl_segment_get(f, s->seg);
	sl_emit(f, 0, b);
	sl_count(&s->packets);
	return true;
}

/*
 * From a mapping. The records of a batch are found first; then, before any of them
 * goes out, the file is asked whether all of it was there.
 */
/*
 * A record tells where the next one begins, so walking them waits for memory at each
 * step, and the filters behind wait again for the packets. Fetching the file in
 * order, some way ahead, keeps memory busy instead; what is fetched stays in the second
 * level cache until the batch was worked on. Records larger than that are skipped.
 */
#define FETCH_BYTES	6144u

static inline size_t fetch_ahead(const struct pcapin *s, size_t at, size_t fetched)
{
	size_t end = at + FETCH_BYTES < s->len ? at + FETCH_BYTES : s->len;

	if (fetched < at)
		fetched = at;
	for (; fetched < end; fetched += 64)
		__builtin_prefetch(s->p + fetched, 0, 2);
	return fetched;
}

static int pull_mapped(struct sl_filter *f, struct pcapin *s, unsigned int max)
{
	struct sl_cap_rec rec[SL_BATCH_MAX];
	uint64_t there;
	size_t used, at = s->at, fetched;
	unsigned int n = 0;
	int r = 1;

	if (max > SL_BATCH_MAX)
		max = SL_BATCH_MAX;
	sl_map_ahead(s->map, at);
	fetched = at;
	while (n < max) {
		fetched = fetch_ahead(s, at, fetched);
		r = sl_cap_next(s->cap, s->p + at, s->len - at, true, &rec[n], &used);
		if (r == 1) {
			rec[n].off += at;
			n++;
		}
		at += used;
		if (r != 1)
			break;
	}
	there = still_there(s);
	for (unsigned int i = 0; i < n; i++) {
		if (rec[i].off + rec[i].cap_len > there) {
			report_cut(f, s);
			return (int)i;
		}
		if (!give(f, s, &rec[i], rec[i].off))
			return sl_fail(f, "E302", "out of memory");
		s->at = rec[i].off + rec[i].cap_len;
	}
	s->at = at;
	if (r != 1 && there < s->file_len) {
		report_cut(f, s);
	} else if (r < 0) {
		r = give_up(f, s, r);
		if (r < 0)
			return r;
	} else if (r == 0) {
		s->over = true;
	}
	return (int)n;
}

/* From pieces that are collected as they come. */
static int pull_collected(struct sl_filter *f, struct pcapin *s, unsigned int max)
{
	struct sl_cap_rec rec;
	unsigned int n = 0;
	size_t used;
	int r;

	while (n < max && !s->over) {
		r = sl_cap_next(s->cap, s->p + s->at, s->len - s->at, s->eof, &rec, &used);
		if (r == 1) {
			if (!give(f, s, &rec, s->at + rec.off))
				return sl_fail(f, "E302", "out of memory");
			s->at += used;
			n++;
			continue;
		}
		s->at += used;
		if (r < 0) {
			r = give_up(f, s, r);
			if (r < 0)
				return r;
		} else if (s->eof) {
			s->over = true;
		} else {
			r = collect(f, s);
			if (r < 0)
				return r;
			if (r == 0)
				break;
		}
		if (s->map && !s->cut && still_there(s) < s->file_len)
			report_cut(f, s);
	}
	return (int)n;
}

static int pcapin_pull(struct sl_filter *f, unsigned int max)
{
	struct pcapin *s = sl_state(f);
	int n;

	if (s->over)
		return SL_EOF;
	n = s->in ? pull_collected(f, s, max) : pull_mapped(f, s, max);
	s->interfaces.n = sl_cap_ifaces(s->cap);
	sl_progress(f, s->in ? sl_unpack_used(s->in) : s->at, s->file_len);
	if (!s->over)
		return n;
	if (s->in)
		sl_wait_fd(f, -1, false);
	return n ? n : SL_EOF;
}

/*
 * Blocks may have been read after the last pull; a cut that only they met is
 * reported here.
 */
static int pcapin_flush(struct sl_filter *f)
{
	struct pcapin *s = sl_state(f);

	if (s->map && !s->cut && still_there(s) < s->file_len)
		report_cut(f, s);
	return 0;
}

static void pcapin_close(struct sl_filter *f)
{
	struct pcapin *s = sl_state(f);

	if (s->in) {
		sl_unpack_free(s->in);
		if (s->seg > 0)
			sl_segment_put(f, s->seg);
		sl_map_free(s->map);
	} else if (s->map && s->seg <= 0) {
		sl_map_free(s->map);	/* no segment took it */
	}
	sl_cap_free(s->cap);
	if (s->fd >= 0)
		close(s->fd);
}

static const char *const pcapin_examples[] = {
	"(pcapin web.pcap) > (count)",
	"(pcapin -) > (tcp) -80-> (untcp) > (ac) > (pcapout clean.pcap)",
	NULL
};

const struct sl_filter_type sl_pcapin_type = {
	.name	  = "pcapin",
	.brief	  = "read packets from a capture file",
	.group	  = "source",
	.state	  = sizeof(struct pcapin),
	.params	  = pcapin_params,
	.values	  = pcapin_values,
	.out	  = SL_PACKET,
	.flags	  = SL_F_READS,
	.prepare  = pcapin_prepare,
	.open	  = pcapin_open,
	.pull	  = pcapin_pull,
	.flush	  = pcapin_flush,
	.end	  = pcapin_flush,
	.close	  = pcapin_close,
	.examples = pcapin_examples,
	.see_also = "pcapout",
};
