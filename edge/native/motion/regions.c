/* Regions of change, in integers: the same bits on every CPU. */
#include "regions.h"

#include <string.h>

enum {
    ZERO = 128,
    LEAST_SIGNIFICANT = 36, MOST_SIGNIFICANT = 110, NOISE_ABOVE = 24, NOISE_TIMES = 5, /* see regions.py */
    TAIL = 64,
    FARTHEST = 16384, /* that a claim may reach, or move */
    VELOCITY_SHARE = 3, VELOCITY_MOST = 32768,
    SIDE = EDGE_REGIONS_MOST_SIDE,
    MOST_SUM = 9 * 127,
    TAPS = 2 * EDGE_WINDOW_MOST_CELLS + 2,
    ONE = 4096 /* the weight of all taps of a window's pixel along one axis */
};

/* ---- Significant cells ---- */

static inline int change_of(const uint8_t *cell)
{
    return cell[0] > ZERO ? cell[0] - ZERO : 0;
}

/* Sums over 3x3 cells, what lies outside of the map counting 0; rows: three of changes, by turns. */
static void sum_around(const EdgeRegions *wanted, const uint8_t *x, uint16_t *sums)
{
    const int height = wanted->height, width = wanted->width;
    uint8_t rows[3][SIDE];
    uint16_t down[SIDE + 2];
    memset(rows, 0, sizeof rows);
    memset(down, 0, sizeof down);
    for (int y = -1; y < height; y++) {
        uint8_t *restrict below = rows[(y + 3) % 3]; /* becomes the row after y */
        if (y + 1 < height) {
            const uint8_t *restrict cells = x + (int64_t)(y + 1) * width * 3;
            for (int i = 0; i < width; i++)
                below[i] = (uint8_t)((cells[3 * i] > ZERO ? cells[3 * i] : ZERO) - ZERO);
        } else {
            memset(below, 0, sizeof rows[0]);
        }
        if (y < 0)
            continue;
        for (int i = 0; i < width; i++)
            down[i + 1] = (uint16_t)(rows[0][i] + rows[1][i] + rows[2][i]);
        uint16_t *restrict out = sums + (int64_t)y * width;
        for (int i = 0; i < width; i++)
            out[i] = (uint16_t)(down[i] + down[i + 1] + down[i + 2]);
    }
}

static int threshold_of(const uint16_t *sums, int cells)
{
    uint16_t counts[MOST_SUM + 1];
    memset(counts, 0, sizeof counts);
    int still = cells;
    for (int i = 0; i < cells; i++)
        if (sums[i]) {
            counts[sums[i]]++;
            still--;
        }
    int quartile = 0;
    for (int below = still; below <= cells * 3 / 4; below += counts[quartile])
        quartile++;
    const int threshold = NOISE_ABOVE + NOISE_TIMES * quartile;
    return threshold < LEAST_SIGNIFICANT ? LEAST_SIGNIFICANT
           : threshold > MOST_SIGNIFICANT ? MOST_SIGNIFICANT
                                          : threshold;
}

/* Mark significant cells as nobody's. */
static void mark(const EdgeRegions *wanted, const uint8_t *x, uint16_t *sums, uint8_t *owner)
{
    const int cells = wanted->height * wanted->width;
    sum_around(wanted, x, sums);
    const int threshold = threshold_of(sums, cells);
    for (int i = 0; i < cells; i++)
        owner[i] = sums[i] >= threshold ? EDGE_REGIONS_FREE : 0;
    for (int i = 0; i < cells; i++)
        if (owner[i] && x[3 * i] <= ZERO)
            owner[i] = 0;
}

/* ---- Claims ---- */

/* How far a place, twice in 1/16 cells, lies from the middle of low to high: 256 is the edge. */
static inline int apart(int twice, int low, int high, int inverse)
{
    return ((twice - low - high) * inverse) >> 8;
}

static uint8_t claimed(const EdgeRegions *wanted, const int32_t *claims, const int32_t *inverse, const uint8_t *cell,
                       int column, int row)
{
    int32_t least = INT32_MAX;
    uint8_t owner = EDGE_REGIONS_FREE;
    const int across = 16 * column + 8, down = 16 * row + 8;
    for (int k = 0; k < wanted->claims; k++) {
        const int32_t *claim = claims + k * EDGE_REGIONS_CLAIM;
        if (across < claim[0] || across >= claim[1] || down < claim[2] || down >= claim[3])
            continue;
        const int dx = apart(2 * across, claim[0], claim[1], inverse[2 * k]);
        const int dy = apart(2 * down, claim[2], claim[3], inverse[2 * k + 1]);
        const int vx = 16 * (cell[1] - ZERO) - claim[4], vy = 16 * (cell[2] - ZERO) - claim[5];
        const int unlike = (vx * vx + vy * vy) >> VELOCITY_SHARE;
        const int cost = dx * dx + dy * dy + (unlike < VELOCITY_MOST ? unlike : VELOCITY_MOST);
        if (cost < least) {
            least = cost;
            owner = (uint8_t)(k + 1);
        }
    }
    return owner;
}

typedef struct {
    int32_t across[SIDE], down[SIDE]; /* mass by column and row */
} Profile;

static void add(int32_t *sums, Profile *profile, const uint8_t *cell, int column, int row)
{
    const int mass = change_of(cell), vx = cell[1] - ZERO, vy = cell[2] - ZERO;
    const int speed = (vx < 0 ? -vx : vx) + (vy < 0 ? -vy : vy);
    const int32_t parts[] = {mass,      mass * column, mass * row,          mass * vx,
                             mass * vy, mass * speed,  speed > 0 ? mass : 0, 1};
    for (int i = 0; i < 8; i++)
        sums[i] += parts[i];
    profile->across[column] += mass;
    profile->down[row] += mass;
}

/* The first and last place, 1/TAIL of the mass left out on each side. */
static void extents(const int32_t *masses, int size, int32_t total, int32_t *first)
{
    int32_t up_to = 0, at = 0;
    for (; at < size; at++) {
        up_to += masses[at];
        if (up_to * TAIL > total)
            break;
    }
    first[0] = at;
    for (; up_to * TAIL < total * (TAIL - 1);)
        up_to += masses[++at];
    first[1] = at;
}

static int32_t limited(int32_t value)
{
    return value < -FARTHEST ? -FARTHEST : value > FARTHEST ? FARTHEST : value;
}

static void share(const EdgeRegions *wanted, const uint8_t *x, const int32_t *given, uint8_t *owner, int32_t *sums)
{
    int32_t claims[EDGE_REGIONS_CLAIMS * EDGE_REGIONS_CLAIM];
    for (int i = 0; i < wanted->claims * EDGE_REGIONS_CLAIM; i++)
        claims[i] = limited(given[i]);
    Profile profiles[EDGE_REGIONS_CLAIMS];
    int32_t inverse[2 * EDGE_REGIONS_CLAIMS];
    memset(profiles, 0, sizeof *profiles * (size_t)wanted->claims);
    memset(sums, 0, sizeof *sums * (size_t)(wanted->claims * EDGE_REGIONS_SUMS));
    for (int k = 0; k < wanted->claims; k++)
        for (int axis = 0; axis < 2; axis++) {
            const int32_t *edges = claims + k * EDGE_REGIONS_CLAIM + 2 * axis;
            inverse[2 * k + axis] = 65536 / (edges[1] > edges[0] ? edges[1] - edges[0] : 1);
        }
    for (int y = 0; y < wanted->height; y++)
        for (int i = 0; i < wanted->width; i++) {
            const int64_t at = (int64_t)y * wanted->width + i;
            if (!owner[at])
                continue;
            owner[at] = claimed(wanted, claims, inverse, x + 3 * at, i, y);
            if (owner[at] != EDGE_REGIONS_FREE)
                add(sums + (owner[at] - 1) * EDGE_REGIONS_SUMS, profiles + owner[at] - 1, x + 3 * at, i, y);
        }
    for (int k = 0; k < wanted->claims; k++) {
        int32_t *own = sums + k * EDGE_REGIONS_SUMS;
        if (!own[0])
            continue;
        extents(profiles[k].across, wanted->width, own[0], own + 8);
        extents(profiles[k].down, wanted->height, own[0], own + 10);
    }
}

/* ---- Regions ---- */

static int root_of(uint16_t *parent, int part)
{
    while (parent[part] != part) {
        parent[part] = parent[parent[part]];
        part = parent[part];
    }
    return part;
}

/* The lower number becomes the root: it belongs to the first cell. */
static void unite(uint16_t *parent, int a, int b)
{
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a < b)
        parent[b] = (uint16_t)a;
    else
        parent[a] = (uint16_t)b;
}

static void begin(int32_t *region, int column, int row)
{
    const int32_t none[] = {0, 0, column, column, row, row, 0, 0};
    memcpy(region, none, sizeof none);
}

static void grow(int32_t *region, const uint8_t *cell, int column, int row)
{
    const int mass = change_of(cell);
    region[0] += mass;
    region[1]++;
    region[2] = column < region[2] ? column : region[2];
    region[3] = column > region[3] ? column : region[3];
    region[5] = row;
    region[6] += mass * (cell[1] - ZERO);
    region[7] += mass * (cell[2] - ZERO);
}

/* Every free cell is a part; parts within reach are united with those that came before. */
static int connect(const EdgeRegions *wanted, const uint8_t *owner, uint16_t *place, uint16_t *parent)
{
    const int width = wanted->width;
    int parts = 0;
    int16_t number[EDGE_REGIONS_MOST_REACH + 1][SIDE]; /* of the parts in the last rows; -1: none */
    memset(number, 0xff, sizeof number);
    const int rows = wanted->reach_y + 1;
    for (int y = 0; y < wanted->height; y++) {
        int16_t *own = number[y % rows];
        memset(own, 0xff, sizeof *own * SIDE);
        for (int i = 0; i < width; i++) {
            if (owner[(int64_t)y * width + i] != EDGE_REGIONS_FREE)
                continue;
            place[parts] = (uint16_t)(y * width + i);
            parent[parts] = (uint16_t)parts;
            own[i] = (int16_t)parts;
            int from = i > wanted->reach_x ? i - wanted->reach_x : 0;
            const int to = i + wanted->reach_x < width ? i + wanted->reach_x : width - 1;
            for (int k = i - 1; k >= from; k--)
                if (own[k] >= 0) {
                    unite(parent, parts, own[k]); /* with it, all that is within its own reach */
                    from = k + wanted->reach_x + 1;
                    break;
                }
            for (int back = 1; back <= wanted->reach_y && back <= y; back++)
                for (int k = from; k <= to; k++)
                    if (number[(y - back) % rows][k] >= 0)
                        unite(parent, parts, number[(y - back) % rows][k]);
            parts++;
        }
    }
    return parts;
}

static int gather(const EdgeRegions *wanted, const uint8_t *x, const uint8_t *owner, void *work, int32_t *regions)
{
    const size_t cells = (size_t)wanted->height * (size_t)wanted->width;
    int32_t *mass = work;
    uint16_t *place = (uint16_t *)(mass + cells), *parent = place + cells;
    uint8_t *slot = (uint8_t *)(parent + cells); /* of a root: its region's number from 1, 0 for none */
    const int parts = connect(wanted, owner, place, parent);
    memset(mass, 0, sizeof *mass * (size_t)parts);
    for (int part = 0; part < parts; part++) {
        parent[part] = (uint16_t)root_of(parent, part);
        mass[parent[part]] += change_of(x + 3 * place[part]);
    }
    int found = 0;
    for (int part = 0; part < parts; part++) {
        const int column = place[part] % wanted->width, row = place[part] / wanted->width;
        if (parent[part] == part) {
            slot[part] = mass[part] >= wanted->least_mass && found < EDGE_REGIONS_MOST ? (uint8_t)++found : 0;
            if (slot[part])
                begin(regions + (found - 1) * EDGE_REGIONS_REGION, column, row);
        }
        if (slot[parent[part]])
            grow(regions + (slot[parent[part]] - 1) * EDGE_REGIONS_REGION, x + 3 * place[part], column, row);
    }
    return found;
}

size_t edge_regions_work(int height, int width)
{
    return (size_t)height * (size_t)width * (sizeof(int32_t) + 2 * sizeof(uint16_t) + 1);
}

int edge_regions_find(const EdgeRegions *wanted, const uint8_t *x, const int32_t *claims, uint8_t *owner, int32_t *sums,
                      int32_t *regions, void *work)
{
    mark(wanted, x, work, owner);
    share(wanted, x, claims, owner, sums);
    return gather(wanted, x, owner, work, regions);
}

/* ---- Windows ---- */

typedef struct {
    int first, count;
    int32_t weight[TAPS];
} Taps;

/* Cells that make a window's pixel whose middle is at `middle`, 1/256 cells: linear between cells where the window is
 * finer than the map, a triangle over more of them where it is coarser. Weights sum up to ONE, outside ones included.
 */
static void weigh(int middle, int support, int size, Taps *taps)
{
    const int low = (middle - support - 128) >> 8, high = ((middle + support - 128) >> 8) + 1;
    int32_t sum = 0;
    for (int cell = low; cell <= high; cell++) {
        const int off = middle - (256 * cell + 128), near = support - (off < 0 ? -off : off);
        sum += near > 0 ? near : 0;
    }
    taps->first = low < 0 ? 0 : low < size ? low : size;
    taps->count = 0;
    for (int cell = taps->first; cell <= high && cell < size; cell++) {
        const int off = middle - (256 * cell + 128), near = support - (off < 0 ? -off : off);
        taps->weight[taps->count++] = near > 0 ? (near * ONE + sum / 2) / sum : 0;
    }
}

static uint8_t level_of(int64_t value)
{
    return value < -ZERO ? 0 : value > 255 - ZERO ? 255 : (uint8_t)(value + ZERO);
}

/* A row of the map, weighed to a window's columns; 0 where nothing of it is seen. */
static int row_of(const EdgeWindow *wanted, const uint8_t *cells, const uint8_t *owners, const Taps *columns,
                  int32_t *row)
{
    int16_t seen[SIDE * 3];
    const int first = columns[0].first, last = columns[wanted->out_width - 1].first;
    const int end = last + columns[wanted->out_width - 1].count;
    int any = 0;
    for (int i = 3 * first; i < 3 * end; i++) {
        seen[i] = (int16_t)(cells[i] - ZERO);
        any |= seen[i];
    }
    if (!any)
        return 0;
    for (int i = first; wanted->which && i < end; i++)
        if (owners[i] && owners[i] != wanted->which && owners[i] != EDGE_REGIONS_FREE)
            seen[3 * i] = seen[3 * i + 1] = seen[3 * i + 2] = 0;
    for (int i = 0; i < wanted->out_width; i++) {
        int32_t total[3] = {0, 0, 0};
        const int16_t *at = seen + 3 * columns[i].first;
        for (int tap = 0; tap < columns[i].count; tap++, at += 3)
            for (int k = 0; k < 3; k++)
                total[k] += columns[i].weight[tap] * at[k];
        memcpy(row + 3 * i, total, sizeof total);
    }
    return 1;
}

void edge_regions_window(const EdgeWindow *wanted, const uint8_t *x, const uint8_t *owner, uint8_t *out)
{
    enum { ROW = EDGE_WINDOW_MOST_SIDE * 3 };
    const int width = wanted->width, across = wanted->out_width, down = wanted->out_height;
    const int step = wanted->tall / down, support = step > 256 ? step : 256;
    const int left = wanted->middle_x - (int)((int64_t)wanted->tall * across / (2 * down));
    const int top = wanted->middle_y - wanted->tall / 2;
    Taps columns[EDGE_WINDOW_MOST_SIDE], rows;
    int32_t ring[TAPS][ROW]; /* the map's rows that the window's next one is made of */
    uint8_t seen[TAPS];
    int made = 0; /* rows of the map before this one are in the ring */
    for (int i = 0; i < across; i++)
        weigh(left + (int)((int64_t)(2 * i + 1) * wanted->tall / (2 * down)), support, width, columns + i);
    for (int j = 0; j < down; j++) {
        int64_t total[ROW];
        memset(total, 0, sizeof *total * (size_t)(3 * across));
        weigh(top + (int)((int64_t)(2 * j + 1) * wanted->tall / (2 * down)), support, wanted->height, &rows);
        for (int tap = 0; tap < rows.count; tap++) {
            const int y = rows.first + tap, at = y % TAPS;
            for (made = made > rows.first ? made : rows.first; made <= y; made++)
                seen[made % TAPS] = (uint8_t)row_of(wanted, x + 3 * (int64_t)made * width,
                                                    owner + (int64_t)made * width, columns, ring[made % TAPS]);
            const int64_t weight = seen[at] ? rows.weight[tap] : 0;
            for (int i = 0; weight && i < 3 * across; i++)
                total[i] += weight * ring[at][i];
        }
        for (int i = 0; i < across; i++, out += 3) {
            out[0] = level_of((total[3 * i] + (1 << 23)) >> 24);
            for (int k = 1; k < 3; k++)
                out[k] = level_of((total[3 * i + k] * wanted->scale + (INT64_C(1) << 31)) >> 32);
        }
    }
}
