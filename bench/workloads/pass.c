// Passing: one thread allocates, another frees. The blocks go through a ring in chunks of `count`;
// a chunk is handed over when it is complete. One operation is one malloc here and its free there.

#include "crew.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SLOTS = 4096, LINE = 64 };

struct ring {
    const struct parameters *parameters;
    size_t chunks;
    struct sizes sizes;
    _Alignas(LINE) atomic_size_t given;
    _Alignas(LINE) atomic_size_t taken;
    _Alignas(LINE) void *slots[SLOTS];
};

// How many chunks are on the way at most.
static size_t room(const struct ring *ring)
{
    return SLOTS / ring->parameters->count;
}

static void **chunk_at(struct ring *ring, size_t chunk)
{
    return &ring->slots[chunk % room(ring) * ring->parameters->count];
}

static void produce(struct ring *ring)
{
    size_t count = ring->parameters->count;
    for (size_t chunk = 0; chunk < ring->chunks; chunk++) {
        unsigned tries = 0;
        while (chunk - atomic_load_explicit(&ring->taken, memory_order_acquire) >= room(ring))
            wait_a_little(&tries);
        void **blocks = chunk_at(ring, chunk);
        for (size_t i = 0; i < count; i++)
            touch(blocks[i] = malloc(size_at(&ring->sizes, chunk + i)));
        atomic_store_explicit(&ring->given, chunk + 1, memory_order_release);
    }
}

static void consume(struct ring *ring)
{
    size_t count = ring->parameters->count;
    for (size_t chunk = 0; chunk < ring->chunks; chunk++) {
        unsigned tries = 0;
        while (atomic_load_explicit(&ring->given, memory_order_acquire) == chunk)
            wait_a_little(&tries);
        void **blocks = chunk_at(ring, chunk);
        for (size_t i = 0; i < count; i++) {
            touch(blocks[i]);
            free(blocks[i]);
        }
        atomic_store_explicit(&ring->taken, chunk + 1, memory_order_release);
    }
}

static void pass_member(void *context, int number)
{
    if (number)
        consume(context);
    else
        produce(context);
}

static uint64_t passing(const struct parameters *p, size_t operations, void *context)
{
    struct ring *ring = context;
    ring->chunks = operations / p->count;
    atomic_init(&ring->given, 0);
    atomic_init(&ring->taken, 0);
    return run_crew(2, pass_member, ring);
}

static void pass(const struct parameters *p)
{
    static struct ring ring;
    ring.parameters = p;
    choose_sizes(&ring.sizes, p, 1);
    measure(passing, p, (scaled(p->operations) / p->count + 1) * p->count, &ring);
}

const struct workload pass_workloads[] = {
    {"produce-consume", "pass", "16 to 527 bytes, allocated in one thread, freed in another", pass,
     {.size = 16, .largest = 527, .count = 16, .operations = 2000000}},
    {"hand-over-64", "pass", "chunks of 1,000 blocks of 64 bytes, from one thread to another", pass,
     {.size = 64, .count = 1000, .operations = 4000000}},
    {"hand-over-1k", "pass", "the same, of 1 KiB", pass,
     {.size = 1024, .count = 1000, .operations = 4000000}},
    {0},
};
