// A block of 4 MiB.
// leak: definite bytes=4194304 blocks=1 alloc=ALLOC

#include <stdlib.h>

static void work(void)
{
    char *block = malloc(4 << 20); // ALLOC
    block[0] = 'x';
    block = NULL;
}

int main(void)
{
    work();
    return 0;
}
