// A byte behind a block of 1 MiB.
// guarded: invalid-write size=1 block=1048576 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun|invalid-write block=1048576 where=after:0 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write size=1 block=1048576 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    char *block = malloc(1 << 20); // ALLOC
    block[1 << 20] = 'x'; // BUG
    free(block); // FREE
    return 0;
}
