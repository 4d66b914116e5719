// Allocation-bound: nothing but malloc and free at once, of changing sizes.

#include <stdlib.h>

int main(void)
{
    for (size_t i = 0; i < 3000000; i++) {
        volatile char *block = malloc(16 + i * 37 % 512);
        if (!block)
            return 1;
        block[0] = 1;
        free((void *)block);
    }
    return 0;
}
