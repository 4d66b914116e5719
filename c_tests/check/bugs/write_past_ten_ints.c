// The first element behind an array of 40 bytes, which isn't a multiple of 16, is written.
// guarded: invalid-write size=4 block=40 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=40 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=4 block=40 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    int *data = malloc(10 * sizeof(int)); // ALLOC
    data[10] = 42; // BUG
    free(data); // FREE
    return 0;
}
