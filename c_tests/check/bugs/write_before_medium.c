// An int before a block of 8 KiB.
// cairn: underrun|invalid-write block=8192 where=before:4 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write size=4 block=8192 where=before:4 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    int *block = malloc(8192); // ALLOC
    block[-1] = 1; // BUG
    free(block); // FREE
    return 0;
}
