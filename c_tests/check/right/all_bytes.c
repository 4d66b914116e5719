// Blocks of every size up to 2,100 and of some beyond: every byte is written and read.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int one(size_t size)
{
    unsigned char *block = malloc(size);
    if (!block)
        return printf("no memory for %zu\n", size);
    memset(block, (int)size & 255, size);
    for (size_t i = 0; i < size; i++)
        if (block[i] != (size & 255))
            return printf("byte %zu of %zu\n", i, size);
    free(block);
    return 0;
}

int main(void)
{
    int bad = 0;
    for (size_t size = 0; size <= 2100; size++)
        bad |= one(size);
    for (size_t size = 4000; size < 5000000; size += size / 3)
        bad |= one(size) | one(size + 1) | one(size + 15);
    return bad != 0;
}
