/* 128-bit vectors of bytes (NEON, part of every AArch64): the largest of many. */
#ifndef EDGE_ARM_VECTORS_H
#define EDGE_ARM_VECTORS_H

#include <arm_neon.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

typedef uint8x16_t Vector;

/* The largest of 16 * vectors bytes; vectors is a multiple of 4. */
INLINE int maximum_of(const uint8_t *data, const int vectors)
{
    uint8x16_t a = vld1q_u8(data), b = a;
#pragma GCC unroll 8
    for (int i = 0; i < vectors; i += 4) {
        const uint8x16x4_t v = vld1q_u8_x4(data + 16 * i);
        a = vmaxq_u8(vmaxq_u8(a, v.val[0]), v.val[1]);
        b = vmaxq_u8(vmaxq_u8(b, v.val[2]), v.val[3]);
    }
    return vmaxvq_u8(vmaxq_u8(a, b));
}

#endif
