// What a thousand threads keep that each allocated and freed 1 MiB of mixed blocks. How their calls
// interleave decides how far apart lies what they keep, so one of them runs at a time, and a
// schedule that is the same in each run says which.

#include "../checks.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

enum { THREADS = 1000, BLOCKS = 2030, MOST_MIB = 64, STACK_BYTES = 128 << 10 };

struct schedule {
    size_t window;    // so many threads are in the middle of their work
    unsigned calls;   // so many calls on average before another one of them, at random, goes on
    bool waits_full;  // a thread doesn't begin to free before all have their blocks
};

static struct schedule schedule;
static sem_t may_go[THREADS], all_done, may_end;
static size_t running[THREADS], running_count; // those of the window that don't wait
static size_t waiting[THREADS], waiting_count; // those that have all their blocks, and wait
static size_t begun;
static unsigned random_state;

static unsigned random_below(size_t bound)
{
    random_state = random_state * 1664525 + 1013904223;
    return (unsigned)((random_state * bound) >> 32);
}

static void let_another_go(void)
{
    while (begun < THREADS && running_count < schedule.window)
        running[running_count++] = begun++;
    while (running_count == 0 && waiting_count > 0) {
        while (waiting_count > 0)
            running[running_count++] = waiting[--waiting_count];
    }
    if (running_count == 0)
        sem_post(&all_done);
    else
        sem_post(&may_go[running[random_below(running_count)]]);
}

static void stop_running(size_t self)
{
    size_t i = 0;
    while (running[i] != self)
        i++;
    running[i] = running[--running_count];
}

static void note_call(size_t self, unsigned *calls_left)
{
    if (--*calls_left > 0)
        return;
    *calls_left = 1 + random_below(2 * (size_t)schedule.calls);
    let_another_go();
    sem_wait(&may_go[self]);
}

static void *work_and_idle(void *argument)
{
    size_t self = (size_t)argument;
    void *mine[BLOCKS] = { NULL };
    unsigned calls_left = schedule.calls, random = (unsigned)self * 7919 + 1;
    sem_wait(&may_go[self]);
    for (int i = 0; i < BLOCKS; i++) {
        random = random * 1664525 + 1013904223;
        mine[i] = malloc(16 + (random >> 8) % 1009);
        *(char *)mine[i] = 1;
        note_call(self, &calls_left);
    }
    if (schedule.waits_full) {
        stop_running(self);
        waiting[waiting_count++] = self;
        let_another_go();
        sem_wait(&may_go[self]);
    }
    for (int i = 0; i < BLOCKS; i++) {
        free(mine[i]);
        note_call(self, &calls_left);
    }
    stop_running(self);
    let_another_go();
    sem_wait(&may_end);
    sem_post(&may_end);
    return NULL;
}

static void require_that_little_is_kept(struct schedule chosen)
{
    static pthread_t threads[THREADS];
    pthread_attr_t attributes;
    schedule = chosen;
    random_state = 1;
    sem_init(&all_done, 0, 0);
    sem_init(&may_end, 0, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (size_t i = 0; i < THREADS; i++) {
        sem_init(&may_go[i], 0, 0);
        REQUIRE(pthread_create(&threads[i], &attributes, work_and_idle, (void *)i) == 0);
    }
    size_t base_kib = status_kib("RssAnon:");
    let_another_go();
    sem_wait(&all_done);
    size_t now_kib = status_kib("RssAnon:");
    if (now_kib > base_kib + MOST_MIB * 1024)
        FAIL("%zu KiB more than before are resident", now_kib - base_kib);
    sem_post(&may_end);
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
}

static void one_by_one(void)
{
    require_that_little_is_kept((struct schedule){ 1, 2 * BLOCKS, false });
}

static void all_had_their_blocks_at_the_same_time(void)
{
    require_that_little_is_kept((struct schedule){ 1, 2 * BLOCKS, true });
}

static void fifty_in_turn(void)
{
    require_that_little_is_kept((struct schedule){ 50, 50, false });
}

static void all_in_turn_for_long(void)
{
    require_that_little_is_kept((struct schedule){ THREADS, 400, false });
}

static const struct check table[] = {
    CHECK(one_by_one),
    CHECK(all_had_their_blocks_at_the_same_time),
    CHECK(fifty_in_turn),
    CHECK(all_in_turn_for_long),
};

int main(int argc, char **argv)
{
    return run_checks(table, sizeof table / sizeof table[0], argc, argv);
}
