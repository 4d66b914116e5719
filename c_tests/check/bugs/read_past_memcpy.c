// memcpy out of a block that is shorter than the copy.
// guarded: invalid-read block=48 where=after:0 at=BUG alloc=ALLOC
// unguarded: none
// valgrind: invalid-read block=48 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    char copy[128];
    char *block = calloc(1, 48); // ALLOC
    memcpy(copy, block, 48 + 16 * (size_t)argc); // BUG
    free(block);
    return copy[0];
}
