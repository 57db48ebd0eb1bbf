/* What a file for AVX2 (Haswell, Zen and later) compiles for. It ends with END_OF_TARGET. */
#ifndef EDGE_AVX2_H
#define EDGE_AVX2_H

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi2,popcnt"))), apply_to = function)
#define END_OF_TARGET _Pragma("clang attribute pop")
#else
#pragma GCC target("avx2,bmi2,popcnt")
#define END_OF_TARGET
#endif

#include "vectors.h"

#endif
