// A loop that runs 16 bytes too far.
// guarded: invalid-write size=1 block=64 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=64 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=1 block=64 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    char *block = malloc(64); // ALLOC
    for (int i = 0; i < 80; i++)
        block[i] = 'x'; // BUG
    free(block); // FREE
    return 0;
}
