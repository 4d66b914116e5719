// A pointer that nobody has written is followed: fresh memory holds poison, which names the block.
// cairn: poison-pointer block=64 at=BUG alloc=ALLOC
// valgrind: uninitialised at=BUG
// some

#include <stdlib.h>

int main(void)
{
    int **pointers = malloc(64); // ALLOC
    *pointers[3] = 1; // BUG
    free(pointers);
    return 0;
}
