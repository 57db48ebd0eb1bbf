/* Histograms for NEON. */
#include "kernels.h"

#if defined(__aarch64__)

#include "vectors.h"

enum { BYTES = 16, DEPTH = 6, TREES = 8, ESCAPE_COST = 40, TABLE_COST = 7, SAMPLED = 307, PLACE_BITS = 4 };

INLINE Vector load(const uint8_t *data)
{
    return vld1q_u8(data);
}

INLINE Vector splat(int byte)
{
    return vdupq_n_u8((uint8_t)byte);
}

INLINE Vector either(Vector a, Vector b)
{
    return vorrq_u8(a, b);
}

INLINE Vector both_of(Vector a, Vector b)
{
    return vandq_u8(a, b);
}

INLINE Vector minus(Vector a, Vector b)
{
    return vsubq_u8(a, b);
}

INLINE Vector equals(Vector a, Vector b)
{
    return vceqq_u8(a, b);
}

INLINE Vector at_least(Vector v, Vector threshold)
{
    return vcgeq_u8(v, threshold);
}

INLINE Vector has_bits(Vector v, Vector bits)
{
    return vtstq_u8(v, bits);
}

INLINE Vector counted(Vector counter, Vector carry, const int bit)
{
    return vsubq_u8(counter, vtstq_u8(carry, vdupq_n_u8((uint8_t)(1 << bit))));
}

INLINE int how_many(Vector mask)
{
    return vaddvq_u8(vshrq_n_u8(mask, 7));
}

/* Four bits of every byte, of which one is kept. */
INLINE uint64_t places(Vector mask)
{
    const uint8x8_t nibbles = vshrn_n_u16(vreinterpretq_u16_u8(mask), 4);
    return vget_lane_u64(vreinterpret_u64_u8(nibbles), 0) & 0x1111111111111111ull;
}

INLINE void carry_save(Vector *high, Vector *low, Vector a, Vector b, Vector c)
{
    const Vector half = veorq_u8(a, b);
    *low = veorq_u8(half, c);
    *high = vbslq_u8(half, c, b);
}

INLINE Vector in_group(Vector v, Vector group)
{
    return vsubq_u8(v, group);
}

/* tbl gives 0 for what is not in 0..15. */
INLINE Vector hot_bits(Vector v, Vector hot)
{
    return vqtbl1q_u8(hot, v);
}

INLINE uint32_t weighed(Vector high, Vector low)
{
    return ((uint32_t)vaddlvq_u8(high) << DEPTH) + vaddlvq_u8(low);
}

#include "../histogram.h"

void edge_histogram_neon(EdgeKernels *kernels)
{
    kernels->histogram = histogram;
}

#endif
