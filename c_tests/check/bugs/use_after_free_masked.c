// A thread that has blocked all signals reads a freed block: its fault would end the process at once.
// guarded: invalid-read size=8 block=128 where=inside:24 at=BUG alloc=ALLOC free=FREE
// unguarded: none
// valgrind: invalid-read size=8 block=128 where=inside:24 at=BUG alloc=ALLOC free=FREE

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

static void *work(void *block)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    volatile long value = ((long *)block)[3]; // BUG
    (void)value;
    return NULL;
}

int main(void)
{
    pthread_t thread;
    long *block = calloc(16, sizeof(long)); // ALLOC
    free(block); // FREE
    pthread_create(&thread, NULL, work, block);
    pthread_join(thread, NULL);
    return 0;
}
