// A pointer is loaded from a freed block and followed: without guards, it is poison that names the
// block.
// guarded: invalid-read size=8 block=64 where=inside:8 at=BUG alloc=ALLOC free=FREE
// unguarded: poison-pointer block=64 at=FOLLOW alloc=ALLOC free=FREE
// valgrind: invalid-read size=8 block=64 where=inside:8 at=BUG alloc=ALLOC free=FREE
// some

#include <stdlib.h>

int main(void)
{
    int target = 1;
    int **block = malloc(64); // ALLOC
    block[1] = &target;
    free(block); // FREE
    int *pointer = block[1]; // BUG
    *pointer = 2; // FOLLOW
    return 0;
}
