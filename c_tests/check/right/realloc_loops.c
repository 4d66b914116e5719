// Vectors that grow and shrink, in steps and by doubling; realloc of NULL, to the same size, and of
// aligned and zeroed blocks.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int steps(size_t step, size_t end)
{
    char *block = NULL;
    size_t size;
    for (size = step; size < end; size += step) {
        block = realloc(block, size);
        memset(block + size - step, (int)(size / step) & 127, step);
    }
    for (size_t i = 0; i < size - step; i++)
        if (block[i] != (char)((i / step + 1) & 127))
            return printf("byte %zu\n", i);
    for (size -= step; size > step; size -= step)
        block = realloc(block, size - step);
    free(block);
    return 0;
}

int main(void)
{
    int bad = steps(1, 3000) | steps(100, 100000) | steps(100000, 10000000);
    void *aligned = NULL;
    if (posix_memalign(&aligned, 512, 1000) != 0)
        return 1;
    aligned = realloc(aligned, 5000);
    memset(aligned, 1, 5000);
    aligned = realloc(aligned, 5000);
    aligned = reallocarray(aligned, 100, 100);
    memset(aligned, 1, 10000);
    free(aligned);
    char *zeroed = realloc(calloc(10, 10), 50);
    for (int i = 0; i < 50; i++)
        bad |= zeroed[i];
    free(zeroed);
    return bad != 0;
}
