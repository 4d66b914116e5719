// Every byte that malloc_usable_size grants is written, and realloc keeps what was asked for.

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    for (size_t size = 0; size < 20000; size += size / 9 + 1) {
        unsigned char *block = malloc(size);
        memset(block, 0x5a, malloc_usable_size(block));
        block = realloc(block, size * 2 + 1);
        for (size_t i = 0; i < size; i++)
            if (block[i] != 0x5a)
                return printf("byte %zu of %zu is lost\n", i, size);
        memset(block, 0xa5, malloc_usable_size(block));
        free(block);
    }
    return 0;
}
