// Blocks of megabytes that grow by realloc, with all their bytes kept.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    size_t mib = 1 << 20;
    char *block = malloc(mib);
    memset(block, 1, mib);
    for (size_t size = 2; size <= 64; size *= 2) {
        block = realloc(block, size * mib);
        memset(block + size / 2 * mib, (int)size, size / 2 * mib);
    }
    for (size_t size = 2; size <= 64; size *= 2)
        if (block[size / 2 * mib] != (char)size || block[size * mib - 1] != (char)size)
            return printf("%zu\n", size);
    block = realloc(block, 100);
    free(block);
    return 0;
}
