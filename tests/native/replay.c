/* Random inputs for a libFuzzer target, where there is no libFuzzer: the same ones in every run.
 *
 * replay INPUTS    `make native-asan` runs it, under sanitizers
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 4096 };

static uint32_t draw(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

int main(int argc, char **argv)
{
    static uint8_t data[MOST_BYTES];
    const long inputs = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    if (inputs <= 0) {
        fprintf(stderr, "replay INPUTS: expected a number of inputs above 0\n");
        return 2;
    }
    for (long i = 0; i < inputs; i++) {
        const size_t size = draw() % MOST_BYTES;
        const uint32_t range = 1 + draw() % 256; /* dark ones, too */
        for (size_t k = 0; k < size; k++)
            data[k] = (uint8_t)(draw() % (k < 16 ? 256 : range));
        LLVMFuzzerTestOneInput(data, size);
    }
    printf("%ld inputs: done\n", inputs);
    return 0;
}
