/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io/pcapin-unpack.c -- see unpack.h */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "unpack.h"

#define BUF	(256u << 10)

/*
 * Input that was taken but not used lies in in[at .. len). From memory it is all
 * there from the beginning (and eof is set), from a descriptor it passes through buf.
 */
struct sl_unpack {
	int fd;
	enum sl_packing kind;
	const uint8_t *in;
	size_t at, len;
	bool eof;
	bool within;		/* a member or frame has begun and not ended */
	uint8_t *buf;
	uint64_t used;
	int error;		/* to be returned once what came before it was */
	z_stream gz;
	ZSTD_DStream *zstd;
	char why[160];
};

enum sl_packing sl_packing_of(const uint8_t *p, size_t len)
{
	if (len >= 2 && p[0] == 0x1f && p[1] == 0x8b)
		return SL_GZIP;
	if (len >= 4 && !memcmp(p, "\x28\xb5\x2f\xfd", 4))
		return SL_ZSTD;
	return SL_PLAIN;
}

struct sl_unpack *sl_unpack_new(int fd, const uint8_t *p, size_t len)
{
	struct sl_unpack *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->fd = fd;
	if (fd < 0) {
		u->in = p;
		u->len = len;
		u->eof = true;
		return u;
	}
	u->buf = malloc(BUF);
	if (!u->buf) {
		free(u);
		return NULL;
	}
	u->in = u->buf;
	return u;
}

void sl_unpack_free(struct sl_unpack *u)
{
	if (!u)
		return;
	if (u->kind == SL_GZIP)
		inflateEnd(&u->gz);
	ZSTD_freeDStream(u->zstd);
	free(u->buf);
	free(u);
}

const char *sl_unpack_error(const struct sl_unpack *u)
{
	return u->why;
}

uint64_t sl_unpack_used(const struct sl_unpack *u)
{
	return u->used;
}

/* read() that never blocks on a pipe: other sources may have something to say. */
static ssize_t read_some(int fd, uint8_t *to, size_t room)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	for (;;) {
		n = poll(&p, 1, 0);
		if (n == 0)
			return -EAGAIN;
		if (n > 0)
			n = read(fd, to, room);
		if (n >= 0)
			return n;
		if (errno != EINTR)
			return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	}
}

/* More input behind what is left of it: 1, 0 at the end, or -errno. */
static int more(struct sl_unpack *u)
{
	ssize_t n;

	if (u->eof)
		return 0;
	if (u->at) {
		memmove(u->buf, u->buf + u->at, u->len - u->at);
		u->len -= u->at;
		u->at = 0;
	}
	n = read_some(u->fd, u->buf + u->len, BUF - u->len);
	if (n < 0)
		return (int)n;
	u->eof = n == 0;
	u->len += (size_t)n;
	return n > 0;
}

static int bad(struct sl_unpack *u, int error, const char *kind, const char *what)
{
	snprintf(u->why, sizeof(u->why), error == -ENODATA ? "the %s data %s" : "the %s data is broken (%s)",
		 kind, what);
	return u->error = error;
}

static int decide(struct sl_unpack *u)
{
	int r;

	while (u->len - u->at < 4) {
		r = more(u);
		if (r < 0)
			return r;
		if (r == 0)
			break;
	}
	u->kind = sl_packing_of(u->in + u->at, u->len - u->at);
	if (u->kind == SL_GZIP && inflateInit2(&u->gz, 15 + 16) != Z_OK) {
		u->kind = SL_PLAIN;
		return -ENOMEM;
	}
	if (u->kind == SL_ZSTD) {
		u->zstd = ZSTD_createDStream();
		if (!u->zstd)
			return -ENOMEM;
	}
	return 0;
}

static void consume(struct sl_unpack *u, size_t n)
{
	u->at += n;
	u->used += n;
}

static ssize_t read_plain(struct sl_unpack *u, uint8_t *to, size_t room)
{
	size_t n = u->len - u->at;
	ssize_t r;

	if (n) {
		n = n < room ? n : room;
		memcpy(to, u->in + u->at, n);
		consume(u, n);
		return (ssize_t)n;
	}
	if (u->eof)
		return 0;
	r = read_some(u->fd, to, room);	/* past buf, straight to its place */
	if (r == 0)
		u->eof = true;
	if (r > 0)
		u->used += (size_t)r;
	return r;
}

/* One step: what is there is unpacked. Returns the bytes made, else the error. */
static ssize_t gunzip(struct sl_unpack *u, uint8_t *to, size_t room)
{
	size_t n = u->len - u->at;
	int r;

	if (!u->within) {
		/* Between members: another one, or padding, which gzip ignores too. */
		if (u->used && sl_packing_of(u->in + u->at, n) != SL_GZIP) {
			u->eof = true;
			u->at = u->len;
			return 0;
		}
		inflateReset(&u->gz);
		u->within = true;
	}
	u->gz.next_in = (Bytef *)(uintptr_t)(u->in + u->at);
	u->gz.avail_in = n < UINT32_MAX ? (uInt)n : UINT32_MAX;
	u->gz.next_out = to;
	u->gz.avail_out = room < UINT32_MAX ? (uInt)room : UINT32_MAX;
	n = u->gz.avail_in;
	room = u->gz.avail_out;
	r = inflate(&u->gz, Z_NO_FLUSH);
	consume(u, n - u->gz.avail_in);
	if (r == Z_STREAM_END)
		u->within = false;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		bad(u, r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG, "gzip",
		    u->gz.msg ? u->gz.msg : "no reason given");
	n = room - u->gz.avail_out;
	return n ? (ssize_t)n : u->error;
}

static ssize_t unzstd(struct sl_unpack *u, uint8_t *to, size_t room)
{
	/*
	 * By the piece: given a whole frame at once the library may do it in one go,
	 * and then nothing comes out of one that is damaged at its end.
	 */
	size_t n = u->len - u->at < 65536 ? u->len - u->at : 65536;
	ZSTD_inBuffer in = { u->in + u->at, n, 0 };
	ZSTD_outBuffer out = { to, room, 0 };
	size_t r = ZSTD_decompressStream(u->zstd, &out, &in);

	if (ZSTD_isError(r))
		bad(u, -EBADMSG, "zstd", ZSTD_getErrorName(r));
	consume(u, in.pos);
	u->within = r != 0;
	return out.pos ? (ssize_t)out.pos : u->error;
}

ssize_t sl_unpack_read(struct sl_unpack *u, uint8_t *to, size_t room)
{
	const char *name;
	ssize_t n;
	int r;

	if (u->error)
		return u->error;
	if (u->kind == SL_UNDECIDED) {
		r = decide(u);
		if (r < 0)
			return r;
	}
	if (u->kind == SL_PLAIN)
		return read_plain(u, to, room);

	name = u->kind == SL_GZIP ? "gzip" : "zstd";
	for (;;) {
		size_t had = u->len - u->at;

		/* Between members two bytes are wanted to tell the next one. */
		if (had >= 2 || u->within || u->eof) {
			if (had || u->within) {
				n = u->kind == SL_GZIP ? gunzip(u, to, room) : unzstd(u, to, room);
				if (n)
					return n;
				if (u->len - u->at != had)
					continue;	/* a header, or an empty member: it got on */
			}
			if (u->eof && u->within)
				return bad(u, -ENODATA, name, "ends too early");
			if (u->eof)
				return 0;
		}
		r = more(u);
		if (r < 0)
			return r;
	}
}
