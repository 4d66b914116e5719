// A write 100 bytes behind the end, which leaves what is between untouched. Beyond the canary there
// is nothing that an unguarded block could notice it by.
// guarded: invalid-write size=1 block=64 where=after:100 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-write at=BUG

#include <stdlib.h>

int main(void)
{
    char *block = malloc(64); // ALLOC
    block[164] = 'x'; // BUG
    free(block);
    return 0;
}
