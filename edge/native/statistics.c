/* Statistics of a frame from its three channel histograms; exact, because frames are 8 bit. */
#include "kernels.h"

#include <math.h>

/* On the levels themselves, all channels pooled; the mean from integers, the spread around it: no cancellation. */
void edge_statistics(const uint32_t counts[3 * EDGE_LEVELS], double result[5])
{
    uint64_t pooled[EDGE_LEVELS], n = 0, sum = 0;
    double spread = 0.0, weighted_log = 0.0;
    int minimum = -1, maximum = 0;
    for (int v = 0; v < EDGE_LEVELS; v++) {
        pooled[v] = (uint64_t)counts[v] + counts[EDGE_LEVELS + v] + counts[2 * EDGE_LEVELS + v];
        n += pooled[v];
        sum += pooled[v] * (uint64_t)v;
        maximum = pooled[v] ? v : maximum;
        minimum = pooled[v] && minimum < 0 ? v : minimum;
    }
    const double total = (double)n, mean = (double)sum / total;
    for (int v = minimum; v <= maximum; v++)
        if (pooled[v]) {
            const double count = (double)pooled[v];
            spread += count * (v - mean) * (v - mean);
            weighted_log += count * log(count);
        }
    const double entropy = log(total) - weighted_log / total;
    result[0] = mean;
    result[1] = n > 1 ? sqrt(spread / (total - 1.0)) : 0.0;
    result[2] = entropy > 0.0 ? entropy : 0.0;
    result[3] = minimum;
    result[4] = maximum;
}
