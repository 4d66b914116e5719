// The program calls exit deep inside: the callers' variables still hold the block.
// leak: reachable bytes=100 blocks=1 alloc=ALLOC

#include <stdlib.h>

static void stop(int depth)
{
    if (depth == 0)
        exit(0);
    stop(depth - 1);
}

int main(void)
{
    char *volatile block = malloc(100); // ALLOC
    block[0] = 'x';
    stop(10);
    return 0;
}
