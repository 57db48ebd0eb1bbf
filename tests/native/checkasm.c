/* Compares every kernel of every CPU level with the scalar one, bit for bit; prints their times or runs one of them.
 *
 *   checkasm                                      all levels of this CPU; exit code 1 at the first difference
 *   checkasm bench                                ns per byte and how many times faster than scalar
 *   checkasm count LEVEL KERNEL CONTENT N TIMES   run one kernel TIMES times on N bytes, for an instruction counter
 *
 * After dav1d's checkasm. Inputs and outputs end (then begin) at a page that must not be touched, so that one byte too
 * far is a crash; their lengths are odd, so that nothing is aligned.
 */
#define _GNU_SOURCE
#include "kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* ---- Memory with forbidden neighbours ---- */

typedef struct {
    uint8_t *start; /* of the usable pages */
    size_t room;
} Guarded;

static Guarded guarded(size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (size + page) / page * page;
    uint8_t *memory = mmap(NULL, room + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) || mprotect(memory + page + room, page, PROT_NONE)) {
        perror("checkasm: guarded memory");
        exit(2);
    }
    return (Guarded){memory + page, room};
}

static void release(Guarded block)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap(block.start - page, block.room + 2 * page);
}

/* ---- Input ---- */

enum { BLOCKS = 8, OUTPUTS = 2, VARIANTS = 8, MOST = 3 * 224 * 224, PATTERN = 9973 };
enum { RANDOM, DARK, LAMP, ZERO, FULL, DUSK, CONTENTS };
static const char *const CONTENT[CONTENTS] = {"random", "dark", "lamp", "zero", "full", "dusk"};

static uint32_t seed = 1;

static uint32_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed;
}

/* Sum of four dice: a cheap bell curve. */
static int bell(int mean, int width)
{
    int sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (int)(next() >> 8) % (width + 1);
    const int value = mean + sum - 2 * width;
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

static uint8_t sample(int content, size_t i)
{
    switch (content) {
    case RANDOM: return (uint8_t)(next() >> 9);
    case DARK: return (uint8_t)bell(6, 7); /* mean 6, maximum 20: a shrunk frame at night */
    case LAMP: return (uint8_t)(i > 9900 ? 200 + next() % 56 : (uint32_t)bell(6, 7));
    case DUSK: return (uint8_t)bell(40, 30);
    default: return content == FULL ? 255 : 0;
    }
}

typedef struct {
    Guarded blocks[BLOCKS];
    size_t n;
    int at_end, variant;
    uint8_t tables[3 * EDGE_LEVELS], table12[EDGE_LEVELS12];
} Input;

/* `size` bytes of block b, at its very end or beginning. */
static uint8_t *take(const Input *in, int b, size_t size)
{
    return in->blocks[b].start + (in->at_end ? in->blocks[b].room - size : 0);
}

/* A pattern, repeated: an instruction counter should not spend its time on making pictures. */
static void make_block(Guarded block, int content)
{
    for (size_t i = 0; i < block.room; i++)
        block.start[i] = i < PATTERN ? sample(content, i) : block.start[i - PATTERN];
}

static void make_input(Input *in, int content, size_t n)
{
    in->n = n;
    for (int b = 0; b < BLOCKS; b++) {
        in->blocks[b] = guarded(2 * n + 64);
        make_block(in->blocks[b], content);
    }
    for (size_t i = 0; i < sizeof in->tables; i++)
        in->tables[i] = (uint8_t)(next() >> 9);
    for (size_t i = 0; i < sizeof in->table12; i++)
        in->table12[i] = (uint8_t)(next() >> 9);
}

static void free_input(Input *in)
{
    for (int b = 0; b < BLOCKS; b++)
        release(in->blocks[b]);
}

/* ---- Kernels: what they read, what they write ---- */

typedef struct {
    const char *name;
    void (*sizes)(const Input *in, size_t bytes[OUTPUTS]);
    void (*run)(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS]);
} Kernel;

static size_t pixels_of(const Input *in)
{
    return in->n / 3;
}

static void n_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    bytes[0] = in->n;
}

static void whole_pixels(const Input *in, size_t bytes[OUTPUTS])
{
    bytes[0] = 3 * pixels_of(in);
}

static void counts_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    (void)in;
    bytes[0] = 3 * EDGE_LEVELS * sizeof(uint32_t);
}

static void run_histogram(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->histogram(take(in, 0, 3 * pixels_of(in)), 3 * pixels_of(in), 3, out[0]);
}

static void run_histogram1(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->histogram(take(in, 0, in->n), in->n, 1, out[0]);
}

static void run_lut(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->lut(take(in, 0, in->n), in->n, in->tables, out[0]);
}

static void run_lut3(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->lut3(take(in, 0, 3 * pixels_of(in)), pixels_of(in), in->tables, out[0]);
}

static void run_lut3_planar(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->lut3_planar(take(in, 0, 3 * pixels_of(in)), pixels_of(in), in->tables, out[0], pixels_of(in));
}

static void run_swap(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->swap(take(in, 0, 3 * pixels_of(in)), pixels_of(in), out[0]);
}

static void run_lut12(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    const float gain[4] = {0.0625f, 0.3333f, 1.0f, 17.7f};
    k->lut12((const uint16_t *)(void *)take(in, 0, 2 * in->n), in->n, gain[in->variant % 4], in->table12, out[0]);
}

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

static void columns8_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    int source, target;
    widths(in, &source, &target);
    bytes[0] = 3 * (size_t)target;
    bytes[1] = 6 * (size_t)target;
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
    const float divisor = (float)(EDGE_MAX_SUM * plan.columns.total);
    k->columns8(sums, &plan.columns, 1.0f / divisor, out[0]);
    k->columns16(sums, &plan.columns, 16.0f / divisor, out[1]);
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
    const float divisor = (float)(EDGE_MAX_SUM * plan.columns.total);
    for (int r = 0; r < n; r++)
        rows[r] = take(in, r, 3 * (size_t)source + EDGE_READ_PAD);
    k = k->average8 ? k : &edge_scalar;
    if (plan.columns.total <= EDGE_MAX_SUM) {
        k->average8(rows, weights, n, &plan.columns, 1.0f / divisor, 0, out[0]);
        k->average16(rows, weights, n, &plan.columns, 16.0f / divisor, 0, out[1]);
    }
    edge_plan_free(&plan);
}

static size_t even_pixels(const Input *in)
{
    return in->n / 3 & ~(size_t)1;
}

static void yuv_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    bytes[0] = 3 * even_pixels(in);
}

static void run_yuv(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    const size_t n = even_pixels(in);
    const EdgeFormat format = (EdgeFormat)(EDGE_YUYV + in->variant % 4);
    const uint8_t *u = take(in, 1, format == EDGE_NV12 ? n : n / 2), *v = take(in, 2, n / 2);
    k->bgr_from_yuv(take(in, 0, format <= EDGE_UYVY ? 2 * n : n), u, v, format, n, out[0]);
}

static void run_grey(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->bgr_from_grey(take(in, 0, pixels_of(in)), pixels_of(in), out[0]);
}

static void two_frames(const Input *in, size_t bytes[OUTPUTS])
{
    bytes[0] = bytes[1] = in->n * sizeof(uint16_t);
}

static void run_accumulate(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->accumulate((const uint16_t *)(void *)take(in, 0, 2 * in->n), in->n, out[0], out[1]);
}

static void run_noise_floor(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->noise_floor((const uint16_t *)(void *)take(in, 0, 2 * in->n), in->n, out[0], out[1]);
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
    bytes[1] = 2 * bytes[0];
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
        edge_shrink8(k, &plan, take(in, 0, all), row, out[0]);
        edge_shrink12(k, &plan, take(in, 0, all), row, out[1]);
        edge_plan_free(&plan);
    }
}

static const Kernel KERNELS[] = {
    {"histogram", counts_bytes, run_histogram},
    {"histogram1", counts_bytes, run_histogram1},
    {"lut", n_bytes, run_lut},
    {"lut3", whole_pixels, run_lut3},
    {"lut3_planar", whole_pixels, run_lut3_planar},
    {"swap", whole_pixels, run_swap},
    {"lut12", n_bytes, run_lut12},
    {"rows16", sums16_bytes, run_rows16},
    {"rows32", sums32_bytes, run_rows32},
    {"narrow", narrowed_bytes, run_narrow},
    {"columns", columns8_bytes, run_columns},
    {"average", columns8_bytes, run_average},
    {"bgr_from_yuv", yuv_bytes, run_yuv},
    {"bgr_from_grey", whole_pixels, run_grey},
    {"accumulate", two_frames, run_accumulate},
    {"noise_floor", two_frames, run_noise_floor},
    {"shrink", shrink_bytes, run_shrink},
};
enum { KERNEL_COUNT = sizeof KERNELS / sizeof *KERNELS, HISTOGRAMS = 2 };

/* ---- Check ---- */

typedef struct {
    Guarded blocks[OUTPUTS];
    size_t bytes[OUTPUTS];
    void *at[OUTPUTS];
} Output;

/* The same pattern every time: some kernels add to what is there, and none may touch what is beside it. */
static Output make_output(const Kernel *kernel, const Input *in)
{
    Output out = {.bytes = {0}};
    kernel->sizes(in, out.bytes);
    for (int o = 0; o < OUTPUTS; o++) {
        out.blocks[o] = guarded(out.bytes[o]);
        for (size_t i = 0; i < out.blocks[o].room; i++)
            out.blocks[o].start[i] = (uint8_t)(((out.blocks[o].room - i) * 2654435761u >> 13) & 15);
        out.at[o] = out.blocks[o].start + (in->at_end ? out.blocks[o].room - out.bytes[o] : 0);
    }
    return out;
}

static void free_output(Output *out)
{
    for (int o = 0; o < OUTPUTS; o++)
        release(out->blocks[o]);
}

static int check(const Kernel *kernel, const EdgeKernels *level, const Input *in)
{
    Output expected = make_output(kernel, in), found = make_output(kernel, in);
    kernel->run(&edge_scalar, in, expected.at);
    kernel->run(level, in, found.at);
    int same = 1;
    for (int o = 0; o < OUTPUTS; o++) /* the whole pages: what lies beside the result must be as it was */
        same &= !memcmp(expected.blocks[o].start, found.blocks[o].start, expected.blocks[o].room);
    free_output(&expected);
    free_output(&found);
    return same;
}

/* The largest size is there for the byte counters of the histograms, which must be emptied on the way. */
static int check_level(const char *name)
{
    static const size_t sizes[] = {3, 31, 48, 97, 1000, 1027, 9217, 40001, 800001};
    static Input in;
    EdgeKernels level;
    long checks = 0;
    if (edge_kernels(name, &level) < 0)
        return 1;
    for (int content = 0; content < CONTENTS; content++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            make_input(&in, content, sizes[s]);
            for (in.at_end = 0; in.at_end < 2; in.at_end++)
                for (in.variant = 0; in.variant < VARIANTS; in.variant++)
                    for (int k = 0; k < (in.n < 800000 ? KERNEL_COUNT : HISTOGRAMS); k++, checks++)
                        if (!check(&KERNELS[k], &level, &in)) {
                            printf("%s %s differs from scalar: %s content, %zu bytes, variant %d, at the %s\n", name,
                                   KERNELS[k].name, CONTENT[content], in.n, in.variant, in.at_end ? "end" : "start");
                            return 1;
                        }
            free_input(&in);
        }
    printf("%-7s %ld checks passed\n", name, checks);
    return 0;
}

/* ---- Time and count ---- */

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double median_ns(const Kernel *kernel, const EdgeKernels *level, const Input *in, const Output *out)
{
    enum { RUNS = 31 };
    double times[RUNS];
    for (int i = 0; i < RUNS; i++) {
        const double start = now_ns();
        kernel->run(level, in, out->at);
        times[i] = now_ns() - start;
    }
    qsort(times, RUNS, sizeof *times, ascending);
    return times[RUNS / 2];
}

static void bench(void)
{
    static Input in;
    EdgeKernels level;
    const int contents[] = {DARK, LAMP, RANDOM};
    printf("%-14s %-7s %-7s %9s %9s\n", "kernel", "content", "level", "ns/byte", "x scalar");
    for (int k = 0; k < KERNEL_COUNT; k++)
        for (size_t c = 0; c < sizeof contents / sizeof *contents; c++) {
            make_input(&in, contents[c], MOST);
            in.variant = 2;
            Output out = make_output(&KERNELS[k], &in);
            const double scalar = median_ns(&KERNELS[k], &edge_scalar, &in, &out);
            for (int l = 0; edge_level(l); l++) {
                edge_kernels(edge_level(l), &level);
                const double ns = median_ns(&KERNELS[k], &level, &in, &out);
                printf("%-14s %-7s %-7s %9.3f %9.1f\n", KERNELS[k].name, CONTENT[contents[c]], edge_level(l), ns / MOST,
                       scalar / ns);
            }
            free_output(&out);
            free_input(&in);
        }
}

static int count(char **arguments)
{
    static Input in;
    EdgeKernels level;
    const long n = strtol(arguments[3], NULL, 10), times = strtol(arguments[4], NULL, 10);
    int k = 0, content = 0;
    while (k < KERNEL_COUNT && strcmp(KERNELS[k].name, arguments[1]))
        k++;
    while (content < CONTENTS && strcmp(CONTENT[content], arguments[2]))
        content++;
    if (k == KERNEL_COUNT || content == CONTENTS || n < 1 || n > MOST || edge_kernels(arguments[0], &level) < 0) {
        fprintf(stderr, "checkasm: no such level, kernel, content or size\n");
        return 2;
    }
    make_input(&in, content, (size_t)n);
    in.at_end = 1;
    Output out = make_output(&KERNELS[k], &in);
    for (long i = 0; i < times; i++)
        KERNELS[k].run(&level, &in, out.at);
    return 0;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 7 && !strcmp(argv[1], "count"))
        return count(argv + 2);
    if (argc == 2 && !strcmp(argv[1], "bench")) {
        bench();
        return 0;
    }
    if (argc != 1) {
        fprintf(stderr, "usage: checkasm [bench | count LEVEL KERNEL CONTENT N TIMES]\n");
        return 2;
    }
    int failed = 0;
    for (int l = 0; edge_level(l); l++)
        failed |= check_level(edge_level(l));
    return failed;
}
