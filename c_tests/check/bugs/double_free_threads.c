// Two threads free the same block, one after the other.
// found: double-free block=64 at=BUG alloc=ALLOC free=FREE

#include <pthread.h>
#include <stdlib.h>

static void *first(void *block)
{
    free(block); // FREE
    return NULL;
}

static void *second(void *block)
{
    free(block); // BUG
    return NULL;
}

int main(void)
{
    pthread_t thread;
    char *block = malloc(64); // ALLOC
    pthread_create(&thread, NULL, first, block);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, second, block);
    pthread_join(thread, NULL);
    return 0;
}
