/* Tables for NEON. Gain with a table of 4096 stays scalar: there is no gather. */
#include "kernels.h"

#if defined(__aarch64__)

#include "vectors.h"

typedef struct {
    uint8x16x4_t quarter[4]; /* 64 entries each */
} Table;

INLINE Table load_table(const uint8_t *table)
{
    Table loaded;
    for (int q = 0; q < 4; q++)
        loaded.quarter[q] = vld1q_u8_x4(table + 64 * q);
    return loaded;
}

/* table[v] for v < 64 * quarters: tbl gives 0 beyond its 64 entries, tbx leaves the byte as it is. */
INLINE uint8x16_t lookup(const Table *table, uint8x16_t v, const int quarters)
{
    uint8x16_t result = vqtbl4q_u8(table->quarter[0], v);
    for (int q = 1; q < quarters; q++) {
        v = vsubq_u8(v, vdupq_n_u8(64));
        result = vqtbx4q_u8(result, table->quarter[q], v);
    }
    return result;
}

enum { TABLE_BLOCK = 512 };

INLINE void lut_block(const uint8_t *data, const Table *table, const int quarters, uint8_t *target)
{
    for (int i = 0; i < TABLE_BLOCK; i += 32) {
        const uint8x16_t a = lookup(table, vld1q_u8(data + i), quarters);
        const uint8x16_t b = lookup(table, vld1q_u8(data + i + 16), quarters);
        vst1q_u8(target + i, a);
        vst1q_u8(target + i + 16, b);
    }
}

static void lut(const uint8_t *data, size_t n, const uint8_t *table, uint8_t *target)
{
    const Table loaded = load_table(table);
    size_t i = 0;
    for (; i + TABLE_BLOCK <= n; i += TABLE_BLOCK) {
        const int maximum = maximum_of(data + i, TABLE_BLOCK / 16);
        if (maximum < 64)
            lut_block(data + i, &loaded, 1, target + i);
        else if (maximum < 128)
            lut_block(data + i, &loaded, 2, target + i);
        else
            lut_block(data + i, &loaded, 4, target + i);
    }
    for (; i + 16 <= n; i += 16)
        vst1q_u8(target + i, lookup(&loaded, vld1q_u8(data + i), 4));
    edge_scalar.lut(data + i, n - i, table, target + i);
}

void edge_tables_neon(EdgeKernels *kernels)
{
    kernels->lut = lut;
}

#endif
