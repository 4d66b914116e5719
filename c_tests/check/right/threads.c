// Eight threads allocate, hand blocks to one another through a table, and free what others made.

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, SLOTS = 256, ROUNDS = 5000 };

static void *slots[SLOTS];

static void *work(void *argument)
{
    unsigned seed = (unsigned)(size_t)argument;
    for (int i = 0; i < ROUNDS; i++) {
        size_t size = rand_r(&seed) % 600;
        char *block = malloc(size);
        memset(block, 'x', size);
        free(__atomic_exchange_n(&slots[rand_r(&seed) % SLOTS], block, __ATOMIC_ACQ_REL));
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    return 0;
}
