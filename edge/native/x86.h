/* The kernels in 256-bit vectors. avx2.c and avx512.c include this after they said what they compile for and how they
 * add bits (carry_save) and look bytes up (lookup). */

INLINE __m256i load(const void *data)
{
    return _mm256_loadu_si256((const __m256i *)data);
}

INLINE void store(void *data, __m256i v)
{
    _mm256_storeu_si256((__m256i *)data, v);
}

INLINE __m128i load16(const void *data)
{
    return _mm_loadu_si128((const __m128i *)data);
}

INLINE void store16(void *data, __m128i v)
{
    _mm_storeu_si128((__m128i *)data, v);
}

INLINE __m256i both(__m128i v)
{
    return _mm256_broadcastsi128_si256(v);
}

INLINE __m128i upper(__m256i v)
{
    return _mm256_extracti128_si256(v, 1);
}

/* The largest of 32 * vectors bytes; vectors is a multiple of 8. */
INLINE int maximum_of(const uint8_t *data, int vectors)
{
    __m256i a = load(data), b = a;
    for (int i = 0; i < vectors; i += 8)
#pragma GCC unroll 4
        for (int j = i; j < i + 8; j += 2) {
            a = _mm256_max_epu8(a, load(data + 32 * j));
            b = _mm256_max_epu8(b, load(data + 32 * j + 32));
        }
    a = _mm256_max_epu8(a, b);
    const __m128i inverted = _mm_xor_si128(_mm_max_epu8(_mm256_castsi256_si128(a), upper(a)), _mm_set1_epi8(-1));
    const __m128i words = _mm_and_si128(_mm_min_epu8(inverted, _mm_srli_epi16(inverted, 8)), _mm_set1_epi16(255));
    return 255 - _mm_extract_epi16(_mm_minpos_epu16(words), 0);
}

/* ---- Histogram: positional population count ----
 *
 * pshufb turns a byte into one hot bit out of eight levels, a Harley-Seal tree of carry-save adders counts the bits of
 * every position over 32 vectors, and only its last carries are added to byte counters. The cost grows with the number
 * of trees (8 levels each) that a block needs, so dark pictures are the cheap ones; a few bright pixels are counted one
 * by one ("escapes"), and blocks with many fall back to counter tables. Positions within a vector keep the channels
 * apart: three vectors in turn are three phases of the interleaving.
 */
enum { DEPTH = 5, VECTORS = 32, TREES = 12, FLUSH = 255 };

typedef struct {
    __m256i sum[DEPTH];  /* bit by bit; sum[l] counts 2^l */
    __m256i counter[8];  /* bytes, in units of 32 */
} Tree;

/* What a tree counts: the 16-level group of its levels, and the hot bits of the eight. */
typedef struct {
    __m256i flip, hot;
    size_t stride;
} Levels;

/* Bytes of another group get bit 7, for which pshufb gives 0. */
INLINE __m256i hot_bits(const uint8_t *data, const Levels *levels, const int flips)
{
    const __m256i v = flips ? _mm256_xor_si256(load(data), levels->flip) : load(data);
    return _mm256_shuffle_epi8(levels->hot, _mm256_adds_epu8(v, _mm256_set1_epi8(0x70)));
}

/* 2, 4, 8, 16 vectors into the sums; returns what carries over. */
INLINE __m256i add2(const uint8_t *data, const Levels *levels, const int flips, __m256i *sum)
{
    __m256i carry;
    carry_save(&carry, &sum[0], sum[0], hot_bits(data, levels, flips), hot_bits(data + levels->stride, levels, flips));
    return carry;
}

INLINE __m256i add4(const uint8_t *data, const Levels *levels, const int flips, __m256i *sum)
{
    __m256i carry;
    const __m256i first = add2(data, levels, flips, sum), second = add2(data + 2 * levels->stride, levels, flips, sum);
    carry_save(&carry, &sum[1], sum[1], first, second);
    return carry;
}

INLINE __m256i add8(const uint8_t *data, const Levels *levels, const int flips, __m256i *sum)
{
    __m256i carry;
    const __m256i first = add4(data, levels, flips, sum), second = add4(data + 4 * levels->stride, levels, flips, sum);
    carry_save(&carry, &sum[2], sum[2], first, second);
    return carry;
}

INLINE __m256i add16(const uint8_t *data, const Levels *levels, const int flips, __m256i *sum)
{
    __m256i carry;
    const __m256i first = add8(data, levels, flips, sum), second = add8(data + 8 * levels->stride, levels, flips, sum);
    carry_save(&carry, &sum[3], sum[3], first, second);
    return carry;
}

INLINE void add32(const uint8_t *data, const Levels *levels, const int flips, Tree *tree)
{
    __m256i sum[4] = {tree->sum[0], tree->sum[1], tree->sum[2], tree->sum[3]}, carry;
    const __m256i first = add16(data, levels, flips, sum), second = add16(data + 16 * levels->stride, levels, flips, sum);
    carry_save(&carry, &tree->sum[4], tree->sum[4], first, second);
    for (int l = 0; l < 4; l++)
        tree->sum[l] = sum[l];
    const __m256i one = _mm256_set1_epi8(1);
    for (int bit = 0; bit < 8; bit++)
        tree->counter[bit] =
            _mm256_add_epi8(tree->counter[bit], _mm256_and_si256(_mm256_srli_epi16(carry, bit), one));
}

/* A block into tree t of every phase. */
INLINE void add_block(const uint8_t *data, int t, const int channels, Tree *phases)
{
    const __m256i low = both(_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i high = both(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, -128));
    const Levels levels = {_mm256_set1_epi8((char)(t / 2 << 4)), t % 2 ? high : low, 32 * (size_t)channels};
    for (int phase = 0; phase < channels; phase++)
        if (t < 2)
            add32(data + 32 * phase, &levels, 0, &phases[phase]);
        else
            add32(data + 32 * phase, &levels, 1, &phases[phase]);
}

/* Which positions of a vector of this phase belong to a channel: as a bit mask. */
INLINE uint32_t positions_of(int channel, int phase, int channels)
{
    const uint32_t every3rd[3] = {0x49249249u, 0x92492492u, 0x24924924u}; /* bits 0 3 6.., 1 4 7.., 2 5 8.. */
    return channels == 1 ? 0xFFFFFFFFu : every3rd[(channel - 2 * phase + 6) % 3];
}

/* The same as bytes of ones. */
INLINE __m256i bytes_of(uint32_t positions)
{
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201ull);
    const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, /* */
                                            2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    const __m256i each = _mm256_shuffle_epi8(_mm256_set1_epi32((int)positions), spread);
    return _mm256_cmpeq_epi8(_mm256_and_si256(each, bit), bit);
}

INLINE uint32_t sum_of(__m256i quadwords)
{
    const __m128i sum = _mm_add_epi64(_mm256_castsi256_si128(quadwords), upper(quadwords));
    return (uint32_t)(_mm_cvtsi128_si64(sum) + _mm_extract_epi64(sum, 1));
}

INLINE uint32_t sum_bytes(__m256i v)
{
    return sum_of(_mm256_sad_epu8(v, _mm256_setzero_si256()));
}

static void flush(Tree *tree, int t, int phase, int channels, uint32_t *counts)
{
    const __m256i zero = _mm256_setzero_si256();
    for (int k = 0; k < 8; k++) {
        const __m256i bit = _mm256_set1_epi8((char)(1 << k));
        __m256i low = zero; /* of every position, up to 31 */
        for (int l = 0; l < DEPTH; l++) {
            const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(tree->sum[l], bit), bit);
            low = _mm256_or_si256(low, _mm256_and_si256(set, _mm256_set1_epi8((char)(1 << l))));
        }
        for (int c = 0; c < channels; c++) {
            const __m256i mine = bytes_of(positions_of(c, phase, channels));
            const __m256i high = _mm256_sad_epu8(_mm256_and_si256(tree->counter[k], mine), zero);
            const __m256i rest = _mm256_sad_epu8(_mm256_and_si256(low, mine), zero);
            counts[c * EDGE_LEVELS + 8 * t + k] += sum_of(_mm256_add_epi64(_mm256_slli_epi64(high, DEPTH), rest));
        }
    }
    memset(tree, 0, sizeof *tree);
}

/* How many trees make the picture cheapest, from every 127th vector. In units of a tree: looking for escapes costs 2,
 * an escape per byte 64, the counter tables 10. More than TREES: it is bright. */
INLINE int usual_trees(const uint8_t *data, size_t n)
{
    size_t seen = 0, above[TREES + 1] = {0};
    for (size_t i = 0; i + 32 <= n; i += 32 * 127, seen += 32) {
        const __m256i v = load(data + i);
        for (int t = 1; t <= TREES; t++) {
            const __m256i brighter = _mm256_cmpeq_epi8(_mm256_max_epu8(v, _mm256_set1_epi8((char)(8 * t))), v);
            above[t] += (size_t)__builtin_popcount((uint32_t)_mm256_movemask_epi8(brighter));
        }
    }
    int best = TREES + 1;
    size_t least = 10 * seen;
    for (int t = TREES; t >= 1; t--) {
        const size_t cost = (size_t)t * seen + (above[t] ? 2 * seen + 64 * above[t] : 0);
        best = cost <= least ? t : best;
        least = cost <= least ? cost : least;
    }
    return best;
}

/* Count the block's bytes from `floor_level` up one by one; gives up (0, nothing counted) where they are many. */
INLINE int count_escapes(const uint8_t *data, int channels, int floor_level, uint32_t *counts)
{
    const int vectors = VECTORS * channels;
    const __m256i threshold = _mm256_set1_epi8((char)floor_level);
    __m256i brighter = _mm256_setzero_si256(); /* at most 96 per byte: no overflow */
    for (int i = 0; i < vectors; i++) {
        const __m256i v = load(data + 32 * i);
        brighter = _mm256_sub_epi8(brighter, _mm256_cmpeq_epi8(_mm256_max_epu8(v, threshold), v));
    }
    if (sum_bytes(brighter) > (uint32_t)(32 * vectors / 16))
        return 0;
    for (int i = 0; i < vectors; i++) {
        const __m256i v = load(data + 32 * i);
        uint32_t mask = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(v, threshold), v));
        for (; mask; mask &= mask - 1) {
            const int at = 32 * i + __builtin_ctz(mask);
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
    const size_t block = (size_t)(32 * VECTORS * channels), blocks = n / block;
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

enum { TABLE_BLOCK = 1024 };

INLINE void lut_block(const uint8_t *data, size_t n, const __m256i *pieces, const int used, uint8_t *target)
{
    for (size_t i = 0; i < n; i += 32 * TOGETHER) {
        __m256i v[TOGETHER];
        for (int j = 0; j < TOGETHER; j++)
            v[j] = load(data + i + 32 * j);
        lookup_each(pieces, v, TOGETHER, used);
        for (int j = 0; j < TOGETHER; j++)
            store(target + i + 32 * j, v[j]);
    }
}

/* Only the entries up to a block's maximum are touched. */
static void lut(const uint8_t *data, size_t n, const uint8_t *table, uint8_t *target)
{
    Pieces pieces;
    load_pieces(table, pieces);
    size_t i = 0;
    for (; i + TABLE_BLOCK <= n; i += TABLE_BLOCK) {
        const int maximum = maximum_of(data + i, TABLE_BLOCK / 32);
        if (maximum < 16)
            lut_block(data + i, TABLE_BLOCK, pieces, 1, target + i);
        else if (maximum < 32)
            lut_block(data + i, TABLE_BLOCK, pieces, 2, target + i);
        else if (maximum < 48)
            lut_block(data + i, TABLE_BLOCK, pieces, 3, target + i);
        else if (maximum < 64)
            lut_block(data + i, TABLE_BLOCK, pieces, 4, target + i);
        else if (maximum < 128)
            lut_block(data + i, TABLE_BLOCK, pieces, 8, target + i);
        else
            lut_block(data + i, TABLE_BLOCK, pieces, 16, target + i);
    }
    for (; i + 32 <= n; i += 32)
        store(target + i, lookup(pieces, load(data + i), 16));
    edge_scalar.lut(data + i, n - i, table, target + i);
}

/* 96 bytes of interleaved pixels to 3 x 32: picks every third byte by blending, then puts them in order. */
INLINE void deinterleave(const uint8_t *data, __m256i channel[3])
{
    const __m256i a = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(data)), load16(data + 48), 1);
    const __m256i b = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(data + 16)), load16(data + 64), 1);
    const __m256i c = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(data + 32)), load16(data + 80), 1);
    const __m256i at0 = both(_mm_setr_epi8(-1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1));
    const __m256i at1 = both(_mm_setr_epi8(0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0));
    const __m256i at2 = both(_mm_setr_epi8(0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0, 0, -1, 0));
    const __m256i first = _mm256_blendv_epi8(_mm256_blendv_epi8(a, b, at2), c, at1);
    const __m256i second = _mm256_blendv_epi8(_mm256_blendv_epi8(a, b, at0), c, at2);
    const __m256i third = _mm256_blendv_epi8(_mm256_blendv_epi8(a, b, at1), c, at0);
    channel[0] = _mm256_shuffle_epi8(first, both(_mm_setr_epi8(0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14, 1, 4, 7, 10, 13)));
    channel[1] = _mm256_shuffle_epi8(second, both(_mm_setr_epi8(1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14)));
    channel[2] = _mm256_shuffle_epi8(third, both(_mm_setr_epi8(2, 5, 8, 11, 14, 1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15)));
}

enum { PLANAR_BLOCK = 256 }; /* pixels; 768 bytes are 24 vectors, 8 times the three phases */

INLINE void lut3_planar_block(const uint8_t *data, Pieces *pieces, int used, uint8_t *target, size_t plane)
{
    for (size_t i = 0; i < PLANAR_BLOCK; i += 32) {
        __m256i channel[3];
        deinterleave(data + 3 * i, channel);
        for (int c = 0; c < 3; c++)
            store(target + (size_t)c * plane + i, lookup(pieces[c], channel[c], used));
    }
}

static void lut3_planar(const uint8_t *data, size_t pixels, const uint8_t *tables, uint8_t *target, size_t plane)
{
    Pieces pieces[3];
    for (int c = 0; c < 3; c++)
        load_pieces(tables + c * EDGE_LEVELS, pieces[c]);
    size_t i = 0;
    for (; i + PLANAR_BLOCK <= pixels; i += PLANAR_BLOCK) {
        const int maximum = maximum_of(data + 3 * i, 3 * PLANAR_BLOCK / 32);
        if (maximum < 32)
            lut3_planar_block(data + 3 * i, pieces, 2, target + i, plane);
        else if (maximum < 64)
            lut3_planar_block(data + 3 * i, pieces, 4, target + i, plane);
        else
            lut3_planar_block(data + 3 * i, pieces, 16, target + i, plane);
    }
    edge_scalar.lut3_planar(data + 3 * i, pixels - i, tables, target + i, plane);
}

INLINE void lut3_block(const uint8_t *data, size_t n, Pieces *pieces, int used, uint8_t *target)
{
    for (size_t i = 0; i < n; i += 96)
        for (int phase = 0; phase < 3; phase++) {
            const __m256i v = load(data + i + 32 * phase);
            const __m256i second = bytes_of(positions_of(1, phase, 3)), third = bytes_of(positions_of(2, phase, 3));
            const __m256i two = _mm256_blendv_epi8(lookup(pieces[0], v, used), lookup(pieces[1], v, used), second);
            store(target + i + 32 * phase, _mm256_blendv_epi8(two, lookup(pieces[2], v, used), third));
        }
}

/* In place of taking the channels apart and together again: look every byte up three times and keep its own. */
static void lut3(const uint8_t *data, size_t pixels, const uint8_t *tables, uint8_t *target)
{
    Pieces pieces[3];
    for (int c = 0; c < 3; c++)
        load_pieces(tables + c * EDGE_LEVELS, pieces[c]);
    size_t i = 0;
    for (; i + PLANAR_BLOCK <= pixels; i += PLANAR_BLOCK) {
        const int maximum = maximum_of(data + 3 * i, 3 * PLANAR_BLOCK / 32);
        if (maximum < 32)
            lut3_block(data + 3 * i, 3 * PLANAR_BLOCK, pieces, 2, target + 3 * i);
        else if (maximum < 64)
            lut3_block(data + 3 * i, 3 * PLANAR_BLOCK, pieces, 4, target + 3 * i);
        else if (LONG_LOOKUPS_PAY)
            lut3_block(data + 3 * i, 3 * PLANAR_BLOCK, pieces, 16, target + 3 * i);
        else
            edge_scalar.lut3(data + 3 * i, PLANAR_BLOCK, tables, target + 3 * i);
    }
    edge_scalar.lut3(data + 3 * i, pixels - i, tables, target + 3 * i);
}

/* Five pixels at a time; the sixteenth byte goes through as it is and is turned with its pixel next. */
static void swap(const uint8_t *data, size_t pixels, uint8_t *target)
{
    const __m128i order = _mm_setr_epi8(2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, 15);
    size_t i = 0;
    for (; i + 6 <= pixels; i += 5)
        store16(target + 3 * i, _mm_shuffle_epi8(load16(data + 3 * i), order));
    edge_scalar.swap(data + 3 * i, pixels - i, target + 3 * i);
}

/* Gathers take four bytes: those of the entry's aligned word, so that none lies behind the table. */
static void lut12(const uint16_t *data, size_t n, float gain, const uint8_t *table, uint8_t *target)
{
    const __m256 factor = _mm256_set1_ps(gain), last = _mm256_set1_ps(EDGE_LEVELS12 - 1);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m256 value = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(load16(data + i)));
        const __m256i index = _mm256_cvtps_epi32(_mm256_min_ps(_mm256_mul_ps(value, factor), last));
        const __m256i word = _mm256_i32gather_epi32((const int *)(const void *)table, _mm256_srli_epi32(index, 2), 4);
        const __m256i shift = _mm256_slli_epi32(_mm256_and_si256(index, _mm256_set1_epi32(3)), 3);
        const __m256i entry = _mm256_and_si256(_mm256_srlv_epi32(word, shift), _mm256_set1_epi32(255));
        const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(entry), upper(entry));
        _mm_storel_epi64((__m128i *)(target + i), _mm_packus_epi16(words, words));
    }
    edge_scalar.lut12(data + i, n - i, gain, table, target + i);
}

/* ---- Shrink ---- */

INLINE void rows16_of(const uint8_t *const *rows, const int16_t *weights, const int pairs, size_t n, const int add,
                      uint16_t *sums)
{
    __m256i weight[EDGE_ROWS / 2];
    for (int p = 0; p < pairs; p++)
        weight[p] = _mm256_set1_epi16((short)(weights[2 * p] | weights[2 * p + 1] << 8));
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256i low = _mm256_setzero_si256(), high = low;
        for (int p = 0; p < pairs; p++) {
            const __m256i a = load(rows[2 * p] + i), b = load(rows[2 * p + 1] + i);
            low = _mm256_add_epi16(low, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), weight[p]));
            high = _mm256_add_epi16(high, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), weight[p]));
        }
        __m256i first = _mm256_permute2x128_si256(low, high, 0x20), second = _mm256_permute2x128_si256(low, high, 0x31);
        if (add) {
            first = _mm256_add_epi16(first, load(sums + i));
            second = _mm256_add_epi16(second, load(sums + i + 16));
        }
        store(sums + i, first);
        store(sums + i + 16, second);
    }
    if (i < n) {
        const uint8_t *rest[EDGE_ROWS];
        for (int r = 0; r < 2 * pairs; r++)
            rest[r] = rows[r] + i;
        edge_scalar.rows16(rest, weights, pairs, n - i, add, sums + i);
    }
}

static void rows16(const uint8_t *const *rows, const int16_t *weights, int pairs, size_t n, int add, uint16_t *sums)
{
    if (add)
        rows16_of(rows, weights, pairs, n, 1, sums);
    else if (pairs == 1)
        rows16_of(rows, weights, 1, n, 0, sums);
    else if (pairs == 2)
        rows16_of(rows, weights, 2, n, 0, sums);
    else if (pairs == 3)
        rows16_of(rows, weights, 3, n, 0, sums);
    else
        rows16_of(rows, weights, 4, n, 0, sums);
}

static void rows32(const uint8_t *const *rows, const int16_t *weights, int pairs, size_t n, int add, uint32_t *sums)
{
    __m256i weight[EDGE_ROWS / 2];
    for (int p = 0; p < pairs; p++)
        weight[p] = _mm256_set1_epi32((uint16_t)weights[2 * p] | weights[2 * p + 1] << 16);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i low = _mm256_setzero_si256(), high = low;
        for (int p = 0; p < pairs; p++) {
            const __m256i a = _mm256_cvtepu8_epi16(load16(rows[2 * p] + i));
            const __m256i b = _mm256_cvtepu8_epi16(load16(rows[2 * p + 1] + i));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), weight[p]));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), weight[p]));
        }
        __m256i first = _mm256_permute2x128_si256(low, high, 0x20), second = _mm256_permute2x128_si256(low, high, 0x31);
        if (add) {
            first = _mm256_add_epi32(first, load(sums + i));
            second = _mm256_add_epi32(second, load(sums + i + 8));
        }
        store(sums + i, first);
        store(sums + i + 8, second);
    }
    if (i < n) {
        const uint8_t *rest[EDGE_ROWS];
        for (int r = 0; r < 2 * pairs; r++)
            rest[r] = rows[r] + i;
        edge_scalar.rows32(rest, weights, pairs, n - i, add, sums + i);
    }
}

INLINE __m256i scaled(__m256i sums, __m256 scale)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale));
}

static void narrow(const uint32_t *sums, size_t n, float scale, uint16_t *result)
{
    const __m256 factor = _mm256_set1_ps(scale);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m256i packed = _mm256_packus_epi32(scaled(load(sums + i), factor), scaled(load(sums + i + 8), factor));
        store(result + i, _mm256_permute4x64_epi64(packed, 0xD8));
    }
    edge_scalar.narrow(sums + i, n - i, scale, result + i);
}

/* Two output columns: sums of blue, green, red (and one lane of rubbish) in either half. */
INLINE __m256i column_pair(const uint16_t *sums, const int32_t *start, const int16_t *spread, const int pairs,
                           __m256 scale)
{
    const __m256i taps = both(_mm_setr_epi8(0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 12, 13, 14, 15));
    const uint16_t *left = sums + start[0], *right = sums + start[1];
    __m256i sum = _mm256_setzero_si256();
    for (int p = 0; p < pairs; p++) {
        const __m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(left + 6 * p)), load16(right + 6 * p), 1);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(v, taps), load(spread + 16 * p)));
    }
    return scaled(sum, scale);
}

/* Four columns (a lane of rubbish behind each) to twelve bytes. */
INLINE void store_columns8(__m256i first, __m256i second, const EdgeAxis *axis, int x, uint8_t *target)
{
    const __m128i bgr = _mm_setr_epi8(0, 1, 2, 8, 9, 10, 4, 5, 6, 12, 13, 14, -1, -1, -1, -1);
    const __m128i rgb = _mm_setr_epi8(2, 1, 0, 10, 9, 8, 6, 5, 4, 14, 13, 12, -1, -1, -1, -1);
    const __m256i words = _mm256_packs_epi32(first, second); /* columns 0 2 | 1 3 */
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), upper(words));
    const __m128i pixels = _mm_shuffle_epi8(bytes, axis->swapped ? rgb : bgr);
    if (x + 6 <= axis->count) {
        store16(target + 3 * x, pixels); /* four bytes too many: the next columns overwrite them */
    } else {
        uint8_t last[16];
        store16(last, pixels);
        memcpy(target + 3 * x, last, 3 * (size_t)(axis->count - x < 4 ? axis->count - x : 4));
    }
}

INLINE void columns8_of(const uint16_t *sums, const EdgeAxis *axis, const int pairs, float scale, uint8_t *target)
{
    const __m256 factor = _mm256_set1_ps(scale);
    const int16_t *spread = axis->spread;
    for (int x = 0; x < axis->count; x += 4, spread += 32 * pairs) {
        const __m256i first = column_pair(sums, axis->start + x, spread, pairs, factor);
        const __m256i second = column_pair(sums, axis->start + x + 2, spread + 16 * pairs, pairs, factor);
        store_columns8(first, second, axis, x, target);
    }
}

static void columns8(const uint16_t *sums, const EdgeAxis *axis, float scale, uint8_t *target)
{
    if (axis->pairs == 1)
        columns8_of(sums, axis, 1, scale, target);
    else if (axis->pairs == 2)
        columns8_of(sums, axis, 2, scale, target);
    else if (axis->pairs == 3)
        columns8_of(sums, axis, 3, scale, target);
    else
        columns8_of(sums, axis, axis->pairs, scale, target);
}

INLINE void store_columns16(__m256i first, __m256i second, const EdgeAxis *axis, int x, uint16_t *target)
{
    const __m256i bgr = both(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, -1, -1, -1, -1));
    const __m256i rgb = both(_mm_setr_epi8(4, 5, 2, 3, 0, 1, 12, 13, 10, 11, 8, 9, -1, -1, -1, -1));
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(first, second), 0xD8);
    const __m256i pixels = _mm256_shuffle_epi8(words, axis->swapped ? rgb : bgr); /* six values in either half */
    uint16_t four[16];
    store16(four, _mm256_castsi256_si128(pixels));
    store16(four + 6, upper(pixels));
    memcpy(target + 3 * x, four, 3 * sizeof *four * (size_t)(axis->count - x < 4 ? axis->count - x : 4));
}

static void columns16(const uint16_t *sums, const EdgeAxis *axis, float scale, uint16_t *target)
{
    const __m256 factor = _mm256_set1_ps(scale);
    const int pairs = axis->pairs;
    const int16_t *spread = axis->spread;
    for (int x = 0; x < axis->count; x += 4, spread += 32 * pairs) {
        const __m256i first = column_pair(sums, axis->start + x, spread, pairs, factor);
        const __m256i second = column_pair(sums, axis->start + x + 2, spread + 16 * pairs, pairs, factor);
        store_columns16(first, second, axis, x, target);
    }
}

/* Shrink in one step: pmaddubsw weighs the taps across, pmaddwd adds them and weighs the row. */
typedef struct {
    const uint8_t *const *rows;
    const EdgeAxis *axis;
    __m256i weights[EDGE_ROWS];
    __m256 scale;
    ptrdiff_t ahead;
} Averaging;

INLINE Averaging averaging(const uint8_t *const *rows, const int16_t *weights, int n, const EdgeAxis *axis, float scale,
                           ptrdiff_t ahead)
{
    Averaging a = {.rows = rows, .axis = axis, .scale = _mm256_set1_ps(scale), .ahead = ahead};
    for (int r = 0; r < n; r++)
        a.weights[r] = _mm256_set1_epi16(weights[r]);
    return a;
}

/* Two output columns, as column_pair. */
INLINE __m256i average_pair(const Averaging *a, int x, const int n, const int quads)
{
    const __m256i taps = both(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, 12, 13, 14, 15));
    const int8_t *lanes = a->axis->lanes + 16 * (size_t)(x * quads);
    const int left = a->axis->start[x], right = a->axis->start[x + 1];
    __m256i sum = _mm256_setzero_si256();
    for (int r = 0; r < n; r++)
        for (int q = 0; q < quads; q++) {
            const uint8_t *row = a->rows[r] + 12 * q;
            const __m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(row + left)), load16(row + right), 1);
            const __m256i across = _mm256_maddubs_epi16(_mm256_shuffle_epi8(v, taps), load(lanes + 32 * q));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(across, a->weights[r]));
        }
    return scaled(sum, a->scale);
}

INLINE void fetch_ahead(const Averaging *a, int x, const int n)
{
    for (int r = 0; r < n; r++)
        _mm_prefetch((const char *)a->rows[r] + a->axis->start[x] + a->ahead, _MM_HINT_T1);
}

INLINE void average8_of(const Averaging *a, const int n, const int quads, uint8_t *target)
{
    for (int x = 0; x < a->axis->count; x += 4) {
        fetch_ahead(a, x, n);
        store_columns8(average_pair(a, x, n, quads), average_pair(a, x + 2, n, quads), a->axis, x, target);
    }
}

static void average8(const uint8_t *const *rows, const int16_t *weights, int n, const EdgeAxis *axis, float scale,
                     ptrdiff_t ahead, uint8_t *target)
{
    const Averaging a = averaging(rows, weights, n, axis, scale, ahead);
    if (axis->quads == 1 && n == 3)
        average8_of(&a, 3, 1, target);
    else if (axis->quads == 1 && n == 4)
        average8_of(&a, 4, 1, target);
    else
        average8_of(&a, n, axis->quads, target);
}

static void average16(const uint8_t *const *rows, const int16_t *weights, int n, const EdgeAxis *axis, float scale,
                      ptrdiff_t ahead, uint16_t *target)
{
    const Averaging a = averaging(rows, weights, n, axis, scale, ahead);
    for (int x = 0; x < axis->count; x += 4) {
        fetch_ahead(&a, x, n);
        store_columns16(average_pair(&a, x, n, axis->quads), average_pair(&a, x + 2, n, axis->quads), axis, x, target);
    }
}

/* ---- Formats ---- */

/* 8 blue, green, red in either half, in 64ths of a level, to 24 bytes each. */
INLINE void store_bgr(__m256i blue, __m256i green, __m256i red, uint8_t *bgr)
{
    const __m256i half = _mm256_set1_epi16(32);
    const __m256i b = _mm256_srai_epi16(_mm256_adds_epi16(blue, half), 6);
    const __m256i g = _mm256_srai_epi16(_mm256_adds_epi16(green, half), 6);
    const __m256i r = _mm256_srai_epi16(_mm256_adds_epi16(red, half), 6);
    const __m256i bg = _mm256_packus_epi16(b, g), rr = _mm256_packus_epi16(r, r);
    const __m256i bg_first = both(_mm_setr_epi8(0, 8, -1, 1, 9, -1, 2, 10, -1, 3, 11, -1, 4, 12, -1, 5));
    const __m256i rr_first = both(_mm_setr_epi8(-1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1));
    const __m256i bg_last = both(_mm_setr_epi8(13, -1, 6, 14, -1, 7, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    const __m256i rr_last = both(_mm_setr_epi8(-1, 5, -1, -1, 6, -1, -1, 7, -1, -1, -1, -1, -1, -1, -1, -1));
    const __m256i first = _mm256_or_si256(_mm256_shuffle_epi8(bg, bg_first), _mm256_shuffle_epi8(rr, rr_first));
    const __m256i last = _mm256_or_si256(_mm256_shuffle_epi8(bg, bg_last), _mm256_shuffle_epi8(rr, rr_last));
    store16(bgr, _mm256_castsi256_si128(first));
    _mm_storel_epi64((__m128i *)(bgr + 16), _mm256_castsi256_si128(last));
    store16(bgr + 24, upper(first));
    _mm_storel_epi64((__m128i *)(bgr + 40), upper(last));
}

/* 16 pixels of any layout as words: luma, and chroma repeated for the two pixels that share it. */
INLINE void load_yuv(const uint8_t *y, const uint8_t *u, const uint8_t *v, EdgeFormat format, size_t i, __m256i yuv[3])
{
    const __m256i low = _mm256_set1_epi16(255);
    __m256i chroma;
    if (format == EDGE_I420) {
        const __m128i us = _mm_loadl_epi64((const __m128i *)(u + i / 2));
        const __m128i vs = _mm_loadl_epi64((const __m128i *)(v + i / 2));
        yuv[0] = _mm256_cvtepu8_epi16(load16(y + i));
        yuv[1] = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(us, us));
        yuv[2] = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(vs, vs));
        return;
    }
    if (format == EDGE_NV12) {
        yuv[0] = _mm256_cvtepu8_epi16(load16(y + i));
        chroma = _mm256_cvtepu8_epi16(load16(u + i));
    } else {
        const __m256i words = load(y + 2 * i), even = _mm256_and_si256(words, low), odd = _mm256_srli_epi16(words, 8);
        yuv[0] = format == EDGE_YUYV ? even : odd;
        chroma = format == EDGE_YUYV ? odd : even;
    }
    yuv[1] = _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(chroma, 0xA0), 0xA0);
    yuv[2] = _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(chroma, 0xF5), 0xF5);
}

INLINE __m256i times(__m256i v, int factor)
{
    return _mm256_mulhrs_epi16(v, _mm256_set1_epi16((short)factor));
}

INLINE void yuv16(const uint8_t *y, const uint8_t *u, const uint8_t *v, EdgeFormat format, size_t i, uint8_t *bgr)
{
    __m256i yuv[3];
    load_yuv(y, u, v, format, i, yuv);
    const __m256i centre = _mm256_set1_epi16(128);
    const __m256i luma = times(_mm256_slli_epi16(_mm256_subs_epu16(yuv[0], _mm256_set1_epi16(16)), 7), 19077);
    const __m256i cb = _mm256_slli_epi16(_mm256_sub_epi16(yuv[1], centre), 8);
    const __m256i cr = _mm256_slli_epi16(_mm256_sub_epi16(yuv[2], centre), 8);
    const __m256i green = _mm256_adds_epi16(times(cb, -3209), times(cr, -6660));
    store_bgr(_mm256_adds_epi16(luma, times(cb, 16525)), _mm256_adds_epi16(luma, green),
              _mm256_adds_epi16(luma, times(cr, 13075)), bgr + 3 * i);
}

INLINE void bgr_from_yuv_of(const uint8_t *y, const uint8_t *u, const uint8_t *v, const EdgeFormat format, size_t pixels,
                            uint8_t *bgr)
{
    for (size_t i = 0; i + 16 <= pixels; i += 16)
        yuv16(y, u, v, format, i, bgr);
    if (pixels % 16)
        yuv16(y, u, v, format, pixels - 16, bgr); /* some of them again; pixels is even, so chroma stays in step */
}

static void bgr_from_yuv(const uint8_t *y, const uint8_t *u, const uint8_t *v, EdgeFormat format, size_t pixels,
                         uint8_t *bgr)
{
    if (pixels < 16)
        edge_scalar.bgr_from_yuv(y, u, v, format, pixels, bgr);
    else if (format == EDGE_YUYV)
        bgr_from_yuv_of(y, u, v, EDGE_YUYV, pixels, bgr);
    else if (format == EDGE_UYVY)
        bgr_from_yuv_of(y, u, v, EDGE_UYVY, pixels, bgr);
    else if (format == EDGE_NV12)
        bgr_from_yuv_of(y, u, v, EDGE_NV12, pixels, bgr);
    else
        bgr_from_yuv_of(y, u, v, EDGE_I420, pixels, bgr);
}

static void bgr_from_grey(const uint8_t *grey, size_t pixels, uint8_t *bgr)
{
    size_t i = 0;
    for (; i + 16 <= pixels; i += 16) {
        const __m128i v = load16(grey + i);
        const __m128i first = _mm_setr_epi8(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5);
        const __m128i second = _mm_setr_epi8(5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10);
        const __m128i third = _mm_setr_epi8(10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15);
        store16(bgr + 3 * i, _mm_shuffle_epi8(v, first));
        store16(bgr + 3 * i + 16, _mm_shuffle_epi8(v, second));
        store16(bgr + 3 * i + 32, _mm_shuffle_epi8(v, third));
    }
    edge_scalar.bgr_from_grey(grey + i, pixels - i, bgr + 3 * i);
}

/* ---- Time ---- */

static void accumulate(const uint16_t *frame, size_t n, uint16_t *oldest, uint16_t *total)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m256i now = load(frame + i);
        store(total + i, _mm256_sub_epi16(_mm256_add_epi16(load(total + i), now), load(oldest + i)));
        store(oldest + i, now);
    }
    edge_scalar.accumulate(frame + i, n - i, oldest + i, total + i);
}

static void noise_floor(const uint16_t *frame, size_t n, uint16_t *previous, uint16_t *noise)
{
    const __m256i most = _mm256_set1_epi16(4095), one = _mm256_set1_epi16(1);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m256i now = load(frame + i), before = load(previous + i), floor_level = load(noise + i);
        const __m256i difference = _mm256_or_si256(_mm256_subs_epu16(now, before), _mm256_subs_epu16(before, now));
        const __m256i seen = _mm256_slli_epi16(_mm256_min_epu16(difference, most), 4);
        const __m256i step = _mm256_add_epi16(_mm256_srli_epi16(floor_level, 5), one);
        const __m256i nearer = _mm256_min_epu16(seen, _mm256_adds_epu16(floor_level, step));
        store(noise + i, _mm256_max_epu16(nearer, _mm256_subs_epu16(floor_level, step)));
        store(previous + i, now);
    }
    edge_scalar.noise_floor(frame + i, n - i, previous + i, noise + i);
}

static void install(EdgeKernels *kernels)
{
    *kernels = (EdgeKernels){
        .histogram = histogram,
        .lut = lut,
        .lut3 = lut3,
        .lut3_planar = lut3_planar,
        .swap = swap,
        .lut12 = lut12,
        .rows16 = rows16,
        .rows32 = rows32,
        .narrow = narrow,
        .columns8 = columns8,
        .columns16 = columns16,
        .average8 = average8,
        .average16 = average16,
        .bgr_from_yuv = bgr_from_yuv,
        .bgr_from_grey = bgr_from_grey,
        .accumulate = accumulate,
        .noise_floor = noise_floor,
    };
}
