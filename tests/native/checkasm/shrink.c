/* The kernels of the area average under checkasm, and the whole of it. */
#include "checkasm.h"

static int16_t row_weights(const Input *in, int most, int16_t weights[EDGE_ROWS])
{
    const int pairs = in->variant / 2 + 1;
    for (int r = 0; r < 2 * pairs; r++)
        weights[r] = (int16_t)(r == 2 * pairs - 1 && in->variant % 3 == 0 ? 0 : most / (2 * pairs) - r);
    return (int16_t)pairs;
}

static void take_rows(const Input *in, const uint8_t *rows[EDGE_ROWS])
{
    for (int r = 0; r < EDGE_ROWS; r++)
        rows[r] = take(in, r, in->n);
}

static void sums16_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    bytes[0] = in->n * sizeof(uint16_t);
}

static void sums32_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    bytes[0] = in->n * sizeof(uint32_t);
}

static void run_rows16(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    const uint8_t *rows[EDGE_ROWS];
    int16_t weights[EDGE_ROWS];
    const int pairs = row_weights(in, EDGE_MAX_SUM, weights);
    take_rows(in, rows);
    k->rows16(rows, weights, pairs, in->n, in->variant % 2, out[0]);
}

static void run_rows32(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    const uint8_t *rows[EDGE_ROWS];
    int16_t weights[EDGE_ROWS];
    const int pairs = row_weights(in, EDGE_MAX_SIDE, weights);
    take_rows(in, rows);
    k->rows32(rows, weights, pairs, in->n, in->variant % 2, out[0]);
}

static void narrowed_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    bytes[0] = in->n / 2 * sizeof(uint16_t);
}

static void run_narrow(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    const size_t n = in->n / 2;
    uint32_t *sums = (uint32_t *)(void *)take(in, 0, 4 * n);
    for (size_t i = 0; i < n; i++)
        sums[i] %= 255 * EDGE_MAX_SIDE;
    k->narrow(sums, n, 128.0f / (float)(4096 - in->variant), out[0]);
}

/* Of every block, the width that its row of sums has room for, and a width to shrink it to. */
static void widths(const Input *in, int *source, int *target)
{
    *source = (int)(in->n / 3 < 1 ? 1 : in->n / 3 > EDGE_MAX_SIDE ? EDGE_MAX_SIDE : in->n / 3);
    const int targets[VARIANTS] = {*source, *source - 1, *source / 2, *source / 3 + 1, 1, *source * 7 / 20, *source / 7, 5};
    *target = targets[in->variant] < 1 ? 1 : targets[in->variant] > *source ? *source : targets[in->variant];
}

static void columns_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    int source, target;
    widths(in, &source, &target);
    bytes[0] = 3 * (size_t)target;
    bytes[1] = 6 * (size_t)target;
}

/* A quarter of the variants go without. */
static uint16_t *fine_of(const Input *in, void *const out[OUTPUTS])
{
    return in->variant % 4 == 3 ? NULL : out[1];
}

static void run_columns(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    static uint16_t sums[3 * EDGE_MAX_SIDE + EDGE_ROW_PAD];
    int source, target;
    EdgePlan plan;
    widths(in, &source, &target);
    memset(sums, 0, sizeof sums);
    for (int i = 0; i < 3 * source; i++)
        sums[i] = (uint16_t)(take(in, 0, in->n + 3)[i] * EDGE_MAX_SUM);
    if (edge_plan_make(&plan, in->variant % 2 ? EDGE_RGB : EDGE_BGR, 1, source, 1, target) < 0)
        exit(2);
    const float scale = 1.0f / (float)(EDGE_MAX_SUM * plan.columns.total);
    k->columns(sums, &plan.columns, scale, out[0], fine_of(in, out));
    edge_plan_free(&plan);
}

/* Rows and columns at once; the rows end EDGE_READ_PAD bytes before what must not be read. */
static void run_average(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    const uint8_t *rows[EDGE_ROWS];
    int16_t weights[EDGE_ROWS];
    int source, target;
    EdgePlan plan;
    widths(in, &source, &target);
    if (edge_plan_make(&plan, in->variant % 2 ? EDGE_RGB : EDGE_BGR, 1, source, 1, target) < 0)
        exit(2);
    const int n = 2 * row_weights(in, EDGE_MAX_SUM, weights) - in->variant % 2;
    const float scale = 1.0f / (float)(EDGE_MAX_SUM * plan.columns.total);
    for (int r = 0; r < n; r++)
        rows[r] = take(in, r, 3 * (size_t)source + EDGE_READ_PAD);
    k = k->average ? k : &edge_scalar;
    if (plan.columns.total <= EDGE_MAX_SUM)
        k->average(rows, weights, n, &plan.columns, scale, 0, out[0], fine_of(in, out));
    edge_plan_free(&plan);
}

/* The whole shrink, from every format. */
static void shrink_sides(const Input *in, int side[4])
{
    int wide, narrow;
    widths(in, &wide, &narrow);
    side[1] = wide > 200 ? 200 : (wide + 1) & ~1;
    side[0] = (int)(2 * in->n / (3 * (size_t)side[1])) & ~1;
    side[0] = side[0] > 300 ? 300 : side[0];
    side[2] = 1 + side[0] * (in->variant + 1) / 9;
    side[3] = 1 + (side[1] - 1) * (8 - in->variant) / 9;
}

static void shrink_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    int side[4];
    shrink_sides(in, side);
    bytes[0] = side[0] ? 3 * (size_t)(side[2] * side[3]) : 1;
    bytes[1] = 2 * ((bytes[0] + 2) / 3);
}

static void run_shrink(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    int side[4];
    shrink_sides(in, side);
    if (!side[0])
        return;
    for (int f = 0; f < EDGE_FORMATS; f++) {
        const EdgeFormat format = (EdgeFormat)f;
        const int row = side[1] * (f <= EDGE_RGB ? 3 : format == EDGE_YUYV || format == EDGE_UYVY ? 2 : 1);
        const size_t all = (size_t)(row * side[0]) * (f >= EDGE_NV12 ? 3 : 2) / 2;
        EdgePlan plan;
        if (edge_plan_make(&plan, format, side[0], side[1], side[2], side[3]) < 0)
            exit(2);
        edge_shrink(k, &plan, take(in, 0, all), row, out[0], fine_of(in, out));
        edge_plan_free(&plan);
    }
}

const Kernel SHRINK_KERNELS[] = {
    {"rows16", sums16_bytes, run_rows16},
    {"rows32", sums32_bytes, run_rows32},
    {"narrow", narrowed_bytes, run_narrow},
    {"columns", columns_bytes, run_columns},
    {"average", columns_bytes, run_average},
    {"shrink", shrink_bytes, run_shrink},
    {NULL, NULL, NULL},
};
