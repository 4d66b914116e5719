// Growing big blocks: what realloc costs when copying would cost most.

#include "workloads.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 4096 };

// Times realloc alone: the block was written before, the new half isn't.
static uint64_t one_realloc(const struct parameters *p, size_t operations, void *unused)
{
    (void)unused;
    uint64_t elapsed = 0;
    for (size_t i = 0; i < operations; i++) {
        char *block = malloc(p->size);
        touch_pages(block, 0, p->size);
        uint64_t start = now_ns();
        block = realloc(block, p->largest);
        elapsed += now_ns() - start;
        touch(block);
        free(block);
    }
    return elapsed;
}

static void realloc_once(const struct parameters *p)
{
    measure(one_realloc, p, p->operations, NULL);
}

// A vector of numbers that is pushed to until it holds `goal` bytes. Returns what all took, and
// what of it realloc did.
struct push_times {
    uint64_t all_ns, realloc_ns;
};

static struct push_times push_until(size_t goal)
{
    struct push_times times = {.realloc_ns = 0};
    uint64_t start = now_ns();
    size_t room = 8, length = 0;
    uint64_t *vector = malloc(room * sizeof *vector);
    touch(vector);
    while (length * sizeof *vector < goal) {
        for (; length < room; length++)
            vector[length] = length;
        uint64_t before = now_ns();
        vector = realloc(vector, (room *= 2) * sizeof *vector);
        times.realloc_ns += now_ns() - before;
        touch(vector);
    }
    free(vector);
    times.all_ns = now_ns() - start;
    return times;
}

static void push(const struct parameters *p)
{
    print_ns_per_op((double)push_until(scaled(p->size)).all_ns, 1);
}

static void push_realloc(const struct parameters *p)
{
    print_ns_per_op((double)push_until(scaled(p->size)).realloc_ns, 1);
}

const struct workload memory_grow_workloads[] = {
    {"memory-realloc", "memory", "one realloc of a written block from 64 to 128 MiB", realloc_once,
     {.size = 64 << 20, .largest = 128 << 20, .operations = 1}},
    {"memory-push", "memory", "numbers pushed to a vector that doubles, to 1 GiB", push,
     {.size = 1 << 30}},
    {"memory-push-realloc", "memory", "the same, only what realloc took", push_realloc,
     {.size = 1 << 30}},
    {0},
};
