/* The motion stage as every processor runs it; on aarch64 that is NEON, which is part of it. */
#define INSTALL edge_motion_scalar
#include "motion_body.h"

size_t edge_motion_slot(int height, int width)
{
    return slot_size(height, width);
}

size_t edge_motion_work(int height, int width)
{
    return work_size(height, width);
}

int edge_motion(const char *level, EdgeMotion *motion)
{
    if (!strcmp(level, "scalar"))
        edge_motion_scalar(motion);
#if defined(__x86_64__) && !defined(EDGE_SCALAR_ONLY)
    else if (!strcmp(level, "avx2"))
        edge_motion_avx2(motion);
    else if (!strcmp(level, "avx512"))
        edge_motion_avx512(motion);
#elif defined(__aarch64__) && !defined(EDGE_SCALAR_ONLY)
    else if (!strcmp(level, "neon"))
        edge_motion_neon(motion);
#endif
    else
        return -1;
    return 0;
}
