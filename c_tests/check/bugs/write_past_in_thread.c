// A second thread writes behind a block of the first one's.
// guarded: invalid-write size=4 block=400 where=after:0 at=BUG alloc=ALLOC
// unguarded: overrun block=400 where=after:0 at=FREE alloc=ALLOC
// valgrind: invalid-write size=4 block=400 where=after:0 at=BUG alloc=ALLOC

#include <pthread.h>
#include <stdlib.h>

static void *work(void *argument)
{
    int *data = argument;
    data[100] = 42; // BUG
    return NULL;
}

int main(void)
{
    pthread_t thread;
    int *data = malloc(100 * sizeof(int)); // ALLOC
    pthread_create(&thread, NULL, work, data);
    pthread_join(thread, NULL);
    free(data); // FREE
    return 0;
}
