// An int before a block of 1 MiB.
// cairn: underrun|invalid-write block=1048576 where=before:4 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write size=4 block=1048576 where=before:4 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    int *block = malloc(1 << 20); // ALLOC
    block[-1] = 1; // BUG
    free(block); // FREE
    return 0;
}
