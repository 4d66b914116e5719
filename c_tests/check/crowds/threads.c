// A thousand threads at the same time, each with a block; then one of them writes past its own.
// cairn: overrun|invalid-write block=100 where=after:0 at=BUG|FREE alloc=ALLOC
// valgrind: noisy

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 1000 };

static pthread_barrier_t all_there;

static void *work(void *argument)
{
    size_t number = (size_t)argument;
    char *block = malloc(100); // ALLOC
    memset(block, 'x', 100);
    pthread_barrier_wait(&all_there);
    pthread_barrier_wait(&all_there);
    if (number == THREADS / 2)
        block[100] = 'x'; // BUG
    free(block); // FREE
    return NULL;
}

int main(void)
{
    static pthread_t threads[THREADS];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    pthread_barrier_init(&all_there, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], &small, work, (void *)i) != 0)
            return printf("no thread %zu\n", i);
    pthread_barrier_wait(&all_there);
    pthread_barrier_wait(&all_there);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
