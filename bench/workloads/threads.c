// Threads: the work of one thread in two and in sixteen at once, and threads that come and go.

#include "crew.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

// One in EXCHANGE_EVERY blocks of the mixed work is exchanged with one of SHARED that belong to
// all.
enum { SHARED = 512, EXCHANGE_EVERY = 8, BLOCKS_OF_A_THREAD = 100 };

struct job {
    const struct parameters *parameters;
    size_t operations;  // of each thread
    struct sizes sizes;
    void **sets[MOST_THREADS];
    _Atomic(void *) shared[SHARED];
};

static void pair_member(void *context, int number)
{
    struct job *job = context;
    for (size_t i = 0; i < job->operations; i++) {
        void *block = malloc(size_at(&job->sizes, i + (size_t)number * 64));
        touch(block);
        free(block);
    }
}

static void replace_member(void *context, int number)
{
    struct job *job = context;
    uint64_t random = 7 + (uint64_t)number;
    for (size_t i = 0; i < job->operations; i++) {
        void **slot = &job->sets[number][random_below(&random, job->parameters->count)];
        free(*slot);
        touch(*slot = malloc(size_at(&job->sizes, i)));
    }
}

static void mixed_member(void *context, int number)
{
    struct job *job = context;
    uint64_t random = 7 + (uint64_t)number;
    for (size_t i = 0; i < job->operations; i++) {
        void **slot = &job->sets[number][random_below(&random, job->parameters->count)];
        if (i % EXCHANGE_EVERY == 0)
            *slot = atomic_exchange(&job->shared[random_below(&random, SHARED)], *slot);
        free(*slot);
        touch(*slot = malloc(size_at(&job->sizes, i)));
    }
}

static uint64_t pairs_in_crew(const struct parameters *p, size_t operations, void *context)
{
    struct job *job = context;
    job->operations = operations / (size_t)p->threads;
    return run_crew(p->threads, pair_member, job);
}

static uint64_t replacing_in_crew(const struct parameters *p, size_t operations, void *context)
{
    struct job *job = context;
    job->operations = operations / (size_t)p->threads;
    return run_crew(p->threads, replace_member, job);
}

static uint64_t mixed_in_crew(const struct parameters *p, size_t operations, void *context)
{
    struct job *job = context;
    job->operations = operations / (size_t)p->threads;
    return run_crew(p->threads, mixed_member, job);
}

static struct job *job_of(const struct parameters *p)
{
    static struct job job;
    job.parameters = p;
    choose_sizes(&job.sizes, p, 1);
    for (int i = 0; i < p->threads; i++)
        job.sets[i] = map(p->count * sizeof(void *) + 64);
    return &job;
}

static void pairs(const struct parameters *p)
{
    measure(pairs_in_crew, p, scaled(p->operations), job_of(p));
}

static void replacing(const struct parameters *p)
{
    measure(replacing_in_crew, p, scaled(p->operations), job_of(p));
}

static void mixed(const struct parameters *p)
{
    measure(mixed_in_crew, p, scaled(p->operations), job_of(p));
}

// A short life. With blocks to leave behind it frees none: whoever joins the thread does.
static void *live_shortly(void *leave)
{
    void **blocks = leave;
    void *own[BLOCKS_OF_A_THREAD];
    for (int i = 0; i < BLOCKS_OF_A_THREAD; i++)
        touch((blocks ? blocks : own)[i] = malloc(16 + (size_t)i * 5));
    for (int i = 0; !blocks && i < BLOCKS_OF_A_THREAD; i++)
        free(own[i]);
    return NULL;
}

static void come_and_go(void **blocks)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, live_shortly, blocks) || pthread_join(thread, NULL))
        fail("pthread_create");
    for (int i = 0; blocks && i < BLOCKS_OF_A_THREAD; i++)
        free(blocks[i]);
}

static uint64_t lives(const struct parameters *p, size_t operations, void *unused)
{
    (void)unused;
    void *blocks[BLOCKS_OF_A_THREAD];
    uint64_t start = now_ns();
    for (size_t i = 0; i < operations; i++)
        come_and_go(p->count ? blocks : NULL);
    return now_ns() - start;
}

static void thread_lives(const struct parameters *p)
{
    measure(lives, p, scaled(p->operations), NULL);
}

#define MIXED_SIZES .size = 16, .largest = 527

const struct workload thread_workloads[] = {
    {"threads-2-pair", "threads", "two threads, pairs of 16 to 527 bytes", pairs,
     {MIXED_SIZES, .threads = 2, .operations = 10000000}},
    {"threads-2-replace", "threads", "two threads, each replacing among 1,000 of 16 to 527 bytes",
     replacing, {MIXED_SIZES, .count = 1000, .threads = 2, .operations = 6000000}},
    {"threads-2-mixed", "threads", "the same, one in eight blocks exchanged with the others", mixed,
     {MIXED_SIZES, .count = 1000, .threads = 2, .operations = 4000000}},
    {"threads-16-pair", "threads", "sixteen threads, pairs of 16 to 527 bytes", pairs,
     {MIXED_SIZES, .threads = 16, .operations = 10000000}},
    {"threads-16-replace", "threads", "sixteen threads, each replacing among 1,000", replacing,
     {MIXED_SIZES, .count = 1000, .threads = 16, .operations = 6000000}},
    {"threads-16-mixed", "threads", "the same, one in eight blocks exchanged with the others",
     mixed, {MIXED_SIZES, .count = 1000, .threads = 16, .operations = 4000000}},
    {"thread-lives", "threads", "a thread starts, allocates and frees 100 blocks, and ends",
     thread_lives, {.operations = 3000}},
    {"thread-leaves", "threads", "the same, its blocks freed by another after its end",
     thread_lives, {.count = 1, .operations = 3000}},
    {0},
};
