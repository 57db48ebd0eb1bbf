/* Area average in one step for AVX-512, in 512 bits: one permutation finds the four taps of sixteen elements. */
#include "kernels.h"

#if defined(__x86_64__)

#include "avx512.h"

typedef struct {
    const uint8_t *const *rows;
    const EdgeAxis *axis;
    __m512i weights[EDGE_ROWS];
    __m512 scale;
    ptrdiff_t ahead;
} Averaging;

/* Levels of sixteen elements, not yet rounded. */
INLINE __m512 gathered(const Averaging *a, size_t g, const int n, const int quads)
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
            sum = _mm512_dpwssd_epi32(sum, across, a->weights[r]);
        }
    }
    return _mm512_mul_ps(_mm512_cvtepi32_ps(sum), a->scale);
}

INLINE void store_elements(__m512 values, __mmask16 mine, uint8_t *levels, uint16_t *fine)
{
    const __m512 sixteenths = _mm512_mul_ps(values, _mm512_set1_ps(16.0f));
    _mm512_mask_cvtusepi32_storeu_epi8(levels, mine, _mm512_cvtps_epi32(values));
    if (fine)
        _mm512_mask_cvtusepi32_storeu_epi16(fine, mine, _mm512_cvtps_epi32(sixteenths));
}

INLINE void gather_of(const Averaging *a, const int n, const int quads, uint8_t *levels, uint16_t *fine)
{
    const int elements = 3 * a->axis->count;
    for (int x = 0; x < elements; x += 16) {
        const __m512 values = gathered(a, (size_t)x / 16, n, quads);
        const __mmask16 mine = (__mmask16)(elements - x < 16 ? (1u << (elements - x)) - 1 : 0xFFFFu);
        store_elements(values, mine, levels + x, fine ? fine + x : NULL);
    }
}

static void average(const uint8_t *const *rows, const int16_t *weights, int n, const EdgeAxis *axis, float scale,
                    ptrdiff_t ahead, uint8_t *levels, uint16_t *fine)
{
    if (!axis->gather) {
        edge_average_avx2(rows, weights, n, axis, scale, ahead, levels, fine);
        return;
    }
    Averaging a = {.rows = rows, .axis = axis, .scale = _mm512_set1_ps(scale), .ahead = ahead};
    for (int r = 0; r < n; r++)
        a.weights[r] = _mm512_set1_epi16(weights[r]);
    if (axis->quads == 1 && n == 3)
        gather_of(&a, 3, 1, levels, fine);
    else if (axis->quads == 1 && n == 4)
        gather_of(&a, 4, 1, levels, fine);
    else
        gather_of(&a, n, axis->quads, levels, fine);
}

void edge_shrink_avx512(EdgeKernels *kernels)
{
    kernels->average = average;
}

END_OF_TARGET

#endif
