// A local variable of a thread that still runs holds the block.
// leak: reachable bytes=256 blocks=1 alloc=ALLOC

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t ready;

static void *work(void *argument)
{
    char *volatile block = malloc(256); // ALLOC
    block[0] = 'x';
    sem_post(&ready);
    for (;;)
        pause();
}

int main(void)
{
    pthread_t thread;
    sem_init(&ready, 0, 0);
    pthread_create(&thread, NULL, work, NULL);
    sem_wait(&ready);
    return 0;
}
