/* Regions of change: cells that tracks claim, regions that none does, windows around tracks.
 *
 * edge/picture/regions.py is its definition in NumPy, bit for bit. Nothing here allocates.
 */
#ifndef EDGE_REGIONS_H
#define EDGE_REGIONS_H

#include <stddef.h>
#include <stdint.h>

enum {
    EDGE_REGIONS_LEAST_SIDE = 4,
    EDGE_REGIONS_MOST_SIDE = 160, /* of a map, in cells */
    EDGE_REGIONS_CLAIMS = 8,
    EDGE_REGIONS_MOST = 16,
    EDGE_REGIONS_CLAIM = 6,   /* left, right, top, bottom in 1/16 cells; velocity x, y in 1/16 levels */
    EDGE_REGIONS_SUMS = 12,   /* see regions.py */
    EDGE_REGIONS_REGION = 8,
    EDGE_REGIONS_MOST_REACH = 32,
    EDGE_REGIONS_FREE = 255,
    EDGE_WINDOW_MOST_SIDE = 128, /* of a window as the network sees it */
    EDGE_WINDOW_MOST_CELLS = 16  /* of a map, across one pixel of a window */
};

typedef struct {
    int height, width; /* of the map */
    int claims;
    int reach_x, reach_y, least_mass;
} EdgeRegions;

/* x: uint8 [height][width][3]; owner: uint8 [height][width]; sums: [claims][12]; regions: [16][8]. Returns how many. */
int edge_regions_find(const EdgeRegions *wanted, const uint8_t *x, const int32_t *claims, uint8_t *owner, int32_t *sums,
                      int32_t *regions, void *work);

size_t edge_regions_work(int height, int width); /* bytes; needs no contents */

typedef struct {
    int height, width;         /* of the map */
    int which;                 /* owner whose window it is; 0: everybody's cells are seen */
    int middle_x, middle_y;    /* in 1/256 cells */
    int tall;                  /* of the window, in 1/256 cells */
    int scale;                 /* of velocities, in 1/256 */
    int out_height, out_width; /* of the window as the network sees it */
} EdgeWindow;

/* out: uint8 [out_height][out_width][3]. */
void edge_regions_window(const EdgeWindow *wanted, const uint8_t *x, const uint8_t *owner, uint8_t *out);

#endif
