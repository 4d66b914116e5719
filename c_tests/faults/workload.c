// The scripted workload of faults.c: every kind of block, every way in which the heap's memory
// grows, moves and is given back. Runs on any heap, by hand too. Any call may answer "no memory";
// what it must never do is to change something else.
//
// Exit status: 0 all calls had memory, 3 some had none, 1 a rule is broken (it is on stderr).
// Argument: "limit" sets RLIMIT_AS first, when the library has long started; "threads" runs the steps
// with threads only.

#include "trace.h"

#include "../../include/cairn.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UNTOUCHED = 1234, STATUS_BROKEN = 1, STATUS_REFUSED = 3 };
enum { KIB = 1 << 10, MIB = 1 << 20 };
// Which blocks a step has.
enum { TINY = 0, TINY_COUNT = 34000, FINE = TINY + TINY_COUNT, FINE_COUNT = 3000 };
enum { COARSE = FINE + FINE_COUNT, COARSE_COUNT = 140, LARGE = COARSE + COARSE_COUNT };
enum { LARGE_COUNT = 100, BLOCKS = LARGE + LARGE_COUNT };
// libc keeps a few blocks for the stacks of threads that have ended.
enum { BLOCKS_OF_ENDED_THREADS = 6 };

struct block {
    uint64_t *words; // null: there is none
    size_t size_bytes;
    unsigned seed;
};

enum how { MALLOC, CALLOC, ALIGNED_ALLOC, POSIX_MEMALIGN };

static struct block blocks[BLOCKS];
static const char *step_name = "start";
static bool memory_is_back;
static unsigned long refusals;
static void (*validate)(void);
static void (*read_stats)(struct cairn_stats *);

static void complain(const char *format, ...)
{
    char text[300];
    int used = snprintf(text, sizeof text, "%s: ", step_name);
    va_list arguments;
    va_start(arguments, format);
    used += vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    va_end(arguments);
    if (write(STDERR_FILENO, text, (size_t)used) != used)
        _exit(2);
    _exit(STATUS_BROKEN);
}

// Never zero, and another for each word of each block.
static uint64_t pattern(const struct block *block, size_t index)
{
    return (block->seed * 0x9e3779b97f4a7c15 + index * 0xd1342543de82ef95) | 1;
}

// All words of the first 8 KiB; of what lies behind one in each of the library's units of 64 KiB,
// because page faults take most of the time.
static size_t next_word(size_t index)
{
    return index < 8 * KIB / 8 ? index + 1 : index + 8189;
}

static void fill(struct block *block)
{
    static unsigned seeds;
    block->seed = ++seeds;
    for (size_t i = 0; i < block->size_bytes / 8; i = next_word(i))
        block->words[i] = pattern(block, i);
}

static void check_part(const struct block *block, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes / 8; i = next_word(i))
        if (block->words[i] != pattern(block, i))
            complain("byte %zu of a block of %zu at %p has changed", i * 8, block->size_bytes,
                     (void *)block->words);
}

static void check_zero(const struct block *block)
{
    for (size_t i = 0; i < block->size_bytes / 8; i = next_word(i))
        if (block->words[i] != 0)
            complain("byte %zu of calloc's block of %zu at %p is not zero", i * 8,
                     block->size_bytes, (void *)block->words);
}

// A call that gave no memory: it must have said so, and there may be none.
static void note_refusal(int error, size_t size_bytes)
{
    if (error != ENOMEM)
        complain("null for %zu bytes with error %d, not ENOMEM", size_bytes, error);
    if (memory_is_back)
        complain("null for %zu bytes though memory is back", size_bytes);
    refusals++;
}

static void require_untouched(const char *call)
{
    if (errno != UNTOUCHED)
        complain("%s has changed errno to %d", call, errno);
}

static void take_aligned(struct block *block, enum how how, size_t size_bytes, size_t alignment)
{
    void *address = NULL;
    int error = 0;
    errno = UNTOUCHED;
    switch (how) {
    case MALLOC: address = malloc(size_bytes); break;
    case CALLOC: address = calloc(size_bytes / 8, 8); break;
    case ALIGNED_ALLOC: address = aligned_alloc(alignment, size_bytes); break;
    case POSIX_MEMALIGN: error = posix_memalign(&address, alignment, size_bytes); break;
    }
    if (!address) {
        note_refusal(how == POSIX_MEMALIGN ? error : errno, size_bytes);
        return;
    }
    require_untouched("an allocation");
    if ((uintptr_t)address % alignment != 0)
        complain("%p isn't aligned to %zu", address, alignment);
    *block = (struct block){address, size_bytes, 0};
    if (how == CALLOC)
        check_zero(block);
    fill(block);
}

static void take(struct block *block, enum how how, size_t size_bytes)
{
    take_aligned(block, how, size_bytes, 16);
}

static void resize(struct block *block, size_t size_bytes)
{
    if (!block->words)
        return;
    errno = UNTOUCHED;
    void *address = realloc(block->words, size_bytes);
    if (!address) {
        note_refusal(errno, size_bytes);
        check_part(block, block->size_bytes);
        return;
    }
    require_untouched("realloc");
    block->words = address;
    check_part(block, size_bytes < block->size_bytes ? size_bytes : block->size_bytes);
    block->size_bytes = size_bytes;
    fill(block);
}

static void give(struct block *block)
{
    if (!block->words)
        return;
    check_part(block, block->size_bytes);
    errno = UNTOUCHED;
    free(block->words);
    require_untouched("free");
    block->words = NULL;
}

static void give_all(void)
{
    for (int i = 0; i < BLOCKS; i++)
        give(&blocks[i]);
}

static void check_all(void)
{
    for (int i = 0; i < BLOCKS; i++)
        if (blocks[i].words)
            check_part(&blocks[i], blocks[i].size_bytes);
    if (validate)
        validate();
}

static size_t live_blocks(void)
{
    struct cairn_stats stats = {0};
    if (read_stats)
        read_stats(&stats);
    return stats.live_blocks;
}

static enum how malloc_or_calloc(int number)
{
    return number % 3 == 0 ? CALLOC : MALLOC;
}

static void small_blocks(void)
{
    for (int i = 0; i < TINY_COUNT; i++)
        take(&blocks[TINY + i], malloc_or_calloc(i), 16 + 16 * ((size_t)i % 3));
    for (int i = 0; i < FINE_COUNT; i++)
        take(&blocks[FINE + i], malloc_or_calloc(i), 64 + 8 * ((size_t)i % 119));
}

static void coarse_blocks(void)
{
    size_t size_bytes = 1024;
    for (int i = 0; i < COARSE_COUNT && size_bytes <= 256 * KIB; i += 2) {
        take(&blocks[COARSE + i], MALLOC, size_bytes);
        take(&blocks[COARSE + i + 1], CALLOC, size_bytes);
        size_bytes += size_bytes / 64 * 8;
    }
}

static void small_blocks_half_freed_and_resized(void)
{
    for (int i = TINY; i < LARGE; i += 2)
        give(&blocks[i]);
    for (int i = TINY + 1; i < LARGE; i += 16)
        resize(&blocks[i], blocks[i].size_bytes * 2);
    for (int i = FINE + 1; i < LARGE; i += 6)
        resize(&blocks[i], blocks[i].size_bytes / 16 * 8);
}

// Each is in the others' way, so that they move; moved pages move again, in several mappings.
static void large_blocks_grow(void)
{
    enum { GROWING = 3, LARGEST_BYTES = 3 * MIB };
    for (int i = 0; i < GROWING; i++)
        take(&blocks[LARGE + i], malloc_or_calloc(i), 320 * KIB);
    for (size_t size_bytes = 512 * KIB; size_bytes < LARGEST_BYTES; size_bytes += size_bytes / 2)
        for (int i = 0; i < GROWING; i++)
            resize(&blocks[LARGE + i], size_bytes / 8 * 8);
}

static void large_blocks_shrink(void)
{
    static const size_t sizes[] = {3 * MIB, 2 * MIB, 1 * MIB, 900 * KIB, 300 * KIB, 100 * KIB, 40};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        resize(&blocks[LARGE], sizes[i]);
        resize(&blocks[LARGE + 1], sizes[i] + 64 * KIB);
        take(&blocks[LARGE + 10 + i], CALLOC, 400 * KIB); // in what has become free
    }
    resize(&blocks[LARGE], 700 * KIB); // and from a small block to a large one
}

static void more_is_freed_than_stays_dirty(void)
{
    enum { FROM = LARGE + 20, COUNT = 20 };
    for (int i = 0; i < COUNT; i++)
        take(&blocks[FROM + i], MALLOC, MIB);
    for (int i = 0; i < COUNT; i++)
        give(&blocks[FROM + i]);
    for (int i = 0; i < COUNT; i += 4)
        take(&blocks[FROM + i], CALLOC, MIB);
    for (int i = 0; i < COUNT; i += 4)
        give(&blocks[FROM + i]);
}

static void aligned_blocks(void)
{
    static const size_t alignments[] = {64, 512, 4096, 65536, 2 * MIB};
    for (size_t i = 0; i < sizeof alignments / sizeof alignments[0]; i++) {
        struct block *four = &blocks[LARGE + 50 + 4 * i];
        take_aligned(&four[0], ALIGNED_ALLOC, 200, alignments[i]);
        take_aligned(&four[1], POSIX_MEMALIGN, 5000, alignments[i]);
        take_aligned(&four[2], ALIGNED_ALLOC, 70 * KIB, alignments[i]);
        take_aligned(&four[3], POSIX_MEMALIGN, 300 * KIB, alignments[i]);
    }
}

static void trim(void)
{
    malloc_trim(0);
    take(&blocks[LARGE + 80], CALLOC, 500 * KIB);
    for (int i = TINY; i < TINY + 400; i += 2)
        take(&blocks[i], CALLOC, 48);
    malloc_trim(0);
}

static void take_and_give(void)
{
    struct block own = {0};
    for (size_t size_bytes = 16; size_bytes <= 600 * KIB; size_bytes *= 3) {
        take(&own, CALLOC, size_bytes);
        give(&own);
    }
}

static pthread_key_t late_key;

static void late(void *unused) // the library's own destructor has run, so there is no heap any more
{
    (void)unused;
    take_and_give();
}

// One starts the next, so that there are several heaps, and waits for it, so that the order of
// their calls is the same in each run.
static void *thread(void *argument)
{
    int depth = *(int *)argument, from = FINE + 500 * depth;
    int next_depth = depth - 1;
    pthread_t next;
    pthread_setspecific(late_key, &late_key);
    for (int i = from; i < from + 300; i++) {
        give(&blocks[i]);
        take(&blocks[i], malloc_or_calloc(i), 16 + 8 * ((size_t)i % 400));
    }
    take(&blocks[LARGE + 90 + depth], MALLOC, 350 * KIB);
    if (depth > 0 && pthread_create(&next, NULL, thread, &next_depth) == 0)
        pthread_join(next, NULL);
    take_and_give();
    for (int i = from; i < from + 300; i += 2)
        give(&blocks[i]);
    return NULL;
}

static void threads(void)
{
    static int depths[] = {3, 0, 0};
    for (int i = 0; i < 3; i++) {
        pthread_t started;
        int error = pthread_create(&started, NULL, thread, &depths[i]);
        if (error == 0)
            pthread_join(started, NULL);
        else if (error != EAGAIN && error != ENOMEM)
            complain("pthread_create says %d", error);
        else
            refusals++;
    }
}

static void threads_again(void)
{
    threads();
    check_all();
    give_all();
}

// All that is free is handed out once: nothing may be missing, and all of it is zero.
static void everything_again(void)
{
    struct block block = {0};
    for (int i = 0; i < LARGE_COUNT; i++)
        take(&blocks[LARGE + i], CALLOC, 448 * KIB);
    give_all();
    for (size_t size_bytes = 16; size_bytes <= MIB; size_bytes += size_bytes / 32 * 8 + 8) {
        take(&block, CALLOC, size_bytes);
        give(&block);
    }
    take(&block, MALLOC, 32 * MIB);
    give(&block);
    small_blocks();
    coarse_blocks();
    large_blocks_grow();
    check_all();
    threads();
    give_all();
}

#define STEP(name) {#name, name}

static const struct {
    const char *name;
    void (*run)(void);
} steps[] = {
    STEP(small_blocks),
    STEP(coarse_blocks),
    STEP(large_blocks_grow),
    STEP(small_blocks_half_freed_and_resized),
    STEP(large_blocks_shrink),
    STEP(more_is_freed_than_stays_dirty),
    STEP(aligned_blocks),
    STEP(trim),
    STEP(give_all),
    STEP(threads),
};

static void run_steps(bool only_threads)
{
    size_t at_start = live_blocks();
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (only_threads && steps[i].run != threads)
            continue;
        step_name = steps[i].name;
        steps[i].run();
        check_all();
        if (steps[i].run == give_all && live_blocks() != at_start)
            complain("%zu blocks are alive, %zu were at the start", live_blocks(), at_start);
    }
    step_name = "give_all after threads";
    give_all();
    if (live_blocks() > at_start + BLOCKS_OF_ENDED_THREADS)
        complain("%zu blocks are alive, %zu were at the start", live_blocks(), at_start);
}

int main(int argc, char **argv)
{
    const struct rlimit limit = {(rlim_t)4 << 30, (rlim_t)4 << 30};
    validate = (void (*)(void))dlsym(RTLD_DEFAULT, "cairn_validate");
    read_stats = (void (*)(struct cairn_stats *))dlsym(RTLD_DEFAULT, "cairn_stats_read");
    if (argc > 1 && strcmp(argv[1], "limit") == 0 && setrlimit(RLIMIT_AS, &limit) != 0)
        complain("setrlimit: error %d", errno);
    if (pthread_key_create(&late_key, late) != 0)
        complain("no key");
    bool only_threads = argc > 1 && strcmp(argv[1], "threads") == 0;
    run_steps(only_threads);
    unsigned long refusals_before = refusals;
    make_mark(MARK_MEMORY_IS_BACK);
    memory_is_back = true;
    step_name = "everything_again";
    if (only_threads)
        threads_again();
    else
        everything_again();
    if (refusals != refusals_before)
        complain("no thread though memory is back");
    if (validate)
        validate();
    _exit(refusals == 0 ? 0 : STATUS_REFUSED);
}
