// Replacement: in a set of live blocks one at random is freed and another allocated in its place,
// as in a cache or a table of objects. One operation is one free and one malloc.

#include "workloads.h"

#include <stdlib.h>

struct set {
    struct sizes sizes;
    void **blocks;
    uint64_t random;
};

static uint64_t replacements(const struct parameters *p, size_t operations, void *context)
{
    struct set *set = context;
    uint64_t random = set->random, start = now_ns();
    for (size_t i = 0; i < operations; i++) {
        void **slot = &set->blocks[random_below(&random, p->count)];
        free(*slot);
        *slot = malloc(size_at(&set->sizes, i));
        touch(*slot);
    }
    set->random = random;
    return now_ns() - start;
}

static void replace(const struct parameters *p)
{
    struct set set = {.random = 7};
    choose_sizes(&set.sizes, p, 1);
    set.blocks = map(p->count * sizeof(void *));
    for (size_t i = 0; i < p->count; i++)
        touch(set.blocks[i] = malloc(size_at(&set.sizes, i)));
    measure(replacements, p, scaled(p->operations), &set);
}

const struct workload replace_workloads[] = {
    {"replace-1k-48", "replace", "at random among 1,000 blocks of 48 bytes", replace,
     {.size = 48, .count = 1000, .operations = 5000000}},
    {"replace-1k-mixed", "replace", "at random among 1,000 blocks of 16 to 527 bytes", replace,
     {.size = 16, .largest = 527, .count = 1000, .operations = 5000000}},
    {"replace-1k-medium", "replace", "at random among 1,000 blocks of 1 to 32 KiB", replace,
     {.size = 1 << 10, .largest = 32 << 10, .count = 1000, .operations = 1000000}},
    {"replace-500k-mixed", "replace", "at random among 500,000 blocks of 16 to 527 bytes", replace,
     {.size = 16, .largest = 527, .count = 500000, .operations = 1000000}},
    {0},
};
