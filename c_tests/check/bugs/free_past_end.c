// free gets the pointer just behind a block, as a cursor leaves it.
// found: invalid-free block=64 where=after:0 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    char *block = malloc(64), *cursor = block; // ALLOC
    while (cursor < block + 64)
        *cursor++ = 'x';
    free(cursor); // BUG
    free(block);
    return 0;
}
