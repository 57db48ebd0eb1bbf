/* Area average of the whole field of view, in integers.
 *
 * An output pixel covers src/dst source pixels; in units of 1/dst' (dst' = dst / gcd) every overlap is an integer, so
 * the weights are exact. Rows first, while the bytes lie next to each other, then columns. Where the vertical weights
 * sum up to at most 128 (every usual camera size) 16-bit sums are exact too; otherwise 32-bit ones are rounded once,
 * to 8.7 bits. Other formats become BGR row by row before anything is averaged: averaging YUV first clips later, and
 * changes the statistics of dark pictures.
 */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

static int gcd(int a, int b)
{
    return b ? gcd(b, a % b) : a;
}

typedef struct {
    int32_t *start;
    EdgeGather *gather;
    int16_t *weights, *spread, *gather_weights;
} AxisMemory;

static size_t groups_of(const EdgeAxis *axis)
{
    return 4 * (((size_t)axis->count * 3 + 31) / 32);
}

/* Four elements from `first` on, into one half of a group; 0 where their taps lie too far apart. */
static int gather_half(const EdgeAxis *axis, int first, int half, EdgeGather *gather, int16_t *weights)
{
    int tap[4], window = INT32_MAX, fits = 1;
    for (int i = 0; i < 4; i++) {
        const int x = (first + i) / 3, channel = (first + i) % 3;
        tap[i] = x < axis->count ? axis->start[x] + (axis->swapped ? 2 - channel : channel) : window;
        window = tap[i] < window ? tap[i] : window;
    }
    gather->window[half] = window < INT32_MAX ? window : 0;
    for (int i = 0; i < 4; i++) {
        const int x = (first + i) / 3, offset = x < axis->count ? tap[i] - window : 0;
        fits &= offset + 3 < 16;
        for (int second = 0; second < 2; second++)
            gather->select[8 * half + 2 * i + second] = (int16_t)(16 * half + offset + 3 * second);
        for (int t = 0; t < 2 * axis->pairs && x < axis->count; t++)
            weights[t / 2 * 16 + 8 * half + 2 * i + t % 2] = axis->weights[(size_t)x * 2 * axis->pairs + t];
    }
    return fits;
}

static void make_gather(EdgeAxis *axis, const AxisMemory *memory)
{
    int fits = 1;
    for (size_t g = 0; g < groups_of(axis); g++) {
        int16_t *weights = memory->gather_weights + g * 16 * axis->pairs;
        const int first = (int)(g / 4 * 32 + g % 4 * 4);
        memset(weights, 0, 16 * sizeof *weights * axis->pairs);
        for (int half = 0; half < 2; half++)
            fits &= gather_half(axis, first + 16 * half, half, memory->gather + g, weights);
    }
    axis->gather = fits ? memory->gather : NULL;
    axis->gather_weights = memory->gather_weights;
}

/* Ask with memory NULL for pairs, total; then again with room for the arrays. */
static void make_axis(EdgeAxis *axis, int source, int target, int step, const AxisMemory *memory)
{
    const int divisor = gcd(source, target), span = source / divisor, unit = target / divisor;
    const int padded = (target + 3) & ~3;
    if (!memory) {
        int taps = 1;
        for (int i = 0; i < target; i++) {
            const int n = ((i + 1) * span - 1) / unit - i * span / unit + 1;
            taps = n > taps ? n : taps;
        }
        *axis = (EdgeAxis){.count = target, .pairs = (taps + 1) / 2, .total = span};
        return;
    }
    const size_t taps = 2 * (size_t)axis->pairs;
    for (int i = 0; i < padded; i++) {
        const int begin = i * span, end = begin + span, first = begin / unit;
        memory->start[i] = i < target ? first * step : 0;
        for (size_t t = 0; t < taps; t++) {
            const int left = (first + (int)t) * unit, right = left + unit;
            const int overlap = (right < end ? right : end) - (left > begin ? left : begin);
            const int16_t weight = (int16_t)(i < target && overlap > 0 ? overlap : 0);
            memory->weights[i * taps + t] = weight;
            for (int copy = 0; copy < 4; copy++)
                memory->spread[((size_t)(i / 2 * axis->pairs) + t / 2) * 16 + i % 2 * 8 + 2 * copy + t % 2] = weight;
        }
    }
    axis->start = memory->start;
    axis->weights = memory->weights;
    axis->spread = memory->spread;
    if (step == 3)
        make_gather(axis, memory);
}

static size_t axis_bytes(const EdgeAxis *axis)
{
    const size_t padded = (size_t)(axis->count + 3) & ~(size_t)3, pairs = axis->pairs, groups = groups_of(axis);
    return padded * sizeof(int32_t) + groups * sizeof(EdgeGather) + (padded * 10 + groups * 16) * pairs * sizeof(int16_t);
}

static char *place_axis(EdgeAxis *axis, int source, int step, char *memory)
{
    const size_t padded = (size_t)(axis->count + 3) & ~(size_t)3, taps = padded * 2 * axis->pairs;
    char *const gather = memory + padded * sizeof(int32_t);
    int16_t *const weights = (int16_t *)(gather + groups_of(axis) * sizeof(EdgeGather));
    const AxisMemory parts = {
        .start = (int32_t *)memory,
        .gather = (EdgeGather *)gather,
        .weights = weights,
        .spread = weights + taps,
        .gather_weights = weights + 5 * taps,
    };
    make_axis(axis, source, axis->count, step, &parts);
    return memory + axis_bytes(axis);
}

int edge_plan_make(EdgePlan *plan, EdgeFormat format, int height, int width, int small_height, int small_width)
{
    *plan = (EdgePlan){.format = format, .height = height, .width = width};
    make_axis(&plan->rows, height, small_height, 1, NULL);
    make_axis(&plan->columns, width, small_width, 3, NULL);
    plan->columns.swapped = format == EDGE_RGB;
    plan->memory = malloc(axis_bytes(&plan->rows) + axis_bytes(&plan->columns));
    if (!plan->memory)
        return -1;
    place_axis(&plan->columns, width, 3, place_axis(&plan->rows, height, 1, plan->memory));
    return 0;
}

void edge_plan_free(EdgePlan *plan)
{
    free(plan->memory);
    plan->memory = NULL;
}

/* Rows of the source as BGR (or RGB, which `columns` turns round): as they lie, or converted, each once. */
typedef struct {
    const EdgeKernels *kernels;
    const EdgePlan *plan;
    const uint8_t *source;
    ptrdiff_t stride;
    int held[EDGE_ROWS];
    uint8_t (*slots)[3 * EDGE_MAX_SIDE];
} Reader;

static void convert(const Reader *reader, int y, uint8_t *bgr)
{
    const EdgePlan *plan = reader->plan;
    const EdgeKernels *k = reader->kernels;
    const ptrdiff_t stride = reader->stride;
    const uint8_t *row = reader->source + y * stride, *chroma = reader->source + plan->height * stride;
    const size_t width = (size_t)plan->width;
    if (plan->format == EDGE_GREY) {
        k->bgr_from_grey(row, width, bgr);
    } else if (plan->format == EDGE_NV12) {
        k->bgr_from_yuv(row, chroma + y / 2 * stride, NULL, EDGE_NV12, width, bgr);
    } else if (plan->format == EDGE_I420) {
        const uint8_t *u = chroma + y / 2 * (stride / 2);
        k->bgr_from_yuv(row, u, u + plan->height / 2 * (stride / 2), EDGE_I420, width, bgr);
    } else {
        k->bgr_from_yuv(row, NULL, NULL, plan->format, width, bgr);
    }
}

static const uint8_t *read_row(Reader *reader, int y)
{
    if (reader->plan->format <= EDGE_RGB)
        return reader->source + y * reader->stride;
    const int slot = y % EDGE_ROWS;
    if (reader->held[slot] != y) {
        convert(reader, y, reader->slots[slot]);
        reader->held[slot] = y;
    }
    return reader->slots[slot];
}

/* The weighted sum of the source rows under output row i, 15 bits per value. */
static void sum_rows(Reader *reader, int i, uint32_t *wide, uint16_t *sums)
{
    const EdgeAxis *axis = &reader->plan->rows;
    const int exact = axis->total <= EDGE_MAX_SUM, last = reader->plan->height - 1;
    const size_t n = 3 * (size_t)reader->plan->width;
    const int16_t *weights = axis->weights + (size_t)i * 2 * axis->pairs;
    for (int done = 0; done < axis->pairs; done += EDGE_ROWS / 2) {
        const int pairs = axis->pairs - done < EDGE_ROWS / 2 ? axis->pairs - done : EDGE_ROWS / 2;
        const uint8_t *rows[EDGE_ROWS];
        for (int r = 0; r < 2 * pairs; r++) {
            const int y = axis->start[i] + 2 * done + r; /* a spare tap weighs 0, but it is read */
            rows[r] = read_row(reader, y < last ? y : last);
        }
        if (exact)
            reader->kernels->rows16(rows, weights + 2 * done, pairs, n, done > 0, sums);
        else
            reader->kernels->rows32(rows, weights + 2 * done, pairs, n, done > 0, wide);
    }
    if (!exact)
        reader->kernels->narrow(wide, n, (float)EDGE_MAX_SUM / (float)axis->total, sums);
}

enum { ROWS_AHEAD = 3 };

/* A frame fresh from a camera is in no cache, and several rows at a time is a pattern that hardware follows badly: ask
 * for the rows under the third next output row, into the second cache, while this one's columns, which miss nothing, are
 * computed. Nearer, or into the first cache, was slower. Inlined, because gcc takes a function that only prefetches for
 * one without effect, and drops its calls. */
static inline __attribute__((always_inline)) void fetch_ahead(const Reader *reader, int i)
{
    const EdgePlan *plan = reader->plan;
    const EdgeAxis *axis = &plan->rows;
    const int packed = plan->format == EDGE_YUYV || plan->format == EDGE_UYVY;
    const int bytes = plan->width * (plan->format <= EDGE_RGB ? 3 : packed ? 2 : 1);
    if (i + ROWS_AHEAD + 1 >= axis->count)
        return;
    const int end = axis->start[i + ROWS_AHEAD + 1];
    for (int y = axis->start[i ? i + ROWS_AHEAD : 1]; y < end; y++)
        for (int at = 0; at < bytes; at += 64)
            __builtin_prefetch(reader->source + y * reader->stride + at, 0, 2);
}

/* The plan of a frame that is small already. */
static int is_identity(const EdgePlan *plan)
{
    return plan->format == EDGE_BGR && plan->rows.count == plan->height && plan->columns.count == plan->width;
}

static void shrink(const EdgeKernels *kernels, const EdgePlan *plan, const uint8_t *source, ptrdiff_t stride,
                   uint8_t *target8, uint16_t *target12)
{
    uint8_t slots[EDGE_ROWS][3 * EDGE_MAX_SIDE];
    uint16_t sums[3 * EDGE_MAX_SIDE + EDGE_ROW_PAD];
    uint32_t wide[3 * EDGE_MAX_SIDE];
    Reader reader = {.kernels = kernels, .plan = plan, .source = source, .stride = stride, .slots = slots};
    memset(reader.held, -1, sizeof reader.held);
    memset(sums + 3 * plan->width, 0, EDGE_ROW_PAD * sizeof *sums);
    const EdgeAxis *columns = &plan->columns;
    const int vertical = plan->rows.total <= EDGE_MAX_SUM ? plan->rows.total : EDGE_MAX_SUM;
    const float divisor = (float)(vertical * columns->total);
    for (int i = 0; i < plan->rows.count; i++) {
        sum_rows(&reader, i, wide, sums);
        fetch_ahead(&reader, i);
        if (target8)
            kernels->columns8(sums, columns, 1.0f / divisor, target8 + (size_t)i * 3 * columns->count);
        else
            kernels->columns16(sums, columns, 16.0f / divisor, target12 + (size_t)i * 3 * columns->count);
    }
}

void edge_shrink8(const EdgeKernels *kernels, const EdgePlan *plan, const uint8_t *source, ptrdiff_t stride,
                  uint8_t *target)
{
    const size_t row = 3 * (size_t)plan->width;
    if (is_identity(plan))
        for (int y = 0; y < plan->height; y++)
            memcpy(target + (size_t)y * row, source + y * stride, row);
    else
        shrink(kernels, plan, source, stride, target, NULL);
}

void edge_shrink12(const EdgeKernels *kernels, const EdgePlan *plan, const uint8_t *source, ptrdiff_t stride,
                   uint16_t *target)
{
    shrink(kernels, plan, source, stride, NULL, target);
}
