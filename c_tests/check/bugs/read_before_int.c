// The element before an array is read, of a block that is the only one.
// needs: watchpoints
// guarded: invalid-read size=4 block=40 where=before:4|before:8 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read size=4 block=40 where=before:4 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    int *data = calloc(10, sizeof(int)); // ALLOC
    int last = 0;
    for (int i = 9; i >= -1; i--)
        last = data[i]; // BUG
    free(data);
    return last == 1;
}
