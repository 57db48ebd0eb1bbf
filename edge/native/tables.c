/* Gamma intensity correction as look-up tables, in both conventions. */
#include "kernels.h"

#include <math.h>

void edge_powers(double gamma, double powers[EDGE_LEVELS])
{
    for (int d = 0; d < EDGE_LEVELS; d++)
        powers[d] = pow(d, 1.0 / gamma);
}

/* GIC (ELLAR paper, eq. 6), rounded half up: span * (d / span)^(1/g) + min = span * d^(1/g) / span^(1/g) + min, so no
 * pow per frame. Equal to the formula in float64 for the papers' gammas: no entry comes nearer to a half than 1e-14. */
void edge_gic_table(int minimum, int maximum, const double *powers, uint8_t table[EDGE_LEVELS])
{
    for (int v = 0; v < EDGE_LEVELS; v++)
        table[v] = (uint8_t)v;
    const int span = maximum - minimum;
    if (span <= 0)
        return;
    const double scale = span / powers[span];
    for (int d = 0; d <= span; d++)
        table[minimum + d] = (uint8_t)(powers[d] * scale + minimum + 0.5);
}

/* The same on sixteenths of a level; entries are levels. */
void edge_gic_table12(int minimum, int maximum, double gamma, uint8_t table[EDGE_LEVELS12])
{
    const double span = maximum - minimum;
    for (int v = 0; v < EDGE_LEVELS12; v++) {
        double level = v;
        if (v >= minimum && v <= maximum && span > 0)
            level = span * pow((v - minimum) / span, 1.0 / gamma) + minimum;
        const double rounded = floor(level / 16.0 + 0.5);
        table[v] = (uint8_t)(rounded < 255.0 ? rounded : 255.0);
    }
}

/* The released code corrects the normalised frame (eps 1e-5); back in levels that is one curve per channel. */
void edge_dgam_tables(double minimum, double maximum, double gamma, uint8_t tables[3 * EDGE_LEVELS])
{
    const double range = maximum - minimum;
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < EDGE_LEVELS; v++) {
            /* Single, as the minimum is: the darkest pixels stay where they are, and a root makes much of little. */
            const double x = (float)((v - EDGE_DGAM_MEAN[c]) / EDGE_DGAM_STD[c]);
            const double unit = fmax(x - minimum, 0.0) / (range + 1e-5);
            const double y = range * pow(unit, 1.0 / gamma) + minimum;
            const double level = floor(y * EDGE_DGAM_STD[c] + EDGE_DGAM_MEAN[c] + 0.5);
            tables[c * EDGE_LEVELS + v] = (uint8_t)fmin(fmax(level, 0.0), 255.0);
        }
}
