// The first element behind an array of 40 bytes, which isn't a multiple of 16, is read.
// guarded: invalid-read size=4 block=40 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=4 block=40 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    int *data = calloc(10, sizeof(int)); // ALLOC
    volatile int last = data[10]; // BUG
    (void)last;
    free(data);
    return 0;
}
