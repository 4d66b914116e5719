// A freed block is read.
// guarded: invalid-read size=4 block=400 where=inside:200 at=BUG alloc=ALLOC free=FREE
// unguarded: none
// valgrind: invalid-read size=4 block=400 where=inside:200 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    int *data = calloc(100, sizeof(int)); // ALLOC
    free(data); // FREE
    volatile int value = data[50]; // BUG
    (void)value;
    return 0;
}
