/* Histograms for AVX-512: any function of three bits is one instruction. */
#include "kernels.h"

#if defined(__x86_64__)

#include "avx512.h"

INLINE void carry_save(Vector *high, Vector *low, Vector a, Vector b, Vector c)
{
    *high = _mm256_ternarylogic_epi64(a, b, c, 0xE8);
    *low = _mm256_ternarylogic_epi64(a, b, c, 0x96);
}

#include "histogram.h"

void edge_histogram_avx512(EdgeKernels *kernels)
{
    kernels->histogram = histogram;
}

END_OF_TARGET

#endif
