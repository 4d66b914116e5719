// The element before an array is read, of many blocks: one in four has its guard before it, and of
// some others the processor watches what is before them.
// some
// guarded: invalid-read size=4 block=400 where=before:4 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=4 block=400 where=before:4 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    for (int i = 0; i < 64; i++) {
        int *data = calloc(100, sizeof(int)); // ALLOC
        volatile int before = data[-1]; // BUG
        (void)before;
        free(data);
    }
    return 0;
}
