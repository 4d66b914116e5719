// A byte behind a block of 8 KiB is read.
// guarded: invalid-read size=1 block=8192 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=1 block=8192 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    char *block = calloc(1, 8192); // ALLOC
    volatile char last = block[8192]; // BUG
    (void)last;
    free(block);
    return 0;
}
