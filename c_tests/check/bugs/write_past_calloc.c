// The first element behind an array of calloc's.
// guarded: invalid-write size=8 block=160 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=160 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=8 block=160 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    double *numbers = calloc(20, sizeof *numbers); // ALLOC
    numbers[20] = 1.0; // BUG
    free(numbers); // FREE
    return 0;
}
