/* Every kernel in portable C: the definition that the vector forms are compared with, bit for bit. */
#include "scalar/counters.h"
#include "kernels.h"

#include <math.h>
#include <string.h>

static void histogram(const uint8_t *data, size_t n, uint32_t *counts)
{
    CounterTables tables;
    memset(tables, 0, sizeof tables);
    count_bytes(tables, data, n);
    add_tables(tables, counts);
}

static void lut(const uint8_t *data, size_t n, const uint8_t *table, uint8_t *target)
{
    for (size_t i = 0; i < n; i++)
        target[i] = table[data[i]];
}

static void lut12(const uint16_t *data, size_t n, float gain, const uint8_t *table, uint8_t *target)
{
    for (size_t i = 0; i < n; i++) {
        const float level = (float)data[i] * gain;
        target[i] = table[level < EDGE_LEVELS12 - 1 ? lrintf(level) : EDGE_LEVELS12 - 1];
    }
}

static void rows16(const uint8_t *const *rows, const int16_t *weights, int pairs, size_t n, int add, uint16_t *sums)
{
    if (!add)
        memset(sums, 0, n * sizeof *sums);
    for (int r = 0; r < 2 * pairs; r++)
        for (size_t i = 0; i < n; i++)
            sums[i] = (uint16_t)(sums[i] + weights[r] * rows[r][i]);
}

static void rows32(const uint8_t *const *rows, const int16_t *weights, int pairs, size_t n, int add, uint32_t *sums)
{
    if (!add)
        memset(sums, 0, n * sizeof *sums);
    for (int r = 0; r < 2 * pairs; r++)
        for (size_t i = 0; i < n; i++)
            sums[i] += (uint32_t)(weights[r] * rows[r][i]);
}

static void narrow(const uint32_t *sums, size_t n, float scale, uint16_t *result)
{
    for (size_t i = 0; i < n; i++)
        result[i] = (uint16_t)lrintf((float)(int32_t)sums[i] * scale);
}

static int32_t weighted(const uint16_t *sums, const EdgeAxis *axis, int column, int channel)
{
    const uint16_t *tap = sums + axis->start[column] + channel;
    const int16_t *weights = axis->weights + (size_t)column * 2 * axis->pairs;
    int32_t sum = 0;
    for (int t = 0; t < 2 * axis->pairs; t++)
        sum += weights[t] * tap[3 * t];
    return sum;
}

static void store_rounded(float value, int at, uint8_t *levels, uint16_t *fine)
{
    levels[at] = (uint8_t)lrintf(value);
    if (fine)
        fine[at] = (uint16_t)lrintf(16.0f * value);
}

static int place(const EdgeAxis *axis, int column, int channel)
{
    return 3 * column + (axis->swapped ? 2 - channel : channel);
}

static void columns(const uint16_t *sums, const EdgeAxis *axis, float scale, uint8_t *levels, uint16_t *fine)
{
    for (int x = 0; x < axis->count; x++)
        for (int c = 0; c < 3; c++)
            store_rounded((float)weighted(sums, axis, x, c) * scale, place(axis, x, c), levels, fine);
}

static int32_t weighted_area(const uint8_t *const *rows, const int16_t *weights, int n, const EdgeAxis *axis, int x,
                             int c)
{
    const int16_t *across = axis->weights + (size_t)x * 2 * axis->pairs;
    int32_t sum = 0;
    for (int r = 0; r < n; r++) {
        const uint8_t *tap = rows[r] + axis->start[x] + c;
        int32_t row = 0;
        for (int t = 0; t < axis->taps; t++)
            row += across[t] * tap[3 * t];
        sum += weights[r] * row;
    }
    return sum;
}

static void average(const uint8_t *const *rows, const int16_t *weights, int n, const EdgeAxis *axis, float scale,
                    ptrdiff_t ahead, uint8_t *levels, uint16_t *fine)
{
    (void)ahead;
    for (int x = 0; x < axis->count; x++)
        for (int c = 0; c < 3; c++)
            store_rounded((float)weighted_area(rows, weights, n, axis, x, c) * scale, place(axis, x, c), levels, fine);
}

/* (a * b) / 2^15, rounded half up: what pmulhrsw and sqrdmulh do. */
static int rounded_product(int a, int b)
{
    return (a * b + (1 << 14)) >> 15;
}

static int saturated16(int value)
{
    return value < -32768 ? -32768 : value > 32767 ? 32767 : value;
}

static uint8_t level_of_64ths(int value)
{
    const int level = saturated16(value + 32) >> 6;
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

/* BT.601, limited range, in 64ths of a level: 1.16438 (Y - 16), 2.01723 (U - 128), ... Luma under 16 counts as 16. */
static void bgr_pixel(int y, int u, int v, uint8_t *bgr)
{
    const int luma = rounded_product((y < 16 ? 0 : y - 16) << 7, 19077);
    const int blue = rounded_product((u - 128) * 256, 16525);
    const int green = saturated16(rounded_product((u - 128) * 256, -3209) + rounded_product((v - 128) * 256, -6660));
    const int red = rounded_product((v - 128) * 256, 13075);
    bgr[0] = level_of_64ths(saturated16(luma + blue));
    bgr[1] = level_of_64ths(saturated16(luma + green));
    bgr[2] = level_of_64ths(saturated16(luma + red));
}

static void bgr_from_yuv(const uint8_t *y, const uint8_t *u, const uint8_t *v, EdgeFormat format, size_t pixels,
                         uint8_t *bgr)
{
    for (size_t i = 0; i < pixels; i++, bgr += 3) {
        const size_t even = i & ~(size_t)1;
        if (format == EDGE_YUYV)
            bgr_pixel(y[2 * i], y[2 * even + 1], y[2 * even + 3], bgr);
        else if (format == EDGE_UYVY)
            bgr_pixel(y[2 * i + 1], y[2 * even], y[2 * even + 2], bgr);
        else if (format == EDGE_NV12)
            bgr_pixel(y[i], u[even], u[even + 1], bgr);
        else
            bgr_pixel(y[i], u[i / 2], v[i / 2], bgr);
    }
}

static void bgr_from_grey(const uint8_t *grey, size_t pixels, uint8_t *bgr)
{
    for (size_t i = 0; i < pixels; i++)
        bgr[3 * i] = bgr[3 * i + 1] = bgr[3 * i + 2] = grey[i];
}

static void luma(const uint16_t *fine, size_t pixels, uint16_t *result)
{
    for (size_t i = 0; i < pixels; i++) {
        const uint32_t weighted_sum = 3735u * fine[3 * i] + 19235u * fine[3 * i + 1] + 9798u * fine[3 * i + 2];
        result[i] = (uint16_t)((weighted_sum + (1u << 14)) >> 15);
    }
}

const EdgeKernels edge_scalar = {
    .histogram = histogram,
    .lut = lut,
    .lut12 = lut12,
    .rows16 = rows16,
    .rows32 = rows32,
    .narrow = narrow,
    .columns = columns,
    .average = average,
    .bgr_from_yuv = bgr_from_yuv,
    .bgr_from_grey = bgr_from_grey,
    .luma = luma,
};
