/* Signed 16-bit lanes: sixteen of AVX2, eight of NEON, or eight in plain C that says what each operation means. */
#ifndef EDGE_MOTION_VECTORS_H
#define EDGE_MOTION_VECTORS_H

#include <stdint.h>
#include <string.h>

enum { MOST_LANES = 16 }; /* what buffers have room for, whichever level they are for */

#if defined(MOTION_AVX2)
#include <immintrin.h>

enum { LANES = 16 };
typedef __m256i V;
typedef __m256i Sums; /* eight 32-bit lanes */

static inline V v_load(const int16_t *at) { return _mm256_loadu_si256((const __m256i *)at); }
static inline V v_load_rows(const int16_t *at, int stride)
{
    const __m256i low = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)at));
    return _mm256_inserti128_si256(low, _mm_loadu_si128((const __m128i *)(at + stride)), 1);
}
static inline void v_store(int16_t *at, V a) { _mm256_storeu_si256((__m256i *)at, a); }
static inline V v_all(int value) { return _mm256_set1_epi16((int16_t)value); }
static inline V v_add(V a, V b) { return _mm256_add_epi16(a, b); }
static inline V v_sub(V a, V b) { return _mm256_sub_epi16(a, b); }
static inline V v_double(V a) { return _mm256_adds_epi16(a, a); }
static inline V v_abs(V a) { return _mm256_abs_epi16(a); }
static inline V v_min(V a, V b) { return _mm256_min_epi16(a, b); }
static inline V v_max(V a, V b) { return _mm256_max_epi16(a, b); }
static inline V v_halve(V a) { return _mm256_srai_epi16(a, 1); }
static inline V v_average(V a, V b) { return _mm256_avg_epu16(a, b); }
static inline V v_scale(V a, V b) { return _mm256_mulhrs_epi16(a, b); }
static inline Sums sums_none(void) { return _mm256_setzero_si256(); }
static inline Sums sums_add(Sums s, V a, V b) { return _mm256_add_epi32(s, _mm256_madd_epi16(a, b)); }
static inline int32_t sums_total(Sums wide)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

#elif defined(MOTION_NEON)
#include <arm_neon.h>

enum { LANES = 8 };
typedef int16x8_t V;
typedef int32x4_t Sums;

static inline V v_load(const int16_t *at) { return vld1q_s16(at); }
static inline V v_load_rows(const int16_t *at, int stride) { return (void)stride, v_load(at); }
static inline void v_store(int16_t *at, V a) { vst1q_s16(at, a); }
static inline V v_all(int value) { return vdupq_n_s16((int16_t)value); }
static inline V v_add(V a, V b) { return vaddq_s16(a, b); }
static inline V v_sub(V a, V b) { return vsubq_s16(a, b); }
static inline V v_double(V a) { return vqaddq_s16(a, a); }
static inline V v_abs(V a) { return vabsq_s16(a); }
static inline V v_min(V a, V b) { return vminq_s16(a, b); }
static inline V v_max(V a, V b) { return vmaxq_s16(a, b); }
static inline V v_halve(V a) { return vshrq_n_s16(a, 1); }
static inline V v_average(V a, V b) { return vrhaddq_s16(a, b); }
static inline V v_scale(V a, V b) { return vqrdmulhq_s16(a, b); }
static inline Sums sums_none(void) { return vdupq_n_s32(0); }
static inline Sums sums_add(Sums s, V a, V b)
{
    return vmlal_high_s16(vmlal_s16(s, vget_low_s16(a), vget_low_s16(b)), a, b);
}
static inline int32_t sums_total(Sums s) { return vaddvq_s32(s); }

#else

enum { LANES = 8 };
typedef struct {
    int16_t at[LANES];
} V;
typedef struct {
    int32_t total;
} Sums;

#define EACH(expression)                                                                                              \
    V result;                                                                                                         \
    for (int i = 0; i < LANES; i++)                                                                                   \
        result.at[i] = (int16_t)(expression);                                                                         \
    return result

static inline V v_load(const int16_t *at) { EACH(at[i]); }
/* From the start of as many rows as there are eights of lanes. */
static inline V v_load_rows(const int16_t *at, int stride) { return (void)stride, v_load(at); }
static inline void v_store(int16_t *at, V a) { memcpy(at, a.at, sizeof a.at); }
static inline V v_all(int value) { EACH(value); }
static inline V v_add(V a, V b) { EACH(a.at[i] + b.at[i]); } /* no sum or difference here leaves 16 bits */
static inline V v_sub(V a, V b) { EACH(a.at[i] - b.at[i]); }
static inline V v_double(V a) { EACH(a.at[i] > 16383 ? 32767 : 2 * a.at[i]); } /* of what is not negative */
static inline V v_abs(V a) { EACH(a.at[i] < 0 ? -a.at[i] : a.at[i]); }
static inline V v_min(V a, V b) { EACH(a.at[i] < b.at[i] ? a.at[i] : b.at[i]); }
static inline V v_max(V a, V b) { EACH(a.at[i] > b.at[i] ? a.at[i] : b.at[i]); }
static inline V v_halve(V a) { EACH(a.at[i] >> 1); }
static inline V v_average(V a, V b) { EACH((a.at[i] + b.at[i] + 1) >> 1); }           /* of what is not negative */
static inline V v_scale(V a, V b) { EACH((a.at[i] * b.at[i] + 16384) >> 15); }        /* b is not -32768 */
static inline Sums sums_none(void) { return (Sums){0}; }
static inline Sums sums_add(Sums s, V a, V b)
{
    for (int i = 0; i < LANES; i++)
        s.total += a.at[i] * b.at[i];
    return s;
}
static inline int32_t sums_total(Sums s) { return s.total; }
#undef EACH

#endif

static inline V v_between(V a, int low, int high)
{
    return v_max(v_min(a, v_all(high)), v_all(low));
}

static inline V v_difference(V a, V b)
{
    return v_abs(v_sub(a, b));
}

#endif
