/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * seek -- the inner loop of the filter, for each stride and machine
 *
 * With AVX2, eight windows are hashed at once and looked up by one gather of
 * the bitmap. The plain form looks up a table of bytes, eight windows between
 * two branches. Which of the two a filter has was decided when it was made.
 * Both end in `doubt`, the closer look at a window that is in the bitmap.
 */
#include "match/ac_int.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_AVX2 1
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

INLINE uint32_t load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

/* Is the window at q, which may be a key, one that an occurrence can have? */
static bool doubt(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q)
{
	uint32_t key = load32(p + q) | f->fold, at = key * AC_HASH >> f->key_shift;
	const struct ac_key *k;

	if (f->pairs && f->pairs[(key & 0xffff) >> 5] >> (key & 31) & 1)
		return true;
	for (;; at = (at + 1) & f->key_mask) {
		k = &f->keys[at];
		if (!k->used)
			return false;
		if (k->key == key)
			break;
	}
	/* Where the text at hand ends, so does what can be known. */
	if (q >= 2 && !(k->before >> ac_pair_hash((load16(p + q - 2) | f->fold) & 0xffff) & 1))
		return false;
	return q + 6 > n || k->after >> ac_pair_hash((load16(p + q + 4) | f->fold) & 0xffff) & 1;
}

INLINE bool seek_one(const struct ac_filter *f, uint32_t key, bool vector, bool pairs)
{
	uint32_t h = key * AC_HASH >> f->shift;
	bool in = vector ? f->bits[h >> 5] >> (h & 31) & 1 : f->bytes[h];

	return in || (pairs && f->pairs[(key & 0xffff) >> 5] >> (key & 31) & 1);
}

/* The rest, one by one. */
INLINE bool seek_tail(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q, size_t last,
		      size_t *at, size_t *doubts, unsigned int stride, bool vector, bool pairs)
{
	for (; q <= last; q += stride) {
		if (!seek_one(f, load32(p + q) | f->fold, vector, pairs))
			continue;
		if (doubt(f, p, n, q)) {
			*at = q;
			return true;
		}
		++*doubts;
	}
	*at = q;
	return false;
}

INLINE bool seek_plain(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q, size_t last,
		       size_t *at, size_t *doubts, unsigned int stride, bool pairs)
{
	const uint8_t *bytes = f->bytes;
	const unsigned int shift = f->shift;
	const uint32_t fold = f->fold;
	unsigned int i;

	for (; q + 7 * stride <= last; q += 8 * stride) {
		uint32_t in = 0;

#pragma GCC unroll 8
		for (i = 0; i < 8; i++) {
			uint32_t key = load32(p + q + i * stride) | fold;

			in |= bytes[key * AC_HASH >> shift];
			if (pairs)
				in |= f->pairs[(key & 0xffff) >> 5] >> (key & 31) & 1;
		}
		if (__builtin_expect(!in, 1))
			continue;
		if (seek_tail(f, p, n, q, q + 7 * stride, at, doubts, stride, false, pairs))
			return true;
	}
	return seek_tail(f, p, n, q, last, at, doubts, stride, false, pairs);
}

#define PLAIN(name, stride, pairs)								\
	static bool name(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q,	\
			 size_t last, size_t *at, size_t *doubts)				\
	{											\
		return seek_plain(f, p, n, q, last, at, doubts, stride, pairs);			\
	}

PLAIN(plain1, 1, false)
PLAIN(plain1_pairs, 1, true)
PLAIN(plain2, 2, false)
PLAIN(plain4, 4, false)

#ifdef HAVE_AVX2
#define AVX2 __attribute__((target("avx2,bmi,bmi2")))

/* Eight windows at p, p + stride...; reads at most READ(stride) bytes. */
#define READ(stride) ((stride) == 1 ? 20 : (stride) == 2 ? 24 : 32)

INLINE AVX2 __m256i windows(const uint8_t *p, unsigned int stride)
{
	const __m128i by1 = _mm_setr_epi8(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6);
	const __m128i by2 = _mm_setr_epi8(0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9);
	__m128i lo, hi;

	if (stride == 4)
		return _mm256_loadu_si256((const __m256i *)p);
	lo = _mm_loadu_si128((const __m128i *)p);
	hi = _mm_loadu_si128((const __m128i *)(p + 4 * stride));
	return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(lo), hi, 1),
				   _mm256_broadcastsi128_si256(stride == 1 ? by1 : by2));
}

/* In each lane's top bit: is bit i of the map set? */
INLINE AVX2 __m256i test_bits(const uint32_t *map, __m256i i)
{
	__m256i w = _mm256_i32gather_epi32((const int *)map, _mm256_srli_epi32(i, 5), 4);

	return _mm256_sllv_epi32(w, _mm256_andnot_si256(i, _mm256_set1_epi32(31)));
}

INLINE AVX2 bool seek_avx2(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q,
			   size_t last, size_t *at, size_t *doubts, unsigned int stride, bool pairs)
{
	const __m256i mul = _mm256_set1_epi32((int)AC_HASH), fold = _mm256_set1_epi32((int)f->fold);
	const __m128i shift = _mm_cvtsi32_si128((int)f->shift);
	const uint32_t *bits = f->bits, *map = f->pairs;

	for (; q + 7 * stride <= last && q + READ(stride) <= n; q += 8 * stride) {
		__m256i v = _mm256_or_si256(windows(p + q, stride), fold);
		__m256i hit = test_bits(bits, _mm256_srl_epi32(_mm256_mullo_epi32(v, mul), shift));
		unsigned int mask;

		if (pairs)
			hit = _mm256_or_si256(hit, test_bits(map, _mm256_and_si256(v, _mm256_set1_epi32(0xffff))));
		mask = (unsigned int)_mm256_movemask_ps(_mm256_castsi256_ps(hit));
		if (__builtin_expect(!mask, 1))
			continue;
		for (; mask; mask &= mask - 1) {
			*at = q + (unsigned int)__builtin_ctz(mask) * stride;
			if (doubt(f, p, n, *at))
				return true;
			++*doubts;
		}
	}
	return seek_tail(f, p, n, q, last, at, doubts, stride, true, pairs);
}

#define VECTOR(name, stride, pairs)								\
	AVX2 static bool name(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q,	\
			      size_t last, size_t *at, size_t *doubts)				\
	{											\
		return seek_avx2(f, p, n, q, last, at, doubts, stride, pairs);			\
	}

VECTOR(avx2_1, 1, false)
VECTOR(avx2_1_pairs, 1, true)
VECTOR(avx2_2, 2, false)
VECTOR(avx2_4, 4, false)
#endif

bool ac_simd_works(void)
{
#ifdef HAVE_AVX2
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
#else
	return false;
#endif
}

ac_seek *ac_seek_choose(const struct ac_filter *f)
{
#ifdef HAVE_AVX2
	if (f->bits)
		return f->stride == 4 ? avx2_4 : f->stride == 2 ? avx2_2 :
		       f->pairs ? avx2_1_pairs : avx2_1;
#endif
	return f->stride == 4 ? plain4 : f->stride == 2 ? plain2 : f->pairs ? plain1_pairs : plain1;
}
