/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_share -- what another process says of its capture, and rings that it wrote
 *
 * The first byte says how much is the message; the rest fills the rings, again and again. What
 * the message promises holds afterwards, and no record reaches beyond its ring.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../io/rx-share.h"
#include "kern/lapped.h"
#include "ring/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) do { if (!(cond)) abort(); } while (0)
#define SIZE	4096u
#define STRIDE	(SL_DRING_DATA + SIZE + SL_K_SPARE)
#define RINGS	2u
#define ROUNDS	64

static void check_hello(const uint8_t *data, size_t size)
{
	struct rx_hello h;
	int r = rx_hello_parse(data, size, &h);

	if (r < 0)
		return;
	MUST(h.n_rings && h.n_rings <= 4096 && h.n_ifs <= RX_IFS_MAX);
	MUST(h.size && !(h.size & (h.size - 1)));
	MUST(h.stride >= SL_DRING_DATA + h.size + SL_K_SPARE && !(h.stride & 4095));
	MUST((size_t)h.n_rings * h.stride / h.n_rings == h.stride);
	for (unsigned int i = 0; i < h.n_ifs; i++)
		MUST(strnlen(h.ifs[i].name, sizeof(h.ifs[i].name)) < sizeof(h.ifs[i].name));
}

static void check_rings(const uint8_t *data, size_t size)
{
	uint8_t *mem = calloc(RINGS, STRIDE), *to = malloc(RINGS * SL_K_SPARE);
	struct sl_klapped *l = NULL;
	struct sl_klapped_head h;
	int got;

	if (mem && to && size && !sl_klapped_new(mem, RINGS, STRIDE, SIZE, &l)) {
		for (unsigned int r = 0; r < RINGS; r++) {
			struct sl_dring_head *d = (struct sl_dring_head *)(mem + r * STRIDE);

			for (size_t at = 0; at < SIZE; at += size)
				memcpy(mem + r * STRIDE + SL_DRING_DATA + at, data, size < SIZE - at ? size : SIZE - at);
			d->head = SIZE;
			d->claim = SIZE;
			d->seq = 7;
		}
		for (unsigned int i = 0; i < ROUNDS && (got = sl_klapped_next(l, &h)); i++) {
			uint8_t *copy = to + h.ring * SL_K_SPARE;

			MUST(h.ring < RINGS);
			if (got == -ENOBUFS) {
				MUST(h.size && h.size <= SL_K_SPARE);
				sl_klapped_copy(l, h.ring, copy);
				continue;
			}
			MUST(got == 1 && h.n_entries <= SL_K_ENTRIES);
			MUST((uint8_t *)h.frame > copy && h.bytes + h.frame->stored <= copy + SL_K_SPARE);
		}
	}
	sl_klapped_free(l);
	free(mem);
	free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n;

	if (!size)
		return 0;
	n = data[0] == 255 ? size - 1 : data[0];
	if (n > size - 1)
		n = size - 1;
	check_hello(data + 1, n);
	check_rings(data + 1 + n, size - 1 - n);
	return 0;
}
