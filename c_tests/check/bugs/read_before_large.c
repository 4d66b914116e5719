// The byte before a block of 1 MiB is read.
// guarded: invalid-read size=1 block=1048576 where=before:1 at=BUG alloc=ALLOC
// unguarded: none|invalid-read
// valgrind: invalid-read size=1 block=1048576 where=before:1 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    for (int i = 0; i < 64; i++) {
        char *block = calloc(1, 1 << 20); // ALLOC
        volatile char before = block[-1]; // BUG
        (void)before;
        free(block);
    }
    return 0;
}
