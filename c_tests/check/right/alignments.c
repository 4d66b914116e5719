// malloc's blocks have the alignment that the ABI promises for their size, the others the one that
// was asked for.
// precise: no

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check(void *block, size_t alignment, size_t size)
{
    if (!block || (uintptr_t)block % alignment != 0)
        return printf("%zu bytes are not aligned to %zu\n", size, alignment);
    memset(block, 'x', size);
    free(block);
    return 0;
}

int main(void)
{
    int bad = 0;
    for (size_t size = 1; size < 3000; size += 5) {
        size_t natural = size >= 16 ? 16 : size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
        bad |= check(malloc(size), natural, size);
        bad |= check(calloc(1, size), natural, size);
        bad |= check(realloc(malloc(1), size), natural, size);
    }
    for (size_t alignment = 8; alignment <= 1 << 16; alignment *= 2) {
        for (size_t size = 0; size < 10000; size += 777) {
            void *block = NULL;
            if (posix_memalign(&block, alignment, size) != 0)
                return 1;
            bad |= check(block, alignment, size);
            bad |= check(memalign(alignment, size), alignment, size);
            bad |= check(aligned_alloc(alignment, size), alignment, size);
        }
    }
    bad |= check(valloc(100), 4096, 100);
    return bad != 0;
}
