// realloc moved the block, and the old pointer is read through.
// guarded: invalid-read size=4 block=400 where=inside:396 at=BUG alloc=ALLOC free=FREE
// unguarded: none
// valgrind: invalid-read size=4 block=400 where=inside:396 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    int *old = calloc(100, sizeof(int)); // ALLOC
    int *grown = realloc(old, 100000); // FREE
    volatile int value = old[99]; // BUG
    (void)value;
    free(grown);
    return 0;
}
