/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/unpack.h -- the bytes of a file or pipe, decompressed where they have to be
 *
 * Plain, gzip (any number of members) or zstd (any number of frames), told apart by
 * the first bytes. Input comes from a descriptor or from memory (a mapped file).
 */
#ifndef SL_IO_UNPACK_H
#define SL_IO_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum sl_packing {
	SL_UNDECIDED,
	SL_PLAIN,
	SL_GZIP,
	SL_ZSTD,
};

struct sl_unpack;

/* What the first bytes of a file say: 4 of them decide, fewer are plain. */
enum sl_packing sl_packing_of(const uint8_t *p, size_t len);

/* From a descriptor (borrowed), or, with fd -1, from `len` bytes at p. NULL: no memory. */
struct sl_unpack *sl_unpack_new(int fd, const uint8_t *p, size_t len);
void sl_unpack_free(struct sl_unpack *u);

/*
 * Up to `room` more bytes. Returns how many, 0 at the end, or
 *
 *	-EAGAIN		a pipe has nothing at present
 *	-ENODATA	the compressed data ends too early
 *	-EBADMSG	it makes no sense; sl_unpack_error() has words for both
 *	others		read() failed
 */
ssize_t sl_unpack_read(struct sl_unpack *u, uint8_t *to, size_t room);
const char *sl_unpack_error(const struct sl_unpack *u);

/* Bytes of the packed input that were used. */
uint64_t sl_unpack_used(const struct sl_unpack *u);

#endif
