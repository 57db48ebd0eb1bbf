/* The motion stage for AVX2. */
#if defined(__x86_64__) && !defined(EDGE_SCALAR_ONLY)
#pragma GCC target("avx2,bmi,bmi2,lzcnt")
#define MOTION_AVX2
#define INSTALL edge_motion_avx2
#include "motion_body.h"
#endif
