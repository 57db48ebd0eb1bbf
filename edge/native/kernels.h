/* The C core's one header: the kernels that every CPU level offers, and what is built from them.
 *
 * Nothing here knows Python. Arguments are trusted: module.c is the edge of the API and checks there.
 * Pictures are interleaved, 8 bits per channel, BGR unless a name says otherwise; "12 bit" is a uint16 that counts
 * sixteenths of a level (0..4080), so that what an average gains in precision survives until the gamma.
 */
#ifndef EDGE_KERNELS_H
#define EDGE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    EDGE_LEVELS = 256,
    EDGE_LEVELS12 = 4096,
    EDGE_MAX_SIDE = 4096,
    EDGE_ROWS = 8,     /* source rows that one call of the row kernels takes at most */
    EDGE_ROW_PAD = 32, /* zero elements behind a row of sums, so that `columns` may read whole vectors */
    EDGE_READ_PAD = 64, /* bytes behind a source row that `average` may read (and weigh with 0) */
    EDGE_MAX_SUM = 128 /* the largest sum of vertical weights whose row sums (255 * 128) fit a signed 16-bit lane */
};

typedef enum { EDGE_BGR, EDGE_RGB, EDGE_GREY, EDGE_YUYV, EDGE_UYVY, EDGE_NV12, EDGE_I420, EDGE_FORMATS } EdgeFormat;

/* Where sixteen elements of a target row find their taps, all within a window of 64 bytes. */
typedef struct {
    int32_t window;     /* first byte, for the first four taps; 12 further on for every next four */
    uint8_t select[64]; /* of every element its four taps, counted from the window's first byte */
} EdgeGather;

/* One half of a shrink: which source columns (or rows) make an output column, and with what integer weight. */
typedef struct {
    int count;              /* output columns (or rows) */
    int taps;               /* the most that any output has */
    int pairs, quads;       /* taps by two and by four; the spare ones weigh 0 */
    int total;              /* sum of the weights of any output */
    int swapped;            /* first and third channel change places on the way */
    const int32_t *start;   /* [count, padded to 4]: first tap; of columns, its first element (three per pixel) */
    const int16_t *weights; /* [count, padded to 4][2 * pairs] */
    const int16_t *spread;  /* the same, laid out for 256-bit vectors: [count / 2][pairs][2 outputs][4 times (w0, w1)] */
    const int8_t *lanes;    /* [count / 2][quads][2 outputs][4 times (w0, w1, w2, w3)]; where total <= EDGE_MAX_SUM */
    const EdgeGather *gather;  /* the same by target element, or NULL where the taps lie too far apart for it */
    const int8_t *gather_weights; /* [3 * count / 16][quads][16 elements][4] */
} EdgeAxis;

/* One CPU level. n counts elements; no pointer needs alignment; nothing is read or written outside what is named. */
typedef struct {
    /* counts[3][256] += histograms of n bytes, three channels interleaved; n is a multiple of 3. */
    void (*histogram)(const uint8_t *data, size_t n, uint32_t *counts);

    /* target[i] = table[data[i]]; in place is fine. */
    void (*lut)(const uint8_t *data, size_t n, const uint8_t *table, uint8_t *target);

    /* target[i] = table[min(4095, round(data[i] * gain))], half to even; table[4096], gain >= 0 and finite. */
    void (*lut12)(const uint16_t *data, size_t n, float gain, const uint8_t *table, uint8_t *target);

    /* sums (+)= weighted rows; weights[2 * pairs], pairs <= 4. rows16: the weights of all calls sum up to <= 128. */
    void (*rows16)(const uint8_t *const *rows, const int16_t *weights, int pairs, size_t n, int add, uint16_t *sums);
    void (*rows32)(const uint8_t *const *rows, const int16_t *weights, int pairs, size_t n, int add, uint32_t *sums);

    /* result[i] = round(sums[i] * scale), half to even; scale is such that it fits 15 bits. */
    void (*narrow)(const uint32_t *sums, size_t n, float scale, uint16_t *result);

    /* One output row from a row of sums: round(weighted sum * scale), half to even, to levels. Unless `fine` is NULL,
     * the same sum before it was rounded goes there too, as 12 bits: round(16 * weighted sum * scale). */
    void (*columns)(const uint16_t *sums, const EdgeAxis *axis, float scale, uint8_t *levels, uint16_t *fine);

    /* Both in one: an output row from n <= EDGE_ROWS source rows, either total <= EDGE_MAX_SUM; EDGE_READ_PAD bytes
     * behind every row are readable. What lies `ahead` bytes from the rows is fetched meanwhile. NULL: two steps are
     * faster. */
    void (*average)(const uint8_t *const *rows, const int16_t *weights, int n, const EdgeAxis *axis, float scale,
                    ptrdiff_t ahead, uint8_t *levels, uint16_t *fine);

    /* One row to BGR. yuv: BT.601, limited range; chroma is not interpolated. u, v: NV12 and I420 only. */
    void (*bgr_from_yuv)(const uint8_t *y, const uint8_t *u, const uint8_t *v, EdgeFormat format, size_t pixels,
                         uint8_t *bgr);
    void (*bgr_from_grey)(const uint8_t *grey, size_t pixels, uint8_t *bgr);

    /* BT.601 luma of 12-bit BGR pixels, in 15-bit weights, rounded half up. */
    void (*luma)(const uint16_t *fine, size_t pixels, uint16_t *luma);
} EdgeKernels;

extern const EdgeKernels edge_scalar; /* the definition; vector forms leave odd ends to it */

/* A file a family and CPU, in x86/ and arm/: each overwrites the kernels that it has a faster form of. */
void edge_histogram_avx2(EdgeKernels *kernels);
void edge_tables_avx2(EdgeKernels *kernels);
void edge_shrink_avx2(EdgeKernels *kernels);
void edge_formats_avx2(EdgeKernels *kernels);
void edge_histogram_avx512(EdgeKernels *kernels);
void edge_tables_avx512(EdgeKernels *kernels);
void edge_shrink_avx512(EdgeKernels *kernels);
void edge_histogram_neon(EdgeKernels *kernels);
void edge_tables_neon(EdgeKernels *kernels);
void edge_shrink_neon(EdgeKernels *kernels);
void edge_formats_neon(EdgeKernels *kernels);

/* `average` of shrink_avx2.c, for axes whose taps lie too far apart for AVX-512's permutation. */
void edge_average_avx2(const uint8_t *const *rows, const int16_t *weights, int n, const EdgeAxis *axis, float scale,
                       ptrdiff_t ahead, uint8_t *levels, uint16_t *fine);

/* cpu.c: what this CPU can run, best last; edge_level(0) is "scalar", NULL behind the last. */
const char *edge_level(int index);
int edge_kernels(const char *level, EdgeKernels *kernels); /* 0, or -1 where the level is unknown or not runnable */

/* shrink.c: area average of the whole field of view, in integers. A plan is read-only once made. */
typedef struct {
    EdgeFormat format;
    int height, width;   /* source */
    EdgeAxis rows, columns;
    void *memory;
} EdgePlan;

int edge_plan_make(EdgePlan *plan, EdgeFormat format, int height, int width, int small_height, int small_width);
void edge_plan_free(EdgePlan *plan);
/* levels: [small_height, small_width, 3]; luma, unless NULL: [small_height, small_width], in 12 bits, from the averages
 * before they were rounded to levels. */
void edge_shrink(const EdgeKernels *kernels, const EdgePlan *plan, const uint8_t *source, ptrdiff_t stride,
                 uint8_t *levels, uint16_t *luma);

/* statistics.c: mean, unbiased standard deviation, entropy (nats), minimum, maximum, all channels pooled. */
void edge_statistics(const uint32_t counts[3 * EDGE_LEVELS], double result[5]);

/* tables.c */
void edge_powers(double gamma, double powers[EDGE_LEVELS]); /* powers[d] = d^(1/gamma) */
void edge_gic_table(int minimum, int maximum, const double *powers, uint8_t table[EDGE_LEVELS]);

#endif
