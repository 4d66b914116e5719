// An instruction that demands a multiple of 16 reads 16 bytes of which a block has the first 8 (which
// valgrind allows: --partial-loads-ok). The processor finds the address wrong before it finds that it
// is behind the block.
// guarded: invalid-read size=16 block=40 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: none

#include <stdlib.h>

int main(void)
{
    char *block = calloc(1, 40); // ALLOC
    __asm__ volatile("movaps 32(%0), %%xmm0" : : "r"(block) : "xmm0"); // BUG
    free(block);
    return 0;
}
