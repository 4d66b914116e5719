// Only a pointer into the middle of the block is left.
// leak: possible bytes=400 blocks=1 alloc=ALLOC

#include <stdlib.h>

int *middle;

static void work(void)
{
    int *data = malloc(100 * sizeof(int)); // ALLOC
    middle = data + 50;
    data = NULL;
}

int main(void)
{
    work();
    return 0;
}
