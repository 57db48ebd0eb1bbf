/* The kernels for AVX-512 with VBMI (Ice Lake, Zen 4 and later), in 256-bit vectors: wider ones were unsteady. */
#include "counters.h"
#include "kernels.h"

#if defined(__x86_64__)

#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi2,popcnt,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi2,popcnt,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")
#endif
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* a + b + c bit by bit: *high * 2 + *low. */
INLINE void carry_save(__m256i *high, __m256i *low, __m256i a, __m256i b, __m256i c)
{
    *high = _mm256_ternarylogic_epi64(a, b, c, 0xE8);
    *low = _mm256_ternarylogic_epi64(a, b, c, 0x96);
}

enum { TOGETHER = 2 }; /* vectors that are looked up together */

/* A table as eight vectors of 32 entries. */
typedef __m256i Pieces[8];

INLINE void load_pieces(const uint8_t *table, __m256i *pieces)
{
    for (int k = 0; k < 8; k++)
        pieces[k] = _mm256_loadu_si256((const __m256i *)(table + 32 * k));
}

/* table[v] for v < 16 * used (used 1..4, 8, 16): vpermi2b looks at 6 bits, the masks at the other two. */
INLINE __m256i lookup(const __m256i *pieces, __m256i v, int used)
{
    if (used <= 2)
        return _mm256_permutexvar_epi8(v, pieces[0]);
    const __m256i low = _mm256_permutex2var_epi8(pieces[0], v, pieces[1]);
    if (used <= 4)
        return low;
    const __mmask32 bit6 = _mm256_test_epi8_mask(v, _mm256_set1_epi8(64));
    const __m256i half = _mm256_mask_mov_epi8(low, bit6, _mm256_permutex2var_epi8(pieces[2], v, pieces[3]));
    if (used <= 8)
        return half;
    const __m256i third = _mm256_permutex2var_epi8(pieces[4], v, pieces[5]);
    const __m256i upper = _mm256_mask_mov_epi8(third, bit6, _mm256_permutex2var_epi8(pieces[6], v, pieces[7]));
    return _mm256_mask_mov_epi8(half, _mm256_movepi8_mask(v), upper);
}

INLINE void lookup_each(const __m256i *pieces, __m256i *v, const int n, const int used)
{
    for (int i = 0; i < n; i++)
        v[i] = lookup(pieces, v[i], used);
}

enum { LONG_LOOKUPS_PAY = 1 };

#include "x86.h"

/* ---- The horizontal half of a shrink, every lane in use: a permutation finds the taps ---- */

/* Eight elements of the target row. */
INLINE __m256i gathered(const uint16_t *sums, const EdgeGather *gather, const int16_t *weights, const int pairs,
                        __m256 scale)
{
    const uint16_t *left = sums + gather->window[0], *right = sums + gather->window[1];
    const __m256i select = load(gather->select);
    __m256i sum = _mm256_setzero_si256();
    for (int p = 0; p < pairs; p++) {
        const __m256i taps = _mm256_permutex2var_epi16(load(left + 6 * p), select, load(right + 6 * p));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(taps, load(weights + 16 * p)));
    }
    return scaled(sum, scale);
}

/* 32 elements; words: in two vectors as packing leaves them, 0..7, 16..23 and 8..15, 24..31. */
INLINE void gathered32(const uint16_t *sums, const EdgeAxis *axis, int x, const int pairs, __m256 scale,
                       __m256i words[2])
{
    const EdgeGather *gather = axis->gather + x / 8;
    const int16_t *weights = axis->gather_weights + (size_t)x * 2 * (size_t)pairs;
    const int step = 16 * pairs;
    for (int half = 0; half < 2; half++, gather += 2, weights += 2 * step)
        words[half] = _mm256_packus_epi32(gathered(sums, gather, weights, pairs, scale),
                                          gathered(sums, gather + 1, weights + step, pairs, scale));
}

INLINE void gathered8_of(const uint16_t *sums, const EdgeAxis *axis, const int pairs, float scale, uint8_t *target)
{
    const __m256 factor = _mm256_set1_ps(scale);
    const int n = 3 * axis->count;
    __m256i words[2];
    int x = 0;
    for (; x + 32 <= n; x += 32) {
        gathered32(sums, axis, x, pairs, factor, words);
        store(target + x, _mm256_packus_epi16(words[0], words[1]));
    }
    if (x < n) {
        uint8_t last[32];
        gathered32(sums, axis, x, pairs, factor, words);
        store(last, _mm256_packus_epi16(words[0], words[1]));
        memcpy(target + x, last, (size_t)(n - x));
    }
}

static void gathered8(const uint16_t *sums, const EdgeAxis *axis, float scale, uint8_t *target)
{
    if (!axis->gather)
        columns8(sums, axis, scale, target);
    else if (axis->pairs == 2)
        gathered8_of(sums, axis, 2, scale, target);
    else
        gathered8_of(sums, axis, axis->pairs, scale, target);
}

static void gathered16(const uint16_t *sums, const EdgeAxis *axis, float scale, uint16_t *target)
{
    if (!axis->gather) {
        columns16(sums, axis, scale, target);
        return;
    }
    const __m256 factor = _mm256_set1_ps(scale);
    const int n = 3 * axis->count;
    for (int x = 0; x < n; x += 32) {
        __m256i words[2];
        uint16_t row[32];
        gathered32(sums, axis, x, axis->pairs, factor, words);
        store(row, _mm256_permute2x128_si256(words[0], words[1], 0x20));
        store(row + 16, _mm256_permute2x128_si256(words[0], words[1], 0x31));
        memcpy(target + x, row, sizeof *row * (size_t)(n - x < 32 ? n - x : 32));
    }
}

void edge_kernels_avx512(EdgeKernels *kernels)
{
    install(kernels);
    kernels->columns8 = gathered8;
    kernels->columns16 = gathered16;
}

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else

typedef int edge_no_avx512; /* a translation unit holds at least one declaration */

#endif
