// free gets a pointer that no malloc could have given: it is odd.
// found: invalid-free block=64 where=inside:3 at=BUG alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    char *block = malloc(64); // ALLOC
    free(block + 3); // BUG
    free(block);
    return 0;
}
