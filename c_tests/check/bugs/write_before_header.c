// The size of glibc's header, as programs do that "know" where malloc keeps it.
// cairn: underrun|invalid-write block=64 where=before:8 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write size=8 block=64 where=before:8 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    long *block = malloc(64); // ALLOC
    block[-1] = 0x51; // BUG
    free(block); // FREE
    return 0;
}
