// calloc's memory is zero, also when it was used before.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    for (int round = 0; round < 50; round++) {
        for (size_t size = 1; size < 300000; size = size * 3 + 1) {
            char *block = calloc(size, 1);
            for (size_t i = 0; i < size; i++)
                if (block[i] != 0)
                    return printf("byte %zu of %zu in round %d\n", i, size, round);
            memset(block, 'x', size);
            free(block);
        }
    }
    return 0;
}
