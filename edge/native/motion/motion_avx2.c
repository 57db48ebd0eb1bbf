/* The motion stage for AVX2. */
#if defined(__x86_64__) && !defined(EDGE_SCALAR_ONLY)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt"))), apply_to = function)
#define END_OF_TARGET _Pragma("clang attribute pop")
#else
#pragma GCC target("avx2,bmi,bmi2,lzcnt")
#define END_OF_TARGET
#endif
#define MOTION_AVX2
#define INSTALL edge_motion_avx2
#include "motion_body.h"
END_OF_TARGET
#endif
