// Mixed churn: ten thousand live blocks of 16 to 1,015 bytes, one in 64 of up to 16 KiB; in each step
// one gives way to another, which is written and read.

#include <stdlib.h>
#include <string.h>

enum { LIVE = 10000, STEPS = 1000000 };

static char *blocks[LIVE];
static size_t sizes[LIVE];

int main(void)
{
    unsigned seed = 1;
    size_t sum = 0;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 1664525 + 1013904223;
        size_t place = (seed >> 8) % LIVE;
        size_t size = 16 + (seed >> 4) % (step % 64 == 0 ? 16000 : 1000);
        if (blocks[place])
            sum += (size_t)blocks[place][sizes[place] / 2];
        free(blocks[place]);
        blocks[place] = malloc(size);
        if (!blocks[place])
            return 1;
        sizes[place] = size;
        memset(blocks[place], (int)size, size);
    }
    for (int place = 0; place < LIVE; place++)
        free(blocks[place]);
    return sum == 1;
}
