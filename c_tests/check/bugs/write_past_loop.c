// The loop's end is wrong by one.
// guarded: invalid-write size=4 block=100 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=100 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=4 block=100 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    int *squares = malloc(25 * sizeof(int)); // ALLOC
    for (int i = 0; i <= 25; i++)
        squares[i] = i * i; // BUG
    free(squares); // FREE
    return 0;
}
