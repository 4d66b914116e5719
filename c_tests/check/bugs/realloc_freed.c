// realloc gets a block that is freed already.
// found: invalid-realloc block=100 at=BUG alloc=ALLOC free=FREE

#include <stdlib.h>

int main(void)
{
    char *block = malloc(100); // ALLOC
    free(block); // FREE
    char *grown = realloc(block, 200); // BUG
    return grown == block;
}
