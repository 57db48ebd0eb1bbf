/* Histogram by counters: what every level does with bright content, and scalar with all.
 *
 * Four tables in turn: neighbours in a picture are often equal, and adding to the counter just stored waits for it.
 */
#ifndef EDGE_COUNTERS_H
#define EDGE_COUNTERS_H

#include "kernels.h"

#include <string.h>

typedef uint32_t CounterTables[4][3 * EDGE_LEVELS];

/* Eight values at a time from a register: a load per byte would be half of the work. */
static inline void count_word(CounterTables tables, uint64_t word, int phase, int channels)
{
    for (int i = 0; i < 8; i++, word >>= 8) {
        const int at = phase + i;
        if (channels == 1)
            tables[at % 4][word & 255]++;
        else
            tables[at / 3 % 4][at % 3 * EDGE_LEVELS + (word & 255)]++;
    }
}

static inline void count_bytes(CounterTables tables, const uint8_t *data, size_t n, int channels)
{
    size_t i = 0;
    for (; i + 24 <= n; i += 24) {
        uint64_t words[3];
        memcpy(words, data + i, 24);
        if (channels == 1)
            for (int w = 0; w < 3; w++)
                count_word(tables, words[w], 0, 1);
        else
            for (int w = 0; w < 3; w++)
                count_word(tables, words[w], 8 * w, 3);
    }
    for (; i < n; i++)
        tables[0][(channels == 1 ? 0 : i % 3 * EDGE_LEVELS) + data[i]]++;
}

static inline void add_tables(CounterTables tables, int channels, uint32_t *counts)
{
    for (int k = 0; k < channels * EDGE_LEVELS; k++)
        counts[k] += tables[0][k] + tables[1][k] + tables[2][k] + tables[3][k];
}

#endif
