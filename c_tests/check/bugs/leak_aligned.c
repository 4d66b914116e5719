// A block of posix_memalign's.
// leak: definite bytes=1000 blocks=1 alloc=ALLOC

#include <stdlib.h>

static void work(void)
{
    void *block = NULL;
    if (posix_memalign(&block, 256, 1000) == 0) // ALLOC
        *(char *)block = 'x';
    block = NULL;
}

int main(void)
{
    work();
    return 0;
}
