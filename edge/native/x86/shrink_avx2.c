/* Area average for AVX2: rows, columns, and both in one step. */
#include "kernels.h"

#if defined(__x86_64__)

#include "avx2.h"

#include <string.h>

/* What was unpacked, summed and lies crosswise, in order again. */
INLINE void uncross(__m256i *low, __m256i *high)
{
    const __m256i first = _mm256_permute2x128_si256(*low, *high, 0x20);
    *high = _mm256_permute2x128_si256(*low, *high, 0x31);
    *low = first;
}

INLINE void rest_of(const uint8_t *const *rows, int pairs, size_t done, const uint8_t *rest[EDGE_ROWS])
{
    for (int r = 0; r < 2 * pairs; r++)
        rest[r] = rows[r] + done;
}

INLINE void rows16_of(const uint8_t *const *rows, const int16_t *weights, const int pairs, size_t n, const int add,
                      uint16_t *sums)
{
    const uint8_t *rest[EDGE_ROWS];
    __m256i weight[EDGE_ROWS / 2];
    for (int p = 0; p < pairs; p++)
        weight[p] = _mm256_set1_epi16((short)(weights[2 * p] | weights[2 * p + 1] << 8));
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256i low = _mm256_setzero_si256(), high = low;
        for (int p = 0; p < pairs; p++) {
            const __m256i a = load(rows[2 * p] + i), b = load(rows[2 * p + 1] + i);
            low = _mm256_add_epi16(low, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), weight[p]));
            high = _mm256_add_epi16(high, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), weight[p]));
        }
        uncross(&low, &high);
        store(sums + i, add ? _mm256_add_epi16(low, load(sums + i)) : low);
        store(sums + i + 16, add ? _mm256_add_epi16(high, load(sums + i + 16)) : high);
    }
    rest_of(rows, pairs, i, rest);
    edge_scalar.rows16(rest, weights, pairs, n - i, add, sums + i);
}

static void rows16(const uint8_t *const *rows, const int16_t *weights, int pairs, size_t n, int add, uint16_t *sums)
{
    if (add)
        rows16_of(rows, weights, pairs, n, 1, sums);
    else if (pairs == 1)
        rows16_of(rows, weights, 1, n, 0, sums);
    else if (pairs == 2)
        rows16_of(rows, weights, 2, n, 0, sums);
    else if (pairs == 3)
        rows16_of(rows, weights, 3, n, 0, sums);
    else
        rows16_of(rows, weights, 4, n, 0, sums);
}

static void rows32(const uint8_t *const *rows, const int16_t *weights, int pairs, size_t n, int add, uint32_t *sums)
{
    const uint8_t *rest[EDGE_ROWS];
    __m256i weight[EDGE_ROWS / 2];
    for (int p = 0; p < pairs; p++)
        weight[p] = _mm256_set1_epi32((uint16_t)weights[2 * p] | weights[2 * p + 1] << 16);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i low = _mm256_setzero_si256(), high = low;
        for (int p = 0; p < pairs; p++) {
            const __m256i a = _mm256_cvtepu8_epi16(load16(rows[2 * p] + i));
            const __m256i b = _mm256_cvtepu8_epi16(load16(rows[2 * p + 1] + i));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), weight[p]));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), weight[p]));
        }
        uncross(&low, &high);
        store(sums + i, add ? _mm256_add_epi32(low, load(sums + i)) : low);
        store(sums + i + 8, add ? _mm256_add_epi32(high, load(sums + i + 8)) : high);
    }
    rest_of(rows, pairs, i, rest);
    edge_scalar.rows32(rest, weights, pairs, n - i, add, sums + i);
}

INLINE __m256 scaled(__m256i sums, __m256 scale)
{
    return _mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale);
}

static void narrow(const uint32_t *sums, size_t n, float scale, uint16_t *result)
{
    const __m256 factor = _mm256_set1_ps(scale);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m256i first = _mm256_cvtps_epi32(scaled(load(sums + i), factor));
        const __m256i second = _mm256_cvtps_epi32(scaled(load(sums + i + 8), factor));
        store(result + i, _mm256_permute4x64_epi64(_mm256_packus_epi32(first, second), 0xD8));
    }
    edge_scalar.narrow(sums + i, n - i, scale, result + i);
}

/* Two output columns: levels of blue, green, red (and one lane of rubbish) in either half, not yet rounded. */
INLINE __m256 column_pair(const uint16_t *sums, const int32_t *start, const int16_t *spread, const int pairs,
                          __m256 scale)
{
    const __m256i taps = both(_mm_setr_epi8(0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 12, 13, 14, 15));
    const uint16_t *left = sums + start[0], *right = sums + start[1];
    __m256i sum = _mm256_setzero_si256();
    for (int p = 0; p < pairs; p++) {
        const __m256i v = pair(load16(left + 6 * p), load16(right + 6 * p));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(v, taps), load(spread + 16 * p)));
    }
    return scaled(sum, scale);
}

/* Where a target row ends: whole vectors are stored up to two columns before it, and the next columns overwrite what is
 * too much of them; of the last, only what is there. */
INLINE int is_last(const EdgeAxis *axis, int x)
{
    return x + 6 > axis->count;
}

INLINE size_t last_values(const EdgeAxis *axis, int x)
{
    return 3 * (size_t)(axis->count - x < 4 ? axis->count - x : 4);
}

/* Four columns to twelve bytes. */
INLINE void store_levels(__m256 first, __m256 second, const EdgeAxis *axis, int x, uint8_t *levels)
{
    const __m128i bgr = _mm_setr_epi8(0, 1, 2, 8, 9, 10, 4, 5, 6, 12, 13, 14, -1, -1, -1, -1);
    const __m128i rgb = _mm_setr_epi8(2, 1, 0, 10, 9, 8, 6, 5, 4, 14, 13, 12, -1, -1, -1, -1);
    const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(first), _mm256_cvtps_epi32(second)); /* 0 2 | 1 3 */
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), upper(words));
    const __m128i pixels = _mm_shuffle_epi8(bytes, axis->swapped ? rgb : bgr);
    if (is_last(axis, x)) {
        uint8_t last[16];
        store16(last, pixels);
        memcpy(levels + 3 * x, last, last_values(axis, x));
    } else {
        store16(levels + 3 * x, pixels);
    }
}

/* The same to twelve words, in sixteenths. */
INLINE void store_fine(__m256 first, __m256 second, const EdgeAxis *axis, int x, uint16_t *fine)
{
    const __m256i bgr = both(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, -1, -1, -1, -1));
    const __m256i rgb = both(_mm_setr_epi8(4, 5, 2, 3, 0, 1, 12, 13, 10, 11, 8, 9, -1, -1, -1, -1));
    const __m256 sixteen = _mm256_set1_ps(16.0f);
    const __m256i a = _mm256_cvtps_epi32(_mm256_mul_ps(first, sixteen));
    const __m256i b = _mm256_cvtps_epi32(_mm256_mul_ps(second, sixteen));
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xD8);
    const __m256i pixels = _mm256_shuffle_epi8(words, axis->swapped ? rgb : bgr); /* six values in either half */
    uint16_t last[16], *target = is_last(axis, x) ? last : fine + 3 * x;
    store16(target, _mm256_castsi256_si128(pixels));
    store16(target + 6, upper(pixels));
    if (is_last(axis, x))
        memcpy(fine + 3 * x, last, last_values(axis, x) * sizeof *last);
}

INLINE void store_columns(__m256 first, __m256 second, const EdgeAxis *axis, int x, uint8_t *levels, uint16_t *fine)
{
    store_levels(first, second, axis, x, levels);
    if (fine)
        store_fine(first, second, axis, x, fine);
}

INLINE void columns_of(const uint16_t *sums, const EdgeAxis *axis, const int pairs, float scale, uint8_t *levels,
                       uint16_t *fine)
{
    const __m256 factor = _mm256_set1_ps(scale);
    const int16_t *spread = axis->spread;
    for (int x = 0; x < axis->count; x += 4, spread += 32 * pairs) {
        const __m256 first = column_pair(sums, axis->start + x, spread, pairs, factor);
        const __m256 second = column_pair(sums, axis->start + x + 2, spread + 16 * pairs, pairs, factor);
        store_columns(first, second, axis, x, levels, fine);
    }
}

static void columns(const uint16_t *sums, const EdgeAxis *axis, float scale, uint8_t *levels, uint16_t *fine)
{
    if (axis->pairs == 1)
        columns_of(sums, axis, 1, scale, levels, fine);
    else if (axis->pairs == 2)
        columns_of(sums, axis, 2, scale, levels, fine);
    else if (axis->pairs == 3)
        columns_of(sums, axis, 3, scale, levels, fine);
    else
        columns_of(sums, axis, axis->pairs, scale, levels, fine);
}

/* In one step: pmaddubsw weighs the taps across, pmaddwd adds them and weighs the row. */
typedef struct {
    const uint8_t *const *rows;
    const EdgeAxis *axis;
    __m256i weights[EDGE_ROWS];
    __m256 scale;
    ptrdiff_t ahead;
} Averaging;

/* Two output columns, as column_pair. */
INLINE __m256 average_pair(const Averaging *a, int x, const int n, const int quads)
{
    const __m256i taps = both(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, 12, 13, 14, 15));
    const int8_t *lanes = a->axis->lanes + 16 * (size_t)(x * quads);
    const int left = a->axis->start[x], right = a->axis->start[x + 1];
    __m256i sum = _mm256_setzero_si256();
    for (int r = 0; r < n; r++)
        for (int q = 0; q < quads; q++) {
            const uint8_t *row = a->rows[r] + 12 * q;
            const __m256i v = pair(load16(row + left), load16(row + right));
            const __m256i across = _mm256_maddubs_epi16(_mm256_shuffle_epi8(v, taps), load(lanes + 32 * q));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(across, a->weights[r]));
        }
    return scaled(sum, a->scale);
}

INLINE void fetch_ahead(const Averaging *a, int x, const int n)
{
    for (int r = 0; r < n; r++)
        _mm_prefetch((const char *)a->rows[r] + a->axis->start[x] + a->ahead, _MM_HINT_T1);
}

INLINE void average_of(const Averaging *a, const int n, const int quads, uint8_t *levels, uint16_t *fine)
{
    for (int x = 0; x < a->axis->count; x += 4) {
        fetch_ahead(a, x, n);
        store_columns(average_pair(a, x, n, quads), average_pair(a, x + 2, n, quads), a->axis, x, levels, fine);
    }
}

void edge_average_avx2(const uint8_t *const *rows, const int16_t *weights, int n, const EdgeAxis *axis, float scale,
                       ptrdiff_t ahead, uint8_t *levels, uint16_t *fine)
{
    Averaging a = {.rows = rows, .axis = axis, .scale = _mm256_set1_ps(scale), .ahead = ahead};
    for (int r = 0; r < n; r++)
        a.weights[r] = _mm256_set1_epi16(weights[r]);
    if (axis->quads == 1 && n == 3)
        average_of(&a, 3, 1, levels, fine);
    else if (axis->quads == 1 && n == 4)
        average_of(&a, 4, 1, levels, fine);
    else
        average_of(&a, n, axis->quads, levels, fine);
}

void edge_shrink_avx2(EdgeKernels *kernels)
{
    kernels->rows16 = rows16;
    kernels->rows32 = rows32;
    kernels->narrow = narrow;
    kernels->columns = columns;
    kernels->average = edge_average_avx2;
}

END_OF_TARGET

#endif
