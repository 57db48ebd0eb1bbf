/* The motion stage: change above the noise, the camera's own motion and optical flow of dark, small pictures.
 *
 * edge/picture/motion.py is its definition in NumPy; every level gives the same bits. Nothing here allocates: a stream
 * owns a ring of slots (what `take` makes of a frame) and one block of work memory, both sized below.
 */
#ifndef EDGE_MOTION_H
#define EDGE_MOTION_H

#include <stddef.h>
#include <stdint.h>

enum {
    EDGE_MOTION_LEAST_SIDE = 32,
    EDGE_MOTION_MOST_SIDE = 640,
    EDGE_MOTION_MOST_FRAMES = 16, /* accumulation, and stride, at most */
    EDGE_MOTION_REPORT = 8        /* numbers that a look reports, see EdgeLook */
};

/* One expert's look at a ring of slots.
 *
 * report: significant share of the cells before and after the camera's motion was taken out; how much the
 * picture differs from the frame before, by what there is to see (1: another scene); noise (sigma, 1/128 of a level);
 * the camera's motion, towards the frame before: x, y in half-size pixels a tick, zoom, rotation.
 */
typedef struct {
    int height, width; /* of the luma, multiples of 4 */
    int slots, newest; /* of the ring; frames before the newest lie in the slots before it */
    int accumulation, stride, binning;
    double levels; /* uint8 levels of a velocity of one pixel a tick */
} EdgeLook;

size_t edge_motion_slot(int height, int width); /* int16 elements of a ring's slot */
size_t edge_motion_work(int height, int width); /* bytes */

typedef struct {
    /* luma: uint16 [height][width], sixteenths of a level. */
    void (*take)(const uint16_t *luma, int height, int width, int16_t *slot);
    /* x: uint8 [height / 4][width / 4][3]. work needs no contents. */
    void (*look)(const EdgeLook *look, const int16_t *ring, void *work, uint8_t *x, double *report);
} EdgeMotion;

int edge_motion(const char *level, EdgeMotion *motion); /* of a level of cpu.c; -1 where there is none of that name */
void edge_motion_scalar(EdgeMotion *motion);
void edge_motion_avx2(EdgeMotion *motion);
void edge_motion_avx512(EdgeMotion *motion);
void edge_motion_neon(EdgeMotion *motion);

#endif
