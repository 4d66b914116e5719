// malloc_usable_size is asked about a freed block.
// cairn: invalid-usable-size block=100 at=BUG alloc=ALLOC free=FREE
// valgrind: none

#include <malloc.h>
#include <stdlib.h>

int main(void)
{
    char *block = malloc(100); // ALLOC
    free(block); // FREE
    return (int)malloc_usable_size(block) * 0; // BUG
}
