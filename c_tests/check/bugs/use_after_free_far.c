// The block is written long after it was freed: a megabyte of other blocks has come and gone.
// guarded: invalid-write size=1 block=100 where=inside:10 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=100 where=inside:10 alloc=ALLOC free=FREE
// valgrind: invalid-write size=1 block=100 where=inside:10 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    char *block = malloc(100); // ALLOC
    free(block); // FREE
    for (int i = 0; i < 10000; i++)
        free(malloc(100));
    block[10] = 'x'; // BUG
    return 0;
}
