// The main thread's thread-local variable holds the block.
// leak: reachable bytes=256 blocks=1 alloc=ALLOC

#include <stdlib.h>

_Thread_local char *mine;

static void work(void)
{
    mine = malloc(256); // ALLOC
    mine[0] = 'x';
}

int main(void)
{
    work();
    return 0;
}
