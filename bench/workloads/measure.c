// Time, memory and chance: what workloads.h promises.

#include "workloads.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

void fail(const char *what)
{
    fprintf(stderr, "workloads: %s\n", what);
    _exit(1);
}

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

enum { MOST_REPETITIONS = 7 };

static void sort(uint64_t *values, int count)
{
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0 && values[j - 1] > values[j]; j--) {
            uint64_t larger = values[j - 1];
            values[j - 1] = values[j];
            values[j] = larger;
        }
}

void measure(repetition *repeat, const struct parameters *parameters, size_t operations,
             void *context)
{
    uint64_t elapsed[MOST_REPETITIONS];
    int repetitions = divisor > 1 ? 3 : MOST_REPETITIONS;
    for (int i = 0; i < repetitions; i++)
        elapsed[i] = repeat(parameters, operations, context);
    sort(elapsed, repetitions);
    print_ns_per_op((double)elapsed[repetitions / 2], operations);
}

void print_ns_per_op(double ns, size_t operations)
{
    printf("ns_per_op %.3f\n", ns / (double)operations);
}

void print_resident_ratio(size_t resident, size_t live)
{
    printf("resident_ratio %.4f\n", (double)resident / (double)live);
}

void print_resident_mib(size_t resident)
{
    printf("resident_mib %.1f\n", (double)resident / (1 << 20));
}

// Reads the rollup with plain calls: stdio would allocate. statm is not exact since Linux 6.2,
// where each processor keeps some pages uncounted.
size_t resident_bytes(void)
{
    char text[4096];
    int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (length <= 0)
        fail("/proc/self/smaps_rollup can't be read");
    close(file);
    text[length] = 0;
    const char *line = strstr(text, "\nRss:");
    if (!line)
        fail("/proc/self/smaps_rollup has no line Rss");
    return strtoul(line + strlen("\nRss:"), NULL, 10) * 1024;
}

void *map(size_t bytes)
{
    void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (address == MAP_FAILED)
        fail("mmap");
    return address;
}

void unmap(void *address, size_t bytes)
{
    munmap(address, bytes);
}

void choose_sizes(struct sizes *sizes, const struct parameters *parameters, uint64_t seed)
{
    size_t span = parameters->largest ? parameters->largest - parameters->size + 1 : 1;
    for (int i = 0; i < SIZES; i++) {
        size_t more = random_below(&seed, span), other = random_below(&seed, span);
        if (parameters->skewed && other < more)
            more = other;
        sizes->bytes[i] = (uint32_t)(parameters->size + more);
    }
}

uint32_t *choose_order(enum order order, size_t count, uint64_t seed)
{
    uint32_t *numbers = map(count * sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = (uint32_t)(order == REVERSE ? count - 1 - i : i);
    for (size_t i = count; order == RANDOM && i > 1; i--) {
        size_t other = random_below(&seed, i);
        uint32_t last = numbers[i - 1];
        numbers[i - 1] = numbers[other];
        numbers[other] = last;
    }
    return numbers;
}
