/* Gamma intensity correction as a look-up table. */
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
