// One thread frees, another one goes on writing.
// guarded: invalid-write size=8 block=128 where=inside:24 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=128 where=inside:24 alloc=ALLOC free=FREE
// valgrind: invalid-write size=8 block=128 where=inside:24 at=BUG alloc=ALLOC free=FREE

#include <pthread.h>
#include <stdlib.h>

static void *release(void *block)
{
    free(block); // FREE
    return NULL;
}

int main(void)
{
    pthread_t thread;
    long *block = malloc(128); // ALLOC
    pthread_create(&thread, NULL, release, block);
    pthread_join(thread, NULL);
    block[3] = -1; // BUG
    return 0;
}
