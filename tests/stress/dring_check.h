/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dring_check.h -- records that tell whether they are whole
 *
 * A record holds its number, a checksum over everything and bytes that follow from
 * the number and their place; lengths vary, so a reader that is led astray, or given
 * the bytes of two records, notices.
 */
#ifndef SL_TESTS_DRING_CHECK_H
#define SL_TESTS_DRING_CHECK_H

#include <stdint.h>
#include <string.h>

#include "ring/dring.h"

struct dring_load {
	uint64_t number, sum;
};

static inline uint64_t dring_mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15ull;
	return x ^ x >> 29;
}

/* Mostly small, some large; a multiple of 8 of payload words behind the head. */
static inline uint32_t dring_len(uint64_t number, uint32_t most)
{
	uint64_t k = dring_mix(number + 1);
	uint32_t words = (uint32_t)(k % ((k >> 32) % 16 ? 24 : most / 8));

	return (uint32_t)sizeof(struct dring_load) + words * 8 + (uint32_t)(k >> 60) % 8;
}

static inline uint64_t dring_sum(uint64_t number, const uint8_t *bytes, uint32_t n)
{
	uint64_t sum = dring_mix(number ^ n), word;
	uint32_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		memcpy(&word, bytes + i, 8);
		sum = dring_mix(sum + word);
	}
	for (; i < n; i++)
		sum = dring_mix(sum + bytes[i]);
	return sum;
}

static inline void dring_fill(void *payload, uint64_t number, uint32_t len)
{
	struct dring_load *l = payload;
	uint8_t *bytes = (uint8_t *)(l + 1);
	uint32_t n = len - (uint32_t)sizeof(*l), i;

	for (i = 0; i < n; i++)
		bytes[i] = (uint8_t)(number * 7 + i);
	l->number = number;
	l->sum = dring_sum(number, bytes, n);
}

/* Is it whole, the record it says it is, and as long as it was made? */
static inline bool dring_right(const struct sl_dring_rec *rec, uint32_t most)
{
	const struct dring_load *l = sl_dring_payload(rec);

	return rec->len >= sizeof(*l) && l->number == rec->seq && rec->len == dring_len(rec->seq, most)
	       && l->sum == dring_sum(rec->seq, (const uint8_t *)(l + 1), rec->len - (uint32_t)sizeof(*l));
}

#endif
