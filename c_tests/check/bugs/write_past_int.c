// The first element behind an array.
// guarded: invalid-write size=4 block=400 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=400 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=4 block=400 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    int *data = malloc(100 * sizeof(int)); // ALLOC
    data[100] = 42; // BUG
    free(data); // FREE
    return 0;
}
