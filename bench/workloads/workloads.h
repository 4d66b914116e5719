// What the workloads share: the table's row, the parameters of a run, time, chance, and the figures
// that the bench reads from stdout.
#ifndef CAIRN_WORKLOADS_H
#define CAIRN_WORKLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum order { IN_ORDER, REVERSE, RANDOM };

// What a row of the table gives to its function; each function says which of it means something.
struct parameters {
    size_t size, largest;  // bytes of a block; with `largest`, any size from `size` to `largest`
    bool skewed;           // the smaller of two such sizes
    size_t count;          // blocks that live at once
    size_t operations;     // of one repetition, in full form
    int threads;
    enum order order;      // in which a batch is freed
};

// One row: `run` measures and prints one figure. The rows of a file end with one without a name.
struct workload {
    const char *name, *group, *measures;
    void (*run)(const struct parameters *);
    struct parameters parameters;
};

extern const struct workload pair_workloads[], batch_workloads[], replace_workloads[],
    thread_workloads[], pass_workloads[], grow_workloads[], memory_workloads[],
    memory_grow_workloads[];

// 1 in full form; what every count is divided by in a shorter one. Set once, by main.
extern size_t divisor;

// `count` in this form, and never none.
static inline size_t scaled(size_t count)
{
    size_t less = count / divisor;
    return less ? less : 1;
}

uint64_t now_ns(void);

// Runs one repetition; returns the nanoseconds that its measured part took.
typedef uint64_t repetition(const struct parameters *, size_t operations, void *context);

// Runs seven of them (three in a shorter form) and prints the median's nanoseconds by operation: it
// shrugs off a repetition that was preempted, and holds what is paid only now and then, as the best
// would not.
void measure(repetition *, const struct parameters *, size_t operations, void *context);

void print_ns_per_op(double ns, size_t operations);
void print_resident_ratio(size_t resident_bytes, size_t live_bytes);
void print_resident_mib(size_t resident_bytes);

// The process's resident bytes, exactly: counted from its page tables.
size_t resident_bytes(void);

// Memory that the allocator under test has no part in, zeroed and resident.
void *map(size_t bytes);
void unmap(void *address, size_t bytes);

_Noreturn void fail(const char *what);

// Marsaglia's xorshift: good enough to choose blocks and sizes, and a nanosecond short.
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

// A number below `bound`, without a division.
static inline size_t random_below(uint64_t *state, size_t bound)
{
    return (size_t)(((next_random(state) >> 32) * (uint64_t)bound) >> 32);
}

// Sizes chosen in advance, so that choosing isn't measured: 4 KiB of them stay in the cache.
enum { SIZES = 1024 };
struct sizes {
    uint32_t bytes[SIZES];
};
void choose_sizes(struct sizes *, const struct parameters *, uint64_t seed);

static inline size_t size_at(const struct sizes *sizes, size_t index)
{
    return sizes->bytes[index % SIZES];
}

// Numbers 0 to count - 1 in the order asked for. `map` holds them: free with `unmap`.
uint32_t *choose_order(enum order, size_t count, uint64_t seed);

// Writes a block's first byte, as every program does, and hides from the compiler what for.
static inline void touch(void *block)
{
    if (!block)
        fail("out of memory");
    *(volatile char *)block = 1;
    __asm__ volatile("" : : "r"(block) : "memory");
}

// Writes a byte of each page from `from` to `to`.
static inline void touch_pages(char *block, size_t from, size_t to)
{
    if (!block)
        fail("out of memory");
    for (size_t at = from; at < to; at += 4096)
        ((volatile char *)block)[at] = 1;
}

#endif
