// A freed block of 1 MiB is written.
// guarded: invalid-write size=1 block=1048576 where=inside:500000 at=BUG alloc=ALLOC free=FREE
// unguarded: none
// valgrind: invalid-write size=1 block=1048576 where=inside:500000 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    char *block = malloc(1 << 20); // ALLOC
    free(block); // FREE
    block[500000] = 'x'; // BUG
    return 0;
}
