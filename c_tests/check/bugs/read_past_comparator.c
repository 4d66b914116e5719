// qsort's function compares by the member of the next element.
// guarded: invalid-read size=4 block=64 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=4 block=64 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    const int *a = left, *b = right;
    return (a[1] > b[1]) - (a[1] < b[1]); // BUG
}

int main(void)
{
    int *numbers = malloc(16 * sizeof(int)); // ALLOC
    for (int i = 0; i < 16; i++)
        numbers[i] = i * 7 % 16;
    qsort(numbers, 16, sizeof(int), compare);
    free(numbers);
    return 0;
}
