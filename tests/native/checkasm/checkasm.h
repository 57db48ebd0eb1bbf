/* What the families of kernels tell checkasm.c: what each kernel reads and writes. */
#ifndef CHECKASM_H
#define CHECKASM_H

#include "kernels.h"

#include <stdlib.h>
#include <string.h>

/* Memory with forbidden neighbours. */
typedef struct {
    uint8_t *start; /* of the usable pages */
    size_t room;
} Guarded;

enum { BLOCKS = 8, OUTPUTS = 2, VARIANTS = 8 };

typedef struct {
    Guarded blocks[BLOCKS];
    size_t n;
    int at_end, variant;
    uint8_t table[EDGE_LEVELS], table12[EDGE_LEVELS12];
} Input;

typedef struct {
    const char *name;
    void (*sizes)(const Input *in, size_t bytes[OUTPUTS]);
    void (*run)(const EdgeKernels *k, const Input *in, void *const out[OUTPUTS]);
} Kernel;

/* Every family's, with a NULL name behind the last. */
extern const Kernel HISTOGRAM_KERNELS[], TABLE_KERNELS[], SHRINK_KERNELS[], FORMAT_KERNELS[];

/* `size` bytes of block b, at its very end or beginning. */
static inline uint8_t *take(const Input *in, int b, size_t size)
{
    return in->blocks[b].start + (in->at_end ? in->blocks[b].room - size : 0);
}

static inline size_t pixels_of(const Input *in)
{
    return in->n / 3;
}

#endif
