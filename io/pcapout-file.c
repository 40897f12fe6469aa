/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io/pcapout-file.c -- see capfile.h */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capfile.h"
#include "core/outfile.h"

#define SNAPLEN		262144
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

/* The number of the interface in this file; its description is made when it is new. */
static int iface_of(struct sl_capfile *o, uint16_t link, uint16_t iface, bool nano, uint8_t *to)
{
	struct sl_capfile_iface *i, *more;

	if (o->n_ifaces >= MAX_IFACES)
		iface = 0;
	for (uint32_t k = 0; k < o->n_ifaces; k++) {
		/* from the last one on: most often it is the next */
		uint32_t at = o->last_iface + k < o->n_ifaces ? o->last_iface + k
							      : o->last_iface + k - o->n_ifaces;

		i = &o->ifaces[at];
		if (i->iface == iface && i->link == link && i->nano == nano) {
			o->last_iface = at;
			return 0;
		}
	}
	if ((o->n_ifaces & (o->n_ifaces - 1)) == 0) {
		more = realloc(o->ifaces, (o->n_ifaces ? o->n_ifaces * 2 : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		o->ifaces = more;
	}
	o->ifaces[o->n_ifaces] = (struct sl_capfile_iface){ link, iface, nano };
	o->last_iface = o->n_ifaces++;
	return (int)sl_cap_put_iface(to, 128, link, SNAPLEN, nano,
				     o->names && iface < SL_CAPFILE_NAMES && *o->names[iface] ? o->names[iface] : NULL, 0);
}

int sl_capfile_before(struct sl_capfile *o, const struct sl_block *b, bool nano, uint8_t *to, uint32_t *begins)
{
	size_t n = 0;
	int r;

	*begins = 0;
	if (!o->headed && o->ng) {
		n = sl_cap_put_section(to, 256, APPLICATION, NULL);
	} else if (!o->headed) {
		sl_cap_put_file(to, o->link, SNAPLEN, o->nano, 0);
		n = SL_CAP_FILE_HDR;
	}
	r = o->ng ? iface_of(o, b->link, b->iface, nano, to + n) : 0;
	if (r < 0)
		return r;
	o->headed = true;
	*begins = (uint32_t)n;
	return (int)n + r;
}

bool sl_capfile_add(struct sl_capfile *o, struct sl_capfile_batch *t, struct sl_capfile_part *p)
{
	if (t->n == SL_CAPFILE_BATCH || t->n_iov > SL_CAPFILE_PIECES - 3)
		return false;
	if (!p->frame) {
		piece(t, p->made, p->made_len);
	} else if (p->lies && !o->own_headers) {
		piece(t, p->frame - SL_CAP_REC_HDR, SL_CAP_REC_HDR + (size_t)p->frame_len);
	} else {
		piece(t, p->made, p->header);
		piece(t, p->frame, p->frame_len);
		piece(t, p->made + p->header, p->made_len - p->header);
	}
	t->part[t->n] = p;
	t->end[t->n++] = t->total;
	return true;
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

/* Of the first n parts, those in front of a header that is not any more what it was. */
static unsigned int unspoilt(const struct sl_capfile *o, const struct sl_capfile_batch *t, unsigned int n)
{
	for (unsigned int i = 0; !o->own_headers && i < n; i++) {
		const struct sl_capfile_part *p = t->part[i];

		if (p->lies && memcmp(p->frame - SL_CAP_REC_HDR, p->made, SL_CAP_REC_HDR))
			return i;
	}
	return n;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Only the first `fits` bytes of a part went out: those up to the end of its last whole packet. */
static size_t whole(const struct sl_capfile *o, struct sl_capfile_part *p, size_t fits)
{
	size_t at = p->begins, next, good = at <= fits ? at : 0;
	uint32_t frame_len;

	while (!p->frame && p->good < p->packets) {
		const uint8_t *h = p->made + at;
		bool packet = !o->ng || get32(h) == SL_CAP_EPB;

		next = at + (o->ng ? get32(h + 4) : SL_CAP_REC_HDR + get32(h + 8));
		if (next > fits)
			break;
		frame_len = get32(h + (o->ng ? 20 : 8));
		at = next;
		if (!packet)
			continue;
		p->good++;
		p->good_bytes += frame_len;
		good = at;
	}
	return good;
}

unsigned int sl_capfile_flush(struct sl_capfile *o, struct sl_capfile_batch *t)
{
	unsigned int n_parts = t->n, n = 0, fine;
	size_t done = 0, good = 0, start = 0, cut = 0;
	int r;

	r = write_all(o, t->iov, t->n_iov, &done);
	while (n < n_parts && t->end[n] <= done)
		n++;
	fine = unspoilt(o, t, n);
	for (unsigned int i = 0; i < n_parts; i++) {
		struct sl_capfile_part *p = t->part[i];

		p->good = i < fine ? p->packets : 0;
		p->good_bytes = i < fine ? p->bytes : 0;
		p->error = i < fine ? 0 : r;
		/* What a reader can read: whole records; if not even one, the headers; or nothing. */
		if (i < fine && p->packets)
			good = t->end[i];
		else if (i < fine && p->begins)
			good = start + p->begins;
		else if (i == n && fine == n)
			cut = whole(o, p, done - start);
		if (cut)
			good = start + cut, cut = 0;
		start = t->end[i];
	}
	if (fine == n_parts)
		good = done;
	if (fine < n)
		o->own_headers = true;
	if (done > good && !sl_target_cut(&o->to, (off_t)(done - good)) && r == 0) {
		/* somebody else writes there too: it stays as it is */
		for (; fine < n_parts; fine++) {
			t->part[fine]->good = t->part[fine]->packets;
			t->part[fine]->good_bytes = t->part[fine]->bytes;
		}
		good = done;
	}
	for (unsigned int i = 0; i < n_parts; i++) {
		o->packets += t->part[i]->good;
		o->bytes += t->part[i]->good_bytes;
	}
	o->size += good;
	if (r < 0)
		o->error = r;
	sl_capfile_drop(t);
	return r < 0 ? n_parts : fine;
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
