// A long behind a block of 1 MiB is read.
// unguarded: none
// guarded: invalid-read size=8 block=1048576 where=after:0 at=BUG alloc=ALLOC
// valgrind: invalid-read size=8 block=1048576 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    long *block = calloc(1, 1 << 20); // ALLOC
    volatile long last = block[(1 << 20) / 8]; // BUG
    (void)last;
    free(block);
    return 0;
}
