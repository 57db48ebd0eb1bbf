/* The kernels for AVX-512 with VBMI and VNNI (Ice Lake, Zen 4 and later). In 256-bit vectors, because wider ones were
 * unsteady, but for the shrink, where a permutation over 64 bytes saves most loads. */
#include "counters.h"
#include "kernels.h"

#if defined(__x86_64__)

#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi2,popcnt,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi2,popcnt,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni")
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

/* ---- Shrink in one step, in 512 bits: one permutation finds the four taps of sixteen elements ---- */

INLINE __m512i gathered(const Averaging *a, size_t g, const int n, const int quads)
{
    const EdgeGather *gather = a->axis->gather + g;
    const int8_t *weights = a->axis->gather_weights + g * 64 * (size_t)quads;
    const __m512i select = _mm512_loadu_si512(gather->select);
    __m512i sum = _mm512_setzero_si512();
    for (int r = 0; r < n; r++) {
        const uint8_t *row = a->rows[r] + gather->window;
        _mm_prefetch((const char *)row + a->ahead, _MM_HINT_T1);
        for (int q = 0; q < quads; q++) {
            const __m512i taps = _mm512_permutexvar_epi8(select, _mm512_loadu_si512(row + 12 * q));
            const __m512i across = _mm512_maddubs_epi16(taps, _mm512_loadu_si512(weights + 64 * q));
            sum = _mm512_dpwssd_epi32(sum, across, _mm512_broadcast_i64x4(a->weights[r]));
        }
    }
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_broadcast_f32x8(a->scale)));
}

INLINE void gathered8_of(const Averaging *a, const int n, const int quads, uint8_t *target)
{
    const int elements = 3 * a->axis->count;
    int x = 0;
    for (; x + 16 <= elements; x += 16)
        store16(target + x, _mm512_cvtusepi32_epi8(gathered(a, (size_t)x / 16, n, quads)));
    if (x < elements)
        _mm512_mask_cvtusepi32_storeu_epi8(target + x, (__mmask16)((1u << (elements - x)) - 1),
                                           gathered(a, (size_t)x / 16, n, quads));
}

static void gathered8(const uint8_t *const *rows, const int16_t *weights, int n, const EdgeAxis *axis, float scale,
                      ptrdiff_t ahead, uint8_t *target)
{
    const Averaging a = averaging(rows, weights, n, axis, scale, ahead);
    if (!axis->gather)
        average8(rows, weights, n, axis, scale, ahead, target);
    else if (axis->quads == 1 && n == 3)
        gathered8_of(&a, 3, 1, target);
    else if (axis->quads == 1 && n == 4)
        gathered8_of(&a, 4, 1, target);
    else
        gathered8_of(&a, n, axis->quads, target);
}

static void gathered16(const uint8_t *const *rows, const int16_t *weights, int n, const EdgeAxis *axis, float scale,
                       ptrdiff_t ahead, uint16_t *target)
{
    if (!axis->gather) {
        average16(rows, weights, n, axis, scale, ahead, target);
        return;
    }
    const Averaging a = averaging(rows, weights, n, axis, scale, ahead);
    const int elements = 3 * axis->count;
    for (int x = 0; x < elements; x += 16) {
        const __mmask16 mine = (__mmask16)(elements - x < 16 ? (1u << (elements - x)) - 1 : 0xFFFFu);
        _mm512_mask_cvtusepi32_storeu_epi16(target + x, mine, gathered(&a, (size_t)x / 16, n, axis->quads));
    }
}

void edge_kernels_avx512(EdgeKernels *kernels)
{
    install(kernels);
    kernels->average8 = gathered8;
    kernels->average16 = gathered16;
}

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else

typedef int edge_no_avx512; /* a translation unit holds at least one declaration */

#endif
