// free gets a pointer into the middle of a block.
// found: invalid-free block=400 where=inside:40 at=BUG alloc=ALLOC
// leak: definite bytes=400 blocks=1 alloc=ALLOC

#include <stdlib.h>

int main(void)
{
    int *data = malloc(100 * sizeof(int)); // ALLOC
    free(data + 10); // BUG
    data = NULL;
    return 0;
}
