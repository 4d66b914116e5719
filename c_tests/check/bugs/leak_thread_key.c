// pthread_setspecific holds the block of a thread that still runs.
// leak: reachable bytes=64 blocks=1 alloc=ALLOC

#include <pthread.h>
#include <stdlib.h>

static pthread_key_t key;

static void work(void)
{
    pthread_setspecific(key, malloc(64)); // ALLOC
}

int main(void)
{
    pthread_key_create(&key, free);
    work();
    return 0;
}
