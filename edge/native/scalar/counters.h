/* Histogram by counters: what every level does with bright content, and scalar with all.
 *
 * Four tables in turn: neighbours in a picture are often equal, and adding to the counter just stored waits for it.
 */
#ifndef EDGE_COUNTERS_H
#define EDGE_COUNTERS_H

#include "kernels.h"

typedef uint32_t CounterTables[4][3 * EDGE_LEVELS];

/* A load per byte: cheaper than shifting bytes out of words, and what limits is the one store per cycle. */
static inline void count_bytes(CounterTables tables, const uint8_t *data, size_t n)
{
    size_t i = 0;
    for (; i + 12 <= n; i += 12)
#pragma GCC unroll 12
        for (int at = 0; at < 12; at++)
            tables[at / 3][at % 3 * EDGE_LEVELS + data[i + at]]++;
    for (; i < n; i++)
        tables[0][i % 3 * EDGE_LEVELS + data[i]]++;
}

static inline void add_tables(CounterTables tables, uint32_t *counts)
{
    for (int k = 0; k < 3 * EDGE_LEVELS; k++)
        counts[k] += tables[0][k] + tables[1][k] + tables[2][k] + tables[3][k];
}

#endif
