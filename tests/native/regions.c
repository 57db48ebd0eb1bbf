/* Regions and windows under sanitizers: on blocks of exactly the sizes that they take, at every size, on noise, on
 * nothing, on extremes, with claims and windows that lie anywhere. Prints a sum of all that came out.
 */
#include "motion/regions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t state = 1;

static uint32_t draw(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

static int between(int low, int high)
{
    return low + (int)draw((uint32_t)(high - low + 1));
}

/* kind 0: noise; 1: a few cells; 2: extremes; 3: nothing. */
static void paint(uint8_t *x, int cells, int kind)
{
    for (int i = 0; i < cells; i++) {
        const int still = kind == 3 || (kind == 1 && draw(20));
        for (int k = 0; k < 3; k++)
            x[3 * i + k] = still ? 128 : kind == 2 ? (draw(2) ? 255 : 0) : (uint8_t)draw(256);
    }
}

static uint64_t sum_of(const void *memory, size_t bytes)
{
    const uint8_t *at = memory;
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes; i++)
        sum = sum * 31 + at[i];
    return sum;
}

static uint64_t run(int height, int width, int kind, int claims)
{
    const size_t cells = (size_t)height * (size_t)width;
    uint8_t *x = malloc(cells * 3), *owner = malloc(cells);
    int32_t *edges = malloc(sizeof *edges * EDGE_REGIONS_CLAIMS * EDGE_REGIONS_CLAIM);
    int32_t *sums = malloc(sizeof *sums * EDGE_REGIONS_CLAIMS * EDGE_REGIONS_SUMS);
    int32_t *regions = malloc(sizeof *regions * EDGE_REGIONS_MOST * EDGE_REGIONS_REGION);
    void *work = malloc(edge_regions_work(height, width));
    paint(x, (int)cells, kind);
    for (int i = 0; i < EDGE_REGIONS_CLAIMS * EDGE_REGIONS_CLAIM; i++)
        edges[i] = draw(9) ? between(-400, 16 * 200) : draw(2) ? INT32_MAX : INT32_MIN;
    const EdgeRegions wanted = {height, width, claims, between(1, EDGE_REGIONS_MOST_REACH),
                                between(1, EDGE_REGIONS_MOST_REACH), between(1, 500)};
    const int found = edge_regions_find(&wanted, x, edges, owner, sums, regions, work);
    uint64_t sum = sum_of(owner, cells) + sum_of(regions, sizeof *regions * EDGE_REGIONS_REGION * (size_t)found);
    const int sides[] = {1, 8, 30, EDGE_WINDOW_MOST_SIDE};
    for (int i = 0; i < 8; i++) {
        const int down = sides[draw(4)], across = sides[draw(4)];
        uint8_t *out = malloc((size_t)(down * across * 3));
        const EdgeWindow window = {height, width, between(0, EDGE_REGIONS_CLAIMS), between(-99999, 99999),
                                   between(-99999, 99999), between(1, 256 * EDGE_WINDOW_MOST_CELLS * down),
                                   between(0, 1 << 24), down, across};
        edge_regions_window(&window, x, owner, out);
        sum += sum_of(out, (size_t)(down * across * 3));
        free(out);
    }
    free(x), free(owner), free(edges), free(sums), free(regions), free(work);
    return sum;
}

int main(void)
{
    const int sizes[][2] = {{4, 4}, {4, 160}, {160, 4}, {30, 40}, {60, 80}, {61, 79}, {160, 160}};
    uint64_t sum = 0;
    for (int s = 0; s < 7; s++)
        for (int kind = 0; kind < 4; kind++)
            for (int claims = 0; claims <= EDGE_REGIONS_CLAIMS; claims += 4)
                sum = sum * 31 + run(sizes[s][0], sizes[s][1], kind, claims);
    printf("done: %llx\n", (unsigned long long)sum);
    return 0;
}
