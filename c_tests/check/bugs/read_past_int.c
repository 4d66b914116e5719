// The first element behind an array is read.
// guarded: invalid-read size=4 block=400 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=4 block=400 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    int *data = calloc(100, sizeof(int)); // ALLOC
    volatile int last = data[100]; // BUG
    (void)last;
    free(data);
    return 0;
}
