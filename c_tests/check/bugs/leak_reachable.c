// A global pointer to the block is left at the end.
// leak: reachable bytes=400 blocks=1 alloc=ALLOC

#include <stdlib.h>

int *data;

int main(void)
{
    data = malloc(100 * sizeof(int)); // ALLOC
    return 0;
}
