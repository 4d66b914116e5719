// Growth: realloc from 64 bytes to 64 MiB, by doubling and in steps of a page, writing a byte to
// each new page. One operation is one whole growth; `operations` of them make a repetition.

#include "workloads.h"

#include <stdlib.h>

enum { PAGE = 4096, GOAL = 64 << 20 };

static size_t doubled(size_t size)
{
    return size * 2;
}

static size_t page_more(size_t size)
{
    return (size + PAGE) & ~(size_t)(PAGE - 1);
}

static void grow(size_t goal, size_t (*next)(size_t))
{
    char *block = malloc(64);
    touch(block);
    for (size_t size = 64; size < goal;) {
        size_t larger = next(size);
        block = realloc(block, larger);
        touch_pages(block, size, larger);
        size = larger;
    }
    free(block);
}

static uint64_t doubling(const struct parameters *p, size_t operations, void *unused)
{
    (void)unused;
    uint64_t start = now_ns();
    for (size_t i = 0; i < operations; i++)
        grow(p->size, doubled);
    return now_ns() - start;
}

static uint64_t stepping(const struct parameters *p, size_t operations, void *unused)
{
    (void)unused;
    uint64_t start = now_ns();
    for (size_t i = 0; i < operations; i++)
        grow(p->size, page_more);
    return now_ns() - start;
}

static void grow_doubling(const struct parameters *p)
{
    measure(doubling, p, scaled(p->operations), NULL);
}

static void grow_stepping(const struct parameters *p)
{
    measure(stepping, p, scaled(p->operations), NULL);
}

static void grow_first(const struct parameters *p)
{
    print_ns_per_op((double)doubling(p, 1, NULL), 1);
}

// A smaller goal in a shorter form: where each step copies, the time grows with its square.
static void step_first(const struct parameters *p)
{
    struct parameters now = {.size = scaled(p->size)};
    print_ns_per_op((double)stepping(&now, 1, NULL), 1);
}

const struct workload grow_workloads[] = {
    {"realloc-double-1m", "realloc", "realloc from 64 bytes by doubling to 1 MiB", grow_doubling,
     {.size = 1 << 20, .operations = 500}},
    {"realloc-double-64m", "realloc", "realloc from 64 bytes by doubling to 64 MiB", grow_doubling,
     {.size = GOAL, .operations = 8}},
    {"realloc-double-first", "realloc", "the same once, in a fresh process", grow_first,
     {.size = GOAL}},
    {"realloc-step-1m", "realloc", "realloc in steps of 4 KiB to 1 MiB", grow_stepping,
     {.size = 1 << 20, .operations = 400}},
    {"realloc-step-64m", "realloc", "realloc in steps of 4 KiB to 64 MiB, in a fresh process",
     step_first, {.size = GOAL}},
    {0},
};
