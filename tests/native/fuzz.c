/* libFuzzer target: any source format, size, stride and target, of every CPU level against scalar.
 *
 * The input chooses them and is the picture; sources and targets are allocated to the byte, so AddressSanitizer sees
 * every read or write outside. `make native-fuzz` runs it.
 */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER = 8 };

typedef struct {
    EdgeFormat format;
    int height, width, small_height, small_width, row, stride;
} Shape;

static Shape shape_from(const uint8_t *choice)
{
    Shape shape = {.format = (EdgeFormat)(choice[0] % EDGE_FORMATS)};
    const int even = shape.format >= EDGE_YUYV;
    shape.height = even ? 2 + (choice[1] & ~1) : 1 + choice[1];
    shape.width = even ? 2 + (choice[2] & ~1) : 1 + choice[2];
    shape.small_height = 1 + choice[3] % shape.height;
    shape.small_width = 1 + choice[4] % shape.width;
    const int bytes = shape.format <= EDGE_RGB ? 3 : shape.format == EDGE_YUYV || shape.format == EDGE_UYVY ? 2 : 1;
    shape.row = shape.width * bytes;
    shape.stride = shape.row + 2 * (choice[5] % 32);
    return shape;
}

/* As module.c demands of flat bytes: the last row needs no padding behind it. */
static size_t bytes_of(const Shape *shape)
{
    const size_t stride = (size_t)shape->stride, height = (size_t)shape->height;
    if (shape->format == EDGE_I420)
        return stride * height + stride / 2 * (height - 1) + (size_t)shape->width / 2;
    return stride * (shape->format == EDGE_NV12 ? height * 3 / 2 - 1 : height - 1) + (size_t)shape->row;
}

static void fill(uint8_t *source, size_t n, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < n; i++)
        source[i] = size ? (uint8_t)(data[i % size] + i / size) : 0;
}

static void check(const EdgeKernels *level, const EdgePlan *plan, const Shape *shape, const uint8_t *source)
{
    const size_t n = 3 * (size_t)(shape->small_height * shape->small_width);
    uint8_t *expected = malloc(n), *found = malloc(n), table[EDGE_LEVELS];
    uint16_t *expected_luma = malloc(2 * n / 3), *found_luma = malloc(2 * n / 3);
    uint32_t counts[2][3 * EDGE_LEVELS] = {{0}};
    double moments[5], powers[EDGE_LEVELS];
    edge_shrink(&edge_scalar, plan, source, shape->stride, expected, NULL);
    edge_shrink(level, plan, source, shape->stride, found, NULL);
    if (memcmp(expected, found, n))
        abort();
    edge_shrink(&edge_scalar, plan, source, shape->stride, expected, expected_luma);
    edge_shrink(level, plan, source, shape->stride, found, found_luma);
    if (memcmp(expected, found, n) || memcmp(expected_luma, found_luma, 2 * n / 3))
        abort();
    edge_scalar.histogram(expected, n, counts[0]);
    level->histogram(found, n, counts[1]);
    if (memcmp(counts[0], counts[1], sizeof counts[0]))
        abort();
    edge_statistics(counts[0], moments);
    edge_powers(2.0, powers);
    edge_gic_table((int)moments[3], (int)moments[4], powers, table);
    edge_scalar.lut(expected, n, table, expected);
    level->lut(found, n, table, found);
    if (memcmp(expected, found, n))
        abort();
    free(expected), free(found), free(expected_luma), free(found_luma);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEADER)
        return 0;
    const Shape shape = shape_from(data);
    const size_t n = bytes_of(&shape);
    uint8_t *source = malloc(n);
    EdgePlan plan;
    fill(source, n, data + HEADER, size - HEADER);
    if (edge_plan_make(&plan, shape.format, shape.height, shape.width, shape.small_height, shape.small_width) == 0) {
        for (int l = 1; edge_level(l); l++) {
            EdgeKernels level;
            edge_kernels(edge_level(l), &level);
            check(&level, &plan, &shape, source);
        }
        edge_plan_free(&plan);
    }
    free(source);
    return 0;
}
