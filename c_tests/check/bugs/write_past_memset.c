// memset with the size of another array.
// guarded: invalid-write block=96 at=BUG alloc=ALLOC
// unguarded: overrun block=96 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write block=96 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    size_t size = 96 + 16 * (size_t)argc;
    char *block = malloc(96); // ALLOC
    memset(block, 0, size); // BUG
    free(block); // FREE
    return 0;
}
