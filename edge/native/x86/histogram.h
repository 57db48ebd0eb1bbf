/* What ../histogram.h wants of AVX2 and AVX-512 alike; they differ in carry_save, which stands before this. */
enum { BYTES = 32, DEPTH = 5, TREES = 12, ESCAPE_COST = 64, TABLE_COST = 10, SAMPLED = 127, PLACE_BITS = 1 };

INLINE Vector splat(int byte)
{
    return _mm256_set1_epi8((char)byte);
}

INLINE Vector either(Vector a, Vector b)
{
    return _mm256_or_si256(a, b);
}

INLINE Vector both_of(Vector a, Vector b)
{
    return _mm256_and_si256(a, b);
}

INLINE Vector minus(Vector a, Vector b)
{
    return _mm256_sub_epi8(a, b);
}

INLINE Vector equals(Vector a, Vector b)
{
    return _mm256_cmpeq_epi8(a, b);
}

INLINE Vector at_least(Vector v, Vector threshold)
{
    return _mm256_cmpeq_epi8(_mm256_max_epu8(v, threshold), v);
}

INLINE Vector has_bits(Vector v, Vector bits)
{
    return _mm256_cmpeq_epi8(_mm256_and_si256(v, bits), bits);
}

INLINE uint32_t places(Vector mask)
{
    return (uint32_t)_mm256_movemask_epi8(mask);
}

INLINE int how_many(Vector mask)
{
    return __builtin_popcount(places(mask));
}

INLINE Vector counted(Vector counter, Vector carry, const int bit)
{
    return _mm256_add_epi8(counter, _mm256_and_si256(_mm256_srli_epi16(carry, bit), _mm256_set1_epi8(1)));
}

/* Bytes of another group keep a bit above the lowest four. */
INLINE Vector in_group(Vector v, Vector group)
{
    return _mm256_xor_si256(v, group);
}

/* Bytes from 16 on get bit 7, for which pshufb gives 0. */
INLINE Vector hot_bits(Vector v, Vector hot)
{
    return _mm256_shuffle_epi8(hot, _mm256_adds_epu8(v, _mm256_set1_epi8(0x70)));
}

INLINE uint32_t weighed(Vector high, Vector low)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i highs = _mm256_slli_epi64(_mm256_sad_epu8(high, zero), DEPTH), lows = _mm256_sad_epu8(low, zero);
    const __m256i quadwords = _mm256_add_epi64(highs, lows);
    const __m128i sum = _mm_add_epi64(_mm256_castsi256_si128(quadwords), upper(quadwords));
    return (uint32_t)(_mm_cvtsi128_si64(sum) + _mm_extract_epi64(sum, 1));
}

#include "../histogram.h"
