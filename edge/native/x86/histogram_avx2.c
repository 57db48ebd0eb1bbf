/* Histograms for AVX2. */
#include "kernels.h"

#if defined(__x86_64__)

#include "avx2.h"

INLINE void carry_save(Vector *high, Vector *low, Vector a, Vector b, Vector c)
{
    const Vector half = _mm256_xor_si256(a, b);
    *high = _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(half, c));
    *low = _mm256_xor_si256(half, c);
}

#include "histogram.h"

void edge_histogram_avx2(EdgeKernels *kernels)
{
    kernels->histogram = histogram;
}

END_OF_TARGET

#endif
