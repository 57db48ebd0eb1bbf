/* Histograms by positional population count: the one control flow, over the vector operations of a CPU.
 *
 * A byte becomes one hot bit out of eight levels, a Harley-Seal tree of carry-save adders counts the bits of every
 * position over 2^DEPTH vectors, and only its last carries are added to byte counters. The cost grows with the number
 * of trees (8 levels each) that a block needs, so dark pictures are the cheap ones; a few bright pixels are counted one
 * by one ("escapes"), and blocks with many fall back to counter tables. Positions within a vector keep the channels
 * apart: three vectors in turn are three phases of the interleaving.
 *
 * Who includes this has said before:
 *   INLINE; Vector of BYTES bytes; DEPTH, 5 or 6; TREES, the most that a block may need; ESCAPE_COST and TABLE_COST of
 *   a byte, where a byte in a tree costs 1; SAMPLED: every which vector tells how bright a picture is;
 *   load, splat, either, both_of, minus: memory, one byte everywhere, a | b, a & b, a - b;
 *   at_least, has_bits, equals: 255 where v >= threshold, v has the bits, a == b; 0 elsewhere;
 *   how_many and places: the number of 255s in such a mask, and a bit for each, PLACE_BITS apart;
 *   carry_save: a + b + c bit by bit, *high * 2 + *low; counted: counter + 1 where the carry has the bit;
 *   in_group: bytes counted from the first level of their 16-level group; hot_bits: of such a byte its entry in a table
 *   of 16, 0 where it is of another group;
 *   maximum_of: the largest byte of some vectors; weighed: 2^DEPTH times the sum of the one's bytes, and the other's.
 */
#ifndef EDGE_HISTOGRAM_H
#define EDGE_HISTOGRAM_H

#include "scalar/counters.h"

#include <string.h>

enum { VECTORS = 1 << DEPTH, PHASES = 3, BLOCK = BYTES * VECTORS * PHASES, FLUSH = 255, STRIDE = BYTES * PHASES };

typedef struct {
    Vector sum[DEPTH];  /* bit by bit; sum[l] counts 2^l */
    Vector counter[8];  /* bytes, in units of 2^DEPTH */
} Tree;

/* What a tree counts: eight levels, the lower or the upper ones of a group of 16. */
typedef struct {
    Vector group, hot;
} Levels;

INLINE Vector bits_of(const uint8_t *data, const Levels *levels, const int grouped)
{
    const Vector v = load(data);
    return hot_bits(grouped ? in_group(v, levels->group) : v, levels->hot);
}

INLINE Vector carried(Vector *sum, Vector a, Vector b)
{
    Vector carry;
    carry_save(&carry, sum, *sum, a, b);
    return carry;
}

/* 2, 4, ... 32 vectors into the sums; each returns what carries over. */
INLINE Vector add2(const uint8_t *data, const Levels *levels, const int grouped, Vector *sum)
{
    const Vector first = bits_of(data, levels, grouped);
    return carried(&sum[0], first, bits_of(data + STRIDE, levels, grouped));
}

INLINE Vector add4(const uint8_t *data, const Levels *levels, const int grouped, Vector *sum)
{
    const Vector first = add2(data, levels, grouped, sum);
    return carried(&sum[1], first, add2(data + 2 * STRIDE, levels, grouped, sum));
}

INLINE Vector add8(const uint8_t *data, const Levels *levels, const int grouped, Vector *sum)
{
    const Vector first = add4(data, levels, grouped, sum);
    return carried(&sum[2], first, add4(data + 4 * STRIDE, levels, grouped, sum));
}

INLINE Vector add16(const uint8_t *data, const Levels *levels, const int grouped, Vector *sum)
{
    const Vector first = add8(data, levels, grouped, sum);
    return carried(&sum[3], first, add8(data + 8 * STRIDE, levels, grouped, sum));
}

INLINE Vector add32(const uint8_t *data, const Levels *levels, const int grouped, Vector *sum)
{
    const Vector first = add16(data, levels, grouped, sum);
    return carried(&sum[4], first, add16(data + 16 * STRIDE, levels, grouped, sum));
}

INLINE Vector add_half(const uint8_t *data, const Levels *levels, const int grouped, Vector *sum)
{
    return DEPTH == 5 ? add16(data, levels, grouped, sum) : add32(data, levels, grouped, sum);
}

INLINE void add_all(const uint8_t *data, const Levels *levels, const int grouped, Tree *tree)
{
    Vector sum[DEPTH];
    for (int l = 0; l < DEPTH - 1; l++)
        sum[l] = tree->sum[l];
    const Vector first = add_half(data, levels, grouped, sum);
    const Vector second = add_half(data + VECTORS / 2 * STRIDE, levels, grouped, sum);
    const Vector carry = carried(&tree->sum[DEPTH - 1], first, second);
    for (int l = 0; l < DEPTH - 1; l++)
        tree->sum[l] = sum[l];
#pragma GCC unroll 8
    for (int bit = 0; bit < 8; bit++)
        tree->counter[bit] = counted(tree->counter[bit], carry, bit);
}

INLINE void add_phases(const uint8_t *data, const Levels *levels, const int grouped, Tree *phases)
{
    for (int phase = 0; phase < PHASES; phase++)
        add_all(data + BYTES * phase, levels, grouped, &phases[phase]);
}

/* A block into tree t of every phase. */
INLINE void add_block(const uint8_t *data, int t, Tree *phases)
{
    static const uint8_t hot[2][32] = {
        {1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128},
        {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128},
    };
    const Levels levels = {splat(t / 2 << 4), load(hot[t % 2])};
    if (t < 2)
        add_phases(data, &levels, 0, phases);
    else
        add_phases(data, &levels, 1, phases);
}

/* 255 where the positions of a vector of this phase belong to the channel. */
INLINE Vector positions_of(int channel, int phase)
{
    static const uint8_t channels[34] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1,
                                         2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0};
    return equals(load(channels + BYTES * phase % 3), splat(channel));
}

static void flush(Tree *tree, int t, int phase, uint32_t *counts)
{
    const Vector mine[3] = {positions_of(0, phase), positions_of(1, phase), positions_of(2, phase)};
    for (int k = 0; k < 8; k++) {
        Vector low = splat(0); /* of every position, under 2^DEPTH */
        for (int l = 0; l < DEPTH; l++)
            low = either(low, both_of(has_bits(tree->sum[l], splat(1 << k)), splat(1 << l)));
        for (int c = 0; c < 3; c++)
            counts[c * EDGE_LEVELS + 8 * t + k] += weighed(both_of(tree->counter[k], mine[c]), both_of(low, mine[c]));
    }
    memset(tree, 0, sizeof *tree);
}

static void flush_phases(Tree *phases, int t, uint32_t *counts)
{
    for (int phase = 0; phase < PHASES; phase++)
        flush(&phases[phase], t, phase, counts);
}

/* How many trees make the picture cheapest; looking for escapes costs as much as two. More than TREES: it is bright. */
INLINE int usual_trees(const uint8_t *data, size_t n)
{
    size_t seen = 0, above[TREES + 1] = {0};
    for (size_t i = 0; i + BYTES <= n; i += BYTES * SAMPLED, seen += BYTES) {
        const Vector v = load(data + i);
        for (int t = 1; t <= TREES; t++)
            above[t] += (size_t)how_many(at_least(v, splat(8 * t)));
    }
    int best = TREES + 1;
    size_t least = TABLE_COST * seen;
    for (int t = TREES; t >= 1; t--) {
        const size_t cost = (size_t)t * seen + (above[t] ? 2 * seen + ESCAPE_COST * above[t] : 0);
        best = cost <= least ? t : best;
        least = cost <= least ? cost : least;
    }
    return best;
}

/* Count the block's bytes from `floor_level` up one by one; gives up (0, nothing counted) where they are many. */
INLINE int count_escapes(const uint8_t *data, int floor_level, uint32_t *counts)
{
    const Vector threshold = splat(floor_level);
    Vector brighter = splat(0); /* at most 3 * 64 per byte: no overflow */
    for (int i = 0; i < BLOCK; i += BYTES)
        brighter = minus(brighter, at_least(load(data + i), threshold));
    if (weighed(splat(0), brighter) > BLOCK / 16)
        return 0;
    for (int i = 0; i < BLOCK; i += BYTES)
        for (uint64_t mask = places(at_least(load(data + i), threshold)); mask; mask &= mask - 1) {
            const int at = i + __builtin_ctzll(mask) / PLACE_BITS;
            counts[at % 3 * EDGE_LEVELS + data[at]]++;
        }
    return 1;
}

/* Dark pictures never touch the tables, so that they are cleared only when they are needed. */
INLINE int count_tabled(CounterTables tables, int tabled, const uint8_t *data, size_t n)
{
    if (!tabled)
        memset(tables, 0, sizeof(CounterTables));
    count_bytes(tables, data, n);
    return 1;
}

static void histogram(const uint8_t *data, size_t n, uint32_t *counts)
{
    const size_t blocks = n / BLOCK;
    const int usual = usual_trees(data, n), bright = usual > TREES;
    Tree trees[TREES][PHASES];
    CounterTables tables;
    int filled[TREES] = {0}, tabled = 0;
    memset(trees, 0, (size_t)(bright ? TREES : usual) * sizeof *trees);
    for (size_t b = 0; b < blocks; b++, data += BLOCK) {
        /* in a bright picture only every eighth block gets the chance to be dark */
        int used = bright && b % 8 ? EDGE_LEVELS : (maximum_of(data, VECTORS * PHASES) >> 3) + 1;
        if (used > usual && !bright)
            used = count_escapes(data, 8 * usual, counts) ? usual : EDGE_LEVELS;
        if (used > TREES) {
            tabled = count_tabled(tables, tabled, data, BLOCK);
            continue;
        }
        for (int t = 0; t < used; t++) {
            add_block(data, t, trees[t]);
            if (++filled[t] == FLUSH) {
                flush_phases(trees[t], t, counts);
                filled[t] = 0;
            }
        }
    }
    for (int t = 0; t < TREES; t++)
        if (filled[t])
            flush_phases(trees[t], t, counts);
    if (n % BLOCK)
        tabled = count_tabled(tables, tabled, data, n % BLOCK);
    if (tabled)
        add_tables(tables, counts);
}

#endif
