/* Pixel formats for NEON. */
#include "kernels.h"

#if defined(__aarch64__)

#include "vectors.h"

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
    const int16x8_t above = vreinterpretq_s16_u16(vshll_n_u8(vqsub_u8(y, vdup_n_u8(16)), 7));
    const int16x8_t luma = times(above, 19077);
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

static void luma(const uint16_t *fine, size_t pixels, uint16_t *result)
{
    size_t i = 0;
    for (; i + 8 <= pixels; i += 8) {
        const uint16x8x3_t v = vld3q_u16(fine + 3 * i);
        uint32x4_t low = vmull_n_u16(vget_low_u16(v.val[0]), 3735), high = vmull_high_n_u16(v.val[0], 3735);
        low = vmlal_n_u16(vmlal_n_u16(low, vget_low_u16(v.val[1]), 19235), vget_low_u16(v.val[2]), 9798);
        high = vmlal_high_n_u16(vmlal_high_n_u16(high, v.val[1], 19235), v.val[2], 9798);
        vst1q_u16(result + i, vrshrn_high_n_u32(vrshrn_n_u32(low, 15), high, 15));
    }
    edge_scalar.luma(fine + 3 * i, pixels - i, result + i);
}

void edge_formats_neon(EdgeKernels *kernels)
{
    kernels->bgr_from_yuv = bgr_from_yuv;
    kernels->bgr_from_grey = bgr_from_grey;
    kernels->luma = luma;
}

#endif
