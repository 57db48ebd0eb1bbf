/* The motion stage under sanitizers: every level of this CPU gives scalar C's bits, on blocks of exactly the sizes that
 * it asks for, at every size and expert, on noise, motion, extremes and whatever lies in a ring. Prints what differs.
 */
#include "kernels.h"
#include "motion/motion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t state = 1;

static uint32_t draw(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

/* kind 0: noise; 1: a texture that moves, with noise; 2: extremes; 3: all the same. */
static void paint(uint16_t *luma, int height, int width, int kind, int frame)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int across = (x - 3 * frame + 4096) / 5, down = (y - frame + 4096) / 7;
            const uint32_t texture = (uint32_t)(across * 37 + down * 91) % 61 * 20;
            const uint16_t values[] = {(uint16_t)draw(200), (uint16_t)(texture + draw(60)),
                                       draw(2) ? 65535 : 0, 1000};
            luma[y * width + x] = values[kind];
        }
}

static int differs(const EdgeMotion *a, const EdgeMotion *b, int height, int width, int kind, const EdgeLook *look)
{
    const size_t slot = edge_motion_slot(height, width), cells = (size_t)(height / 4) * (size_t)(width / 4) * 3;
    uint16_t *luma = malloc((size_t)height * (size_t)width * sizeof *luma);
    int16_t *one = calloc((size_t)look->slots * slot, sizeof *one);
    int16_t *two = calloc((size_t)look->slots * slot, sizeof *two);
    uint8_t *x = malloc(cells), *z = malloc(cells);
    void *work = malloc(edge_motion_work(height, width));
    double report[EDGE_MOTION_REPORT], other[EDGE_MOTION_REPORT];
    for (int i = 0; i < look->slots; i++) {
        paint(luma, height, width, kind % 4, i);
        a->take(luma, height, width, one + (size_t)i * slot);
        b->take(luma, height, width, two + (size_t)i * slot);
    }
    int wrong = memcmp(one, two, (size_t)look->slots * slot * sizeof *one);
    a->look(look, one, work, x, report);
    memset(work, 0xa5, edge_motion_work(height, width));
    b->look(look, two, work, z, other);
    wrong |= memcmp(x, z, cells) | memcmp(report, other, sizeof report);
    free(luma), free(one), free(two), free(x), free(z), free(work);
    return wrong != 0;
}

int main(void)
{
    const int sizes[][2] = {{120, 160}, {32, 32}, {36, 100}, {240, 320}, {64, 32}, {32, 640}};
    const int experts[][3] = {{1, 1, 1}, {2, 1, 2}, {4, 2, 4}, {16, 3, 8}};
    int failed = 0;
    for (int l = 0; edge_level(l); l++) {
        EdgeMotion scalar, level;
        edge_motion_scalar(&scalar);
        if (edge_motion(edge_level(l), &level) < 0)
            return 1;
        for (int s = 0; s < 6; s++)
            for (int e = 0; e < 4; e++)
                for (int kind = 0; kind < 4; kind++) {
                    const int slots = experts[e][0] + experts[e][1] < 3 ? 3 : experts[e][0] + experts[e][1];
                    const EdgeLook look = {sizes[s][0], sizes[s][1], slots, (int)draw((uint32_t)slots), experts[e][0],
                                           experts[e][1], experts[e][2], 8.0};
                    if (differs(&scalar, &level, sizes[s][0], sizes[s][1], kind, &look)) {
                        printf("%s differs: %dx%d, expert %d, kind %d\n", edge_level(l), sizes[s][1], sizes[s][0], e,
                               kind);
                        failed = 1;
                    }
                }
        printf("%s: done\n", edge_level(l));
    }
    return failed;
}
