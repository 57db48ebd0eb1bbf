/* Area average for NEON: rows first, then columns. */
#include "kernels.h"

#if defined(__aarch64__)

#include "vectors.h"

#include <string.h>

INLINE void rest_of(const uint8_t *const *rows, int n, size_t done, const uint8_t *rest[EDGE_ROWS])
{
    for (int r = 0; r < n; r++)
        rest[r] = rows[r] + done;
}

INLINE void rows16_of(const uint8_t *const *rows, const int16_t *weights, const int taps, size_t n, int add,
                      uint16_t *sums)
{
    const uint8_t *rest[EDGE_ROWS];
    uint8x16_t weight[EDGE_ROWS];
    for (int r = 0; r < taps; r++)
        weight[r] = vdupq_n_u8((uint8_t)weights[r]);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        uint16x8_t low = add ? vld1q_u16(sums + i) : vdupq_n_u16(0), high = add ? vld1q_u16(sums + i + 8) : low;
        for (int r = 0; r < taps; r++) {
            const uint8x16_t v = vld1q_u8(rows[r] + i);
            low = vmlal_u8(low, vget_low_u8(v), vget_low_u8(weight[r]));
            high = vmlal_high_u8(high, v, weight[r]);
        }
        vst1q_u16(sums + i, low);
        vst1q_u16(sums + i + 8, high);
    }
    rest_of(rows, taps, i, rest);
    edge_scalar.rows16(rest, weights, taps / 2, n - i, add, sums + i);
}

static void rows16(const uint8_t *const *rows, const int16_t *weights, int pairs, size_t n, int add, uint16_t *sums)
{
    if (pairs == 1)
        rows16_of(rows, weights, 2, n, add, sums);
    else if (pairs == 2)
        rows16_of(rows, weights, 4, n, add, sums);
    else if (pairs == 3)
        rows16_of(rows, weights, 6, n, add, sums);
    else
        rows16_of(rows, weights, 8, n, add, sums);
}

static void rows32(const uint8_t *const *rows, const int16_t *weights, int pairs, size_t n, int add, uint32_t *sums)
{
    const uint8_t *rest[EDGE_ROWS];
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint32x4_t low = add ? vld1q_u32(sums + i) : vdupq_n_u32(0), high = add ? vld1q_u32(sums + i + 4) : low;
        for (int r = 0; r < 2 * pairs; r++) {
            const uint16x8_t v = vmovl_u8(vld1_u8(rows[r] + i));
            low = vmlal_n_u16(low, vget_low_u16(v), (uint16_t)weights[r]);
            high = vmlal_n_u16(high, vget_high_u16(v), (uint16_t)weights[r]);
        }
        vst1q_u32(sums + i, low);
        vst1q_u32(sums + i + 4, high);
    }
    rest_of(rows, 2 * pairs, i, rest);
    edge_scalar.rows32(rest, weights, pairs, n - i, add, sums + i);
}

INLINE float32x4_t scaled(uint32x4_t sums, float scale)
{
    return vmulq_n_f32(vcvtq_f32_u32(sums), scale);
}

/* Rounded half to even, up to 65535. */
INLINE uint16x4_t rounded(float32x4_t values)
{
    return vqmovn_u32(vcvtnq_u32_f32(values));
}

static void narrow(const uint32_t *sums, size_t n, float scale, uint16_t *result)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const uint16x4_t low = rounded(scaled(vld1q_u32(sums + i), scale));
        vst1q_u16(result + i, vcombine_u16(low, rounded(scaled(vld1q_u32(sums + i + 4), scale))));
    }
    edge_scalar.narrow(sums + i, n - i, scale, result + i);
}

/* Levels of blue, green, red (and one lane of rubbish) of an output column, not yet rounded. */
INLINE float32x4_t column(const uint16_t *sums, const EdgeAxis *axis, int x, const int taps, float scale)
{
    const uint16_t *tap = sums + axis->start[x];
    const int16_t *weights = axis->weights + (size_t)x * (size_t)taps;
    uint32x4_t even = vdupq_n_u32(0), odd = even; /* two chains: each waits for its own last product only */
    for (int t = 0; t < taps; t += 2) {
        even = vmlal_n_u16(even, vld1_u16(tap + 3 * t), (uint16_t)weights[t]);
        odd = vmlal_n_u16(odd, vld1_u16(tap + 3 * t + 3), (uint16_t)weights[t + 1]);
    }
    return scaled(vaddq_u32(even, odd), scale);
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
INLINE void store_levels(const float32x4_t pixel[4], const EdgeAxis *axis, int x, uint8_t *levels)
{
    static const uint8_t bgr[16] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255};
    static const uint8_t rgb[16] = {2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 255, 255, 255, 255};
    const uint8x8_t left = vqmovn_u16(vcombine_u16(rounded(pixel[0]), rounded(pixel[1])));
    const uint8x16_t four = vqmovn_high_u16(left, vcombine_u16(rounded(pixel[2]), rounded(pixel[3])));
    const uint8x16_t pixels = vqtbl1q_u8(four, vld1q_u8(axis->swapped ? rgb : bgr));
    if (is_last(axis, x)) {
        uint8_t last[16];
        vst1q_u8(last, pixels);
        memcpy(levels + 3 * x, last, last_values(axis, x));
    } else {
        vst1q_u8(levels + 3 * x, pixels);
    }
}

/* The same to twelve words, in sixteenths. */
INLINE void store_fine(const float32x4_t pixel[4], const EdgeAxis *axis, int x, uint16_t *fine)
{
    static const uint8_t bgr[16] = {0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 255, 255, 255, 255};
    static const uint8_t rgb[16] = {4, 5, 2, 3, 0, 1, 12, 13, 10, 11, 8, 9, 255, 255, 255, 255};
    const uint8x16_t order = vld1q_u8(axis->swapped ? rgb : bgr);
    uint16_t last[16], *target = is_last(axis, x) ? last : fine + 3 * x;
    for (int i = 0; i < 4; i += 2) {
        const uint16x4_t left = rounded(vmulq_n_f32(pixel[i], 16.0f));
        const uint16x4_t right = rounded(vmulq_n_f32(pixel[i + 1], 16.0f));
        const uint8x16_t two = vreinterpretq_u8_u16(vcombine_u16(left, right));
        vst1q_u16(target + 3 * i, vreinterpretq_u16_u8(vqtbl1q_u8(two, order)));
    }
    if (is_last(axis, x))
        memcpy(fine + 3 * x, last, last_values(axis, x) * sizeof *last);
}

INLINE void columns_of(const uint16_t *sums, const EdgeAxis *axis, const int taps, float scale, uint8_t *levels,
                       uint16_t *fine)
{
    for (int x = 0; x < axis->count; x += 4) {
        float32x4_t pixel[4];
        for (int i = 0; i < 4; i++)
            pixel[i] = column(sums, axis, x + i, taps, scale);
        store_levels(pixel, axis, x, levels);
        if (fine)
            store_fine(pixel, axis, x, fine);
    }
}

static void columns(const uint16_t *sums, const EdgeAxis *axis, float scale, uint8_t *levels, uint16_t *fine)
{
    if (axis->pairs == 1)
        columns_of(sums, axis, 2, scale, levels, fine);
    else if (axis->pairs == 2)
        columns_of(sums, axis, 4, scale, levels, fine);
    else
        columns_of(sums, axis, 2 * axis->pairs, scale, levels, fine);
}

void edge_shrink_neon(EdgeKernels *kernels)
{
    kernels->rows16 = rows16;
    kernels->rows32 = rows32;
    kernels->narrow = narrow;
    kernels->columns = columns;
    kernels->average = NULL; /* not written */
}

#endif
