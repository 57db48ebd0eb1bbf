/* Tables for AVX-512: a permutation over two vectors looks 64 entries up. */
#include "kernels.h"

#if defined(__x86_64__)

#include "avx512.h"

enum { TOGETHER = 2 }; /* vectors that are looked up together */

/* A table as eight vectors of 32 entries. */
typedef __m256i Pieces[8];

INLINE void load_pieces(const uint8_t *table, __m256i *pieces)
{
    for (int k = 0; k < 8; k++)
        pieces[k] = _mm256_loadu_si256((const __m256i *)(table + 32 * k));
}

/* table[v] for v < 16 * used (used 1..4, 8, 16): vpermi2b looks at 6 bits, the masks at the other two. */
INLINE __m256i lookup(const __m256i *pieces, __m256i v, int used)
{
    if (used <= 2)
        return _mm256_permutexvar_epi8(v, pieces[0]);
    const __m256i low = _mm256_permutex2var_epi8(pieces[0], v, pieces[1]);
    if (used <= 4)
        return low;
    const __mmask32 bit6 = _mm256_test_epi8_mask(v, _mm256_set1_epi8(64));
    const __m256i half = _mm256_mask_mov_epi8(low, bit6, _mm256_permutex2var_epi8(pieces[2], v, pieces[3]));
    if (used <= 8)
        return half;
    const __m256i third = _mm256_permutex2var_epi8(pieces[4], v, pieces[5]);
    const __m256i upper = _mm256_mask_mov_epi8(third, bit6, _mm256_permutex2var_epi8(pieces[6], v, pieces[7]));
    return _mm256_mask_mov_epi8(half, _mm256_movepi8_mask(v), upper);
}

INLINE void lookup_each(const __m256i *pieces, __m256i *v, const int n, const int used)
{
    for (int i = 0; i < n; i++)
        v[i] = lookup(pieces, v[i], used);
}

#include "tables.h"

void edge_tables_avx512(EdgeKernels *kernels)
{
    kernels->lut = lut;
}

END_OF_TARGET

#endif
