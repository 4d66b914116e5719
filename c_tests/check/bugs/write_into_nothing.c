// malloc(0) gives a block without a byte.
// cairn: overrun|invalid-write block=0 where=after:0|inside:0 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write size=1 block=0 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    char *block = malloc(0); // ALLOC
    block[0] = 'x'; // BUG
    free(block); // FREE
    return 0;
}
