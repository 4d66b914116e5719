// One byte behind a block of 77 is read. A block of a C program ends at its guard if its size is a
// multiple of 4, so three bytes lie between the two.
// needs: watchpoints
// guarded: invalid-read size=1 block=77 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=1 block=77 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    char *block = calloc(1, 77); // ALLOC
    volatile char last = block[77]; // BUG
    (void)last;
    free(block);
    return 0;
}
