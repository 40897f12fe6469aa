/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io/pcapout-file.c -- see capfile.h */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cap/cap.h"
#include "capfile.h"
#include "core/outfile.h"

#define SNAPLEN		262144
#define COPY_BELOW	256u	/* smaller frames are staged beside their header */
#define MAX_IFACES	1024	/* more of them are told apart by link type only */
#define APPLICATION	"streamline"

int sl_capfile_open(struct sl_capfile *o, const char *path, bool ng)
{
	*o = (struct sl_capfile){ .ng = ng };
	return sl_target_open(&o->to, path);
}

int sl_capfile_begin(struct sl_capfile *o, uint16_t link, bool nano)
{
	int r;

	if (o->to.begun)
		return 0;
	r = sl_target_begin(&o->to);
	if (r < 0)
		return o->error = r;
	o->link = link;
	o->nano = nano;
	o->own_headers = !o->to.regular;
	return 0;
}

/* A piece behind the ones before; one that begins where the last one ends lengthens it. */
static inline void piece(struct sl_capfile_batch *t, const void *p, size_t len)
{
	t->total += len;
	if (t->n_iov) {
		struct iovec *last = &t->iov[t->n_iov - 1];

		if ((const uint8_t *)last->iov_base + last->iov_len == (const uint8_t *)p) {
			last->iov_len += len;
			return;
		}
	}
	if (len)
		t->iov[t->n_iov++] = (struct iovec){ (void *)(uintptr_t)p, len };
}

static inline void staged(struct sl_capfile_batch *t, size_t len)
{
	piece(t, t->stage + t->staged, len);
	t->staged += len;
}

/*
 * The headers in front of the first frame. Until they are out, size is 0, and
 * they count with the first record.
 */
static void put_header(struct sl_capfile *o, struct sl_capfile_batch *t)
{
	if (o->ng) {
		staged(t, sl_cap_put_section(t->stage + t->staged, 256, APPLICATION, NULL));
	} else {
		sl_cap_put_file(t->stage + t->staged, o->link, SNAPLEN, o->nano, 0);
		staged(t, SL_CAP_FILE_HDR);
	}
	t->before = t->total;
}

/* The number of the interface in this file; its description is staged when it is new. */
static int64_t iface_of(struct sl_capfile *o, struct sl_capfile_batch *t, uint16_t link,
			uint16_t iface, bool nano)
{
	struct sl_capfile_iface *i, *more;

	if (o->n_ifaces >= MAX_IFACES)
		iface = 0;
	for (uint32_t k = 0; k < o->n_ifaces; k++) {
		/* begin at the last one: most often it is that */
		uint32_t at = o->last_iface + k < o->n_ifaces ? o->last_iface + k
							      : o->last_iface + k - o->n_ifaces;

		i = &o->ifaces[at];
		if (i->iface == iface && i->link == link && i->nano == nano)
			return o->last_iface = at;
	}
	if ((o->n_ifaces & (o->n_ifaces - 1)) == 0) {
		more = realloc(o->ifaces, (o->n_ifaces ? o->n_ifaces * 2 : 1) * sizeof(*more));
		if (!more)
			return -1;
		o->ifaces = more;
	}
	o->ifaces[o->n_ifaces] = (struct sl_capfile_iface){ link, iface, nano };
	staged(t, sl_cap_put_iface(t->stage + t->staged, 128, link, SNAPLEN, nano,
				   o->names && iface < SL_CAPFILE_NAMES && *o->names[iface] ? o->names[iface] : NULL, 0));
	return o->last_iface = o->n_ifaces++;
}

static int put_ng(struct sl_capfile *o, struct sl_capfile_batch *t, const struct sl_block *b,
		   const uint8_t *frame, bool nano)
{
	uint8_t flags = (b->flags & SL_B_IN ? SL_CAP_IN : 0) | (b->flags & SL_B_OUT ? SL_CAP_OUT : 0);
	int64_t iface = iface_of(o, t, b->link, b->iface, nano);

	if (iface < 0)
		return -ENOMEM;
	sl_cap_put_epb(t->stage + t->staged, (uint32_t)iface, b->time_ns, nano, b->frame_len, b->wire_len,
		       flags);
	staged(t, SL_CAP_EPB_HDR);
	if (b->frame_len <= COPY_BELOW) {
		memcpy(t->stage + t->staged, frame, b->frame_len);
		staged(t, b->frame_len);
	} else {
		piece(t, frame, b->frame_len);
	}
	staged(t, sl_cap_put_epb_tail(t->stage + t->staged, b->frame_len, flags));
	return 0;
}

static void put_pcap(struct sl_capfile *o, struct sl_capfile_batch *t, const struct sl_block *b,
		     const uint8_t *frame)
{
	uint8_t *h = t->stage + t->staged;

	sl_cap_put_rec(h, b->time_ns, b->frame_len, b->wire_len, o->nano);
	t->lies[t->n] = NULL;
	/*
	 * Is it there already? A block's own bytes (SL_B_OWNED) have somebody's
	 * count in front of them; all others lie in a segment, whose earlier
	 * bytes are as readable as theirs.
	 */
	if (!o->own_headers && b->seg && !(b->flags & SL_B_OWNED) && b->off - b->head >= SL_CAP_REC_HDR &&
	    !memcmp(frame - SL_CAP_REC_HDR, h, SL_CAP_REC_HDR)) {
		t->lies[t->n] = frame - SL_CAP_REC_HDR;
		memcpy(t->says[t->n], h, SL_CAP_REC_HDR);
		piece(t, frame - SL_CAP_REC_HDR, SL_CAP_REC_HDR + (size_t)b->frame_len);
		return;
	}
	staged(t, SL_CAP_REC_HDR);
	if (b->frame_len <= COPY_BELOW) {
		memcpy(t->stage + t->staged, frame, b->frame_len);
		staged(t, b->frame_len);
	} else {
		piece(t, frame, b->frame_len);
	}
}

int sl_capfile_put(struct sl_capfile *o, struct sl_capfile_batch *t, const struct sl_block *b,
		   const uint8_t *frame, enum sl_capfile_clock clock)
{
	bool nano = clock == SL_CLOCK_NS || (clock == SL_CLOCK_AUTO && b->flags & SL_B_NANO);

	/* Header, a new interface, a small frame, and its own two headers. */
	if (t->n == SL_CAPFILE_BATCH || t->n_iov > SL_CAPFILE_PIECES - 8 ||
	    t->staged + 256 + 128 + COPY_BELOW + 64 > sizeof(t->stage))
		return 0;
	if (!o->size && !t->n)
		put_header(o, t);
	if (o->ng) {
		int r = put_ng(o, t, b, frame, nano);

		if (r < 0) {
			/* no header without a frame */
			if (!t->n)
				sl_capfile_drop(t);
			return r;
		}
	} else {
		put_pcap(o, t, b, frame);
		nano = o->nano;
	}
	if (!nano && b->time_ns % 1000)
		o->rounded++;
	t->len[t->n] = b->frame_len;
	t->end[t->n++] = t->total;
	return 1;
}

/*
 * The kernel could not read some piece: a mapped input was cut. Touching the pages
 * lets the mapping be mended (map.h), after which they hold zeros.
 */
static void touch(const struct iovec *v, unsigned int n)
{
	for (; n; n--, v++) {
		volatile const uint8_t *p = v->iov_base;

		for (size_t at = 0; at < v->iov_len; at += 4096)
			(void)p[at];
		if (v->iov_len)
			(void)p[v->iov_len - 1];
	}
}

/* All of it, or the error; *done is what went out. */
static int write_all(struct sl_capfile *o, struct iovec *v, unsigned int n, size_t *done)
{
	bool touched = false;
	ssize_t r;

	*done = 0;
	while (n) {
		int some = n < IOV_MAX ? (int)n : IOV_MAX;

		if (o->to.regular) {
			do
				r = writev(o->to.fd, v, some);
			while (r < 0 && errno == EINTR);
			if (r < 0)
				r = -errno;
		} else {
			r = sl_writev_quiet(o->to.fd, v, some);
		}
		if (r == -EAGAIN) {
			struct pollfd p = { .fd = o->to.fd, .events = POLLOUT };

			poll(&p, 1, -1);
			continue;
		}
		if (r == -EFAULT && !touched) {
			touch(v, n);
			touched = true;
			continue;
		}
		if (r < 0)
			return (int)r;
		if (r == 0)
			return -ENOSPC;
		touched = false;
		*done += (size_t)r;
		while (n && (size_t)r >= v->iov_len) {
			r -= (ssize_t)v->iov_len;
			v++;
			n--;
		}
		if (n) {
			v->iov_base = (uint8_t *)v->iov_base + r;
			v->iov_len -= (size_t)r;
		}
	}
	return 0;
}

/* Of the first n frames, those in front of a header that is not any more what it was. */
static unsigned int unspoilt(const struct sl_capfile *o, const struct sl_capfile_batch *t, unsigned int n)
{
	for (unsigned int i = 0; !o->ng && i < n; i++)
		if (t->lies[i] && memcmp(t->lies[i], t->says[i], SL_CAP_REC_HDR))
			return i;
	return n;
}

int sl_capfile_flush(struct sl_capfile *o, struct sl_capfile_batch *t, unsigned int *n_good)
{
	size_t done = 0, good;
	unsigned int n = 0, fine;
	int r;

	r = write_all(o, t->iov, t->n_iov, &done);
	while (n < t->n && t->end[n] <= done)
		n++;
	fine = unspoilt(o, t, n);
	if (fine < n) {
		o->own_headers = true;
		n = fine;
	}
	/* What a reader can read: whole records; if not even one, the headers; or nothing. */
	good = n ? t->end[n - 1] : done >= t->before ? t->before : 0;
	if (done > good && !sl_target_cut(&o->to, (off_t)(done - good)) && r == 0) {
		n = t->n;	/* somebody else writes there too: it stays as it is */
		good = done;
	}
	for (unsigned int i = 0; i < n; i++)
		o->bytes += t->len[i];
	o->packets += n;
	o->size += good;
	*n_good = n;
	if (r < 0)
		o->error = r;
	sl_capfile_drop(t);
	return r;
}

void sl_capfile_counts(struct sl_capfile *o, uint16_t iface, uint64_t time_ns, uint64_t received, uint64_t dropped)
{
	uint8_t block[128];
	size_t done;

	if (!o->ng || !o->to.begun || o->error || o->to.fd < 0)
		return;
	for (uint32_t k = 0; k < o->n_ifaces; k++) {
		struct sl_cap_stats s = {
			.time_ns = time_ns, .nano = o->ifaces[k].nano, .received = received, .dropped = dropped,
		};
		struct iovec v = { block, 0 };

		if (o->ifaces[k].iface != iface)
			continue;
		v.iov_len = sl_cap_put_stats(block, sizeof(block), k, &s);
		if (write_all(o, &v, 1, &done) == 0)
			o->size += done;
		else
			sl_target_cut(&o->to, (off_t)done);
	}
}

int sl_capfile_done(struct sl_capfile *o)
{
	uint8_t head[320];
	size_t n = SL_CAP_FILE_HDR, done;
	int r = 0, e;

	if (!o->to.path)
		return 0;
	if (!o->to.begun && !o->error && o->to.fd >= 0) {
		/* Nothing came: a file that says so. */
		r = sl_capfile_begin(o, 1, false);
		if (r == 0) {
			struct iovec v = { head, 0 };

			if (o->ng) {
				n = sl_cap_put_section(head, sizeof(head), APPLICATION, NULL);
				n += sl_cap_put_iface(head + n, sizeof(head) - n, 1, SNAPLEN, false, NULL, 0);
			} else {
				sl_cap_put_file(head, 1, SNAPLEN, false, 0);
			}
			v.iov_len = n;
			r = write_all(o, &v, 1, &done);
			if (r == 0)
				o->size = n;
		}
	}
	free(o->ifaces);
	o->ifaces = NULL;
	e = sl_target_close(&o->to);
	return r < 0 ? r : e;
}

void sl_capfile_undo(struct sl_capfile *o)
{
	free(o->ifaces);
	o->ifaces = NULL;
	sl_target_undo(&o->to);
}
