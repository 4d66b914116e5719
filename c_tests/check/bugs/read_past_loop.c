// The sum of 25 numbers takes one more; 100 bytes aren't a multiple of 8.
// guarded: invalid-read size=4 block=100 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=4 block=100 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    int *numbers = calloc(25, sizeof(int)), sum = 0; // ALLOC
    for (int i = 0; i <= 25; i++)
        sum += numbers[i]; // BUG
    free(numbers);
    return sum == 12345;
}
