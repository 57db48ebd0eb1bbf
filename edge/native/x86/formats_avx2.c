/* Pixel formats for AVX2. */
#include "kernels.h"

#if defined(__x86_64__)

#include "avx2.h"

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

/* Blue and green of two pixels, red and nothing, in either half. */
INLINE __m256i weighed_pixels(const uint16_t *left, const uint16_t *right)
{
    const __m256i order = both(_mm_setr_epi8(0, 1, 2, 3, 4, 5, -1, -1, 6, 7, 8, 9, 10, 11, -1, -1));
    const __m256i weights = both(_mm_setr_epi16(3735, 19235, 9798, 0, 3735, 19235, 9798, 0));
    return _mm256_madd_epi16(_mm256_shuffle_epi8(pair(load16(left), load16(right)), order), weights);
}

/* Eight pixels at a time; the last load reaches into the ninth. */
static void luma(const uint16_t *fine, size_t pixels, uint16_t *result)
{
    size_t i = 0;
    for (; i + 9 <= pixels; i += 8) {
        const uint16_t *at = fine + 3 * i;
        const __m256i sums = _mm256_hadd_epi32(weighed_pixels(at, at + 12), weighed_pixels(at + 6, at + 18));
        const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(sums, _mm256_set1_epi32(1 << 14)), 15);
        const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(rounded, rounded), 0x08);
        store16(result + i, _mm256_castsi256_si128(words));
    }
    edge_scalar.luma(fine + 3 * i, pixels - i, result + i);
}

void edge_formats_avx2(EdgeKernels *kernels)
{
    kernels->bgr_from_yuv = bgr_from_yuv;
    kernels->bgr_from_grey = bgr_from_grey;
    kernels->luma = luma;
}

END_OF_TARGET

#endif
