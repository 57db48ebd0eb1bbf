/* Area average of the whole field of view, in integers.
 *
 * An output pixel covers src/dst source pixels; in units of 1/dst' (dst' = dst / gcd) every overlap is an integer, so
 * the weights are exact. Where those of either axis sum up to at most 128 (every usual camera size) one step averages
 * rows and columns. Otherwise rows come first, while the bytes lie next to each other, then columns: where the vertical
 * weights exceed 128, sums are 32 bit and rounded once more, to 8.7 bits. Other formats become BGR row by row
 * before anything is averaged: averaging YUV first clips later, and changes the statistics of dark pictures.
 */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

static int gcd(int a, int b)
{
    return b ? gcd(b, a % b) : a;
}

/* Where the arrays of an axis lie, one behind the other; with `memory` NULL, how much room they take. */
typedef struct {
    int32_t *start;
    EdgeGather *gather;
    int16_t *weights, *spread;
    int8_t *lanes, *gather_weights;
} AxisMemory;

static size_t groups_of(const EdgeAxis *axis)
{
    return ((size_t)axis->count * 3 + 15) / 16;
}

static size_t padded_count(const EdgeAxis *axis)
{
    return (size_t)(axis->count + 3) & ~(size_t)3;
}

/* Sixteen elements from `first` on; 0 where their taps lie too far apart. */
static int gather_group(const EdgeAxis *axis, int first, EdgeGather *gather, int8_t *weights)
{
    const int n = 3 * axis->count - first < 16 ? 3 * axis->count - first : 16;
    int tap[16], fits = 1;
    memset(gather->select, 0, sizeof gather->select);
    memset(weights, 0, 64 * (size_t)axis->quads);
    gather->window = INT32_MAX;
    for (int i = 0; i < n; i++) {
        const int channel = (first + i) % 3;
        tap[i] = axis->start[(first + i) / 3] + (axis->swapped ? 2 - channel : channel);
        gather->window = tap[i] < gather->window ? tap[i] : gather->window;
    }
    for (int i = 0; i < n; i++) {
        const int16_t *mine = axis->weights + (size_t)((first + i) / 3) * 2 * axis->pairs;
        const int offset = tap[i] - gather->window;
        fits &= offset + 9 < 64;
        for (int t = 0; t < 4; t++)
            gather->select[4 * i + t] = (uint8_t)(offset + 3 * t);
        for (int t = 0; t < axis->taps; t++)
            weights[t / 4 * 64 + 4 * i + t % 4] = (int8_t)mine[t];
    }
    return fits;
}

static void make_gather(EdgeAxis *axis, const AxisMemory *memory)
{
    int fits = 1;
    for (size_t g = 0; g < groups_of(axis); g++)
        fits &= gather_group(axis, (int)(16 * g), memory->gather + g, memory->gather_weights + g * 64 * axis->quads);
    axis->gather = fits ? memory->gather : NULL;
    axis->gather_weights = memory->gather_weights;
}

/* The most source pixels that an output pixel covers, in whole or in part. */
static int most_taps(int target, int span, int unit)
{
    int taps = 1;
    for (int i = 0; i < target; i++) {
        const int n = ((i + 1) * span - 1) / unit - i * span / unit + 1;
        taps = n > taps ? n : taps;
    }
    return taps;
}

static void make_weights(const EdgeAxis *axis, int unit, int step, const AxisMemory *memory)
{
    const int span = axis->total, taps = 4 * axis->quads;
    for (int i = 0; i < (int)padded_count(axis); i++) {
        const int begin = i * span, end = begin + span, first = begin / unit;
        memory->start[i] = i < axis->count ? first * step : 0;
        for (int t = 0; t < taps; t++) {
            const int left = (first + t) * unit, right = left + unit;
            const int overlap = (right < end ? right : end) - (left > begin ? left : begin);
            const int16_t weight = (int16_t)(i < axis->count && overlap > 0 ? overlap : 0);
            int16_t *spread = memory->spread + ((size_t)(i / 2 * axis->pairs) + t / 2) * 16 + i % 2 * 8 + t % 2;
            int8_t *lanes = memory->lanes + ((size_t)(i / 2 * axis->quads) + t / 4) * 32 + i % 2 * 16 + t % 4;
            if (t < 2 * axis->pairs)
                memory->weights[i * 2 * axis->pairs + t] = weight;
            for (int copy = 0; copy < 4; copy++) {
                if (t < 2 * axis->pairs)
                    spread[2 * copy] = weight;
                lanes[4 * copy] = (int8_t)weight;
            }
        }
    }
}

static size_t axis_bytes(const EdgeAxis *axis)
{
    const size_t padded = padded_count(axis), pairs = axis->pairs, quads = axis->quads, groups = groups_of(axis);
    return padded * (sizeof(int32_t) + 10 * pairs * sizeof(int16_t) + 16 * quads) +
           groups * (sizeof(EdgeGather) + 64 * quads);
}

/* The sizes of an axis alone, without its arrays. */
static EdgeAxis measure_axis(int source, int target)
{
    const int divisor = gcd(source, target), span = source / divisor, unit = target / divisor;
    const int taps = most_taps(target, span, unit);
    return (EdgeAxis){.count = target, .taps = taps, .pairs = (taps + 1) / 2, .quads = (taps + 3) / 4, .total = span};
}

/* The arrays, from `memory` on; returns what lies behind them. */
static char *fill_axis(EdgeAxis *axis, int source, int step, char *memory)
{
    const size_t padded = padded_count(axis), groups = groups_of(axis), taps = padded * 2 * axis->pairs;
    char *const gather = memory + padded * sizeof(int32_t);
    int16_t *const weights = (int16_t *)(gather + groups * sizeof(EdgeGather));
    int8_t *const lanes = (int8_t *)(weights + 5 * taps);
    const AxisMemory parts = {
        .start = (int32_t *)memory,
        .gather = (EdgeGather *)gather,
        .weights = weights,
        .spread = weights + taps,
        .lanes = lanes,
        .gather_weights = lanes + padded * 16 * axis->quads,
    };
    make_weights(axis, axis->count / gcd(source, axis->count), step, &parts);
    axis->start = parts.start;
    axis->weights = parts.weights;
    axis->spread = parts.spread;
    axis->lanes = parts.lanes;
    if (step == 3)
        make_gather(axis, &parts);
    return memory + axis_bytes(axis);
}

int edge_plan_make(EdgePlan *plan, EdgeFormat format, int height, int width, int small_height, int small_width)
{
    *plan = (EdgePlan){.format = format, .height = height, .width = width};
    plan->rows = measure_axis(height, small_height);
    plan->columns = measure_axis(width, small_width);
    plan->columns.swapped = format == EDGE_RGB;
    plan->memory = malloc(axis_bytes(&plan->rows) + axis_bytes(&plan->columns));
    if (!plan->memory)
        return -1;
    fill_axis(&plan->columns, width, 3, fill_axis(&plan->rows, height, 1, plan->memory));
    return 0;
}

void edge_plan_free(EdgePlan *plan)
{
    free(plan->memory);
    plan->memory = NULL;
}

enum { SLOT = 3 * EDGE_MAX_SIDE + EDGE_READ_PAD };

/* Rows of the source as BGR (or RGB, which comes out turned round): as they lie, or converted, each once. */
typedef struct {
    const EdgeKernels *kernels;
    const EdgePlan *plan;
    const uint8_t *source;
    ptrdiff_t stride;
    int held[EDGE_ROWS];
    uint8_t (*slots)[SLOT];
} Reader;

static void convert(const Reader *reader, int y, uint8_t *bgr)
{
    const EdgePlan *plan = reader->plan;
    const EdgeKernels *k = reader->kernels;
    const ptrdiff_t stride = reader->stride;
    const uint8_t *row = reader->source + y * stride, *chroma = reader->source + plan->height * stride;
    const size_t width = (size_t)plan->width;
    if (plan->format <= EDGE_RGB) {
        memcpy(bgr, row, 3 * width);
    } else if (plan->format == EDGE_GREY) {
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

/* Whether EDGE_READ_PAD bytes behind a row belong to the picture too. */
static int lies_inside(const Reader *reader, int y)
{
    const ptrdiff_t row = 3 * (ptrdiff_t)reader->plan->width, behind = (reader->plan->height - 1 - y) * reader->stride;
    return reader->stride >= row && behind >= EDGE_READ_PAD;
}

static const uint8_t *read_row(Reader *reader, int y)
{
    if (reader->plan->format <= EDGE_RGB && lies_inside(reader, y))
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
 * for the rows under the third next output row, into the second cache, while this one's columns, which miss nothing,
 * are computed. Nearer, or into the first cache, was slower. Inlined, because gcc takes a function that only prefetches
 * for one without effect, and drops its calls. */
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

/* Where no sum can overflow, and the level has kernels for it. */
static int in_one_step(const EdgeKernels *kernels, const EdgePlan *plan)
{
    return kernels->average && plan->rows.total <= EDGE_MAX_SUM && plan->columns.total <= EDGE_MAX_SUM &&
           plan->rows.taps <= EDGE_ROWS;
}

/* Where an output row goes: to levels and, unless luma is NULL, once more through `fine`, which holds one row. */
typedef struct {
    uint8_t *levels;
    uint16_t *luma, *fine;
} Target;

static uint8_t *levels_of(const Target *target, const EdgePlan *plan, int i)
{
    return target->levels + (size_t)i * 3 * (size_t)plan->columns.count;
}

static void take_luma(const EdgeKernels *kernels, const Target *target, const EdgePlan *plan, int i)
{
    const size_t width = (size_t)plan->columns.count;
    if (target->luma)
        kernels->luma(target->fine, width, target->luma + (size_t)i * width);
}

static void average(Reader *reader, const Target *target)
{
    const EdgePlan *plan = reader->plan;
    const EdgeAxis *axis = &plan->rows, *columns = &plan->columns;
    const float scale = 1.0f / (float)(axis->total * columns->total);
    const ptrdiff_t ahead = plan->format <= EDGE_RGB ? ROWS_AHEAD * reader->stride : 0;
    for (int i = 0; i < axis->count; i++) {
        const int16_t *weights = axis->weights + (size_t)i * 2 * axis->pairs;
        const uint8_t *rows[EDGE_ROWS];
        for (int r = 0; r < axis->taps; r++)
            rows[r] = read_row(reader, weights[r] ? axis->start[i] + r : axis->start[i]);
        reader->kernels->average(rows, weights, axis->taps, columns, scale, ahead, levels_of(target, plan, i),
                                 target->fine);
        take_luma(reader->kernels, target, plan, i);
    }
}

static void in_two_steps(Reader *reader, const Target *target)
{
    const EdgePlan *plan = reader->plan;
    const EdgeAxis *axis = &plan->rows, *columns = &plan->columns;
    uint16_t sums[3 * EDGE_MAX_SIDE + EDGE_ROW_PAD];
    uint32_t wide[3 * EDGE_MAX_SIDE];
    const int vertical = axis->total <= EDGE_MAX_SUM ? axis->total : EDGE_MAX_SUM;
    const float scale = 1.0f / (float)(vertical * columns->total);
    memset(sums + 3 * plan->width, 0, EDGE_ROW_PAD * sizeof *sums);
    for (int i = 0; i < axis->count; i++) {
        sum_rows(reader, i, wide, sums);
        fetch_ahead(reader, i);
        reader->kernels->columns(sums, columns, scale, levels_of(target, plan, i), target->fine);
        take_luma(reader->kernels, target, plan, i);
    }
}

static void shrink(const EdgeKernels *kernels, const EdgePlan *plan, const uint8_t *source, ptrdiff_t stride,
                   uint8_t *levels, uint16_t *luma)
{
    uint8_t slots[EDGE_ROWS][SLOT];
    uint16_t fine[3 * EDGE_MAX_SIDE];
    const Target target = {levels, luma, luma ? fine : NULL};
    Reader reader = {.kernels = kernels, .plan = plan, .source = source, .stride = stride, .slots = slots};
    memset(reader.held, -1, sizeof reader.held);
    if (in_one_step(kernels, plan))
        average(&reader, &target);
    else
        in_two_steps(&reader, &target);
}

static void copy(const EdgePlan *plan, const uint8_t *source, ptrdiff_t stride, uint8_t *levels)
{
    const size_t row = 3 * (size_t)plan->width;
    for (int y = 0; y < plan->height; y++)
        memcpy(levels + (size_t)y * row, source + y * stride, row);
}

void edge_shrink(const EdgeKernels *kernels, const EdgePlan *plan, const uint8_t *source, ptrdiff_t stride,
                 uint8_t *levels, uint16_t *luma)
{
    if (is_identity(plan) && !luma)
        copy(plan, source, stride, levels);
    else
        shrink(kernels, plan, source, stride, levels, luma);
}
