// A long behind a block of 8 KiB.
// guarded: invalid-write size=8 block=8192 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=8192 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=8 block=8192 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    long *block = malloc(8192); // ALLOC
    block[1024] = 42; // BUG
    free(block); // FREE
    return 0;
}
