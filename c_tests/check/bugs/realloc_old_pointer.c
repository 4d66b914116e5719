// realloc moved the block, and the old pointer is freed.
// found: double-free block=32 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    char *old = malloc(32); // ALLOC
    char *grown = realloc(old, 100000); // FREE
    free(old); // BUG
    free(grown);
    return 0;
}
