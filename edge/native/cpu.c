/* Which kernels this CPU can run, and the table of the chosen level. */
#include "kernels.h"

#include <string.h>

typedef void Install(EdgeKernels *kernels);

/* A level has the kernels of the one before it, and what its families put in their place. */
typedef struct {
    const char *name;
    Install *families[5]; /* NULL behind the last */
} Level;

static int levels(Level list[4])
{
    int n = 0;
    list[n++] = (Level){"scalar", {NULL}};
#if defined(__x86_64__) && !defined(EDGE_SCALAR_ONLY)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt")) {
        list[n++] = (Level){
            "avx2", {edge_histogram_avx2, edge_tables_avx2, edge_shrink_avx2, edge_formats_avx2}};
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni"))
            list[n++] = (Level){"avx512", {edge_histogram_avx512, edge_tables_avx512, edge_shrink_avx512}};
    }
#elif defined(__aarch64__) && !defined(EDGE_SCALAR_ONLY)
    /* part of every ARMv8-A CPU that runs Linux */
    list[n++] = (Level){"neon", {edge_histogram_neon, edge_tables_neon, edge_shrink_neon, edge_formats_neon}};
#endif
    return n;
}

const char *edge_level(int index)
{
    Level list[4];
    return index >= 0 && index < levels(list) ? list[index].name : NULL;
}

int edge_kernels(const char *level, EdgeKernels *kernels)
{
    Level list[4];
    const int n = levels(list);
    *kernels = edge_scalar;
    for (int i = 0; i < n; i++) {
        for (Install *const *install = list[i].families; *install; install++)
            (*install)(kernels);
        if (!strcmp(list[i].name, level))
            return 0;
    }
    return -1;
}
