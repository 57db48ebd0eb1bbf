/* What a file for AVX-512 with VBMI and VNNI (Ice Lake, Zen 4 and later) compiles for. It ends with END_OF_TARGET.
 *
 * In 256-bit vectors, because wider ones were unsteady, but for the shrink. */
#ifndef EDGE_AVX512_H
#define EDGE_AVX512_H

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi2,popcnt,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni"))), apply_to = function)
#define END_OF_TARGET _Pragma("clang attribute pop")
#else
#pragma GCC target("avx2,bmi2,popcnt,avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni")
#define END_OF_TARGET
#endif

#include "vectors.h"

#endif
