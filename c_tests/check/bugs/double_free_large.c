// A block of 1 MiB is freed twice.
// found: double-free block=1048576 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    char *block = malloc(1 << 20); // ALLOC
    free(block); // FREE
    free(block); // BUG
    return 0;
}
