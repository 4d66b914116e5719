// The same in a second thread.
// found: fatal-signal|invalid-write at=BUG

#include <pthread.h>
#include <stdlib.h>

static void *work(void *argument)
{
    *(volatile int *)argument = 1; // BUG
    return NULL;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    return 0;
}
