/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tests/unit/cap_make.h -- capture files built by hand, in either byte order
 *
 * Written apart from lib/cap/writer.c, so that a slip there is not repeated here.
 */
#ifndef SL_TESTS_CAP_MAKE_H
#define SL_TESTS_CAP_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct made {
	uint8_t *p;
	size_t len, room;
	bool big;		/* byte order of what is added */
	size_t block;		/* where the open block began */
};

static inline void made_bytes(struct made *m, const void *p, size_t n)
{
	if (m->len + n > m->room) {
		m->room = (m->len + n) * 2 + 256;
		m->p = realloc(m->p, m->room);
		if (!m->p)
			abort();
	}
	if (n)
		memcpy(m->p + m->len, p, n);
	m->len += n;
}

static inline void made_at(struct made *m, size_t at, uint64_t v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		unsigned int byte = m->big ? n - 1 - i : i;

		m->p[at + i] = byte < 8 ? (uint8_t)(v >> 8 * byte) : 0;
	}
}

static inline void made_int(struct made *m, uint64_t v, unsigned int n)
{
	static const uint8_t zero[16];

	made_bytes(m, zero, n);
	made_at(m, m->len - n, v, n);
}

static inline void made_pad(struct made *m)
{
	static const uint8_t zero[4];

	made_bytes(m, zero, -m->len & 3);	/* all files here are sequences of blocks */
}

/* Frame number n: its bytes follow from the number. */
static inline void made_frame(struct made *m, unsigned int n, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t b = (uint8_t)(n * 31 + i);

		made_bytes(m, &b, 1);
	}
}

static inline void made_pcap(struct made *m, uint32_t magic, unsigned int major,
			     unsigned int minor, uint32_t network)
{
	made_int(m, magic, 4);
	made_int(m, major, 2);
	made_int(m, minor, 2);
	made_int(m, 0, 8);
	made_int(m, 65535, 4);
	made_int(m, network, 4);
}

static inline void made_rec(struct made *m, uint32_t s, uint32_t frac, uint32_t first,
			    uint32_t second)
{
	made_int(m, s, 4);
	made_int(m, frac, 4);
	made_int(m, first, 4);
	made_int(m, second, 4);
}

static inline void made_begin(struct made *m, uint32_t type)
{
	m->block = m->len;
	made_int(m, type, 4);
	made_int(m, 0, 4);
}

static inline void made_end(struct made *m)
{
	uint32_t total = (uint32_t)(m->len - m->block + 4);

	made_int(m, total, 4);
	made_at(m, m->block + 4, total, 4);
}

static inline void made_option(struct made *m, unsigned int code, const void *v, size_t n)
{
	made_int(m, code, 2);
	made_int(m, n, 2);
	made_bytes(m, v, n);
	made_pad(m);
}

static inline void made_section(struct made *m, bool big)
{
	m->big = big;
	made_begin(m, 0x0a0d0d0a);
	made_int(m, 0x1a2b3c4d, 4);
	made_int(m, 1, 2);
	made_int(m, 0, 2);
	made_int(m, UINT64_MAX, 8);
	made_end(m);
}

/* resol < 0: not told; offset_s 0: not told. */
static inline void made_iface(struct made *m, unsigned int linktype, uint32_t snaplen, int resol,
			      int64_t offset_s, const char *name)
{
	made_begin(m, 1);
	made_int(m, linktype, 2);
	made_int(m, 0, 2);
	made_int(m, snaplen, 4);
	if (name)
		made_option(m, 2, name, strlen(name));
	if (resol >= 0) {
		uint8_t r = (uint8_t)resol;

		made_option(m, 9, &r, 1);
	}
	if (offset_s) {
		made_int(m, 14, 2);
		made_int(m, 8, 2);
		made_int(m, (uint64_t)offset_s, 8);
	}
	made_int(m, 0, 4);
	made_end(m);
}

/* flags < 0: no options. */
static inline void made_epb(struct made *m, uint32_t iface, uint64_t ticks, unsigned int n,
			    uint32_t cap_len, uint32_t wire_len, int64_t flags)
{
	made_begin(m, 6);
	made_int(m, iface, 4);
	made_int(m, ticks >> 32, 4);
	made_int(m, ticks & UINT32_MAX, 4);
	made_int(m, cap_len, 4);
	made_int(m, wire_len, 4);
	made_frame(m, n, cap_len);
	made_pad(m);
	if (flags >= 0) {
		made_option(m, 1, "said of it", 10);
		made_int(m, 2, 2);
		made_int(m, 4, 2);
		made_int(m, (uint64_t)flags, 4);
		made_int(m, 0, 4);
	}
	made_end(m);
}

static inline void made_free(struct made *m)
{
	free(m->p);
	*m = (struct made){ 0 };
}

#endif
