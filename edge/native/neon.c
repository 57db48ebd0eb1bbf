/* The kernels for AArch64 (NEON is part of it), in 128-bit vectors. */
#include "counters.h"
#include "kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* ---- Histogram: positional population count; x86.h explains it ---- */

enum { DEPTH = 6, VECTORS = 64, TREES = 8, FLUSH = 255 };

typedef struct {
    uint8x16_t sum[DEPTH]; /* bit by bit; sum[l] counts 2^l */
    uint8x16_t counter[8]; /* bytes, in units of 64 */
} Tree;

/* What a tree counts: the 16-level group of its levels, and the hot bits of the eight. */
typedef struct {
    uint8x16_t base, hot;
    size_t stride;
} Levels;

/* a + b + c bit by bit: *high * 2 + *low. */
INLINE void carry_save(uint8x16_t *high, uint8x16_t *low, uint8x16_t a, uint8x16_t b, uint8x16_t c)
{
    const uint8x16_t half = veorq_u8(a, b);
    *low = veorq_u8(half, c);
    *high = vbslq_u8(half, c, a);
}

/* tbl gives 0 for what is not in 0..15: bytes of another group. */
INLINE uint8x16_t hot_bits(const uint8_t *data, const Levels *levels, const int shifted)
{
    const uint8x16_t v = vld1q_u8(data);
    return vqtbl1q_u8(levels->hot, shifted ? vsubq_u8(v, levels->base) : v);
}

/* 2, 4, ... 32 vectors into the sums; returns what carries over. */
INLINE uint8x16_t add2(const uint8_t *data, const Levels *levels, const int shifted, uint8x16_t *sum)
{
    uint8x16_t carry;
    const uint8x16_t first = hot_bits(data, levels, shifted), second = hot_bits(data + levels->stride, levels, shifted);
    carry_save(&carry, &sum[0], sum[0], first, second);
    return carry;
}

INLINE uint8x16_t add4(const uint8_t *data, const Levels *levels, const int shifted, uint8x16_t *sum)
{
    uint8x16_t carry;
    const uint8x16_t first = add2(data, levels, shifted, sum);
    const uint8x16_t second = add2(data + 2 * levels->stride, levels, shifted, sum);
    carry_save(&carry, &sum[1], sum[1], first, second);
    return carry;
}

INLINE uint8x16_t add8(const uint8_t *data, const Levels *levels, const int shifted, uint8x16_t *sum)
{
    uint8x16_t carry;
    const uint8x16_t first = add4(data, levels, shifted, sum);
    const uint8x16_t second = add4(data + 4 * levels->stride, levels, shifted, sum);
    carry_save(&carry, &sum[2], sum[2], first, second);
    return carry;
}

INLINE uint8x16_t add16(const uint8_t *data, const Levels *levels, const int shifted, uint8x16_t *sum)
{
    uint8x16_t carry;
    const uint8x16_t first = add8(data, levels, shifted, sum);
    const uint8x16_t second = add8(data + 8 * levels->stride, levels, shifted, sum);
    carry_save(&carry, &sum[3], sum[3], first, second);
    return carry;
}

INLINE uint8x16_t add32(const uint8_t *data, const Levels *levels, const int shifted, uint8x16_t *sum)
{
    uint8x16_t carry;
    const uint8x16_t first = add16(data, levels, shifted, sum);
    const uint8x16_t second = add16(data + 16 * levels->stride, levels, shifted, sum);
    carry_save(&carry, &sum[4], sum[4], first, second);
    return carry;
}

INLINE void add64(const uint8_t *data, const Levels *levels, const int shifted, Tree *tree)
{
    uint8x16_t sum[5] = {tree->sum[0], tree->sum[1], tree->sum[2], tree->sum[3], tree->sum[4]}, carry;
    const uint8x16_t first = add32(data, levels, shifted, sum);
    const uint8x16_t second = add32(data + 32 * levels->stride, levels, shifted, sum);
    carry_save(&carry, &tree->sum[5], tree->sum[5], first, second);
    for (int l = 0; l < 5; l++)
        tree->sum[l] = sum[l];
#pragma GCC unroll 8
    for (int bit = 0; bit < 8; bit++)
        tree->counter[bit] = vsubq_u8(tree->counter[bit], vtstq_u8(carry, vdupq_n_u8((uint8_t)(1 << bit))));
}

/* A block into tree t of every phase. */
INLINE void add_block(const uint8_t *data, int t, const int channels, Tree *phases)
{
    static const uint8_t low[16] = {1, 2, 4, 8, 16, 32, 64, 128};
    static const uint8_t high[16] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128};
    const Levels levels = {vdupq_n_u8((uint8_t)(t / 2 << 4)), vld1q_u8(t % 2 ? high : low), 16 * (size_t)channels};
    for (int phase = 0; phase < channels; phase++)
        if (t < 2)
            add64(data + 16 * phase, &levels, 0, &phases[phase]);
        else
            add64(data + 16 * phase, &levels, 1, &phases[phase]);
}

/* Ones where the positions of a vector of this phase belong to the channel. */
INLINE uint8x16_t positions_of(int channel, int phase, int channels)
{
    static const uint8_t third[18] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2};
    if (channels == 1)
        return vdupq_n_u8(255);
    return vceqq_u8(vld1q_u8(third + phase % 3), vdupq_n_u8((uint8_t)channel)); /* 16 phase = phase (mod 3) */
}

static void flush(Tree *tree, int t, int phase, int channels, uint32_t *counts)
{
    const uint8x16_t mine[3] = {positions_of(0, phase, channels), positions_of(1, phase, channels),
                                positions_of(2, phase, channels)};
    for (int k = 0; k < 8; k++) {
        const uint8x16_t bit = vdupq_n_u8((uint8_t)(1 << k));
        uint8x16_t low = vdupq_n_u8(0); /* of every position, up to 63 */
        for (int l = 0; l < DEPTH; l++)
            low = vorrq_u8(low, vandq_u8(vtstq_u8(tree->sum[l], bit), vdupq_n_u8((uint8_t)(1 << l))));
        for (int c = 0; c < channels; c++) {
            const uint32_t high = vaddlvq_u8(vandq_u8(tree->counter[k], mine[c]));
            counts[c * EDGE_LEVELS + 8 * t + k] += VECTORS * high + vaddlvq_u8(vandq_u8(low, mine[c]));
        }
    }
    memset(tree, 0, sizeof *tree);
}

/* The largest of 16 * vectors bytes; vectors is a multiple of 4. */
INLINE int maximum_of(const uint8_t *data, int vectors)
{
    uint8x16_t a = vld1q_u8(data), b = a;
    for (int i = 0; i < vectors; i += 4) {
        const uint8x16x4_t v = vld1q_u8_x4(data + 16 * i);
        a = vmaxq_u8(vmaxq_u8(a, v.val[0]), v.val[1]);
        b = vmaxq_u8(vmaxq_u8(b, v.val[2]), v.val[3]);
    }
    return vmaxvq_u8(vmaxq_u8(a, b));
}

/* How many trees make the picture cheapest, from every 307th vector. In units of a tree: looking for escapes costs 2,
 * an escape per byte 40, the counter tables 7. More than TREES: it is bright. */
INLINE int usual_trees(const uint8_t *data, size_t n)
{
    size_t seen = 0, above[TREES + 1] = {0};
    for (size_t i = 0; i + 16 <= n; i += 16 * 307, seen += 16)
        for (int t = 1; t <= TREES; t++)
            above[t] += vaddvq_u8(vshrq_n_u8(vcgeq_u8(vld1q_u8(data + i), vdupq_n_u8((uint8_t)(8 * t))), 7));
    int best = TREES + 1;
    size_t least = 7 * seen;
    for (int t = TREES; t >= 1; t--) {
        const size_t cost = (size_t)t * seen + (above[t] ? 2 * seen + 40 * above[t] : 0);
        best = cost <= least ? t : best;
        least = cost <= least ? cost : least;
    }
    return best;
}

/* Count the block's bytes from `floor_level` up one by one; gives up (0, nothing counted) where they are many. */
INLINE int count_escapes(const uint8_t *data, int channels, int floor_level, uint32_t *counts)
{
    const int vectors = VECTORS * channels;
    const uint8x16_t threshold = vdupq_n_u8((uint8_t)floor_level);
    uint8x16_t brighter = vdupq_n_u8(0); /* at most 192 per byte: no overflow */
    for (int i = 0; i < vectors; i++)
        brighter = vsubq_u8(brighter, vcgeq_u8(vld1q_u8(data + 16 * i), threshold));
    if (vaddlvq_u8(brighter) > 16 * vectors / 16)
        return 0;
    for (int i = 0; i < vectors; i++) {
        const uint8x16_t here = vcgeq_u8(vld1q_u8(data + 16 * i), threshold);
        uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(here), 4)), 0);
        for (mask &= 0x1111111111111111ull; mask; mask &= mask - 1) {
            const int at = 16 * i + __builtin_ctzll(mask) / 4;
            counts[(channels == 1 ? 0 : at % 3 * EDGE_LEVELS) + data[at]]++;
        }
    }
    return 1;
}

INLINE void flush_phases(Tree *phases, int t, int channels, uint32_t *counts)
{
    for (int phase = 0; phase < channels; phase++)
        flush(&phases[phase], t, phase, channels, counts);
}

/* Dark pictures never touch the tables, so that they are cleared only when they are needed. */
INLINE int count_tabled(CounterTables tables, int tabled, const uint8_t *data, size_t n, const int channels)
{
    if (!tabled)
        memset(tables, 0, sizeof(CounterTables));
    count_bytes(tables, data, n, channels);
    return 1;
}

INLINE void histogram_of(const uint8_t *data, size_t n, const int channels, uint32_t *counts)
{
    const size_t block = (size_t)(16 * VECTORS * channels), blocks = n / block;
    const int usual = usual_trees(data, n), bright = usual > TREES;
    Tree trees[TREES][3];
    CounterTables tables;
    int filled[TREES] = {0}, tabled = 0;
    memset(trees, 0, (size_t)(bright ? TREES : usual) * sizeof *trees);
    for (size_t b = 0; b < blocks; b++, data += block) {
        /* in a bright picture only every eighth block gets the chance to be dark */
        int used = bright && b % 8 ? EDGE_LEVELS : (maximum_of(data, VECTORS * channels) >> 3) + 1;
        if (used > usual && !bright)
            used = count_escapes(data, channels, 8 * usual, counts) ? usual : EDGE_LEVELS;
        if (used > TREES) {
            tabled = count_tabled(tables, tabled, data, block, channels);
            continue;
        }
        for (int t = 0; t < used; t++) {
            add_block(data, t, channels, trees[t]);
            if (++filled[t] == FLUSH) {
                flush_phases(trees[t], t, channels, counts);
                filled[t] = 0;
            }
        }
    }
    for (int t = 0; t < TREES; t++)
        if (filled[t])
            flush_phases(trees[t], t, channels, counts);
    if (n % block)
        tabled = count_tabled(tables, tabled, data, n % block, channels);
    if (tabled)
        add_tables(tables, channels, counts);
}

static void histogram(const uint8_t *data, size_t n, int channels, uint32_t *counts)
{
    if (channels == 1)
        histogram_of(data, n, 1, counts);
    else
        histogram_of(data, n, 3, counts);
}

/* ---- Tables ---- */

typedef struct {
    uint8x16x4_t quarter[4]; /* 64 entries each */
} Table;

INLINE Table load_table(const uint8_t *table)
{
    Table loaded;
    for (int q = 0; q < 4; q++)
        loaded.quarter[q] = vld1q_u8_x4(table + 64 * q);
    return loaded;
}

/* table[v] for v < 64 * quarters: tbl gives 0 beyond its 64 entries, tbx leaves the byte as it is. */
INLINE uint8x16_t lookup(const Table *table, uint8x16_t v, const int quarters)
{
    uint8x16_t result = vqtbl4q_u8(table->quarter[0], v);
    for (int q = 1; q < quarters; q++) {
        v = vsubq_u8(v, vdupq_n_u8(64));
        result = vqtbx4q_u8(result, table->quarter[q], v);
    }
    return result;
}

enum { TABLE_BLOCK = 512 };

INLINE void lut_block(const uint8_t *data, const Table *table, const int quarters, uint8_t *target)
{
    for (int i = 0; i < TABLE_BLOCK; i += 32) {
        const uint8x16_t a = lookup(table, vld1q_u8(data + i), quarters);
        const uint8x16_t b = lookup(table, vld1q_u8(data + i + 16), quarters);
        vst1q_u8(target + i, a);
        vst1q_u8(target + i + 16, b);
    }
}

static void lut(const uint8_t *data, size_t n, const uint8_t *table, uint8_t *target)
{
    const Table loaded = load_table(table);
    size_t i = 0;
    for (; i + TABLE_BLOCK <= n; i += TABLE_BLOCK) {
        const int maximum = maximum_of(data + i, TABLE_BLOCK / 16);
        if (maximum < 64)
            lut_block(data + i, &loaded, 1, target + i);
        else if (maximum < 128)
            lut_block(data + i, &loaded, 2, target + i);
        else
            lut_block(data + i, &loaded, 4, target + i);
    }
    for (; i + 16 <= n; i += 16)
        vst1q_u8(target + i, lookup(&loaded, vld1q_u8(data + i), 4));
    edge_scalar.lut(data + i, n - i, table, target + i);
}

enum { PIXEL_BLOCK = 256 };

INLINE void lut3_block(const uint8_t *data, const Table tables[3], const int quarters, uint8_t *target)
{
    for (int i = 0; i < 3 * PIXEL_BLOCK; i += 48) {
        uint8x16x3_t v = vld3q_u8(data + i);
        for (int c = 0; c < 3; c++)
            v.val[c] = lookup(&tables[c], v.val[c], quarters);
        vst3q_u8(target + i, v);
    }
}

static void lut3(const uint8_t *data, size_t pixels, const uint8_t *tables, uint8_t *target)
{
    const Table loaded[3] = {load_table(tables), load_table(tables + EDGE_LEVELS), load_table(tables + 2 * EDGE_LEVELS)};
    size_t i = 0;
    for (; i + PIXEL_BLOCK <= pixels; i += PIXEL_BLOCK) {
        if (maximum_of(data + 3 * i, 3 * PIXEL_BLOCK / 16) < 64)
            lut3_block(data + 3 * i, loaded, 1, target + 3 * i);
        else
            lut3_block(data + 3 * i, loaded, 4, target + 3 * i);
    }
    edge_scalar.lut3(data + 3 * i, pixels - i, tables, target + 3 * i);
}

INLINE void lut3_planar_block(const uint8_t *data, const Table tables[3], const int quarters, uint8_t *target,
                              size_t plane)
{
    for (size_t i = 0; i < PIXEL_BLOCK; i += 16) {
        const uint8x16x3_t v = vld3q_u8(data + 3 * i);
        for (int c = 0; c < 3; c++)
            vst1q_u8(target + (size_t)c * plane + i, lookup(&tables[c], v.val[c], quarters));
    }
}

static void lut3_planar(const uint8_t *data, size_t pixels, const uint8_t *tables, uint8_t *target, size_t plane)
{
    const Table loaded[3] = {load_table(tables), load_table(tables + EDGE_LEVELS), load_table(tables + 2 * EDGE_LEVELS)};
    size_t i = 0;
    for (; i + PIXEL_BLOCK <= pixels; i += PIXEL_BLOCK) {
        if (maximum_of(data + 3 * i, 3 * PIXEL_BLOCK / 16) < 64)
            lut3_planar_block(data + 3 * i, loaded, 1, target + i, plane);
        else
            lut3_planar_block(data + 3 * i, loaded, 4, target + i, plane);
    }
    edge_scalar.lut3_planar(data + 3 * i, pixels - i, tables, target + i, plane);
}

static void swap(const uint8_t *data, size_t pixels, uint8_t *target)
{
    size_t i = 0;
    for (; i + 16 <= pixels; i += 16) {
        const uint8x16x3_t v = vld3q_u8(data + 3 * i);
        vst3q_u8(target + 3 * i, (uint8x16x3_t){{v.val[2], v.val[1], v.val[0]}});
    }
    edge_scalar.swap(data + 3 * i, pixels - i, target + 3 * i);
}

/* ---- Shrink ---- */

INLINE void rows16_of(const uint8_t *const *rows, const int16_t *weights, const int taps, size_t n, int add,
                      uint16_t *sums)
{
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
    const uint8_t *rest[EDGE_ROWS];
    for (int r = 0; r < taps; r++)
        rest[r] = rows[r] + i;
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
    const uint8_t *rest[EDGE_ROWS];
    for (int r = 0; r < 2 * pairs; r++)
        rest[r] = rows[r] + i;
    edge_scalar.rows32(rest, weights, pairs, n - i, add, sums + i);
}

INLINE uint32x4_t scaled(uint32x4_t sums, float scale)
{
    return vcvtnq_u32_f32(vmulq_n_f32(vcvtq_f32_u32(sums), scale));
}

static void narrow(const uint32_t *sums, size_t n, float scale, uint16_t *result)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const uint16x4_t low = vqmovn_u32(scaled(vld1q_u32(sums + i), scale));
        vst1q_u16(result + i, vqmovn_high_u32(low, scaled(vld1q_u32(sums + i + 4), scale)));
    }
    edge_scalar.narrow(sums + i, n - i, scale, result + i);
}

/* Sums of blue, green, red (and one lane of rubbish) of an output column, scaled: four 16-bit values. */
INLINE uint16x4_t column(const uint16_t *sums, const EdgeAxis *axis, int x, const int taps, float scale)
{
    const uint16_t *tap = sums + axis->start[x];
    const int16_t *weights = axis->weights + (size_t)x * (size_t)taps;
    uint32x4_t even = vdupq_n_u32(0), odd = even; /* two chains: each waits for its own last product only */
    for (int t = 0; t < taps; t += 2) {
        even = vmlal_n_u16(even, vld1_u16(tap + 3 * t), (uint16_t)weights[t]);
        odd = vmlal_n_u16(odd, vld1_u16(tap + 3 * t + 3), (uint16_t)weights[t + 1]);
    }
    return vqmovn_u32(scaled(vaddq_u32(even, odd), scale));
}

INLINE void columns8_of(const uint16_t *sums, const EdgeAxis *axis, const int taps, float scale, uint8_t *target)
{
    static const uint8_t bgr[16] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255};
    static const uint8_t rgb[16] = {2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 255, 255, 255, 255};
    const uint8x16_t order = vld1q_u8(axis->swapped ? rgb : bgr);
    for (int x = 0; x < axis->count; x += 4) {
        uint16x4_t pixel[4];
        for (int i = 0; i < 4; i++)
            pixel[i] = column(sums, axis, x + i, taps, scale);
        const uint8x8_t left = vqmovn_u16(vcombine_u16(pixel[0], pixel[1]));
        const uint8x16_t four = vqmovn_high_u16(left, vcombine_u16(pixel[2], pixel[3]));
        const uint8x16_t pixels = vqtbl1q_u8(four, order);
        if (x + 6 <= axis->count) {
            vst1q_u8(target + 3 * x, pixels); /* four bytes too many: the next columns overwrite them */
        } else {
            uint8_t last[16];
            vst1q_u8(last, pixels);
            memcpy(target + 3 * x, last, 3 * (size_t)(axis->count - x < 4 ? axis->count - x : 4));
        }
    }
}

static void columns8(const uint16_t *sums, const EdgeAxis *axis, float scale, uint8_t *target)
{
    if (axis->pairs == 1)
        columns8_of(sums, axis, 2, scale, target);
    else if (axis->pairs == 2)
        columns8_of(sums, axis, 4, scale, target);
    else
        columns8_of(sums, axis, 2 * axis->pairs, scale, target);
}

static void columns16(const uint16_t *sums, const EdgeAxis *axis, float scale, uint16_t *target)
{
    for (int x = 0; x < axis->count; x++) {
        uint16_t pixel[4];
        vst1_u16(pixel, column(sums, axis, x, 2 * axis->pairs, scale));
        target[3 * x] = pixel[axis->swapped ? 2 : 0];
        target[3 * x + 1] = pixel[1];
        target[3 * x + 2] = pixel[axis->swapped ? 0 : 2];
    }
}

/* ---- Formats ---- */

INLINE int16x8_t times(int16x8_t v, int factor)
{
    return vqrdmulhq_n_s16(v, (int16_t)factor);
}

INLINE uint8x8_t levels_of(int16x8_t in64ths)
{
    return vqmovun_s16(vshrq_n_s16(vqaddq_s16(in64ths, vdupq_n_s16(32)), 6));
}

/* 8 luma, and the chroma of each. */
INLINE uint8x8x3_t bgr8(uint8x8_t y, uint8x8_t u, uint8x8_t v)
{
    const uint8x8_t centre = vdup_n_u8(128);
    const int16x8_t above = vreinterpretq_s16_u16(vshll_n_u8(vqsub_u8(y, vdup_n_u8(16)), 7)), luma = times(above, 19077);
    const int16x8_t cb = vshlq_n_s16(vreinterpretq_s16_u16(vsubl_u8(u, centre)), 8);
    const int16x8_t cr = vshlq_n_s16(vreinterpretq_s16_u16(vsubl_u8(v, centre)), 8);
    const int16x8_t green = vqaddq_s16(times(cb, -3209), times(cr, -6660));
    return (uint8x8x3_t){{levels_of(vqaddq_s16(luma, times(cb, 16525))), levels_of(vqaddq_s16(luma, green)),
                          levels_of(vqaddq_s16(luma, times(cr, 13075)))}};
}

/* 16 pixels: even and odd luma share their chroma, so they are converted apart and woven together. */
INLINE void bgr16(uint8x8x2_t y, uint8x8_t u, uint8x8_t v, uint8_t *bgr)
{
    const uint8x8x3_t even = bgr8(y.val[0], u, v), odd = bgr8(y.val[1], u, v);
    uint8x16x3_t woven;
    for (int c = 0; c < 3; c++) {
        const uint8x8x2_t pair = vzip_u8(even.val[c], odd.val[c]);
        woven.val[c] = vcombine_u8(pair.val[0], pair.val[1]);
    }
    vst3q_u8(bgr, woven);
}

INLINE void yuv16(const uint8_t *y, const uint8_t *u, const uint8_t *v, EdgeFormat format, size_t i, uint8_t *bgr)
{
    if (format == EDGE_YUYV) {
        const uint8x8x4_t four = vld4_u8(y + 2 * i);
        bgr16((uint8x8x2_t){{four.val[0], four.val[2]}}, four.val[1], four.val[3], bgr + 3 * i);
    } else if (format == EDGE_UYVY) {
        const uint8x8x4_t four = vld4_u8(y + 2 * i);
        bgr16((uint8x8x2_t){{four.val[1], four.val[3]}}, four.val[0], four.val[2], bgr + 3 * i);
    } else if (format == EDGE_NV12) {
        const uint8x8x2_t uv = vld2_u8(u + i);
        bgr16(vld2_u8(y + i), uv.val[0], uv.val[1], bgr + 3 * i);
    } else {
        bgr16(vld2_u8(y + i), vld1_u8(u + i / 2), vld1_u8(v + i / 2), bgr + 3 * i);
    }
}

static void bgr_from_yuv(const uint8_t *y, const uint8_t *u, const uint8_t *v, EdgeFormat format, size_t pixels,
                         uint8_t *bgr)
{
    if (pixels < 16) {
        edge_scalar.bgr_from_yuv(y, u, v, format, pixels, bgr);
        return;
    }
    for (size_t i = 0; i + 16 <= pixels; i += 16)
        yuv16(y, u, v, format, i, bgr);
    if (pixels % 16)
        yuv16(y, u, v, format, pixels - 16, bgr); /* some of them again; pixels is even, so chroma stays in step */
}

static void bgr_from_grey(const uint8_t *grey, size_t pixels, uint8_t *bgr)
{
    size_t i = 0;
    for (; i + 16 <= pixels; i += 16) {
        const uint8x16_t v = vld1q_u8(grey + i);
        vst3q_u8(bgr + 3 * i, (uint8x16x3_t){{v, v, v}});
    }
    edge_scalar.bgr_from_grey(grey + i, pixels - i, bgr + 3 * i);
}

/* ---- Time ---- */

static void accumulate(const uint16_t *frame, size_t n, uint16_t *oldest, uint16_t *total)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const uint16x8_t now = vld1q_u16(frame + i);
        vst1q_u16(total + i, vsubq_u16(vaddq_u16(vld1q_u16(total + i), now), vld1q_u16(oldest + i)));
        vst1q_u16(oldest + i, now);
    }
    edge_scalar.accumulate(frame + i, n - i, oldest + i, total + i);
}

static void noise_floor(const uint16_t *frame, size_t n, uint16_t *previous, uint16_t *noise)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const uint16x8_t now = vld1q_u16(frame + i), floor_level = vld1q_u16(noise + i);
        const uint16x8_t difference = vabdq_u16(now, vld1q_u16(previous + i));
        const uint16x8_t seen = vshlq_n_u16(vminq_u16(difference, vdupq_n_u16(4095)), 4);
        const uint16x8_t step = vaddq_u16(vshrq_n_u16(floor_level, 5), vdupq_n_u16(1));
        const uint16x8_t nearer = vminq_u16(seen, vqaddq_u16(floor_level, step));
        vst1q_u16(noise + i, vmaxq_u16(nearer, vqsubq_u16(floor_level, step)));
        vst1q_u16(previous + i, now);
    }
    edge_scalar.noise_floor(frame + i, n - i, previous + i, noise + i);
}

/* lut12 stays scalar: there is no gather. */
void edge_kernels_neon(EdgeKernels *kernels)
{
    kernels->histogram = histogram;
    kernels->lut = lut;
    kernels->lut3 = lut3;
    kernels->lut3_planar = lut3_planar;
    kernels->swap = swap;
    kernels->rows16 = rows16;
    kernels->rows32 = rows32;
    kernels->narrow = narrow;
    kernels->columns8 = columns8;
    kernels->columns16 = columns16;
    kernels->average8 = NULL; /* not written for NEON: rows first, then columns */
    kernels->average16 = NULL;
    kernels->bgr_from_yuv = bgr_from_yuv;
    kernels->bgr_from_grey = bgr_from_grey;
    kernels->accumulate = accumulate;
    kernels->noise_floor = noise_floor;
}

#else

typedef int edge_no_neon; /* a translation unit holds at least one declaration */

#endif
