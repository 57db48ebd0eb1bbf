/* 256-bit vectors of bytes: memory, and the largest of many. avx2.h and avx512.h include it for their CPU. */
#ifndef EDGE_X86_VECTORS_H
#define EDGE_X86_VECTORS_H

#include <immintrin.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

typedef __m256i Vector;

INLINE __m256i load(const void *data)
{
    return _mm256_loadu_si256((const __m256i *)data);
}

INLINE void store(void *data, __m256i v)
{
    _mm256_storeu_si256((__m256i *)data, v);
}

INLINE __m128i load16(const void *data)
{
    return _mm_loadu_si128((const __m128i *)data);
}

INLINE void store16(void *data, __m128i v)
{
    _mm_storeu_si128((__m128i *)data, v);
}

INLINE __m256i both(__m128i v)
{
    return _mm256_broadcastsi128_si256(v);
}

INLINE __m256i pair(__m128i lower, __m128i upper)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(lower), upper, 1);
}

INLINE __m128i upper(__m256i v)
{
    return _mm256_extracti128_si256(v, 1);
}

/* The largest of 32 * vectors bytes; vectors is a multiple of 8. */
INLINE int maximum_of(const uint8_t *data, int vectors)
{
    __m256i a = load(data), b = a;
    for (int i = 0; i < vectors; i += 8)
#pragma GCC unroll 4
        for (int j = i; j < i + 8; j += 2) {
            a = _mm256_max_epu8(a, load(data + 32 * j));
            b = _mm256_max_epu8(b, load(data + 32 * j + 32));
        }
    a = _mm256_max_epu8(a, b);
    const __m128i inverted = _mm_xor_si128(_mm_max_epu8(_mm256_castsi256_si128(a), upper(a)), _mm_set1_epi8(-1));
    const __m128i words = _mm_and_si128(_mm_min_epu8(inverted, _mm_srli_epi16(inverted, 8)), _mm_set1_epi16(255));
    return 255 - _mm_extract_epi16(_mm_minpos_epu16(words), 0);
}

#endif
