// Pairs: a block is freed at once. The hit paths and nothing else, until a size is too large for
// what the allocator keeps at hand. One operation is one malloc and its free.

#include "workloads.h"

#include <stdlib.h>

static uint64_t pairs_of_one_size(const struct parameters *p, size_t operations, void *unused)
{
    (void)unused;
    size_t size = p->size;
    uint64_t start = now_ns();
    for (size_t i = 0; i < operations; i++) {
        void *block = malloc(size);
        touch(block);
        free(block);
    }
    return now_ns() - start;
}

static uint64_t pairs_of_sizes(const struct parameters *p, size_t operations, void *context)
{
    (void)p;
    const struct sizes *sizes = context;
    uint64_t start = now_ns();
    for (size_t i = 0; i < operations; i++) {
        void *block = malloc(size_at(sizes, i));
        touch(block);
        free(block);
    }
    return now_ns() - start;
}

static uint64_t calloc_pairs(const struct parameters *p, size_t operations, void *unused)
{
    (void)unused;
    uint64_t start = now_ns();
    for (size_t i = 0; i < operations; i++) {
        char *block = calloc(1, p->size);
        touch_pages(block, 0, p->size);
        free(block);
    }
    return now_ns() - start;
}

static uint64_t aligned_pairs(const struct parameters *p, size_t operations, void *unused)
{
    (void)unused;
    uint64_t start = now_ns();
    for (size_t i = 0; i < operations; i++) {
        void *block = NULL;
        if (posix_memalign(&block, p->size, p->size))
            fail("posix_memalign");
        touch(block);
        free(block);
    }
    return now_ns() - start;
}

static void pair(const struct parameters *p)
{
    struct sizes sizes;
    choose_sizes(&sizes, p, 1);
    measure(p->largest ? pairs_of_sizes : pairs_of_one_size, p, scaled(p->operations), &sizes);
}

static void calloc_pair(const struct parameters *p)
{
    measure(calloc_pairs, p, scaled(p->operations), NULL);
}

static void aligned_pair(const struct parameters *p)
{
    measure(aligned_pairs, p, scaled(p->operations), NULL);
}

enum { KIB = 1024, MIB = 1024 * KIB, FAST = 10000000 };

const struct workload pair_workloads[] = {
    {"pair-16", "pair", "malloc and free of 16 bytes", pair, {.size = 16, .operations = FAST}},
    {"pair-32", "pair", "malloc and free of 32 bytes", pair, {.size = 32, .operations = FAST}},
    {"pair-64", "pair", "malloc and free of 64 bytes", pair, {.size = 64, .operations = FAST}},
    {"pair-256", "pair", "malloc and free of 256 bytes", pair, {.size = 256, .operations = FAST}},
    {"pair-1k", "pair", "malloc and free of 1 KiB", pair, {.size = KIB, .operations = FAST}},
    {"pair-4k", "pair", "malloc and free of 4 KiB", pair, {.size = 4 * KIB, .operations = FAST}},
    {"pair-32k", "pair", "malloc and free of 32 KiB", pair,
     {.size = 32 * KIB, .operations = 4000000}},
    {"pair-256k", "pair", "malloc and free of 256 KiB", pair,
     {.size = 256 * KIB, .operations = 1000000}},
    {"pair-1m", "pair", "malloc and free of 1 MiB", pair, {.size = MIB, .operations = 200000}},
    {"pair-mixed", "pair", "malloc and free of 16 to 527 bytes", pair,
     {.size = 16, .largest = 527, .operations = FAST}},
    {"calloc-64", "calloc", "calloc and free of 64 bytes", calloc_pair,
     {.size = 64, .operations = FAST}},
    {"calloc-1k", "calloc", "calloc and free of 1 KiB", calloc_pair,
     {.size = KIB, .operations = 4000000}},
    {"calloc-256k", "calloc", "calloc and free of 256 KiB, each page written", calloc_pair,
     {.size = 256 * KIB, .operations = 4000}},
    {"calloc-8m", "calloc", "calloc and free of 8 MiB, each page written", calloc_pair,
     {.size = 8 * MIB, .operations = 60}},
    {"aligned-64", "aligned", "posix_memalign and free of 64 bytes at 64", aligned_pair,
     {.size = 64, .operations = FAST}},
    {"aligned-4k", "aligned", "posix_memalign and free of 4 KiB at 4,096", aligned_pair,
     {.size = 4 * KIB, .operations = 4000000}},
    {0},
};
