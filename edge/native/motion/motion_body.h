/* The motion stage's arithmetic, compiled once per CPU level: integers in loops that compilers turn into vectors, so
 * that every level gives the same bits. The including file chooses the target and names the entry point (INSTALL).
 *
 * Pictures are int16 planes with a border: level 1 is half the luma's size, in 1/128 of a level, blurred by (1 2 1)
 * twice; level 2 a quarter (a pixel a cell of the result), level 3 an eighth.
 */
#include "motion.h"
#include "motion_vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAD = 16,
    BINS = 8,          /* of brightness: below 4 levels, then by powers of two */
    MOST_NOISE = 512,  /* differences above count as this one in medians */
    LEAST_SIGMA = 8,
    FIRST = 40, MOST = 128, /* change is counted from 2.5 sigma, 8 sigma at most, in sixteenths */
    SEED = 96,         /* change in 3x3 cells from which flow is looked for: 64 are one sigma over a cell */
    REACH = 3,         /* cells around a seed that are looked at, too */
    RADIUS = 4, SIDE = 2 * RADIUS + 1, LABELS = SIDE * SIDE, /* of the coarse search, in level 2's pixels */
    PATCH = 8, TILE = 16, /* a tile is a patch with a pixel around it, its rows long enough for vectors */
    COST_MOST = 128,   /* a pixel's, in sixteenths of a sigma */
    NEAR_COST = 24, SMOOTH_COST = 53, SMOOTH_MOST = 6, SWEEPS = 4,
    STEPS = 2,         /* of the refinement */
    EGO_RADIUS = 4, EGO_PATCHES = 256, EGO_FITS = 4,
    EGO_ROWS = 6, EGO_COLUMNS = 8, EGO_OUTER = 3, EGO_SUPPORT = 3 /* tiles that have to follow, in the outer columns */
};
enum { ROOM = EDGE_MOTION_MOST_SIDE / 4 + 2 * PAD + MOST_LANES }; /* a row of level 2 with its border */
#define TAU 0.3          /* how far refinement leads away from the coarse motion, pixels a tick */
#define EGO_TAU 2.0
#define EGO_SPREAD 0.5   /* a patch that moves this far off the camera's motion counts a quarter */
#define EGO_PRIOR 0.01
#define EGO_SATURATION 0.01
#define EGO_LEAST 0.1    /* pixels of level 1 a tick, from which the camera may move */
#define EGO_GAIN 0.94    /* residual with the camera's motion by that without, from which it is believed */
#define EGO_BETTER 0.5  /* sigma a pixel, from which a tile follows the camera's motion */
#define MEDIAN_TO_SIGMA 1.4826
#define MOST_RATIO 2.0   /* a brightness bin's sigma by the picture's */
#define HALVED 0.7       /* sigma of level 2 by that of level 1 */

typedef struct {
    int16_t *at;
    int height, width, stride;
} Plane;

static size_t plane_size(int height, int width)
{
    return (size_t)(height + 2 * PAD) * (size_t)(width + 2 * PAD);
}

static Plane plane(int16_t *memory, int height, int width)
{
    const int stride = width + 2 * PAD;
    return (Plane){memory + PAD * stride + PAD, height, width, stride};
}

static inline int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

/* The three levels of a slot. */
typedef struct {
    Plane level[3];
} Slot;

static size_t slot_size(int height, int width)
{
    return plane_size(height / 2, width / 2) + plane_size(height / 4, width / 4) + plane_size(height / 8, width / 8);
}

static Slot slot_of(int16_t *memory, int height, int width)
{
    Slot slot;
    for (int k = 0; k < 3; k++) {
        slot.level[k] = plane(memory, height >> (k + 1), width >> (k + 1));
        memory += plane_size(height >> (k + 1), width >> (k + 1));
    }
    return slot;
}

/* ---- A frame to a slot ---- */

/* Sums of every 2x2 pixels: 0 .. 16320. */
static void boxes(const uint16_t *luma, int width, Plane out)
{
    for (int y = 0; y < out.height; y++) {
        const uint16_t *restrict a = luma + (size_t)(2 * y) * (size_t)width, *restrict b = a + width;
        int16_t *restrict target = out.at + y * out.stride;
        uint16_t row[EDGE_MOTION_MOST_SIDE];
        for (int x = 0; x < width; x++) {
            const uint16_t p = a[x] < 4080 ? a[x] : 4080, q = b[x] < 4080 ? b[x] : 4080;
            row[x] = (uint16_t)(p + q);
        }
        for (int x = 0; x < out.width; x++)
            target[x] = (int16_t)(row[2 * x] + row[2 * x + 1]);
    }
}

/* (a + b) / 2 of unsigned 16 bits, and (a + 2 m + b) / 4, rounded down: no sum leaves 16 bits. */
static inline uint16_t between(uint32_t a, uint32_t b)
{
    return (uint16_t)((a & b) + ((a ^ b) >> 1));
}

static inline uint16_t quarter(uint16_t a, uint16_t m, uint16_t b)
{
    return between(between(a, b), m);
}

/* (1 2 1) along both axes, in place, the border replicated; a column's sums stay what they are, a row's are divided by
 * 2^across, 3 or 4. Values up to 16320. rows: 2 * width + 2.
 */
static inline void blur(Plane p, const int across, uint16_t *rows)
{
    const int w = p.width;
    const uint16_t half = (uint16_t)(1 << (across - 3));
    uint16_t *before = rows, *sums = rows + w; /* the row above as it was; vertical sums, one more at either end */
    for (int x = 0; x < w; x++)
        before[x] = (uint16_t)p.at[x];
    for (int y = 0; y < p.height; y++) {
        int16_t *restrict row = p.at + y * p.stride;
        const int16_t *restrict below = y + 1 < p.height ? row + p.stride : row;
        uint16_t *restrict v = sums + 1, *restrict above = before;
        for (int x = 0; x < w; x++) {
            v[x] = (uint16_t)(above[x] + (uint16_t)(2 * (uint16_t)row[x]) + (uint16_t)below[x]);
            above[x] = (uint16_t)row[x];
        }
        v[-1] = v[0];
        v[w] = v[w - 1];
        for (int x = 0; x < w; x++) /* a quarter, rounded down, loses nothing that the rest of the division would see */
            row[x] = (int16_t)((uint16_t)(quarter(v[x - 1], v[x], v[x + 1]) + half) >> (across - 2));
    }
}

/* The same, both sums divided by 4; values of 15 bits. */
static void smooth(Plane p, uint16_t *rows)
{
    const int w = p.width;
    uint16_t *before = rows, *sums = rows + w;
    for (int x = 0; x < w; x++)
        before[x] = (uint16_t)p.at[x];
    for (int y = 0; y < p.height; y++) {
        int16_t *restrict row = p.at + y * p.stride;
        const int16_t *restrict below = y + 1 < p.height ? row + p.stride : row;
        uint16_t *restrict v = sums + 1, *restrict above = before;
        for (int x = 0; x < w; x++) {
            v[x] = (uint16_t)((between(above[x], (uint16_t)below[x]) + (uint32_t)row[x] + 1) >> 1);
            above[x] = (uint16_t)row[x];
        }
        v[-1] = v[0];
        v[w] = v[w - 1];
        for (int x = 0; x < w; x++)
            row[x] = (int16_t)((between(v[x - 1], v[x + 1]) + (uint32_t)v[x] + 1) >> 1);
    }
}

static void halve(Plane in, Plane out)
{
    for (int y = 0; y < out.height; y++) {
        const int16_t *restrict a = in.at + 2 * y * in.stride, *restrict b = a + in.stride;
        int16_t *restrict target = out.at + y * out.stride;
        for (int x = 0; x < out.width; x++)
            target[x] = (int16_t)((a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) >> 2);
    }
}

static void border(Plane p)
{
    for (int y = 0; y < p.height; y++) {
        int16_t *row = p.at + y * p.stride;
        for (int x = 1; x <= PAD; x++) {
            row[-x] = row[0];
            row[p.width - 1 + x] = row[p.width - 1];
        }
    }
    const size_t bytes = (size_t)p.stride * sizeof *p.at;
    for (int y = 1; y <= PAD; y++) {
        memcpy(p.at - PAD - y * p.stride, p.at - PAD, bytes);
        memcpy(p.at - PAD + (p.height - 1 + y) * p.stride, p.at - PAD + (p.height - 1) * p.stride, bytes);
    }
}

static void pyramid(Slot *slot)
{
    border(slot->level[0]);
    halve(slot->level[0], slot->level[1]);
    border(slot->level[1]);
    halve(slot->level[1], slot->level[2]);
}

static void take(const uint16_t *luma, int height, int width, int16_t *memory)
{
    Slot slot = slot_of(memory, height, width);
    uint16_t row[EDGE_MOTION_MOST_SIDE + 2];
    boxes(luma, width, slot.level[0]);
    blur(slot.level[0], 4, row);
    blur(slot.level[0], 3, row);
    pyramid(&slot);
}

/* ---- Work memory ---- */

typedef struct {
    const EdgeLook *look;
    int cells_high, cells_wide, frames; /* frames: earlier ones that flow is taken from, 1 or 2 */
    Slot slots[3];                      /* the newest frame and those, warped where the camera moves */
    Slot warped[2];
    Plane now, before, kept_now, kept_before, spare, coarse; /* means of the expert's frames; level 2 of `now` */
    int32_t *sums;                      /* two pictures of level 1 */
    uint32_t (*counts)[MOST_NOISE];
    int16_t *inverse, *scales;
    uint16_t *cells, *kept, *rows, *cost;
    uint8_t *listed;
    int32_t *motion[2], *weight, *box[3];
    uint8_t *label, *next_label, *changed;
    double sigma, by_bin[BINS], pair[BINS];
    double model[4];
} Work;

static inline size_t work_size(int height, int width)
{
    const size_t cells = (size_t)(height / 4) * (size_t)(width / 4), one = plane_size(height / 2, width / 2);
    const size_t nodes = (size_t)((height / 4 + 1) / 2) * (size_t)((width / 4 + 1) / 2);
    size_t bytes = 2 * slot_size(height, width) * sizeof(int16_t) + 5 * one * sizeof(int16_t);
    bytes += plane_size(height / 4, width / 4) * sizeof(int16_t);
    bytes += 2 * (size_t)(height / 2) * (size_t)(width / 2) * sizeof(int32_t);
    bytes += BINS * MOST_NOISE * sizeof(uint32_t);
    bytes += cells * (3 * sizeof(uint16_t) + 1 + 6 * sizeof(int32_t)) + 16 * (size_t)(width + 64) * sizeof(uint16_t);
    bytes += (size_t)(height / 4 + 2 * PAD) * ROOM * sizeof(int16_t);
    bytes += nodes * (LABELS * sizeof(uint16_t) + 3);
    return bytes + 32 * 64;
}

static void *carve(uint8_t **memory, size_t bytes)
{
    void *at = *memory;
    *memory += (bytes + 63) / 64 * 64;
    return at;
}

static void lay_out(Work *work, const EdgeLook *look, const int16_t *ring, void *memory)
{
    const int h = look->height, w = look->width;
    const size_t cells = (size_t)(h / 4) * (size_t)(w / 4);
    const size_t nodes = (size_t)((h / 4 + 1) / 2) * (size_t)((w / 4 + 1) / 2);
    uint8_t *at = memory;
    work->look = look;
    work->cells_high = h / 4;
    work->cells_wide = w / 4;
    work->frames = look->accumulation > 1 ? 2 : 1;
    for (int j = 0; j <= work->frames; j++) {
        const int slot = (look->newest - j + look->slots) % look->slots;
        work->slots[j] = slot_of((int16_t *)ring + (size_t)slot * slot_size(h, w), h, w);
    }
    for (int j = 0; j < 2; j++)
        work->warped[j] = slot_of(carve(&at, slot_size(h, w) * sizeof(int16_t)), h, w);
    Plane *means[] = {&work->now, &work->before, &work->kept_now, &work->kept_before, &work->spare};
    for (int k = 0; k < 5; k++)
        *means[k] = plane(carve(&at, plane_size(h / 2, w / 2) * sizeof(int16_t)), h / 2, w / 2);
    work->coarse = plane(carve(&at, plane_size(h / 4, w / 4) * sizeof(int16_t)), h / 4, w / 4);
    work->sums = carve(&at, 2 * (size_t)(h / 2) * (size_t)(w / 2) * sizeof(int32_t));
    work->counts = carve(&at, BINS * sizeof *work->counts);
    work->inverse = carve(&at, cells * sizeof(uint16_t));
    work->cells = carve(&at, cells * sizeof(uint16_t));
    work->kept = carve(&at, cells * sizeof(uint16_t));
    work->scales = carve(&at, (size_t)(h / 4 + 2 * PAD) * ROOM * sizeof(int16_t));
    work->rows = carve(&at, 16 * (size_t)(w + 64) * sizeof(uint16_t));
    work->cost = carve(&at, nodes * LABELS * sizeof(uint16_t));
    work->listed = carve(&at, cells);
    int32_t **fields[] = {&work->motion[0], &work->motion[1], &work->weight,
                          &work->box[0],    &work->box[1],    &work->box[2]};
    for (int k = 0; k < 6; k++)
        *fields[k] = carve(&at, cells * sizeof(int32_t));
    work->label = carve(&at, nodes);
    work->next_label = carve(&at, nodes);
    work->changed = carve(&at, nodes);
}

static Plane frame_of(const Work *work, const int16_t *ring, int back)
{
    const EdgeLook *look = work->look;
    const int slot = (look->newest - back + look->slots) % look->slots;
    return slot_of((int16_t *)ring + (size_t)slot * slot_size(look->height, look->width), look->height, look->width)
        .level[0];
}

/* ---- Noise and change ---- */

/* Rounded mean of `count` frames from `back` ticks ago on. */
static void mean(const Work *work, const int16_t *ring, int back, Plane out)
{
    const int count = work->look->accumulation;
    const uint32_t scale = 65536u / (uint32_t)count;
    uint32_t sums[EDGE_MOTION_MOST_SIDE / 2];
    Plane frames[EDGE_MOTION_MOST_FRAMES];
    for (int k = 0; k < count; k++)
        frames[k] = frame_of(work, ring, back + k);
    for (int y = 0; y < out.height; y++) {
        memset(sums, 0, (size_t)out.width * sizeof *sums);
        for (int k = 0; k < count; k++) {
            const int16_t *restrict row = frames[k].at + y * frames[k].stride;
            for (int x = 0; x < out.width; x++)
                sums[x] += (uint32_t)row[x];
        }
        int16_t *restrict target = out.at + y * out.stride;
        for (int x = 0; x < out.width; x++)
            target[x] = (int16_t)((sums[x] * scale + 32768u) >> 16);
    }
}

static inline int bin_of(int value)
{
    const int brightness = value >> 9;
    return brightness ? 32 - __builtin_clz((unsigned)brightness) : 0;
}

static double median_sigma(const uint32_t *counts, int stride, uint32_t half)
{
    uint32_t up_to = 0;
    int value = 0;
    for (; value < MOST_NOISE - 1; value++) {
        up_to += counts[value * stride];
        if (2 * up_to >= half)
            break;
    }
    return MEDIAN_TO_SIGMA * value;
}

/* Standard deviations of the noise from the median of |a - b|: of the picture, and of every brightness bin; coarse: a's
 * half, whose pixels say how bright a cell is.
 */
static void measure_noise(Work *work, Plane a, Plane b, Plane coarse, double by_bin[BINS])
{
    uint32_t(*counts)[MOST_NOISE] = work->counts;
    uint32_t in_bin[BINS] = {0}, all[MOST_NOISE] = {0}, pixels = 0;
    memset(counts, 0, BINS * sizeof *counts);
    for (int y = 0; y < a.height; y += 2) {
        uint16_t rows[2][EDGE_MOTION_MOST_SIDE / 2];
        for (int half = 0; half < 2; half++) {
            const int16_t *restrict p = a.at + (y + half) * a.stride, *restrict q = b.at + (y + half) * b.stride;
            uint16_t *restrict row = rows[half];
            for (int x = 0; x < a.width; x++) {
                const int difference = abs(p[x] - q[x]);
                row[x] = (uint16_t)(difference < MOST_NOISE ? difference : MOST_NOISE - 1);
            }
        }
        const int16_t *cell = coarse.at + y / 2 * coarse.stride;
        for (int x = 0; x < coarse.width; x++) {
            uint32_t *bin = counts[bin_of(cell[x])];
            bin[rows[0][2 * x]]++;
            bin[rows[0][2 * x + 1]]++;
            bin[rows[1][2 * x]]++;
            bin[rows[1][2 * x + 1]]++;
        }
    }
    for (int k = 0; k < BINS; k++)
        for (int v = 0; v < MOST_NOISE; v++) {
            all[v] += counts[k][v];
            in_bin[k] += counts[k][v];
        }
    for (int k = 0; k < BINS; k++)
        pixels += in_bin[k];
    work->sigma = fmax(median_sigma(all, 1, pixels), LEAST_SIGMA);
    for (int k = 0; k < BINS; k++) {
        double sigma = work->sigma;
        if (32 * in_bin[k] >= pixels)
            sigma = median_sigma(counts[k], 1, in_bin[k]);
        sigma = fmin(fmax(sigma, work->sigma / MOST_RATIO), work->sigma * MOST_RATIO);
        by_bin[k] = fmax(sigma, LEAST_SIGMA);
    }
}

/* Of every cell: what scales twice a difference to `unit` a sigma of its brightness (v_scale). */
static void invert(const Work *work, Plane coarse, const double by_bin[BINS], double unit)
{
    int16_t inverse[BINS];
    for (int k = 0; k < BINS; k++)
        inverse[k] = (int16_t)fmin(32767.0, rint(16384.0 * unit / by_bin[k]));
    for (int y = 0; y < work->cells_high; y++)
        for (int x = 0; x < work->cells_wide; x++)
            work->inverse[y * work->cells_wide + x] = inverse[bin_of(coarse.at[y * coarse.stride + x])];
}

/* |a - b| in the units of `scale`, at most `most`. */
static inline V scaled_difference(const int16_t *a, const int16_t *b, const int16_t *scale, V most)
{
    return v_min(v_scale(v_double(v_difference(v_load(a), v_load(b))), v_load(scale)), most);
}

/* Change of every cell, the sum of its 2x2 pixels; returns how many have any. */
static int significance(const Work *work, Plane now, Plane before, uint16_t *cells)
{
    const int wide = work->cells_wide;
    const V first = v_all(FIRST), most = v_all(FIRST + MOST), none = v_all(0);
    int16_t scale[EDGE_MOTION_MOST_SIDE / 2 + MOST_LANES], change[EDGE_MOTION_MOST_SIDE / 2 + MOST_LANES];
    int count = 0;
    memset(scale + 2 * wide, 0, MOST_LANES * sizeof *scale);
    for (int y = 0; y < work->cells_high; y++) {
        for (int x = 0; x < wide; x++)
            scale[2 * x] = scale[2 * x + 1] = work->inverse[y * wide + x];
        const int16_t *a = now.at + 2 * y * now.stride, *b = before.at + 2 * y * before.stride;
        for (int x = 0; x < 2 * wide; x += LANES) { /* the planes' borders are readable, their scale is 0 */
            const V upper = scaled_difference(a + x, b + x, scale + x, most);
            const V lower = scaled_difference(a + now.stride + x, b + before.stride + x, scale + x, most);
            v_store(change + x, v_add(v_max(v_sub(upper, first), none), v_max(v_sub(lower, first), none)));
        }
        uint16_t *restrict cell = cells + y * wide;
        for (int x = 0; x < wide; x++) {
            cell[x] = (uint16_t)(change[2 * x] + change[2 * x + 1]);
            count += cell[x] > 0;
        }
    }
    return count;
}

static int measure_change(Work *work, uint16_t *cells)
{
    halve(work->now, work->coarse);
    measure_noise(work, work->now, work->before, work->coarse, work->by_bin);
    invert(work, work->coarse, work->by_bin, 16.0);
    return significance(work, work->now, work->before, cells);
}

/* ---- One patch ---- */

/* A patch and a pixel around it, from (x, y) in 1/32 pixels on, bilinear. */
static void sample(Plane p, int x, int y, int16_t *restrict tile)
{
    const int column = clamp(x >> 5, -PAD, p.width + PAD - TILE - 1);
    const int line = clamp(y >> 5, -PAD, p.height + PAD - PATCH - 3);
    const V right = v_all((x & 31) << 10), down = v_all((y & 31) << 10);
    const int16_t *at = p.at + line * p.stride + column;
    if (!((x | y) & 31)) { /* whole pixels are themselves */
        for (int j = 0; j < PATCH + 2; j++)
            memcpy(tile + j * TILE, at + j * p.stride, TILE * sizeof *tile);
        return;
    }
    for (int half = 0; half < TILE; half += LANES) {
        const int16_t *row = at + half;
        V above = v_load(row);
        above = v_add(above, v_scale(v_sub(v_load(row + 1), above), right));
        for (int j = 0; j < PATCH + 2; j++) {
            row += p.stride;
            V below = v_load(row);
            below = v_add(below, v_scale(v_sub(v_load(row + 1), below), right));
            v_store(tile + j * TILE + half, v_add(above, v_scale(v_sub(below, above), down)));
            above = below;
        }
    }
}

typedef struct {
    int32_t xx, xy, yy, xt, yt; /* sums over a patch of gradient by gradient and gradient by change */
} Normal;

static Normal normal_of(const int16_t *average, const int16_t *last, const int16_t *first)
{
    Sums xx = sums_none(), xy = sums_none(), yy = sums_none(), xt = sums_none(), yt = sums_none();
    for (int j = 1; j <= PATCH; j += LANES / PATCH) {
        const int16_t *a = average + j * TILE + 1, *b = last + j * TILE + 1, *c = first + j * TILE + 1;
        const V left = v_load_rows(a - 1, TILE), above = v_load_rows(a - TILE, TILE);
        const V x = v_halve(v_between(v_sub(v_load_rows(a + 1, TILE), left), -8191, 8191));
        const V y = v_halve(v_between(v_sub(v_load_rows(a + TILE, TILE), above), -8191, 8191));
        const V t = v_between(v_sub(v_load_rows(b, TILE), v_load_rows(c, TILE)), -4095, 4095);
        xx = sums_add(xx, x, x);
        xy = sums_add(xy, x, y);
        yy = sums_add(yy, y, y);
        xt = sums_add(xt, x, t);
        yt = sums_add(yt, y, t);
    }
    return (Normal){sums_total(xx), sums_total(xy), sums_total(yy), sums_total(xt), sums_total(yt)};
}

/* The picture along the motion: the mean of two frames, or of three with the middle one counting twice. */
static void average_of(int16_t tiles[3][(PATCH + 2) * TILE], int frames, int16_t *average)
{
    for (int i = 0; i < (PATCH + 2) * TILE; i += LANES) {
        V mean = v_average(v_load(tiles[0] + i), v_load(tiles[frames] + i));
        if (frames == 2)
            mean = v_average(mean, v_load(tiles[1] + i));
        v_store(average + i, mean);
    }
}

/* What refinement says about a patch: velocity in pixels a tick, information in 1 / (pixels a tick)^2. */
typedef struct {
    double vx, vy, xx, xy, yy;
} Patch;

static double limited(double value)
{
    return fmin(fmax(value, -1.0), 1.0);
}

/* Lucas-Kanade over the newest frame and `frames` earlier ones at constant velocity, the average along the motion as
 * the picture whose gradients count (noise would shorten those of a single frame); sigma: of two frames' difference.
 */
static Patch refine(const Plane *planes, int frames, int x, int y, double sigma, double tau, int steps, double vx,
                    double vy)
{
    int16_t tiles[3][(PATCH + 2) * TILE], average[(PATCH + 2) * TILE];
    const double prior = 1.0 / (tau * tau), unit = frames * frames / (sigma * sigma);
    Patch patch = {vx, vy, 0.0, 0.0, 0.0};
    sample(planes[0], 32 * (x - 1), 32 * (y - 1), tiles[0]);
    for (int step = 0; step < steps; step++) {
        for (int j = 1; j <= frames; j++)
            sample(planes[j], 32 * (x - 1) - (int)rint(patch.vx * (32 * j)),
                   32 * (y - 1) - (int)rint(patch.vy * (32 * j)), tiles[j]);
        average_of(tiles, frames, average);
        const Normal sum = normal_of(average, tiles[frames], tiles[0]);
        patch.xx = sum.xx * unit;
        patch.xy = sum.xy * unit;
        patch.yy = sum.yy * unit;
        const double a = patch.xx + prior, b = patch.xy, c = patch.yy + prior;
        const double rx = sum.xt * (unit / frames) + (vx - patch.vx) * prior;
        const double ry = sum.yt * (unit / frames) + (vy - patch.vy) * prior;
        const double determinant = a * c - b * b;
        patch.vx += limited((c * rx - b * ry) / determinant);
        patch.vy += limited((a * ry - b * rx) / determinant);
    }
    return patch;
}

/* ---- The camera's own motion ---- */

/* The displacement towards the frame before, at (x, y) from the middle of level 1. */
static void displacement(const double model[4], double x, double y, double *dx, double *dy)
{
    *dx = model[0] + model[2] * x - model[3] * y;
    *dy = model[1] + model[3] * x + model[2] * y;
}

/* The shift of level 3 between the newest frame and the last of those that flow is taken from. */
static void shift_of(const Work *work, int *best_x, int *best_y)
{
    const Plane a = work->slots[0].level[2], b = work->slots[work->frames].level[2];
    const V most = v_all((int)(8.0 * work->sigma));
    int16_t ones[EDGE_MOTION_MOST_SIDE / 8 + MOST_LANES] = {0};
    for (int i = 0; i < EDGE_MOTION_MOST_SIDE / 8; i++)
        ones[i] = 1;
    int64_t best = -1;
    *best_x = *best_y = 0;
    for (int dy = -EGO_RADIUS; dy <= EGO_RADIUS; dy++)
        for (int dx = -EGO_RADIUS; dx <= EGO_RADIUS; dx++) {
            const int y0 = dy < 0 ? -dy : 0, y1 = a.height - (dy > 0 ? dy : 0);
            const int x0 = dx < 0 ? -dx : 0, x1 = a.width - (dx > 0 ? dx : 0);
            if (y1 - y0 < a.height / 2 || x1 - x0 < a.width / 2)
                continue;
            const int16_t *inside = ones + EDGE_MOTION_MOST_SIDE / 8 - (x1 - x0); /* and nothing of the border */
            Sums sums = sums_none();
            for (int y = y0; y < y1; y++) {
                const int16_t *p = a.at + y * a.stride + x0, *q = b.at + (y + dy) * b.stride + x0 + dx;
                for (int x = 0; x < x1 - x0; x += LANES) {
                    const V difference = v_min(v_difference(v_load(p + x), v_load(q + x)), most);
                    sums = sums_add(sums, difference, v_load(inside + x));
                }
            }
            int64_t total = sums_total(sums);
            total = total * 1024 / ((y1 - y0) * (x1 - x0));
            if (!dx && !dy)
                total -= total >> 5;
            if (best < 0 || total < best) {
                best = total;
                *best_x = dx;
                *best_y = dy;
            }
        }
}

static void solve(double m[4][5], double result[4])
{
    for (int i = 0; i < 4; i++) {
        int pivot = i;
        for (int r = i + 1; r < 4; r++)
            if (fabs(m[r][i]) > fabs(m[pivot][i]))
                pivot = r;
        for (int c = 0; c < 5; c++) {
            const double kept = m[i][c];
            m[i][c] = m[pivot][c];
            m[pivot][c] = kept;
        }
        for (int r = 0; r < 4; r++) {
            if (r == i)
                continue;
            const double factor = m[r][i] / m[i][i];
            for (int c = i; c < 5; c++)
                m[r][c] = m[r][c] - factor * m[i][c];
        }
    }
    for (int i = 0; i < 4; i++)
        result[i] = m[i][4] / m[i][i];
}

typedef struct {
    double x, y, dx, dy, xx, xy, yy; /* place and displacement in level 1's pixels, information */
} Anchor;

/* Shift, zoom and rotation that fit the anchors, those that do something else weighing little. */
static void fit(const Anchor *anchors, int count, double spread, double corner, double model[4])
{
    for (int round = 0; round < EGO_FITS; round++) {
        double m[4][5] = {{0.0}};
        for (int i = 0; i < count; i++) {
            const Anchor p = anchors[i];
            double dx, dy;
            displacement(model, p.x, p.y, &dx, &dy);
            const double ex = p.dx - dx, ey = p.dy - dy;
            double weight = 1.0 / (1.0 + (ex * ex + ey * ey) / (spread * spread));
            weight = weight * weight;
            const double column[4][2] = {{1.0, 0.0}, {0.0, 1.0}, {p.x, p.y}, {-p.y, p.x}};
            for (int r = 0; r < 4; r++) {
                const double hx = (column[r][0] * p.xx + column[r][1] * p.xy) * weight;
                const double hy = (column[r][0] * p.xy + column[r][1] * p.yy) * weight;
                for (int c = 0; c < 4; c++)
                    m[r][c] += hx * column[c][0] + hy * column[c][1];
                m[r][4] += hx * p.dx + hy * p.dy;
            }
        }
        m[0][0] += EGO_PRIOR;
        m[1][1] += EGO_PRIOR;
        m[2][2] += EGO_PRIOR * 4.0 * corner;
        m[3][3] += EGO_PRIOR * 4.0 * corner;
        solve(m, model);
    }
}

/* A round of patches on one level, each refined from where the model has it, and the model fitted to them. */
static void follow(Work *work, int level, int spacing)
{
    Anchor anchors[EGO_PATCHES];
    Plane planes[3];
    for (int j = 0; j <= work->frames; j++)
        planes[j] = work->slots[j].level[level];
    const Plane p = planes[0];
    const double scale = 1 << level, frames = work->frames;
    const double middle_x = (p.width * scale - 1.0) / 2.0, middle_y = (p.height * scale - 1.0) / 2.0;
    int count = 0;
    for (int y = 1; y + PATCH <= p.height - 1; y += spacing)
        for (int x = 1; x + PATCH <= p.width - 1 && count < EGO_PATCHES; x += spacing) {
            Anchor *anchor = anchors + count;
            anchor->x = (x + (PATCH - 1) / 2.0) * scale + (scale - 1.0) / 2.0 - middle_x;
            anchor->y = (y + (PATCH - 1) / 2.0) * scale + (scale - 1.0) / 2.0 - middle_y;
            double dx, dy;
            displacement(work->model, anchor->x, anchor->y, &dx, &dy);
            dx = dx / scale;
            dy = dy / scale;
            const double far_x = x + dx * frames, far_y = y + dy * frames;
            if (far_x < -1.0 || far_y < -1.0 || far_x + PATCH > p.width + 1.0 || far_y + PATCH > p.height + 1.0)
                continue;
            const double sigma = work->pair[bin_of(p.at[(y + PATCH / 2) * p.stride + x + PATCH / 2])];
            const Patch patch = refine(planes, work->frames, x, y, sigma, EGO_TAU, 2, -dx, -dy);
            const double saturated = 1.0 / (1.0 + (patch.xx + patch.yy) * EGO_SATURATION) / (scale * scale);
            anchor->dx = -patch.vx * scale;
            anchor->dy = -patch.vy * scale;
            anchor->xx = patch.xx * saturated;
            anchor->xy = patch.xy * saturated;
            anchor->yy = patch.yy * saturated;
            count++;
        }
    if (count >= 6)
        fit(anchors, count, EGO_SPREAD * scale, middle_x * middle_x + middle_y * middle_y, work->model);
}

/* `frame` where the model, `ticks` times, has it; what lies outside shows `now`, so that nothing changes there. */
static void warp(const double model[4], int ticks, Plane frame, Plane now, Plane out)
{
    const double middle_x = (out.width - 1) / 2.0, middle_y = (out.height - 1) / 2.0;
    double by[4];
    for (int i = 0; i < 4; i++)
        by[i] = model[i] * ticks;
    const int32_t along = (int32_t)rint(65536.0 * (1.0 + by[2])), across = (int32_t)rint(65536.0 * by[3]);
    for (int y = 0; y < out.height; y++) {
        double dx, dy;
        displacement(by, -middle_x, y - middle_y, &dx, &dy);
        int32_t at_x = (int32_t)rint(65536.0 * dx) + 1024, at_y = (int32_t)rint(65536.0 * (dy + y)) + 1024;
        for (int x = 0; x < out.width; x++, at_x += along, at_y += across) {
            const int column = at_x >> 16, line = at_y >> 16, fx = (at_x >> 11) & 31, fy = (at_y >> 11) & 31;
            int16_t *target = out.at + y * out.stride + x;
            if (column < 0 || line < 0 || column + (fx > 0) >= out.width || line + (fy > 0) >= out.height) {
                *target = now.at[y * now.stride + x];
                continue;
            }
            const int16_t *a = frame.at + line * frame.stride + column, *b = a + frame.stride;
            *target = (int16_t)((a[0] * (32 - fx) * (32 - fy) + a[1] * fx * (32 - fy) + b[0] * (32 - fx) * fy +
                                 b[1] * fx * fy + 512) >> 10);
        }
    }
}

static int32_t residual(Plane a, Plane b, int top, int bottom, int left, int right, int most)
{
    int32_t total = 0;
    for (int y = top; y < bottom; y++) {
        const int16_t *restrict p = a.at + y * a.stride, *restrict q = b.at + y * b.stride;
        for (int x = left; x < right; x++) {
            const int difference = abs(p[x] - q[x]);
            total += difference < most ? difference : most;
        }
    }
    return total;
}

/* Whether the picture as a whole follows the model, and not just somebody before a dark wall: what a camera's motion
 * makes better lies to the left and to the right, and hardly anything gets worse.
 */
static int believable(Plane now, Plane warped, Plane before, double sigma)
{
    const int most = (int)(4.0 * sigma);
    int better[EGO_COLUMNS] = {0}, worse = 0, left = 0, right = 0, all = 0;
    int64_t with = 0, without = 0;
    for (int j = 0; j < EGO_ROWS; j++)
        for (int i = 0; i < EGO_COLUMNS; i++) {
            const int y0 = j * now.height / EGO_ROWS, y1 = (j + 1) * now.height / EGO_ROWS;
            const int x0 = i * now.width / EGO_COLUMNS, x1 = (i + 1) * now.width / EGO_COLUMNS;
            const int32_t a = residual(now, warped, y0, y1, x0, x1, most);
            const int32_t b = residual(now, before, y0, y1, x0, x1, most);
            const double enough = EGO_BETTER * sigma * ((y1 - y0) * (x1 - x0));
            better[i] += b - a > enough;
            worse += a - b > enough;
            with += a;
            without += b;
        }
    for (int i = 0; i < EGO_COLUMNS; i++) {
        all += better[i];
        left += i < EGO_OUTER ? better[i] : 0;
        right += i >= EGO_COLUMNS - EGO_OUTER ? better[i] : 0;
    }
    return left >= EGO_SUPPORT && right >= EGO_SUPPORT && all >= 2 * worse &&
           (double)with < EGO_GAIN * (double)without;
}

/* The expert's means again, every frame where the camera had it. */
static void compensated_means(const Work *work, const int16_t *ring)
{
    const EdgeLook *look = work->look;
    const Plane newest = work->slots[0].level[0];
    const size_t pixels = (size_t)newest.height * (size_t)newest.width;
    memset(work->sums, 0, 2 * pixels * sizeof *work->sums);
    for (int j = 0; j < look->accumulation + look->stride; j++) {
        Plane frame = newest;
        if (j) {
            frame = work->spare;
            warp(work->model, j, frame_of(work, ring, j), newest, frame);
        }
        for (int half = 0; half < 2; half++) {
            const int first = half ? look->stride : 0;
            if (j < first || j >= first + look->accumulation)
                continue;
            for (int y = 0; y < frame.height; y++) {
                const int16_t *restrict row = frame.at + y * frame.stride;
                int32_t *restrict sum = work->sums + (size_t)half * pixels + (size_t)y * (size_t)frame.width;
                for (int x = 0; x < frame.width; x++)
                    sum[x] += row[x];
            }
        }
    }
    const uint32_t scale = 65536u / (uint32_t)look->accumulation;
    for (int half = 0; half < 2; half++) {
        const Plane out = half ? work->before : work->now;
        for (int y = 0; y < out.height; y++) {
            const int32_t *restrict sum = work->sums + (size_t)half * pixels + (size_t)y * (size_t)out.width;
            int16_t *restrict target = out.at + y * out.stride;
            for (int x = 0; x < out.width; x++)
                target[x] = (int16_t)(((uint32_t)sum[x] * scale + 32768u) >> 16);
        }
    }
}

static void smooth_means(const Work *work)
{
    if (work->look->binning < 4)
        return;
    for (int k = 0; k < 2; k++) {
        smooth(work->now, work->rows);
        smooth(work->before, work->rows);
    }
}

static uint64_t total_of(const uint16_t *cells, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += cells[i];
    return total;
}

/* How far a picture's corner moves at most, in its pixels along either axis. */
static double farthest(const double model[4], Plane p)
{
    const double turn = fabs(model[2]) + fabs(model[3]);
    return fmax(fabs(model[0]), fabs(model[1])) + turn * (p.width > p.height ? p.width : p.height) / 2.0;
}

/* Find the camera's motion; where it explains the picture better than none, the frames follow it and change is
 * measured anew. Returns 1 where it did.
 */
static int compensate(Work *work, const int16_t *ring)
{
    const Plane newest = work->slots[0].level[0], last = work->slots[1].level[0];
    const double sigma = work->sigma;
    double kept_bins[BINS];
    memcpy(kept_bins, work->by_bin, sizeof kept_bins);
    measure_noise(work, newest, last, work->slots[0].level[1], work->pair);
    int shift_x, shift_y;
    shift_of(work, &shift_x, &shift_y);
    work->model[0] = 4.0 * shift_x / work->frames;
    work->model[1] = 4.0 * shift_y / work->frames;
    follow(work, 1, 4);
    int better = farthest(work->model, newest) >= EGO_LEAST;
    if (better) { /* judged where it costs little */
        const double halved[4] = {work->model[0] / 2.0, work->model[1] / 2.0, work->model[2], work->model[3]};
        const Plane now = work->slots[0].level[1], before = work->slots[1].level[1], tried = work->warped[0].level[1];
        warp(halved, 1, before, now, tried);
        better = believable(now, tried, before, HALVED * work->sigma);
    }
    if (!better) {
        memset(work->model, 0, sizeof work->model);
        work->sigma = sigma;
        return 0;
    }
    follow(work, 0, 8);
    const Plane warped = work->warped[0].level[0];
    warp(work->model, 1, last, newest, warped);
    measure_noise(work, newest, warped, work->slots[0].level[1], work->pair);
    pyramid(&work->warped[0]);
    if (work->frames == 2) {
        warp(work->model, 2, work->slots[2].level[0], newest, work->warped[1].level[0]);
        pyramid(&work->warped[1]);
    }
    for (int j = 1; j <= work->frames; j++)
        work->slots[j] = work->warped[j - 1];
    compensated_means(work, ring);
    smooth_means(work);
    const size_t count = (size_t)work->cells_high * (size_t)work->cells_wide;
    measure_change(work, work->kept);
    if (total_of(work->kept, count) <= total_of(work->cells, count))
        memcpy(work->cells, work->kept, count * sizeof *work->cells);
    else {
        work->sigma = sigma;
        memcpy(work->by_bin, kept_bins, sizeof kept_bins);
    }
    return 1;
}

static int64_t structure_of(Plane p)
{
    int64_t sum = 0, structure = 0;
    for (int y = 0; y < p.height; y++)
        for (int x = 0; x < p.width; x++)
            sum += p.at[y * p.stride + x];
    const int middle = (int)(sum / (p.height * p.width));
    for (int y = 0; y < p.height; y++)
        for (int x = 0; x < p.width; x++)
            structure += abs(p.at[y * p.stride + x] - middle);
    return structure;
}

/* How much the picture differs from the frame before, where the camera had it, by how much there is to see in either:
 * at level 3, where hardly any noise is left. About 1 for two scenes that have nothing to do with each other.
 */
static double unexplained(const Work *work)
{
    const Plane a = work->slots[0].level[2], b = work->slots[1].level[2];
    int64_t rest = 0, structure = structure_of(a);
    const int64_t other = structure_of(b);
    structure = other > structure ? other : structure;
    for (int y = 0; y < a.height; y++)
        for (int x = 0; x < a.width; x++) {
            const int difference = abs(a.at[y * a.stride + x] - b.at[y * b.stride + x]) - LEAST_SIGMA;
            rest += difference > 0 ? difference : 0;
        }
    return (double)rest / (double)(structure > 0 ? structure : 1);
}

/* ---- Flow ---- */

typedef struct {
    int top, bottom, left, right; /* inclusive */
} Region;

/* Lists the cells around seeds; returns how many seeds there are. */
static int list_cells(const Work *work, Region *region)
{
    const int high = work->cells_high, wide = work->cells_wide;
    int seeds = 0;
    uint16_t columns[EDGE_MOTION_MOST_SIDE / 4 + 2] = {0};
    memset(work->listed, 0, (size_t)high * (size_t)wide);
    *region = (Region){high, -1, wide, -1};
    for (int y = 0; y < high; y++) {
        const uint16_t *row = work->cells + y * wide;
        const uint16_t *restrict above = y > 0 ? row - wide : row, *restrict below = y + 1 < high ? row + wide : row;
        const int first = y > 0, last = y + 1 < high;
        for (int x = 0; x < wide; x++)
            columns[x + 1] = (uint16_t)(row[x] + first * above[x] + last * below[x]);
        for (int x = 0; x < wide; x++) {
            if (columns[x] + columns[x + 1] + columns[x + 2] < SEED)
                continue;
            seeds++;
            const int y0 = clamp(y - REACH, 0, high - 1), y1 = clamp(y + REACH, 0, high - 1);
            const int x0 = clamp(x - REACH, 0, wide - 1), x1 = clamp(x + REACH, 0, wide - 1);
            for (int j = y0; j <= y1; j++)
                memset(work->listed + j * wide + x0, 1, (size_t)(x1 - x0 + 1));
            region->top = y0 < region->top ? y0 : region->top;
            region->bottom = y1 > region->bottom ? y1 : region->bottom;
            region->left = x0 < region->left ? x0 : region->left;
            region->right = x1 > region->right ? x1 : region->right;
        }
    }
    return seeds;
}

/* The scales of the rows and columns that patches of the region read, cells beyond the picture as those at its edge. */
static void lay_scales(const Work *work, int top, int left, int rows, int count)
{
    const int wide = work->cells_wide;
    for (int j = 0; j < rows; j++) {
        const int16_t *inverse = work->inverse + clamp(top + j, 0, work->cells_high - 1) * wide;
        int16_t *scale = work->scales + j * ROOM;
        for (int i = 0; i < count + MOST_LANES; i++)
            scale[i] = i < count ? inverse[clamp(left + i, 0, wide - 1)] : 0;
    }
}

/* A row of pixel costs of a shift, |newest - earlier| in sixteenths of a sigma: sums += costs - row, row = costs. */
static void cost_row(const Work *work, const int16_t *scale, int y, int left, int count, int dx, int dy, int16_t *row,
                     int16_t *sums)
{
    const Plane a = work->slots[0].level[1], b = work->slots[1].level[1], c = work->slots[2].level[1];
    const int16_t *p = a.at + y * a.stride + left, *q = b.at + (y - dy) * b.stride + left - dx;
    const int16_t *r = work->frames == 2 ? c.at + (y - 2 * dy) * c.stride + left - 2 * dx : NULL;
    const V most = v_all(COST_MOST);
    for (int i = 0; i < count; i += LANES) {
        V cost = scaled_difference(p + i, q + i, scale + i, most);
        if (r)
            cost = v_add(cost, scaled_difference(p + i, r + i, scale + i, most));
        v_store(sums + i, v_add(v_load(sums + i), v_sub(cost, v_load(row + i))));
        v_store(row + i, cost);
    }
}

/* Costs of one shift at every node of the region: sums over 8x8 pixels around it. Nodes lie on every second cell. */
static void cost_plane(const Work *work, Region nodes, int dx, int dy, uint16_t *cost)
{
    int16_t rows[PATCH][ROOM], sums[ROOM + MOST_LANES], two[ROOM + MOST_LANES];
    const int top = 2 * nodes.top - 3, left = 2 * nodes.left - 3, count = 2 * (nodes.right - nodes.left) + PATCH;
    const int prior = NEAR_COST * work->frames * (abs(dx) + abs(dy));
    int filled = top;
    const size_t bytes = (size_t)(count + 2 * MOST_LANES) * sizeof(int16_t);
    memset(sums, 0, bytes);
    for (int k = 0; k < PATCH; k++)
        memset(rows[k], 0, bytes - MOST_LANES * sizeof(int16_t));
    for (int node = nodes.top; node <= nodes.bottom; node++) {
        for (; filled <= 2 * node + 4; filled++)
            cost_row(work, work->scales + (filled - top) * ROOM, filled, left, count, dx, dy,
                     rows[(filled + PATCH) % PATCH], sums);
        for (int i = 0; i < count; i += LANES)
            v_store(two + i, v_add(v_load(sums + i), v_load(sums + i + 1)));
        for (int k = 0; k <= nodes.right - nodes.left; k++) {
            const int16_t *pair = two + 2 * k;
            *cost++ = (uint16_t)(pair[0] + pair[2] + pair[4] + pair[6] + prior);
        }
    }
}

typedef struct {
    int8_t x, y;
} Shift;

static Shift shift_by(int label)
{
    return (Shift){(int8_t)(label % SIDE - RADIUS), (int8_t)(label / SIDE - RADIUS)};
}

/* What a node has around it: shifts and how much each weighs, in vectors; what is no neighbour weighs nothing. */
typedef struct {
    int16_t x[MOST_LANES], y[MOST_LANES], weight[MOST_LANES];
    uint8_t labels[8];
    int known;
} Around;

static Around around(const Work *work, int high, int wide, int y, int x)
{
    Around found = {.known = 0};
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++) {
            if ((!j && !i) || y + j < 0 || x + i < 0 || y + j >= high || x + i >= wide)
                continue;
            const uint8_t label = work->label[(y + j) * wide + x + i];
            found.x[found.known] = shift_by(label).x;
            found.y[found.known] = shift_by(label).y;
            found.weight[found.known] = j && i ? 2 : 3;
            found.labels[found.known++] = label;
        }
    return found;
}

/* The label of a node, among its own, its neighbours' and none, that costs least with what its neighbours have. */
static uint8_t best_label(const Work *work, int high, int wide, int y, int x)
{
    const int count = high * wide, unit = SMOOTH_COST * work->frames;
    const Around near = around(work, high, wide, y, x);
    int32_t least = -1;
    uint8_t best = 0;
    uint64_t tried[2] = {0, 0}; /* who has been asked needs not be asked again */
    for (int k = near.known + 1; k >= 0; k--) {
        const int label = k > near.known ? LABELS / 2 : k == near.known ? work->label[y * wide + x] : near.labels[k];
        if (tried[label >> 6] >> (label & 63) & 1)
            continue;
        tried[label >> 6] |= (uint64_t)1 << (label & 63);
        const V sx = v_all(shift_by(label).x), sy = v_all(shift_by(label).y), most = v_all(SMOOTH_MOST);
        Sums apart = sums_none();
        for (int n = 0; n < 8; n += LANES) {
            const V steps = v_add(v_difference(v_load(near.x + n), sx), v_difference(v_load(near.y + n), sy));
            apart = sums_add(apart, v_min(steps, most), v_load(near.weight + n));
        }
        const int32_t total = work->cost[label * count + y * wide + x] + unit * sums_total(apart);
        if (least < 0 || total < least) {
            least = total;
            best = (uint8_t)label;
        }
    }
    return best;
}

/* One sweep over all nodes; returns whether any has another label. A node around which nothing changed keeps its own.
 */
static int sweep(Work *work, int high, int wide)
{
    int changes = 0;
    for (int y = 0; y < high; y++)
        for (int x = 0; x < wide; x++) {
            const int node = y * wide + x, left = x > 0 ? -1 : 0, columns = 1 - left + (x + 1 < wide);
            int asked = 0;
            for (int j = y > 0 ? -1 : 0; j <= (y + 1 < high); j++)
                asked |= memchr(work->changed + node + j * wide + left, 1, (size_t)columns) != NULL;
            work->next_label[node] = asked ? best_label(work, high, wide, y, x) : work->label[node];
        }
    for (int node = 0; node < high * wide; node++) {
        work->changed[node] = work->label[node] != work->next_label[node];
        changes |= work->changed[node];
    }
    memcpy(work->label, work->next_label, (size_t)(high * wide));
    return changes;
}

/* Coarse motion of every node of the region, in level 2's pixels: least cost, smoothed by what neighbours have. */
static void search(Work *work, Region nodes)
{
    const int high = nodes.bottom - nodes.top + 1, wide = nodes.right - nodes.left + 1, count = high * wide;
    invert(work, work->slots[0].level[1], work->pair, 16.0 / HALVED);
    lay_scales(work, 2 * nodes.top - 3, 2 * nodes.left - 3, 2 * (high - 1) + PATCH, 2 * (wide - 1) + PATCH);
    for (int label = 0; label < LABELS; label++)
        cost_plane(work, nodes, label % SIDE - RADIUS, label / SIDE - RADIUS, work->cost + label * count);
    uint16_t least[(EDGE_MOTION_MOST_SIDE / 8 + 1) * (EDGE_MOTION_MOST_SIDE / 8 + 1)];
    memcpy(least, work->cost, (size_t)count * sizeof *least);
    memset(work->label, 0, (size_t)count);
    for (int label = 1; label < LABELS; label++)
        for (int i = 0; i < count; i++)
            if (work->cost[label * count + i] < least[i]) {
                least[i] = work->cost[label * count + i];
                work->label[i] = (uint8_t)label;
            }
    memset(work->changed, 1, (size_t)count);
    for (int k = 0; k < SWEEPS && sweep(work, high, wide); k++)
        ;
}

/* Fine motion of every listed cell, 1/256 of level 1's pixels a tick, and how much it weighs. */
static void refine_cells(Work *work, Region nodes)
{
    const int wide = work->cells_wide, nodes_wide = nodes.right - nodes.left + 1;
    Plane planes[3];
    for (int j = 0; j <= work->frames; j++)
        planes[j] = work->slots[j].level[0];
    for (int y = 0; y < work->cells_high; y++)
        for (int x = 0; x < wide; x++) {
            const int cell = y * wide + x;
            work->motion[0][cell] = work->motion[1][cell] = work->weight[cell] = 0;
            if (!work->listed[cell])
                continue;
            const int label = work->label[(y / 2 - nodes.top) * nodes_wide + x / 2 - nodes.left];
            const Plane coarse = work->slots[0].level[1];
            const double sigma = work->pair[bin_of(coarse.at[y * coarse.stride + x])];
            const Patch patch = refine(planes, work->frames, 2 * x - 3, 2 * y - 3, sigma, TAU, STEPS,
                                       2.0 * (label % SIDE - RADIUS), 2.0 * (label / SIDE - RADIUS));
            work->motion[0][cell] = (int32_t)rint(patch.vx * 256.0);
            work->motion[1][cell] = (int32_t)rint(patch.vy * 256.0);
            work->weight[cell] = 1 + (int32_t)fmin(254.0, (patch.xx + patch.yy) * 0.25);
        }
}

/* target[y][x] = sum of the field over the 5x5 cells around it. row: work. */
static void box_sum(const Work *work, int32_t *field)
{
    const int high = work->cells_high, wide = work->cells_wide;
    int32_t above[3][EDGE_MOTION_MOST_SIDE / 4], padded[EDGE_MOTION_MOST_SIDE / 4 + 4] = {0};
    for (int y = 0; y < high; y++) {
        memcpy(padded + 2, field + y * wide, (size_t)wide * sizeof *field);
        memset(padded + 2 + wide, 0, 2 * sizeof *padded);
        for (int x = 0; x < wide; x++)
            field[y * wide + x] = padded[x] + padded[x + 1] + padded[x + 2] + padded[x + 3] + padded[x + 4];
    }
    memset(above, 0, sizeof above);
    for (int y = 0; y < high; y++) {
        int32_t *row = field + y * wide;
        for (int x = 0; x < wide; x++) {
            const int32_t kept = row[x];
            int32_t total = above[y % 2][x] + above[(y + 1) % 2][x] + kept;
            total += y + 1 < high ? row[wide + x] : 0;
            total += y + 2 < high ? row[2 * wide + x] : 0;
            row[x] = total;
            above[y % 2][x] = kept;
        }
    }
}

/* Twice the mean over 5x5 listed cells, weighed by what each knows: flat parts follow textured ones. */
static void smooth_motion(Work *work)
{
    const int count = work->cells_high * work->cells_wide;
    for (int pass = 0; pass < 2; pass++) {
        int32_t *sx = work->box[0], *sy = work->box[1], *sw = work->box[2];
        for (int i = 0; i < count; i++) {
            sx[i] = work->weight[i] * work->motion[0][i];
            sy[i] = work->weight[i] * work->motion[1][i];
            sw[i] = work->weight[i];
        }
        box_sum(work, sx);
        box_sum(work, sy);
        box_sum(work, sw);
        for (int i = 0; i < count; i++) {
            if (!work->listed[i])
                continue;
            work->motion[0][i] = (int32_t)rint((double)sx[i] / (double)sw[i]);
            work->motion[1][i] = (int32_t)rint((double)sy[i] / (double)sw[i]);
            work->weight[i] = 1 + sw[i] / 25;
        }
    }
}

/* ---- A look ---- */

static void write_input(const Work *work, int moving, uint8_t *x_out)
{
    const int high = work->cells_high, wide = work->cells_wide;
    const double unit = 2.0 * work->look->levels / 256.0;
    for (int y = 0; y < high; y++)
        for (int x = 0; x < wide; x++) {
            const int cell = y * wide + x;
            uint8_t *out = x_out + 3 * cell;
            out[0] = (uint8_t)clamp(128 + ((15 * work->cells[cell] + 32) >> 6), 0, 255);
            out[1] = out[2] = 128;
            if (!moving || !work->listed[cell])
                continue;
            for (int k = 0; k < 2; k++)
                out[1 + k] = (uint8_t)fmin(fmax(rint(128.0 + work->motion[k][cell] * unit), 0.0), 255.0);
        }
}

static void look(const EdgeLook *wanted, const int16_t *ring, void *memory, uint8_t *x, double *report)
{
    Work work;
    memset(&work, 0, sizeof work);
    lay_out(&work, wanted, ring, memory);
    const double cells = (double)work.cells_high * work.cells_wide;
    Region region;
    mean(&work, ring, 0, work.now);
    mean(&work, ring, wanted->stride, work.before);
    smooth_means(&work);
    int significant = measure_change(&work, work.cells);
    memset(report, 0, EDGE_MOTION_REPORT * sizeof *report);
    report[0] = significant / cells;
    int moving = list_cells(&work, &region) > 0;
    if (moving) {
        if (compensate(&work, ring))
            moving = list_cells(&work, &region) > 0;
        significant = 0;
        for (int i = 0; i < work.cells_high * work.cells_wide; i++)
            significant += work.cells[i] > 0;
    }
    if (moving) {
        const Region nodes = {region.top / 2, region.bottom / 2, region.left / 2, region.right / 2};
        search(&work, nodes);
        refine_cells(&work, nodes);
        smooth_motion(&work);
    }
    report[1] = significant / cells;
    report[2] = unexplained(&work);
    report[3] = work.sigma;
    memcpy(report + 4, work.model, sizeof work.model);
    write_input(&work, moving, x);
}

void INSTALL(EdgeMotion *motion)
{
    motion->take = take;
    motion->look = look;
}
