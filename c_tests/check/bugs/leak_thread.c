// A thread that has ended had the only pointer to the block, on its stack.
// leak: definite bytes=256 blocks=1 alloc=ALLOC

#include <pthread.h>
#include <stdlib.h>

static void *work(void *argument)
{
    char *block = malloc(256); // ALLOC
    block[0] = 'x';
    block = NULL;
    return NULL;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    return 0;
}
