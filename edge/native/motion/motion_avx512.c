/* The motion stage for AVX-512, in 256-bit vectors: wider ones lower the clock. */
#if defined(__x86_64__) && !defined(EDGE_SCALAR_ONLY)
#pragma GCC target("avx2,bmi,bmi2,lzcnt,avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=256")
#define MOTION_AVX2
#define INSTALL edge_motion_avx512
#include "motion_body.h"
#endif
