/* The motion stage for NEON. Nothing in it has 8-bit products, so a dot product (Cortex-A76) has nothing to do. */
#if defined(__aarch64__) && !defined(EDGE_SCALAR_ONLY)
#define MOTION_NEON
#define INSTALL edge_motion_neon
#include "motion_body.h"
#endif
