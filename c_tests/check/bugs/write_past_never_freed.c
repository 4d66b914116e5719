// Nobody frees the block that was written past: without a guard it is found at the end.
// guarded: invalid-write size=4 block=400 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=400 where=after:0 alloc=ALLOC
// valgrind: invalid-write size=4 block=400 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int *data;

int main(void)
{
    data = malloc(100 * sizeof(int)); // ALLOC
    data[100] = 42; // BUG
    return 0;
}
