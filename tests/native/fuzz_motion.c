/* libFuzzer target: the motion stage on any luma, size, expert and ring, of every CPU level against scalar.
 *
 * The input chooses them and is the pictures; every block is allocated to the byte, so AddressSanitizer sees a read or
 * write outside. Work memory starts as garbage. `make native-fuzz` runs it, `make native-asan` replays random inputs.
 */
#include "motion/motion.h"
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER = 12, MOST_PIXELS = 160 * 120 };

typedef struct {
    EdgeLook look;
    int texture, moves;
} Case;

/* A ring as module.c admits it: accumulation + stride slots at least, all of them filled by `take`. */
static Case case_from(const uint8_t *choice)
{
    Case found;
    EdgeLook *look = &found.look;
    look->height = 32 + 4 * (choice[0] % 153);
    look->width = 32 + 4 * (choice[1] % 153);
    while (look->height * look->width > MOST_PIXELS) { /* larger ones are the same, slower */
        look->height = look->height > 32 ? (32 + look->height) / 8 * 4 : 32;
        look->width = look->height > 32 ? look->width : MOST_PIXELS / 32 / 4 * 4;
    }
    look->accumulation = 1 + choice[2] % (choice[2] & 128 ? EDGE_MOTION_MOST_FRAMES : 4);
    look->stride = 1 + choice[3] % (choice[3] & 128 ? EDGE_MOTION_MOST_FRAMES : 2);
    look->binning = 1 + choice[4] % 8;
    look->slots = look->accumulation + look->stride + choice[5] % 3;
    look->newest = choice[6] % look->slots;
    look->levels = choice[7];
    found.texture = choice[8] % 4;
    found.moves = choice[9] % 16;
    return found;
}

/* The input's bytes as they are; as a texture that moves; as two levels of white; as little noise upon a grey. */
static void paint(const Case *a, int frame, const uint8_t *data, size_t size, uint16_t *luma)
{
    const int height = a->look.height, width = a->look.width;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const size_t still = (size_t)(y * width + x), at = (size_t)(y * 131 + x + frame * a->moves);
            const uint8_t here = size ? data[at % size] : 0, noise = size ? data[(still * 7 + (size_t)frame) % size] : 0;
            const uint16_t values[] = {(uint16_t)(here * 257), (uint16_t)(here * 12 + noise % 16),
                                       here & 1 ? 65535 : 0, (uint16_t)(1000 + noise % 32)};
            luma[still] = values[a->texture];
        }
}

static void check(const EdgeMotion *scalar, const EdgeMotion *level, const Case *a, const uint8_t *data, size_t size)
{
    const EdgeLook *look = &a->look;
    const size_t slot = edge_motion_slot(look->height, look->width), work = edge_motion_work(look->height, look->width);
    const size_t cells = (size_t)(look->height / 4) * (size_t)(look->width / 4) * 3;
    const size_t ring = (size_t)look->slots * slot * sizeof(int16_t);
    uint16_t *luma = malloc((size_t)look->height * (size_t)look->width * sizeof *luma);
    int16_t *one = malloc(ring), *two = malloc(ring);
    uint8_t *x = malloc(cells), *z = malloc(cells);
    void *memory = malloc(work);
    double report[EDGE_MOTION_REPORT], other[EDGE_MOTION_REPORT];
    memset(one, 0, ring), memset(two, 0, ring);
    for (int i = 0; i < look->slots; i++) {
        paint(a, i, data, size, luma);
        scalar->take(luma, look->height, look->width, one + (size_t)i * slot);
        level->take(luma, look->height, look->width, two + (size_t)i * slot);
    }
    if (memcmp(one, two, ring))
        abort();
    memset(memory, 0x5a, work);
    scalar->look(look, one, memory, x, report);
    memset(memory, 0xa5, work);
    level->look(look, two, memory, z, other);
    if (memcmp(x, z, cells) || memcmp(report, other, sizeof report))
        abort();
    free(luma), free(one), free(two), free(x), free(z), free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEADER)
        return 0;
    const Case a = case_from(data);
    EdgeMotion scalar, level;
    edge_motion(edge_level(0), &scalar);
    for (int l = 0; edge_level(l); l++) { /* scalar itself, too: with other work memory */
        edge_motion(edge_level(l), &level);
        check(&scalar, &level, &a, data + HEADER, size - HEADER);
    }
    return 0;
}
