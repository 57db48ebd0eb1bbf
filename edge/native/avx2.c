/* The kernels for AVX2 (Haswell, Zen and later). */
#include "counters.h"
#include "kernels.h"

#if defined(__x86_64__)

#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi2,popcnt")
#endif
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* a + b + c bit by bit: *high * 2 + *low. */
INLINE void carry_save(__m256i *high, __m256i *low, __m256i a, __m256i b, __m256i c)
{
    const __m256i half = _mm256_xor_si256(a, b);
    *high = _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(half, c));
    *low = _mm256_xor_si256(half, c);
}

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

enum { LONG_LOOKUPS_PAY = 0 }; /* three lookups per byte in 16 pieces: slower than three scalar ones */

#include "x86.h"

void edge_kernels_avx2(EdgeKernels *kernels)
{
    install(kernels);
}

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else

typedef int edge_no_avx2; /* a translation unit holds at least one declaration */

#endif
