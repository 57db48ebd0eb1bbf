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
#include "checkasm.h"

#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* ---- Memory with forbidden neighbours ---- */

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

enum { MOST = 3 * 224 * 224, PATTERN = 9973 };
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
    for (size_t i = 0; i < sizeof in->table; i++)
        in->table[i] = (uint8_t)(next() >> 9);
    for (size_t i = 0; i < sizeof in->table12; i++)
        in->table12[i] = (uint8_t)(next() >> 9);
}

static void free_input(Input *in)
{
    for (int b = 0; b < BLOCKS; b++)
        release(in->blocks[b]);
}

/* ---- Kernels ---- */

enum { MOST_KERNELS = 32 };

static const Kernel *const FAMILIES[] = {HISTOGRAM_KERNELS, TABLE_KERNELS, SHRINK_KERNELS, FORMAT_KERNELS};

/* All families' kernels, the histogram first; returns how many. */
static int list_kernels(const Kernel *kernels[MOST_KERNELS])
{
    int n = 0;
    for (size_t f = 0; f < sizeof FAMILIES / sizeof *FAMILIES; f++)
        for (const Kernel *kernel = FAMILIES[f]; kernel->name; kernel++)
            kernels[n++] = kernel;
    return n;
}

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
    const Kernel *kernels[MOST_KERNELS];
    const int count = list_kernels(kernels);
    long checks = 0;
    if (edge_kernels(name, &level) < 0)
        return 1;
    for (int content = 0; content < CONTENTS; content++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            make_input(&in, content, sizes[s]);
            for (in.at_end = 0; in.at_end < 2; in.at_end++)
                for (in.variant = 0; in.variant < VARIANTS; in.variant++)
                    for (int k = 0; k < (in.n < 800000 ? count : 1); k++, checks++)
                        if (!check(kernels[k], &level, &in)) {
                            printf("%s %s differs from scalar: %s content, %zu bytes, variant %d, at the %s\n", name,
                                   kernels[k]->name, CONTENT[content], in.n, in.variant, in.at_end ? "end" : "start");
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
    const Kernel *kernels[MOST_KERNELS];
    const int count = list_kernels(kernels), contents[] = {DARK, LAMP, RANDOM};
    printf("%-14s %-7s %-7s %9s %9s\n", "kernel", "content", "level", "ns/byte", "x scalar");
    for (int k = 0; k < count; k++)
        for (size_t c = 0; c < sizeof contents / sizeof *contents; c++) {
            make_input(&in, contents[c], MOST);
            in.variant = 2;
            Output out = make_output(kernels[k], &in);
            const double scalar = median_ns(kernels[k], &edge_scalar, &in, &out);
            for (int l = 0; edge_level(l); l++) {
                edge_kernels(edge_level(l), &level);
                const double ns = median_ns(kernels[k], &level, &in, &out);
                printf("%-14s %-7s %-7s %9.3f %9.1f\n", kernels[k]->name, CONTENT[contents[c]], edge_level(l), ns / MOST,
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
    const Kernel *kernels[MOST_KERNELS];
    const int known = list_kernels(kernels);
    int k = 0, content = 0;
    while (k < known && strcmp(kernels[k]->name, arguments[1]))
        k++;
    while (content < CONTENTS && strcmp(CONTENT[content], arguments[2]))
        content++;
    if (k == known || content == CONTENTS || n < 1 || n > MOST || edge_kernels(arguments[0], &level) < 0) {
        fprintf(stderr, "checkasm: no such level, kernel, content or size\n");
        return 2;
    }
    make_input(&in, content, (size_t)n);
    in.at_end = 1;
    Output out = make_output(kernels[k], &in);
    for (long i = 0; i < times; i++)
        kernels[k]->run(&level, &in, out.at);
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
