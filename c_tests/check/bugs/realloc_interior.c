// realloc gets a pointer into the middle of a block.
// found: invalid-realloc block=100 where=inside:16 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    char *block = malloc(100); // ALLOC
    char *grown = realloc(block + 16, 200); // BUG
    free(block);
    return grown == block;
}
