/* One table for all bytes, for AVX2 and AVX-512 alike; what differs stands before this: Pieces of a table, load_pieces,
 * lookup of one vector, lookup_each of TOGETHER. */
enum { TABLE_BLOCK = 1024 };

INLINE void lut_block(const uint8_t *data, size_t n, const __m256i *pieces, const int used, uint8_t *target)
{
    for (size_t i = 0; i < n; i += 32 * TOGETHER) {
        __m256i v[TOGETHER];
        for (int j = 0; j < TOGETHER; j++)
            v[j] = load(data + i + 32 * j);
        lookup_each(pieces, v, TOGETHER, used);
        for (int j = 0; j < TOGETHER; j++)
            store(target + i + 32 * j, v[j]);
    }
}

/* Only the entries up to a block's maximum are touched. */
static void lut(const uint8_t *data, size_t n, const uint8_t *table, uint8_t *target)
{
    Pieces pieces;
    load_pieces(table, pieces);
    size_t i = 0;
    for (; i + TABLE_BLOCK <= n; i += TABLE_BLOCK) {
        const int maximum = maximum_of(data + i, TABLE_BLOCK / 32);
        if (maximum < 16)
            lut_block(data + i, TABLE_BLOCK, pieces, 1, target + i);
        else if (maximum < 32)
            lut_block(data + i, TABLE_BLOCK, pieces, 2, target + i);
        else if (maximum < 48)
            lut_block(data + i, TABLE_BLOCK, pieces, 3, target + i);
        else if (maximum < 64)
            lut_block(data + i, TABLE_BLOCK, pieces, 4, target + i);
        else if (maximum < 128)
            lut_block(data + i, TABLE_BLOCK, pieces, 8, target + i);
        else
            lut_block(data + i, TABLE_BLOCK, pieces, 16, target + i);
    }
    for (; i + 32 <= n; i += 32)
        store(target + i, lookup(pieces, load(data + i), 16));
    edge_scalar.lut(data + i, n - i, table, target + i);
}
