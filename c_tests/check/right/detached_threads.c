// Threads that are still running, with blocks of their own, when main returns.
// valgrind: noisy

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 10 };

static sem_t ready;

static void *work(void *argument)
{
    char **blocks = malloc(10 * sizeof *blocks);
    for (int i = 0; i < 10; i++)
        blocks[i] = calloc(1, 100);
    sem_post(&ready);
    for (;;)
        pause();
    return blocks;
}

int main(void)
{
    pthread_t thread;
    sem_init(&ready, 0, 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&thread, NULL, work, NULL);
        sem_wait(&ready);
    }
    return 0;
}
