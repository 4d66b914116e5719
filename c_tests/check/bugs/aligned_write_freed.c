// An instruction that demands a multiple of 16 writes to a freed block that wasn't at one.
// guarded: invalid-write size=16 block=40 where=inside:16 at=BUG free=FREE alloc=ALLOC
// unguarded: write-after-free block=40 where=inside:16 alloc=ALLOC free=FREE
// valgrind: invalid-write size=8 block=40 where=inside:16 at=BUG free=FREE alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    char *block = calloc(1, 40); // ALLOC
    free(block); // FREE
    __asm__ volatile("movaps %%xmm0, 16(%0)" : : "r"(block) : "memory"); // BUG
    return 0;
}
