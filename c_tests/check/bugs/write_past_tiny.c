// A block of one byte, and a second one behind it.
// cairn: overrun|invalid-write block=1 where=after:0 at=FREE|BUG alloc=ALLOC
// valgrind: invalid-write size=1 block=1 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    char *block = malloc(1); // ALLOC
    block[0] = 'a';
    block[1] = 'b'; // BUG
    free(block); // FREE
    return 0;
}
