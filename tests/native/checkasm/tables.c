/* The table kernels under checkasm. */
#include "checkasm.h"

static void n_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    bytes[0] = in->n;
}

static void run_lut(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->lut(take(in, 0, in->n), in->n, in->table, out[0]);
}

static void run_lut12(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    const float gain[4] = {0.0625f, 0.3333f, 1.0f, 17.7f};
    k->lut12((const uint16_t *)(void *)take(in, 0, 2 * in->n), in->n, gain[in->variant % 4], in->table12, out[0]);
}

const Kernel TABLE_KERNELS[] = {{"lut", n_bytes, run_lut}, {"lut12", n_bytes, run_lut12}, {NULL, NULL, NULL}};
