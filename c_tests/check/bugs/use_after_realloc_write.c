// realloc moved the block, and the old pointer is written through.
// guarded: invalid-write size=4 block=400 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=400 where=inside:0 alloc=ALLOC free=FREE
// valgrind: invalid-write size=4 block=400 where=inside:0 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    int *old = malloc(100 * sizeof(int)); // ALLOC
    int *grown = realloc(old, 100000); // FREE
    old[0] = 42; // BUG
    free(grown);
    return 0;
}
