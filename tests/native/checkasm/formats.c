/* The kernels of the pixel formats under checkasm. */
#include "checkasm.h"

static void whole_pixels(const Input *in, size_t bytes[OUTPUTS])
{
    bytes[0] = 3 * pixels_of(in);
}

static size_t even_pixels(const Input *in)
{
    return in->n / 3 & ~(size_t)1;
}

static void yuv_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    bytes[0] = 3 * even_pixels(in);
}

static void run_yuv(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    const size_t n = even_pixels(in);
    const EdgeFormat format = (EdgeFormat)(EDGE_YUYV + in->variant % 4);
    const uint8_t *u = take(in, 1, format == EDGE_NV12 ? n : n / 2), *v = take(in, 2, n / 2);
    k->bgr_from_yuv(take(in, 0, format <= EDGE_UYVY ? 2 * n : n), u, v, format, n, out[0]);
}

static void run_grey(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    k->bgr_from_grey(take(in, 0, pixels_of(in)), pixels_of(in), out[0]);
}

static void luma_bytes(const Input *in, size_t bytes[OUTPUTS])
{
    bytes[0] = pixels_of(in) * sizeof(uint16_t);
}

static void run_luma(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS])
{
    uint16_t *fine = (uint16_t *)(void *)take(in, 0, 6 * pixels_of(in));
    for (size_t i = 0; i < 3 * pixels_of(in); i++)
        fine[i] %= 4081;
    k->luma(fine, pixels_of(in), out[0]);
}

const Kernel FORMAT_KERNELS[] = {
    {"bgr_from_yuv", yuv_bytes, run_yuv},
    {"bgr_from_grey", whole_pixels, run_grey},
    {"luma", luma_bytes, run_luma},
    {NULL, NULL, NULL},
};
