/* Statistics of a frame from its three channel histograms, in both conventions; exact, because frames are 8 bit. */
#include "kernels.h"

#include <math.h>
#include <string.h>

const double EDGE_DGAM_MEAN[3] = {103.53, 116.28, 123.675}; /* ImageNet, BGR */
const double EDGE_DGAM_STD[3] = {57.375, 57.12, 58.395};

/* On the levels themselves, all channels pooled; the mean from integers, the spread around it: no cancellation. */
void edge_statistics_pixel(const uint32_t *counts, double result[5])
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

/* The released DGAM code normalises first (float32) and pools the normalised values. */
static float normalised(int channel, int level)
{
    return (float)(((double)level - EDGE_DGAM_MEAN[channel]) / EDGE_DGAM_STD[channel]);
}

static void normalised_range(const uint32_t *counts, float *minimum, float *maximum)
{
    *minimum = INFINITY;
    *maximum = -INFINITY;
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < EDGE_LEVELS; v++)
            if (counts[c * EDGE_LEVELS + v]) {
                *minimum = fminf(*minimum, normalised(c, v));
                *maximum = fmaxf(*maximum, normalised(c, v));
            }
}

/* 256 bins over (0, 255) of the values stretched by their joint range; what float32 lifts above 255 falls out. */
static double stretched_entropy(const uint32_t *counts, float minimum, float maximum)
{
    uint64_t bins[EDGE_LEVELS] = {0}, n = 0;
    const float range = (maximum - minimum) + 1e-10f;
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < EDGE_LEVELS; v++) {
            const uint32_t count = counts[c * EDGE_LEVELS + v];
            const float stretched = (normalised(c, v) - minimum) / range * 255.0f;
            if (!count || stretched > 255.0f)
                continue;
            const int bin = (int)((double)stretched * 256.0 / 255.0);
            bins[bin < 255 ? bin : 255] += count;
            n += count;
        }
    double weighted_log = 0.0;
    for (int k = 0; k < EDGE_LEVELS; k++)
        if (bins[k])
            weighted_log += (double)bins[k] * log((double)bins[k]);
    const double entropy = n ? log((double)n) - weighted_log / (double)n : 0.0;
    return entropy > 0.0 ? entropy : 0.0;
}

void edge_statistics_dgam(const uint32_t *counts, double result[5])
{
    double n = 0.0, sum = 0.0, spread = 0.0;
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < EDGE_LEVELS; v++) {
            n += counts[c * EDGE_LEVELS + v];
            sum += counts[c * EDGE_LEVELS + v] * (double)normalised(c, v);
        }
    const double mean = sum / n;
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < EDGE_LEVELS; v++) {
            const double distance = (double)normalised(c, v) - mean;
            spread += counts[c * EDGE_LEVELS + v] * distance * distance;
        }
    float minimum, maximum;
    normalised_range(counts, &minimum, &maximum);
    result[0] = mean;
    result[1] = n > 1.0 ? sqrt(spread / (n - 1.0)) : 0.0;
    result[2] = stretched_entropy(counts, minimum, maximum);
    result[3] = minimum;
    result[4] = maximum;
}

/* The level under which `fraction` of the values lie, linear inside the bin that holds it. */
double edge_level_of(const uint32_t *counts, int levels, double fraction)
{
    double total = 0.0, below = 0.0;
    for (int v = 0; v < levels; v++)
        total += counts[v];
    const double wanted = fraction * total;
    for (int v = 0; v < levels; v++) {
        if (counts[v] && below + counts[v] >= wanted)
            return v + (wanted - below) / counts[v];
        below += counts[v];
    }
    return 0.0;
}

void edge_histogram12(const uint16_t *data, size_t n, uint32_t counts[EDGE_LEVELS12])
{
    memset(counts, 0, EDGE_LEVELS12 * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        counts[data[i] < EDGE_LEVELS12 ? data[i] : EDGE_LEVELS12 - 1]++;
}
