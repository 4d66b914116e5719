// Memory: what stays resident for what is alive. The table of the blocks is mapped apart from the
// allocator and not counted. Sizes are divided by the divisor like every count.

#include "crew.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GIB ((size_t)1 << 30)
#define MIB ((size_t)1 << 20)

// Blocks of `sizes` up to `live_bytes` in sum; `base_bytes` was resident before them.
struct population {
    struct sizes sizes;
    void **blocks;
    size_t capacity, count, live_bytes, base_bytes;
};

// Maps the table for at least `goal` bytes of blocks of the parameters' sizes.
static struct population found(const struct parameters *p, size_t goal)
{
    struct population people = {.count = 0};
    choose_sizes(&people.sizes, p, 1);
    size_t sum = 0;
    for (int i = 0; i < SIZES; i++)
        sum += people.sizes.bytes[i];
    people.capacity = (goal / sum + 1) * SIZES;
    people.blocks = map(people.capacity * sizeof(void *));
    people.base_bytes = resident_bytes();
    return people;
}

// Allocates until `goal` bytes live, writing to both ends of each block.
static void fill(struct population *people, size_t goal)
{
    while (people->live_bytes < goal && people->count < people->capacity) {
        size_t size = size_at(&people->sizes, people->count);
        char *block = malloc(size);
        touch(block);
        touch(block + size - 1);
        people->blocks[people->count++] = block;
        people->live_bytes += size;
    }
}

static void free_one(struct population *people, size_t index)
{
    people->live_bytes -= size_at(&people->sizes, index);
    free(people->blocks[index]);
    people->blocks[index] = NULL;
}

// Frees the share of one in `of` that `keep` doesn't name: each block by the throw of a die, in the
// order in which they were allocated.
static void thin_out(struct population *people, size_t keep, size_t of)
{
    uint64_t random = 99;
    for (size_t i = 0; i < people->count; i++)
        if (random_below(&random, of) >= keep)
            free_one(people, i);
}

static size_t gained(const struct population *people)
{
    size_t now = resident_bytes();
    return now > people->base_bytes ? now - people->base_bytes : 0;
}

static void peak(const struct parameters *p)
{
    struct population people = found(p, scaled(p->count));
    fill(&people, scaled(p->count));
    print_resident_ratio(gained(&people), people.live_bytes);
}

static void freed_all(const struct parameters *p)
{
    struct population people = found(p, scaled(p->count));
    fill(&people, scaled(p->count));
    uint32_t *order = choose_order(p->order, people.count, 5);
    for (size_t i = 0; i < people.count; i++)
        free_one(&people, order[i]);
    unmap(order, people.count * sizeof *order);
    unmap(people.blocks, people.capacity * sizeof(void *));
    print_resident_mib(resident_bytes());
}

static void freed_most(const struct parameters *p)
{
    struct population people = found(p, scaled(p->count));
    fill(&people, scaled(p->count));
    thin_out(&people, 1, 10);
    print_resident_ratio(gained(&people), people.live_bytes);
}

static void size_shift(const struct parameters *p)
{
    struct population first = found(p, scaled(p->count));
    struct parameters other_size = {.size = p->largest};
    struct parameters one_size = {.size = p->size};
    choose_sizes(&first.sizes, &one_size, 1);
    size_t goal = scaled(800 * MIB);
    struct population second = found(&other_size, goal);
    fill(&first, scaled(p->count));
    thin_out(&first, 1, 8);
    fill(&second, goal);
    print_resident_ratio(gained(&second), first.live_bytes + second.live_bytes);
}

// Replaces at random among big blocks, each page written, and asks what is resident at the end.
static void big_blocks(const struct parameters *p)
{
    enum { SLOTS = 64 };
    static char *blocks[SLOTS];
    static size_t sizes[SLOTS];
    size_t base = resident_bytes(), live = 0;
    uint64_t random = 3;
    for (size_t i = 0; i < scaled(p->operations) + SLOTS; i++) {
        size_t slot = i < SLOTS ? i : random_below(&random, SLOTS);
        live -= sizes[slot];
        free(blocks[slot]);
        sizes[slot] = p->size + random_below(&random, p->largest - p->size);
        blocks[slot] = malloc(sizes[slot]);
        touch_pages(blocks[slot], 0, sizes[slot]);
        live += sizes[slot];
    }
    print_resident_ratio(resident_bytes() - base, live);
}

// Threads that have allocated and freed `count` bytes each, and do nothing more.
struct idlers {
    const struct parameters *parameters;
    pthread_barrier_t started, worked, asked;
};

static void *work_and_idle(void *argument)
{
    struct idlers *idlers = argument;
    struct sizes sizes;
    void *blocks[SIZES * 8];
    size_t count = 0;
    memset(blocks, 0, sizeof blocks);  // touched before it is counted what is resident
    choose_sizes(&sizes, idlers->parameters, 1);
    pthread_barrier_wait(&idlers->started);
    for (size_t bytes = 0; bytes < idlers->parameters->count && count < SIZES * 8; count++) {
        touch(blocks[count] = malloc(size_at(&sizes, count)));
        bytes += size_at(&sizes, count);
    }
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
    pthread_barrier_wait(&idlers->worked);
    pthread_barrier_wait(&idlers->asked);
    return NULL;
}

static void idle_threads(const struct parameters *p)
{
    enum { MOST = 1000 };
    static pthread_t threads[MOST];
    unsigned count = (unsigned)scaled(MOST);
    struct idlers idlers = {.parameters = p};
    pthread_barrier_init(&idlers.started, NULL, count + 1);
    pthread_barrier_init(&idlers.worked, NULL, count + 1);
    pthread_barrier_init(&idlers.asked, NULL, count + 1);
    size_t before = resident_bytes();
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, work_and_idle, &idlers))
            fail("pthread_create");
    pthread_barrier_wait(&idlers.started);
    // Started threads wait here, their stacks touched: what they keep counts, not that they are.
    size_t base = p->threads ? before : resident_bytes();
    pthread_barrier_wait(&idlers.worked);
    size_t idle = resident_bytes();
    pthread_barrier_wait(&idlers.asked);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    size_t resident = p->threads ? resident_bytes() : idle;
    print_resident_mib(resident > base ? resident - base : 0);
}

#define MIXED .size = 16, .largest = 1024

const struct workload memory_workloads[] = {
    {"memory-peak", "memory", "resident to live at the peak of 2 GiB of 16 to 1,024 bytes", peak,
     {MIXED, .count = 2 * GIB}},
    {"memory-peak-skewed", "memory", "the same, small blocks more often: the smaller of two sizes",
     peak, {MIXED, .skewed = true, .count = 2 * GIB}},
    {"memory-freed", "memory", "MiB resident after all of it is freed in order", freed_all,
     {MIXED, .count = 2 * GIB, .order = IN_ORDER}},
    {"memory-freed-random", "memory", "the same, freed at random", freed_all,
     {MIXED, .count = 2 * GIB, .order = RANDOM}},
    {"memory-freed-most", "memory", "resident to live after nine in ten are freed at random",
     freed_most, {MIXED, .count = 2 * GIB}},
    {"memory-shift", "memory",
     "1 GiB of 48 bytes, seven in eight freed at random, then 800 MiB of 64: resident to live",
     size_shift, {.size = 48, .largest = 64, .count = GIB}},
    {"memory-big", "memory", "resident to live among 64 blocks of 64 KiB to 4 MiB, replaced often",
     big_blocks, {.size = 64 << 10, .largest = 4 * MIB, .operations = 1500}},
    {"memory-idle-threads", "memory", "MiB that 1,000 threads keep that freed 1 MiB each",
     idle_threads, {MIXED, .count = MIB}},
    {"memory-ended-threads", "memory", "MiB resident more than before, after they end",
     idle_threads, {MIXED, .count = MIB, .threads = 1}},
    {0},
};
