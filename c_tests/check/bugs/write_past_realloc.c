// A vector that forgot to grow: the push behind the last realloc.
// guarded: invalid-write size=4 block=128 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=128 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=4 block=128 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    int *numbers = NULL;
    for (int capacity = 8; capacity <= 32; capacity *= 2)
        numbers = realloc(numbers, capacity * sizeof *numbers); // ALLOC
    for (int i = 0; i <= 32; i++)
        numbers[i] = i; // BUG
    free(numbers); // FREE
    return 0;
}
