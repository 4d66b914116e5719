// A block is freed twice.
// found: double-free block=400 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    int *data = malloc(100 * sizeof(int)); // ALLOC
    data[0] = 42;
    free(data); // FREE
    free(data); // BUG
    return 0;
}
