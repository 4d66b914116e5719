// The last bytes of a freed block of 1 MiB are written.
// guarded: invalid-write size=1 block=1048576 where=inside:1048570 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=1048576 where=inside:1048570 alloc=ALLOC free=FREE
// valgrind: invalid-write size=1 block=1048576 where=inside:1048570 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    char *block = malloc(1 << 20); // ALLOC
    free(block); // FREE
    block[(1 << 20) - 6] = 'x'; // BUG
    return 0;
}
