/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * seek -- the inner loop of the filter, for each stride and machine
 *
 * With AVX-512, sixteen windows are hashed at once and looked up by one gather,
 * with AVX2 eight; the plain form goes one by one and leaves the test of the
 * bit to the closer look. What passes is first written into a list
 * and then looked at more closely, list to list. No branch depends on the text:
 * at one window in a hundred passing, each mispredicted branch would cost as
 * much as a hundred windows.
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

/* Keep the places where the bytes around go with the key. */
INLINE void look_closer(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q,
			struct ac_places *to, bool shorts, bool plain)
{
	unsigned int i, kept = 0;

	for (i = 0; i < to->n; i++) {
		const uint8_t *at = p + q + to->at[i];
		uint32_t key = load32(at) | f->fold, before, after;
		const struct ac_key *k = &f->keys[key * AC_HASH2 >> f->key_shift];
		uint64_t keep;

		to->at[kept] = to->at[i];
		/* Where the text at hand ends, so does what can be known. */
		if (__builtin_expect(at < p + 2 || at + 6 > p + n, 0)) {
			kept++;
			continue;
		}
		before = ac_pair_hash((load16(at - 2) | f->fold) & 0xffff);
		after = ac_pair_hash((load16(at + 4) | f->fold) & 0xffff);
		keep = k->before >> before & k->after >> after & 1;
		if (plain)
			keep &= f->words[key * AC_HASH >> f->shift] <<
				ac_follow_bit((load16(at + 4) | f->fold) & 0xffff) >> 31;
		if (shorts)
			keep |= f->shorts[ac_short_word(key)] << ac_short_bit(key) >> 31;
		kept += (unsigned int)keep;
	}
	to->doubts = to->n;
	to->n = kept;
}

/* One by one, and the end for all forms. */
INLINE size_t seek_plain(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q, size_t from,
			 size_t last, struct ac_places *to, unsigned int stride, bool shorts, bool plain)
{
	const uint32_t *words = f->words, *table2 = f->shorts, fold = f->fold;
	const unsigned int shift = f->shift;
	unsigned int k = to->n;

	for (; from <= last; from += stride) {
		uint32_t key = load32(p + from) | fold;
		bool in = words[key * AC_HASH >> shift];

		if (shorts)
			in |= table2[ac_short_word(key)] << ac_short_bit(key) >> 31;
		to->at[k] = (uint32_t)(from - q);
		k += in;
	}
	to->n = k;
	look_closer(f, p, n, q, to, shorts, plain);
	return from;
}

#define PLAIN(name, stride, shorts)								\
	static size_t name(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q,	\
			   size_t last, struct ac_places *to)					\
	{											\
		to->n = 0;									\
		return seek_plain(f, p, n, q, q, last, to, stride, shorts, true);		\
	}

PLAIN(plain1, 1, false)
PLAIN(plain1_shorts, 1, true)
PLAIN(plain2, 2, false)
PLAIN(plain4, 4, false)

#ifdef HAVE_AVX2
#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

/*
 * Eight windows at p, p + stride..., and the pairs behind them. Reads at most
 * READ(stride) bytes.
 */
#define READ(stride) ((stride) == 1 ? 20 : (stride) == 2 ? 24 : 36)

INLINE AVX2 void windows(const uint8_t *p, unsigned int stride, __m256i *keys, __m256i *pairs)
{
	const __m128i by1 = _mm_setr_epi8(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6);
	const __m128i by2 = _mm_setr_epi8(0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9);
	const __m128i to1 = _mm_setr_epi8(4, 5, -1, -1, 5, 6, -1, -1, 6, 7, -1, -1, 7, 8, -1, -1);
	const __m128i to2 = _mm_setr_epi8(4, 5, -1, -1, 6, 7, -1, -1, 8, 9, -1, -1, 10, 11, -1, -1);
	__m256i v;

	if (stride == 4) {
		*keys = _mm256_loadu_si256((const __m256i *)p);
		*pairs = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(p + 4)),
					  _mm256_set1_epi32(0xffff));
		return;
	}
	v = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p));
	v = _mm256_inserti128_si256(v, _mm_loadu_si128((const __m128i *)(p + 4 * stride)), 1);
	*keys = _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(stride == 1 ? by1 : by2));
	*pairs = _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(stride == 1 ? to1 : to2));
}

INLINE AVX2 __m256i look_up(const uint32_t *table, __m256i i, __m256i bit)
{
	return _mm256_sllv_epi32(_mm256_i32gather_epi32((const int *)table, i, 4), bit);
}

/* For each set of lanes their numbers, in the lowest bytes. */
#define L1(m, i)	((m) >> (i) & 1)
#define RANK(m, i)	(__builtin_popcount((m) & ((1u << (i)) - 1)))
#define PUT(m, i)	(L1(m, i) ? (uint64_t)(i) << 8 * RANK(m, i) : 0)
#define ROW(m)		(PUT(m, 0) | PUT(m, 1) | PUT(m, 2) | PUT(m, 3) |		\
			 PUT(m, 4) | PUT(m, 5) | PUT(m, 6) | PUT(m, 7))
#define ROW4(m)		ROW(m), ROW((m) + 1), ROW((m) + 2), ROW((m) + 3)
#define ROW16(m)	ROW4(m), ROW4((m) + 4), ROW4((m) + 8), ROW4((m) + 12)
#define ROW64(m)	ROW16(m), ROW16((m) + 16), ROW16((m) + 32), ROW16((m) + 48)

static const uint64_t lanes_of[256] = { ROW64(0u), ROW64(64u), ROW64(128u), ROW64(192u) };

INLINE AVX2 size_t seek_avx2(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q,
			     size_t last, struct ac_places *to, unsigned int stride, bool shorts)
{
	const __m256i mul = _mm256_set1_epi32((int)AC_HASH), fold = _mm256_set1_epi32((int)f->fold);
	const __m256i mul16 = _mm256_set1_epi32(0x9e37), low = _mm256_set1_epi32(0xffff);
	const __m256i fold16 = _mm256_and_si256(fold, low);
	const __m128i shift = _mm_cvtsi32_si128((int)f->shift);
	const uint32_t *table = f->words, *table2 = f->shorts;
	unsigned int k = 0;
	size_t from;

	for (from = q; from + 7 * stride <= last && from + READ(stride) <= n; from += 8 * stride) {
		__m256i v, w, hit;
		unsigned int mask;
		__m256i at;

		windows(p + from, stride, &v, &w);
		v = _mm256_or_si256(v, fold);
		w = _mm256_srli_epi32(_mm256_mullo_epi16(_mm256_or_si256(w, fold16), mul16), 11);
		hit = look_up(table, _mm256_srl_epi32(_mm256_mullo_epi32(v, mul), shift), w);
		if (shorts) {
			w = _mm256_mullo_epi32(_mm256_and_si256(v, low), mul);
			hit = _mm256_or_si256(hit, look_up(table2, _mm256_srli_epi32(w, 32 - AC_SHORT_BITS),
							   _mm256_and_si256(_mm256_srli_epi32(v, 16),
									    _mm256_set1_epi32(31))));
		}
		mask = (unsigned int)_mm256_movemask_ps(_mm256_castsi256_ps(hit));
		/* Always eight places written, as many kept as passed. */
		at = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)&lanes_of[mask]));
		at = _mm256_slli_epi32(at, stride == 4 ? 2 : stride == 2 ? 1 : 0);
		at = _mm256_add_epi32(at, _mm256_set1_epi32((int)(from - q)));
		_mm256_storeu_si256((__m256i *)&to->at[k], at);
		k += (unsigned int)__builtin_popcount(mask);
	}
	to->n = k;
	return seek_plain(f, p, n, q, from, last, to, stride, shorts, false);
}

#define VECTOR(name, stride, shorts)								\
	AVX2 static size_t name(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q,	\
				size_t last, struct ac_places *to)				\
	{											\
		return seek_avx2(f, p, n, q, last, to, stride, shorts);				\
	}

VECTOR(avx2_1, 1, false)
VECTOR(avx2_1_shorts, 1, true)
VECTOR(avx2_2, 2, false)
VECTOR(avx2_4, 4, false)

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,bmi,bmi2,popcnt")))

#define READ16(stride) ((stride) == 1 ? 32 : (stride) == 2 ? 48 : 68)

/* Sixteen windows at p, p + stride..., and the pairs behind them, as above. */
INLINE AVX512 void windows16(const uint8_t *p, unsigned int stride, __m512i *keys, __m512i *pairs)
{
	const __m128i by1 = _mm_setr_epi8(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6);
	const __m128i by2 = _mm_setr_epi8(0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9);
	const __m128i to1 = _mm_setr_epi8(4, 5, -1, -1, 5, 6, -1, -1, 6, 7, -1, -1, 7, 8, -1, -1);
	const __m128i to2 = _mm_setr_epi8(4, 5, -1, -1, 6, 7, -1, -1, 8, 9, -1, -1, 10, 11, -1, -1);
	const __m512i lanes1 = _mm512_setr_epi32(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6);
	const __m512i lanes2 = _mm512_setr_epi32(0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7, 8, 9);
	__m512i v;

	if (stride == 4) {
		*keys = _mm512_loadu_si512(p);
		*pairs = _mm512_and_si512(_mm512_loadu_si512(p + 4), _mm512_set1_epi32(0xffff));
		return;
	}
	if (stride == 2)
		v = _mm512_permutexvar_epi32(lanes2, _mm512_inserti64x4(
				_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)p)),
				_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(p + 32))), 1));
	else
		v = _mm512_permutexvar_epi32(lanes1, _mm512_castsi256_si512(
				_mm256_loadu_si256((const __m256i *)p)));
	*keys = _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(stride == 1 ? by1 : by2));
	*pairs = _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(stride == 1 ? to1 : to2));
}

INLINE AVX512 __m512i look_up16(const uint32_t *table, __m512i i, __m512i bit)
{
	return _mm512_sllv_epi32(_mm512_i32gather_epi32(i, table, 4), bit);
}

INLINE AVX512 size_t seek_avx512(const struct ac_filter *f, const uint8_t *p, size_t n, size_t q,
				 size_t last, struct ac_places *to, unsigned int stride, bool shorts)
{
	const __m512i mul = _mm512_set1_epi32((int)AC_HASH), fold = _mm512_set1_epi32((int)f->fold);
	const __m512i mul16 = _mm512_set1_epi32(0x9e37), low = _mm512_set1_epi32(0xffff);
	const __m512i fold16 = _mm512_and_si512(fold, low);
	const __m512i count = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	__m512i at = _mm512_mullo_epi32(count, _mm512_set1_epi32((int)stride));
	const __m128i shift = _mm_cvtsi32_si128((int)f->shift);
	const uint32_t *table = f->words, *table2 = f->shorts;
	unsigned int k = 0;
	size_t from;

	for (from = q; from + 15 * stride <= last && from + READ16(stride) <= n; from += 16 * stride) {
		__m512i v, w, hit;
		__mmask16 mask;

		windows16(p + from, stride, &v, &w);
		v = _mm512_or_si512(v, fold);
		w = _mm512_srli_epi32(_mm512_mullo_epi16(_mm512_or_si512(w, fold16), mul16), 11);
		hit = look_up16(table, _mm512_srl_epi32(_mm512_mullo_epi32(v, mul), shift), w);
		if (shorts) {
			w = _mm512_mullo_epi32(_mm512_and_si512(v, low), mul);
			hit = _mm512_or_si512(hit, look_up16(table2, _mm512_srli_epi32(w, 32 - AC_SHORT_BITS),
							     _mm512_and_si512(_mm512_srli_epi32(v, 16),
									      _mm512_set1_epi32(31))));
		}
		mask = _mm512_movepi32_mask(hit);
		/* Always sixteen places written, as many kept as passed. */
		_mm512_storeu_si512(&to->at[k], _mm512_maskz_compress_epi32(mask, at));
		at = _mm512_add_epi32(at, _mm512_set1_epi32(16 * (int)stride));
		k += (unsigned int)__builtin_popcount(mask);
	}
	to->n = k;
	return seek_plain(f, p, n, q, from, last, to, stride, shorts, false);
}

#define VECTOR16(name, stride, shorts)								\
	AVX512 static size_t name(const struct ac_filter *f, const uint8_t *p, size_t n,	\
				  size_t q, size_t last, struct ac_places *to)			\
	{											\
		return seek_avx512(f, p, n, q, last, to, stride, shorts);			\
	}

VECTOR16(avx512_1, 1, false)
VECTOR16(avx512_1_shorts, 1, true)
VECTOR16(avx512_2, 2, false)
VECTOR16(avx512_4, 4, false)
#endif

ac_seek *ac_seek_choose(const struct ac_filter *f, unsigned int flags)
{
#ifdef HAVE_AVX2
	if (!(flags & (SL_AC_NO_SIMD | SL_AC_NO_WIDE)) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("bmi2"))
		return f->stride == 4 ? avx512_4 : f->stride == 2 ? avx512_2 :
		       f->shorts ? avx512_1_shorts : avx512_1;
	if (!(flags & SL_AC_NO_SIMD) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
		return f->stride == 4 ? avx2_4 : f->stride == 2 ? avx2_2 :
		       f->shorts ? avx2_1_shorts : avx2_1;
#endif
	(void)flags;
	return f->stride == 4 ? plain4 : f->stride == 2 ? plain2 : f->shorts ? plain1_shorts : plain1;
}
