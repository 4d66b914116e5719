// Batches: `count` blocks are allocated, then all are freed in one order. From 1,000 blocks, more
// than what is kept at hand, to 500,000, more than the processor's caches hold. One operation is
// one malloc and its free.

#include "workloads.h"

#include <stdlib.h>

// What one batch works with. `order` holds ORDERS orders one after the other, so that a random
// order isn't the same each time.
enum { ORDERS = 8 };
struct batch {
    struct sizes sizes;
    void **blocks;
    uint32_t *orders[ORDERS];
};

static void *allocate_aligned(size_t size)
{
    void *block = NULL;
    return posix_memalign(&block, size >= 4096 ? 4096 : 64, size) ? NULL : block;
}

static void *allocate_zeroed(size_t size)
{
    return calloc(1, size);
}

static inline uint64_t batches(const struct parameters *p, size_t operations, struct batch *batch,
                               void *(*allocate)(size_t))
{
    uint64_t start = now_ns();
    for (size_t done = 0, round = 0; done < operations; done += p->count, round++) {
        for (size_t i = 0; i < p->count; i++) {
            batch->blocks[i] = allocate(size_at(&batch->sizes, i + round));
            touch(batch->blocks[i]);
        }
        const uint32_t *order = batch->orders[round % ORDERS];
        for (size_t i = 0; i < p->count; i++)
            free(batch->blocks[order[i]]);
    }
    return now_ns() - start;
}

static uint64_t malloc_batches(const struct parameters *p, size_t operations, void *context)
{
    return batches(p, operations, context, malloc);
}

static uint64_t aligned_batches(const struct parameters *p, size_t operations, void *context)
{
    return batches(p, operations, context, allocate_aligned);
}

static uint64_t calloc_batches(const struct parameters *p, size_t operations, void *context)
{
    return batches(p, operations, context, allocate_zeroed);
}

static void prepare(struct batch *batch, const struct parameters *p)
{
    choose_sizes(&batch->sizes, p, 1);
    batch->blocks = map(p->count * sizeof(void *));
    for (int i = 0; i < ORDERS; i++)
        batch->orders[i] = choose_order(p->order, p->count, 1000 + (uint64_t)i);
}

// Measures whole batches, at least one a repetition. In a shorter form a large set is smaller too.
static void measure_batches(repetition *repeat, const struct parameters *p)
{
    struct batch context;
    struct parameters now = *p;
    size_t operations = scaled(p->operations);
    if (now.count > operations)
        now.count = operations;
    prepare(&context, &now);
    measure(repeat, &now, operations / now.count * now.count, &context);
}

static void batch(const struct parameters *p)
{
    measure_batches(malloc_batches, p);
}

static void aligned_batch(const struct parameters *p)
{
    measure_batches(aligned_batches, p);
}

static void calloc_batch(const struct parameters *p)
{
    measure_batches(calloc_batches, p);
}

// One batch in a fresh process: the first touch of every page is in it.
static void first_batch(const struct parameters *p)
{
    struct batch context;
    struct parameters scaled_down = *p;
    scaled_down.count = scaled(p->count);
    prepare(&context, &scaled_down);
    uint64_t elapsed = malloc_batches(&scaled_down, scaled_down.count, &context);
    print_ns_per_op((double)elapsed, scaled_down.count);
}

#define BATCH(how) .count = 1000, .operations = 6000000, .order = how
#define MIXED .size = 16, .largest = 527
#define MEDIUM .size = 8 << 10, .largest = 64 << 10

const struct workload batch_workloads[] = {
    {"batch-48", "batch", "1,000 blocks of 48 bytes, freed in order", batch,
     {.size = 48, BATCH(IN_ORDER)}},
    {"batch-48-reverse", "batch", "the same, freed in reverse", batch,
     {.size = 48, BATCH(REVERSE)}},
    {"batch-48-random", "batch", "the same, freed at random", batch, {.size = 48, BATCH(RANDOM)}},
    {"batch-64", "batch", "1,000 blocks of 64 bytes, freed in order", batch,
     {.size = 64, BATCH(IN_ORDER)}},
    {"batch-64-reverse", "batch", "the same, freed in reverse", batch,
     {.size = 64, BATCH(REVERSE)}},
    {"batch-64-random", "batch", "the same, freed at random", batch, {.size = 64, BATCH(RANDOM)}},
    {"batch-1k", "batch", "1,000 blocks of 1 KiB, freed in order", batch,
     {.size = 1024, BATCH(IN_ORDER)}},
    {"batch-1k-reverse", "batch", "the same, freed in reverse", batch,
     {.size = 1024, BATCH(REVERSE)}},
    {"batch-1k-random", "batch", "the same, freed at random", batch,
     {.size = 1024, BATCH(RANDOM)}},
    {"batch-mixed", "batch", "1,000 blocks of 16 to 527 bytes, freed in order", batch,
     {MIXED, BATCH(IN_ORDER)}},
    {"batch-mixed-reverse", "batch", "the same, freed in reverse", batch, {MIXED, BATCH(REVERSE)}},
    {"batch-mixed-random", "batch", "the same, freed at random", batch, {MIXED, BATCH(RANDOM)}},
    {"batch-medium", "batch", "1,000 blocks of 8 to 64 KiB, freed in order", batch,
     {MEDIUM, .count = 1000, .operations = 500000, .order = IN_ORDER}},
    {"batch-medium-random", "batch", "the same, freed at random", batch,
     {MEDIUM, .count = 1000, .operations = 500000, .order = RANDOM}},
    {"batch-calloc", "calloc", "1,000 zeroed blocks of 16 to 527 bytes, freed at random",
     calloc_batch, {MIXED, BATCH(RANDOM)}},
    {"batch-aligned-64", "aligned", "1,000 blocks of 16 to 527 bytes at 64, freed at random",
     aligned_batch, {MIXED, BATCH(RANDOM)}},
    {"batch-aligned-4k", "aligned", "1,000 blocks of 4 KiB at 4,096, freed at random",
     aligned_batch, {.size = 4096, .count = 1000, .operations = 2000000, .order = RANDOM}},
    {"live-100k-48", "live", "100,000 blocks of 48 bytes, freed in order", batch,
     {.size = 48, .count = 100000, .operations = 4000000, .order = IN_ORDER}},
    {"live-100k-48-random", "live", "the same, freed at random", batch,
     {.size = 48, .count = 100000, .operations = 2000000, .order = RANDOM}},
    {"live-500k-mixed", "live", "500,000 blocks of 16 to 527 bytes, freed in order", batch,
     {MIXED, .count = 500000, .operations = 2000000, .order = IN_ORDER}},
    {"live-500k-mixed-random", "live", "the same, freed at random", batch,
     {MIXED, .count = 500000, .operations = 500000, .order = RANDOM}},
    {"live-500k-first", "live", "500,000 blocks of 16 to 527 bytes once, in a fresh process",
     first_batch, {MIXED, .count = 500000, .order = IN_ORDER}},
    {0},
};
