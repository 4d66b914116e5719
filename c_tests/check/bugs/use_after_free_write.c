// A freed block is written.
// guarded: invalid-write size=4 block=400 where=inside:200 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=400 where=inside:200 alloc=ALLOC free=FREE
// valgrind: invalid-write size=4 block=400 where=inside:200 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    int *data = malloc(100 * sizeof(int)); // ALLOC
    free(data); // FREE
    data[50] = 42; // BUG
    return 0;
}
