// A timer's function runs in a thread that the C library has started with signals blocked.
// guarded: invalid-write size=4 block=64 where=inside:0 at=BUG alloc=ALLOC free=FREE
// unguarded: write-after-free block=64 where=inside:0 alloc=ALLOC free=FREE
// valgrind: invalid-write size=4 block=64 where=inside:0 at=BUG alloc=ALLOC free=FREE
// some
// leaks: any

#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

static int *number;
static sem_t done;

static void tick(union sigval value)
{
    free(malloc(10));
    *number = value.sival_int; // BUG
    sem_post(&done);
}

int main(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = tick};
    struct itimerspec soon = {.it_value.tv_nsec = 1000000};
    timer_t timer;
    sem_init(&done, 0, 0);
    number = malloc(64); // ALLOC
    free(number); // FREE
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
        return 2;
    timer_settime(timer, 0, &soon, NULL);
    sem_wait(&done);
    return 0;
}
