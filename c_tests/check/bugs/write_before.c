// The byte before a block.
// cairn: underrun|invalid-write block=400 where=before:1 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write size=1 block=400 where=before:1 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    char *block = malloc(400); // ALLOC
    block[-1] = 'x'; // BUG
    free(block); // FREE
    return 0;
}
