/* Tables for AVX2: one for all bytes, and gain with a table of 4096. */
#include "kernels.h"

#if defined(__x86_64__)

#include "avx2.h"

enum { TOGETHER = 2 }; /* vectors that are looked up together */

/* A table as 16-byte pieces, each but the first and the ninth XORed with the one before: see lookup. */
typedef __m256i Pieces[16];

INLINE void load_pieces(const uint8_t *table, __m256i *pieces)
{
    for (int k = 0; k < 16; k++) {
        __m128i piece = _mm_loadu_si128((const __m128i *)(table + 16 * k));
        if (k % 8)
            piece = _mm_xor_si128(piece, _mm_loadu_si128((const __m128i *)(table + 16 * k - 16)));
        pieces[k] = _mm256_broadcastsi128_si256(piece);
    }
}

/* v[i] = table[v[i]] for v[i] < 16 * used (used 1..4, 8, 16). pshufb gives 0 where bit 7 is set and looks at 4 bits
 * otherwise, so subtracting 16 with saturation at -128 switches the pieces off one by one; the XORs of those passed
 * cancel. Both halves of a whole table go through the same subtractions. */
INLINE void lookup_each(const __m256i *pieces, __m256i *v, const int n, const int used)
{
    __m256i index[TOGETHER], low[TOGETHER], high[TOGETHER];
    for (int i = 0; i < n; i++) {
        index[i] = used <= 8 ? v[i] : _mm256_and_si256(v[i], _mm256_set1_epi8(127));
        low[i] = _mm256_shuffle_epi8(pieces[0], index[i]);
        high[i] = _mm256_shuffle_epi8(pieces[8], index[i]);
    }
#pragma GCC unroll 8
    for (int k = 1; k < (used < 8 ? used : 8); k++)
        for (int i = 0; i < n; i++) {
            index[i] = _mm256_subs_epi8(index[i], _mm256_set1_epi8(16));
            low[i] = _mm256_xor_si256(low[i], _mm256_shuffle_epi8(pieces[k], index[i]));
            high[i] = _mm256_xor_si256(high[i], _mm256_shuffle_epi8(pieces[8 + k], index[i]));
            if (used > 8) /* in this order: gcc would make a tree of the XORs, and spill */
                __asm__("" : "+x"(low[i]), "+x"(high[i]));
        }
    for (int i = 0; i < n; i++)
        v[i] = used <= 8 ? low[i] : _mm256_blendv_epi8(low[i], high[i], v[i]);
}

INLINE __m256i lookup(const __m256i *pieces, __m256i v, const int used)
{
    lookup_each(pieces, &v, 1, used);
    return v;
}

#include "tables.h"

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

void edge_tables_avx2(EdgeKernels *kernels)
{
    kernels->lut = lut;
    kernels->lut12 = lut12;
}

END_OF_TARGET

#endif
