// realloc made the block smaller, and the program still uses what it lost.
// guarded: invalid-write size=8 block=512 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=512 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=8 block=512 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    long *block = malloc(4096);
    block = realloc(block, 512); // ALLOC
    block[64] = 42; // BUG
    free(block); // FREE
    return 0;
}
