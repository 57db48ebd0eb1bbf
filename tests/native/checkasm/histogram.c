/* The histogram kernel under checkasm. */
#include "checkasm.h"

static void counts_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    (void)in;
    bytes[0] = 3 * EDGE_LEVELS * sizeof(uint32_t);
}

static void run_histogram(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->histogram(take(in, 0, 3 * pixels_of(in)), 3 * pixels_of(in), out[0]);
}

const Kernel HISTOGRAM_KERNELS[] = {{"histogram", counts_bytes, run_histogram}, {NULL, NULL, NULL}};
