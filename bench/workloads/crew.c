// What crew.h promises.

#include "crew.h"

#include <pthread.h>
#include <sched.h>

struct crew {
    member *work;
    void *context;
    pthread_barrier_t barrier;
};

struct place {
    struct crew *crew;
    int number;
    uint64_t end_ns;
    pthread_t thread;
};

static void *work_in_crew(void *argument)
{
    struct place *place = argument;
    pthread_barrier_wait(&place->crew->barrier);
    place->crew->work(place->crew->context, place->number);
    place->end_ns = now_ns();
    return NULL;
}

uint64_t run_crew(int threads, member *work, void *context)
{
    struct crew crew = {.work = work, .context = context};
    struct place places[MOST_THREADS];
    pthread_barrier_init(&crew.barrier, NULL, (unsigned)threads + 1);
    for (int i = 0; i < threads; i++) {
        places[i] = (struct place){.crew = &crew, .number = i};
        if (pthread_create(&places[i].thread, NULL, work_in_crew, &places[i]))
            fail("pthread_create");
    }
    uint64_t start = now_ns(), end = start;
    pthread_barrier_wait(&crew.barrier);
    for (int i = 0; i < threads; i++) {
        pthread_join(places[i].thread, NULL);
        if (places[i].end_ns > end)
            end = places[i].end_ns;
    }
    pthread_barrier_destroy(&crew.barrier);
    return end - start;
}

void wait_a_little(unsigned *tries)
{
    enum { SPINS = 200 };
    if (++*tries > SPINS)
        sched_yield();
    else
        __asm__ volatile("" ::: "memory");
}
